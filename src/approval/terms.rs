//! What approvals need to count: how long, how many, whose. Terms of several layers meet towards the stricter.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::digest::PublicKey;
use crate::effect::ApprovalTerms;

/// The word for this installation's own key.
pub const LOCAL: &str = "local";

/// How long an approval is good for, where nobody says.
const DEFAULT_TTL: Duration = Duration::from_hours(1);

/// A key that may approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Approver {
    /// This installation's.
    Local,
    /// A person's.
    Key(PublicKey),
}

impl Approver {
    /// Reads `local` or `ed25519:…`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == LOCAL { Some(Self::Local) } else { PublicKey::parse(text).ok().map(Self::Key) }
    }

    /// Whose a key of this installation's ledger is, by its own name: `local:…` or `ed25519:…`.
    pub fn of_key(name: &str) -> Option<Self> {
        let is_local = name.strip_prefix(LOCAL).is_some_and(|rest| rest.starts_with(':'));
        if is_local { Some(Self::Local) } else { PublicKey::parse(name).ok().map(Self::Key) }
    }

    /// Its text.
    pub fn name(&self) -> String {
        match self {
            Approver::Local => LOCAL.to_owned(),
            Approver::Key(key) => key.to_string(),
        }
    }
}

/// What approvals need to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How long a signature is good for.
    pub ttl: Duration,
    /// How many keys must sign.
    pub quorum: u32,
    /// Does the key that started the run not count?
    pub separate: bool,
    /// Whose keys count.
    pub approvers: BTreeSet<Approver>,
}

impl Default for Terms {
    /// Where nobody says: this installation's key, for an hour.
    fn default() -> Self {
        Self { ttl: DEFAULT_TTL, quorum: 1, separate: false, approvers: BTreeSet::from([Approver::Local]) }
    }
}

impl Terms {
    /// Both at once: the shorter time, the larger quorum, the keys that both name.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            ttl: self.ttl.min(other.ttl),
            quorum: self.quorum.max(other.quorum),
            separate: self.separate || other.separate,
            approvers: self.approvers.intersection(&other.approvers).copied().collect(),
        }
    }

    /// Why no approval can ever count, where that is so; `starter` started the run.
    pub fn wanting(&self, starter: Option<Approver>) -> Option<String> {
        if self.approvers.is_empty() {
            return Some("the layers have no key of `approvals.approvers` in common".to_owned());
        }
        let left_out = starter.filter(|starter| self.separate && self.approvers.contains(starter));
        let (have, want) = (self.approvers.len() - usize::from(left_out.is_some()), self.quorum);
        if have >= want as usize {
            return None;
        }
        let without = if left_out.is_some() {
            " beside the key that started the run, which does not count (`approvals.separate`)"
        } else {
            ""
        };
        Some(format!(
            "`approvals.quorum` is {want}, and `approvals.approvers` names {have}{without}; name further keys there"
        ))
    }

    /// As a request says them. A key that is none is nobody's.
    pub fn of(said: &ApprovalTerms) -> Self {
        Self {
            ttl: Duration::from_millis(said.ttl_ms),
            quorum: said.quorum,
            separate: said.separate,
            approvers: said.approvers.iter().filter_map(|name| Approver::parse(name)).collect(),
        }
    }

    /// As they stand in a request of a run that `starter` started.
    pub fn wire(&self, starter: &str) -> ApprovalTerms {
        ApprovalTerms {
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
            quorum: self.quorum,
            separate: self.separate,
            approvers: self.approvers.iter().map(Approver::name).collect(),
            starter: starter.to_owned(),
        }
    }
}
