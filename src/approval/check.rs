//! Does an approval count, for exactly this, now?

use std::collections::BTreeSet;

use crate::digest::{MacKey, PublicKey};
use crate::effect::{Approval, ApprovalBinding, ApprovalRequest, ApprovalSignature, BoundCall};

use super::seal::{is_of, message};
use super::signer::local_name;
use super::{Approver, Moment, Refusal, Terms};

/// What an approval is held against: the runner's own knowledge, none of it the asker's.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The request that the runner issued under the approval's nonce.
    pub issued: &'a ApprovalRequest,
    /// What is to be done, as it stands now; its nonce is not looked at.
    pub now: &'a ApprovalBinding,
    /// The terms in force now.
    pub terms: &'a Terms,
    /// The key that started the run.
    pub starter: &'a str,
    /// The time.
    pub moment: &'a Moment,
    /// This installation's key.
    pub local: &'a MacKey,
}

/// An approval that counts. Its calls are spent one by one.
#[derive(Debug, Clone)]
pub struct Verified {
    pub(super) nonce: String,
    pub(super) calls: Vec<BoundCall>,
    by: BTreeSet<String>,
}

impl Verified {
    /// The keys that count.
    pub fn by(&self) -> impl Iterator<Item = &str> {
        self.by.iter().map(String::as_str)
    }

    /// The nonce of the request that it answers.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// Holds an approval against what is expected.
pub fn verify(approval: &Approval, expected: &Expected<'_>) -> Result<Verified, Refusal> {
    if !is_of(approval, expected.issued) {
        return Err(Refusal::Forged);
    }
    same(&approval.binding, expected.now)?;
    let mut by = BTreeSet::new();
    let mut uncounted = None;
    for signature in &approval.signatures {
        let approver = authentic(signature, expected)?;
        match counts(signature, approver, expected) {
            Ok(()) => drop(by.insert(signature.key.clone())),
            Err(refusal) => drop(uncounted.get_or_insert(refusal)),
        }
    }
    let (have, want) = (by.len() as u32, expected.terms.quorum.max(expected.issued.terms.quorum));
    if have < want {
        return Err(uncounted.unwrap_or(Refusal::Quorum { have, want }));
    }
    Ok(Verified { nonce: approval.binding.nonce.clone(), calls: approval.binding.calls.clone(), by })
}

/// Is what was bound what is there now? The nonce is the request's own.
fn same(bound: &ApprovalBinding, now: &ApprovalBinding) -> Result<(), Refusal> {
    if bound.v != now.v || bound.run != now.run || bound.node != now.node || bound.iteration != now.iteration
    {
        return Err(Refusal::OtherPlace);
    }
    let digests =
        |binding: &ApprovalBinding| -> Vec<_> { binding.calls.iter().map(|call| call.call_digest).collect() };
    if digests(bound) != digests(now) {
        return Err(Refusal::OtherCall);
    }
    if bound.root != now.root {
        return Err(Refusal::OtherWorkspace);
    }
    if bound.policy_digest != now.policy_digest {
        return Err(Refusal::OtherPolicy);
    }
    bound.calls.iter().zip(&now.calls).try_for_each(|(bound, now)| same_target(bound, now))
}

fn same_target(bound: &BoundCall, now: &BoundCall) -> Result<(), Refusal> {
    let changed = bound.preimages.iter().find(|(path, digest)| now.preimages.get(*path) != Some(*digest));
    let appeared = now.preimages.keys().find(|path| !bound.preimages.contains_key(*path));
    if let Some(path) = changed.map(|(path, _)| path).or(appeared) {
        return Err(Refusal::TargetChanged(path.clone()));
    }
    if bound.paths != now.paths {
        let other = now.paths.iter().find(|path| !bound.paths.contains(path)).or(bound.paths.first());
        return Err(Refusal::TargetChanged(other.cloned().unwrap_or_default()));
    }
    if bound.target != now.target {
        return Err(Refusal::TargetChanged(match &bound.target {
            Some(crate::effect::BoundTarget::Program { path, .. }) => path.clone(),
            Some(crate::effect::BoundTarget::Origin(origin)) => origin.clone(),
            None => "the target".to_owned(),
        }));
    }
    Ok(())
}

/// Did the key that it names sign it?
fn authentic(signature: &ApprovalSignature, expected: &Expected<'_>) -> Result<Approver, Refusal> {
    let message = message(expected.issued, signature);
    let local = signature.key == local_name(expected.local);
    let checks = |approver, right: bool| if right { Ok(approver) } else { Err(Refusal::Forged) };
    if local {
        return checks(Approver::Local, expected.local.checks(&message, &signature.signature));
    }
    let key = PublicKey::parse(&signature.key).map_err(|_| Refusal::Forged)?;
    checks(Approver::Key(key), key.checks(&message, &signature.signature))
}

/// Does a signature that is authentic count: is it of one who may, and still good?
fn counts(signature: &ApprovalSignature, approver: Approver, expected: &Expected<'_>) -> Result<(), Refusal> {
    let Expected { issued, terms, moment, .. } = expected;
    let then = issued.terms.approvers.contains(&approver.name());
    if !then || !terms.approvers.contains(&approver) {
        return Err(Refusal::NotAnApprover(signature.key.clone()));
    }
    if (terms.separate || issued.terms.separate) && signature.key == expected.starter {
        return Err(Refusal::Starter);
    }
    if signature.boot != moment.boot {
        return Err(Refusal::OtherBoot);
    }
    if moment.millis < signature.not_before || signature.not_before < issued.issued {
        return Err(Refusal::ClockMovedBack);
    }
    let ttl = terms.wire("").ttl_ms.min(issued.terms.ttl_ms);
    let end = signature.expires.min(signature.not_before.saturating_add(ttl));
    if moment.millis >= end { Err(Refusal::Expired) } else { Ok(()) }
}
