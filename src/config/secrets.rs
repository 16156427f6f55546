//! `[secrets.NAME]`: secrets that the user or the machine declares. Knows where a value is, and never looks at one.

use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::{Entry, Tree, Value};
use crate::effect::{SecretDeclaration, SecretSource, SecretUse, WebAddress};

use super::declaring::{is_origin, missing, only_keys, text, wrong_type};

/// Tools that can use a secret.
const TOOLS: [&str; 3] = ["http", "llm", "mcp"];
/// Keys of a declaration.
const KEYS: [&str; 3] = ["env", "file", "for"];
/// Keys of a use.
const USE_KEYS: [&str; 3] = ["tool", "origin", "as"];

/// Reads a whole `[secrets]`; what is wrong with one is said, and it is left out.
pub(super) fn secrets(entry: &Entry, found: &mut Diagnostics) -> Vec<SecretDeclaration> {
    if !matches!(entry.value.value, Value::Map(_)) {
        found.push(wrong_type("secrets", "a table for each secret", &entry.value));
    }
    entry.value.entries().iter().filter_map(|entry| secret(entry, found)).collect()
}

fn secret(entry: &Entry, found: &mut Diagnostics) -> Option<SecretDeclaration> {
    let name = entry.key.value.as_str();
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !plain || name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        let help = "write letters, digits and `_`, no digit first";
        let message = format!("`{name}` is no name of a secret");
        found.push(Diagnostic::new(codes::BAD_NAME, entry.key.span, message).help(help));
        return None;
    }
    only_keys(&entry.value, &KEYS, "a secret", found);
    let source = source(entry, found);
    let uses = match entry.value.get("for") {
        None => Vec::new(),
        Some(uses) => uses.items().iter().filter_map(|one| one_use(one, found)).collect(),
    };
    Some(SecretDeclaration { name: name.to_owned(), source: source?, uses })
}

/// One of `env` and `file`.
fn source(entry: &Entry, found: &mut Diagnostics) -> Option<SecretSource> {
    let written = |key: &str| entry.value.get(key);
    match (written("env"), written("file")) {
        (Some(env), None) => {
            let name = text(env, "env", found)?;
            Some(SecretSource::Env(name))
        }
        (None, Some(file)) => {
            let path = text(file, "file", found)?;
            if path.starts_with('/') || path.starts_with("~/") {
                return Some(SecretSource::File(path));
            }
            let message =
                format!("`{path}` is no absolute path, and a secret is read wherever lgflow is started");
            let help = "write a path that begins with `/` or `~/`";
            found.push(Diagnostic::new(codes::BAD_VALUE, file.span, message).help(help));
            None
        }
        (Some(_), Some(file)) => {
            let message = "a secret has one value, and `env` and `file` name two";
            let problem = Diagnostic::new(codes::CONFLICTING_KEYS, file.span, message);
            found.push(problem.help("remove one of the two"));
            None
        }
        (None, None) => {
            let message = format!("the secret `{}` says nowhere where its value is", entry.key.value);
            found.push(missing(entry.key.span, message, "add `env = \"VARIABLE\"` or `file = \"/PATH\"`"));
            None
        }
    }
}

/// `{ tool = "http", origin = "https://api.example.com:443", as = "header Authorization" }`
fn one_use(tree: &Tree, found: &mut Diagnostics) -> Option<SecretUse> {
    only_keys(tree, &USE_KEYS, "a secret", found);
    let mut word = |key: &str| match tree.get(key) {
        Some(value) => text(value, key, found),
        None => {
            let message = format!("a use of a secret needs `{key}`");
            found.push(missing(tree.span, message, format!("add `{key} = \"…\"`")));
            None
        }
    };
    let (tool, origin, carrier) = (word("tool"), word("origin"), word("as"));
    let (tool, origin, carrier) = (tool?, origin?, carrier?);
    let at = |key: &str| tree.get(key).map_or(tree.span, |value| value.span);
    if !TOOLS.contains(&tool.as_str()) {
        let message = format!("`{tool}` uses no secret");
        found.push(
            Diagnostic::new(codes::BAD_VALUE, at("tool"), message).maybe_help(suggestion(&tool, TOOLS)),
        );
        return None;
    }
    let Some(origin) = WebAddress::parse(&origin).filter(|_| is_origin(&origin)).map(|web| web.origin())
    else {
        let message = format!("`{origin}` is no exact origin");
        let help = "write scheme, host and port in lowercase, like `https://api.example.com:443`";
        found.push(Diagnostic::new(codes::BAD_VALUE, at("origin"), message).help(help));
        return None;
    };
    let header = carrier.strip_prefix("header ").map(str::trim).filter(|header| is_header(header));
    let Some(header) = header else {
        let message = format!("`{carrier}` does not say which header carries the secret");
        let help = "write it like `header Authorization`";
        found.push(Diagnostic::new(codes::BAD_VALUE, at("as"), message).help(help));
        return None;
    };
    Some(SecretUse { tool, origin, header: header.to_ascii_lowercase() })
}

fn is_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}
