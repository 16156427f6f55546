//! Calls that need not be made, because what they come to is known. The gate has granted the call by then; what is known is
//! answered in its place: on record, counted and noted like a call that was made, and marked with the one that it was made
//! for. Where a result may be known from is asked here and nowhere else.

use crate::effect::{ToolCall, ToolResult};
use crate::policy::Granted;
use crate::runner::Cancel;

use super::desk::{Desk, unrecorded};

/// What is known of a call before it is made.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing: it is made.
    Nothing,
    /// There was something that is not to be believed, and why: it is made, and its result says so.
    PassedOver(String),
    /// What it comes to, with `recalled` set.
    Result(Box<ToolResult>),
}

impl Desk {
    /// What is known of a granted call.
    pub(super) fn known(&self, granted: &Granted<ToolCall>, cancel: &Cancel) -> Known {
        match self.reused.known_of(granted.request(), &self.world.root) {
            Known::Result(known) => Known::Result(known),
            Known::Nothing => self.cached(granted, cancel),
            Known::PassedOver(why) => match self.cached(granted, cancel) {
                Known::Result(known) => Known::Result(known),
                Known::PassedOver(_) | Known::Nothing => Known::PassedOver(why),
            },
        }
    }

    /// Answers a granted call with what is known of it.
    pub(super) fn recall(&self, granted: &Granted<ToolCall>, known: ToolResult) -> ToolResult {
        let call = granted.request();
        // the rules are those that allow it now
        let result = ToolResult { rules: granted.obligations().rules.clone(), ..known };
        if let Err(why) = self.joins_history(call, &result) {
            return why;
        }
        if let Err(why) = self.receipts.recalled(call, &result) {
            return unrecorded(call, &why);
        }
        self.took_effect(granted, &result);
        self.reused.took_over(call, &result);
        result
    }
}
