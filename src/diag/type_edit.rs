//! The edit for a value of another kind than the one that is wanted.

use serde_json::Value;

/// Longer texts are not written out.
const LONGEST: usize = 60;

/// What to write where `wanted` (`a list`, `an integer`, a word of the sentence that says so) is wanted, and `value`
/// stands there.
pub fn type_edit(wanted: &str, value: &Value) -> Option<String> {
    let edit = match wanted {
        "a string" | "a string or a list of strings" => return Some(text(value)),
        "a list" | "a list of strings" => return Some(list(value)),
        "a boolean" => boolean(value),
        "an integer" | "a number" => return Some(number(wanted, value)),
        "a mapping" | "an object" => "write names with their values",
        "a size" => "write it like `200000` or `10MiB`",
        "a duration" => "write it like `90s`, `10m` or `1h30m`",
        "a JSON Schema" | "a schema" => return Some(schema(value)),
        "a list of schemas" => "write `[{ type: … }]`",
        "a mapping of schemas" => "write `{ NAME: { type: … } }`",
        "a mapping of lists" => "write `{ NAME: [ … ] }`",
        _ => return None,
    };
    Some(edit.to_owned())
}

fn text(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) => format!("write `\"{value}\"`"),
        Value::Array(items) => match &items[..] {
            [Value::String(only)] if only.len() <= LONGEST => format!("write `\"{only}\"`, without brackets"),
            _ => "write one text: `\"…\"`".to_owned(),
        },
        _ => "write one text: `\"…\"`".to_owned(),
    }
}

fn list(value: &Value) -> String {
    match value {
        Value::String(text) if text.len() <= LONGEST => format!("write `[{}]`", Value::from(text.as_str())),
        Value::Number(_) | Value::Bool(_) => format!("write `[{value}]`"),
        _ => "write `[ … ]`, or each item on a line of its own after `- `".to_owned(),
    }
}

fn boolean(value: &Value) -> &'static str {
    match value.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("true") if value == "true" => "write `true` without quotes",
        Some("false") if value == "false" => "write `false` without quotes",
        Some("yes" | "on" | "true" | "y") => "write `true`",
        Some("no" | "off" | "false" | "n") => "write `false`",
        _ => "write `true` or `false`",
    }
}

fn number(wanted: &str, value: &Value) -> String {
    let spelled = |text: &&str| {
        let whole = text.parse::<i64>().is_ok();
        whole || (wanted == "a number" && text.parse::<f64>().is_ok_and(f64::is_finite))
    };
    match value.as_str().filter(spelled) {
        Some(number) => format!("write `{number}` without quotes"),
        None if wanted == "an integer" => "write a whole number, such as `3`".to_owned(),
        None => "write a number, such as `3` or `0.5`".to_owned(),
    }
}

fn schema(value: &Value) -> String {
    const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "array", "object", "null"];
    match value.as_str().filter(|word| TYPES.contains(word)) {
        Some(word) => format!("write `{{ type: {word} }}`"),
        None => "write `{ type: … }`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_has_an_edit() {
        let told = |wanted, value: Value| type_edit(wanted, &value).unwrap();
        assert_eq!(told("a string", json!(3)), "write `\"3\"`");
        assert_eq!(told("a string", json!(["x"])), "write `\"x\"`, without brackets");
        assert_eq!(told("a string", json!(["x", "y"])), "write one text: `\"…\"`");
        assert_eq!(told("a list", json!("cargo test")), "write `[\"cargo test\"]`");
        assert_eq!(told("a list", json!(3)), "write `[3]`");
        assert_eq!(told("a boolean", json!("Yes")), "write `true`");
        assert_eq!(told("a boolean", json!("false")), "write `false` without quotes");
        assert_eq!(told("a boolean", json!(1)), "write `true` or `false`");
        assert_eq!(told("an integer", json!("3")), "write `3` without quotes");
        assert_eq!(told("an integer", json!("3.5")), "write a whole number, such as `3`");
        assert_eq!(told("a number", json!("3.5")), "write `3.5` without quotes");
        assert_eq!(told("a number", json!("NaN")), "write a number, such as `3` or `0.5`");
        assert_eq!(told("a JSON Schema", json!("string")), "write `{ type: string }`");
        assert_eq!(type_edit("null", &json!(3)), None);
    }
}
