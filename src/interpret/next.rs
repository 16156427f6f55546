//! What a run does next, from its plan and its state alone.

use crate::effect::ErrorKind;
use crate::trace::{
    DeadReason, EventBody, FrameId, GraphError, GraphOutcome, NodeError, Phase, QuestionId, RunState,
    RunStatus, Task, WaitFor, WaitId,
};

use super::request::Request;
use super::{begin, calls, edges, graph_end, items, loops, step};

/// What is to be recorded and done next; nothing where the run waits for the world, for a person, or is over.
///
/// Record each event, apply it, then carry out its effect, and ask again. Events from outside may be applied between
/// two answers, never between the requests of one. The cost does not grow with the size of the graph.
pub fn next(state: &RunState) -> Vec<Request> {
    decide(state).into_iter().map(Request::of).collect()
}

fn decide(state: &RunState) -> Vec<EventBody> {
    match state.phase() {
        Phase::Running => {}
        Phase::Halted => return vec![halted(state)],
        Phase::New | Phase::Suspended | Phase::Finished { .. } => return Vec::new(),
    }
    match state.agenda.front() {
        Some(Task::Edge(..)) => deliver(state),
        Some(task) => decide_task(state, *task),
        None => idle(state),
    }
}

fn decide_task(state: &RunState, task: Task) -> Vec<EventBody> {
    match task {
        Task::Begin(at) => begin::begin(state, at),
        Task::NotReached(at) => begin::not_reached(state, at),
        Task::Step(unit) => step::step(state, unit),
        Task::Items(at) => items::items(state, at),
        Task::Edge(..) => Vec::new(),
        Task::LoopEnd(frame, l) => loops::end(state, frame, l),
        Task::GraphEnd(frame) => graph_end::end(state, frame),
        Task::Charge(call, _, cost) => vec![EventBody::BudgetCharged { call, cost }],
        Task::CancelCall(call) => vec![EventBody::CallCancelled { call }],
        Task::Wait(reason, duration) => {
            vec![EventBody::WaitStarted { wait: WaitId(state.next_wait), reason, duration }]
        }
        Task::TimeIsUp(frame) => {
            let budget = crate::trace::Budget::Wall;
            vec![EventBody::BudgetExceeded { frame, budget, unit: None }]
        }
    }
}

/// Decided edges do not depend on each other: all that stand at the head of the agenda go together.
fn deliver(state: &RunState) -> Vec<EventBody> {
    let edges = state.agenda.iter().map_while(|task| match task {
        Task::Edge(frame, edge, taken) => Some((*frame, *edge, *taken)),
        _ => None,
    });
    edges
        .map(|(frame, edge, taken)| {
            if taken {
                return EventBody::EdgeTaken { frame, edge };
            }
            let why = state.frame(frame).map(|known| edges::dead_reason(state, known, edge));
            EventBody::EdgeDead { frame, edge, why: why.unwrap_or(DeadReason::ConditionFalse) }
        })
        .collect()
}

/// Nothing is left to decide: calls that have a slot start, `always` paths begin, or the run waits.
fn idle(state: &RunState) -> Vec<EventBody> {
    let started = calls::start_one(state);
    if !started.is_empty() {
        return started;
    }
    let quiet = state.ending.iter().find_map(|id| {
        let frame = state.frame(*id)?;
        let ending = frame.ending.as_ref()?;
        let ready = frame.is_quiet() && ending.always && !ending.grace;
        ready.then(|| (*id, frame.plan().budgets.grace))
    });
    if let Some((frame, duration)) = quiet {
        let wait = WaitId(state.next_wait);
        return vec![EventBody::WaitStarted { wait, reason: WaitFor::Grace(frame), duration }];
    }
    suspend(state)
}

/// A run suspends when nothing else can go on. A clock that ends an attempt or the run lets nothing go on.
fn suspend(state: &RunState) -> Vec<EventBody> {
    let waiting: Vec<QuestionId> = state.open_questions().map(|question| question.id).collect();
    let goes_on =
        state.open_waits().any(|(_, reason, _)| matches!(reason, WaitFor::Backoff(_) | WaitFor::Delay(..)));
    if waiting.is_empty() || goes_on || state.open_calls().next().is_some() {
        return Vec::new();
    }
    // what can only fail asks nobody
    let withdrawn = state.open_questions().find_map(|question| {
        let at = state.withdrawn_with(question)?;
        Some(EventBody::ApprovalWithdrawn { question: question.id, at })
    });
    if let Some(withdrawn) = withdrawn {
        return vec![withdrawn];
    }
    vec![EventBody::RunSuspended { waiting }]
}

/// Ended at once: the first cause stays the error.
fn halted(state: &RunState) -> EventBody {
    let ending = state.frame(FrameId::ROOT).and_then(|root| root.ending.as_ref());
    let error = ending.map_or_else(
        || {
            let error = NodeError::new(ErrorKind::Cancelled, "the run was cancelled");
            GraphError { node: None, error: error.into() }
        },
        |ending| ending.error.clone(),
    );
    let outcome = GraphOutcome::Failed(error);
    EventBody::RunFinished { status: RunStatus::of(&outcome), outcome }
}
