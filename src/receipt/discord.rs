//! Where receipts and events do not say the same, or do not hold by themselves.

use std::fmt;

use crate::trace::Tampering;

/// The first thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discord {
    /// The event that shows it, or before which one is missing.
    pub event: Option<u64>,
    /// The receipt that shows it.
    pub receipt: Option<u64>,
    /// What it is.
    pub what: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Something happened to a receipt.
    Chain(Tampering),
    /// There are none.
    NoReceipts,
    /// A call that the runner was asked for is not in the trace.
    LeftOut,
    /// A call in the trace was never asked of the runner.
    MadeUp,
    /// The runner was asked for another call than the trace tells.
    OtherCall,
    /// The calls were made in another order.
    Order,
    /// A result in the trace was never given by the runner.
    Unanswered,
    /// A result that the runner gave is not in the trace.
    Unheard,
    /// The runner gave another result.
    OtherResult,
    /// The runner decided otherwise.
    OtherVerdict,
    /// The results came in another order.
    ResultOrder,
    /// The runner was bound by another policy than the trace tells.
    OtherPolicy,
    /// The runner found other walls than the trace tells.
    OtherSandbox,
}

impl Wrong {
    /// The word of the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Wrong::Chain(_) => "receipt",
            Wrong::NoReceipts => "no_receipts",
            Wrong::LeftOut => "call_left_out",
            Wrong::MadeUp => "call_made_up",
            Wrong::OtherCall => "other_call",
            Wrong::Order => "call_order",
            Wrong::Unanswered => "result_made_up",
            Wrong::Unheard => "result_left_out",
            Wrong::OtherResult => "other_result",
            Wrong::OtherVerdict => "other_verdict",
            Wrong::ResultOrder => "result_order",
            Wrong::OtherPolicy => "other_policy",
            Wrong::OtherSandbox => "other_sandbox",
        }
    }
}

impl fmt::Display for Discord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, receipt) = (self.event.unwrap_or_default(), self.receipt.unwrap_or_default());
        match self.what {
            Wrong::Chain(what) => write!(f, "receipt {receipt} of the runner {}", what.as_str()),
            Wrong::NoReceipts => f.write_str("the runner's receipts are gone"),
            Wrong::LeftOut => {
                write!(
                    f,
                    "a call was left out before event {event}: the runner was asked for it (receipt {receipt})"
                )
            }
            Wrong::MadeUp => write!(f, "event {event} tells of a call that the runner was never asked for"),
            Wrong::OtherCall => {
                write!(
                    f,
                    "event {event} tells of another call than the runner was asked for (receipt {receipt})"
                )
            }
            Wrong::Order => {
                write!(
                    f,
                    "event {event} tells of a call out of its order: the runner was asked for another one (receipt {receipt})"
                )
            }
            Wrong::Unanswered => write!(f, "event {event} tells of a result that the runner never gave"),
            Wrong::Unheard => {
                write!(
                    f,
                    "a result was left out before event {event}: the runner gave it (receipt {receipt})"
                )
            }
            Wrong::OtherResult => {
                write!(f, "event {event} tells of another result than the runner gave (receipt {receipt})")
            }
            Wrong::OtherVerdict => {
                write!(f, "event {event} tells of another verdict than the runner's (receipt {receipt})")
            }
            Wrong::ResultOrder => {
                write!(
                    f,
                    "event {event} tells of a result out of its order: the runner gave another one (receipt {receipt})"
                )
            }
            Wrong::OtherPolicy => {
                write!(
                    f,
                    "event {event} tells of another policy than the one that bound the runner (receipt {receipt})"
                )
            }
            Wrong::OtherSandbox => {
                write!(f, "event {event} tells of other walls than the runner's (receipt {receipt})")
            }
        }
    }
}
