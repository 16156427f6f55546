//! What is said of something in one line: values that may be long, and questions.

use serde_json::Value;

use crate::trace::Waiting;

use super::escaped;

/// Characters of what a question shows that stand in a line about it.
const ASKED: usize = 160;
/// Levels of a schema that stand in a line about it.
const NESTED: u8 = 3;

/// A text in one line, cut where it is longer than `most` characters.
pub(super) fn brief(text: &str, most: usize) -> String {
    let whole = escaped(text);
    let length = whole.chars().count();
    if length <= most {
        return whole;
    }
    let kept: String = whole.chars().take(most).collect();
    format!("{kept}… ({length} characters)")
}

/// An open question: who asks, for which item, and what.
pub fn question_line(open: &Waiting) -> String {
    let item = open.item.map(|item| format!("[{item}]")).unwrap_or_default();
    let asked = asked_in_brief(&open.show).map(|asked| format!(": {asked}")).unwrap_or_default();
    let wants = match &open.response {
        Some(response) => format!(" with a response `{}`", schema_in_brief(response)),
        None => String::new(),
    };
    format!("question {}: {}{item} waits for an answer{wants}{asked}", open.id.0, escaped(&open.node))
}

/// What a JSON Schema takes, in short: `{ reason: string, level?: "low" | "high" }`.
pub(super) fn schema_in_brief(schema: &Value) -> String {
    brief(&shape(schema, NESTED), ASKED)
}

fn shape(schema: &Value, deep: u8) -> String {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ => return "any".to_owned(),
    };
    let is_needed = |name: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|one| one == name))
    };
    match (kind.as_str(), schema.get("properties").and_then(Value::as_object), schema.get("items")) {
        ("object", Some(members), _) if deep > 0 && !members.is_empty() => {
            let member = |(name, schema): (&String, &Value)| {
                format!("{name}{}: {}", if is_needed(name) { "" } else { "?" }, shape(schema, deep - 1))
            };
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        ("array", _, Some(items)) if deep > 0 => format!("[{}]", shape(items, deep - 1)),
        _ => kind,
    }
}

/// What a question is about, where that is a text: why the policy asks, or the workflow's own words.
pub fn asked_in_brief(show: &Value) -> Option<String> {
    let said = match show {
        Value::String(text) => brief(text.trim(), ASKED),
        other => escaped(other.get("reason")?.as_str()?),
    };
    Some(said).filter(|said| !said.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_told_in_short() {
        let object = json!({ "type": "object", "required": ["reason"], "properties": {
            "reason": { "type": "string" }, "level": { "enum": ["low", 2] },
            "at": { "type": "array", "items": { "type": "object", "properties": { "n": { "type": ["integer", "null"] }, "m": {
                "type": "object", "properties": { "deep": {} } } } } } } });
        let members = "at?: [{ m?: object, n?: integer | null }], level?: \"low\" | 2, reason: string";
        let said = schema_in_brief(&object);
        let mut told: Vec<&str> = said.trim_matches(['{', '}', ' ']).split(", ").collect();
        told.sort_unstable();
        let mut expected: Vec<&str> = members.split(", ").collect();
        expected.sort_unstable();
        assert_eq!(told, expected, "{said}");
        assert_eq!(schema_in_brief(&json!({ "type": "boolean" })), "boolean");
        assert_eq!(schema_in_brief(&json!({ "const": "\u{202e}" })), "\"\\u{202e}\"");
        assert_eq!(schema_in_brief(&json!(true)), "any");
        assert!(schema_in_brief(&json!({ "enum": ["x".repeat(400)] })).contains("… (402 characters)"));
    }
}
