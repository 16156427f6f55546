//! Which nodes have surely succeeded in every run that succeeds: what outputs may refer to.

use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan, PlanNode};

use super::conditions::Decisions;
use super::flow::Flow;

/// Nodes that are asked about one by one, through the whole graph; of more, nothing is said.
const ASKED: usize = 64;

/// Answers for one graph.
pub(super) struct Sure<'s> {
    plan: &'s Plan,
    flow: &'s Flow,
    decisions: &'s Decisions,
    left: usize,
}

impl<'s> Sure<'s> {
    pub(super) fn new(plan: &'s Plan, flow: &'s Flow, decisions: &'s Decisions) -> Self {
        Self { plan, flow, decisions, left: ASKED }
    }

    /// Has the node surely succeeded, or was it skipped, where the run has succeeded? `true` where that is not known.
    pub(super) fn has_succeeded(&mut self, target: NodeIx) -> bool {
        if self.begins(target) || self.left == 0 {
            return true;
        }
        self.left -= 1;
        let plan = self.plan;
        let mut sure = vec![false; plan.nodes.len()];
        for &at in plan.order.iter().rev() {
            sure[at.0 as usize] = self.flow.doomed[at.0 as usize] || self.leads(at, target, &sure);
        }
        let entries = plan.order.iter().filter(|at| plan.node(**at).incoming.is_empty());
        entries.into_iter().any(|at| sure[at.0 as usize])
    }

    /// Does every run begin with what leads to it?
    fn begins(&self, target: NodeIx) -> bool {
        let mut at = target;
        for _ in 0..self.plan.nodes.len() {
            if self.flow.handled[at.0 as usize] {
                return false;
            }
            let node = self.plan.node(at);
            if node.incoming.is_empty() {
                return true;
            }
            let mut incoming = node.incoming.iter().map(|edge| self.plan.edge(*edge));
            let plain = incoming.find(|edge| edge.outcome == EdgeOutcome::Success && edge.when.is_none());
            let Some(plain) = plain else { return false };
            at = plain.from;
        }
        false
    }

    /// Once `at` runs, does a run that succeeds lead to the target?
    fn leads(&self, at: NodeIx, target: NodeIx, sure: &[bool]) -> bool {
        let node = self.plan.node(at);
        (at == target || self.success_leads(at, node, sure)) && self.failures_lead(node, sure)
    }

    fn success_leads(&self, at: NodeIx, node: &PlanNode, sure: &[bool]) -> bool {
        let forward = |edge: &&EdgeIx| self.plan.edge(**edge).turns.is_none();
        let leads = |edge: &EdgeIx| sure[self.plan.edge(*edge).to.0 as usize];
        let edges: Vec<EdgeIx> = node.outgoing.iter().filter(forward).copied().collect();
        let of = |outcome: EdgeOutcome, conditional: bool| {
            let chosen = edges.iter().filter(move |edge| {
                let edge = self.plan.edge(**edge);
                edge.outcome == outcome && edge.when.is_some() == conditional
            });
            chosen.copied().collect::<Vec<EdgeIx>>()
        };
        if of(EdgeOutcome::Success, false).iter().any(leads) {
            return true;
        }
        let conditional = of(EdgeOutcome::Success, true);
        let otherwise = of(EdgeOutcome::Otherwise, false);
        let complete = !otherwise.is_empty() || self.decisions.may_be_complete(at, conditional.len());
        let choices: Vec<EdgeIx> = conditional.into_iter().chain(otherwise).collect();
        complete && !choices.is_empty() && choices.iter().all(leads)
    }

    /// A failure that is caught goes on; one that is not ends the run in failure.
    fn failures_lead(&self, node: &PlanNode, sure: &[bool]) -> bool {
        let edges = node.outgoing.iter().map(|edge| self.plan.edge(*edge));
        let mut catching = Vec::new();
        for edge in edges.filter(|edge| edge.turns.is_none()) {
            if let EdgeOutcome::Catch(kinds) = &edge.outcome {
                catching.push((kinds, sure[edge.to.0 as usize]));
            }
        }
        let kinds = catching.iter().flat_map(|(kinds, _)| kinds.iter());
        kinds.into_iter().all(|kind| catching.iter().any(|(kinds, leads)| *leads && kinds.contains(kind)))
    }
}
