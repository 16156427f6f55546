//! What must not reach the interpreter, and so neither the trace nor a model: values of declared secrets in what the user
//! gives and in the graph's own texts. What the layers' patterns match is kept out of the trace alone.

use std::io;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{FrozenLayer, SecretDeclaration};
use crate::policy::PolicySet;
use crate::redact::Redaction;
use crate::runner::{SecretError, redaction};
use crate::source::Sources;

use super::{Task, Word};

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
    /// A person has said it.
    #[error(
        "{place} holds the value of the secret `{name}`, and would carry it into the trace and to whoever reads it; nothing was \
         recorded: answer without it"
    )]
    Said {
        /// The comment, the choice or the response.
        place: &'static str,
        /// The secret.
        name: String,
    },
}

/// What is kept out of the trace of a run.
#[derive(Debug)]
pub(super) struct KeptOut {
    redaction: Redaction,
    patterns: Vec<(String, String)>,
    secrets: Vec<String>,
}

impl KeptOut {
    /// Reads the declared secrets, and refuses a task that carries one of them.
    pub(super) fn of(task: &Task<'_>) -> Result<Self, KeepOutError> {
        let kept = Self::from_inputs(&task.declared.secrets, &task.layers, &task.inputs)?;
        for file in &task.bundle.files {
            kept.refuse(format!("`{}`", file.name), &file.text)?;
        }
        Ok(kept)
    }

    /// The same of inputs alone.
    fn from_inputs(
        secrets: &[SecretDeclaration],
        layers: &[FrozenLayer],
        inputs: &Value,
    ) -> Result<Self, KeepOutError> {
        let patterns = patterns(layers);
        let redaction = redaction(secrets, &patterns)?;
        let patterns = patterns.iter().map(|(name, regex)| (name.clone(), regex.as_str().to_owned()));
        let secrets = secrets.iter().map(|secret| secret.name.clone()).collect();
        let kept = Self { patterns: patterns.collect(), redaction, secrets };
        for (name, value) in inputs.as_object().into_iter().flatten() {
            kept.refuse(format!("the input `{name}`"), &value.to_string())?;
            // a text as it is, too: what is escaped in JSON is only one of its forms
            kept.refuse(format!("the input `{name}`"), value.as_str().unwrap_or_default())?;
        }
        Ok(kept)
    }

    fn refuse(&self, place: String, text: &str) -> Result<(), KeepOutError> {
        match self.redaction.values().found_in(text.as_bytes()) {
            Some(name) => Err(KeepOutError::Found { place, name: name.to_owned() }),
            None => Ok(()),
        }
    }

    /// The patterns of a runner elsewhere: its layers hold beside ours, and the same is taken out on both sides.
    ///
    /// # Errors
    /// One that is no expression here.
    pub(super) fn take_patterns(&mut self, patterns: &[(String, String)]) -> io::Result<()> {
        let read = patterns.iter().map(|(name, text)| Ok((name.clone(), regex::Regex::new(text)?)));
        let read = read.collect::<Result<Vec<_>, regex::Error>>().map_err(io::Error::other)?;
        self.redaction = Redaction::new(self.redaction.values().clone(), read);
        self.patterns = patterns.to_vec();
        Ok(())
    }

    /// Names and regular expressions.
    pub(super) fn patterns(&self) -> Vec<(String, String)> {
        self.patterns.clone()
    }

    /// What the first event says of it. An expression may tell what it protects: its digest stands for it.
    pub(super) fn document(&self) -> Value {
        let pattern =
            |(name, expression): &(String, String)| json!({ "name": name, "digest": Digest::of(expression) });
        json!({ "patterns": self.patterns.iter().map(pattern).collect::<Vec<_>>(), "secrets": self.secrets })
    }

    /// Inputs that the trace will not hold as they are; those of a run whose runner is elsewhere it may not, by patterns that
    /// are known there.
    pub(super) fn untold(&self, inputs: &Value, elsewhere: bool) -> Option<Value> {
        (elsewhere || self.recorded(inputs) != *inputs).then(|| inputs.clone())
    }

    /// Inputs as the trace will hold them.
    pub(super) fn recorded(&self, inputs: &Value) -> Value {
        let mut inputs = inputs.clone();
        self.redaction.redact(&mut inputs);
        inputs
    }
}

/// Refuses an answer that carries a secret, before it is recorded anywhere.
pub(super) fn refuse_said(secrets: &[SecretDeclaration], word: &Word) -> Result<(), KeepOutError> {
    let redaction = redaction(secrets, &[])?;
    let refuse = |place: &'static str, text: &str| match redaction.values().found_in(text.as_bytes()) {
        Some(name) => Err(KeepOutError::Said { place, name: name.to_owned() }),
        None => Ok(()),
    };
    refuse("the comment of the answer", &word.comment)?;
    refuse("the choice", word.choice.as_deref().unwrap_or_default())?;
    let Some(response) = &word.response else { return Ok(()) };
    refuse("the response", &response.to_string())?;
    // texts as they are, too: what is escaped in JSON is only one of their forms
    let mut open = vec![response];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => refuse("the response", text)?,
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                open.extend(members.values());
                members.keys().try_for_each(|name| refuse("the response", name))?;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}

/// Inputs as the trace of a run under these layers will hold them; refused where they carry a secret.
pub(super) fn recorded_inputs(
    secrets: &[SecretDeclaration],
    layers: &[FrozenLayer],
    inputs: &Value,
) -> Result<Value, KeepOutError> {
    Ok(KeptOut::from_inputs(secrets, layers, inputs)?.recorded(inputs))
}

/// The patterns of layers that were compiled before; of others, none: nothing runs under those.
pub(super) fn patterns(layers: &[FrozenLayer]) -> Vec<(String, regex::Regex)> {
    let set = PolicySet::compile(layers, &mut Sources::default());
    set.map(|set| set.redact_patterns().to_vec()).unwrap_or_default()
}
