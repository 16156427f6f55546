//! `lgflow trace`: what a run left behind, shown and checked.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::files::{FileError, read_found_bytes, read_given_bytes};
use crate::front::{KnownRun, Place, Unheard, gone_runs};
use crate::ledger::{LedgerError, known_key};
use crate::receipt::{Told, Vouched, vouch};
use crate::store::{Blobs, RunId, StoreError};
use crate::trace::Envelope;
use crate::view::{escaped, event_text};
use crate::witness::AnchorPlace;

use super::output::Output;
use super::problem::Problem;
use super::trace_export::ExportArgs;
use super::trace_site::SiteArgs;
use super::trace_witness::{AnchorArgs, SignArgs};
use super::verification::{check, check_all};
use super::witnessed::Witnesses;
use super::{Exit, Format, of_another, trace_export, trace_site, trace_witness};

/// The most that is read of a trace, or of its receipts.
const LIMIT: u64 = 1024 * 1024 * 1024;

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
    #[command(
        after_help = "Examples:\n  lgflow trace verify artifacts/runs/run-01k….jsonl\n  lgflow trace verify 01k… --key signing.pub --anchor git-note\n  lgflow trace verify --all --allow incomplete"
    )]
    Verify(VerifyArgs),
    /// Sign how far a trace goes with an Ed25519 key
    #[command(
        after_help = "Examples:\n  openssl genpkey -algorithm ed25519 -out signing.pem && chmod 600 signing.pem\n  lgflow trace sign 01k… --key signing.pem\n  openssl pkey -in signing.pem -pubout -out signing.pub\n  lgflow trace verify 01k… --key signing.pub"
    )]
    Sign(SignArgs),
    /// Note how far a trace goes where who holds it cannot take that back
    #[command(
        after_help = "Examples:\n  lgflow trace anchor 01k… --to git-note\n  lgflow trace anchor 01k… --to file:/var/log/lgflow/anchors.jsonl\n  lgflow trace verify 01k… --anchor file:/var/log/lgflow/anchors.jsonl"
    )]
    Anchor(AnchorArgs),
    /// Write a folder of traces as pages: a list of runs, and each run with its graph, its time and its calls
    #[command(
        after_help = "Examples:\n  lgflow trace site artifacts/runs\n  lgflow trace site artifacts/runs -o public"
    )]
    Site(SiteArgs),
    /// Write a run in a form that other programs read: JSON, spans (OTLP), Perfetto, Mermaid, a page, in-toto
    #[command(
        after_help = "Examples:\n  lgflow trace export 01k… --to perfetto -o run.pftrace\n  lgflow trace export 01k… --to otlp | curl -H 'Content-Type: application/json' --data-binary @- \\\n    http://127.0.0.1:4318/v1/traces\n  lgflow trace export 01k… --to in-toto --key signing.pem -o run.intoto.json"
    )]
    Export(ExportArgs),
}

/// Names a trace.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// A trace file, or the id of a run of this workspace (a file that is called like one is `./ID`)
    #[arg(value_name = "FILE|RUN")]
    trace: String,
}

impl Named {
    /// What a word names.
    pub(super) fn of(word: &str) -> Self {
        Self { trace: word.to_owned() }
    }
}

/// Arguments of `lgflow trace verify`.
#[derive(Debug, Args)]
struct VerifyArgs {
    /// A trace file, or the id of a run of this workspace (a file that is called like one is `./ID`)
    #[arg(value_name = "FILE|RUN", required_unless_present = "all")]
    trace: Option<String>,
    /// Check every run of this workspace, and that none is gone
    #[arg(long, conflicts_with_all = ["trace", "signature"])]
    all: bool,
    /// Accept a trace whose run has not ended
    #[arg(long, value_enum)]
    allow: Option<Allow>,
    /// Demand that this Ed25519 key has signed it: `ed25519:…`, or a file that holds the public key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The file of signatures [default: beside the trace; of a run, `artifacts/runs/run-ID.sig`]
    #[arg(long, value_name = "FILE", requires = "key")]
    signature: Option<PathBuf>,
    /// Demand that it is what was anchored there: `file:PATH` or `git-note`
    #[arg(long, value_name = "PLACE")]
    anchor: Option<AnchorPlace>,
}

/// What may be lacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Allow {
    /// The last event.
    Incomplete,
}

pub(super) fn run(args: &TraceArgs, output: Output) -> Result<Exit, Problem> {
    match &args.command {
        TraceCommand::Show(named) => show(&find(named)?, output),
        TraceCommand::Sign(args) => trace_witness::sign(args, output),
        TraceCommand::Anchor(args) => trace_witness::anchor(args, output),
        TraceCommand::Site(args) => trace_site::run(args, output),
        TraceCommand::Export(args) => trace_export::run(args, output),
        TraceCommand::Verify(args) => {
            let witnesses = Witnesses {
                key: args.key.as_deref(),
                signature: args.signature.as_deref(),
                anchor: args.anchor.as_ref(),
            };
            verify(args, &witnesses, output)
        }
    }
}

fn verify(args: &VerifyArgs, witnesses: &Witnesses<'_>, output: Output) -> Result<Exit, Problem> {
    let incomplete = args.allow.is_some();
    if let Some(trace) = args.trace.clone() {
        return check(&open(&Named { trace })?, witnesses, incomplete, output);
    }
    let place = super::trust::here()?;
    let store = place.runs().map_err(|error| Problem::store("cannot open the store", &error))?;
    let failed = |error: StoreError| Problem::store("cannot list the runs", &error);
    let (runs, misnamed) = (store.runs().map_err(failed)?, store.misnamed().map_err(failed)?);
    let gone = gone_runs(&place, args.anchor.as_ref())
        .map_err(|error| Problem::with(Exit::Unverified, "not verified", error.to_string()))?;
    let open = |run: &RunId| open(&Named { trace: run.to_string() });
    check_all((&runs, &misnamed, &gone), &open, witnesses, incomplete, output)
}

/// A trace that was found.
pub(super) struct Found {
    /// The file, or the run's id.
    pub(super) name: String,
    /// The file, where it is one.
    pub(super) file: Option<PathBuf>,
    pub(super) text: String,
    /// Where its payloads are; none where only the lines are at hand.
    pub(super) blobs: Option<Blobs>,
    /// The run, where it was named by its id.
    pub(super) named_run: Option<RunId>,
    /// The runner's receipts, where they are at hand: those that the ledger keeps, else those beside the trace.
    pub(super) receipts: Option<String>,
    /// The run, if this installation started it.
    pub(super) known: Option<KnownRun>,
    /// What the runner vouches for; none where its receipts are not at hand.
    pub(super) vouched: Option<Vouched>,
    /// The runner elsewhere that was not heard to the end.
    pub(super) unheard: Option<Unheard>,
}

impl Found {
    /// A payload of it.
    pub(super) fn payload(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.blobs.as_ref()?.get(digest)
    }

    /// Is it of the store, and did another installation start it?
    pub(super) fn is_of_another(&self) -> bool {
        self.named_run.is_some() && self.known.is_none()
    }

    /// The first line that is not written as events are, and why: its digest as a file would be another one.
    pub(super) fn form_fault(&self) -> Option<(usize, &'static str)> {
        let line = |at: usize| self.text[..at].matches('\n').count() + 1;
        // in the text of an event both are escaped
        if let Some(at) = self.text.find('\r') {
            return Some((line(at), "has a carriage return"));
        }
        let is_ended = self.text.is_empty() || self.text.ends_with('\n');
        (!is_ended).then(|| (line(self.text.len()), "does not end with a line feed"))
    }
}

/// Finds a trace and all that says whether it is true.
pub(super) fn open(named: &Named) -> Result<Found, Problem> {
    complete(find(named)?)
}

/// The same of a file, whatever its name.
pub(super) fn open_file(path: &Path) -> Result<Found, Problem> {
    complete(find_file(path)?)
}

/// Adds what vouches for it.
fn complete(found: Found) -> Result<Found, Problem> {
    let beside = found.file.as_deref().map(receipts_beside).transpose()?.flatten();
    let (vouched, unheard) = match (&found.known, &beside) {
        (Some(known), beside) => {
            let vouched = known.vouched(&found.text, beside.as_deref(), &|digest| found.payload(digest));
            let (vouched, unheard) = vouched.map_err(|error| unverifiable("receipts", &error))?;
            (Some(vouched), unheard)
        }
        (None, Some(receipts)) => {
            let key = super::trust::here().ok().and_then(|place| known_key(&place.state));
            let told = Told::of_log(&found.text, &|digest| found.payload(digest));
            let run = events_run(&found.text);
            (Some(vouch(&told, receipts, run.as_deref(), key.as_ref())), None)
        }
        (None, None) => (None, None),
    };
    let kept = found.known.as_ref().map(KnownRun::receipts).transpose();
    let kept = kept.map_err(|error| unverifiable("receipts", &error))?.flatten();
    Ok(Found { vouched, unheard, receipts: kept.or(beside), ..found })
}

/// The records of this installation cannot be held against a trace.
pub(super) fn unverifiable(what: &str, error: &LedgerError) -> Problem {
    Problem::with(Exit::Unverified, "not verified", format!("cannot check the {what}: {error}"))
}

/// Finds a trace. What could be the id of a run is one.
fn find(named: &Named) -> Result<Found, Problem> {
    match named.trace.trim_start_matches("run-").parse::<RunId>() {
        Ok(id) => find_run(&id, &named.trace),
        Err(_) => find_file(Path::new(&named.trace)),
    }
}

fn find_run(id: &RunId, named: &str) -> Result<Found, Problem> {
    let place = super::trust::here()?;
    let store = place.runs().map_err(|error| Problem::failed("cannot open the store", &error))?;
    let text = store.log(id).map_err(|error| match error {
        StoreError::NoRun(_) if Path::new(named).exists() => {
            Problem::usage(format!("there is no run `{id}` in this workspace; the file is `./{named}`"))
        }
        error => Problem::store("cannot read the run", &error),
    })?;
    let known =
        KnownRun::in_workspace(&place, &store.id(), id).map_err(|error| unverifiable("run", &error))?;
    Ok(Found {
        name: id.to_string(),
        file: None,
        text,
        blobs: Some(store.blobs()),
        named_run: Some(id.clone()),
        receipts: None,
        known,
        vouched: None,
        unheard: None,
    })
}

fn find_file(path: &Path) -> Result<Found, Problem> {
    let text = read(path, read_given_bytes(path, LIMIT))?;
    let known = match super::trust::here() {
        Ok(place) => known_run(&place, path, &text).map_err(|error| unverifiable("run", &error))?,
        Err(_) => None,
    };
    let kept = known.as_ref().map(KnownRun::payloads).transpose();
    let kept = kept.map_err(|error| Problem::failed("cannot open the store", &error))?;
    let blobs = match (blobs_beside(path).map(Blobs::in_folder), kept) {
        (Some(beside), Some(kept)) => Some(beside.or(kept)),
        (beside, kept) => beside.or(kept),
    };
    let name = path.display().to_string();
    let file = Some(path.to_owned());
    let (named_run, receipts, vouched, unheard) = (None, None, None, None);
    Ok(Found { name, file, text, blobs, named_run, receipts, known, vouched, unheard })
}

/// The run of this installation that a file is the trace of, by its name, or by its events.
fn known_run(place: &Place, path: &Path, text: &str) -> Result<Option<KnownRun>, LedgerError> {
    let name = path.file_stem().and_then(|stem| stem.to_str()?.strip_prefix("run-")?.parse().ok());
    let told = events_run(text).and_then(|run| run.parse().ok());
    for run in [name, told].into_iter().flatten() {
        if let Some(known) = KnownRun::find(place, &run)? {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// The run that the first event which can be read is of.
fn events_run(text: &str) -> Option<String> {
    text.lines().find_map(Envelope::parse).map(|(event, _)| event.run)
}

/// The runner's receipts that lie beside a trace. Nobody named them: they are a plain file, and no link.
fn receipts_beside(trace: &Path) -> Result<Option<String>, Problem> {
    let path = trace.with_extension("receipts");
    match read_found_bytes(&path, LIMIT) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(FileError::NotFound { .. }) => Ok(None),
        Err(error) => {
            let detail = format!("cannot read the receipts beside the trace: {error}");
            Err(Problem::with(Exit::Unverified, "not verified", detail))
        }
    }
}

/// The folder of payloads beside a trace, if it is one.
fn blobs_beside(trace: &Path) -> Option<PathBuf> {
    let folder = trace.canonicalize().ok()?.parent()?.join("blobs");
    folder.symlink_metadata().is_ok_and(|facts| facts.is_dir()).then_some(folder)
}

/// The text of a trace. What is there and is no plain file, or too large, is no trace.
fn read(path: &Path, bytes: Result<Vec<u8>, FileError>) -> Result<String, Problem> {
    match bytes {
        // a byte that is no text is an event that cannot be read: `verify` says which
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error @ FileError::NotFound { .. }) => {
            Err(Problem::failed(format!("cannot read `{}`", path.display()), &error))
        }
        Err(error) => Err(Problem::with(Exit::Unverified, "not a trace", error.to_string())),
    }
}

fn show(found: &Found, output: Output) -> Result<Exit, Problem> {
    let mut events = Vec::new();
    for (at, line) in found.text.lines().enumerate() {
        let Some((event, _)) = Envelope::parse(line) else {
            let detail = format!(
                "`{}` line {}: this is no event; run `lgflow trace verify`",
                escaped(&found.name),
                at + 1
            );
            return Err(Problem::with(Exit::Unverified, "not a trace", detail));
        };
        events.push((event, line));
    }
    if output.format == Format::Json {
        let events: Vec<Value> =
            events.iter().filter_map(|(_, line)| serde_json::from_str(line).ok()).collect();
        let mut document = json!({ "schema": "lgflow.trace/v1", "events": events });
        of_another::mark(found.is_of_another(), &mut document);
        output.document(&document);
    } else {
        let lines: Vec<String> = events.iter().map(|(event, _)| event_text(event)).collect();
        output.data(&(lines.join("\n") + "\n"));
    }
    of_another::say(found, output);
    Ok(Exit::Done)
}
