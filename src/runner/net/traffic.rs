//! What a session has sent to whom, counted for each rule that bounds it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::effect::{ErrorKind, ToolError};
use crate::policy::OriginBound;

/// Requests and bytes, by rule.
#[derive(Debug, Default)]
pub struct Traffic(Mutex<BTreeMap<String, (u64, u64)>>);

impl Traffic {
    /// Counts a request of so many bytes, where every rule still lets it go.
    pub(in crate::runner) fn send(&self, bounds: &[OriginBound], bytes: u64) -> Result<(), ToolError> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for bound in bounds {
            let (requests, out) = sent.get(&bound.rule.place()).copied().unwrap_or_default();
            if let Some(most) = bound.max_requests.filter(|most| requests >= *most) {
                return Err(used_up(bound, &format!("{most} requests (`max_requests`), and they are made")));
            }
            if let Some(most) = bound.max_out.filter(|most| out.saturating_add(bytes) > *most) {
                return Err(used_up(
                    bound,
                    &format!("{most} bytes (`max_out`): {out} were sent, and this request has {bytes}"),
                ));
            }
        }
        for bound in bounds {
            let (requests, out) = sent.entry(bound.rule.place()).or_default();
            *requests += 1;
            *out += bytes;
        }
        Ok(())
    }
}

fn used_up(bound: &OriginBound, what: &str) -> ToolError {
    let message = format!("nothing was sent: the rule at {} allows {what}", bound.rule.place());
    ToolError { rule: Some(bound.rule.clone()), ..ToolError::new(ErrorKind::Budget, message) }
}

#[cfg(test)]
mod tests {
    use crate::effect::RuleRef;

    use super::*;

    #[test]
    fn each_rule_counts_for_itself_and_the_first_that_is_used_up_stops() {
        let bound = |rule: &str, max_out, max_requests| OriginBound {
            rule: RuleRef { line: 1, ..RuleRef::builtin(rule) },
            max_out,
            max_requests,
        };
        let traffic = Traffic::default();
        let both = [bound("a", Some(100), None), bound("b", None, Some(2))];
        assert!(traffic.send(&both, 60).is_ok());
        let refused = traffic.send(&both, 60).unwrap_err();
        assert!(refused.kind == ErrorKind::Budget && refused.message.contains("max_out"), "{refused:?}");
        assert!(traffic.send(&both, 40).is_ok(), "what was refused was not counted");
        assert!(traffic.send(&both[1..], 1).unwrap_err().message.contains("max_requests"));
    }
}
