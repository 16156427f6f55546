//! Does the user trust what a workspace holds now?

use std::path::Path;

use crate::digest::Digest;
use crate::effect::FrozenLayer;
use crate::policy::widenings;

use super::record::recorded;
use super::{Deciding, TrustError};

/// What the user says about trust for this one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrustNow {
    /// Nothing: the record decides.
    #[default]
    AsRecorded,
    /// `--trust`
    Yes,
    /// `LGFLOW_TRUST=sha256:…`: if what decides has this digest.
    IfDigest(Digest),
}

/// How a workspace stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// A person trusted this, or what is narrower than what a person trusted.
    Trusted,
    /// Nobody did.
    Untrusted {
        /// Why not, in words that follow "the workspace is not trusted: ".
        reason: String,
        /// What has become wider since it was trusted.
        widened: Vec<String>,
    },
}

impl Standing {
    /// Is it trusted?
    pub fn is_trusted(&self) -> bool {
        *self == Standing::Trusted
    }

    fn untrusted(reason: impl Into<String>) -> Self {
        Standing::Untrusted { reason: reason.into(), widened: Vec::new() }
    }
}

/// How a workspace (a real path) stands with what decides in it, or in a revision of it, whose graph names `layers`. An
/// edit that widens nothing keeps trust; what is not valid is not trusted.
pub fn standing(
    state: &Path,
    workspace: &Path,
    deciding: &Deciding,
    layers: &[FrozenLayer],
    now: TrustNow,
) -> Result<Standing, TrustError> {
    match now {
        TrustNow::Yes => return Ok(Standing::Trusted),
        TrustNow::IfDigest(digest) if digest == deciding.digest() => return Ok(Standing::Trusted),
        TrustNow::IfDigest(_) => {
            let reason = format!("`LGFLOW_TRUST` names another digest than {}", deciding.digest());
            return Ok(Standing::untrusted(reason));
        }
        TrustNow::AsRecorded => {}
    }
    by_record(state, workspace, layers, deciding)
}

fn by_record(
    state: &Path,
    workspace: &Path,
    layers: &[FrozenLayer],
    deciding: &Deciding,
) -> Result<Standing, TrustError> {
    let Some(record) = recorded(state, workspace)? else {
        return Ok(Standing::untrusted("nobody has trusted it"));
    };
    if record.files == deciding.files && record.layers == layers {
        return Ok(Standing::Trusted);
    }
    match widenings(&record.layers, layers) {
        Ok(widened) if widened.is_empty() => Ok(Standing::Trusted),
        Ok(widened) => Ok(Standing::Untrusted {
            reason: "its policy allows more than when it was trusted".to_owned(),
            widened,
        }),
        Err(_) => Ok(Standing::untrusted("its policy cannot be compared with the one that was trusted")),
    }
}
