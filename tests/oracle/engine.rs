//! The engine, from the text of a graph: compiled, run under a drawn order of completion, told in the same words as
//! the oracle tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Root, at_once, check_files};
use lgflow::diag::Diagnostics;
use lgflow::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use lgflow::files::RelPath;
use lgflow::interpret::{Effect, bind_inputs, next};
use lgflow::plan::{Action, NodeIx, Plan};
use lgflow::source::Sources;
use lgflow::trace::{
    Answer as Said, CallId, CallOrder, CallOutcome, Chain, EventBody, QuestionId, Redaction, RunStarted,
    RunState, Summary, WaitFor, WaitId, apply,
};
use serde_json::{Value as Json, json};

use super::model;
use super::plans::drive::Random;
use super::reading::Reading;
use super::slots::are_kept;
use super::told::{Answer, Ended, Failure, Person, World};

/// Pairs of nodes that are said to be able to run at the same time, with the names of the nodes around them.
type Together = BTreeSet<(String, String, String)>;

/// A plan, and what is known of it.
pub struct Compiled {
    plan: Arc<Plan>,
    together: Together,
    reading: Reading,
}

/// The plan of a graph, or the codes of what is wrong with it.
pub fn compile(text: &str) -> Result<Compiled, Vec<String>> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let path = RelPath::parse("g.json").unwrap();
    let root = Root { path, name: "g.json".into(), bytes: text.as_bytes().to_vec() };
    let mut load = |file: &FileRef| Err(LoadProblem::new(format!("`{}` does not exist", file.path)));
    let checked = check_files(vec![root], &mut load, &mut sources, &mut found);
    match &checked.roots[0] {
        CheckedRoot::Graph(plan) => {
            let mut together = Together::new();
            collect(plan, "", &mut together);
            Ok(Compiled { plan: Arc::clone(plan), together, reading: Reading::of(&model(text)) })
        }
        _ => Err(found.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()),
    }
}

fn collect(plan: &Plan, above: &str, together: &mut Together) {
    let name = |at: &NodeIx| plan.node(*at).id.to_string();
    for sides in at_once(plan).expect("it is small") {
        for (at, one) in sides.iter().enumerate() {
            for (a, b) in one.iter().flat_map(|a| sides[at + 1..].iter().flatten().map(move |b| (a, b))) {
                together.insert((above.to_owned(), name(a).min(name(b)), name(a).max(name(b))));
            }
        }
    }
    for node in &plan.nodes {
        if let Action::Graph { plan, .. } = &node.action {
            collect(plan, &format!("{above}{}/", node.id), together);
        }
    }
}

/// Channels by name.
type Channels = BTreeMap<String, Json>;

/// A run that is over, or suspended.
pub struct Ran {
    pub summary: Summary,
    /// `suspended`, where it is not over.
    pub status: &'static str,
    /// The channels of the run's own graph at the end.
    pub channels: Channels,
    /// Likewise of each execution of a subgraph that is over, by its address.
    pub children: BTreeMap<String, Channels>,
    /// Every call that was made: its key and its input.
    pub calls: BTreeMap<String, Json>,
    /// What nobody was asked about any more: the nodes that ended with that, and what each came to.
    pub withdrawn: BTreeMap<String, Ended>,
    /// Were calls of two nodes of one graph ever open at the same time?
    pub beside: bool,
    /// Were calls of several executions of a graph ever open in one group?
    pub shared: bool,
}

enum Open {
    Call(CallId, Arc<CallOrder>),
    Wait(WaitId, WaitFor, Duration),
}

struct Driver<'w> {
    state: RunState,
    open: Vec<Open>,
    ended: Vec<CallId>,
    calls: BTreeMap<String, Json>,
    withdrawn: BTreeMap<String, Ended>,
    /// Of those, the ones that have not ended.
    ending: BTreeMap<(u32, u32), String>,
    world: &'w World<'w>,
    together: &'w Together,
    reading: &'w Reading,
    beside: bool,
    shared: bool,
    children: BTreeMap<String, Channels>,
    /// Has a call begun since it was looked at which are open together?
    began: bool,
}

/// Runs a plan; what ends first is drawn. A clock that ends something rings when nothing else can go on.
/// Nothing where the run waits for what never comes.
pub fn run(compiled: &Compiled, world: &World<'_>, schedule: u64) -> Option<Ran> {
    let Compiled { plan, together, reading } = compiled;
    let inputs = bind_inputs(plan, serde_json::Map::new()).expect("every input has a default");
    let state = RunState::new("run", plan);
    let mut driver = Driver {
        state,
        open: Vec::new(),
        ended: Vec::new(),
        calls: BTreeMap::new(),
        withdrawn: BTreeMap::new(),
        ending: BTreeMap::new(),
        world,
        together,
        reading,
        beside: false,
        shared: false,
        children: BTreeMap::new(),
        began: false,
    };
    let start = RunStarted { inputs: Arc::new(inputs), revision: None, facts: Arc::new(json!({})) };
    driver.record(&EventBody::RunStarted(Box::new(start)));
    let random = &mut Random(schedule);
    loop {
        driver.decide();
        driver.is_as_foreseen();
        let is_over = driver.state.outcome().is_some();
        if is_over || driver.go_on(random).is_none() {
            let waits = driver.state.open_questions().next().is_some();
            return (is_over || waits).then(|| driver.ran());
        }
    }
}

impl Driver<'_> {
    fn ran(self) -> Ran {
        let status = if self.state.outcome().is_some() { "over" } else { "suspended" };
        let channels = self.executions().remove("").unwrap_or_default();
        Ran {
            summary: self.state.summary(),
            status,
            channels,
            children: self.children,
            calls: self.calls,
            withdrawn: self.withdrawn,
            beside: self.beside,
            shared: self.shared,
        }
    }

    /// The channels of each execution, by its address.
    fn executions(&self) -> BTreeMap<String, Channels> {
        let executions = self.state.standing().executions.into_iter();
        let channels = |channels: BTreeMap<String, Arc<Json>>| {
            channels.into_iter().map(|(name, value)| (name, (*value).clone())).collect()
        };
        executions.map(|one| (one.path.unwrap_or_default(), channels(one.channels))).collect()
    }

    fn record(&mut self, event: &EventBody) {
        self.note_withdrawn(event);
        let ends = matches!(event, EventBody::GraphFinished { .. });
        let before = ends.then(|| self.executions());
        if let Err(illegal) = apply(&mut self.state, event) {
            panic!("{illegal}\n{event:#?}");
        }
        // the execution that is no more has ended
        if let Some(before) = before {
            let left = self.executions();
            self.children.extend(before.into_iter().filter(|(address, _)| !left.contains_key(address)));
        }
    }

    fn note_withdrawn(&mut self, event: &EventBody) {
        match event {
            EventBody::ApprovalWithdrawn { at, .. } => {
                let line = Chain::new("run", Redaction::default()).append(&self.state, event, "").line;
                let told: Json = serde_json::from_str(&line).expect("a line is JSON");
                let inside = told["path"].as_str().map_or_else(String::new, |path| format!("{path}/"));
                let iterations: Vec<String> =
                    told["iteration"].as_array().into_iter().flatten().map(ToString::to_string).collect();
                let mark = if iterations.is_empty() { "" } else { "#" };
                let node = told["node"].as_str().expect("it is of a node");
                let place = format!("run/{inside}{node}{mark}{}", iterations.join("."));
                self.ending.insert((at.frame.0, at.node.0), place);
            }
            EventBody::NodeFinished(finished) => {
                let at = (finished.at.frame.0, finished.at.node.0);
                let Some(place) = self.ending.remove(&at) else { return };
                // a failure that it had before it was ended stays
                let before =
                    finished.result.error().filter(|error| error.index.is_some() || error.path.is_some());
                let ended = before.map_or(Ended::without("cancelled"), |error| {
                    Ended::badly(Failure {
                        output: error.output.as_deref().cloned(),
                        index: error.index.map(|index| index as usize),
                        path: error.path.clone(),
                        ..Failure::new(error.kind.as_str())
                    })
                });
                self.withdrawn.insert(place, ended);
            }
            _ => {}
        }
    }

    /// Everything that can be decided without the world.
    fn decide(&mut self) {
        loop {
            let requests = next(&self.state);
            if requests.is_empty() {
                break;
            }
            for request in requests {
                self.record(&request.record);
                match (request.effect, request.record) {
                    (Some(Effect::Call(call, order)), _) => {
                        self.open.push(Open::Call(call, order));
                        self.began = true;
                    }
                    (Some(Effect::Cancel(call)), _) => self.ended.push(call),
                    (Some(Effect::Wait(wait, _)), EventBody::WaitStarted { reason, duration, .. }) => {
                        self.open.push(Open::Wait(wait, reason, duration));
                    }
                    _ => {}
                }
            }
        }
        let state = &self.state;
        self.open.retain(|open| match open {
            Open::Call(call, _) => state.awaits_call(*call),
            Open::Wait(wait, ..) => state.awaits(*wait),
        });
    }

    /// What is open at the same time was said to be able to be.
    fn is_as_foreseen(&mut self) {
        if !std::mem::take(&mut self.began) {
            return;
        }
        // what is to end holds its slot until it has ended
        let all: Vec<&str> = (self.open.iter())
            .filter_map(|open| match open {
                Open::Call(_, order) => Some(order.calls().first()?.idempotency_key.as_str()),
                Open::Wait(..) => None,
            })
            .collect();
        match are_kept(self.reading, &all) {
            Ok(shared) => self.shared |= shared,
            Err(what) => panic!("{what}"),
        }
        let calls = self.open.iter().filter_map(|open| match open {
            Open::Call(call, order) if !self.ended.contains(call) => {
                Some(order.calls().first()?.idempotency_key.as_str())
            }
            _ => None,
        });
        let calls: Vec<&str> = calls.collect();
        for (at, one) in calls.iter().enumerate() {
            for other in &calls[at + 1..] {
                let Some(pair) = parted(one, other) else { continue };
                assert!(self.together.contains(&pair), "{one} and {other} run at the same time");
                self.beside = true;
            }
        }
    }

    /// One thing happens. Of the clocks the shortest rings, of equal ones the latest, which is the innermost.
    fn go_on(&mut self, random: &mut Random) -> Option<()> {
        let ready: Vec<usize> =
            (0..self.open.len()).filter(|at| self.ends_by_itself(&self.open[*at])).collect();
        let asked: Vec<(QuestionId, Person)> = self.answerable();
        let drawn = random.below((ready.len() + asked.len()) as u64) as usize;
        if let Some(at) = ready.get(drawn) {
            self.end(*at);
        } else if let Some((question, person)) = asked.get(drawn - ready.len()) {
            self.say(*question, *person);
        } else {
            let clock = |at: &usize| match &self.open[*at] {
                Open::Wait(_, _, duration) => Some(*duration),
                Open::Call(..) => None,
            };
            let clocks = (0..self.open.len()).rev().filter(|at| clock(at).is_some());
            let first = clocks.min_by_key(clock)?;
            self.end(first);
        }
        Some(())
    }

    fn ends_by_itself(&self, open: &Open) -> bool {
        match open {
            Open::Call(call, order) => self.ended.contains(call) || self.outcome(order, false).is_some(),
            Open::Wait(_, reason, _) => matches!(reason, WaitFor::Backoff(_) | WaitFor::Delay(..)),
        }
    }

    fn answerable(&self) -> Vec<(QuestionId, Person)> {
        let mut asked = Vec::new();
        for question in self.state.open_questions() {
            let person = (self.world.person)(&self.state.node_path(question.unit.at));
            let timed =
                self.state.open_waits().any(|(_, reason, _)| reason == WaitFor::Timeout(question.unit));
            let answers = match person {
                Person::Silent => !timed,
                Person::Absent => false,
                Person::Approves | Person::Rejects | Person::Chooses(_) => true,
            };
            if answers {
                asked.push((question.id, person));
            }
        }
        asked
    }

    fn say(&mut self, question: QuestionId, person: Person) {
        let known = self.state.open_questions().find(|known| known.id == question).expect("it is open");
        let options = known.options.clone();
        let choice = match person {
            Person::Chooses(at) if !options.is_empty() => Some(options[at % options.len()].clone()),
            _ => options.first().cloned(),
        };
        let answer = Box::new(Said { choice, by: "somebody".into(), ..Said::default() });
        let event = match person {
            Person::Rejects if options.is_empty() => EventBody::ApprovalRejected { question, answer },
            _ => EventBody::ApprovalGranted { question, answer },
        };
        self.record(&event);
    }

    fn end(&mut self, at: usize) {
        let event = match self.open.remove(at) {
            Open::Wait(wait, ..) => EventBody::WaitFinished { wait },
            Open::Call(call, order) => {
                let outcome = self.outcome(&order, true).expect("it is ended");
                for one in order.calls().iter().take(outcome.results().len()) {
                    let before = self.calls.insert(one.idempotency_key.clone(), one.input.clone());
                    assert!(before.is_none(), "the key {} was used before", one.idempotency_key);
                }
                EventBody::CallFinished { call, outcome: Arc::new(outcome) }
            }
        };
        self.record(&event);
    }

    /// What a call comes to; nothing where it goes on until it is ended.
    fn outcome(&self, order: &CallOrder, ended: bool) -> Option<CallOutcome> {
        let mut results = Vec::new();
        for call in order.calls() {
            let result = self.result(call, ended)?;
            let ok = result.ok;
            results.push(result);
            if !ok {
                break;
            }
        }
        Some(match order {
            CallOrder::Batch(_) => CallOutcome::Batch(results),
            CallOrder::Single(_) | CallOrder::Prepare(_) => CallOutcome::Single(results.remove(0)),
        })
    }

    fn result(&self, call: &ToolCall, ended: bool) -> Option<ToolResult> {
        let failure =
            |kind: &str| ToolResult::failure("exec", ToolError::new(ErrorKind::parse(kind), "drawn"));
        match (self.world.call)(&call.idempotency_key, &call.input) {
            Answer::Output(output) => Some(ToolResult::success("exec", output)),
            Answer::Failure(kind) => Some(failure(&kind)),
            Answer::Never => ended.then(|| failure("cancelled")),
        }
    }
}

/// The nodes of one graph by which two calls are of different ones, behind the names of those around both; nothing for calls
/// of one node, and of items of one. `run/outer#2[3]!1/inner!1/0` is a call of `inner` within `outer`.
fn parted(one: &str, other: &str) -> Option<(String, String, String)> {
    let name = |step: &str| step.split(['#', '[', '!']).next().unwrap_or_default().to_owned();
    let mut above = String::new();
    for (one, other) in one.split('/').skip(1).zip(other.split('/').skip(1)) {
        let (a, b) = (name(one), name(other));
        if a != b {
            return Some((above, a.clone().min(b.clone()), a.max(b)));
        }
        if one != other {
            return None;
        }
        above = format!("{above}{a}/");
    }
    None
}
