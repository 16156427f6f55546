//! A result of the runner as a client hears it: the output as it is, or what stood in the way, in words and as data. A
//! refusal is a result, never an error of the protocol. Nothing is escaped: who shows it, escapes it.

use rmcp::model::{CallToolResult, ContentBlock, JsonObject, MetaObject};
use serde_json::{Value, json};

use crate::effect::{ErrorKind, ToolError, ToolResult};

/// Where the facts of a call stand in its result: which rules decided, what was cut, which walls stood.
const FACTS: &str = "lgflow.dev/result";

/// Who may answer what a call asks, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    /// The session.
    pub(super) session: &'a str,
    /// The workspace, to be shown.
    pub(super) root: &'a str,
}

/// The answer to a call.
pub(super) fn answer(result: &ToolResult, asking: Asking<'_>) -> CallToolResult {
    let mut answer = match &result.error {
        None => {
            let mut answer = CallToolResult::success(vec![ContentBlock::text(result.output.to_string())]);
            answer.structured_content = result.output.is_object().then(|| result.output.clone());
            answer
        }
        Some(error) => failed(error, asking),
    };
    answer.meta = Some(MetaObject(facts(result)));
    answer
}

/// The answer where no result can be had.
pub(super) fn unanswered(tool: &str, message: String, asking: Asking<'_>) -> CallToolResult {
    let result = ToolResult::failure(tool, ToolError::new(ErrorKind::Internal, message));
    answer(&result, asking)
}

fn failed(error: &ToolError, asking: Asking<'_>) -> CallToolResult {
    let mut content = vec![ContentBlock::text(sentence(error, asking))];
    content.extend(error.output.as_ref().map(|output| ContentBlock::text(output.to_string())));
    CallToolResult::error(content)
}

/// What stood in the way, by which rule, and what can be done.
fn sentence(error: &ToolError, Asking { session, root }: Asking<'_>) -> String {
    let rule = error.rule.as_ref().map(|rule| format!(" [{}]", rule.place())).unwrap_or_default();
    let question = error.approval.as_ref().map(|asked| {
        format!(
            "\nNothing was done. A person decides, at a terminal of their own, in {root}: `lgflow approve {session} {}`. Ask \
             them to, and wait; then make exactly this call again.",
            asked.nonce
        )
    });
    format!("{}: {}{rule}{}", error.kind, error.message, question.unwrap_or_default())
}

/// Everything but the output, which stands beside it.
fn facts(result: &ToolResult) -> JsonObject {
    let mut facts = json!(result);
    if let Some(facts) = facts.as_object_mut() {
        for said in ["output", "stdout", "stderr"] {
            facts.remove(said);
        }
        if let Some(error) = facts.get_mut("error").and_then(Value::as_object_mut) {
            error.remove("output");
        }
    }
    let mut meta = JsonObject::new();
    meta.insert(FACTS.to_owned(), facts);
    meta
}

#[cfg(test)]
mod tests {
    use crate::effect::{AskedRef, RuleRef};

    use super::*;

    const ASKING: Asking<'_> = Asking { session: "01k", root: "/work" };

    fn texts(answer: &CallToolResult) -> Vec<String> {
        answer.content.iter().filter_map(|part| Some(part.as_text()?.text.clone())).collect()
    }

    #[test]
    fn a_success_is_its_output_as_text_and_as_data() {
        let result = ToolResult::success("read_file", json!({"path": "a\u{202e}b", "content": "x"}));
        let answer = answer(&result, ASKING);
        assert_eq!(answer.is_error, Some(false));
        assert_eq!(answer.structured_content.as_ref(), Some(&result.output));
        assert_eq!(texts(&answer), [result.output.to_string()], "what is not ours is as it is");
        let facts = &answer.meta.unwrap().0[FACTS];
        assert_eq!((&facts["ok"], facts.get("output")), (&json!(true), None));
    }

    #[test]
    fn a_refusal_names_its_rule_and_an_output_before_it_is_kept() {
        let rule = RuleRef {
            layer: "p.yaml".into(),
            rule: "tools".into(),
            file: "p.yaml".into(),
            line: 3,
            column: 9,
        };
        let error = ToolError {
            rule: Some(rule),
            output: Some(json!({"exit_code": 1})),
            ..ToolError::new(ErrorKind::Denied, "`exec` is denied")
        };
        let answer = answer(&ToolResult::failure("exec", error), ASKING);
        assert_eq!(answer.is_error, Some(true));
        assert_eq!(answer.structured_content, None, "it is none of the output's schema");
        assert_eq!(texts(&answer), ["denied: `exec` is denied [p.yaml:3:9 (tools)]", r#"{"exit_code":1}"#]);
        assert_eq!(answer.meta.unwrap().0[FACTS]["error"]["rule"]["line"], 3);
    }

    #[test]
    fn a_question_names_the_request_and_who_answers_it() {
        let asked = AskedRef { nonce: "abc".into(), request: crate::digest::Digest::of("r") };
        let error =
            ToolError { approval: Some(asked), ..ToolError::new(ErrorKind::ApprovalRequired, "it asks") };
        let text = texts(&answer(&ToolResult::failure("apply_patch", error), ASKING)).concat();
        assert!(text.starts_with("approval_required: it asks\nNothing was done."), "{text}");
        assert!(text.contains("`lgflow approve 01k abc`"), "{text}");
        assert!(!text.contains("--digest"), "{text}");
    }
}
