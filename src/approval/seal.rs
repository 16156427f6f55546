//! What a signature covers, byte by byte, and what the digests of calls and requests are taken of.

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{Approval, ApprovalRequest, ApprovalSignature};

use super::Refusal;

/// The schema id of an approval.
const APPROVAL: &str = "lgflow.approval/v1";

/// The digest of a call: the tool's name and every byte of its parameters.
pub fn call_digest(tool: &str, input: &Value) -> Digest {
    Digest::of_json(&json!({ "schema": "lgflow.call/v1", "tool": tool, "input": input }))
}

/// The digest of a request: what is asked, what is shown, and under which terms.
pub fn request_digest(request: &ApprovalRequest) -> Digest {
    Digest::of_json(&serde_json::to_value(request).unwrap_or_default())
}

/// Are the calls that are shown the ones that an approval would be bound to? Whoever signs computes it from the bytes
/// that were shown.
pub fn shows_what_it_binds(request: &ApprovalRequest) -> bool {
    let bound = request.binding.calls.iter().map(|call| call.call_digest);
    let shown = request.shown.iter().map(|call| call_digest(&call.tool, &call.input));
    !request.shown.is_empty() && bound.eq(shown)
}

/// Puts a signature to an approval of `request`, new or signed by others before. A key that signs again replaces
/// what it said.
pub fn add_signature(
    before: Option<Approval>,
    request: &ApprovalRequest,
    signature: ApprovalSignature,
) -> Result<Approval, Refusal> {
    let fresh = Approval {
        schema: APPROVAL.to_owned(),
        request: request_digest(request),
        binding: request.binding.clone(),
        signatures: Vec::new(),
    };
    let mut approval = before.unwrap_or_else(|| fresh.clone());
    if !is_of(&approval, request) {
        return Err(Refusal::Forged);
    }
    approval.signatures.retain(|known| known.key != signature.key);
    approval.signatures.push(signature);
    Ok(approval)
}

/// Is it an approval of exactly this request?
pub(super) fn is_of(approval: &Approval, request: &ApprovalRequest) -> bool {
    approval.schema == APPROVAL
        && approval.request == request_digest(request)
        && approval.binding == request.binding
}

/// The bytes that a key signs: all that the approval is bound to, which key says so, and how long it is good for.
pub(super) fn message(request: &ApprovalRequest, signature: &ApprovalSignature) -> Vec<u8> {
    let covered = json!({
        "schema": APPROVAL,
        "request": request_digest(request),
        "binding": request.binding,
        "key": signature.key,
        "not_before": signature.not_before,
        "expires": signature.expires,
        "boot": signature.boot,
    });
    [b"lgflow approval\0", crate::digest::canonical_json(&covered).as_bytes()].concat()
}
