//! What was counted: numbers by family and labels. Counts of several runs add up.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::effect::{ErrorKind, ToolResult};
use crate::model::Uses;
use crate::trace::{EventBody, RunState, cost_of};

use super::{FAMILIES, Family, Kind};

/// Which number it is of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The only one.
    Value,
    /// At most the bound with this place; one more stands for all.
    Bucket(usize),
    Sum,
    Count,
}

/// A number's place: the family, its labels as they are written, and which of its numbers.
pub(super) type Series = (usize, String, Part);

/// Numbers by family and labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    pub(super) numbers: BTreeMap<Series, f64>,
}

impl Counts {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds to a counter.
    pub fn add(&mut self, family: &'static str, labels: &[(&str, &str)], count: u64) {
        if let Some(place) = Family::place(family) {
            let number = self.numbers.entry((place, written(labels), Part::Value)).or_default();
            #[expect(clippy::cast_precision_loss, reason = "the format has floats alone")]
            let count = count as f64;
            *number += count;
        }
    }

    /// Sets a gauge.
    pub fn set(&mut self, family: &'static str, value: u64) {
        if let Some(place) = Family::place(family) {
            #[expect(clippy::cast_precision_loss, reason = "the format has floats alone")]
            let value = value as f64;
            self.numbers.insert((place, String::new(), Part::Value), value);
        }
    }

    /// Takes a time into a histogram.
    pub fn observe(&mut self, family: &'static str, labels: &[(&str, &str)], time: Duration) {
        let Some(place) = Family::place(family) else { return };
        let Kind::Histogram(bounds) = FAMILIES[place].kind else { return };
        let (labels, seconds) = (written(labels), time.as_secs_f64());
        let mut more = |part, by: f64| *self.numbers.entry((place, labels.clone(), part)).or_default() += by;
        for at in 0..=bounds.len() {
            let within = bounds.get(at).is_none_or(|bound| seconds <= *bound);
            more(Part::Bucket(at), if within { 1.0 } else { 0.0 });
        }
        more(Part::Sum, seconds);
        more(Part::Count, 1.0);
    }

    /// One more event of a trace, with the state before it.
    pub fn hear(&mut self, state: &RunState, event: &EventBody) {
        self.add("lgflow_events_total", &[], 1);
        match event {
            EventBody::NodeFinished(done) | EventBody::NodeExhausted(done) => {
                self.add("lgflow_nodes_total", &[("status", done.result.status().as_str())], 1);
            }
            EventBody::NodeDecided(decided) => {
                self.add("lgflow_nodes_total", &[("status", decided.status.as_str())], 1);
            }
            EventBody::NodeRetried { .. } => self.add("lgflow_retries_total", &[], 1),
            EventBody::CallFinished { call, outcome } => {
                if let Some((_, order)) = state.open_calls().find(|(open, _)| open == call) {
                    let cost = cost_of(order, outcome);
                    self.add("lgflow_patch_bytes_total", &[], cost.patch_bytes);
                    self.add("lgflow_llm_tokens_total", &[], cost.llm_tokens);
                }
                outcome.results().iter().for_each(|result| self.result(result));
            }
            EventBody::ApprovalRequested(_) => self.add("lgflow_questions_total", &[], 1),
            EventBody::RunResumed => self.add("lgflow_resumes_total", &[], 1),
            _ => {}
        }
    }

    /// What a call came to.
    pub fn result(&mut self, result: &ToolResult) {
        let verdict = match result.error.as_ref().map(|error| &error.kind) {
            Some(ErrorKind::Denied | ErrorKind::Unplanned) => "deny",
            Some(ErrorKind::ApprovalRequired) => "ask",
            _ => "allow",
        };
        // a tool that is none of ours is told by an interpreter that makes one up
        let tool = ("tool", Uses::parse(&result.tool).map_or("other", Uses::as_str));
        let outcome = ("outcome", if result.ok { "succeeded" } else { "failed" });
        self.add("lgflow_calls_total", &[outcome, tool, ("verdict", verdict)], 1);
        if verdict == "allow" {
            self.observe("lgflow_call_seconds", &[tool], Duration::from_millis(result.timing_ms));
        }
        if result.recalled.is_some() {
            self.add("lgflow_recalled_calls_total", &[tool], 1);
        } else if result.program.is_some() {
            self.add("lgflow_processes_started_total", &[("process", "command")], 1);
            if let Some(start) = result.start_us {
                self.observe("lgflow_sandbox_start_seconds", &[], Duration::from_micros(start));
            }
        }
        self.add("lgflow_redactions_total", &[], result.redacted);
    }

    /// Adds what others have counted before: counters and histograms add up, and a gauge is what it was last.
    #[must_use]
    pub fn after(mut self, before: Counts) -> Self {
        for (series, number) in before.numbers {
            if FAMILIES[series.0].kind == Kind::Gauge {
                self.numbers.entry(series).or_insert(number);
            } else {
                *self.numbers.entry(series).or_default() += number;
            }
        }
        self
    }
}

/// Labels as they are written: `tool="exec",verdict="allow"`.
fn written(labels: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    };
    labels.iter().map(one).collect::<Vec<_>>().join(",")
}
