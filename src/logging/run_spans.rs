//! A run as spans of this process: the run, its nodes, their attempts and their calls, opened and ended by the events of
//! the trace, with an event said for each. What a process does meanwhile for one of them is said within its span.
#![expect(clippy::disallowed_methods, reason = "how long something took is measured")]

use std::collections::BTreeMap;
use std::time::Instant;

use tracing::level_filters::LevelFilter;
use tracing::{Span, debug, error_span, info};

use crate::trace::{At, CallId, CallOrder, CallOutcome, EventBody, NodeFinished, NodeResult, RunState, Unit};

/// The open spans of a run.
#[derive(Debug)]
pub struct RunSpans {
    run: Span,
    since: Instant,
    nodes: BTreeMap<At, Open>,
    /// With the number of the attempt.
    attempts: BTreeMap<Unit, (u32, Span)>,
    calls: BTreeMap<CallId, Open>,
}

/// A span, and since when it is open.
#[derive(Debug, Clone)]
struct Open {
    span: Span,
    since: Instant,
}

/// What is said of an event.
#[derive(Debug, Default)]
struct About {
    tool: Option<String>,
    status: Option<&'static str>,
    kind: Option<String>,
    ms: Option<u64>,
    bytes: Option<u64>,
    count: Option<u64>,
    exit_code: Option<i64>,
}

impl RunSpans {
    /// Of a run of which nothing is known yet.
    pub fn new(run: &str) -> Self {
        Self {
            run: error_span!("run", run),
            since: Instant::now(),
            nodes: BTreeMap::new(),
            attempts: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }

    /// The span of the run.
    pub fn run(&self) -> &Span {
        &self.run
    }

    /// What the interpreter says of an event that it has recorded, with the state before it.
    pub fn recorded(&mut self, state: &RunState, event: &EventBody) {
        if LevelFilter::current() == LevelFilter::OFF {
            return;
        }
        let (span, about) = self.turn(state, event);
        let About { tool, status, kind, ms, bytes, count, exit_code } = about;
        debug!(
            parent: &span, event = event.kind(), tool, status, kind, ms, bytes, count, exit_code, "recorded"
        );
    }

    /// What the front says of an event that it was told, with the state before it: how nodes and the run ended.
    pub fn followed(&mut self, state: &RunState, event: &EventBody) {
        if LevelFilter::current() == LevelFilter::OFF {
            return;
        }
        let (span, About { status, kind, ms, count, .. }) = self.turn(state, event);
        match event {
            EventBody::RunStarted(_) => info!(parent: &span, "the run began"),
            EventBody::RunResumed => info!(parent: &span, "the run is gone on with"),
            EventBody::RunSuspended { .. } => info!(parent: &span, count, "the run waits for answers"),
            EventBody::RunFinished { .. } => info!(parent: &span, status, kind, ms, "the run ended"),
            EventBody::NodeFinished(_) | EventBody::NodeExhausted(_) => {
                info!(parent: &span, status, kind, ms, "node ended");
            }
            EventBody::NodeRetried { .. } => info!(parent: &span, kind, count, "node is tried again"),
            _ => {}
        }
    }

    /// Opens and ends what the event begins and ends: the span that it is about, and what is to be said of it.
    fn turn(&mut self, state: &RunState, event: &EventBody) -> (Span, About) {
        match event {
            EventBody::NodeStarted { at, items } => {
                let node = state.node_path(*at);
                let span = error_span!(parent: &self.run, "node", node);
                self.nodes.insert(*at, Open::now(&span));
                let items = items.as_ref().and_then(|items| items.as_array());
                (span, About { count: items.map(|items| items.len() as u64), ..About::default() })
            }
            EventBody::NodeFinished(done) | EventBody::NodeExhausted(done) => self.end_node(state, done),
            EventBody::NodeDecided(decided) => {
                let node = state.node_path(decided.at);
                let span = error_span!(parent: &self.run, "node", node);
                (span, About { status: Some(decided.status.as_str()), ..About::default() })
            }
            EventBody::NodeRetried { unit, attempt, error, .. } => {
                let span = self.attempts.remove(unit).map_or_else(|| self.of_unit(*unit), |(_, span)| span);
                let kind = Some(error.kind.to_string());
                (span, About { kind, count: Some(u64::from(*attempt)), ..About::default() })
            }
            EventBody::ItemFinished { unit, result } => {
                let span = self.attempts.remove(unit).map_or_else(|| self.of_unit(*unit), |(_, span)| span);
                (span, About::of(result))
            }
            EventBody::GraphStarted { unit, attempt, .. } => {
                (self.attempt(state, *unit, *attempt), About::default())
            }
            EventBody::CallStarted { call, unit, attempt, order } => {
                let around = self.attempt(state, *unit, *attempt);
                let span = error_span!(parent: &around, "call", call = call.0, key = key(order));
                self.calls.insert(*call, Open::now(&span));
                (span, About { tool: Some(tool(order)), ..About::default() })
            }
            EventBody::CallFinished { call, outcome } => {
                let open = self.calls.remove(call).unwrap_or_else(|| Open::now(&self.run));
                (open.span, About { ms: Some(millis(open.since)), ..About::of_call(outcome) })
            }
            EventBody::ItemStarted { unit } | EventBody::StateWritten { unit, .. } => {
                (self.of_unit(*unit), About::default())
            }
            EventBody::ApprovalRequested(question) => (self.of_unit(question.unit), About::default()),
            EventBody::RunSuspended { waiting } => {
                (self.run.clone(), About { count: Some(waiting.len() as u64), ..About::default() })
            }
            EventBody::RunFinished { status, .. } => {
                let ms = Some(millis(self.since));
                (self.run.clone(), About { status: Some(status.as_str()), ms, ..About::default() })
            }
            _ => (self.run.clone(), About::default()),
        }
    }

    fn end_node(&mut self, state: &RunState, done: &NodeFinished) -> (Span, About) {
        self.attempts.retain(|unit, _| unit.at != done.at);
        let open = self.nodes.remove(&done.at).unwrap_or_else(|| {
            let node = state.node_path(done.at);
            Open::now(&error_span!(parent: &self.run, "node", node))
        });
        (open.span, About { ms: Some(millis(open.since)), ..About::of(&done.result) })
    }

    /// The innermost open span of a node or item.
    fn of_unit(&self, unit: Unit) -> Span {
        let attempt = self.attempts.get(&unit).map(|(_, span)| span);
        attempt.or_else(|| Some(&self.nodes.get(&unit.at)?.span)).unwrap_or(&self.run).clone()
    }

    fn attempt(&mut self, state: &RunState, unit: Unit, attempt: u32) -> Span {
        if let Some((known, span)) = self.attempts.get(&unit)
            && *known == attempt
        {
            return span.clone();
        }
        // a run that is gone on with began its nodes in another process
        let node = self.nodes.entry(unit.at).or_insert_with(|| {
            let node = state.node_path(unit.at);
            Open::now(&error_span!(parent: &self.run, "node", node))
        });
        let span = error_span!(parent: &node.span, "attempt", attempt, item = unit.item);
        self.attempts.insert(unit, (attempt, span.clone()));
        span
    }
}

impl Open {
    fn now(span: &Span) -> Self {
        Self { span: span.clone(), since: Instant::now() }
    }
}

impl About {
    fn of(result: &NodeResult) -> Self {
        let kind = result.error().map(|error| error.kind.to_string());
        Self { status: Some(result.status().as_str()), kind, ..Self::default() }
    }

    fn of_call(outcome: &CallOutcome) -> Self {
        let results = outcome.results();
        let failed = results.iter().find(|result| !result.ok);
        let bytes = results.iter().map(|result| (result.stdout.len() + result.stderr.len()) as u64).sum();
        Self {
            tool: results.first().map(|result| result.tool.clone()),
            status: Some(if failed.is_some() { "failed" } else { "succeeded" }),
            kind: failed.and_then(|result| result.error.as_ref()).map(|error| error.kind.to_string()),
            bytes: Some(bytes),
            exit_code: results.first().and_then(|result| result.exit_code).map(i64::from),
            ..Self::default()
        }
    }
}

fn tool(order: &CallOrder) -> String {
    match order {
        CallOrder::Single(call) | CallOrder::Prepare(call) => call.tool.clone(),
        CallOrder::Batch(_) => "batch".to_owned(),
    }
}

fn key(order: &CallOrder) -> Option<&str> {
    order.calls().first().map(|call| call.idempotency_key.as_str())
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
