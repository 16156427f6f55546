//! A recorded run of whose trace `redact` patterns took something out, told again as it was: what came from outside is taken
//! from what was kept of it, everything else is decided again, and each must be what was recorded once the same is taken out.

use serde_json::Value;

use crate::digest::Digest;
use crate::effect::KeptWords;
use crate::trace::{
    Answer, Envelope, EventBody, QuestionId, ReadError, Redaction, RunState, is_told, read_event,
};

use super::deciding::Deciding;
use super::stored::StoredError;

/// What stands in the place of something that was taken out begins so.
const MARK: &str = "[redacted:";

/// Why what was taken out is not known.
const NOT_KEPT: &str = "what it was is not on record";
/// The same, where it should follow from what is known.
const OTHERWISE: &str =
    "what it was cannot be decided again: other patterns or another version of lgflow were at work";

/// What a run is told again by.
#[derive(Debug, Clone, Copy)]
pub struct Retold<'a> {
    /// What was kept of it.
    pub kept: &'a KeptWords,
    /// What may have been taken out: by the patterns with which it began, and by those of now.
    pub redactions: &'a [Redaction],
}

/// Did a pattern take something out of a trace that the run itself had? What the runner took out of results, the run never
/// had.
pub fn is_untold(log: &str) -> bool {
    let counted = log.lines().filter(|line| line.contains("\"redacted\":"));
    counted.filter_map(Envelope::parse).any(|(event, _)| took_out(&event) && event.kind != "call.finished")
}

fn took_out(event: &Envelope) -> bool {
    event.data.get("redacted").and_then(Value::as_u64).is_some_and(|count| count > 0)
}

/// Does something stand there in the place of what was taken out?
pub fn is_marked(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MARK),
        Value::Array(items) => items.iter().any(is_marked),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains(MARK) || is_marked(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Tells a run again, event by event.
#[derive(Debug)]
pub(super) struct Retelling<'a> {
    by: Retold<'a>,
    deciding: Deciding,
}

impl<'a> Retelling<'a> {
    pub(super) fn new(by: Retold<'a>) -> Self {
        Self { by, deciding: Deciding::default() }
    }

    /// The event behind a line, as it was.
    pub(super) fn event(
        &mut self,
        state: &RunState,
        line: &str,
        blob: &dyn Fn(&Digest) -> Option<Vec<u8>>,
    ) -> Result<EventBody, StoredError> {
        let (recorded, _) = Envelope::parse(line).ok_or(ReadError::NoEvent)?;
        let untold = |why| StoredError::Untold { seq: recorded.seq, kind: recorded.kind.clone(), why };
        if recorded.kind == "run.finished" {
            return Ok(read_event(state, line, blob)?);
        }
        if EventBody::FROM_OUTSIDE.contains(&recorded.kind.as_str()) {
            if self.deciding.left_out(state, &recorded.kind).is_some() {
                return Err(untold(OTHERWISE));
            }
            let event = read_event(state, line, blob)?;
            return if took_out(&recorded) { self.whole(state, event).map_err(untold) } else { Ok(event) };
        }
        let event = self.deciding.next(state).ok_or_else(|| untold(OTHERWISE))?;
        let told = self.by.redactions.iter().any(|redaction| is_told(state, &event, &recorded, redaction));
        if told { Ok(event) } else { Err(untold(OTHERWISE)) }
    }

    /// An event from outside with what was taken out of it.
    fn whole(&self, state: &RunState, event: EventBody) -> Result<EventBody, &'static str> {
        Ok(match event {
            EventBody::RunStarted(mut started) => {
                if started.revision.as_ref().is_some_and(|revision| revision.contains(MARK)) {
                    return Err(NOT_KEPT);
                }
                match &self.by.kept.inputs {
                    Some(inputs) if self.is_of(inputs, &started.inputs) => {
                        started.inputs = inputs.clone().into();
                    }
                    None if !is_marked(&started.inputs) => {}
                    _ => return Err(NOT_KEPT),
                }
                EventBody::RunStarted(started)
            }
            EventBody::ApprovalGranted { question, answer } => {
                let answer = self.answer(state, question, *answer, true)?;
                EventBody::ApprovalGranted { question, answer: Box::new(answer) }
            }
            EventBody::ApprovalRejected { question, answer } => {
                let answer = self.answer(state, question, *answer, false)?;
                EventBody::ApprovalRejected { question, answer: Box::new(answer) }
            }
            // a result is recorded as it was gone on with
            event => event,
        })
    }

    fn answer(
        &self,
        state: &RunState,
        question: QuestionId,
        told: Answer,
        granted: bool,
    ) -> Result<Answer, &'static str> {
        let kept =
            self.by.kept.answers.iter().find(|kept| kept.question == question.0 && kept.granted == granted);
        let Some(kept) = kept else {
            // what was said of a call that was approved goes nowhere
            let asks = state.open_questions().any(|open| open.id == question && open.policy);
            return if granted && asks { Ok(told) } else { Err(NOT_KEPT) };
        };
        let response = kept.response.clone().unwrap_or_default();
        let is_it = self.is_of(&Value::from(kept.comment.as_str()), &Value::from(told.comment.as_str()))
            && self.is_of(&response, told.response.as_ref().unwrap_or(&Value::Null))
            && self.is_of(&Value::from(kept.choice.clone()), &Value::from(told.choice.clone()));
        if !is_it {
            return Err(NOT_KEPT);
        }
        Ok(Answer {
            choice: kept.choice.clone(),
            response: kept.response.clone(),
            comment: kept.comment.clone(),
            by: if told.by.contains(MARK) { kept.by.clone() } else { told.by },
            approval: told.approval,
        })
    }

    /// Is `told` what the trace has of `kept`?
    fn is_of(&self, kept: &Value, told: &Value) -> bool {
        kept == told
            || self.by.redactions.iter().any(|redaction| {
                let mut clean = kept.clone();
                redaction.redact(&mut clean);
                clean == *told
            })
    }
}
