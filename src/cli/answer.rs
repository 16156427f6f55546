//! `lgflow approve` and `lgflow reject`: answers to the open questions of a suspended run, or of a session of calls. They
//! show what is asked, as the runner put it, and ask at the terminal; without one, an approval needs the digest of the
//! request that was shown.

use std::io::Write as _;

use clap::Args;
use serde_json::Value;

use crate::digest::Digest;
use crate::effect::{APPROVE, ApprovalRequest};
use crate::front::{
    AgainError, AnswerError, Answering, Asked, Outcome, SessionQuestions, Word, discard_typed, is_attended,
    read_answer, sealed_log, settings, signer,
};
use crate::ledger::Ledger;
use crate::session::{OpenQuestion, StoredError, open_questions};
use crate::source::Sources;
use crate::store::{Durability, RunId};
use crate::view::{asked_in_brief, escaped};

use super::Exit;
use super::answer_elsewhere::{AnswerThere, ThereArgs, answer};
use super::output::Output;
use super::problem::Problem;
use super::runs::{problem, run_id};
use super::terminal::style_of_stderr;
use super::trust::here;

/// Arguments of `lgflow approve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow approve 01k…                        every open question of the run, one after the other\n  lgflow approve 01k… 2                      the question with this number, or of the node with this name\n  lgflow approve 01k… gate --choice ship     an approval node with choices\n  lgflow approve 01k… 2 --digest sha256:…    without a terminal: exactly the request that was shown\n  lgflow approve --runner https://runner.example --runner-token-file ann.token    what calls ask there\n\nAn approval is for exactly what was shown, once. Then `lgflow runs resume` goes on; in a session of `lgflow mcp` or `lgflow runner`, the client makes the same call again."
)]
pub struct ApproveArgs {
    #[command(flatten)]
    which: Which,
    /// The digest of the request, as it was shown: approves without a terminal, and nothing else than that
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// One of the choices of an approval node
    #[arg(long, value_name = "NAME", conflicts_with = "runner")]
    choice: Option<String>,
    /// The further answer that an approval node wants, as JSON
    #[arg(long, value_name = "JSON", conflicts_with = "runner")]
    response: Option<String>,
}

/// Arguments of `lgflow reject`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow reject 01k… 2 --comment \"not on a Friday\"\n  lgflow reject 01k…"
)]
pub struct RejectArgs {
    #[command(flatten)]
    which: Which,
}

/// Which question of which run.
#[derive(Debug, Args)]
struct Which {
    /// The id of the run, or of the session; with `--runner` there is none, and what stands here names the question
    #[arg(value_name = "RUN", required_unless_present = "runner")]
    run: Option<String>,
    /// The number of the question, the node or tool that asks, or the id of the request; may be left out where only one is open, or at a terminal
    #[arg(value_name = "CALL")]
    call: Option<String>,
    #[command(flatten)]
    there: ThereArgs,
    /// A remark, for the trace and for the node's output
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
}

impl Which {
    /// The answer, where a runner elsewhere is named: its only argument is the question.
    fn there(&self, word: Word, agreeing: Agreeing) -> Result<Option<AnswerThere<'_>>, Problem> {
        let Some(url) = &self.there.runner else { return Ok(None) };
        if self.call.is_some() {
            return Err(Problem::usage("with `--runner` name the question alone: a session is known there"));
        }
        let call = self.run.as_deref();
        Ok(Some(AnswerThere { args: &self.there, url, call, word, agreeing }))
    }
}

pub(super) fn approve(args: &ApproveArgs, output: Output) -> Result<Exit, Problem> {
    let digest = args.digest.as_deref().map(str::parse::<Digest>).transpose();
    let digest = digest.map_err(|error| Problem::usage(format!("`--digest`: {error}")))?;
    let agreeing = Agreeing { digest, chosen: args.choice.is_some(), named: args.which.call.is_some() };
    let yes = Word { granted: true, comment: args.which.comment.clone(), ..Word::default() };
    if let Some(there) = args.which.there(yes, agreeing)? {
        return answer(&there, output);
    }
    let desk = Desk::open(&args.which)?;
    let response = args.response.as_deref().map(serde_json::from_str::<Value>).transpose();
    let response = response.map_err(|error| Problem::usage(format!("`--response` is no JSON: {error}")))?;
    let comment = args.which.comment.clone();
    let word = Word { granted: true, choice: args.choice.clone(), response, comment };
    let mut settled = true;
    for asked in desk.meant(args.which.call.as_deref(), is_attended() && digest.is_none())? {
        output.drawn(&asked.text(style_of_stderr().color));
        // a node's own question is named by its node, as people know it
        let name = if asked.request.is_some() { asked.id.to_string() } else { escaped(&asked.node) };
        let again = format!("lgflow approve {} {name}", desk.run);
        if !agrees(&asked, &agreeing, &again, output)? {
            output.note("left open\n");
            settled = false;
            continue;
        }
        settled &= desk.say(&asked, word.clone(), output)?;
    }
    desk.next(settled, output);
    Ok(Exit::Done)
}

pub(super) fn reject(args: &RejectArgs, output: Output) -> Result<Exit, Problem> {
    let no = Word { comment: args.which.comment.clone(), ..Word::default() };
    if let Some(there) = args.which.there(no, Agreeing::default())? {
        return answer(&there, output);
    }
    let desk = Desk::open(&args.which)?;
    for asked in desk.meant(args.which.call.as_deref(), false)? {
        output.drawn(&asked.text(style_of_stderr().color));
        let word = Word { comment: args.which.comment.clone(), ..Word::default() };
        desk.say(&asked, word, output)?;
    }
    desk.next(true, output);
    Ok(Exit::Done)
}

/// The open questions of a run or of a session, and who answers them.
struct Desk {
    answering: Answering,
    run: RunId,
    open: Vec<Asked>,
    /// Of a session: those that have an answer, which may be taken back until it is used.
    answered: Vec<Asked>,
    /// Is it a session?
    session: bool,
}

impl Desk {
    fn open(which: &Which) -> Result<Self, Problem> {
        let failed = |error: &dyn std::error::Error| Problem::failed("cannot answer", error);
        let run = run_id(which.run.as_deref().unwrap_or_default())?;
        let place = here()?;
        let store = place.runs().map_err(|error| failed(&error))?;
        let ledger = Ledger::open(&place.state, &store.id()).map_err(|error| failed(&error))?;
        // a session of a client is no run of the store
        let session = ledger.session(run.as_str()).map_err(|error| failed(&error))?.is_some();
        if !session && store.run(&run).map_err(|error| failed(&error))?.durability == Durability::None {
            return Err(Problem::failed(
                format!("the run `{run}` cannot be answered"),
                &StoredError::NotKept,
            ));
        }
        if !session {
            let begun = ledger.begun(run.as_str()).map_err(AgainError::from);
            let begun = begun.and_then(|begun| begun.ok_or_else(|| AgainError::Foreign(run.clone())));
            begun.map_err(|error| problem(&error))?;
        }
        let (mut sources, mut found) = (Sources::default(), crate::diag::Diagnostics::default());
        let settings =
            settings(&place, Vec::new(), &mut sources, &mut found).map_err(|error| failed(&error))?;
        let key = settings.signing_key().map(std::path::PathBuf::from);
        let signer = signer(key.as_deref(), &ledger).map_err(|error| failed(&error))?;
        let secrets = settings.declared().secrets.clone();
        let answering = Answering { ledger, signer, run: run.to_string(), secrets };
        let SessionQuestions { open, answered } = if session {
            answering.session_questions().map_err(|error| failed(&error))?
        } else {
            let log = sealed_log(&store, &answering.ledger, &run).map_err(|error| problem(&error))?;
            let blobs = store.blobs();
            let questions = open_questions(&log, &|digest| blobs.get(digest));
            let open = questions.into_iter().map(|question| asked(&answering, question)).collect();
            SessionQuestions { open, answered: Vec::new() }
        };
        Ok(Self { answering, run, open, answered, session })
    }

    /// The questions that are meant; all of them only where each is asked about.
    fn meant(&self, call: Option<&str>, all: bool) -> Result<Vec<Asked>, Problem> {
        let what = if self.session { "session" } else { "run" };
        let nothing = format!("the {what} `{}` waits for no answer", self.run);
        meant(&self.open, &self.answered, call, all, &nothing)
    }

    /// Records an answer; does it settle the question, or are further keys needed?
    fn say(&self, asked: &Asked, word: Word, output: Output) -> Result<bool, Problem> {
        let before =
            self.answering.recorded(asked).map_err(|error| Problem::failed("cannot answer", &error))?;
        let (granted, choice) = (word.granted, word.choice.clone());
        let said = self.answering.say(asked, word).map_err(|error| match error {
            AnswerError::KeepOut(error) => Problem::failed("cannot answer", &error),
            error => Problem::usage(error.to_string()),
        })?;
        let node = escaped(&asked.node);
        output.note(&match said {
            Outcome::Short { have, want } => format!("{node}: {have} of {want} keys have approved\n"),
            Outcome::Answer(_) => format!("{node}: {}\n", said_as(granted, choice.as_deref())),
        });
        if let Some(before) = before {
            let was = said_as(before.granted, before.choice.as_deref());
            output.note(&format!("{node}: that takes the place of the answer before, which was: {was}\n"));
        }
        Ok(matches!(said, Outcome::Answer(_)))
    }

    fn next(&self, settled: bool, output: Output) {
        if self.session {
            output.note("it counts when the client makes exactly this call again\n");
            return;
        }
        let when = if settled { "" } else { " once all of it is answered" };
        output.note(&format!("`lgflow runs resume {}` goes on{when}\n", self.run));
    }
}

/// The questions that are meant; all of them only where each is asked about. `nothing` is said where there are none.
pub(super) fn meant(
    open: &[Asked],
    answered: &[Asked],
    call: Option<&str>,
    all: bool,
    nothing: &str,
) -> Result<Vec<Asked>, Problem> {
    let listed = || {
        let line = |asked: &Asked| {
            let what = asked_in_brief(&asked.show).map(|what| format!("  {what}")).unwrap_or_default();
            format!("  {}  {}{what}", asked.id, escaped(&asked.node))
        };
        open.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let named = |of: &[Asked]| -> Vec<Asked> {
        of.iter().filter(|asked| call.is_some_and(|call| asked.is_called(call))).cloned().collect()
    };
    let known = named(answered);
    if open.is_empty() && known.is_empty() {
        return Err(Problem::usage(nothing));
    }
    let Some(call) = call else {
        if all || open.len() == 1 {
            return Ok(open.to_vec());
        }
        return Err(Problem::usage(format!("several questions are open; name one:\n{}", listed())));
    };
    let found = Some(named(open)).filter(|found| !found.is_empty()).unwrap_or(known);
    match found.len() {
        1 => Ok(found),
        0 => {
            Err(Problem::usage(format!("`{}` is no open question; these are:\n{}", escaped(call), listed())))
        }
        _ => Err(Problem::usage(format!(
            "`{}` asks more than once; use a number:\n{}",
            escaped(call),
            listed()
        ))),
    }
}

/// How a person agrees to what they are shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Agreeing {
    /// The digest of what they have read.
    pub(super) digest: Option<Digest>,
    /// Have they taken one of the choices?
    pub(super) chosen: bool,
    /// Have they named the question?
    pub(super) named: bool,
}

/// Does the person who sees it agree? At a terminal they are asked; elsewhere the digest must be that of what was shown.
/// What no policy asks about, a node's own question, is answered by naming it. `again` is the command that answers it.
pub(super) fn agrees(
    asked: &Asked,
    agreeing: &Agreeing,
    again: &str,
    output: Output,
) -> Result<bool, Problem> {
    let Some(request) = &asked.request else {
        if asked.policy {
            return Err(Problem::usage(crate::front::AnswerError::NoRequest.to_string()));
        }
        if !agreeing.chosen && is_attended() {
            return Ok(ask(output, "Approve? [y/N] "));
        }
        if agreeing.named {
            return Ok(true);
        }
        // what is open may be another one by now
        return Err(Problem::usage(format!("nobody is asked here; name what is approved: `{again}`")));
    };
    let shown = crate::approval::request_digest(request);
    match agreeing.digest {
        Some(digest) if digest == shown => Ok(true),
        Some(_) => Err(Problem::usage(format!(
            "`--digest` names another request than the one that is open, which is {shown}; nothing was approved"
        ))),
        None if is_attended() => Ok(ask(output, "Approve? [y/N] ")),
        None => Err(Problem::usage(format!(
            "nobody can be asked here; after reading the request, approve it by its digest: `{again} --digest {shown}`"
        ))),
    }
}

/// A line about what a session's call asks, and who can answer it where.
pub(super) fn waits(request: &ApprovalRequest, root: &str) -> String {
    let tool = request.shown.first().map(|call| call.tool.as_str()).unwrap_or_default();
    let (session, nonce) = (&request.binding.run, &request.binding.nonce);
    format!("`{tool}` waits for an approval; in {root}: lgflow approve {session} {nonce}\n")
}

/// An answer in a word, with the option that was chosen.
fn said_as(granted: bool, choice: Option<&str>) -> String {
    match choice {
        Some(choice) if granted && choice != APPROVE => format!("answered `{}`", escaped(choice)),
        _ if granted => "approved".to_owned(),
        _ => "rejected".to_owned(),
    }
}

fn asked(answering: &Answering, question: OpenQuestion) -> Asked {
    let request = answering.request(&question.show);
    let OpenQuestion { id, node, show, options, response, policy } = question;
    Asked { id, node, show, options, response, policy, request }
}

/// A plain yes, typed after the question.
fn ask(output: Output, prompt: &str) -> bool {
    discard_typed();
    output.note(prompt);
    // standard error is unbuffered where it is a terminal
    let _ = std::io::stderr().flush();
    read_answer().is_some_and(|line| matches!(line.to_ascii_lowercase().as_str(), "y" | "yes"))
}
