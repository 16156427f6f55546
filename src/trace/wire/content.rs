//! What of an event is content: what people, files, programs and models have said, and what was made of it. `redact` patterns
//! take something out of that alone. All else is the trace's own word (a status, a key, a digest, a name of the graph, who
//! answered), without which it tells nothing; of that nothing goes but the value of a secret.

use serde_json::{Map, Value};

use crate::effect::{ToolError, ToolResult};
use crate::trace::Redaction;

/// How far a member of an event's data is content.
#[derive(Debug, Clone, Copy)]
enum Content {
    /// All of it, keys of objects too.
    Whole,
    /// `message` and `output` of an error.
    Error,
    /// `input` of each call of a list.
    Calls,
    /// What a person is shown, but for the request that it names, and the tool and the rule of a call.
    Shown,
    /// Of the facts of a run the texts of its plan.
    Facts,
}

/// By kind of event and member. What is not here is no content.
///
/// `result` and `results` of `call.finished` are not here either: the runner has cleaned them ([`redact_result`]), and they
/// are recorded as they are gone on with.
const CONTENT: [(&str, &str, Content); 24] = [
    ("run.started", "inputs", Content::Whole),
    ("run.started", "facts", Content::Facts),
    ("node.decided", "reason", Content::Whole),
    ("node.started", "items", Content::Whole),
    ("node.finished", "output", Content::Whole),
    ("node.finished", "error", Content::Error),
    ("node.exhausted", "output", Content::Whole),
    ("node.exhausted", "error", Content::Error),
    ("item.finished", "output", Content::Whole),
    ("item.finished", "error", Content::Error),
    ("node.retried", "error", Content::Error),
    ("state.written", "value", Content::Whole),
    ("call.started", "input", Content::Whole),
    ("call.started", "calls", Content::Calls),
    ("graph.started", "inputs", Content::Whole),
    ("graph.finished", "outputs", Content::Whole),
    ("graph.finished", "error", Content::Error),
    ("approval.requested", "show", Content::Shown),
    ("approval.granted", "comment", Content::Whole),
    ("approval.granted", "response", Content::Whole),
    ("approval.rejected", "comment", Content::Whole),
    ("approval.rejected", "response", Content::Whole),
    ("run.finished", "outputs", Content::Whole),
    ("run.finished", "error", Content::Error),
];

/// Members of what a tool of ours puts out that are its own words, wherever they stand in it.
const OWN_WORDS: [(&str, &[&str]); 5] = [
    ("apply_patch", &["op", "before", "after", "mode"]),
    ("rollback", &["op", "before", "after", "mode"]),
    ("workspace_diff", &["op", "before", "after", "mode"]),
    ("read_file", &["encoding", "bytes", "digest"]),
    ("exec", &["exit_code", "signal", "kind"]),
];

/// Members of these that are diffs.
const DIFFS: [&str; 2] = ["inverse", "patch"];

/// Takes what `redaction` finds out of the data of an event of this kind; how much it was.
pub fn redact_data(kind: &str, data: &mut Map<String, Value>, redaction: &Redaction) -> usize {
    if redaction.is_empty() {
        return 0;
    }
    let mut removed = 0;
    for (name, value) in data.iter_mut() {
        let known = CONTENT.iter().find(|(of, member, _)| *of == kind && member == name);
        removed += match known.map(|(_, _, content)| content) {
            Some(Content::Whole) => redaction.redact(value),
            Some(Content::Error) => error(value, redaction),
            Some(Content::Calls) => {
                value.as_array_mut().into_iter().flatten().map(|call| input(call, redaction)).sum()
            }
            Some(Content::Shown) => shown(value, redaction),
            Some(Content::Facts) => value.get_mut("plan").map_or(0, |told| plan(told, redaction)),
            None => 0,
        };
        removed += redaction.redact_values(value);
    }
    removed
}

fn error(error: &mut Value, redaction: &Redaction) -> usize {
    members(error, &["message", "output"], redaction)
}

fn input(call: &mut Value, redaction: &Redaction) -> usize {
    members(call, &["input"], redaction)
}

fn members(of: &mut Value, names: &[&str], redaction: &Redaction) -> usize {
    let members = of.as_object_mut().into_iter().flatten();
    members.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| redaction.redact(value)).sum()
}

/// What the policy asks has `calls`, with the `request` of the runner; a call that a node shows has its own.
fn shown(show: &mut Value, redaction: &Redaction) -> usize {
    let Value::Object(shown) = show else { return redaction.redact(show) };
    let asks = shown.contains_key("calls");
    let mut removed = 0;
    for (name, value) in shown.iter_mut() {
        removed += match (name.as_str(), &*value) {
            ("request", Value::String(nonce)) if is_nonce(nonce) => 0,
            ("calls", Value::Array(_)) if asks => {
                value.as_array_mut().into_iter().flatten().map(|call| call_shown(call, redaction)).sum()
            }
            ("rule", Value::Object(_)) if asks => 0,
            ("call", Value::Object(_)) => call_shown(value, redaction),
            _ => redaction.redact(value),
        };
    }
    removed
}

fn call_shown(call: &mut Value, redaction: &Redaction) -> usize {
    let Value::Object(call) = call else { return redaction.redact(call) };
    let own = |name: &str, value: &Value| match name {
        "node" | "tool" => true,
        "request" => value.as_str().is_none_or(is_nonce),
        _ => false,
    };
    call.iter_mut().filter(|(name, value)| !own(name, value)).map(|(_, value)| redaction.redact(value)).sum()
}

/// Is it the name of a request, as the runner draws them?
fn is_nonce(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Of a plan its texts: parameters, expressions, defaults and schemas. Names, edges, limits and digests stay.
fn plan(plan: &mut Value, redaction: &Redaction) -> usize {
    let mut removed = 0;
    for name in ["inputs", "channels", "outputs"] {
        for (_, value) in plan.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten() {
            removed += redaction.redact(value);
        }
    }
    for edge in plan.get_mut("edges").and_then(Value::as_array_mut).into_iter().flatten() {
        removed += members(edge, &["when"], redaction);
    }
    for (_, node) in plan.get_mut("nodes").and_then(Value::as_object_mut).into_iter().flatten() {
        removed += members(node, &["skip_when", "for_each", "update"], redaction);
        removed += match node.get_mut("with") {
            Some(Value::Object(with)) => {
                let parameters = with.iter_mut().map(|(name, value)| match name.as_str() {
                    "graph" if value.is_object() => self::plan(value, redaction),
                    _ => redaction.redact(value),
                });
                parameters.sum()
            }
            Some(with) => redaction.redact(with),
            None => 0,
        };
    }
    removed
}

/// Takes what `redaction` finds out of the content of a result; how much it was.
pub fn redact_result(result: &mut ToolResult, redaction: &Redaction) -> usize {
    if redaction.is_empty() {
        return 0;
    }
    let mut removed = output(&result.tool, &mut result.output, redaction);
    for text in [&mut result.stdout, &mut result.stderr] {
        removed += redaction.redact_text(text);
    }
    for artifact in &mut result.artifacts {
        removed += redaction.redact_text(&mut artifact.path);
    }
    for asked in &mut result.tool_calls {
        for text in [&mut asked.id, &mut asked.tool, &mut asked.arguments] {
            removed += redaction.redact_text(text);
        }
    }
    if let Some(program) = &mut result.program {
        removed += redaction.redact_text(&mut program.path);
    }
    if let Some(model) = &mut result.model {
        removed += redaction.redact_text(&mut model.provider);
        removed += redaction.redact_text(&mut model.name);
    }
    if let Some(why) = &mut result.passed_over {
        removed += redaction.redact_text(why);
    }
    if let Some(error) = &mut result.error {
        removed += failure(&result.tool, error, redaction);
    }
    removed
}

fn failure(tool: &str, error: &mut ToolError, redaction: &Redaction) -> usize {
    let mut removed = redaction.redact_text(&mut error.message);
    if let Some(given) = &mut error.output {
        removed += output(tool, given, redaction);
    }
    if let Some(found) = &mut error.diagnostics {
        removed += redaction.redact(found);
    }
    removed
}

fn output(tool: &str, output: &mut Value, redaction: &Redaction) -> usize {
    let Some((_, own)) = OWN_WORDS.iter().find(|(of, _)| *of == tool) else {
        return redaction.redact(output);
    };
    match output {
        Value::Object(members) => {
            let each = members.iter_mut().map(|(name, value)| match value {
                Value::Object(_) | Value::Array(_) => self::output(tool, value, redaction),
                value if own.contains(&name.as_str()) => redaction.redact_values(value),
                Value::String(text) if DIFFS.contains(&name.as_str()) => diff(text, redaction),
                value => redaction.redact(value),
            });
            each.sum()
        }
        Value::Array(items) => items.iter_mut().map(|item| self::output(tool, item, redaction)).sum(),
        other => redaction.redact(other),
    }
}

/// The names of blobs and the modes in a diff are our own words.
fn diff(text: &mut String, redaction: &Redaction) -> usize {
    let mut whole = Value::String(std::mem::take(text));
    let mut removed = redaction.redact_values(&mut whole);
    let Value::String(whole) = whole else { return removed };
    let mut content = String::new();
    for line in whole.split_inclusive('\n') {
        if is_own_line(line) {
            removed += redaction.redact_text(&mut content);
            text.push_str(&content);
            text.push_str(line);
            content.clear();
        } else {
            content.push_str(line);
        }
    }
    removed += redaction.redact_text(&mut content);
    text.push_str(&content);
    removed
}

/// `index 0123abc..4567def 100644`, or a line that tells a mode. No line of a file begins so in a diff.
fn is_own_line(line: &str) -> bool {
    let is_mode = |mode: &str| matches!(mode, "" | "100644" | "100755" | "120000");
    let is_name =
        |name: &str| name.len() <= 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let line = line.trim_end();
    if let Some(rest) = line.strip_prefix("index ") {
        let (names, mode) = rest.split_once(' ').unwrap_or((rest, ""));
        let named = names.split_once("..").is_some_and(|(from, to)| is_name(from) && is_name(to));
        return named && is_mode(mode);
    }
    let modes = ["old mode ", "new mode ", "new file mode ", "deleted file mode "];
    modes.iter().any(|told| line.strip_prefix(told).is_some_and(is_mode))
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::json;

    use crate::redact::Values;

    use super::*;

    fn hex() -> Redaction {
        let values = Values::new(&[("KEY".to_owned(), b"feedfacecafe".to_vec())]).unwrap();
        Redaction::new(values, vec![("hex".to_owned(), Regex::new("[0-9a-f]{6,}").unwrap())])
    }

    #[test]
    fn patterns_take_out_content_and_values_all() {
        let mut data = json!({
            "status": "succeeded", "output": { "text": "deadbeef" }, "taken": [1_234_567],
            "error": { "kind": "exceeded", "message": "abcdef0", "path": "feedfacecafe" },
        });
        let data = data.as_object_mut().unwrap();
        assert_eq!(redact_data("node.finished", data, &hex()), 3);
        let told = json!({
            "status": "succeeded", "output": { "text": "[redacted:hex]" }, "taken": [1_234_567],
            "error": { "kind": "exceeded", "message": "[redacted:hex]", "path": "[redacted:KEY]" },
        });
        assert_eq!(Value::Object(data.clone()), told);
        // of an event that has no content
        let mut data = json!({ "why": "deadbeef", "edge": 1_234_567 });
        assert_eq!(redact_data("edge.dead", data.as_object_mut().unwrap(), &hex()), 0);
    }

    #[test]
    fn what_is_shown_keeps_the_request_and_a_plan_its_names() {
        let nonce = "0123456789abcdef0123456789abcdef";
        let mut show = json!({ "show": {
            "calls": [{ "tool": "deadbeef", "input": "deadbeef" }], "reason": "deadbeef", "rule": { "file": "deadbeef" }, "request": nonce,
        }});
        let policy = show.as_object_mut().unwrap();
        assert_eq!(redact_data("approval.requested", policy, &hex()), 2);
        assert_eq!(
            (&policy["show"]["request"], &policy["show"]["calls"][0]["tool"]),
            (&json!(nonce), &json!("deadbeef"))
        );
        let mut own =
            json!({ "show": { "request": "deadbeef", "call": { "request": nonce, "input": 1_234_567 } } });
        assert_eq!(redact_data("approval.requested", own.as_object_mut().unwrap(), &hex()), 2);
        let mut facts = json!({ "facts": { "graph_digest": "deadbeef", "plan": {
            "nodes": { "deadbeef": { "uses": "deadbeef", "with": { "graph": { "edges": [{ "from": "deadbeef", "when": "deadbeef" }] } } } },
            "outputs": { "deadbeef": "deadbeef" },
        }}});
        assert_eq!(redact_data("run.started", facts.as_object_mut().unwrap(), &hex()), 2);
        assert_eq!(facts["facts"]["plan"]["outputs"]["deadbeef"], "[redacted:hex]");
    }

    #[test]
    fn a_patch_keeps_its_digests_and_the_names_of_blobs() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let inverse =
            "deleted file mode 100644\nindex 0123abc..4567def\n-deadbeef\n-index 0123abc..4567def\n";
        let output = json!({
            "files": [{ "op": "add", "path": "feed/deadbeef", "after": digest, "mode": "100644" }], "inverse": inverse,
        });
        let mut result = ToolResult::success("apply_patch", output);
        assert_eq!(redact_result(&mut result, &hex()), 4);
        assert_eq!(
            result.output["files"][0],
            json!({ "op": "add", "path": "feed/[redacted:hex]", "after": digest, "mode": "100644" })
        );
        let kept = "deleted file mode 100644\nindex 0123abc..4567def\n-[redacted:hex]\n-index [redacted:hex]..[redacted:hex]\n";
        assert_eq!(result.output["inverse"], kept);
        let mut other = ToolResult::success("llm", json!({ "op": "deadbeef" }));
        assert_eq!(redact_result(&mut other, &hex()), 1);
    }
}
