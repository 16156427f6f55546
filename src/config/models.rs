//! `[models.NAME]` and `[network]`: models that the user or the machine declares, and origins that are theirs although their
//! addresses are not public. Asks no model anything.

use std::time::Duration;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::{Entry, Tree, Value};
use crate::effect::{DETERMINISTIC, KEY_HEADER, ModelDeclaration, Provider, SecretDeclaration, WebAddress};
use crate::model::{Name, parse_duration};
use crate::source::Span;

use super::declaring::{is_origin, missing, only_keys, text, word, wrong_type};

/// Keys of a declaration.
const KEYS: [&str; 7] = ["provider", "base_url", "model", "key", "timeouts", "max_tokens", "retries"];
/// Keys of its times.
const TIMES: [&str; 3] = ["connect", "first_token", "total"];
/// What is spoken.
const PROVIDERS: [(&str, Provider); 1] = [("openai", Provider::Openai)];
/// The most retries.
const MOST_RETRIES: u64 = 10;
/// Retries where nothing is said.
const RETRIES: u32 = 2;
/// Times where nothing is said.
const CONNECT: Duration = Duration::from_secs(10);
const FIRST_TOKEN: Duration = Duration::from_mins(2);
const TOTAL: Duration = Duration::from_mins(10);

/// A declared model, with the places that later checks point at.
#[derive(Debug, Clone)]
pub(super) struct WrittenModel {
    pub(super) declared: ModelDeclaration,
    name: Span,
    key: Option<Span>,
}

/// Reads a whole `[models]`; what is wrong with one is said, and it is left out.
pub(super) fn models(entry: &Entry, found: &mut Diagnostics) -> Vec<WrittenModel> {
    if !matches!(entry.value.value, Value::Map(_)) {
        found.push(wrong_type("models", "a table for each model", &entry.value));
    }
    entry.value.entries().iter().filter_map(|entry| model(entry, found)).collect()
}

fn model(entry: &Entry, found: &mut Diagnostics) -> Option<WrittenModel> {
    let name = entry.key.value.as_str();
    if Name::parse(name).is_none() || name == DETERMINISTIC {
        let message = if name == DETERMINISTIC {
            format!("`{DETERMINISTIC}` is the built-in model, and no other can have its name")
        } else {
            format!("`{name}` is no name of a model")
        };
        let help = "write small letters, digits and `_`, a letter first, or `default` for the model of graphs that name none";
        found.push(Diagnostic::new(codes::BAD_NAME, entry.key.span, message).help(help));
        return None;
    }
    only_keys(&entry.value, &KEYS, "a model", found);
    let provider = match entry.value.get("provider") {
        None => Some(Provider::Openai),
        Some(written) => word(written, "provider", &PROVIDERS, found),
    };
    let base_url = required(entry, "base_url", "https://api.example.com/v1", found);
    let model = required(entry, "model", "the provider's name of it", found);
    let key = entry.value.get("key").map(|written| (text(written, "key", found), written.span));
    let [connect, first_token, total] = times(&entry.value, found);
    let declared = ModelDeclaration {
        name: name.to_owned(),
        provider: provider?,
        base_url: base_url?,
        model: model?,
        key: match &key {
            None => None,
            Some((name, _)) => Some(name.clone()?),
        },
        max_tokens: count(&entry.value, "max_tokens", 1, u64::MAX, found),
        retries: count(&entry.value, "retries", 0, MOST_RETRIES, found).map_or(RETRIES, |count| count as u32),
        connect: connect.unwrap_or(CONNECT),
        first_token: first_token.unwrap_or(FIRST_TOKEN),
        total: total.unwrap_or(TOTAL),
    };
    let written = WrittenModel { declared, name: entry.key.span, key: key.map(|(_, span)| span) };
    if written.declared.address().is_none_or(|address| address.query.is_some()) {
        let message = format!("`{}` is no plain address of an interface", written.declared.base_url);
        let help = "write it like `https://api.example.com/v1`: what stands before `/chat/completions`";
        let span = entry.value.get("base_url").map_or(entry.key.span, |written| written.span);
        found.push(Diagnostic::new(codes::BAD_VALUE, span, message).help(help));
        return None;
    }
    Some(written)
}

impl WrittenModel {
    /// Its key is a secret that is declared, and for it: else no request could ever carry it.
    pub(super) fn check_key(&self, secrets: &[SecretDeclaration], found: &mut Diagnostics) {
        let (Some(key), Some(span)) = (&self.declared.key, self.key) else { return };
        let Some(address) = self.declared.address() else { return };
        let origin = address.origin();
        let wanted = format!("{{ tool = \"llm\", origin = \"{origin}\", as = \"header Authorization\" }}");
        let (message, help) = match secrets.iter().find(|secret| secret.name == *key) {
            None => (
                format!("there is no secret `{key}`"),
                format!("declare it: `[secrets.{key}]` with `env = \"{key}\"` and `for = [{wanted}]`"),
            ),
            Some(secret) if !secret.is_for("llm", &origin, KEY_HEADER) => (
                format!(
                    "the secret `{key}` is not declared for `llm` at `{origin}`, so it would not be sent there"
                ),
                format!("add `{wanted}` to `for` of `[secrets.{key}]`"),
            ),
            Some(_) => return,
        };
        found.push(Diagnostic::new(codes::BAD_VALUE, span, message).label(self.name, "the model").help(help));
    }
}

/// `private` of `[network]`.
pub(super) fn private(entry: &Entry, found: &mut Diagnostics) -> Vec<String> {
    only_keys(&entry.value, &["private"], "`network`", found);
    let Some(list) = entry.value.get("private") else { return Vec::new() };
    if !matches!(list.value, Value::List(_)) {
        found.push(wrong_type("private", "a list of origins", list));
    }
    let mut origins = Vec::new();
    for item in list.items() {
        let Some(origin) = text(item, "private", found) else { continue };
        if let Some(web) = WebAddress::parse(&origin).filter(|_| is_origin(&origin)) {
            origins.push(web.origin());
        } else {
            let message = format!("`{origin}` is no exact origin");
            let help = "write scheme, host and port in lowercase, like `http://127.0.0.1:8080`";
            found.push(Diagnostic::new(codes::BAD_VALUE, item.span, message).help(help));
        }
    }
    origins
}

fn required(entry: &Entry, key: &str, example: &str, found: &mut Diagnostics) -> Option<String> {
    match entry.value.get(key) {
        Some(written) => text(written, key, found),
        None => {
            let message = format!("the model `{}` needs `{key}`", entry.key.value);
            found.push(missing(entry.key.span, message, format!("add `{key} = \"…\"`: {example}")));
            None
        }
    }
}

fn times(model: &Tree, found: &mut Diagnostics) -> [Option<Duration>; 3] {
    let Some(table) = model.get("timeouts") else { return [None; 3] };
    if !matches!(table.value, Value::Map(_)) {
        found.push(wrong_type("timeouts", "a table of times", table));
    }
    only_keys(table, &TIMES, "`timeouts`", found);
    TIMES.map(|key| {
        let written = table.get(key)?;
        let said = text(written, key, found)?;
        let time = parse_duration(&said).filter(|time| !time.is_zero());
        if time.is_none() {
            let message = format!("`{key}` cannot be `{said}`");
            let help = "write it like `10s`, `2m` or `1h30m`";
            found.push(Diagnostic::new(codes::BAD_VALUE, written.span, message).help(help));
        }
        time
    })
}

fn count(model: &Tree, key: &str, least: u64, most: u64, found: &mut Diagnostics) -> Option<u64> {
    let written = model.get(key)?;
    match written.value {
        Value::Int(count) => {
            let fits = u64::try_from(count).ok().filter(|count| (least..=most).contains(count));
            if fits.is_some() {
                return fits;
            }
            let bounds = if most == u64::MAX {
                format!("at least {least}")
            } else {
                format!("from {least} to {most}")
            };
            let message = format!("`{key}` cannot be {count}");
            let help = format!("write a whole number, {bounds}");
            found.push(Diagnostic::new(codes::BAD_VALUE, written.span, message).help(help));
            None
        }
        _ => {
            found.push(wrong_type(key, "a whole number", written));
            None
        }
    }
}
