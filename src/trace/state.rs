//! Where a run stands: rebuilt from its events alone, changed by `apply` alone. Decides nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::effect::Provenance;
use crate::plan::{ChannelIx, EdgeIx, LoopIx, NodeIx, Plan, PlanSources};

use super::channel::Writes;
use super::talk::Talk;
use super::{
    Answer, At, CallId, CallOrder, CallOutcome, Cost, FrameId, GraphError, GraphOutcome, Index, NodeResult,
    Question, QuestionId, RunStatus, Unit, WaitFor, WaitId,
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

/// One execution of a graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) plan: PlanRef,
    /// The node that it is for, and its attempt; none for the run's own graph.
    pub(crate) parent: Option<(Unit, u32)>,
    /// `outer[3]!1/`, to tell executions apart; empty for the run's own graph.
    pub(crate) address: Arc<str>,
    /// `outer/`: the ids alone.
    pub(crate) path: Arc<str>,
    pub(crate) inputs: BTreeMap<String, Arc<Value>>,
    pub(crate) inputs_view: Arc<Value>,
    pub(crate) nodes: Vec<NodeState>,
    /// By edge: decided how?
    pub(crate) edges: Vec<Option<bool>>,
    pub(crate) loops: Vec<LoopState>,
    /// By channel.
    pub(crate) channels: Vec<Writes>,
    /// Parts outside of loops that are not settled.
    pub(crate) open: u32,
    /// Nodes that run, and loops that wait between iterations.
    pub(crate) running: BTreeSet<NodeIx>,
    /// What was reached through `always` and waits for the rest to end.
    pub(crate) parked: BTreeSet<(u32, NodeIx)>,
    pub(crate) ending: Option<Ending>,
    pub(crate) spent: Cost,
    /// Budgets whose end is in the trace.
    pub(crate) exceeded: Vec<super::Budget>,
    /// Leaf calls that run, here and in executions inside.
    pub(crate) busy: u32,
    /// By group.
    pub(crate) busy_groups: BTreeMap<Arc<str>, u32>,
    /// What ran, in real order.
    pub(crate) ran: Vec<Ran>,
}

/// A node that ran, for the path of the run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ran {
    pub(crate) node: NodeIx,
    /// Of the loops around it, outermost first.
    pub(crate) iterations: Box<[u32]>,
    /// The paths of its subgraphs, by item and attempt.
    pub(crate) inside: Vec<(Option<u32>, u32, Vec<String>)>,
}

/// A failure or a cancellation ends an execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    /// What comes later than this in canonical order does not start. Empty: everything does.
    pub(crate) bound: Vec<u32>,
    /// What it came from.
    pub(crate) error: GraphError,
    /// `always` edges are followed.
    pub(crate) always: bool,
    /// `always` paths run, and the rest has ended.
    pub(crate) grace: bool,
}

/// A plan with what follows from it.
#[derive(Debug, Clone)]
pub(crate) struct PlanRef {
    pub(crate) plan: Arc<Plan>,
    pub(crate) index: Arc<Index>,
}

impl PartialEq for PlanRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plan, &other.plan) || self.plan.digest == other.plan.digest
    }
}

/// The indexes of the plans that were met.
#[derive(Debug, Clone, Default)]
pub(crate) struct Indexes(Vec<PlanRef>);

impl PartialEq for Indexes {
    /// What was derived is no part of the state.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Indexes {
    pub(crate) fn of(&mut self, plan: &Arc<Plan>) -> PlanRef {
        if let Some(known) = self.0.iter().find(|known| Arc::ptr_eq(&known.plan, plan)) {
            return known.clone();
        }
        let made = PlanRef { plan: Arc::clone(plan), index: Arc::new(Index::of(plan)) };
        self.0.push(made.clone());
        made
    }
}

/// A node in its present iteration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeState {
    /// Forward edges that are not decided.
    pub(crate) pending: u32,
    pub(crate) stage: Stage,
    /// Reached through an `always` edge, or by what follows from one.
    pub(crate) via_always: bool,
    /// In how many iterations it ran.
    pub(crate) ran: u32,
    /// While it runs.
    pub(crate) work: Option<Box<Work>>,
    pub(crate) result: Option<NodeResult>,
    /// Why it did not run.
    pub(crate) reason: Option<Box<str>>,
}

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Edges to it are undecided.
    Waiting,
    /// It is to be decided: a task says so.
    Ready,
    /// It waits for the rest to end.
    Parked,
    /// It waits between iterations.
    Delayed,
    /// It runs.
    Running,
    /// It is done.
    Settled,
}

/// What a running node does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// Of a `for_each`.
    pub(crate) items: Option<Arc<Value>>,
    /// By item; one where there is no `for_each`.
    pub(crate) units: Vec<UnitState>,
    /// Items that run.
    pub(crate) live: u32,
    /// The lowest failed item: no later one starts.
    pub(crate) bound: Option<u32>,
    /// The node is to end early.
    pub(crate) cancelling: bool,
    /// A task says that items are to be looked at.
    pub(crate) looked_at: bool,
    /// Writes that hold once the node has succeeded.
    pub(crate) writes: Vec<(Option<u32>, ChannelIx, Arc<Value>)>,
}

/// What a unit does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitState {
    /// From 1.
    pub(crate) attempt: u32,
    /// Calls of this attempt.
    pub(crate) calls: u32,
    pub(crate) step: Step,
    /// It is to end early.
    pub(crate) cancelling: bool,
    /// Its attempt took too long.
    pub(crate) timed_out: bool,
    /// Does it hold a slot?
    pub(crate) slot: bool,
    /// The timer of its attempt.
    pub(crate) timer: Option<WaitId>,
    /// The calls of this attempt, for the next: what was asked last.
    pub(crate) asked: Option<Arc<CallOrder>>,
    /// The approval that its next call carries.
    pub(crate) approval: Option<Box<Value>>,
    /// Of `llm`: the conversation of this attempt.
    pub(crate) talk: Option<Box<Talk>>,
}

/// Where a unit stands in its attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// It is to begin: a task says so.
    Ready,
    /// It waits for a slot.
    Queued,
    /// It waits for the runner.
    Calling(CallId),
    /// It waits for a subgraph.
    Inside(FrameId),
    /// It waits for a person.
    Asking(QuestionId),
    /// It waits for its next attempt; none: the wait has not begun.
    Backoff(Option<WaitId>),
    /// Its attempt has come to something: a task says so.
    Returned(Returned),
    /// It is done.
    Done(NodeResult),
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Returned {
    Call(Arc<CallOutcome>),
    Graph(GraphOutcome),
    Granted(Box<Answer>),
    Rejected(Box<Answer>),
    TimedOut,
    Cancelled,
}

/// A loop in its present iteration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoopState {
    /// From 1.
    pub(crate) iteration: u32,
    /// Parts of the body that are not settled.
    pub(crate) open: u32,
    /// Was a loop edge taken, and by a node that was reached through `always`?
    pub(crate) turning: Option<bool>,
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
    fn sources_of(&self, id: FrameId) -> Option<&PlanSources> {
        match self.frame(id)?.parent {
            None => Some(&self.sources),
            Some((unit, _)) => self.sources_of(unit.at.frame)?.node(unit.at.node)?.inner(),
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

impl Frame {
    pub(crate) fn new(
        plan: PlanRef,
        parent: Option<(Unit, u32)>,
        address: Arc<str>,
        path: Arc<str>,
        inputs: &Arc<Value>,
    ) -> Self {
        let (graph, index) = (&plan.plan, &plan.index);
        let nodes = index.incoming.iter().map(|incoming| NodeState::new(*incoming)).collect();
        let edges = vec![None; graph.edges.len()];
        let loops = index.loops.iter().map(|l| LoopState::new(l.parts)).collect();
        let channels = graph.channels.iter().map(|_| Writes::default()).collect();
        let mut frame = Self {
            parent,
            address,
            path,
            inputs: BTreeMap::new(),
            inputs_view: Arc::new(json!({})),
            nodes,
            edges,
            loops,
            channels,
            open: index.outermost,
            running: BTreeSet::new(),
            parked: BTreeSet::new(),
            ending: None,
            spent: Cost::default(),
            exceeded: Vec::new(),
            busy: 0,
            busy_groups: BTreeMap::new(),
            ran: Vec::new(),
            plan,
        };
        frame.give(inputs);
        frame
    }

    /// Takes the inputs of a run.
    pub(crate) fn give(&mut self, inputs: &Arc<Value>) {
        self.inputs_view = Arc::clone(inputs);
        let entries = inputs.as_object().into_iter().flatten();
        self.inputs = entries.map(|(name, value)| (name.clone(), Arc::new(value.clone()))).collect();
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan.plan
    }

    pub(crate) fn node(&self, at: NodeIx) -> &NodeState {
        &self.nodes[at.0 as usize]
    }

    pub(crate) fn node_mut(&mut self, at: NodeIx) -> &mut NodeState {
        &mut self.nodes[at.0 as usize]
    }

    /// The iterations that a node is in, outermost loop first.
    pub(crate) fn iterations(&self, at: NodeIx) -> Box<[u32]> {
        self.plan().node(at).loops.iter().map(|l| self.loops[l.0 as usize].iteration).collect()
    }

    /// The place of a node's present iteration in canonical order: compare as lists.
    pub(crate) fn position(&self, at: NodeIx) -> Vec<u32> {
        position(self.plan(), at, &self.iterations(at))
    }
}

/// The place in canonical order of a node in the given iterations: for each loop around it the rank of its target and
/// the iteration, then its own rank.
pub(crate) fn position(plan: &Plan, at: NodeIx, iterations: &[u32]) -> Vec<u32> {
    let rank = |node: NodeIx| plan.rank[node.0 as usize];
    let mut place = Vec::with_capacity(2 * iterations.len() + 1);
    for (l, iteration) in plan.node(at).loops.iter().zip(iterations) {
        place.extend([rank(plan.loops[l.0 as usize].target), *iteration]);
    }
    place.push(rank(at));
    place
}

impl NodeState {
    pub(crate) fn new(incoming: u32) -> Self {
        Self {
            pending: incoming,
            stage: Stage::Waiting,
            via_always: false,
            ran: 0,
            work: None,
            result: None,
            reason: None,
        }
    }

    /// As if it had never run.
    pub(crate) fn reset(&mut self, incoming: u32) {
        *self = Self { ran: self.ran, ..Self::new(incoming) };
    }
}

impl UnitState {
    pub(crate) fn new() -> Self {
        Self {
            attempt: 1,
            calls: 0,
            step: Step::Ready,
            cancelling: false,
            timed_out: false,
            slot: false,
            timer: None,
            asked: None,
            approval: None,
            talk: None,
        }
    }
}

impl LoopState {
    pub(crate) fn new(parts: u32) -> Self {
        Self { iteration: 1, open: parts, turning: None }
    }
}
