//! `lgflow trace`: what a run left behind, shown and checked.
#![expect(clippy::disallowed_methods, reason = "a trace is a file that the user names")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::front::is_as_sealed;
use crate::store::{Blobs, RunId, Store};
use crate::trace::{Envelope, Verified, verify};
use crate::view::event_text;

use super::output::Output;
use super::problem::Problem;
use super::{Exit, Format};

/// Arguments of `lgflow trace`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow trace show artifacts/runs/run-01k….jsonl\n  lgflow trace verify artifacts/runs/run-01k….jsonl"
)]
pub struct TraceArgs {
    #[command(subcommand)]
    command: TraceCommand,
}

/// What is done with a trace.
#[derive(Debug, Subcommand)]
enum TraceCommand {
    /// Print the events of a run
    #[command(after_help = "Example:\n  lgflow trace show artifacts/runs/run-01k….jsonl")]
    Show(Named),
    /// Check that no event was edited, cut or moved
    #[command(after_help = "Example:\n  lgflow trace verify artifacts/runs/run-01k….jsonl")]
    Verify(VerifyArgs),
}

/// Names a trace.
#[derive(Debug, Args)]
struct Named {
    /// A trace file, or the id of a run of this workspace
    #[arg(value_name = "FILE|RUN")]
    trace: String,
}

/// Arguments of `lgflow trace verify`.
#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    named: Named,
    /// Accept a trace whose run has not ended
    #[arg(long, value_enum)]
    allow: Option<Allow>,
}

/// What may be lacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Allow {
    /// The last event.
    Incomplete,
}

pub(super) fn run(args: &TraceArgs, output: Output) -> Result<Exit, Problem> {
    match &args.command {
        TraceCommand::Show(named) => show(&open(named)?, output),
        TraceCommand::Verify(args) => Ok(check(&open(&args.named)?, args.allow.is_some(), output)),
    }
}

/// A trace that was found.
struct Found {
    path: PathBuf,
    text: String,
    /// Where its payloads are; none where only the lines are at hand.
    blobs: Option<Blobs>,
    /// Of a run in the store: does it end as this installation sealed it? Nothing where it sealed none.
    sealed: Option<bool>,
}

fn open(named: &Named) -> Result<Found, Problem> {
    let path = Path::new(&named.trace);
    if path.exists() || !is_run(&named.trace) {
        return read(path, blobs_of(path));
    }
    let place = super::trust::here()?;
    let store = Store::open(&place.state, &place.root)
        .map_err(|error| Problem::failed("cannot open the store", &error))?;
    let id: RunId =
        named.trace.trim_start_matches("run-").parse().map_err(|_| Problem::usage("this is no run id"))?;
    let files = store.run(&id).map_err(|error| Problem::failed("cannot read the run", &error))?;
    let found = read(&files.events, Some(store.blobs()))?;
    let sealed = is_as_sealed(&place, &id, &found.text)
        .map_err(|error| Problem::with(Exit::Unverified, "cannot check the seal", error.to_string()))?;
    Ok(Found { sealed, ..found })
}

/// The payloads of a trace file: beside a copy, and above the folder of a run in the store.
fn blobs_of(trace: &Path) -> Option<Blobs> {
    let trace = trace.canonicalize().ok()?;
    let beside = trace.parent()?;
    let in_the_store = || beside.parent().and_then(Path::parent);
    let folders = [Some(beside), in_the_store()];
    folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join("blobs"))
        .find(|folder| folder.is_dir())
        .map(Blobs::new)
}

fn is_run(word: &str) -> bool {
    word.trim_start_matches("run-").parse::<RunId>().is_ok()
}

fn read(path: &Path, blobs: Option<Blobs>) -> Result<Found, Problem> {
    let bytes = fs::read(path)
        .map_err(|error| Problem::failed(format!("cannot read `{}`", path.display()), &error))?;
    // a byte that is no text is an event that cannot be read: `verify` says which
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Found { path: path.to_owned(), text, blobs, sealed: None })
}

fn show(found: &Found, output: Output) -> Result<Exit, Problem> {
    let mut events = Vec::new();
    for (at, line) in found.text.lines().enumerate() {
        let Some((event, _)) = Envelope::parse(line) else {
            let detail = format!(
                "`{}` line {}: this is no event; run `lgflow trace verify`",
                found.path.display(),
                at + 1
            );
            return Err(Problem::with(Exit::Unverified, "not a trace", detail));
        };
        events.push((event, line));
    }
    if output.format == Format::Json {
        let events: Vec<Value> =
            events.iter().filter_map(|(_, line)| serde_json::from_str(line).ok()).collect();
        output.document(&json!({ "schema": "lgflow.trace/v1", "events": events }));
    } else {
        let lines: Vec<String> = events.iter().map(|(event, _)| event_text(event)).collect();
        output.data(&(lines.join("\n") + "\n"));
    }
    Ok(Exit::Done)
}

fn check(found: &Found, incomplete: bool, output: Output) -> Exit {
    let lookup = found.blobs.as_ref().map(|blobs| |digest: &Digest| blobs.get(digest));
    let lookup = lookup.as_ref().map(|lookup| lookup as &dyn Fn(&Digest) -> Option<Vec<u8>>);
    let mut verified = verify(found.text.lines(), lookup);
    if verified.events == 0 && verified.fault.is_none() {
        verified.complete = false;
    }
    let written_anew = found.sealed == Some(false);
    let sound = verified.fault.is_none() && !written_anew && (verified.complete || incomplete);
    let checked = found.blobs.is_some() || verified.payloads == 0;
    let text = if written_anew && verified.fault.is_none() {
        "its events fit together and are not those that this installation sealed: it was written anew or cut"
            .to_owned()
    } else {
        verdict(&verified, checked)
            + if found.sealed == Some(true) { "; as sealed by this installation" } else { "" }
    };
    if output.format == Format::Json {
        output.document(&document(&verified, sound, checked, found.sealed));
    } else if sound {
        output.data(&format!("{text}\n"));
    } else {
        output.note(&format!("error: `{}`: {text}\n", found.path.display()));
    }
    if sound { Exit::Done } else { Exit::Unverified }
}

fn verdict(verified: &Verified, payloads: bool) -> String {
    if let Some(fault) = &verified.fault {
        let before = match verified.events {
            0 => "nothing before it holds".to_owned(),
            events => format!("events 1 to {events} hold"),
        };
        return format!("event {} {} (line {}); {before}", fault.seq, fault.what.as_str(), fault.line);
    }
    if !verified.complete {
        let text =
            "incomplete: there is no `run.finished`; the run was interrupted, goes on, or its end was cut";
        return format!("{text} (`--allow incomplete` accepts {} events that hold)", verified.events);
    }
    let head = verified.head.map(|head| head.to_string()).unwrap_or_default();
    let run = verified.run.as_deref().unwrap_or_default();
    let payloads = if payloads {
        ""
    } else {
        "; its payloads outside of the lines are not at hand and were not checked"
    };
    format!("consistent, unanchored: {} events of run {run}, digest {head}{payloads}", verified.events)
}

fn document(verified: &Verified, sound: bool, payloads: bool, sealed: Option<bool>) -> Value {
    let fault = verified
        .fault
        .as_ref()
        .map(|fault| json!({ "seq": fault.seq, "line": fault.line, "what": fault.what.as_str() }));
    let verdicts: &[&str] = match (&verified.fault, verified.complete) {
        (Some(_), _) => &[],
        (None, true) => &["consistent", "unanchored"],
        (None, false) => &["incomplete", "unanchored"],
    };
    json!({
        "schema": "lgflow.verification/v1",
        "ok": sound,
        "run": verified.run,
        "events": verified.events,
        "digest": verified.head,
        "complete": verified.complete,
        "verdicts": verdicts,
        "payloads_checked": payloads,
        "as_sealed": sealed,
        "fault": fault,
    })
}
