//! How the edges of a node are decided: together, when it is done.

use serde_json::Value as Json;

use super::expression::{Fault, holds};
use super::reading::Outcome;
use super::run::Execution;
use super::told::{Ended, Failure};

impl Execution<'_> {
    /// How the edges of a node are decided. `over`: the loop that is over, for edges that waited for that.
    pub(super) fn decide(
        &self,
        node: usize,
        ended: Ended,
        writes: &[(String, Json)],
        over: Option<usize>,
    ) -> (Ended, Vec<usize>) {
        let edges: Vec<usize> =
            (0..self.reading.edges.len()).filter(|at| self.reading.edges[*at].from == node).collect();
        let by_its_edges = ended
            .failure
            .as_ref()
            .is_some_and(|failure| ["exhausted", "expression"].contains(&failure.kind.as_str()));
        let mut ended = ended;
        if !by_its_edges {
            let conditions: Vec<_> = edges.iter().map(|at| self.condition(*at, &ended, writes)).collect();
            let without_value = conditions.iter().any(Result::is_err);
            // "a node that had failed, and whose failure no edge catches, stays failed with that"
            let is_caught = || {
                let catches = |at: &usize| matches!(self.reading.edges[*at].outcome, Outcome::Catch(_));
                edges.iter().zip(&conditions).any(|(at, held)| catches(at) && matches!(held, Ok(true)))
            };
            if without_value && ["failed", "cancelled"].contains(&ended.status) && !is_caught() {
                if let Some(failure) = &mut ended.failure {
                    // it tells of the condition as well, in the engine's own words
                    failure.message = None;
                }
                return (ended.clone(), self.taken(&edges, &ended, writes, over));
            }
            let ran_out = edges.iter().zip(&conditions).any(|(at, held)| {
                matches!(held, Ok(true)) && self.has_run_out(*at, over) && !self.leaves(*at)
            });
            let kind = if without_value { Some("expression") } else { ran_out.then_some("exhausted") };
            if let Some(kind) = kind {
                ended = Ended { status: "failed", failure: Some(Failure::new(kind)), ..ended };
            }
        }
        let taken = self.taken(&edges, &ended, writes, over);
        (ended, taken)
    }

    /// Those of a node's edges that are taken, as it has ended.
    fn taken(
        &self,
        edges: &[usize],
        ended: &Ended,
        writes: &[(String, Json)],
        over: Option<usize>,
    ) -> Vec<usize> {
        let is_taken = |at: &usize| {
            matches!(self.condition(*at, ended, writes), Ok(true)) && !self.has_run_out(*at, over)
        };
        let mut taken: Vec<usize> = edges.iter().copied().filter(is_taken).collect();
        let good = ["succeeded", "skipped"].contains(&ended.status);
        let outcome = |at: &usize| &self.reading.edges[*at].outcome;
        if good && !taken.iter().any(|at| *outcome(at) == Outcome::Success) {
            taken.extend(edges.iter().filter(|at| *outcome(at) == Outcome::Otherwise));
        }
        taken
    }

    /// Is the edge one for how the node ended, and does its condition hold?
    fn condition(&self, at: usize, ended: &Ended, writes: &[(String, Json)]) -> Result<bool, Fault> {
        let edge = &self.reading.edges[at];
        let fits = match (&edge.outcome, ended.status) {
            (Outcome::Success | Outcome::Always, "succeeded" | "skipped")
            | (Outcome::Always, "failed" | "cancelled") => true,
            (Outcome::Catch(kinds), "failed") => {
                ended.failure.as_ref().is_some_and(|failure| kinds.contains(&failure.kind))
            }
            _ => false,
        };
        match &edge.when {
            Some(when) if fits => holds(when, &self.scope(edge.from, None, Some((ended, writes)))),
            _ => Ok(fits),
        }
    }

    /// "Where the condition of a loop edge holds in iteration `max`"; "a source that lies in an inner loop is judged when
    /// the inner loop is over": of several, when the last of those is over that the edge leaves.
    fn has_run_out(&self, at: usize, over: Option<usize>) -> bool {
        let edge = &self.reading.edges[at];
        let Some((turned, _)) = edge.turns else { return false };
        let is_over = |left: &usize| {
            over.is_some_and(|over| {
                self.reading.loops[over].body.is_superset(&self.reading.loops[*left].body)
            })
        };
        self.reading.left_by(edge).iter().all(is_over)
            && self.iteration[turned] >= self.reading.loops[turned].max
    }

    /// A loop is over, and with it the edges that leave no loop further out are decided. What a node of its body comes to now,
    /// and the edges that are for that: those that are decided with this loop, and those that are decided with one around
    /// it, the last iteration of which this may still be.
    pub(super) fn decide_at_the_end(
        &self,
        node: usize,
        before: &Ended,
        writes: &[(String, Json)],
        over: usize,
    ) -> (Ended, Vec<usize>) {
        let (ended, mut taken) = self.decide(node, before.clone(), writes, Some(over));
        let body = &self.reading.loops[over].body;
        taken.retain(|at| !body.contains(&self.reading.edges[*at].to));
        (ended, taken)
    }

    fn leaves(&self, at: usize) -> bool {
        self.reading.edges[at].turns.is_some_and(|(_, leave)| leave)
    }
}
