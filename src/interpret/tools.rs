//! The tools of a model: which of those that it asked for is called next, and how it is told what they came to. Each is a
//! call like any other: in the node's own list first, then under the policy, with a key, a receipt and a place in the trace.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::effect::{AskedTool, ErrorKind, ToolCall, ToolResult};
use crate::model::Uses;
use crate::plan::Conversation;
use crate::trace::{CallOrder, EventBody, Frame, NodeError, RunState, Talk, Unit};

use super::calls::{call, refuse, started, used_up};
use super::finish::finish_cancelled;
use super::judge::{failed, timed_out};

/// The most bytes that the model is told of what a tool came to.
const MOST_TOLD: usize = 256 << 10;

/// The next tool is called; behind the last, the model is asked again.
pub(super) fn go_on(
    state: &RunState,
    frame: &Frame,
    unit: Unit,
    conversation: &Conversation,
    talk: &Talk,
) -> Vec<EventBody> {
    let work = state.unit(unit);
    if work.is_some_and(|work| work.timed_out) {
        return failed(state, frame, unit, timed_out(frame, unit));
    }
    if work.is_some_and(|work| work.cancelling) {
        return finish_cancelled(state, unit);
    }
    let bound = |limit: &str, most: u32| {
        let message = format!("the model asks for more than the node's `{limit}` ({most}) lets it have");
        let said = (!talk.said.is_empty()).then(|| Arc::new(json!({ "text": talk.said })));
        let limit = Some(limit.to_owned());
        NodeError { limit, output: said, ..NodeError::new(ErrorKind::Limit, message) }
    };
    if talk.rounds > conversation.max_rounds {
        return failed(state, frame, unit, bound("max_rounds", conversation.max_rounds));
    }
    let (mut results, mut told) = (talk.results.iter(), Vec::new());
    for wanted in &talk.wanted {
        let next = match readable(conversation, wanted) {
            Err(why) => {
                told.push((wanted, why));
                continue;
            }
            Ok(next) => next,
        };
        match results.next() {
            Some(result) => told.push((wanted, told_of(result))),
            None if talk.calls >= conversation.max_calls => {
                return failed(state, frame, unit, bound("max_calls", conversation.max_calls));
            }
            None => return order(state, unit, next),
        }
    }
    match question(talk, &told) {
        Some(input) => order(state, unit, (Uses::Llm, input)),
        None => Vec::new(),
    }
}

fn order(state: &RunState, unit: Unit, (tool, input): (Uses, Value)) -> Vec<EventBody> {
    if let Some((id, budget)) = used_up(state, unit.at.frame) {
        return refuse(state, unit, id, budget);
    }
    vec![started(state, unit, CallOrder::Single(call(state, unit, tool.as_str(), input)))]
}

/// A call that can be made of what the model asked for; else what it is told instead.
fn readable(conversation: &Conversation, wanted: &AskedTool) -> Result<(Uses, Value), String> {
    let error =
        |kind: &str, message: String| json!({ "error": { "kind": kind, "message": message } }).to_string();
    let tool =
        conversation.tools.iter().copied().find(|tool| tool.as_str() == wanted.tool).ok_or_else(|| {
            let known: Vec<&str> = conversation.tools.iter().map(|tool| tool.as_str()).collect();
            error(
                "denied",
                format!("there is no tool `{}` here; there are: {}", wanted.tool, known.join(", ")),
            )
        })?;
    let text = if wanted.arguments.trim().is_empty() { "{}" } else { &wanted.arguments };
    let input: Value = serde_json::from_str(text)
        .map_err(|why| error("invalid_input", format!("the arguments are no JSON: {why}")))?;
    if input.is_object() {
        Ok((tool, input))
    } else {
        Err(error("invalid_input", "the arguments are no object".to_owned()))
    }
}

/// What the model is told of a result: its output, or its error, up to a bound.
fn told_of(result: &ToolResult) -> String {
    let text = match &result.error {
        Some(error) => {
            let told = json!({ "kind": error.kind, "message": error.message, "output": error.output });
            json!({ "error": told }).to_string()
        }
        None => result.output.to_string(),
    };
    if text.len() <= MOST_TOLD {
        return text;
    }
    let cut = (0..=MOST_TOLD).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… [{} more bytes are left out]", &text[..cut], text.len() - cut)
}

/// The conversation with what the model asked for, and what it is told.
fn question(talk: &Talk, told: &[(&AskedTool, String)]) -> Option<Value> {
    let CallOrder::Single(ToolCall { input, .. }) = &*talk.question else { return None };
    let mut input = input.clone();
    let messages = input.get_mut("messages").and_then(Value::as_array_mut)?;
    let calls: Vec<Value> = talk.wanted.iter().map(|wanted| json!(wanted)).collect();
    messages.push(json!({ "role": "assistant", "content": talk.said, "tool_calls": calls }));
    let told =
        told.iter().map(|(wanted, text)| json!({ "role": "tool", "answers": wanted.id, "content": text }));
    messages.extend(told);
    Some(input)
}
