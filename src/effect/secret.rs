//! A secret as the user or the machine declares it: where its value is, and what it is for. Never the value.

use serde::{Deserialize, Serialize};

/// A declared secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDeclaration {
    /// What a graph calls it: `{$secret: NAME}`.
    pub name: String,
    /// Where its value is.
    pub source: SecretSource,
    /// What it is for; for nothing else.
    pub uses: Vec<SecretUse>,
}

/// Where a secret's value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// In a variable of the user's environment.
    Env(String),
    /// In a file, line breaks at its end left out.
    File(String),
}

/// A use of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretUse {
    /// The tool.
    pub tool: String,
    /// The only origin that it is sent to, as `https://host:port`.
    pub origin: String,
    /// The header that carries it.
    pub header: String,
}
