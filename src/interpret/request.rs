//! What the interpreter asks for. A session records the event, applies it, and only then acts.

use std::sync::Arc;
use std::time::Duration;

use crate::trace::{CallId, CallOrder, EventBody, WaitId};

/// A decision, and what has to be done in the world because of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// To be recorded and applied first.
    pub record: EventBody,
    /// To be done once that is recorded. Its result comes back as an event from outside.
    pub effect: Option<Effect>,
}

/// Something to be done in the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the runner; feed `CallFinished` when it has answered.
    Call(CallId, Arc<CallOrder>),
    /// Ask the runner to end a call early; its result is fed all the same.
    Cancel(CallId),
    /// Feed `WaitFinished` after this time, if the run then still [awaits](crate::trace::RunState::awaits) it.
    /// Time spent suspended does not count.
    Wait(WaitId, Duration),
}

impl Request {
    /// The request behind a decision: what is to be done follows from the event alone.
    pub fn of(record: EventBody) -> Self {
        let effect = match &record {
            EventBody::CallStarted { call, order, .. } => Some(Effect::Call(*call, Arc::clone(order))),
            EventBody::CallCancelled { call } => Some(Effect::Cancel(*call)),
            EventBody::WaitStarted { wait, duration, .. } => Some(Effect::Wait(*wait, *duration)),
            _ => None,
        };
        Self { record, effect }
    }
}
