//! An answer, put together from its pieces. Tolerant of what providers leave out; an answer that has no end is none.

use serde_json::Value;

use crate::effect::AskedTool;

/// The most bytes of a text.
const MOST_TEXT: usize = 8 << 20;
/// About the most bytes of a refusal.
const MOST_REFUSAL: usize = 2000;
/// The most tools that are asked for at once.
const MOST_CALLS: usize = 128;
/// The most tokens of a side that a provider is believed: more than can be, and few enough to be counted with.
const MOST_TOKENS: u64 = 1 << 52;

/// An answer, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) text: String,
    calls: Vec<PartialCall>,
    /// Why it does not answer, in its own words.
    pub(super) refusal: String,
    /// It thinks, and has said so.
    pub(super) thinks: bool,
    /// Why it ended, by its own word.
    pub(super) finish: Option<String>,
    pub(super) usage: Option<Usage>,
    /// The stream said that nothing more comes.
    pub(super) done: bool,
}

/// What the provider counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) input: u64,
    pub(super) output: u64,
}

impl Usage {
    /// Both sides.
    pub(super) fn all(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

#[derive(Debug, Default)]
struct PartialCall {
    id: String,
    name: String,
    arguments: String,
}

/// What cannot be a piece of an answer, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoPiece(pub(super) String);

impl Pieces {
    /// The name of the first tool that it asks for.
    pub(super) fn first_tool(&self) -> Option<&str> {
        self.calls.iter().map(|call| call.name.as_str()).find(|name| !name.is_empty())
    }

    /// The data of one event.
    pub(super) fn add(&mut self, data: &str) -> Result<(), NoPiece> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let piece: Value = serde_json::from_str(data).map_err(|_| {
            NoPiece("the provider sent what is no JSON in the middle of its answer".to_owned())
        })?;
        self.add_value(&piece, "delta")
    }

    /// A whole answer: what a provider sends that does not stream.
    pub(super) fn add_whole(&mut self, bytes: &[u8]) -> Result<(), NoPiece> {
        let whole: Value = serde_json::from_slice(bytes).map_err(|_| {
            NoPiece("the provider answered with what is neither JSON nor a stream of it".to_owned())
        })?;
        self.add_value(&whole, "message")
    }

    fn add_value(&mut self, piece: &Value, key: &str) -> Result<(), NoPiece> {
        if let Some(error) = piece.get("error").filter(|error| !error.is_null()) {
            return Err(NoPiece(format!("the provider says: {}", message_of(error))));
        }
        if let Some(usage) = piece.get("usage").filter(|usage| usage.is_object()) {
            let count =
                |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or_default().min(MOST_TOKENS);
            self.usage = Some(Usage { input: count("prompt_tokens"), output: count("completion_tokens") });
        }
        // none is there in a piece that only counts
        let Some(choice) = piece.get("choices").and_then(|choices| choices.get(0)) else { return Ok(()) };
        if let Some(said) = choice.get(key) {
            let words = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
            self.refusal
                .extend(words("refusal").chars().take(MOST_REFUSAL.saturating_sub(self.refusal.len())));
            self.thinks |= !words("reasoning_content").is_empty() || !words("reasoning").is_empty();
            if let Some(text) = said.get("content").and_then(Value::as_str) {
                self.text.push_str(text);
            }
            if self.text.len() > MOST_TEXT {
                return Err(NoPiece(format!("the answer has more than {MOST_TEXT} bytes")));
            }
            for (at, call) in
                said.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate()
            {
                self.add_call(at, call)?;
            }
        }
        if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(finish.to_owned());
        }
        Ok(())
    }

    fn add_call(&mut self, at: usize, call: &Value) -> Result<(), NoPiece> {
        let at = call.get("index").and_then(Value::as_u64).map_or(at, |index| index as usize);
        if at >= MOST_CALLS {
            return Err(NoPiece(format!("the answer asks for more than {MOST_CALLS} tools at once")));
        }
        if self.calls.len() <= at {
            self.calls.resize_with(at + 1, PartialCall::default);
        }
        let known = &mut self.calls[at];
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let function = call.get("function");
        let of_function = |key: &str| text(function.and_then(|function| function.get(key)));
        if known.id.is_empty() {
            known.id = text(call.get("id"));
        }
        if known.name.is_empty() {
            known.name = of_function("name");
        }
        known.arguments.push_str(&of_function("arguments"));
        if known.arguments.len() > MOST_TEXT {
            return Err(NoPiece(format!("the parameters of a tool have more than {MOST_TEXT} bytes")));
        }
        Ok(())
    }

    /// Has it an end?
    pub(super) fn is_whole(&self) -> bool {
        self.finish.is_some() || self.done
    }

    /// The tools that it asks for.
    pub(super) fn calls(&self) -> Vec<AskedTool> {
        let called = self.calls.iter().filter(|call| !call.name.is_empty()).enumerate();
        let told = called.map(|(at, call)| AskedTool {
            id: if call.id.is_empty() { format!("call_{at}") } else { call.id.clone() },
            tool: call.name.clone(),
            arguments: call.arguments.clone(),
        });
        told.collect()
    }

    /// Tokens: counted by the provider, and else one for four bytes.
    pub(super) fn tokens(&self, sent: usize) -> Usage {
        self.usage.filter(|usage| usage.all() > 0).unwrap_or_else(|| {
            let written: usize =
                self.text.len() + self.calls.iter().map(|call| call.arguments.len()).sum::<usize>();
            Usage { input: sent.div_ceil(4) as u64, output: written.div_ceil(4) as u64 }
        })
    }
}

/// The words of an error, whatever its form.
pub(super) fn message_of(error: &Value) -> String {
    let text = error.get("message").and_then(Value::as_str).or_else(|| error.as_str());
    let text = text.map_or_else(|| error.to_string(), str::to_owned);
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(events: &[&str]) -> Pieces {
        let mut pieces = Pieces::default();
        for event in events {
            pieces.add(event).unwrap();
        }
        pieces
    }

    #[test]
    fn what_no_provider_can_have_counted_is_counted_with_all_the_same() {
        let pieces = of(&[
            r#"{"choices":[],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615}}"#,
        ]);
        assert_eq!(pieces.tokens(9).all(), 2 * MOST_TOKENS);
    }

    #[test]
    fn a_refusal_is_its_own_words_and_who_thinks_has_begun() {
        let pieces = of(&[
            r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"refusal":"I can't "}}]}"#,
            r#"{"choices":[{"delta":{"refusal":"do that","content":null}}]}"#,
        ]);
        assert_eq!(
            (pieces.thinks, pieces.refusal.as_str(), pieces.text.as_str()),
            (true, "I can't do that", "")
        );
        let pieces = of(&[r#"{"choices":[{"delta":{"reasoning_content":"","refusal":null}}]}"#]);
        assert!(!pieces.thinks && pieces.refusal.is_empty());
    }

    #[test]
    fn pieces_make_an_answer_and_what_is_left_out_is_nothing() {
        let pieces = of(&[
            r#"{"model":"m-1","choices":[{"delta":{"role":"assistant","content":null}}]}"#,
            r#"{"choices":[{"delta":{"content":"Hel"},"finish_reason":null}]}"#,
            r#"{"choices":[]}"#,
            r#"{"choices":[{"delta":{"content":"lo"}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#,
            "[DONE]",
        ]);
        assert_eq!((pieces.text.as_str(), pieces.finish.as_deref()), ("Hello", Some("stop")));
        assert_eq!(pieces.tokens(0), Usage { input: 7, output: 2 });
        assert!(pieces.is_whole() && pieces.calls().is_empty());
        assert!(!of(&[r#"{"choices":[{"delta":{"content":"Hel"}}]}"#]).is_whole());
    }

    #[test]
    fn tools_are_asked_for_piece_by_piece() {
        let pieces = of(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"read_file","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"path\":"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"a\"}"}},{"index":1,"function":{"name":"list_files","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        ]);
        let expected = serde_json::json!([
            { "id": "a", "tool": "read_file", "arguments": "{\"path\":\"a\"}" },
            { "id": "call_1", "tool": "list_files", "arguments": "{}" },
        ]);
        assert_eq!(serde_json::json!(pieces.calls()), expected);
    }

    #[test]
    fn a_whole_answer_is_taken_as_well_and_an_error_is_none() {
        let mut pieces = Pieces::default();
        let whole = br#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
        pieces.add_whole(whole).unwrap();
        assert_eq!((pieces.text.as_str(), pieces.tokens(9)), ("hi", Usage { input: 3, output: 1 }));
        let error = r#"{"error":{"message":"overloaded","code":529}}"#;
        assert_eq!(Pieces::default().add(error), Err(NoPiece("the provider says: overloaded".to_owned())));
        assert!(Pieces::default().add("{broken").is_err());
        assert!(Pieces::default().add_whole(b"<html>").is_err());
        assert!(Pieces::default().add(r#"{"choices":[{"delta":{"tool_calls":[{"index":900}]}}]}"#).is_err());
    }
}
