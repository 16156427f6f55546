//! What the user or the machine declares for runs: secrets, models, and addresses that are theirs. No workspace declares
//! any. Names and places; the values of secrets are nowhere in it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SecretDeclaration, WebAddress};

/// All declarations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Secrets.
    #[serde(default)]
    pub secrets: Vec<SecretDeclaration>,
    /// Models.
    #[serde(default)]
    pub models: Vec<ModelDeclaration>,
    /// Origins at addresses that are not public, which may be spoken to where the policy lists them.
    #[serde(default)]
    pub private: Vec<String>,
}

/// A declared model: whom to ask, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelDeclaration {
    /// What a graph calls it: `use: NAME`.
    pub name: String,
    /// The form of its messages.
    pub provider: Provider,
    /// Where its interface begins, as written: `https://api.example.com/v1`.
    pub base_url: String,
    /// What the provider calls it.
    pub model: String,
    /// The secret that is sent with each request, in the header `Authorization`.
    pub key: Option<String>,
    /// The most tokens of an answer, where a graph does not say less.
    pub max_tokens: Option<u64>,
    /// How often a request that was refused for now is made again.
    pub retries: u32,
    /// Until the connection stands.
    pub connect: Duration,
    /// From the request to the first word of the answer.
    pub first_token: Duration,
    /// From the request to the end of the answer.
    pub total: Duration,
}

/// The form of a provider's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Chat completions in the form that `OpenAI` has made common.
    Openai,
}

/// The model that is built in and needs no network.
pub const DETERMINISTIC: &str = "deterministic";

/// The header that carries the key of a model.
pub const KEY_HEADER: &str = "authorization";

impl Declared {
    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<&ModelDeclaration> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Is it answered here, without a network? So is `default` where no model of that name is declared.
    pub fn is_built_in(&self, model: &str) -> bool {
        model == DETERMINISTIC || (model == "default" && self.model(model).is_none())
    }

    /// The secret of this name.
    pub fn secret(&self, name: &str) -> Option<&SecretDeclaration> {
        self.secrets.iter().find(|secret| secret.name == name)
    }

    /// May this origin lie at an address that is not public?
    pub fn names_private(&self, origin: &str) -> bool {
        self.private.iter().any(|named| named == origin)
            || self.models.iter().any(|model| model.address().is_some_and(|web| web.origin() == origin))
    }
}

impl ModelDeclaration {
    /// Where its answers are asked for.
    pub fn address(&self) -> Option<WebAddress> {
        self.beneath(match self.provider {
            Provider::Openai => "chat/completions",
        })
    }

    /// Where its provider lists the models that it has: asking that costs nothing.
    pub fn listing(&self) -> Option<WebAddress> {
        self.beneath(match self.provider {
            Provider::Openai => "models",
        })
    }

    fn beneath(&self, path: &str) -> Option<WebAddress> {
        WebAddress::parse(&format!("{}/{path}", self.base_url.trim_end_matches('/')))
    }
}

impl SecretDeclaration {
    /// Is it declared for this tool, to this origin, in this header?
    pub fn is_for(&self, tool: &str, origin: &str, header: &str) -> bool {
        self.uses.iter().any(|one| one.tool == tool && one.origin == origin && one.header == header)
    }
}

impl Provider {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
        }
    }
}
