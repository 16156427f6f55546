//! Where a run stands: rebuilt from its events alone, changed by `apply` alone. Decides nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::effect::Provenance;
use crate::plan::{EdgeIx, LoopIx, NodeIx, Plan, PlanSources};

use super::frame::{Frame, Indexes};
use super::work::{Step, UnitState};
use super::{
    At, CallId, CallOrder, Cost, FrameId, GraphOutcome, Question, QuestionId, RunStatus, Unit, WaitFor,
    WaitId,
};

/// A run, as far as its events go.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    pub(crate) run: Arc<str>,
    pub(crate) phase: Phase,
    pub(crate) run_view: Arc<Value>,
    /// By [`FrameId`]; executions that are over keep nothing.
    pub(crate) frames: Vec<Option<Box<Frame>>>,
    /// What is to be decided next, in order.
    pub(crate) agenda: VecDeque<Task>,
    /// Units that wait for a slot, by execution and group; within, in canonical order.
    pub(crate) queues: BTreeMap<(FrameId, Option<Arc<str>>), Queue>,
    /// Leaf calls that run, by group: a group is one for all executions of the graph that defines it.
    pub(crate) busy_groups: BTreeMap<Group, u32>,
    pub(crate) calls: BTreeMap<CallId, OpenCall>,
    pub(crate) waits: BTreeMap<WaitId, (WaitFor, Duration)>,
    pub(crate) questions: BTreeMap<QuestionId, Question>,
    /// Approvals of calls that were shown before they are made, by the node that will make each.
    pub(crate) given: BTreeMap<At, Arc<Value>>,
    /// Executions that end because of a failure, and are not over.
    pub(crate) ending: BTreeSet<FrameId>,
    pub(crate) next_call: u32,
    pub(crate) next_wait: u32,
    pub(crate) next_question: u32,
    pub(crate) totals: Totals,
    pub(crate) indexes: Indexes,
    pub(crate) sources: Arc<PlanSources>,
}

/// Units that wait for a slot: rank, item, node.
pub(crate) type Queue = BTreeSet<(u32, Option<u32>, NodeIx)>;

/// A group: the place of the graph that defines it, and its name.
pub(crate) type Group = (Arc<str>, Arc<str>);

/// Sums over the whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that have ended.
    pub calls: u64,
    /// Calls that the policy refused.
    pub denied: u64,
}

/// Where a run stands as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Not started.
    New,
    /// Running.
    Running,
    /// Nothing goes on before a question is answered.
    Suspended,
    /// To be ended at once.
    Halted,
    /// Over.
    Finished {
        /// How it ended.
        status: RunStatus,
        /// Its outputs, or the error.
        outcome: GraphOutcome,
    },
}

/// Something to be decided. Each yields at least one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// A node that is reached.
    Begin(At),
    /// A node that is not.
    NotReached(At),
    /// A unit that goes on without a slot, or whose attempt has come to something.
    Step(Unit),
    /// A `for_each` whose next item may start, or that is done.
    Items(At),
    /// A decided edge, of which its target has to hear.
    Edge(FrameId, EdgeIx, bool),
    /// An iteration is over.
    LoopEnd(FrameId, LoopIx),
    /// Every node of an execution is decided.
    GraphEnd(FrameId),
    /// A call has ended and is to be charged.
    Charge(CallId, FrameId, Cost),
    /// A call is to end early.
    CancelCall(CallId),
    /// A wait begins.
    Wait(WaitFor, Duration),
    /// The time of an execution is up.
    TimeIsUp(FrameId),
}

/// A call that runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenCall {
    pub(crate) unit: Unit,
    pub(crate) order: Arc<CallOrder>,
    /// The runner has been asked to end it, or will be.
    pub(crate) cancelling: bool,
}

impl RunState {
    /// A run of `plan` that has not started. `run` is its id.
    pub fn new(run: impl Into<Arc<str>>, plan: &Arc<Plan>) -> Self {
        let mut indexes = Indexes::default();
        let root = Frame::new(indexes.of(plan), None, "".into(), "".into(), &Arc::new(json!({})));
        Self {
            run: run.into(),
            phase: Phase::New,
            run_view: Arc::new(Value::Null),
            frames: vec![Some(Box::new(root))],
            agenda: VecDeque::new(),
            queues: BTreeMap::new(),
            busy_groups: BTreeMap::new(),
            calls: BTreeMap::new(),
            waits: BTreeMap::new(),
            questions: BTreeMap::new(),
            given: BTreeMap::new(),
            ending: BTreeSet::new(),
            next_call: 0,
            next_wait: 0,
            next_question: 1,
            totals: Totals::default(),
            indexes,
            sources: Arc::new(PlanSources::of(plan)),
        }
    }

    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The plan of the run's own graph.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.frame(FrameId::ROOT).map(|frame| &frame.plan.plan)
    }

    /// Where it stands as a whole.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Sums over the whole run.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Has it ended? Then with what?
    pub fn outcome(&self) -> Option<(RunStatus, &GraphOutcome)> {
        match &self.phase {
            Phase::Finished { status, outcome } => Some((*status, outcome)),
            _ => None,
        }
    }

    /// The calls that were started and have not ended, with what was asked.
    pub fn open_calls(&self) -> impl Iterator<Item = (CallId, &Arc<CallOrder>)> {
        self.calls.iter().map(|(id, call)| (*id, &call.order))
    }

    /// Where the parameters of an open call come from, as far as its plan tells.
    pub fn provenance(&self, call: CallId) -> Option<Provenance> {
        let open = self.calls.get(&call)?;
        let at = open.unit.at;
        let sources = self.sources_of(at.frame)?.node(at.node)?;
        // what a model asks for, and what it is told of that, comes from all that its answer does
        let rounds = self.unit(open.unit).and_then(|unit| unit.talk.as_ref()).map_or(0, |talk| talk.rounds);
        if rounds > 0 { Some(sources.of_answer()) } else { Some(sources.provenance()) }
    }

    /// The sources of an execution.
    fn sources_of(&self, id: FrameId) -> Option<PlanSources> {
        match self.frame(id)?.parent {
            None => Some(PlanSources::clone(&self.sources)),
            Some((unit, _)) => self.sources_of(unit.at.frame)?.inner(unit.at.node),
        }
    }

    /// Does the run still wait for this call?
    pub fn awaits_call(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// Is this call to end early?
    pub(crate) fn is_cancelling(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|open| open.cancelling)
    }

    /// The waits that have begun and not ended, with their whole length.
    pub fn open_waits(&self) -> impl Iterator<Item = (WaitId, WaitFor, Duration)> {
        self.waits.iter().map(|(id, (reason, duration))| (*id, *reason, *duration))
    }

    /// Is this wait the time that a person has for an answer? It passes while the run is suspended, too.
    pub fn times_a_person(&self, reason: WaitFor) -> bool {
        let WaitFor::Timeout(unit) = reason else { return false };
        let asking = self.unit(unit).and_then(|unit| match unit.step {
            Step::Asking(question) => self.questions.get(&question),
            _ => None,
        });
        asking.is_some_and(|question| !question.policy)
    }

    /// Is this open wait the time that a person has for an answer?
    pub fn awaits_person(&self, wait: WaitId) -> bool {
        self.waits.get(&wait).is_some_and(|(reason, _)| self.times_a_person(*reason))
    }

    /// Does the run still wait for this time to pass? A timer of what has ended meanwhile is of no more use.
    pub fn awaits(&self, wait: WaitId) -> bool {
        self.waits.contains_key(&wait)
    }

    /// The questions that nobody has answered.
    pub fn open_questions(&self) -> impl Iterator<Item = &Question> {
        self.questions.values()
    }

    /// `outer/inner`: a node with the subgraph nodes before it.
    pub fn node_path(&self, at: At) -> String {
        self.frame(at.frame)
            .map_or_else(String::new, |frame| format!("{}{}", frame.path, frame.plan.plan.node(at.node).id))
    }

    /// `outer/target`: a loop, named by its target.
    pub fn loop_path(&self, frame: FrameId, at: LoopIx) -> String {
        let target = self.frame(frame).map(|known| known.plan.plan.loops[at.0 as usize].target);
        target.map_or_else(String::new, |node| self.node_path(At { frame, node }))
    }

    /// The approval that was given before a unit's first call.
    pub(crate) fn given_ahead(&self, unit: Unit) -> Option<&Value> {
        if unit.item.is_some() { None } else { self.given.get(&unit.at).map(|approval| &**approval) }
    }

    /// Does the node run commands?
    pub fn runs_command(&self, at: At) -> bool {
        self.frame(at.frame).is_some_and(|frame| frame.plan().node(at.node).uses == crate::model::Uses::Exec)
    }

    /// Does the node collect the failures of its items?
    pub fn collects(&self, at: At) -> bool {
        let rule = self.frame(at.frame).and_then(|frame| frame.plan().node(at.node).for_each.as_ref());
        rule.is_some_and(|rule| rule.on_error == crate::model::OnItemError::Collect)
    }

    pub(crate) fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.frames.get(id.0 as usize)?.as_deref()
    }

    pub(crate) fn unit(&self, unit: Unit) -> Option<&UnitState> {
        let node = &self.frame(unit.at.frame)?.nodes[unit.at.node.0 as usize];
        node.work.as_ref()?.units.get(unit.item.unwrap_or_default() as usize)
    }
}
