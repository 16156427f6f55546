//! What a run has sent to whom, counted for each rule that bounds it, and put on record before it goes: a run that is gone
//! on with goes on counting.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::effect::{ErrorKind, ToolError};
use crate::policy::OriginBound;
use crate::receipt::Sent;

/// Puts a request on record: the places of the rules that bound it, and its bytes.
type Recorder = Box<dyn Fn(Vec<String>, u64) -> Result<(), String> + Send + Sync>;

/// Requests and bytes, by rule.
#[derive(Default)]
pub struct Traffic {
    sent: Mutex<BTreeMap<String, Sent>>,
    record: Option<Recorder>,
}

impl Traffic {
    /// Goes on where a run has `sent` so much already; each request is told to `record` before it goes.
    pub(in crate::runner) fn after(
        sent: BTreeMap<String, Sent>,
        record: impl Fn(Vec<String>, u64) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { sent: Mutex::new(sent), record: Some(Box::new(record)) }
    }

    /// Counts a request of so many bytes, where every rule still lets it go.
    pub(in crate::runner) fn send(&self, bounds: &[OriginBound], bytes: u64) -> Result<(), ToolError> {
        // held until it is on record: of two that come at once, one is the last that is let go
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for bound in bounds {
            let Sent { requests, bytes: out } = sent.get(&bound.rule.place()).copied().unwrap_or_default();
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
        let rules: Vec<String> = bounds.iter().map(|bound| bound.rule.place()).collect();
        if let Some(record) = &self.record {
            record(rules.clone(), bytes).map_err(|why| {
                let message = format!("nothing was sent, because it could not be put on record: {why}");
                ToolError::new(ErrorKind::Internal, message)
            })?;
        }
        for rule in rules {
            sent.entry(rule).or_default().add(bytes);
        }
        Ok(())
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic").field("sent", &self.sent).finish_non_exhaustive()
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

    #[test]
    fn it_goes_on_where_it_was_left_and_sends_nothing_that_is_on_no_record() {
        let rule = RuleRef { line: 1, ..RuleRef::builtin("a") };
        let bounds = [OriginBound { rule: rule.clone(), max_out: None, max_requests: Some(3) }];
        let before = BTreeMap::from([(rule.place(), Sent { requests: 1, bytes: 5 })]);
        let (told, heard) = std::sync::mpsc::channel();
        let traffic = Traffic::after(before, move |rules, bytes| {
            told.send((rules, bytes)).map_err(|error| error.to_string())
        });
        assert!(traffic.send(&bounds, 7).is_ok());
        assert_eq!(heard.recv().unwrap(), (vec![rule.place()], 7));
        drop(heard);
        let refused = traffic.send(&bounds, 7).unwrap_err();
        assert!(refused.kind == ErrorKind::Internal && refused.message.contains("on record"), "{refused:?}");
        let (told, heard) = std::sync::mpsc::channel();
        let used = BTreeMap::from([(rule.place(), Sent { requests: 3, bytes: 19 })]);
        let traffic = Traffic::after(used, move |rules, bytes| {
            told.send((rules, bytes)).map_err(|error| error.to_string())
        });
        assert_eq!(traffic.send(&bounds, 7).unwrap_err().kind, ErrorKind::Budget);
        assert!(heard.try_recv().is_err(), "what is not sent is on no record");
    }
}
