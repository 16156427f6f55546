//! Loops: iteration by iteration, and what their end comes to for the nodes of the body.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::reading::{Edge, Item, Outcome};
use super::run::{Around, Execution};
use super::told::Ended;

impl Execution<'_> {
    /// A loop, iteration by iteration.
    pub(super) fn turn_about(&mut self, one: usize, around: &mut Around<'_>) {
        self.iteration[one] = 1;
        let mut by_always = None;
        loop {
            let began = self.moment + 1;
            self.turning[one] = None;
            for item in &self.reading.loops[one].items {
                match item {
                    Item::Node(node) if *node == self.reading.loops[one].target => {
                        self.node(*node, by_always, around);
                    }
                    item => self.visit(*item, around),
                }
            }
            if self.waits && self.reading.loops[one].body.iter().any(|node| self.ended[*node].is_none()) {
                return;
            }
            // what catches a failure and leaves the loop is followed when that is over: if it turned, nothing would handle it
            if self.turning[one].is_some()
                && self.ending.is_none()
                && let Some(node) = self.unhandled(one)
            {
                let ended = self.ended[node].clone().expect("it is done");
                self.note(node, &ended, &[]);
            }
            let may = |by_always: bool| match &self.ending {
                None => true,
                Some(ending) => ending.at < began && by_always && ending.always,
            };
            by_always = self.turning[one].filter(|by_always| may(*by_always));
            if by_always.is_none() {
                return self.is_over(one);
            }
            if self.reading.around(self.reading.loops[one].target).len() > 1 {
                self.met.insert("a loop within a loop");
            }
            self.begin_anew(one);
            self.iteration[one] += 1;
        }
    }

    /// As if nothing of the body had ever run.
    fn begin_anew(&mut self, one: usize) {
        let body = &self.reading.loops[one].body;
        for node in body {
            self.ended[*node] = None;
            self.by_always[*node] = false;
        }
        for (at, edge) in self.reading.edges.iter().enumerate() {
            if body.contains(&edge.from) && body.contains(&edge.to) {
                self.edges[at] = None;
            }
        }
    }

    /// The edges that leave the body are decided, once, with their value in the last iteration: those that leave a loop around
    /// it as well, when that one is over.
    fn is_over(&mut self, one: usize) {
        let leaves = |edge: &Edge| {
            self.reading.loops[one].body.contains(&edge.from) && self.reading.left_by(edge).contains(&one)
        };
        let last = |edge: &Edge| self.reading.left_by(edge).last() == Some(&one);
        let leaving: Vec<usize> =
            (0..self.reading.edges.len()).filter(|at| leaves(&self.reading.edges[*at])).collect();
        let (held, further): (Vec<usize>, Vec<usize>) =
            leaving.into_iter().partition(|at| last(&self.reading.edges[*at]));
        let sources: BTreeSet<usize> = held.iter().map(|at| self.reading.edges[*at].from).collect();
        for source in sources {
            let before = self.ended[source].clone().expect("it is done");
            let writes: Vec<(String, Json)> = self
                .writes
                .iter()
                .filter(|write| write.writer == source && write.at == self.began[source])
                .map(|write| (write.channel.clone(), write.value.clone()))
                .collect();
            let (ended, taken) = self.decide_at_the_end(source, &before, &writes, one);
            self.meets(source, (&before, &ended), &taken, &further);
            let same =
                ended.failure.as_ref().map(|now| &now.kind) == before.failure.as_ref().map(|then| &then.kind);
            // "the failure is handled where one of them is taken": now, with a loop further out, or, of the same failure, before
            let earlier = |at: &usize| {
                let edge = &self.reading.edges[*at];
                same && edge.from == source
                    && !held.contains(at)
                    && self.edges[*at] == Some(true)
                    && self.is_for_its_failure(*at)
            };
            let mut caught = taken.clone();
            caught.extend((0..self.reading.edges.len()).filter(earlier));
            self.note(source, &ended, &caught);
            self.ended[source] = Some(ended);
            for at in held.iter().filter(|at| self.reading.edges[**at].from == source) {
                self.decided(*at, taken.contains(at));
            }
        }
    }

    /// What of nested loops this came by.
    fn meets(
        &mut self,
        source: usize,
        (before, ended): (&Ended, &Ended),
        taken: &[usize],
        further: &[usize],
    ) {
        let kind = |ended: &Ended| ended.failure.as_ref().map(|failure| failure.kind.clone());
        let catches = |at: &usize| self.catches(*at);
        let is_exhausted = kind(ended).as_deref() == Some("exhausted");
        let mut met = Vec::new();
        if is_exhausted && kind(before) != kind(ended) {
            let further = taken.iter().any(|at| further.contains(at) && catches(at));
            met.push(if further { "exhausted, caught further out" } else { "exhausted by a loop around" });
        }
        let was_turning = |at: &usize| {
            let edge = &self.reading.edges[*at];
            edge.from == source && edge.turns.is_some() && catches(at) && !taken.contains(at)
        };
        let failed = ended.status == "failed" && kind(before) == kind(ended);
        if failed && !taken.iter().any(catches) && (0..self.reading.edges.len()).any(|at| was_turning(&at)) {
            met.push("a failure that only a loop edge caught, which ran out");
        }
        let otherwise = |at: &usize| self.reading.edges[*at].outcome == Outcome::Otherwise;
        let left = |at: &usize| self.reading.left_by(&self.reading.edges[*at]).len();
        let ran_out = |at: &usize| {
            let edge = &self.reading.edges[*at];
            let turned = edge.turns.filter(|_| edge.from == source && edge.outcome == Outcome::Success);
            turned.is_some_and(|(turned, _)| self.iteration[turned] >= self.reading.loops[turned].max)
        };
        let rest = taken.iter().filter(|at| otherwise(at)).map(left).max().unwrap_or_default();
        if (0..self.reading.edges.len()).any(|at| ran_out(&at) && (1..rest).contains(&left(&at))) {
            met.push("otherwise, beside a loop that was left further in");
        }
        self.met.extend(met);
    }

    /// The first node of a body whose failure nothing in it handles.
    fn unhandled(&self, one: usize) -> Option<usize> {
        let failed =
            |node: &&usize| self.ended[**node].as_ref().is_some_and(|ended| ended.status == "failed");
        let handles =
            |at: &usize| self.is_for_its_failure(*at) && self.edges[*at] == Some(true) && self.leads_on(*at);
        let handled = |node: &usize| {
            (0..self.reading.edges.len()).any(|at| self.reading.edges[at].from == *node && handles(&at))
        };
        let body = self.reading.loops[one].body.iter();
        body.filter(failed).filter(|node| !handled(node)).min_by_key(|node| self.began[**node]).copied()
    }
}
