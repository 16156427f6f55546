//! What a person is asked to approve, from the runner's own bytes: the calls whole, nothing shortened, and every
//! character that could deceive written as an escape. Knows no terminal but its colours.

use std::fmt::Write as _;

use serde_json::Value;

use crate::approval::{LOCAL, request_digest};
use crate::effect::{ApprovalRequest, BoundCall, BoundTarget, Preview, ShownCall};

use super::brief::schema_in_brief;
use super::{escaped, is_unsafe_to_show};

const PLAIN: &str = "";
const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const CYAN: &str = "36";
/// What is not there as it seems: black on yellow.
const WARNED: &str = "30;43";

/// The request, for a person who will say yes or no to all of it.
pub fn approval_text(request: &ApprovalRequest, color: bool) -> String {
    let mut page = Page { text: String::new(), color };
    let binding = &request.binding;
    let node = if binding.node.is_empty() { "a call" } else { &binding.node };
    let count = match request.shown.len() {
        1 => String::new(),
        many => format!(" for a list of {many} calls, in this order"),
    };
    page.line(0, BOLD, &format!("{node} wants an approval{count}"));
    for (at, (shown, bound)) in request.shown.iter().zip(&binding.calls).enumerate() {
        page.call(at, request.shown.len(), shown, bound);
    }
    page.terms(request);
    page.text
}

/// A node's own question: its text is the workflow's, and it is said so. Null, where a request of the runner follows. What may
/// be answered are the choices, and what `response` has as its schema.
pub fn question_text(
    node: &str,
    show: &Value,
    (options, response): (&[String], Option<&Value>),
    color: bool,
) -> String {
    let mut page = Page { text: String::new(), color };
    page.line(0, BOLD, &format!("{node} asks"));
    if let Some((call, preview)) = shown_call(show) {
        page.line(
            1,
            DIM,
            "the call that is made next; the policy allows it without asking, so this is as the run puts it:",
        );
        page.line(1, PLAIN, &call.tool);
        page.input(&call);
        page.effects(&preview);
    } else if !show.is_null() {
        page.line(1, DIM, "the workflow's own text:");
        page.value(2, show);
    }
    if !options.is_empty() {
        page.line(1, PLAIN, &format!("choices: {}", options.join(", ")));
    }
    if let Some(response) = response {
        page.line(1, PLAIN, &format!("response (JSON): {}", schema_in_brief(response)));
    }
    page.text
}

/// The call of another node that is shown; that no request of the runner stands behind it means that nobody asks.
fn shown_call(show: &Value) -> Option<(ShownCall, Preview)> {
    let call = show.get("call")?;
    let tool = call.get("tool")?.as_str()?.to_owned();
    let input = call.get("input")?.clone();
    let preview = call.get("preview").cloned().and_then(|preview| serde_json::from_value(preview).ok());
    let preview: Preview = preview.unwrap_or_default();
    let diff = preview.diff.clone();
    let shown = ShownCall { tool, input, reason: String::new(), rule: None, diff };
    call.get("request")?.is_null().then_some((shown, preview))
}

struct Page {
    text: String,
    color: bool,
}

impl Page {
    /// A line, indented, its text escaped.
    fn line(&mut self, depth: usize, style: &str, text: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.styled(style, text);
        self.text.push('\n');
    }

    /// Text in a style; what is escaped in it stands out.
    fn styled(&mut self, style: &str, text: &str) {
        if !self.color {
            self.text.push_str(&escaped(text));
            return;
        }
        let mut parts = Vec::new();
        for c in text.chars() {
            let hidden = is_unsafe_to_show(c);
            match parts.last_mut() {
                Some((same, part)) if *same == hidden => String::push(part, c),
                _ => parts.push((hidden, c.to_string())),
            }
        }
        for (hidden, part) in parts {
            let style = if hidden { WARNED } else { style };
            if style.is_empty() {
                self.text.push_str(&escaped(&part));
            } else {
                // writing to a String cannot fail
                let _ = write!(self.text, "\u{1b}[{style}m{}\u{1b}[0m", escaped(&part));
            }
        }
    }

    fn call(&mut self, at: usize, of: usize, shown: &ShownCall, bound: &BoundCall) {
        let number = if of == 1 { String::new() } else { format!("{}. ", at + 1) };
        let why = if shown.reason.is_empty() { String::new() } else { format!(": {}", shown.reason) };
        let rule = shown.rule.as_ref().map(|rule| format!(" [{}]", rule.place()));
        self.line(1, PLAIN, &format!("{number}{}{why}{}", shown.tool, rule.unwrap_or_default()));
        self.input(shown);
        self.effects(&Preview {
            diff: shown.diff.clone(),
            preimages: bound.preimages.clone(),
            paths: bound.paths.clone(),
            target: bound.target.clone(),
        });
    }

    /// What a call would do as things stand.
    fn effects(&mut self, preview: &Preview) {
        if preview.diff.as_ref().is_some_and(String::is_empty) {
            self.line(2, DIM, "which changes nothing");
        } else if let Some(diff) = &preview.diff {
            self.line(2, DIM, "which changes:");
            self.diff(diff);
        }
        match &preview.target {
            Some(BoundTarget::Program { path, digest }) => {
                self.line(2, DIM, &format!("program: {path} ({digest})"));
            }
            Some(BoundTarget::Origin(origin)) => self.line(2, DIM, &format!("origin: {origin}")),
            None => {}
        }
        for path in &preview.paths {
            let before = match preview.preimages.get(path) {
                None => String::new(),
                Some(None) => " (nothing is there now)".to_owned(),
                Some(Some(digest)) => format!(" (now {digest})"),
            };
            self.line(2, DIM, &format!("path: {path}{before}"));
        }
    }

    fn input(&mut self, shown: &ShownCall) {
        let Value::Object(members) = &shown.input else {
            self.value(2, &shown.input);
            return;
        };
        for (name, value) in members {
            match (shown.tool.as_str(), name.as_str(), value) {
                ("apply_patch", "patch", Value::String(patch)) => self.diff(patch),
                // shown as the change that it makes, line by line
                ("apply_patch", "changes", Value::Array(changes)) if shown.diff.is_some() => {
                    for change in changes {
                        let text = |key: &str| change.get(key).and_then(Value::as_str).unwrap_or_default();
                        self.line(2, PLAIN, &format!("{} {}", text("op"), text("path")));
                    }
                }
                ("exec", "argv", Value::Array(argv)) => {
                    for (at, word) in argv.iter().enumerate() {
                        let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
                        self.line(2, PLAIN, &format!("argv[{at}]  {word}"));
                    }
                }
                _ => {
                    self.line(2, DIM, &format!("{name}:"));
                    self.value(3, value);
                }
            }
        }
    }

    fn diff(&mut self, patch: &str) {
        for line in patch.split_inclusive('\n') {
            let (text, ended) = line.strip_suffix('\n').map_or((line, false), |text| (text, true));
            let style = match text.as_bytes().first() {
                Some(b'@') => CYAN,
                _ if text.starts_with("+++ ") || text.starts_with("--- ") => BOLD,
                Some(b'+') => GREEN,
                Some(b'-') => RED,
                Some(b' ') => PLAIN,
                _ => BOLD,
            };
            self.line(2, style, text);
            if !ended {
                self.line(2, DIM, "(the patch ends here, without a line break)");
            }
        }
    }

    /// A value as a person reads it: text line by line, all else as JSON.
    fn value(&mut self, depth: usize, value: &Value) {
        match value {
            Value::String(text) => text.lines().for_each(|line| self.line(depth, PLAIN, line)),
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if !text.contains('\n') => {
                            self.line(depth, PLAIN, &format!("{name}: {text}"));
                        }
                        Value::Bool(_) | Value::Number(_) | Value::Null => {
                            self.line(depth, PLAIN, &format!("{name}: {value}"));
                        }
                        _ => {
                            self.line(depth, DIM, &format!("{name}:"));
                            self.value(depth + 1, value);
                        }
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.line(depth, DIM, "-");
                    self.value(depth + 1, item);
                }
            }
            other => self.line(depth, PLAIN, &other.to_string()),
        }
    }

    fn terms(&mut self, request: &ApprovalRequest) {
        let terms = &request.terms;
        let mut said = vec![format!("good for {} once given", span(terms.ttl_ms))];
        if terms.quorum > 1 {
            said.push(format!("{} keys must approve", terms.quorum));
        }
        if terms.separate {
            said.push("the key that started the run does not count".to_owned());
        }
        if terms.approvers != [LOCAL] {
            said.push(format!("by {}", terms.approvers.join(", ")));
        }
        self.line(1, DIM, &said.join("; "));
        self.line(1, DIM, &format!("request {}", request_digest(request)));
    }
}

fn span(millis: u64) -> String {
    match millis / 1000 {
        seconds if seconds > 0 && seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use crate::approval::{Terms, call_digest};
    use crate::digest::Digest;
    use crate::effect::{ApprovalBinding, RootIdentity};

    use super::*;

    fn request(tool: &str, input: Value) -> ApprovalRequest {
        let bound = BoundCall {
            call_digest: call_digest(tool, &input),
            preimages: BTreeMap::from([("a.txt".to_owned(), None)]),
            paths: vec!["a.txt".into()],
            target: None,
        };
        ApprovalRequest {
            schema: "lgflow.approval_request/v1".into(),
            binding: ApprovalBinding {
                v: 1,
                run: "r".into(),
                node: "apply".into(),
                iteration: "apply!1".into(),
                calls: vec![bound],
                policy_digest: Digest::of("p"),
                root: RootIdentity { dev: 1, ino: 2 },
                nonce: "n".into(),
            },
            shown: vec![ShownCall {
                tool: tool.into(),
                input,
                reason: "it asks".into(),
                rule: None,
                diff: None,
            }],
            terms: Terms::default().wire("local:1"),
            issued: 1,
        }
    }

    #[test]
    fn a_patch_is_shown_whole_line_by_line() {
        let patch = "--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n";
        let text = approval_text(&request("apply_patch", json!({ "patch": patch })), false);
        for line in patch.lines() {
            assert!(text.lines().any(|shown| shown.trim_start() == line), "{line}\n{text}");
        }
        assert!(
            text.contains("path: a.txt (nothing is there now)") && text.contains("good for 1h"),
            "{text}"
        );
    }

    #[test]
    fn a_change_that_changes_nothing_is_said_to_be_none() {
        let mut asked = request("rollback", json!({ "to": "start" }));
        asked.shown[0].diff = Some(String::new());
        let text = approval_text(&asked, false);
        assert!(text.contains("which changes nothing") && !text.contains("which changes:"), "{text}");
    }

    #[test]
    fn nothing_in_a_call_moves_the_cursor_turns_or_hides() {
        let tricks = "+a\u{1b}[2K\u{1b}[1A\u{202e}\u{2066}\u{200b}\u{feff}\r\u{7}\u{9b}31m\u{ad}b";
        for color in [false, true] {
            for call in [
                request("apply_patch", json!({ "patch": tricks, "x\u{202e}y": tricks })),
                request("exec", json!({ "argv": ["rm", tricks], "env": { tricks: tricks } })),
                request("http", json!({ "url": tricks, "list": [tricks, { "a": [tricks] }] })),
            ] {
                let mut text = approval_text(&call, color);
                for style in [BOLD, DIM, RED, GREEN, CYAN, WARNED, "0"] {
                    text = text.replace(&format!("\u{1b}[{style}m"), "");
                }
                let seen = text.chars().find(|c| *c != '\n' && is_unsafe_to_show(*c));
                assert_eq!(seen, None, "{text}");
                assert!(text.contains("\\u{202e}"), "what was there is to be seen");
            }
        }
    }

    #[test]
    fn a_command_is_shown_element_by_element() {
        let text =
            approval_text(&request("exec", json!({ "argv": ["cargo", "test; rm -rf /", "a b"] })), false);
        for line in ["argv[0]  cargo", "argv[1]  test; rm -rf /", "argv[2]  a b"] {
            assert!(text.lines().any(|shown| shown.trim_start() == line), "{text}");
        }
    }

    #[test]
    fn a_call_that_the_policy_allows_is_shown_as_a_call() {
        let show = json!({ "call": { "node": "deploy", "tool": "exec", "input": { "argv": ["deploy", "a b"] }, "request": null } });
        let text = question_text("sure", &show, (&[], None), false);
        assert!(
            text.contains("argv[1]  a b") && !text.contains("own text") && !text.contains("null"),
            "{text}"
        );
    }

    #[test]
    fn a_node_says_that_the_text_is_its_own() {
        let text = question_text("gate\u{202e}", &json!({ "plan": "x\ny" }), (&["ship".into()], None), false);
        assert!(text.contains("the workflow's own text") && text.contains("choices: ship"), "{text}");
        assert!(!text.contains('\u{202e}'));
    }
}
