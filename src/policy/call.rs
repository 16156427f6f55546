//! What the gate reads of a call's input. Whatever it cannot read is a denial.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::patch::{Named, named_in_patch};

/// What the gate reads of an `exec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExecCall {
    pub(super) argv: Vec<String>,
    pub(super) cwd: Option<String>,
    pub(super) env: BTreeMap<String, String>,
}

impl ExecCall {
    /// # Errors
    /// What of the input cannot be read.
    pub(super) fn read(input: &Value) -> Result<Self, String> {
        let argv = match input.get("argv") {
            Some(Value::Array(items)) if !items.is_empty() => {
                let words: Option<Vec<String>> =
                    items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                words.ok_or("`argv` holds something that is no string")?
            }
            _ => return Err("`argv` is not a list with at least one element".to_owned()),
        };
        let cwd = match input.get("cwd") {
            None | Some(Value::Null) => None,
            Some(Value::String(cwd)) => Some(cwd.clone()),
            Some(_) => return Err("`cwd` is no string".to_owned()),
        };
        Ok(Self { argv, cwd, env: variables(input.get("env"))? })
    }

    /// The command line, for messages.
    pub(super) fn line(&self) -> String {
        self.argv.join(" ")
    }
}

fn variables(env: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    match env {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => {
            let read = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
            let variables: Option<_> = entries.iter().map(read).collect();
            variables.ok_or_else(|| "`env` holds something that is no string".to_owned())
        }
        Some(_) => Err("`env` is no mapping".to_owned()),
    }
}

/// A secret that a call refers to, `{$secret: NAME}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretReference {
    pub(super) name: String,
    /// The header that it stands in, lowercase; `None` anywhere else.
    pub(super) header: Option<String>,
}

/// The secrets that the parameters of a call refer to, at any depth.
pub(super) fn secrets_of(input: &Value) -> Vec<SecretReference> {
    let entries = input.as_object().into_iter().flatten();
    let found = entries.flat_map(|(key, value)| match value {
        Value::Object(headers) if key == "headers" => {
            let in_header = |(header, value): (&String, &Value)| {
                let header = header.to_ascii_lowercase();
                names_of(value)
                    .into_iter()
                    .map(move |name| SecretReference { name, header: Some(header.clone()) })
                    .collect::<Vec<_>>()
            };
            headers.iter().flat_map(in_header).collect()
        }
        value => {
            names_of(value).into_iter().map(|name| SecretReference { name, header: None }).collect::<Vec<_>>()
        }
    });
    found.collect()
}

fn names_of(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => {
            let own = entries.get("$secret").map(|name| name.as_str().unwrap_or_default().to_owned());
            own.into_iter().chain(entries.values().flat_map(names_of)).collect()
        }
        Value::Array(items) => items.iter().flat_map(names_of).collect(),
        _ => Vec::new(),
    }
}

/// The paths that a call names literally to be read, written, or changed by what is no text, before anything is resolved.
pub(super) fn literal_paths(tool: &str, input: &Value) -> Named {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match tool {
        "read_file" => Named { read: text(input.get("path")).into_iter().collect(), ..Named::default() },
        "apply_patch" => {
            let changes = input.get("changes").and_then(Value::as_array).into_iter().flatten();
            let paths = changes.flat_map(|change| {
                ["path", "from", "to", "content_path"].map(|key| text(change.get(key))).into_iter().flatten()
            });
            let diff = input.get("patch").and_then(Value::as_str).map(named_in_patch);
            let named: Named = diff.unwrap_or_default();
            Named { changed: paths.chain(named.changed).collect(), ..named }
        }
        _ => Named::default(),
    }
}

/// The folder that a call looks through, as it names it: what in it may be seen is asked of each file.
pub(super) fn looked_through<'c>(tool: &str, input: &'c Value) -> Option<&'c str> {
    matches!(tool, "list_files" | "search_files").then(|| input.get("path")?.as_str()).flatten()
}

/// The names of the headers of a call, in small letters, less those that carry a secret.
pub(super) fn plain_headers(input: &Value) -> Vec<String> {
    let headers = input.get("headers").and_then(Value::as_object).into_iter().flatten();
    let plain = headers.filter(|(_, value)| value.get("$secret").is_none());
    plain.map(|(name, _)| name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_at_any_depth_with_the_header_that_carries_them() {
        let secret = serde_json::json!({"$secret": "KEY", "prefix": "Bearer "});
        let input = serde_json::json!({"headers": {"Authorization": secret}, "body": [{"a": secret}]});
        let reference = |header: Option<&str>| SecretReference {
            name: "KEY".to_owned(),
            header: header.map(str::to_owned),
        };
        let found = secrets_of(&input);
        assert!(
            found.contains(&reference(Some("authorization"))) && found.contains(&reference(None)),
            "{found:?}"
        );
        assert_eq!(found.len(), 2);
    }
}
