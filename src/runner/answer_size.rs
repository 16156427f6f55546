//! What fits into an answer. A call whose result is too large to be sent was made all the same: where that can be known it is
//! refused before anything is done, and else what was done is told, without the largest of what it brought.

use serde_json::Value;

use crate::effect::{ErrorKind, MAX_ANSWER, ReplyBody, ToolError, ToolResult, json_bytes, tool_changes};

/// The limit's name.
const LIMIT: &str = "answer_bytes";
/// What is not left out: it would win nothing.
const SMALL: usize = 64 << 10;

/// Refuses a change whose result could not be sent, before it is made.
pub(super) fn demand_sendable(result: &ToolResult) -> Result<(), ToolError> {
    let bytes = json_bytes(result);
    if bytes <= MAX_ANSWER {
        return Ok(());
    }
    let message = format!(
        "the result, with the patch that takes the change back, would have {bytes} bytes as JSON, and an answer has at most \
         {MAX_ANSWER}; nothing was changed; change fewer or smaller files in one call"
    );
    Err(beyond(message))
}

/// Refuses to read what no answer could hold.
pub(super) fn demand_room_to_tell(path: &str, bytes: u64) -> Result<(), ToolError> {
    if bytes <= MAX_ANSWER as u64 {
        return Ok(());
    }
    let message = format!(
        "`{path}` takes at least {bytes} bytes of an answer, which has at most {MAX_ANSWER}; read it in parts, by `range`"
    );
    Err(beyond(message))
}

/// A reply as it can be sent: what is too large in it is left out.
pub(super) fn sendable(body: ReplyBody) -> ReplyBody {
    match body {
        ReplyBody::Result { result } => {
            ReplyBody::Result { result: Box::new(shortened(*result, MAX_ANSWER)) }
        }
        ReplyBody::Results { results } => ReplyBody::Results { results: shortened_list(results) },
        other => other,
    }
}

/// The results of a list, the largest shortened first.
fn shortened_list(mut results: Vec<ToolResult>) -> Vec<ToolResult> {
    let mut sizes: Vec<usize> = results.iter().map(json_bytes).collect();
    loop {
        let all: usize = sizes.iter().sum();
        let Some(at) = (0..sizes.len()).max_by_key(|&at| sizes[at]).filter(|_| all > MAX_ANSWER) else {
            return results;
        };
        let room = MAX_ANSWER.saturating_sub(all - sizes[at]);
        let whole = std::mem::replace(&mut results[at], ToolResult::success("", Value::Null));
        results[at] = shortened(whole, room);
        let before = std::mem::replace(&mut sizes[at], json_bytes(&results[at]));
        if before == sizes[at] {
            return results;
        }
    }
}

/// A result of at most so many bytes, as far as leaving out what it brought can do that. What only looked has failed, and can
/// be asked again; what may have changed something is told as what it was.
pub(super) fn shortened(mut result: ToolResult, most: usize) -> ToolResult {
    let mut bytes = json_bytes(&result);
    if bytes <= most {
        return result;
    }
    if !tool_changes(&result.tool) {
        let message = format!(
            "the result has {bytes} bytes as JSON, more than its answer has room for ({most}); ask for less, or for a part"
        );
        return ToolResult { ok: false, error: Some(beyond(message)), ..without_what_it_brought(result) };
    }
    while bytes > most {
        let Some(left_out) = leave_out_the_largest(&mut result) else { break };
        result.truncated = true;
        if left_out == "patch" && result.ok {
            let message = format!(
                "the command ran, and the patch of what it would have changed is too large for its answer ({bytes} bytes as \
                 JSON, of {most}); nothing of it was applied"
            );
            let output = std::mem::take(&mut result.output);
            result.error = Some(ToolError { output: Some(output), ..beyond(message) });
            result.ok = false;
        }
        bytes = json_bytes(&result);
    }
    result
}

fn without_what_it_brought(result: ToolResult) -> ToolResult {
    let (stdout, stderr) = (String::new(), String::new());
    ToolResult { stdout, stderr, output: Value::Null, tool_calls: Vec::new(), ..result }
}

/// Leaves out the largest part, and gives its name; none where all are small.
fn leave_out_the_largest(result: &mut ToolResult) -> Option<String> {
    let ToolResult { stdout, stderr, output, error, .. } = result;
    let of_error = error.as_mut().and_then(|error| error.output.as_mut());
    let documents = [Some(output), of_error].into_iter().flatten();
    let members = documents.filter_map(Value::as_object_mut).flatten();
    let members = members.map(|(name, value)| (json_bytes(value), name.as_str(), Part::Member(value)));
    let texts = [("stderr", stderr), ("stdout", stdout)].into_iter();
    let texts = texts.map(|(name, text)| (json_bytes(text), name, Part::Text(text)));
    // of two that are equal the last is taken: what stands in the output as well
    let (_, name, part) = members.chain(texts).max_by_key(|part| part.0).filter(|part| part.0 > SMALL)?;
    let name = name.to_owned();
    match part {
        Part::Text(text) | Part::Member(Value::String(text)) => text.clear(),
        Part::Member(value) => *value = Value::Null,
    }
    Some(name)
}

enum Part<'a> {
    Member(&'a mut Value),
    Text(&'a mut String),
}

fn beyond(message: String) -> ToolError {
    ToolError { limit: Some(LIMIT.to_owned()), ..ToolError::new(ErrorKind::Limit, message) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// JSON makes six bytes of each.
    fn text(bytes: usize) -> String {
        "\u{1}".repeat(bytes)
    }

    fn limit_of(result: &ToolResult) -> Option<&str> {
        result.error.as_ref().and_then(|error| error.limit.as_deref())
    }

    #[test]
    fn a_change_that_was_made_is_told_without_what_takes_it_back() {
        let output = json!({ "files": [{ "path": "a" }], "inverse": text(12 << 20) });
        let made = ToolResult { stdout: "delete a\n".into(), ..ToolResult::success("apply_patch", output) };
        assert_eq!(
            limit_of(&ToolResult::failure("apply_patch", demand_sendable(&made).unwrap_err())),
            Some(LIMIT)
        );
        let ReplyBody::Result { result } = sendable(ReplyBody::Result { result: Box::new(made) }) else {
            panic!()
        };
        assert!(result.ok && result.truncated);
        assert_eq!(result.output, json!({ "files": [{ "path": "a" }], "inverse": "" }));
        assert_eq!(result.stdout, "delete a\n");
        demand_sendable(&result).unwrap();
    }

    #[test]
    fn what_only_looked_has_failed_and_what_stands_there_twice_is_left_out_once() {
        let read = |bytes| {
            let content = text(bytes);
            let output = json!({ "content": content });
            ToolResult { stdout: content, llm_tokens: Some(3), ..ToolResult::success("read_file", output) }
        };
        let kept = shortened(read(100), 2 << 20);
        assert_eq!(kept, read(100));
        let refused = shortened(read(1 << 20), 2 << 20);
        assert_eq!((refused.ok, limit_of(&refused), refused.llm_tokens), (false, Some(LIMIT), Some(3)));
        assert!(json_bytes(&refused) < 2000);
        let sent = ToolResult { tool: "http".into(), ..read(1 << 20) };
        let told = shortened(sent.clone(), 7 << 20);
        assert!(told.ok && told.truncated && told.stdout.is_empty() && told.output == sent.output);
        assert_eq!(shortened(sent, 1 << 20).output, json!({ "content": "" }));
    }

    #[test]
    fn a_patch_that_is_not_told_is_never_an_empty_one() {
        let output = json!({ "exit_code": 0, "stdout": "", "patch": text(1 << 20), "not_carried": [] });
        let ran = ToolResult { exit_code: Some(0), ..ToolResult::success("exec", output) };
        let told = shortened(ran, 1 << 20);
        assert_eq!((told.ok, limit_of(&told), told.exit_code), (false, Some(LIMIT), Some(0)));
        assert_eq!(told.output, Value::Null);
        assert_eq!(told.error.unwrap().output.unwrap()["patch"], "");
    }

    #[test]
    fn of_a_list_the_largest_go_first_and_what_is_small_stays() {
        let put = |bytes| ToolResult::success("apply_patch", json!({ "inverse": text(bytes) }));
        let read = ToolResult::success("read_file", json!({ "content": text(4 << 20) }));
        let whole = vec![put(10), put(5 << 20), read, put(7 << 20)];
        let ReplyBody::Results { results } = sendable(ReplyBody::Results { results: whole.clone() }) else {
            panic!()
        };
        assert_eq!(results[..3], whole[..3]);
        assert!(results[3].ok && results[3].truncated && results[3].output["inverse"] == "");
        assert!(json_bytes(&results) <= MAX_ANSWER);
    }
}
