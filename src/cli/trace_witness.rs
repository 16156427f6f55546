//! `lgflow trace sign` and `lgflow trace anchor`: what is noted of a trace outside of the state that holds it. Only a trace
//! that verifies is signed or anchored.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::front::{add_anchor, is_ours, make_artifacts_folder, read_signing_key};
use crate::session::system_clock;
use crate::view::escaped;
use crate::witness::{Anchor, AnchorPlace, ReceiptsThen, TraceSignature};

use super::output::Output;
use super::problem::Problem;
use super::trace::{Allow, Found, Named, open};
use super::verification::demand;
use super::witnessed::{SignatureFile, commit_of, hashes, root};
use super::{Exit, of_another};

/// Arguments of `lgflow trace sign`.
#[derive(Debug, Args)]
pub(super) struct SignArgs {
    #[command(flatten)]
    named: Named,
    /// The Ed25519 secret key (PEM, as `openssl genpkey -algorithm ed25519` writes it)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The file that the signature is added to [default: beside the trace; of a run, `artifacts/runs/run-ID.sig`]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Sign a trace whose run has not ended, as far as it goes
    #[arg(long, value_enum)]
    allow: Option<Allow>,
}

/// Arguments of `lgflow trace anchor`.
#[derive(Debug, Args)]
pub(super) struct AnchorArgs {
    #[command(flatten)]
    named: Named,
    /// Where: `file:PATH`, a file that a line is added to, or `git-note`, a note on the run's commit (`refs/notes/lgflow`)
    #[arg(long, value_name = "PLACE")]
    to: AnchorPlace,
}

pub(super) fn sign(args: &SignArgs, output: Output) -> Result<Exit, Problem> {
    let key = read_signing_key(&args.key).map_err(|error| Problem::usage(error.to_string()))?;
    let found = open(&args.named)?;
    of_another::refuse(&found, "it is not signed")?;
    demand(&found, args.allow.is_some())?;
    let (run, events, digest) = head(&found)?;
    let signature = TraceSignature::sign(&run, events, digest, &key);
    let file = match &args.output {
        Some(path) => SignatureFile::named(path),
        None => beside(&found)?,
    };
    let mut lines = file.lines()?;
    if !lines.lines().any(|line| line == signature.line()) {
        if !lines.is_empty() && !lines.ends_with('\n') {
            lines.push('\n');
        }
        lines += &(signature.line() + "\n");
        file.write(&lines)?;
    }
    let shown = file.path.display().to_string();
    Ok(output.either(
        || {
            format!(
                "{} signed {events} events of run {run}, digest {digest}: {}\n",
                key.public(),
                escaped(&shown)
            )
        },
        || document(&signature.line()),
    ))
}

pub(super) fn anchor(args: &AnchorArgs, output: Output) -> Result<Exit, Problem> {
    let found = open(&args.named)?;
    of_another::refuse(&found, "it is not anchored")?;
    demand(&found, true)?;
    let (run, events, digest) = head(&found)?;
    let receipts = found
        .vouched
        .as_ref()
        .and_then(|vouched| Some(ReceiptsThen { count: vouched.count, digest: vouched.head? }));
    let to = absolute(&args.to)?;
    if let Some(known) = &found.known {
        let noted = known.note_anchor(&to.to_string());
        noted.map_err(|error| Problem::failed("cannot anchor the trace", &error))?;
        known.flush().map_err(|error| Problem::failed("cannot anchor the trace", &error))?;
    }
    let workspace = found.known.as_ref().map(|known| known.workspace().to_owned());
    let anchor = Anchor { run, workspace, events, digest, receipts, at: system_clock() };
    let commit = commit_of(&found.text);
    add_anchor(&args.to, &root(&found), commit.as_deref(), &anchor.line())
        .map_err(|error| Problem::failed("cannot anchor the trace", &error))?;
    if let AnchorPlace::File(path) = &args.to
        && is_ours(path)
    {
        let path = path.display();
        output.note(&format!(
            "warning: `{path}` is your own file: who can write your state can write it anew; an anchor proves as much as it is \
             out of their reach\n"
        ));
    }
    Ok(output.either(
        || {
            format!(
                "anchored {events} events of run {}, digest {digest}, in {}\n",
                anchor.run,
                escaped(&args.to.to_string())
            )
        },
        || document(&anchor.line()),
    ))
}

/// A place that means the same from everywhere.
fn absolute(place: &AnchorPlace) -> Result<AnchorPlace, Problem> {
    match place {
        AnchorPlace::File(path) => std::path::absolute(path)
            .map(AnchorPlace::File)
            .map_err(|error| Problem::failed("cannot anchor the trace", &error)),
        AnchorPlace::GitNote => Ok(AnchorPlace::GitNote),
    }
}

/// The file that signatures stand in if nobody says otherwise; its folder is there.
fn beside(found: &Found) -> Result<SignatureFile, Problem> {
    if found.named_run.is_some() {
        make_artifacts_folder(&root(found))
            .map_err(|error| Problem::failed("cannot make the folder `artifacts/runs`", &error))?;
    }
    Ok(SignatureFile::of(found))
}

/// How far a trace goes.
fn head(found: &Found) -> Result<(String, u64, crate::digest::Digest), Problem> {
    let (run, hashes) = hashes(&found.text);
    let last = hashes.last().copied();
    let digest =
        last.ok_or_else(|| Problem::with(Exit::Unverified, "not a trace", "it is empty: there is no event"))?;
    Ok((run, hashes.len() as u64, digest))
}

/// A line that we have written ourselves.
fn document(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}
