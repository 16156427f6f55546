//! From events to the lines and spinners that a person sees. Changes nothing and decides nothing.
#![expect(clippy::disallowed_methods, reason = "a person is told how long a node took")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::effect::RecalledFrom;
use crate::trace::{CallId, CallOutcome, Cancel, EventBody, NodeFinished, NodeResult, RunState, Status};
use crate::view::escaped;

use super::{Display, Mark};

/// Tells a run's story while it goes on.
#[derive(Debug)]
pub struct Narrator {
    display: Display,
    since: BTreeMap<String, Instant>,
    /// Nodes that failed, each with the message that was told.
    failed: BTreeMap<String, String>,
    /// Nodes that were answered with earlier results, and where those were kept.
    recalled: BTreeMap<String, RecalledFrom>,
}

impl Narrator {
    /// Tells it on `display`.
    pub fn new(display: Display) -> Self {
        Self { display, since: BTreeMap::new(), failed: BTreeMap::new(), recalled: BTreeMap::new() }
    }

    /// One more event, with the state before it.
    pub fn tell(&mut self, state: &RunState, event: &EventBody) {
        match event {
            EventBody::NodeStarted { at, .. } => self.start(state.node_path(*at)),
            EventBody::NodeFinished(done) => {
                self.failed.remove(&state.node_path(done.at));
                self.finish(state, done);
            }
            EventBody::NodeExhausted(done) => self.finish(state, done),
            EventBody::NodeDecided(decided) => {
                let name = escaped(&state.node_path(decided.at));
                let status = decided.status.as_str().replace('_', " ");
                self.display.line(Mark::Skipped, &format!("{name}: {status}: {}", escaped(&decided.reason)));
            }
            EventBody::CallFinished { call, outcome } => self.hear_result(state, *call, outcome),
            EventBody::NodeRetried { unit, attempt, error, backoff } => {
                let name = escaped(&state.node_path(unit.at));
                let why = escaped(&error.message);
                self.note(&format!("{name}: attempt {attempt} in {}, after: {why}", seconds(*backoff)));
            }
            EventBody::LoopTurned { frame, at, iteration } => {
                self.note(&format!("{}: iteration {iteration}", escaped(&state.loop_path(*frame, *at))));
            }
            EventBody::ApprovalRequested(question) => {
                let name = escaped(&state.node_path(question.unit.at));
                self.note(&format!("{name}: wants an approval"));
            }
            // where one needs it, its node says so
            EventBody::BudgetExceeded { budget, unit: None, .. } => {
                self.display.line(Mark::Failed, &format!("the budget `{}` is used up", budget.as_str()));
            }
            EventBody::RunCancelled { how: Cancel::InOrder } => {
                self.note("interrupted: ending in order; interrupt again to end at once");
            }
            EventBody::RunCancelled { how: Cancel::AtOnce } => self.end_at_once(),
            _ => {}
        }
    }

    /// Was it told that this node failed, and why?
    pub fn has_told(&self, node: &str, message: &str) -> bool {
        self.failed.get(node).is_some_and(|told| told == message)
    }

    /// One line of the front's own.
    pub fn line(&mut self, mark: Mark, text: &str) {
        self.display.line(mark, text);
    }

    /// What concerns who has asked for something beside the story.
    pub fn remark(&mut self, text: &str) {
        self.display.remark(text);
    }

    /// Lines that have a form of their own, whole.
    pub fn say(&mut self, lines: &str) {
        self.display.say(lines);
    }

    /// What a model says at a node while it says it: line by line, where somebody watches.
    pub fn hear(&mut self, node: &str, text: &str) {
        for line in text.lines() {
            self.display.hear(&escaped(node), &escaped(line));
        }
    }

    /// A question to a person, with the cursor behind it.
    pub fn ask(&mut self, text: &str) {
        self.display.ask(text);
    }

    /// Takes away what is drawn beneath the lines.
    pub fn close(&mut self) {
        self.display.close();
    }

    /// Was it made for this call, and if so, although another one was there?
    fn hear_result(&mut self, state: &RunState, call: CallId, outcome: &CallOutcome) {
        let Some((_, order)) = state.open_calls().find(|(id, _)| *id == call) else { return };
        for (call, result) in order.calls().iter().zip(outcome.results()) {
            if let Some(recalled) = &result.recalled {
                self.recalled.insert(call.node.clone(), recalled.from);
            }
            if let Some(why) = &result.passed_over {
                let text = format!("{}: a kept result is passed over: {}", escaped(&call.node), escaped(why));
                self.note(&text);
            }
        }
    }

    fn start(&mut self, path: String) {
        self.display.start(&escaped(&path));
        self.since.insert(path, Instant::now());
    }

    fn finish(&mut self, state: &RunState, done: &NodeFinished) {
        let path = state.node_path(done.at);
        let name = escaped(&path);
        self.display.end(&name);
        let took = self
            .since
            .remove(&path)
            .map(|since| format!(" ({})", seconds(since.elapsed())))
            .unwrap_or_default();
        match (done.result.status(), done.result.error()) {
            (_, Some(error)) if self.has_told(&path, &error.message) => {
                let text = format!(
                    "{name}: nothing handles its failure: the edge that catches it leaves a loop that would turn"
                );
                self.note(&text);
            }
            (_, Some(error)) => {
                let text = format!("{name}: {}: {}{took}", error.kind, escaped(&error.message));
                self.display.line(Mark::Failed, &text);
                self.failed.insert(path, error.message.clone());
            }
            (Status::Succeeded, None) => {
                let recalled = match self.recalled.remove(&path) {
                    None => "",
                    Some(RecalledFrom::Cache) => " from the cache",
                    Some(RecalledFrom::Run) => " from the earlier run",
                };
                let failed = state.collects(done.at).then(|| failed_items(&done.result)).flatten();
                let failed = failed.map(|failed| format!(": {failed}")).unwrap_or_default();
                self.display.line(Mark::Done, &format!("{name}{recalled}{failed}{took}"));
                if let Some(files) =
                    state.runs_command(done.at).then(|| changed_files(&done.result)).flatten()
                {
                    let text =
                        format!("{name}: the workspace stays as it was; it would have changed {files}");
                    self.note(&text);
                }
            }
            (status, None) => self.display.line(Mark::Skipped, &format!("{name}: {status}{took}")),
        }
    }

    /// What still runs gets no event of its own any more.
    fn end_at_once(&mut self) {
        self.note("interrupted again: ending at once");
        for (path, since) in std::mem::take(&mut self.since) {
            let name = escaped(&path);
            self.display.end(&name);
            let text = format!("{name}: cancelled ({})", seconds(since.elapsed()));
            self.display.line(Mark::Skipped, &text);
        }
    }

    fn note(&mut self, text: &str) {
        self.display.line(Mark::Note, text);
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// `2 of 3 items failed: exit (2)`, of what `on_error: collect` gives.
fn failed_items(result: &NodeResult) -> Option<String> {
    let items = result.output()?.as_array()?;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items.iter().filter(|item| item["status"] == "failed") {
        *kinds.entry(item["error"]["kind"].as_str().unwrap_or("failed")).or_default() += 1;
    }
    let all: usize = kinds.values().sum();
    let each = kinds.iter().map(|(kind, count)| format!("{} ({count})", escaped(kind)));
    let each: Vec<String> = each.collect();
    (all > 0).then(|| format!("{all} of {} items failed: {}", items.len(), each.join(", ")))
}

/// `2 files (in its patch) and 1 that was not carried over`, of what commands would have changed, one for each item.
fn changed_files(result: &NodeResult) -> Option<String> {
    let output = result.output()?;
    let outputs = output.as_array().map_or(std::slice::from_ref(output), Vec::as_slice);
    let patches = outputs.iter().filter_map(|output| output.get("patch")?.as_str());
    let files = patches.flat_map(str::lines).filter(|line| line.starts_with("diff --git ")).count();
    let left = outputs.iter().filter_map(|output| output.get("not_carried")?.as_array()).map(Vec::len).sum();
    let plural = if files == 1 { "" } else { "s" };
    match (files, left) {
        (0, 0) => None,
        (files, 0) => Some(format!("{files} file{plural} (in its `patch`)")),
        (0, left) => Some(format!("what was not carried over ({left} in its `not_carried`)")),
        (files, left) => Some(format!(
            "{files} file{plural} (in its `patch`), and what was not carried over ({left} in its `not_carried`)"
        )),
    }
}
