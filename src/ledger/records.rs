//! What the ledger keeps, each sealed with the installation's key: a file that anybody else wrote is not believed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{MacKey, canonical_json};
use crate::effect::Approval;

/// A person's answer to a request, until it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// Signed; maybe by fewer keys than are needed.
    Approved {
        /// The approval so far.
        approval: Box<Approval>,
        /// A remark.
        comment: String,
    },
    /// Refused.
    Rejected {
        /// Which key.
        by: String,
        /// A remark.
        comment: String,
    },
}

/// A person's answer to a node's question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Agreed, or chosen?
    pub granted: bool,
    /// One of the options.
    pub choice: Option<String>,
    /// The further answer.
    pub response: Option<Value>,
    /// A remark.
    pub comment: String,
    /// Which key.
    pub by: String,
}

/// A record with its seal.
#[derive(Serialize, Deserialize)]
struct Sealed {
    record: Value,
    seal: String,
}

/// The text of a record. `place` is part of what is sealed, so that no record can stand in another's place.
pub(super) fn seal<T: Serialize>(key: &MacKey, place: &str, record: &T) -> String {
    let record = serde_json::to_value(record).unwrap_or_default();
    let seal = key.code(&message(place, &record));
    serde_json::to_string(&Sealed { record, seal }).unwrap_or_default()
}

/// The record of a text; `None` where the seal is not right.
pub(super) fn unseal<T: DeserializeOwned>(key: &MacKey, place: &str, text: &str) -> Option<T> {
    let Sealed { record, seal } = serde_json::from_str(text).ok()?;
    let right = key.checks(&message(place, &record), &seal);
    if right { serde_json::from_value(record).ok() } else { None }
}

fn message(place: &str, record: &Value) -> Vec<u8> {
    [b"lgflow ledger\0", place.as_bytes(), b"\0", canonical_json(record).as_bytes()].concat()
}
