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
