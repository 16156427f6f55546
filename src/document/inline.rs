//! A value as one line of a file's syntax, which is read back as the same value.

use serde_json::Value;

use super::Syntax;

/// The value on one line. YAML takes JSON as it is; in TOML null is written as an empty string, for there is none.
pub fn inline(value: &Value, syntax: Syntax) -> String {
    match syntax {
        Syntax::Yaml | Syntax::Json => value.to_string(),
        Syntax::Toml => toml(value),
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entry =
                |(key, value): (&String, &Value)| format!("{} = {}", Value::from(key.as_str()), toml(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Null => "\"\"".to_owned(),
        // strings, numbers and booleans are spelled as in JSON
        scalar => scalar.to_string(),
    }
}
