//! The models of `lgflow doctor`: which are declared, whether their keys have a value, and, on the user's wish, what their
//! providers say.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::effect::{Declared, ModelDeclaration};
use crate::runner::{Reached, key_of, reach};
use crate::view::escaped;

/// A declared model, as it was found.
pub(super) struct Found<'a> {
    model: &'a ModelDeclaration,
    key: Result<(), String>,
    online: Option<Result<Reached, String>>,
}

/// Looks at every declared model; asks their providers only where `online` says so.
pub(super) fn found(declared: &Declared, online: bool) -> Vec<Found<'_>> {
    let look = |model| {
        let key = key_of(model, declared);
        let online = (online && key.is_ok()).then(|| reach(model, declared));
        Found { model, key, online }
    };
    declared.models.iter().map(look).collect()
}

impl Found<'_> {
    /// Could it be asked, as far as was looked?
    fn is_ready(&self) -> bool {
        let refused =
            |reached: &Reached| reached.status == 401 || reached.status == 403 || reached.status >= 500;
        self.key.is_ok()
            && match &self.online {
                None => true,
                Some(Ok(reached)) => !refused(reached) && reached.lists_it != Some(false),
                Some(Err(_)) => false,
            }
    }

    fn key_said(&self) -> String {
        match (&self.model.key, &self.key) {
            (None, _) => "it needs no key".to_owned(),
            (Some(key), Ok(())) => format!("its key `{key}` has a value"),
            (Some(_), Err(why)) => why.clone(),
        }
    }

    fn online_said(&self) -> Option<String> {
        let model = &self.model.model;
        Some(match self.online.as_ref()? {
            Err(why) => format!("not reached: {why}"),
            Ok(Reached { status: 401 | 403, .. }) if self.model.key.is_some() => {
                "it answers, and does not take the key".to_owned()
            }
            Ok(Reached { status: status @ (401 | 403), .. }) => {
                format!("it answers, and wants a key (status {status})")
            }
            Ok(Reached { lists_it: Some(true), .. }) => format!("it answers, and has `{model}`"),
            Ok(Reached { lists_it: Some(false), .. }) => format!("it answers, and lists no `{model}`"),
            Ok(Reached { status, .. }) => {
                format!("it answers with status {status}, and with no list of models")
            }
        })
    }
}

/// The section for a person; nothing where no model is declared.
pub(super) fn human(found: &[Found<'_>]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{:24}{:10}how it was found\n", "model", "ready");
    for one in found {
        let (model, ready) = (one.model, if one.is_ready() { "yes" } else { "NO" });
        let place = format!("`{}` at {}; {}", model.model, model.base_url, one.key_said());
        // writing to a string can't fail
        let _ = writeln!(text, "{:24}{ready:10}{}", escaped(&model.name), escaped(&place));
        if let Some(said) = one.online_said() {
            let _ = writeln!(text, "{:34}{}", "", escaped(&said));
        }
    }
    if found.iter().all(|one| one.online.is_none()) {
        text.push_str("\nNobody was asked; `lgflow doctor --online` asks the providers, with the keys.\n");
    }
    text
}

/// The same for a program.
pub(super) fn document(found: &[Found<'_>]) -> Value {
    let row = |one: &Found<'_>| {
        let online = one.online.as_ref().map(|came| match came {
            Ok(reached) => json!({ "status": reached.status, "lists_it": reached.lists_it, "error": null }),
            Err(why) => json!({ "status": null, "lists_it": null, "error": why }),
        });
        json!({
            "name": one.model.name,
            "provider": one.model.provider.as_str(),
            "base_url": one.model.base_url,
            "model": one.model.model,
            "ready": one.is_ready(),
            "key": one.key_said(),
            "online": online,
        })
    };
    found.iter().map(row).collect()
}
