//! `lgflow approve --runner URL` and `lgflow reject --runner URL`: answers to what calls ask that a runner elsewhere serves.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::diag::Diagnostics;
use crate::effect::{AnswerOutcome, AnswerTaken};
use crate::front::{
    AnswerError, Asked, AskedThere, CarryError, Carrying, Word, is_attended, settings, signer,
};
use crate::ledger::Ledger;
use crate::source::Sources;
use crate::view::escaped;

use super::Exit;
use super::answer::{Agreeing, agrees, meant};
use super::elsewhere::runner_at;
use super::output::Output;
use super::problem::Problem;
use super::terminal::style_of_stderr;
use super::trust::here;

/// The runner whose calls ask.
#[derive(Debug, Args)]
pub(super) struct ThereArgs {
    /// Answer what calls ask at a runner elsewhere, as `lgflow runner` serves one: `https://HOST`, `http://127.0.0.1:PORT` or `unix:PATH`
    #[arg(long, value_name = "URL")]
    pub(super) runner: Option<String>,
    /// The file with a token for it that has the role `approve`; else the variable LGFLOW_RUNNER_TOKEN
    #[expect(
        clippy::doc_markdown,
        reason = "it is printed as help, which has none of these marks around a variable"
    )]
    #[arg(long, value_name = "FILE", requires = "runner")]
    runner_token_file: Option<PathBuf>,
    /// The key that it must have, before the token or an answer goes there: `ed25519:…`, as it prints it when it starts
    #[arg(long, value_name = "KEY", requires = "runner")]
    runner_key: Option<String>,
}

/// What is answered, and how.
pub(super) struct AnswerThere<'a> {
    pub(super) args: &'a ThereArgs,
    pub(super) url: &'a str,
    /// The question: its number, its tool, or its nonce.
    pub(super) call: Option<&'a str>,
    pub(super) word: Word,
    pub(super) agreeing: Agreeing,
}

/// Answers the questions that are meant.
pub(super) fn answer(answer: &AnswerThere<'_>, output: Output) -> Result<Exit, Problem> {
    let AnswerThere { args, url, call, word, agreeing } = answer;
    if word.granted && !word.comment.is_empty() {
        return Err(Problem::usage("a runner elsewhere takes a remark with a rejection alone"));
    }
    let (carrying, open) = there(url, args)?;
    let asked: Vec<Asked> = open.iter().map(|one| one.asked.clone()).collect();
    let all = word.granted && is_attended() && agreeing.digest.is_none();
    let what = format!("nothing waits for an answer at {}", escaped(url));
    let meant = meant(&asked, &[], *call, all, &what)?;
    for one in open.iter().filter(|one| meant.contains(&one.asked)) {
        let Some(request) = &one.asked.request else { continue };
        output.note(&who(one));
        output.drawn(&one.asked.text(style_of_stderr().color));
        let again = format!("lgflow approve --runner {url} {}", request.binding.nonce);
        if word.granted && !agrees(&one.asked, agreeing, &again, output)? {
            output.note("left open\n");
            continue;
        }
        let taken = carrying.say(request, word).map_err(|error| match error {
            // like a key that does not fit here
            CarryError::Answer(AnswerError::KeepOut(error)) => Problem::failed("cannot answer", &error),
            CarryError::Answer(error) => Problem::usage(error.to_string()),
            error => Problem::failed("cannot answer", &error),
        })?;
        output.note(&came_to(&one.asked.node, &taken));
    }
    Ok(Exit::Done)
}

/// Who asks, and who has approved it already.
fn who(one: &AskedThere) -> String {
    let asks = format!("a call of the token `{}` asks", one.token);
    if one.signed.is_empty() {
        return format!("{asks}\n");
    }
    format!("{asks}; approved by {}\n", one.signed.join(", "))
}

fn came_to(node: &str, taken: &AnswerTaken) -> String {
    match taken.outcome {
        AnswerOutcome::Approved => {
            format!("{node}: approved; it counts when the client makes exactly this call again\n")
        }
        AnswerOutcome::Waiting => format!("{node}: {} of {} keys have approved\n", taken.have, taken.want),
        AnswerOutcome::Rejected => format!("{node}: rejected\n"),
    }
}

/// What waits at a runner, and the key that answers here.
fn there(url: &str, args: &ThereArgs) -> Result<(Carrying, Vec<AskedThere>), Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot answer", error);
    let place = here()?;
    let store = place.runs().map_err(|error| failed(&error))?;
    let ledger = Ledger::open(&place.state, &store.id()).map_err(|error| failed(&error))?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let key = args.runner_key.iter().map(|key| ("runner_key", "--runner-key".to_owned(), key.clone()));
    let settings =
        settings(&place, key.collect(), &mut sources, &mut found).map_err(|error| failed(&error))?;
    let there = runner_at(url, args.runner_token_file.as_deref(), settings.runner_key())?;
    let signer = signer(settings.signing_key().map(Path::new), &ledger).map_err(|error| failed(&error))?;
    let secrets = settings.declared().secrets.clone();
    Carrying::open(there, signer, secrets).map_err(|error| failed(&error))
}
