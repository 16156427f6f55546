//! The stored form back to events, as they happened to a state. Trusts nothing: what does not fit is refused.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::digest::Digest;
use crate::effect::{AfterCrash, ToolCall};
use crate::plan::{ChannelIx, EdgeIx, LoopIx};
use crate::trace::frame::Frame;
use crate::trace::state::RunState;
use crate::trace::{
    At, Budget, CallId, CallOrder, CallOutcome, Cancel, Cost, EventBody, FrameId, NodeDecided, NodeFinished,
    Question, QuestionId, RunStarted, RunStatus, Status, Unit, WaitFor, WaitId,
};

use super::calls::is_told_rightly;
use super::envelope::Envelope;
use super::fields::{answer_from, dead_from, edges_from, error_from, outcome_from, result_from};

/// Why a stored event cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not an event of a version that is known.
    #[error("the line is no `lgflow.event/v1` event")]
    NoEvent,
    /// A payload is not there.
    #[error("the payload `{0}` of event {1} is missing, or another one is kept under its name")]
    NoBlob(Digest, u64),
    /// The event does not belong to this plan and this state.
    #[error("the event {seq} (`{kind}`) does not fit the graph")]
    Unfit {
        /// Its number.
        seq: u64,
        /// Its kind.
        kind: String,
    },
}

/// The event behind a stored line, as it happened to `state`. `blob` gives payloads by digest.
pub fn read_event(
    state: &RunState,
    line: &str,
    blob: impl Fn(&Digest) -> Option<Vec<u8>>,
) -> Result<EventBody, ReadError> {
    let (envelope, _) = Envelope::parse(line).ok_or(ReadError::NoEvent)?;
    read_envelope(state, envelope, blob)
}

/// The same of a line that was parsed already.
pub fn read_envelope(
    state: &RunState,
    mut envelope: Envelope,
    blob: impl Fn(&Digest) -> Option<Vec<u8>>,
) -> Result<EventBody, ReadError> {
    envelope.move_in(blob).map_err(|digest| ReadError::NoBlob(digest, envelope.seq))?;
    let reader = Reader { state, envelope: &envelope };
    reader.event().ok_or_else(|| ReadError::Unfit { seq: envelope.seq, kind: envelope.kind.clone() })
}

struct Reader<'a> {
    state: &'a RunState,
    envelope: &'a Envelope,
}

impl Reader<'_> {
    fn event(&self) -> Option<EventBody> {
        let data = &self.envelope.data;
        Some(match self.envelope.kind.as_str() {
            "run.started" => EventBody::RunStarted(Box::new(RunStarted {
                inputs: self.shared("inputs")?,
                revision: self.text("revision"),
                facts: self.shared("facts")?,
            })),
            "node.decided" => EventBody::NodeDecided(Box::new(NodeDecided {
                at: self.at()?,
                status: Status::parse(&self.text("status")?)?,
                reason: self.text("reason")?,
                taken: edges_from(data.get("taken")?)?,
            })),
            "node.started" => EventBody::NodeStarted { at: self.at()?, items: self.shared("items") },
            "node.finished" => EventBody::NodeFinished(Box::new(self.finished()?)),
            "node.exhausted" => EventBody::NodeExhausted(Box::new(self.finished()?)),
            "item.started" => EventBody::ItemStarted { unit: self.unit()? },
            "item.finished" => EventBody::ItemFinished { unit: self.unit()?, result: result_from(data)? },
            "node.retried" => EventBody::NodeRetried {
                unit: self.unit()?,
                attempt: self.envelope.attempt?,
                error: Box::new(error_from(data.get("error")?)?),
                backoff: self.millis("backoff_ms")?,
            },
            "edge.taken" => EventBody::EdgeTaken { frame: self.frame()?, edge: self.edge()? },
            "edge.dead" => EventBody::EdgeDead {
                frame: self.frame()?,
                edge: self.edge()?,
                why: dead_from(&self.text("why")?)?,
            },
            "loop.turned" => EventBody::LoopTurned {
                frame: self.frame()?,
                at: self.loop_at()?,
                iteration: self.number("iteration")?,
            },
            "loop.finished" => EventBody::LoopFinished {
                frame: self.frame()?,
                at: self.loop_at()?,
                iterations: self.number("iterations")?,
                taken: edges_from(data.get("taken")?)?,
            },
            "state.written" => EventBody::StateWritten {
                unit: self.unit()?,
                channel: self.channel()?,
                value: self.shared("value")?,
            },
            "run.suspended" => EventBody::RunSuspended { waiting: self.questions()? },
            "run.resumed" => EventBody::RunResumed,
            "run.cancelled" => EventBody::RunCancelled {
                how: if data.get("at_once")?.as_bool()? { Cancel::AtOnce } else { Cancel::InOrder },
            },
            "run.finished" => EventBody::RunFinished {
                status: RunStatus::parse(&self.text("status")?)?,
                outcome: outcome_from(data)?,
            },
            _ => self.effect_event()?,
        })
    }

    /// The events that have to do with the world.
    fn effect_event(&self) -> Option<EventBody> {
        let data = &self.envelope.data;
        Some(match self.envelope.kind.as_str() {
            "call.started" => EventBody::CallStarted {
                call: CallId(self.number("call")?),
                unit: self.unit()?,
                attempt: self.envelope.attempt?,
                order: Arc::new(self.order()?),
            },
            "call.cancelled" => EventBody::CallCancelled { call: CallId(self.number("call")?) },
            "call.finished" => EventBody::CallFinished {
                call: CallId(self.number("call")?),
                outcome: Arc::new(self.outcome()?),
            },
            "graph.started" => EventBody::GraphStarted {
                frame: FrameId(self.number("frame")?),
                unit: self.unit()?,
                attempt: self.envelope.attempt?,
                inputs: self.shared("inputs")?,
            },
            "graph.finished" => EventBody::GraphFinished {
                frame: FrameId(self.number("frame")?),
                outcome: outcome_from(data)?,
            },
            "budget.charged" => EventBody::BudgetCharged {
                call: CallId(self.number("call")?),
                cost: Cost {
                    tool_calls: data.get("tool_calls")?.as_u64()?,
                    llm_tokens: data.get("llm_tokens")?.as_u64()?,
                    patch_bytes: data.get("patch_bytes")?.as_u64()?,
                },
            },
            "budget.exceeded" => EventBody::BudgetExceeded {
                frame: FrameId(self.number("frame")?),
                budget: Budget::parse(&self.text("budget")?)?,
                unit: if self.envelope.node.is_some() { Some(self.unit()?) } else { None },
            },
            "wait.started" => EventBody::WaitStarted {
                wait: WaitId(self.number("wait")?),
                reason: self.wait_for()?,
                duration: self.millis("ms")?,
            },
            "wait.finished" => EventBody::WaitFinished { wait: WaitId(self.number("wait")?) },
            "approval.requested" => EventBody::ApprovalRequested(Box::new(self.question()?)),
            "approval.granted" => EventBody::ApprovalGranted {
                question: QuestionId(self.number("question")?),
                answer: Box::new(answer_from(data)?),
            },
            "approval.rejected" => EventBody::ApprovalRejected {
                question: QuestionId(self.number("question")?),
                answer: Box::new(answer_from(data)?),
            },
            "approval.withdrawn" => EventBody::ApprovalWithdrawn {
                question: QuestionId(self.number("question")?),
                at: self.unit()?.at,
            },
            _ => return None,
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        Some(self.envelope.data.get(name)?.as_str()?.to_owned())
    }

    fn number(&self, name: &str) -> Option<u32> {
        u32::try_from(self.envelope.data.get(name)?.as_u64()?).ok()
    }

    fn millis(&self, name: &str) -> Option<Duration> {
        self.envelope.data.get(name)?.as_u64().map(Duration::from_millis)
    }

    fn shared(&self, name: &str) -> Option<Arc<Value>> {
        self.envelope.data.get(name).cloned().map(Arc::new)
    }

    fn known_frame(&self) -> Option<(FrameId, &Frame)> {
        let wanted = self.envelope.path.as_deref().unwrap_or_default();
        let frames = self.state.frames.iter().enumerate().rev();
        frames
            .filter_map(|(id, frame)| Some((FrameId(id as u32), frame.as_deref()?)))
            .find(|(_, frame)| frame.address.trim_end_matches('/') == wanted)
    }

    fn frame(&self) -> Option<FrameId> {
        self.known_frame().map(|(id, _)| id)
    }

    fn at(&self) -> Option<At> {
        let (id, frame) = self.known_frame()?;
        let node = frame.plan.index.node(self.envelope.node.as_deref()?)?;
        Some(At { frame: id, node })
    }

    fn unit(&self) -> Option<Unit> {
        let item = match self.envelope.data.get("index") {
            Some(_) => Some(self.number("index")?),
            None => None,
        };
        Some(Unit { at: self.at()?, item })
    }

    fn edge(&self) -> Option<EdgeIx> {
        let at = self.number("edge")?;
        let (_, frame) = self.known_frame()?;
        ((at as usize) < frame.plan().edges.len()).then_some(EdgeIx(at))
    }

    fn loop_at(&self) -> Option<LoopIx> {
        let at = self.number("loop")?;
        let (_, frame) = self.known_frame()?;
        ((at as usize) < frame.plan().loops.len()).then_some(LoopIx(at))
    }

    fn channel(&self) -> Option<ChannelIx> {
        self.known_frame()?.1.plan.index.channel(&self.text("channel")?)
    }

    fn finished(&self) -> Option<NodeFinished> {
        let data = &self.envelope.data;
        let taken = edges_from(data.get("taken")?)?;
        Some(NodeFinished { at: self.at()?, result: result_from(data)?, taken })
    }

    fn order(&self) -> Option<CallOrder> {
        let data = &self.envelope.data;
        if let Some(calls) = data.get("calls") {
            return Some(CallOrder::Batch(serde_json::from_value(calls.clone()).ok()?));
        }
        let call = ToolCall::new(self.text("tool")?, data.get("input")?.clone());
        let call = ToolCall {
            run: self.envelope.run.clone(),
            node: self.text("call_node")?,
            idempotency_key: self.text("key")?,
            deadline_ms: data.get("deadline_ms").and_then(Value::as_u64),
            approval: data.get("approval").cloned(),
            verify: data.get("verify").and_then(Value::as_bool).unwrap_or_default(),
            on_crash: match data.get("on_crash") {
                Some(word) => serde_json::from_value(word.clone()).ok()?,
                None => AfterCrash::default(),
            },
            cache: data.get("cache").and_then(Value::as_bool).unwrap_or_default(),
            ..call
        };
        let prepare = data.get("prepare").and_then(Value::as_bool).unwrap_or_default();
        Some(if prepare { CallOrder::Prepare(call) } else { CallOrder::Single(call) })
    }

    fn outcome(&self) -> Option<CallOutcome> {
        let data = &self.envelope.data;
        if !is_told_rightly(data) {
            return None;
        }
        if let Some(results) = data.get("results") {
            return Some(CallOutcome::Batch(serde_json::from_value(results.clone()).ok()?));
        }
        Some(CallOutcome::Single(serde_json::from_value(data.get("result")?.clone()).ok()?))
    }

    fn questions(&self) -> Option<Vec<QuestionId>> {
        let numbers: Vec<u32> = serde_json::from_value(self.envelope.data.get("waiting")?.clone()).ok()?;
        Some(numbers.into_iter().map(QuestionId).collect())
    }

    fn question(&self) -> Option<Question> {
        let data = &self.envelope.data;
        Some(Question {
            id: QuestionId(self.number("question")?),
            unit: self.unit()?,
            show: self.shared("show")?,
            options: serde_json::from_value(data.get("options")?.clone()).ok()?,
            response: self.shared("response"),
            policy: data.get("policy")?.as_bool()?,
        })
    }

    fn wait_for(&self) -> Option<WaitFor> {
        Some(match self.text("for")?.as_str() {
            "backoff" => WaitFor::Backoff(self.unit()?),
            "timeout" => WaitFor::Timeout(self.unit()?),
            "delay" => WaitFor::Delay(self.frame()?, self.loop_at()?),
            "wall" => WaitFor::Wall(self.frame()?),
            "grace" => WaitFor::Grace(self.frame()?),
            _ => return None,
        })
    }
}
