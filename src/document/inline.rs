//! A value as one line of a file's syntax, which is read back as the same value.

use std::fmt::Write as _;

use serde_json::Value;

use crate::source::{is_unsafe_to_show, json_escaped};

use super::Syntax;

/// The value on one line. YAML takes JSON as it is; in TOML null is written as an empty string, for there is none.
pub fn inline(value: &Value, syntax: Syntax) -> String {
    match syntax {
        Syntax::Json => json_escaped(&value.to_string()),
        Syntax::Yaml => spelled(&value.to_string()),
        Syntax::Toml => spelled(&toml(value)),
    }
}

/// No character that YAML or TOML does not take as it is, or that nobody sees: such stand in strings alone, where each has
/// an escape.
fn spelled(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for c in text.chars() {
        // writing to a string can't fail
        let _ = match u32::from(c) {
            _ if !is_unsafe_to_show(c) => spelled.write_char(c),
            code @ 0x1_0000.. => write!(spelled, "\\U{code:08x}"),
            code => write!(spelled, "\\u{code:04x}"),
        };
    }
    spelled
}

fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| format!("{} = {}", toml_key(key), toml(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Null => "\"\"".to_owned(),
        // strings, numbers and booleans are spelled as in JSON
        scalar => scalar.to_string(),
    }
}

/// A key as TOML has it: without quotes where it needs none.
fn toml_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { Value::from(key).to_string() }
}

/// A key and its value on one line of TOML.
pub fn toml_entry(key: &str, value: &Value) -> String {
    spelled(&format!("{} = {}", toml_key(key), toml(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Diagnostics;
    use crate::document::{Limits, parse};
    use crate::source::Sources;

    #[test]
    fn every_character_is_read_back_as_it_was() {
        let odd: Vec<char> =
            (0..=0x0010_ffff).filter_map(char::from_u32).filter(|c| is_unsafe_to_show(*c)).collect();
        let texts = odd.chunks(1000).map(|some| some.iter().collect::<String>());
        let texts = texts.chain([r#"plain "quoted" \ back 日本 😀 # : {"#.to_owned()]);
        for text in texts {
            for (syntax, name) in
                [(Syntax::Yaml, "a.yaml"), (Syntax::Toml, "a.toml"), (Syntax::Json, "a.json")]
            {
                let value = Value::from(text.as_str());
                let line = inline(&value, syntax);
                assert!(!line.chars().any(is_unsafe_to_show), "{line}");
                let file = match syntax {
                    Syntax::Yaml => format!("k: {line}\n"),
                    Syntax::Toml => format!("k = {line}\n"),
                    Syntax::Json => format!("{{\"k\": {line}}}\n"),
                };
                let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
                let id = sources.add(name, file.as_str());
                let parsed = parse(&sources, id, syntax, &Limits::default(), &mut found).unwrap();
                assert!(!found.has_errors(), "{syntax:?}: {line}");
                assert_eq!(parsed.tree.to_json()["k"], value, "{syntax:?}: {line}");
            }
        }
    }
}
