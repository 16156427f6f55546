//! `lgflow trace`: what a run left behind, shown and checked.
#![expect(clippy::disallowed_methods, reason = "a trace is a file that the user names")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::front::{is_as_sealed, vouched_run};
use crate::ledger::{kept_receipts, known_key};
use crate::receipt::{Told, Vouched, vouch};
use crate::store::{Blobs, RunId, Store};
use crate::trace::{Envelope, Verified, verify};
use crate::view::{escaped, event_text};

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
    /// Check that no event was edited, cut or moved, and that the runner vouches for each call
    #[command(after_help = "Example:\n  lgflow trace verify artifacts/runs/run-01k….jsonl")]
    Verify(VerifyArgs),
}

/// Names a trace.
#[derive(Debug, Args)]
pub(super) struct Named {
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
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Where its payloads are; none where only the lines are at hand.
    pub(super) blobs: Option<Blobs>,
    /// Of a run in the store: does it end as this installation sealed it? Nothing where it sealed none.
    sealed: Option<bool>,
    /// What the runner vouches for; none where its receipts are not at hand.
    pub(super) vouched: Option<Vouched>,
}

pub(super) fn open(named: &Named) -> Result<Found, Problem> {
    let path = Path::new(&named.trace);
    if path.exists() || !is_run(&named.trace) {
        let blobs = blobs_of(path);
        let found = read(path, blobs)?;
        let vouched = vouched_of(path, &found.text, found.blobs.as_ref());
        return Ok(Found { vouched, ..found });
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
    let vouched = vouched_run(&place, &id, &found.text)
        .map_err(|error| Problem::with(Exit::Unverified, "cannot check the receipts", error.to_string()))?;
    Ok(Found { sealed, vouched: Some(vouched), ..found })
}

/// The receipts of a trace file, held against it: those beside it, and those that the ledger keeps of a log of the store.
fn vouched_of(path: &Path, text: &str, blobs: Option<&Blobs>) -> Option<Vouched> {
    let state = super::trust::here().ok().map(|place| place.state);
    let beside = fs::read(path.with_extension("receipts")).ok();
    let beside = beside.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let receipts = beside.or_else(|| of_the_store(path, state.as_deref()?))?;
    let key = state.as_deref().and_then(known_key);
    let told = Told::of_log(text, &|digest| blobs?.get(digest));
    let run = text.lines().next().and_then(Envelope::parse).map(|(first, _)| first.run);
    Some(vouch(&told, &receipts, run.as_deref(), key.as_ref()))
}

/// The receipts of a log of this user's own store.
fn of_the_store(log: &Path, state: &Path) -> Option<String> {
    let (log, state) = (log.canonicalize().ok()?, state.canonicalize().ok()?);
    let run = log.parent()?;
    let workspace = run.parent()?.parent()?;
    let names = (workspace.file_name()?.to_str()?, run.file_name()?.to_str()?);
    (workspace.parent() == Some(&state)).then(|| kept_receipts(&state, names.0, names.1)).flatten()
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
    Ok(Found { path: path.to_owned(), text, blobs, sealed: None, vouched: None })
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
    let discord = found.vouched.as_ref().and_then(|vouched| vouched.discord);
    let whole = verified.fault.is_none() && found.sealed != Some(false) && discord.is_none();
    let sound = whole && (verified.complete || incomplete);
    let text = if verified.fault.is_some() {
        faulty(&verified)
    } else if found.sealed == Some(false) {
        let anew = "its events fit together and are not those that this installation sealed: it was written anew or cut";
        discord.map_or_else(|| anew.to_owned(), |discord| format!("{anew}; {discord}"))
    } else if let Some(discord) = discord {
        format!("{discord}; its events fit together by themselves")
    } else if verified.complete {
        consistent(found, &verified)
    } else {
        unfinished(&verified)
    };
    if output.format == Format::Json {
        output.document(&document(found, &verified, sound));
    } else if sound {
        output.data(&format!("{text}\n"));
    } else {
        output.note(&format!("error: `{}`: {text}\n", found.path.display()));
    }
    if sound { Exit::Done } else { Exit::Unverified }
}

/// The first event that does not hold.
fn faulty(verified: &Verified) -> String {
    let Some(fault) = &verified.fault else { return String::new() };
    let before = match verified.events {
        0 => "nothing before it holds".to_owned(),
        events => format!("events 1 to {events} hold"),
    };
    format!("event {} {} (line {}); {before}", fault.seq, fault.what.as_str(), fault.line)
}

fn unfinished(verified: &Verified) -> String {
    format!(
        "incomplete: there is no `run.finished`; the run was interrupted, goes on, or its end was cut (`--allow incomplete` \
         accepts {} events that hold)",
        verified.events
    )
}

/// All that holds of a trace in which nothing is wrong, and what could not be looked at.
fn consistent(found: &Found, verified: &Verified) -> String {
    let head = verified.head.map(|head| head.to_string()).unwrap_or_default();
    let run = verified.run.as_deref().unwrap_or_default();
    let mut text = format!(
        "{}: {} events of run {run}, digest {head}",
        verdicts(found, verified).join(", "),
        verified.events
    );
    if !payloads_checked(found, verified) {
        text += "; its payloads outside of the lines are not at hand and were not checked";
    }
    let receipts = match &found.vouched {
        None => "; the runner's receipts are not at hand: a call that was left out or made up would not show"
            .to_owned(),
        Some(vouched) if vouched.signed => format!("; {} receipts of the runner agree", vouched.count),
        Some(vouched) => {
            let key = escaped(vouched.key.as_deref().unwrap_or_default());
            format!("; {} receipts agree, and the key {key} that made them is not here", vouched.count)
        }
    };
    text.push_str(&receipts);
    if found.sealed == Some(true) {
        text += "; as sealed by this installation";
    }
    text
}

fn payloads_checked(found: &Found, verified: &Verified) -> bool {
    found.blobs.is_some() || verified.payloads == 0
}

fn verdicts(found: &Found, verified: &Verified) -> Vec<String> {
    let discord = found.vouched.as_ref().is_some_and(|vouched| vouched.discord.is_some());
    if verified.fault.is_some() || discord || found.sealed == Some(false) {
        return Vec::new();
    }
    let mut verdicts = vec![if verified.complete { "consistent" } else { "incomplete" }.to_owned()];
    if let Some(vouched) = found.vouched.as_ref().filter(|vouched| vouched.signed) {
        verdicts.push(format!("signed by {}", escaped(vouched.key.as_deref().unwrap_or_default())));
    }
    verdicts.push("unanchored".to_owned());
    verdicts
}

fn document(found: &Found, verified: &Verified, sound: bool) -> Value {
    let fault = verified
        .fault
        .as_ref()
        .map(|fault| json!({ "seq": fault.seq, "line": fault.line, "what": fault.what.as_str() }));
    let receipts = found.vouched.as_ref().map(|vouched| {
        let fault = vouched.discord.map(|discord| {
            json!({
                "event": discord.event,
                "receipt": discord.receipt,
                "what": discord.what.as_str(),
                "message": discord.to_string(),
            })
        });
        json!({ "count": vouched.count, "key": vouched.key, "signed": vouched.signed, "fault": fault })
    });
    json!({
        "schema": "lgflow.verification/v1",
        "ok": sound,
        "run": verified.run,
        "events": verified.events,
        "digest": verified.head,
        "complete": verified.complete,
        "verdicts": verdicts(found, verified),
        "payloads_checked": payloads_checked(found, verified),
        "as_sealed": found.sealed,
        "receipts": receipts,
        "fault": fault,
    })
}
