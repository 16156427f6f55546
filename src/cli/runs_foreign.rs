//! `lgflow runs show` of a run that another installation has started: what its events tell. The texts of its plan are with
//! whoever started it, so nothing is decided again, and nothing is gone on with.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::effect::ErrorKind;
use crate::export::{End, Fate, Fates, Recorded, Story};
use crate::front::PastRun;
use crate::store::RunId;
use crate::trace::{
    Envelope, GraphError, NodeError, NodeSummary, QuestionId, RunStatus, Status, Summary, Totals, Waiting,
};
use crate::view::{RunFacts, question_line, run_document};

use super::output::Output;
use super::problem::Problem;
use super::run::exit_of_status;
use super::runs::show_text;
use super::trace::{Named, open};
use super::verification::demand;
use super::{Exit, of_another};

/// Shows it, if its trace holds.
pub(super) fn show_foreign(run: &RunId, past: Option<&PastRun>, output: Output) -> Result<Exit, Problem> {
    if past.is_some_and(|past| past.status == "queued") {
        return Ok(show_queued(run, output));
    }
    let found = open(&Named::of(run.as_str()))?;
    demand(&found, true)?;
    let recorded = Recorded::read(&found.text, &|digest| found.payload(digest))
        .map_err(|error| Problem::with(Exit::Unverified, "not a trace", error.to_string()))?;
    let story = Story::of(&recorded);
    let summary = summary(&story, &recorded);
    let digest = story.facts.get("graph_digest").and_then(Value::as_str).unwrap_or_default();
    let facts = RunFacts {
        run: run.as_str(),
        status: past.map_or(story.status.as_str(), |past| past.status.as_str()),
        exit_code: exit_of_status(summary.status, &summary).code(),
        graph: &story.graph,
        graph_digest: digest.to_owned(),
        trace: None,
    };
    Ok(output.either(|| text(&summary, &facts, past), || document(&summary, &facts)))
}

/// One that waits has told nothing yet.
fn show_queued(run: &RunId, output: Output) -> Exit {
    let facts = RunFacts {
        run: run.as_str(),
        status: "queued",
        exit_code: Exit::Failed.code(),
        graph: "",
        graph_digest: String::new(),
        trace: None,
    };
    let summary = Summary {
        status: None,
        inputs: Arc::new(json!({})),
        outputs: None,
        error: None,
        nodes: BTreeMap::new(),
        path: Vec::new(),
        totals: Totals::default(),
        waiting: Vec::new(),
    };
    let text = || {
        format!(
            "run      {run}\nstatus   queued\nanother installation has put it into the queue, and a worker of that one executes it\n"
        )
    };
    output.either(text, || document(&summary, &facts))
}

fn document(summary: &Summary, facts: &RunFacts<'_>) -> Value {
    let mut document = run_document(summary, facts);
    of_another::mark(true, &mut document);
    document
}

fn text(summary: &Summary, facts: &RunFacts<'_>, past: Option<&PastRun>) -> String {
    // who may answer its questions is told by whoever started it
    let without = Summary { waiting: Vec::new(), ..summary.clone() };
    let asked: String = summary.waiting.iter().map(|open| question_line(open) + "\n").collect();
    show_text(&without, (facts, past), (&[], true, None))
        + &asked
        + "another installation started it: this is what its events tell, whose hashes agree, and it is not gone on with here\n"
}

/// What the events tell of the run as a whole.
fn summary(story: &Story, recorded: &Recorded) -> Summary {
    let planned = story.planned().unwrap_or_default();
    let fates = Fates::of(story, "");
    let ended = story.calls().filter(|(piece, call)| !call.prepared && piece.end != End::Open);
    let denied =
        |result: &Value| result.get("error").is_some_and(|error| error["kind"] == ErrorKind::Denied.as_str());
    let (mut totals, mut nodes, mut path) = (Totals::default(), BTreeMap::new(), Vec::new());
    for (_, call) in ended.filter(|(_, call)| call.tool != "batch") {
        totals.calls += 1;
        totals.denied += u64::from(denied(&call.result));
    }
    for node in planned.nodes {
        let fate = fates.node(&node.id);
        if fate.ran > 0 {
            path.push(node.id.clone());
            path.extend(within(story, &node.id));
        }
        nodes.insert(node.id, of_node(&fate));
    }
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let error = story.error.as_ref().map(|error| GraphError {
        node: story.failed_node.clone(),
        error: Arc::new(NodeError::new(kind(&text(error, "kind")), text(error, "message"))),
    });
    Summary {
        status: RunStatus::parse(&story.status),
        inputs: Arc::new(story.inputs.clone()),
        outputs: story.outputs.clone().map(Arc::new),
        error,
        nodes,
        path,
        totals,
        waiting: waiting(recorded),
    }
}

fn of_node(fate: &Fate) -> NodeSummary {
    let status = Status::parse(&fate.status);
    let failed = fate.why.split_once(": ").filter(|_| status == Some(Status::Failed));
    NodeSummary {
        status,
        under_way: matches!(fate.status.as_str(), "open" | "waiting"),
        iterations: u32::try_from(fate.ran).unwrap_or(u32::MAX),
        error: failed.map(|(word, message)| Arc::new(NodeError::new(kind(word), message))),
        reason: Some(fate.why.clone()).filter(|why| failed.is_none() && !why.is_empty()),
    }
}

fn kind(word: &str) -> ErrorKind {
    // a word of a later version is one that this one has not
    serde_json::from_value(json!(word)).unwrap_or(ErrorKind::Internal)
}

/// The nodes of subgraphs that ran at a node's place, in the order of their first beginning.
fn within(story: &Story, node: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, told) in story.nodes() {
        let name = named(&told.path, &told.id);
        if name.split_once('/').is_some_and(|(outer, _)| outer == node) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// `outer#2[3]!1` and `inner` to `outer/inner`.
fn named(path: &str, id: &str) -> String {
    let steps = path.split('/').filter(|step| !step.is_empty());
    let steps = steps.map(|step| step.split(['#', '[', '!']).next().unwrap_or_default());
    steps.chain([id]).collect::<Vec<_>>().join("/")
}

/// The questions that nobody has answered.
fn waiting(recorded: &Recorded) -> Vec<Waiting> {
    let mut open: BTreeMap<u64, Waiting> = BTreeMap::new();
    let number = |event: &Envelope| event.data.get("question").and_then(Value::as_u64);
    for event in recorded.events.iter().map(|recording| &recording.event) {
        let Some(question) = number(event) else { continue };
        match event.kind.as_str() {
            "approval.requested" => drop(open.insert(question, asked(event, question))),
            "approval.granted" | "approval.rejected" | "approval.withdrawn" => drop(open.remove(&question)),
            _ => {}
        }
    }
    open.into_values().collect()
}

fn asked(event: &Envelope, question: u64) -> Waiting {
    let member = |name: &str| event.data.get(name).cloned().unwrap_or_default();
    let options = member("options").as_array().cloned().unwrap_or_default();
    Waiting {
        id: QuestionId(u32::try_from(question).unwrap_or(u32::MAX)),
        node: named(event.path.as_deref().unwrap_or_default(), event.node.as_deref().unwrap_or_default()),
        item: member("index").as_u64().and_then(|item| u32::try_from(item).ok()),
        show: Arc::new(member("show")),
        options: options.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect(),
        response: Some(member("response")).filter(|schema| !schema.is_null()).map(Arc::new),
        policy: member("policy") == true,
    }
}
