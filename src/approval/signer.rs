//! Who signs: this installation, or a person with a key of their own.

use crate::digest::{MacKey, SecretKey};
use crate::effect::{ApprovalRequest, ApprovalSignature};

use super::seal::{message, shows_what_it_binds};
use super::{LOCAL, Moment, Refusal};

/// A key that answers requests. The front's alone.
#[derive(Debug, Clone)]
pub enum Signer {
    /// This installation's key: for one machine.
    Local(MacKey),
    /// A person's key: for teams.
    Own(SecretKey),
}

impl Signer {
    /// The name of the key: `local:…` or `ed25519:…`.
    pub fn key(&self) -> String {
        match self {
            Signer::Local(key) => local_name(key),
            Signer::Own(key) => key.public().to_string(),
        }
    }

    /// Agrees to a request that was shown at `now`.
    ///
    /// # Errors
    /// What was shown is not what would be signed.
    pub fn sign(&self, request: &ApprovalRequest, now: &Moment) -> Result<ApprovalSignature, Refusal> {
        if !shows_what_it_binds(request) {
            return Err(Refusal::OtherCall);
        }
        if now.millis < request.issued {
            return Err(Refusal::ClockMovedBack);
        }
        let mut signature = ApprovalSignature {
            key: self.key(),
            not_before: now.millis,
            expires: now.millis.saturating_add(request.terms.ttl_ms),
            boot: now.boot.clone(),
            signature: String::new(),
        };
        let message = message(request, &signature);
        signature.signature = match self {
            Signer::Local(key) => key.code(&message),
            Signer::Own(key) => key.sign(&message),
        };
        Ok(signature)
    }
}

/// The name of an installation's key.
pub(super) fn local_name(key: &MacKey) -> String {
    format!("{LOCAL}:{}", key.id())
}
