//! Proof that one call of an approval is spent: made here alone, after the record says so, and used up by the gate.

use std::collections::BTreeMap;

use crate::digest::Digest;

use super::{Refusal, Verified};

/// One call's approval, spent. Whoever holds it may do that call once.
#[derive(Debug)]
pub struct Spent {
    call: Digest,
    preimages: BTreeMap<String, Option<Digest>>,
    program: Option<Digest>,
}

impl Spent {
    /// The digest of the call that it is for.
    pub fn call(&self) -> Digest {
        self.call
    }

    /// What must stand at each path that the call changes.
    pub fn preimages(&self) -> &BTreeMap<String, Option<Digest>> {
        &self.preimages
    }

    /// The digest of the program that the call runs.
    pub fn program(&self) -> Option<Digest> {
        self.program
    }
}

impl Verified {
    /// Spends the call at `index`. `record` makes it durable that the nonce's call at that index is spent, and fails
    /// where it was spent before; nothing may be done unless it succeeds.
    pub fn spend(
        &self,
        index: usize,
        record: impl FnOnce(&str, usize) -> Result<(), Refusal>,
    ) -> Result<Spent, Refusal> {
        let call = self.calls.get(index).ok_or(Refusal::OtherCall)?;
        record(&self.nonce, index)?;
        let program = match &call.target {
            Some(crate::effect::BoundTarget::Program { digest, .. }) => Some(*digest),
            _ => None,
        };
        Ok(Spent { call: call.call_digest, preimages: call.preimages.clone(), program })
    }
}
