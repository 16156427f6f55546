//! `lgflow trace export`: a run in a form that other programs, or a person with a browser, read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::digest::SecretKey;
use crate::export::{
    Recorded, Story, Undone, envelope, mermaid, otlp_json, otlp_protobuf, perfetto, run_page, statement,
    trace_document,
};
use crate::files::write_given;
use crate::front::{TakenBack, read_signing_key};
use crate::store::RunId;
use crate::view::json_text;

use super::output::Output;
use super::problem::Problem;
use super::terminal::stdout_is_a_terminal;
use super::trace::{Found, Named, open};
use super::verification::{checked, verification};
use super::{Exit, of_another};

/// Arguments of `lgflow trace export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    named: Named,
    /// The form
    #[arg(long, value_enum, default_value = "json")]
    to: Target,
    /// Write it to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Of `in-toto`: the Ed25519 secret key that signs (PEM, as `openssl genpkey -algorithm ed25519` writes it)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// The form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// One document: what happened, put together, and every event (`lgflow schema trace-export`)
    Json,
    /// OpenTelemetry spans, one line of JSON that a collector takes at `/v1/traces`
    Otlp,
    /// The same as protobuf
    OtlpProtobuf,
    /// A trace for the Perfetto viewer (protobuf)
    Perfetto,
    /// The graph with what happened, as a Mermaid flowchart
    Mermaid,
    /// One page with everything in it, for a browser
    Html,
    /// An in-toto statement in a signed envelope (DSSE)
    InToto,
}

impl Target {
    fn is_binary(self) -> bool {
        matches!(self, Target::OtlpProtobuf | Target::Perfetto)
    }
}

pub(super) fn run(args: &ExportArgs, output: Output) -> Result<Exit, Problem> {
    if args.key.is_some() != (args.to == Target::InToto) {
        let detail = match args.key {
            Some(_) => "`--key` signs an in-toto statement alone: add `--to in-toto`, or leave it out",
            None => "an in-toto statement is signed: name the secret key with `--key FILE`",
        };
        return Err(Problem::usage(detail));
    }
    if args.to.is_binary() && args.output.is_none() && stdout_is_a_terminal() {
        return Err(Problem::usage(
            "this form is bytes and no text: write it with `-o FILE`, or into a pipe",
        ));
    }
    let found = open(&args.named)?;
    let recorded = recorded(&found)?;
    let story = told(&found, &recorded, &mut BTreeMap::new());
    let form = match args.to {
        Target::Json => {
            let mut document = trace_document(&story, &recorded);
            of_another::mark(found.is_of_another(), &mut document);
            Form::Document(document)
        }
        Target::Otlp => Form::Text(otlp_json(&story, &recorded)),
        Target::OtlpProtobuf => Form::Bytes(otlp_protobuf(&story, &recorded)),
        Target::Perfetto => Form::Bytes(perfetto(&story, &recorded)),
        Target::Mermaid => Form::Text(mermaid(&story)),
        Target::Html => Form::Text(run_page(&story, &recorded, &checked(&found)?, None)),
        Target::InToto => in_toto(&found, &story, &recorded, args.key.as_deref())?,
    };
    form.put(args.output.as_deref(), output)?;
    of_another::say(&found, output);
    if recorded.missing > 0 {
        let missing = recorded.missing;
        output.note(&format!(
            "warning: {missing} events name payloads that are not at hand: these are left as references\n"
        ));
    }
    Ok(Exit::Done)
}

/// The events of a trace that was found.
pub(super) fn recorded(found: &Found) -> Result<Recorded, Problem> {
    let read = Recorded::read(&found.text, &|digest| found.payload(digest));
    let recorded = read.map_err(|error| {
        let detail = format!("`{}` {error}", found.name);
        Problem::with(Exit::Unverified, "not a trace", detail)
    })?;
    if recorded.events.is_empty() {
        let detail = format!("`{}` is empty: there is no event", found.name);
        return Err(Problem::with(Exit::Unverified, "not a trace", detail));
    }
    Ok(recorded)
}

/// Which runs of a workspace were taken back, by workspace: looked up once for each.
pub(super) type TakenBackIn = BTreeMap<String, BTreeMap<RunId, TakenBack>>;

/// What the events tell, and what is known here beside them: that the run goes on, and that it was taken back. Where that
/// cannot be looked up, it is not said.
pub(super) fn told(found: &Found, recorded: &Recorded, taken_back: &mut TakenBackIn) -> Story {
    let mut story = Story::of(recorded);
    let Some(known) = &found.known else { return story };
    if !story.complete && known.is_running().unwrap_or_default() {
        "running".clone_into(&mut story.status);
    }
    let look_up = || known.taken_back_beside().unwrap_or_default();
    let undone = taken_back.entry(known.workspace().to_owned()).or_insert_with(look_up);
    let undone = undone.get(&known.run);
    story.taken_back = undone.map(|taken| Undone { by: taken.by.to_string(), from: taken.from.clone() });
    story
}

/// Only a trace that holds is vouched for.
fn in_toto(found: &Found, story: &Story, recorded: &Recorded, key: Option<&Path>) -> Result<Form, Problem> {
    let key = signing_key(key)?;
    of_another::refuse(found, "no statement is made of it")?;
    let verification = verification(found)?;
    if verification.get("ok") != Some(&Value::Bool(true)) {
        let detail =
            "the trace does not verify, so no statement is made of it; `lgflow trace verify` says why";
        return Err(Problem::with(Exit::Unverified, "not verified", detail));
    }
    Ok(Form::Document(envelope(&statement(story, recorded, &verification), &key)))
}

/// The secret key in a file that the user named.
pub(super) fn signing_key(path: Option<&Path>) -> Result<SecretKey, Problem> {
    let path = path.ok_or_else(|| Problem::usage("name the secret key with `--key FILE`"))?;
    read_signing_key(path).map_err(|error| Problem::usage(error.to_string()))
}

/// What is written.
enum Form {
    Document(Value),
    Text(String),
    Bytes(Vec<u8>),
}

impl Form {
    fn put(self, path: Option<&Path>, output: Output) -> Result<(), Problem> {
        let Some(path) = path else {
            match self {
                Form::Document(document) => output.document(&document),
                Form::Text(text) => output.code(&text),
                Form::Bytes(bytes) => output.bytes(&bytes),
            }
            return Ok(());
        };
        let bytes = match self {
            Form::Document(document) => json_text(&document).into_bytes(),
            Form::Text(text) => text.into_bytes(),
            Form::Bytes(bytes) => bytes,
        };
        write_given(path, bytes)
            .map_err(|error| Problem::failed(format!("cannot write `{}`", path.display()), &error))
    }
}
