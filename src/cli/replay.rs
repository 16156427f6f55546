//! `lgflow replay`: a recorded run decided again, with no effect.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use crate::diag::Diagnostics;
use crate::digest::Digest;
use crate::effect::RunLimits;
use crate::front::{choose, decided_by, differences};
use crate::plan::Plan;
use crate::receipt::Discord;
use crate::redact::Redaction;
use crate::session::{Difference, Replay, replay};
use crate::source::Sources;
use crate::store::RunId;
use crate::trace::Envelope;
use crate::view::escaped;

use super::output::Output;
use super::problem::Problem;
use super::trace::{Found, Named, open};
use super::validate::print_instead;
use super::{Exit, of_another};

/// The longest value that is shown to a person.
const SHOWN: usize = 300;

/// Arguments of `lgflow replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow replay 01k…\n  lgflow replay artifacts/runs/run-01k….jsonl -g flows/fix.yaml\n\nResults, answers and times are taken from the record; everything else is decided again and must be what was recorded. Exit code 7 at the first difference."
)]
pub struct ReplayArgs {
    #[command(flatten)]
    named: Named,
    /// The graph that the run was started with; where this installation started the run, it has kept its texts
    #[arg(short, long, value_name = "FILE")]
    graph: Option<PathBuf>,
}

/// What a run is decided by.
struct By {
    plan: Arc<Plan>,
    redaction: Redaction,
}

pub(super) fn run(args: &ReplayArgs, output: Output) -> Result<Exit, Problem> {
    let found = open(&args.named)?;
    let lines = whole_lines(&found.text);
    let first = first_event(&found, &lines)?;
    let Some(by) = decides(&first, args.graph.as_deref(), output)? else { return Ok(Exit::Invalid) };
    let blob = |digest: &Digest| found.blobs.as_ref()?.get(digest);
    let replayed = replay(&by.plan, lines, &blob, by.redaction);
    let exit = report((&first.run, found.is_of_another()), &replayed, earlier(&found, &replayed), output);
    of_another::say(&found, output);
    Ok(exit)
}

/// The lines but for the beginning of one that a process left which died.
fn whole_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    let broken = !text.ends_with('\n') && lines.last().is_some_and(|last| Envelope::parse(last).is_none());
    if broken {
        lines.pop();
    }
    lines
}

fn first_event(found: &Found, lines: &[&str]) -> Result<Envelope, Problem> {
    let wrong = |what: &str| {
        let detail = format!("`{}` {what}; run `lgflow trace verify`", escaped(&found.name));
        Problem::with(Exit::Unverified, "not the trace of a run", detail)
    };
    let first = lines.first().and_then(|line| Envelope::parse(line));
    let (mut first, _) = first.ok_or_else(|| wrong("begins with no event"))?;
    first
        .move_in(|digest| found.blobs.as_ref()?.get(digest))
        .map_err(|digest| wrong(&format!("lacks the payload `{digest}` of its first event")))?;
    Ok(first)
}

/// What the run was decided by: what was kept of it when it was started, else a graph of now that is the one of then. With
/// findings that are errors there is none.
fn decides(first: &Envelope, graph: Option<&Path>, output: Output) -> Result<Option<By>, Problem> {
    let place = super::trust::here()?;
    if graph.is_none()
        && let Ok(run) = first.run.parse::<RunId>()
        && let Some((plan, redaction)) =
            decided_by(&place, &run).map_err(|error| super::runs::problem(&error))?
    {
        return Ok(Some(By { plan, redaction }));
    }
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let chosen = choose(&place, graph, &mut sources, &mut found)
        .map_err(|error| Problem::prepare("cannot replay", &error))?;
    let Some(chosen) = chosen.filter(|_| !found.has_errors()) else {
        print_instead(&sources, &found, output);
        return Ok(None);
    };
    let then = first.data.get("facts").and_then(|facts| facts.get("plan")).unwrap_or(&Value::Null);
    let plan = chosen.plan.bounded(&limits_of(then));
    let differ = differences(then, &plan.document());
    if differ.is_empty() {
        return Ok(Some(By { plan, redaction: Redaction::default() }));
    }
    let names: Vec<String> = differ.iter().map(|name| format!("  {}", escaped(name))).collect();
    let detail = format!(
        "the graph `{}` is not the one of the run `{}`; they differ in:\n{}\nname the graph of then with `-g FILE`",
        escaped(plan.name.as_str()),
        escaped(&first.run),
        names.join("\n")
    );
    Err(Problem::with(Exit::Failed, "the run was decided by another graph", detail))
}

/// The limits of the user who started the run have lowered its plan, and so are in it.
fn limits_of(plan: &Value) -> RunLimits {
    let number = |section: &str, name: &str| plan.get(section)?.get(name)?.as_u64();
    RunLimits {
        concurrency: number("concurrency", "max").and_then(|most| u32::try_from(most).ok()),
        wall_ms: number("budgets", "wall_ms"),
        tool_calls: number("budgets", "tool_calls"),
        patch_bytes: number("budgets", "patch_bytes"),
        default_model: asks_default(plan),
    }
}

/// Does a node of the plan ask the model `default`? None does where the user had declared none.
fn asks_default(plan: &Value) -> bool {
    match plan {
        Value::Object(members) => {
            members.get("model").is_some_and(|model| model == "default") || members.values().any(asks_default)
        }
        Value::Array(items) => items.iter().any(asks_default),
        _ => false,
    }
}

/// An event before the first difference that is not what the runner did, by its receipts: what followed from it does.
fn earlier(found: &Found, replayed: &Replay) -> Option<(u64, Discord)> {
    let discord = found.vouched.as_ref()?.discord?;
    let seq = discord.event?;
    replayed.difference.as_ref().is_none_or(|difference| seq < difference.seq).then_some((seq, discord))
}

fn report(
    (run, is_of_another): (&str, bool),
    replayed: &Replay,
    earlier: Option<(u64, Discord)>,
    output: Output,
) -> Exit {
    let as_recorded = earlier.is_none() && replayed.difference.is_none();
    if output.format == super::Format::Json {
        let mut document = document(run, replayed, earlier);
        of_another::mark(is_of_another, &mut document);
        output.document(&document);
    } else if as_recorded {
        output.data(&sound_text(run, replayed));
    } else if let Some((_, discord)) = earlier {
        output.note(&format!(
            "error: {discord}; `lgflow trace verify` holds events and receipts against each other\n"
        ));
    } else if let Some(difference) = &replayed.difference {
        output.note(&difference_text(difference, replayed));
    }
    if as_recorded { Exit::Done } else { Exit::Unverified }
}

fn sound_text(run: &str, replayed: &Replay) -> String {
    let outside = replayed.events - replayed.decided;
    let mut text = format!(
        "no difference: {} events of run {}; {} decided again, {outside} taken from the record",
        replayed.events,
        escaped(run),
        replayed.decided
    );
    if !replayed.finished {
        text += "; there is no `run.finished`: the run was interrupted, goes on, or its end was cut";
    }
    text + "\n"
}

fn difference_text(difference: &Difference, replayed: &Replay) -> String {
    let mut text = format!("error: {}: {}\n", name_of(difference), difference.what.sentence());
    // writing to a String cannot fail
    for place in &difference.places {
        let (recorded, decided) = (short(place.recorded.as_ref()), short(place.decided.as_ref()));
        let _ = writeln!(text, "  {}\n    recorded  {recorded}\n    decided   {decided}", place.at);
    }
    if difference.places.is_empty() && !difference.decided.is_null() {
        let _ = writeln!(text, "  decided   {}", short(Some(&difference.decided)));
    }
    if replayed.events > 0 {
        let _ = writeln!(text, "events 1 to {} are as they are decided now", replayed.events);
    }
    if replayed.redacted > 0 {
        text += "a redaction pattern took something out of them, and what followed from that cannot be decided again\n";
    }
    text
}

fn name_of(difference: &Difference) -> String {
    let kind = difference.kind.as_ref().map(|kind| format!(" (`{kind}`"));
    let node = difference.node.as_ref().map(|node| format!(" of `{node}`"));
    match kind {
        Some(kind) => format!("event {}{kind}{})", difference.seq, node.unwrap_or_default()),
        None => format!("event {}", difference.seq),
    }
}

fn short(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn document(run: &str, replayed: &Replay, earlier: Option<(u64, Discord)>) -> Value {
    let difference = match earlier {
        Some((seq, discord)) => json!({
            "seq": seq,
            "kind": null,
            "node": null,
            "what": discord.what.as_str(),
            "message": discord.to_string(),
            "recorded": null,
            "decided": null,
            "places": [],
        }),
        None => replayed.difference.as_ref().map_or(Value::Null, difference_document),
    };
    json!({
        "schema": "lgflow.replay/v1",
        "ok": difference.is_null(),
        "run": run,
        "events": replayed.events,
        "decided": replayed.decided,
        "complete": replayed.finished,
        "redacted": replayed.redacted,
        "difference": difference,
    })
}

fn difference_document(difference: &Difference) -> Value {
    let places: Vec<Value> = difference
        .places
        .iter()
        .map(|place| json!({ "at": place.at, "recorded": place.recorded, "decided": place.decided }))
        .collect();
    json!({
        "seq": difference.seq,
        "kind": difference.kind,
        "node": difference.node,
        "what": difference.what.as_str(),
        "message": difference.what.sentence(),
        "recorded": difference.recorded,
        "decided": difference.decided,
        "places": places,
    })
}
