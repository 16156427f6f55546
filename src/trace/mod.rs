//! Event vocabulary, hash chain, `RunState`, `apply(state, event)`. Pure: no clock, no disk.

mod apply;
mod chain;
mod channel;
mod cost;
mod ending;
mod event;
mod flow;
mod frame;
mod ids;
mod index;
mod point;
mod result;
mod standing;
mod state;
mod summary;
mod talk;
mod units;
mod wire;
mod work;
mod writer_set;

pub use crate::redact::Redaction;
pub use apply::{IllegalEvent, apply};
pub use chain::{Appended, Blobs, Chain, Fault, Tampering, Tip, Verified, is_told, verify};
pub use channel::WriteError;
pub use event::{
    Answer, Budget, CallOrder, CallOutcome, Cancel, Cost, DeadReason, EventBody, NodeDecided, NodeFinished,
    Question, RunStarted, RunStatus, WaitFor,
};
pub use ids::{At, CallId, FrameId, QuestionId, Unit, WaitId};
pub use index::Index;
pub use point::{Point, PointError};
pub use result::{GraphError, GraphOutcome, NodeError, NodeResult, Status};
pub use standing::{CallInFlight, Doing, Execution, NodeStanding, OpenWait, Standing};
pub use state::{Phase, RunState, Totals};
pub use summary::{NodeSummary, Summary, Waiting};
pub use wire::{
    Blob, Envelope, ReadError, is_told_rightly, order_data, read_envelope, read_event, redact_data,
    redact_result, result_data, results_data,
};

pub(crate) use channel::{Seen, TooLarge, writable};
pub(crate) use cost::cost_of;
pub(crate) use frame::Frame;
pub(crate) use state::Task;
pub(crate) use talk::{Talk, asks_model};
pub(crate) use work::{Returned, Step, Work};
