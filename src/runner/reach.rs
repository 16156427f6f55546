//! Whether a declared model could be asked, on the user's own word: no effect of a workflow, so no grant comes with it. Its key
//! goes where its declaration says, as it would with a call.

use std::time::Duration;

use serde_json::Value;

use crate::effect::{Declared, KEY_HEADER, ModelDeclaration, SecretDeclaration};

use super::net::{Begin, Exchange, Outgoing, Terms};
use super::{Cancel, Keyring};

/// So long it may take, where its own times do not say less.
const TOTAL: Duration = Duration::from_secs(20);
/// The most bytes of a list of models.
const MOST: u64 = 4 << 20;

/// What a provider said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The status of its answer.
    pub status: u16,
    /// Is the model in its list? None where it gave no list.
    pub lists_it: Option<bool>,
}

/// Has the model's key a value here? The error says where one would have to be. A model without a key needs none.
pub fn key_of(model: &ModelDeclaration, declared: &Declared) -> Result<(), String> {
    headers(model, declared).map(drop)
}

/// Asks the provider of a model which ones it has; the error says why it did not answer.
pub fn reach(model: &ModelDeclaration, declared: &Declared) -> Result<Reached, String> {
    let address = model.listing().ok_or_else(|| format!("`{}` is no address of a model", model.base_url))?;
    let headers = headers(model, declared)?;
    let outgoing = Outgoing { method: "GET", address: &address, headers, body: Vec::new() };
    let terms = Terms {
        private: declared.names_private(&address.origin()),
        connect: model.connect.min(TOTAL),
        first: model.first_token.min(TOTAL),
        since: Begin::now(),
        total: model.total.min(TOTAL),
        most: MOST,
    };
    let answer = Exchange::begin(&outgoing, terms, &Cancel::default());
    let mut answer = answer.map_err(|fault| fault.to_string())?;
    let said = answer.rest().map_err(|fault| fault.to_string())?;
    Ok(Reached { status: answer.status, lists_it: lists(&said, &model.model) })
}

fn headers(model: &ModelDeclaration, declared: &Declared) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut headers = vec![
        ("user-agent".to_owned(), concat!("lgflow/", env!("CARGO_PKG_VERSION")).as_bytes().to_vec()),
        ("accept".to_owned(), b"application/json".to_vec()),
    ];
    if let Some(key) = &model.key {
        let origin = model.listing().map(|address| address.origin()).unwrap_or_default();
        let is_for = |secret: &&SecretDeclaration| secret.is_for("llm", &origin, KEY_HEADER);
        let secret = declared.secret(key).filter(is_for);
        let secret = secret.ok_or_else(|| format!("the secret `{key}` is not declared for `{origin}`"))?;
        let keys = Keyring::of(std::slice::from_ref(secret)).map_err(|error| error.to_string())?;
        let value = keys.value(secret).map_err(|error| error.message)?;
        headers.push((KEY_HEADER.to_owned(), [b"Bearer ", value].concat()));
    }
    Ok(headers)
}

fn lists(said: &[u8], model: &str) -> Option<bool> {
    let said: Value = serde_json::from_slice(said).ok()?;
    let listed = said.get("data")?.as_array()?;
    Some(listed.iter().any(|one| one.get("id").and_then(Value::as_str) == Some(model)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_the_model_or_not_and_what_is_no_list_says_nothing() {
        let list = br#"{"object":"list","data":[{"id":"a"},{"id":"b-1"},{}]}"#;
        assert_eq!((lists(list, "b-1"), lists(list, "b")), (Some(true), Some(false)));
        for none in [&b"<html>"[..], br#"{"data":"b"}"#, b"[]", b""] {
            assert_eq!(lists(none, "b"), None);
        }
    }
}
