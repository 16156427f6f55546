//! The oracle: one thing after the other, in canonical order, straight from the reference page. No agenda, no
//! events, no clock.

use std::collections::{BTreeMap, BTreeSet};

use lgflow::model::{Join, OnItemError, Reduce};
use serde_json::{Value as Json, json};

use super::expression::{Fault, evaluate, fill, holds};
use super::reading::{Item, Outcome, Reading};
use super::told::{Called, Child, Ended, Failure, Told, World};

/// What a run of the graph comes to.
pub fn tell(reading: &Reading, inputs: Json, world: &World<'_>) -> Told {
    let mut around = Around {
        world,
        calls: Vec::new(),
        children: Vec::new(),
        loose: BTreeSet::new(),
        budgets: Vec::new(),
        graced: 0,
        at: 0,
    };
    let mut run = Execution::new(reading, inputs, "run/".to_owned(), String::new());
    let outcome = run.execute(&mut around);
    let (outputs, error, message) = match outcome {
        Ok(outputs) => (Some(outputs), None, None),
        Err(_) if run.waits => (None, None, None),
        Err((node, failure)) => (None, Some((node, failure.kind)), failure.message),
    };
    let status = match error.as_ref().map(|(_, kind)| kind.as_str()) {
        None if run.waits => "suspended",
        None => "succeeded",
        Some("denied") => "denied",
        Some("budget") => "out_of_budget",
        Some("cancelled") => "cancelled",
        Some(_) => "failed",
    };
    let nodes = reading.nodes.iter().enumerate().map(|(at, node)| {
        let status = run.ended[at].as_ref().map_or("-", |ended| ended.status);
        (node.id.clone(), (status, run.began[at]))
    });
    let until = run.ending.as_ref().map_or(usize::MAX, |ending| ending.at);
    Told {
        status,
        outputs,
        error,
        message,
        nodes: nodes.collect(),
        until,
        channels: run.channels_until(until),
        met: std::mem::take(&mut run.met),
        path: run.path,
        calls: around.calls,
        children: around.children,
        loose: around.loose,
        withdrawn: false,
    }
}

/// What all executions of one run share.
pub struct Around<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) calls: Vec<Called>,
    pub(super) children: Vec<Child>,
    pub(super) loose: BTreeSet<String>,
    /// Of each execution that a call is inside of: its budget of calls, and what is spent of it.
    pub(super) budgets: Vec<(Option<u64>, u64)>,
    /// In how many of them `grace` stands for the budgets.
    pub(super) graced: usize,
    /// The moment of the node of the run's own graph.
    pub(super) at: usize,
}

/// A failure or a time that is up ends an execution.
pub struct Ending {
    /// Its moment: what comes later does not start.
    pub(super) at: usize,
    pub(super) node: Option<String>,
    pub(super) failure: Failure,
    /// `always` paths run: `grace` is not used up.
    pub(super) always: bool,
}

/// What a unit came to.
pub enum Came {
    Well(Json),
    Badly(Failure),
    Skipped,
    /// It never ends by itself.
    Never,
    /// It goes on once somebody has answered.
    Waits,
}

/// A write of a channel that holds.
pub struct Write {
    pub(super) channel: String,
    pub(super) value: Json,
    pub(super) writer: usize,
    pub(super) iterations: BTreeMap<usize, u32>,
    pub(super) at: usize,
}

pub type Own<'o> = Option<(&'o Ended, &'o [(String, Json)])>;

pub struct Execution<'r> {
    pub(super) reading: &'r Reading,
    pub(super) inputs: Json,
    /// `run/outer[3]!1/`
    pub(super) address: String,
    /// `outer/`
    pub(super) names: String,
    /// Counts what is visited, which is done in canonical order.
    pub(super) moment: usize,
    pub(super) began: Vec<usize>,
    pub(super) ended: Vec<Option<Ended>>,
    pub(super) edges: Vec<Option<bool>>,
    /// Reached through an `always` edge, or by what follows from one.
    pub(super) by_always: Vec<bool>,
    pub(super) iteration: Vec<u32>,
    /// By loop: was a loop edge taken, and on an `always` path?
    pub(super) turning: Vec<Option<bool>>,
    pub(super) writes: Vec<Write>,
    pub(super) path: Vec<(String, usize)>,
    pub(super) ending: Option<Ending>,
    /// Something in it never ends by itself.
    pub(super) stuck: bool,
    /// Something in it waits for an answer, and what comes after that for its end.
    pub(super) waits: bool,
    /// Nobody was asked any more about something in it.
    pub(super) withdrawn: bool,
    pub(super) met: BTreeSet<&'static str>,
}

impl<'r> Execution<'r> {
    pub(super) fn new(reading: &'r Reading, inputs: Json, address: String, names: String) -> Self {
        let (nodes, loops) = (reading.nodes.len(), reading.loops.len());
        Self {
            reading,
            inputs,
            address,
            names,
            moment: 0,
            began: vec![0; nodes],
            ended: vec![None; nodes],
            edges: vec![None; reading.edges.len()],
            by_always: vec![false; nodes],
            iteration: vec![1; loops],
            turning: vec![None; loops],
            writes: Vec::new(),
            path: Vec::new(),
            ending: None,
            stuck: false,
            waits: false,
            withdrawn: false,
            met: BTreeSet::new(),
        }
    }

    pub(super) fn execute(&mut self, around: &mut Around<'_>) -> Result<Json, (Option<String>, Failure)> {
        around.budgets.push((self.reading.tool_calls, 0));
        for item in &self.reading.items {
            self.visit(*item, around);
        }
        around.budgets.pop();
        if self.waits {
            return Err((None, Failure::new("suspended")));
        }
        assert!(!self.withdrawn || self.ending.is_some(), "what may succeed asks its persons");
        if let Some(ending) = &self.ending {
            return Err((ending.node.clone(), ending.failure.clone()));
        }
        let mut outputs = json!({});
        for (name, template) in &self.reading.outputs {
            match fill(template, &|root, second| self.seen_at_the_end(root, second)) {
                Ok(value) if !value.is_null() => outputs[name] = value,
                _ => return Err((None, Failure::new("expression"))),
            }
        }
        Ok(outputs)
    }

    pub(super) fn visit(&mut self, item: Item, around: &mut Around<'_>) {
        match item {
            Item::Node(node) => self.node(node, None, around),
            Item::Loop(one) => self.turn_about(one, around),
        }
    }

    /// Every edge to the node is decided. `turned`: it begins an iteration, and whether that is on an `always` path.
    pub(super) fn node(&mut self, node: usize, turned: Option<bool>, around: &mut Around<'_>) {
        self.moment += 1;
        self.began[node] = self.moment;
        if self.names.is_empty() {
            around.at = self.moment;
        }
        let incoming: Vec<usize> = (0..self.reading.edges.len())
            .filter(|at| self.reading.edges[*at].to == node && self.reading.edges[*at].turns.is_none())
            .collect();
        // what waits is waited for, and what ends the execution lets it end first
        let waits = turned.is_none() && incoming.iter().any(|at| self.edges[*at].is_none());
        if self.waits && (waits || self.ending.is_some()) {
            return;
        }
        let taken = |at: &usize| self.edges[*at].expect("it is decided");
        let reached = turned.is_some() || incoming.is_empty() || self.joined(node, &incoming);
        let by_always = incoming.iter().any(|at| taken(at) && self.follows_always(*at));
        if reached && incoming.iter().filter(|at| taken(at)).count() > 1 {
            let join = self.reading.nodes[node].modifiers.join.as_ref().map(|join| join.value);
            let all = join == Some(Join::All);
            self.met.insert(if all { "a join of all" } else { "a join of some" });
        }
        self.by_always[node] = turned.unwrap_or(by_always);
        if !reached {
            self.settle(node, Ended::without("not_reached"), Vec::new());
            for at in incoming {
                if self.edges[at] == Some(true) && self.catches(at) {
                    self.is_lost(self.reading.edges[at].from);
                }
            }
        } else if self.ending.as_ref().is_some_and(|ending| !(ending.always && self.by_always[node])) {
            self.settle(node, Ended::without("cancelled"), Vec::new());
        } else {
            self.begin(node, around);
        }
    }

    /// `some` wants one taken edge, `all` one from each source.
    fn joined(&self, node: usize, incoming: &[usize]) -> bool {
        let taken = |at: &&usize| self.edges[**at] == Some(true);
        let join = self.reading.nodes[node].modifiers.join.as_ref().map(|join| join.value);
        if join != Some(Join::All) {
            return incoming.iter().any(|at| taken(&at));
        }
        let sources: BTreeSet<usize> = incoming.iter().map(|at| self.reading.edges[*at].from).collect();
        let from = |source: usize| incoming.iter().filter(move |at| self.reading.edges[**at].from == source);
        sources.into_iter().all(|source| from(source).any(|at| taken(&at)))
    }

    fn follows_always(&self, edge: usize) -> bool {
        let edge = &self.reading.edges[edge];
        edge.outcome == Outcome::Always || self.by_always[edge.from]
    }

    fn begin(&mut self, node: usize, around: &mut Around<'_>) {
        let known = &self.reading.nodes[node];
        if let Some(ended) = around.world.withdrawn.get(&self.place_of(node)) {
            self.withdrawn = true;
            self.ran(node);
            around.loose.insert(format!("{}{}", self.names, known.id));
            return self.settle(node, ended.clone(), Vec::new());
        }
        if let Some(each) = &known.modifiers.for_each {
            let list = evaluate(each.items.as_str(), &self.scope(node, None, None));
            let most = each.max.as_ref().map_or(1000, |max| max.value) as usize;
            let kind = match list {
                Ok(Json::Array(items)) if items.len() <= most => return self.each(node, &items, around),
                Ok(Json::Array(_)) => "invalid_input",
                _ => "expression",
            };
            self.ran(node);
            return self.settle(node, Ended::badly(Failure::new(kind)), Vec::new());
        }
        match self.is_skipped(node, None) {
            Ok(true) => return self.settle(node, Ended::without("skipped"), Vec::new()),
            Ok(false) => self.ran(node),
            Err(failure) => {
                self.ran(node);
                return self.settle(node, Ended::badly(failure), Vec::new());
            }
        }
        let came = self.unit(node, None, around);
        if matches!(came, Came::Waits) {
            self.waits = true;
            return;
        }
        let (ended, writes) = self.finish(node, None, came);
        self.settle(node, ended, writes);
    }

    fn ran(&mut self, node: usize) {
        self.path.push((format!("{}{}", self.names, self.reading.nodes[node].id), self.moment));
    }

    fn is_skipped(&self, node: usize, item: Option<(usize, &Json)>) -> Result<bool, Failure> {
        let Some(when) = &self.reading.nodes[node].modifiers.skip_when else { return Ok(false) };
        holds(when.as_str(), &self.scope(node, item, None)).map_err(|_| Failure::new("expression"))
    }

    /// A unit's end, with its writes: they see the channels as the unit saw them, and its own output.
    fn finish(
        &mut self,
        node: usize,
        item: Option<(usize, &Json)>,
        came: Came,
    ) -> (Ended, Vec<(String, Json)>) {
        let ended = match came {
            Came::Well(output) => Ended::well(output),
            Came::Badly(failure) => Ended::badly(failure),
            Came::Skipped => Ended::without("skipped"),
            Came::Waits => Ended::without("waiting"),
            Came::Never => {
                self.time_is_up(node);
                Ended::without("cancelled")
            }
        };
        if ended.status != "succeeded" {
            return (ended, Vec::new());
        }
        let update = |(channel, template): &(String, Json)| {
            let value = fill(template, &self.scope(node, item, Some((&ended, &[]))))?;
            let fits = match self.reading.channels[channel].reduce {
                Reduce::Append | Reduce::Replace => true,
                Reduce::Extend => value.is_array(),
                Reduce::Merge => value.is_object(),
                Reduce::Sum => value.is_number(),
            };
            if !fits {
                return Err(Fault::Wrong(format!("`{channel}` takes no {value}")));
            }
            let write = (channel.clone(), value);
            if self.reading.channels[channel].reduce == Reduce::Sum {
                // what it sees, with what it adds
                self.channel(node, channel, std::slice::from_ref(&write))?;
            }
            Ok(write)
        };
        let writes: Result<Vec<_>, Fault> = self.reading.nodes[node].update.iter().map(update).collect();
        match writes {
            Ok(writes) => (ended, writes),
            Err(fault) => {
                if matches!(fault, Fault::TooLarge) {
                    self.met.insert("a sum that is too large");
                }
                (Ended::badly(Failure::new("expression")), Vec::new())
            }
        }
    }

    /// What never ends by itself is ended from around, which ends the execution in order; on an `always` path it is
    /// ended when `grace` is used up, and nothing runs any more.
    fn time_is_up(&mut self, node: usize) {
        self.stuck |= self.ending.is_none();
        let cancelled = || Ending { at: 0, node: None, failure: Failure::new("cancelled"), always: true };
        let by_always = self.by_always[node];
        self.ending.get_or_insert_with(cancelled).always &= !by_always;
    }

    fn each(&mut self, node: usize, items: &[Json], around: &mut Around<'_>) {
        self.ran(node);
        let each = self.reading.nodes[node].modifiers.for_each.as_ref().expect("it has a list");
        let collects = each.on_error.as_ref().is_some_and(|rule| rule.value == OnItemError::Collect);
        self.met.insert(if collects { "a map that collects" } else { "a map that stops" });
        let parallel = each.parallel.as_ref().map_or(1, |parallel| parallel.value);
        let (mut outputs, mut writes, mut never_caught) = (Vec::new(), Vec::new(), None);
        for (index, item) in items.iter().enumerate() {
            let (ended, wrote) = self.item(node, (index, item), around);
            if ended.status == "waiting" {
                // the items after it go on, as many as may be done at once
                self.waits = true;
                around.loose.insert(format!("{}{}", self.names, self.reading.nodes[node].id));
                return;
            }
            if ended.status == "cancelled" {
                return self.settle(node, ended, Vec::new());
            }
            writes.extend(wrote);
            let failure = ended.failure.clone().map(|failure| Failure { index: Some(index), ..failure });
            if !collects && let Some(failure) = failure {
                if parallel > 1 {
                    around.loose.insert(format!("{}{}", self.names, self.reading.nodes[node].id));
                }
                return self.settle(node, Ended::badly(failure), Vec::new());
            }
            let uncaught = |failure: &Failure| {
                ["denied", "rejected", "budget", "internal", "unplanned"].contains(&failure.kind.as_str())
            };
            never_caught = never_caught.or(failure.filter(uncaught));
            outputs.push(if collects { collected(&ended) } else { ended.output.unwrap_or(Json::Null) });
        }
        match never_caught {
            Some(failure) => self.settle(node, Ended::badly(failure), Vec::new()),
            None => self.settle(node, Ended::well(Json::Array(outputs)), writes),
        }
    }

    fn item(
        &mut self,
        node: usize,
        item: (usize, &Json),
        around: &mut Around<'_>,
    ) -> (Ended, Vec<(String, Json)>) {
        let came = match self.is_skipped(node, Some(item)) {
            Ok(true) => Came::Skipped,
            Ok(false) => self.unit(node, Some(item), around),
            Err(failure) => Came::Badly(failure),
        };
        self.finish(node, Some(item), came)
    }

    /// A node is done: its edges are decided together; those that leave a body wait for the end of the loop.
    fn settle(&mut self, node: usize, ended: Ended, writes: Vec<(String, Json)>) {
        let said = |ended: &Ended| ended.failure.as_ref().is_some_and(|failure| failure.message.is_some());
        let had_said = said(&ended);
        let (ended, taken) = self.decide(node, ended, &writes, None);
        let is_first = ended
            .failure
            .as_ref()
            .is_some_and(|failure| !["expression", "exhausted"].contains(&&*failure.kind));
        if had_said && !said(&ended) && is_first {
            self.met.insert("a failure, and beside it a condition without a value");
        }
        if ended.output.is_some() {
            let around = self.reading.around(node);
            let iterations: BTreeMap<usize, u32> =
                around.into_iter().map(|one| (one, self.iteration[one])).collect();
            for (channel, value) in writes {
                let (iterations, at) = (iterations.clone(), self.moment);
                self.writes.push(Write { channel, value, writer: node, iterations, at });
            }
        }
        // what was skipped, and failed by its edges, is told as what ran
        let last = self.path.last().map(|(_, at)| *at);
        if ended.status == "failed" && last != Some(self.moment) {
            self.ran(node);
        }
        self.note(node, &ended, &taken);
        self.ended[node] = Some(ended);
        for at in 0..self.reading.edges.len() {
            let edge = &self.reading.edges[at];
            if edge.from == node && self.reading.left_by(edge).is_empty() {
                self.decided(at, taken.contains(&at));
            }
        }
    }

    pub(super) fn decided(&mut self, at: usize, taken: bool) {
        let edge = &self.reading.edges[at];
        self.edges[at] = Some(taken);
        match edge.outcome {
            Outcome::Catch(_) if taken => self.met.insert("catch"),
            Outcome::Always if taken => self.met.insert("always"),
            _ => false,
        };
        if let Some((one, _)) = edge.turns.filter(|_| taken) {
            let follows = self.follows_always(at);
            self.turning[one] = Some(self.turning[one].unwrap_or(false) || follows);
        }
        if !taken && self.catches(at) {
            self.is_lost(self.reading.edges[at].from);
        }
    }

    pub(super) fn catches(&self, at: usize) -> bool {
        matches!(self.reading.edges[at].outcome, Outcome::Catch(_))
    }

    /// Is the edge for what its source has failed with?
    pub(super) fn is_for_its_failure(&self, at: usize) -> bool {
        let edge = &self.reading.edges[at];
        let failure = self.ended[edge.from].as_ref().and_then(|ended| ended.failure.as_ref());
        matches!((&edge.outcome, failure), (Outcome::Catch(kinds), Some(failure)) if kinds.contains(&failure.kind))
    }

    /// Does an edge that was taken lead to a node that starts, or round a loop?
    pub(super) fn leads_on(&self, at: usize) -> bool {
        let edge = &self.reading.edges[at];
        edge.turns.is_some() || self.ended[edge.to].as_ref().is_none_or(|ended| ended.status != "not_reached")
    }

    /// A failure is handled by what starts: where none of the edges that caught it leads to that, it ends the execution
    /// here.
    fn is_lost(&mut self, failed: usize) {
        let Some(failure) = self.ended[failed].as_ref().and_then(|ended| ended.failure.clone()) else {
            return;
        };
        let from = |at: &usize| self.reading.edges[*at].from == failed && self.is_for_its_failure(*at);
        let edges: Vec<usize> = (0..self.reading.edges.len()).filter(from).collect();
        let caught: Vec<usize> = edges.into_iter().filter(|at| self.edges[*at] != Some(false)).collect();
        let open = |at: &usize| self.edges[*at].is_none() || self.leads_on(*at);
        if !caught.is_empty() && !caught.iter().any(open) {
            self.end_at(self.moment, failed, failure);
        }
    }

    /// A failure that no edge caught ends the execution; the first in canonical order stays.
    pub(super) fn note(&mut self, node: usize, ended: &Ended, taken: &[usize]) {
        let caught = taken.iter().any(|at| matches!(self.reading.edges[*at].outcome, Outcome::Catch(_)));
        let Some(failure) = ended.failure.clone().filter(|_| !caught) else { return };
        self.end_at(self.began[node], node, failure);
    }

    fn end_at(&mut self, at: usize, node: usize, failure: Failure) {
        if self.ending.as_ref().is_some_and(|ending| ending.at <= at) {
            return;
        }
        let id = &self.reading.nodes[node].id;
        let name = failure.path.as_ref().map_or_else(|| id.clone(), |inside| format!("{id}/{inside}"));
        let always = self.ending.as_ref().is_none_or(|ending| ending.always);
        self.ending = Some(Ending { at, node: Some(name), failure, always });
    }
}

/// `{status, output, error}`: all three are always there.
fn collected(ended: &Ended) -> Json {
    let output = ended.output.clone().unwrap_or(Json::Null);
    let error = ended.failure.as_ref().map_or(Json::Null, Failure::view);
    json!({ "status": ended.status, "output": output, "error": error })
}
