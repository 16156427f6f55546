//! What the desk does with a call that asks: it is looked at, a person is asked, and the approval that comes back is
//! spent before anything is done.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::approval::{Refusal, Terms, Verified};
use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult, refused_whole};
use crate::ledger::Answered;
use crate::policy::{Asked, GateDecision, Granted};
use crate::runner::tools::{prepare, question};

use super::approvals::{Approvals, Bound, NotAsked};
use super::desk::{Desk, denial, in_order, refusal, unrecorded};

/// A call without an approval that counts: what it is bound to, and why the one that it carried was refused.
type Open = (Asked<ToolCall>, Option<Bound>, Option<Refusal>);

impl Desk {
    /// Does a granted call; where its tool meets a path that asks before anything is done, the call as a question.
    pub(super) fn met_question(&self, granted: &Granted<ToolCall>) -> Result<Asked<ToolCall>, ToolResult> {
        if let Err(error) = self.count(granted.request()) {
            return Err(ToolResult::failure(&granted.request().tool, error));
        }
        let result = self.execute(granted, None);
        let met = result.error.as_ref().filter(|error| error.kind == ErrorKind::ApprovalRequired);
        let Some(asked) = met.and_then(|met| self.gate.ask_after(granted.request(), Some(met))) else {
            return Err(result);
        };
        self.counters.withdraw();
        match self.receipts.withdrawn(granted.request()) {
            Ok(()) => Ok(asked),
            Err(why) => Err(unrecorded(granted.request(), &why)),
        }
    }

    /// Does a call that wants an approval with the one that it carries, or that is on record. Without one that counts it
    /// stays open: what it is bound to as things stand, and why the approval was refused.
    pub(super) fn with_approval(&self, asked: Asked<ToolCall>) -> Result<ToolResult, Open> {
        let binding = match self.bound(&asked) {
            Ok(binding) => binding,
            Err(refusal) => return Ok(refusal),
        };
        let (Some(approvals), Some(binding)) = (&self.approvals, binding) else {
            return Err((asked, None, None));
        };
        let terms = self.terms_of(asked.request());
        let given = match &asked.request().approval {
            Some(given) => given.clone(),
            None => match approvals.on_record(&asked, &binding, &terms) {
                Some(Answered::Approved { approval, .. }) => json!(approval),
                Some(Answered::Rejected { by, comment }) => {
                    return Ok(rejected(asked.request(), &by, &comment));
                }
                None => return Err((asked, Some(binding), None)),
            },
        };
        let checked = approvals.check(&given, &binding.now, &terms);
        match checked.and_then(|verified| self.spend_and_do(&asked, &verified, 0, &binding)) {
            Ok(result) => Ok(result),
            Err(refusal) => Err((asked, Some(binding), Some(refusal))),
        }
    }

    /// What an approval of a call needs to count.
    fn terms_of(&self, call: &ToolCall) -> Terms {
        self.gate.at(&call.node).policy().approval_terms()
    }

    /// What an approval of a call is bound to as things stand, where there can be one; or why the call could not do its
    /// work.
    fn bound(&self, asked: &Asked<ToolCall>) -> Result<Option<Bound>, ToolResult> {
        let bind = |approvals: &Approvals| {
            let bound = approvals.bind(std::slice::from_ref(asked), self.policy_digest(), &self.world);
            bound.map_err(|(_, error)| ToolResult::failure(&asked.request().tool, error))
        };
        self.approvals.as_ref().map(bind).transpose()
    }

    /// Spent first, on the disk; then done.
    pub(super) fn spend_and_do(
        &self,
        asked: &Asked<ToolCall>,
        verified: &Verified,
        index: usize,
        binding: &Bound,
    ) -> Result<ToolResult, Refusal> {
        let approvals = self.approvals.as_ref().ok_or(Refusal::Unknown)?;
        if let Err(error) = self.count(asked.request()) {
            return Ok(ToolResult::failure(&asked.request().tool, error));
        }
        let spent =
            approvals.spend(verified, index, &binding.now).inspect_err(|_| self.counters.withdraw())?;
        let nonce = verified.nonce().to_owned();
        let granted = self.gate.grant(asked.clone(), spent).ok_or(Refusal::OtherCall)?;
        Ok(self.execute(&granted, Some(format!("{nonce}.{index}"))))
    }

    /// The refusal of calls that want an approval, with the request by which a person is asked. `at` is the first that
    /// asks.
    pub(super) fn put_question(
        &self,
        calls: &[Asked<ToolCall>],
        at: usize,
        binding: Option<Bound>,
        refused: Option<&Refusal>,
    ) -> ToolResult {
        let asks = &calls[at];
        let mut result = refusal(asks.request(), ErrorKind::ApprovalRequired, asks.verdict());
        let Some(error) = &mut result.error else { return result };
        if let Some(refused) = refused {
            error.message =
                format!("{} (the approval that was given does not count: {refused})", error.message);
        }
        let (Some(approvals), Some(binding)) = (&self.approvals, binding) else { return result };
        let terms = self.terms_of(asks.request());
        if let Some(why) = approvals.wanting(&terms) {
            error.kind = ErrorKind::Denied;
            error.message = format!("{}; and nobody may approve it: {why}", error.message);
            return result;
        }
        match approvals.ask(calls, &binding, &terms) {
            Ok(asked) => error.approval = Some(asked),
            Err(NotAsked::TooMany) => {
                error.kind = ErrorKind::Limit;
                error.limit = Some("open_questions".to_owned());
                error.message = format!(
                    "{}; and as many questions of this session wait for an answer as may",
                    error.message
                );
            }
            Err(NotAsked::Unrecorded(why)) => {
                error.kind = ErrorKind::Internal;
                error.message = format!("the question could not be recorded, so it was not put: {why}");
            }
        }
        result
    }

    /// Asks about a call before it is made, where the policy asks; where it allows it, what the call would do.
    pub(super) fn ask_ahead(&self, call: &ToolCall) -> ToolResult {
        if let Some(refusal) = self.out_of_bounds(call) {
            return refusal;
        }
        let call = &ToolCall { approval: None, ..call.clone() };
        let known = self.reused.answer_to(call, &self.world.root).is_some();
        let asked = match self.gate.decide(call) {
            GateDecision::Denied(verdict) => return denial(call, &verdict),
            // nothing is done for it, so nothing can ask
            GateDecision::Ask(_) | GateDecision::Granted(_) if known => {
                return ToolResult::success(&call.tool, Value::Null);
            }
            GateDecision::Ask(asked) => *asked,
            GateDecision::Granted(granted) => {
                let met = question(&granted, &self.world)
                    .filter(|met| met.kind == ErrorKind::ApprovalRequired)
                    .and_then(|met| self.gate.ask_after(call, Some(&met)));
                match met {
                    Some(asked) => asked,
                    None => return self.looked_at(&granted),
                }
            }
        };
        match self.bound(&asked) {
            Ok(binding) => self.put_question(&[asked], 0, binding, None),
            Err(refusal) => refusal,
        }
    }

    /// What an allowed call would do as things stand; its failure, where it could not.
    fn looked_at(&self, granted: &Granted<ToolCall>) -> ToolResult {
        let (call, obligations) = (granted.request(), granted.obligations());
        match prepare(call, obligations, &self.world, &BTreeSet::new()) {
            Ok(preview) => ToolResult::success(&call.tool, json!(preview)),
            Err(error) => ToolResult::failure(&call.tool, error),
        }
    }

    /// A list that asks is approved as a whole: exactly these calls, in this order.
    pub(super) fn batch_with_approval(
        &self,
        calls: &[ToolCall],
        refusals: &[Option<ToolResult>],
        first: usize,
    ) -> Vec<ToolResult> {
        let met = refusals.iter().map(|refusal| refusal.as_ref().and_then(|result| result.error.as_ref()));
        let one = |at: usize, result: ToolResult| -> Vec<ToolResult> {
            let alone = (0..calls.len()).map(|index| (index == at).then(|| result.clone()));
            refused_whole(calls, alone.collect())
        };
        let asked = calls.iter().zip(met).enumerate();
        let asked = asked.map(|(at, (call, met))| self.as_question(call, met).map_err(|denied| (at, denied)));
        let asked = match asked.collect::<Result<Vec<_>, _>>() {
            Ok(asked) => asked,
            Err((at, denied)) => return one(at, denied),
        };
        let Some(approvals) = &self.approvals else {
            return one(first, self.put_question(&asked, first, None, None));
        };
        let binding = match approvals.bind(&asked, self.policy_digest(), &self.world) {
            Ok(binding) => binding,
            Err((at, error)) => return one(at, ToolResult::failure(&calls[at].tool, error)),
        };
        // a list is of one node
        let terms = self.terms_of(&calls[first]);
        let given = calls.first().and_then(|call| call.approval.as_ref());
        let refused = match given.map(|given| approvals.check(given, &binding.now, &terms)) {
            None => None,
            Some(Err(refusal)) => Some(refusal),
            Some(Ok(verified)) => {
                return in_order(asked.iter(), |at, asked| {
                    let call = asked.request();
                    self.once_with(call, || {
                        self.spend_and_do(asked, &verified, at, &binding).unwrap_or_else(|refusal| {
                            let message = format!("its approval does not count: {refusal}");
                            ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Denied, message))
                        })
                    })
                });
            }
        };
        one(first, self.put_question(&asked, first, Some(binding), refused.as_ref()))
    }

    /// A call of a list that asks, as a question. What it meets may have changed since it was looked at.
    fn as_question(&self, call: &ToolCall, met: Option<&ToolError>) -> Result<Asked<ToolCall>, ToolResult> {
        let changed = || {
            let message = "what the policy says of it changed while it was decided";
            ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Denied, message))
        };
        match self.gate.decide(call) {
            GateDecision::Ask(asked) => Ok(*asked),
            GateDecision::Granted(_) => self.gate.ask_after(call, met).ok_or_else(changed),
            GateDecision::Denied(verdict) => Err(refusal(call, ErrorKind::Denied, &verdict)),
        }
    }
}

/// A person was asked the same before, and said no.
fn rejected(call: &ToolCall, by: &str, comment: &str) -> ToolResult {
    let remark = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    let message = format!("a person has rejected exactly this call (`{by}`){remark}");
    ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Rejected, message))
}
