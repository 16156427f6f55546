//! What the runner says of its work: a span for each call, how it was decided, and how it ended. Never what it was asked
//! with or what it gave.

use tracing::span::EnteredSpan;
use tracing::{debug, error_span, trace};

use crate::effect::{ToolCall, ToolResult};
use crate::policy::{Decision, GateDecision};

/// All that this thread says until it is dropped is said of the call.
pub(super) fn of_call(call: &ToolCall) -> EnteredSpan {
    let (run, node) = (call.run.as_str(), call.node.as_str());
    error_span!("call", run, node, tool = call.tool.as_str(), key = call.idempotency_key.as_str()).entered()
}

/// What the policy says of a call.
pub(super) fn decided(decision: &GateDecision) {
    let decision = match decision {
        GateDecision::Granted(_) => Decision::Allow,
        GateDecision::Ask(_) => Decision::Ask,
        GateDecision::Denied(_) => Decision::Deny,
    };
    debug!(verdict = decision.as_str(), "the call is decided");
}

/// A call that the policy lets be done is about to be done.
pub(super) fn begun() {
    trace!("the call is done from now on");
}

/// What a call came to.
pub(super) fn ended(result: &ToolResult) {
    let kind = result.error.as_ref().map(|error| error.kind.to_string());
    let status = if result.ok { "succeeded" } else { "failed" };
    let bytes = result.stdout.len() + result.stderr.len();
    debug!(
        status,
        kind,
        ms = result.timing_ms,
        exit_code = result.exit_code,
        bytes,
        files = result.artifacts.len(),
        "the call has ended"
    );
}
