//! What must not reach the interpreter, and so neither the trace nor a model: values of declared secrets in what the user
//! gives and in the graph's own texts. What the layers' patterns match is kept out of the trace alone.

use serde_json::Value;

use crate::effect::FrozenLayer;
use crate::policy::PolicySet;
use crate::redact::Redaction;
use crate::runner::{SecretError, redaction};
use crate::source::Sources;

use super::Task;

/// A run that would carry a secret where it can be read.
#[derive(Debug, thiserror::Error)]
pub enum KeepOutError {
    /// A secret's value cannot be looked for.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The value stands where it can be read.
    #[error(
        "{place} holds the value of the secret `{name}`, and would carry it into the trace; write \
         `{{$secret: {name}}}` where the secret is used"
    )]
    Found {
        /// The input, or the file.
        place: String,
        /// The secret.
        name: String,
    },
}

/// What is kept out of the trace of a run.
#[derive(Debug)]
pub(super) struct KeptOut {
    redaction: Redaction,
    patterns: Vec<(String, String)>,
}

impl KeptOut {
    /// Reads the declared secrets, and refuses a task that carries one of them.
    pub(super) fn of(task: &Task<'_>) -> Result<Self, KeepOutError> {
        let patterns = patterns(&task.layers);
        let redaction = redaction(&task.secrets, &patterns)?;
        let values = redaction.values();
        let found = |place: String, text: &str| match values.found_in(text.as_bytes()) {
            Some(name) => Err(KeepOutError::Found { place, name: name.to_owned() }),
            None => Ok(()),
        };
        for (name, value) in task.inputs.as_object().into_iter().flatten() {
            found(format!("the input `{name}`"), &value.to_string())?;
            // a text as it is, too: what is escaped in JSON is only one of its forms
            found(format!("the input `{name}`"), value.as_str().unwrap_or_default())?;
        }
        for file in &task.bundle.files {
            found(format!("`{}`", file.name), &file.text)?;
        }
        let patterns = patterns.iter().map(|(name, regex)| (name.clone(), regex.as_str().to_owned()));
        Ok(Self { patterns: patterns.collect(), redaction })
    }

    /// Names and regular expressions.
    pub(super) fn patterns(&self) -> Vec<(String, String)> {
        self.patterns.clone()
    }

    /// Inputs as the trace will hold them.
    pub(super) fn recorded(&self, inputs: &Value) -> Value {
        let mut inputs = inputs.clone();
        self.redaction.redact(&mut inputs);
        inputs
    }
}

/// The patterns of layers that were compiled before; of others, none: nothing runs under those.
fn patterns(layers: &[FrozenLayer]) -> Vec<(String, regex::Regex)> {
    let set = PolicySet::compile(layers, &mut Sources::default());
    set.map(|set| set.redact_patterns().to_vec()).unwrap_or_default()
}
