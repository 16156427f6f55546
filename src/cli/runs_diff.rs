//! `lgflow runs diff`: two runs, or traces of some, held against each other.

use clap::Args;

use crate::comparison::compare;
use crate::trace::{Envelope, verify};
use crate::view::{comparison_document, comparison_text, escaped};

use super::output::Output;
use super::problem::Problem;
use super::trace::{Found, Named, open};
use super::{Exit, Format, of_another};

/// Arguments of `lgflow runs diff`.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A run of this workspace, or a trace file
    #[arg(value_name = "A")]
    a: String,
    /// The other one
    #[arg(value_name = "B")]
    b: String,
}

pub(super) fn diff(args: &DiffArgs, output: Output) -> Result<Exit, Problem> {
    let (one, other) = (opened(&args.a)?, opened(&args.b)?);
    let (a, b) = (events(&one)?, events(&other)?);
    let found = compare(&a, &b);
    let run = |events: &[Envelope]| events.first().map(|event| event.run.clone()).unwrap_or_default();
    let (a, b) = (run(&a), run(&b));
    if output.format == Format::Json {
        let mut document = comparison_document(&found, &a, &b);
        of_another::mark(one.is_of_another(), &mut document["a"]);
        of_another::mark(other.is_of_another(), &mut document["b"]);
        output.document(&document);
    } else {
        output.data(&comparison_text(&found, &a, &b));
    }
    of_another::say(&one, output);
    if other.name != one.name {
        of_another::say(&other, output);
    }
    Ok(if found.is_same() { Exit::Done } else { Exit::Failed })
}

fn opened(named: &str) -> Result<Found, Problem> {
    // like other programs that compare: 1 says that two things differ, and so never that one is not there
    open(&Named::of(named)).map_err(|problem| match problem.exit {
        Exit::Failed => Problem { exit: Exit::Usage, ..problem },
        _ => problem,
    })
}

/// The events of a trace that holds, payloads in their places.
fn events(found: &Found) -> Result<Vec<Envelope>, Problem> {
    let unsound = |why: String| {
        let path = escaped(&found.name);
        Problem::with(Exit::Unverified, "not compared", format!("`{path}`: {why}"))
    };
    let payload = |digest: &crate::digest::Digest| found.payload(digest);
    let verified = verify(found.text.lines(), found.blobs.is_some().then_some(&payload as _));
    if let Some(fault) = &verified.fault {
        let (seq, what) = (fault.seq, fault.what.as_str());
        return Err(unsound(format!("event {seq} {what}; run `lgflow trace verify`")));
    }
    if verified.events == 0 {
        return Err(unsound("it is empty: there is no event".to_owned()));
    }
    believed(found).map_err(unsound)?;
    let whole = |line: &str| {
        let (mut event, _) = Envelope::parse(line)?;
        Some(event.move_in(payload).map(|()| event))
    };
    let events: Result<Vec<Envelope>, _> = found.text.lines().filter_map(whole).collect();
    events.map_err(|digest| {
        unsound(format!(
            "its payload `{digest}` is not at hand; lay the folder `blobs` of its run beside it, as `lgflow run --trace` does"
        ))
    })
}

/// What the runner's receipts know better is not compared.
fn believed(found: &Found) -> Result<(), String> {
    let discord = found.vouched.as_ref().and_then(|vouched| vouched.discord);
    discord.map_or(Ok(()), |discord| Err(format!("{discord}; run `lgflow trace verify`")))
}
