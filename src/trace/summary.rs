//! What a run came to, for people and scripts: a function of its state alone. Knows neither its wire form nor time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::plan::NodeIx;

use super::frame::{Frame, Ran, position};
use super::state::{Phase, RunState};
use super::work::Stage;
use super::{FrameId, GraphError, GraphOutcome, NodeError, QuestionId, RunStatus, Status, Totals, Unit};

/// A run as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How it ended, or stands; none while it runs.
    pub status: Option<RunStatus>,
    /// The inputs, defaults included.
    pub inputs: Arc<Value>,
    /// Only if it succeeded.
    pub outputs: Option<Arc<Value>>,
    /// Why it failed.
    pub error: Option<GraphError>,
    /// The nodes of the run's own graph, by id.
    pub nodes: BTreeMap<String, NodeSummary>,
    /// What ran, in canonical order, those of subgraphs at their node's place: `outer/inner`.
    pub path: Vec<String>,
    /// Sums.
    pub totals: Totals,
    /// Open questions.
    pub waiting: Vec<Waiting>,
}

/// A node as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSummary {
    /// How it ended in its last iteration; none while it is not decided.
    pub status: Option<Status>,
    /// Did it begin, and has not ended?
    pub under_way: bool,
    /// In how many iterations it ran.
    pub iterations: u32,
    /// Why it failed.
    pub error: Option<Arc<NodeError>>,
    /// Why it did not run.
    pub reason: Option<String>,
}

/// A question that nobody has answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Its number.
    pub id: QuestionId,
    /// `outer/inner`
    pub node: String,
    /// The index of the item, of a node that asks for each.
    pub item: Option<u32>,
    /// What is shown.
    pub show: Arc<Value>,
    /// The choices.
    pub options: Vec<String>,
    /// JSON Schema of a further answer.
    pub response: Option<Arc<Value>>,
    /// Does the policy ask, before a call?
    pub policy: bool,
}

impl RunState {
    /// What the run came to so far.
    pub fn summary(&self) -> Summary {
        let (status, outcome) = match &self.phase {
            Phase::Finished { status, outcome } => (Some(*status), Some(outcome)),
            Phase::Suspended => (Some(RunStatus::Suspended), None),
            Phase::New | Phase::Running | Phase::Halted => (None, None),
        };
        let root = self.frame(FrameId::ROOT);
        let over = outcome.is_some();
        Summary {
            status,
            inputs: root.map(|frame| Arc::clone(&frame.inputs_view)).unwrap_or_default(),
            outputs: outcome.and_then(|outcome| match outcome {
                GraphOutcome::Succeeded(outputs) => Some(Arc::clone(outputs)),
                GraphOutcome::Failed(_) => None,
            }),
            error: outcome.and_then(|outcome| match outcome {
                GraphOutcome::Succeeded(_) => None,
                GraphOutcome::Failed(error) => Some(error.clone()),
            }),
            nodes: root.map(|frame| frame.node_summaries(over)).unwrap_or_default(),
            path: root.map(|frame| self.path_of(frame)).unwrap_or_default(),
            totals: self.totals,
            waiting: self.questions.values().map(|question| self.waiting(question)).collect(),
        }
    }

    fn waiting(&self, question: &super::Question) -> Waiting {
        Waiting {
            id: question.id,
            node: self.node_path(question.unit.at),
            item: question.unit.item,
            show: Arc::clone(&question.show),
            options: question.options.clone(),
            response: question.response.clone(),
            policy: question.policy,
        }
    }

    /// Executions that are not over are taken at their nodes as well.
    fn path_of(&self, frame: &Frame) -> Vec<String> {
        let mut ran = frame.ran.clone();
        let inside = self.frames.iter().flatten();
        for (unit, attempt, child) in inside.filter_map(|child| {
            let (unit, attempt) = child.parent?;
            Some((unit, attempt, child))
        }) {
            if self.frame(unit.at.frame).is_some_and(|around| std::ptr::eq(around, frame)) {
                let last = ran.iter_mut().rev().find(|ran| ran.node == unit.at.node);
                if let Some(last) = last {
                    last.inside.push((unit.item, attempt, self.path_of(child)));
                }
            }
        }
        path(frame, ran)
    }
}

impl Frame {
    fn node_summaries(&self, over: bool) -> BTreeMap<String, NodeSummary> {
        let nodes = self.plan().nodes.iter().zip(&self.nodes);
        nodes
            .map(|(node, state)| {
                let ended = state.result.as_ref().map(super::NodeResult::status);
                // what an end at once has caught running, or has not let begin
                let caught = (over && state.stage != Stage::Settled).then_some(Status::Cancelled);
                let summary = NodeSummary {
                    status: ended.or(caught),
                    under_way: !over && state.stage == Stage::Running,
                    iterations: state.ran,
                    error: state.result.as_ref().and_then(|result| result.error().cloned()),
                    reason: state.reason.as_deref().map(str::to_owned),
                };
                (node.id.to_string(), summary)
            })
            .collect()
    }

    /// What ran, in canonical order, with the ids of the nodes that this execution is inside of.
    pub(crate) fn ran_path(&self) -> Vec<String> {
        path(self, self.ran.clone())
    }

    /// Where a unit stands, so that no two are the same: `outer#2[3]!1/inner#1!1`.
    pub(crate) fn unit_address(&self, unit: Unit, attempt: u32) -> String {
        use std::fmt::Write as _;
        let mut address = format!("{}{}", self.address, self.plan().node(unit.at.node).id);
        let iterations = self.iterations(unit.at.node);
        for (at, iteration) in iterations.iter().enumerate() {
            // writing to a String cannot fail
            let _ = write!(address, "{}{iteration}", if at == 0 { '#' } else { '.' });
        }
        if let Some(item) = unit.item {
            let _ = write!(address, "[{item}]");
        }
        let _ = write!(address, "!{attempt}");
        address
    }
}

fn path(frame: &Frame, mut ran: Vec<Ran>) -> Vec<String> {
    ran.sort_by_cached_key(|ran| position(frame.plan(), ran.node, &ran.iterations));
    let id = |node: NodeIx| format!("{}{}", frame.path, frame.plan().node(node).id);
    let mut path = Vec::with_capacity(ran.len());
    for mut ran in ran {
        path.push(id(ran.node));
        ran.inside.sort();
        path.extend(ran.inside.into_iter().flat_map(|(_, _, inside)| inside));
    }
    path
}
