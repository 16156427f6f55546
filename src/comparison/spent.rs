//! What two runs took: time, calls, tokens. It is told, and counts for no difference.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::effect::ToolCall;
use crate::trace::Envelope;

use super::path::name;

/// How many nodes are named whose times differ most.
const NAMED: usize = 10;

/// What two runs took, the first one's first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// From the first event to the last, without the time that they stood still for a person or between processes.
    pub ms: (u64, u64),
    /// Events.
    pub events: (u64, u64),
    /// Calls that ended.
    pub calls: (u64, u64),
    /// Tokens of models.
    pub llm_tokens: (u64, u64),
    /// Bytes of patches.
    pub patch_bytes: (u64, u64),
    /// Nodes whose times differ most, that one first.
    pub nodes: Vec<NodeTime>,
}

/// The time of a node over all of its iterations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTime {
    /// `outer#2!1/inner`
    pub node: String,
    /// In milliseconds, in each run; none where it did not run.
    pub ms: (Option<u64>, Option<u64>),
}

pub(super) fn spent(a: &[Envelope], b: &[Envelope]) -> Spent {
    let (left, right) = (costs(a), costs(b));
    let both = |of: &dyn Fn(&[Envelope]) -> u64| (of(a), of(b));
    Spent {
        ms: both(&active),
        events: both(&|events| events.len() as u64),
        calls: both(&|events| events.iter().filter(|event| event.kind == "call.finished").count() as u64),
        llm_tokens: (left.0, right.0),
        patch_bytes: (left.1, right.1),
        nodes: nodes(a, b),
    }
}

/// Tokens and bytes of patches, by the rule of the budgets: of calls that came to something, whether anything bounds them or
/// not.
fn costs(events: &[Envelope]) -> (u64, u64) {
    let mut asked: BTreeMap<u64, &Envelope> = BTreeMap::new();
    let mut costs = (0, 0);
    for event in events {
        let Some(call) = event.data.get("call").and_then(Value::as_u64) else { continue };
        match event.kind.as_str() {
            "call.started" => drop(asked.insert(call, event)),
            "call.finished" => {
                let Some(order) =
                    asked.remove(&call).filter(|order| order.data.get("prepare") != Some(&Value::Bool(true)))
                else {
                    continue;
                };
                let several = order.data.get("calls").and_then(Value::as_array);
                let results = event.data.get("results").and_then(Value::as_array);
                let one = |at: usize, name: &str| match several {
                    Some(calls) => calls.get(at)?.get(name),
                    None => order.data.get(name),
                };
                for (at, result) in
                    event.data.get("result").into_iter().chain(results.into_iter().flatten()).enumerate()
                {
                    let tokens = result.get("llm_tokens").and_then(Value::as_u64);
                    costs.0 = u64::saturating_add(costs.0, tokens.unwrap_or_default());
                    let tool = one(at, "tool").and_then(Value::as_str).unwrap_or_default();
                    if result.get("ok") == Some(&Value::Bool(true)) {
                        let input = one(at, "input").cloned().unwrap_or_default();
                        costs.1 += ToolCall::new(tool, input).patch_bytes();
                    }
                }
            }
            _ => {}
        }
    }
    costs
}

fn active(events: &[Envelope]) -> u64 {
    let pairs = events.iter().zip(events.iter().skip(1));
    let counted = pairs.filter(|(one, next)| one.kind != "run.suspended" && next.kind != "run.resumed");
    counted.map(|(one, next)| between(&one.ts, &next.ts)).sum()
}

fn nodes(a: &[Envelope], b: &[Envelope]) -> Vec<NodeTime> {
    let (left, right) = (times(a), times(b));
    let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
    names.sort();
    names.dedup();
    let time = |name: &&String| NodeTime {
        node: (*name).clone(),
        ms: (left.get(*name).copied(), right.get(*name).copied()),
    };
    let mut all: Vec<NodeTime> = names.iter().map(time).filter(|time| time.ms.0 != time.ms.1).collect();
    let apart = |time: &NodeTime| time.ms.0.unwrap_or_default().abs_diff(time.ms.1.unwrap_or_default());
    all.sort_by_key(|time| std::cmp::Reverse(apart(time)));
    all.truncate(NAMED);
    all
}

fn times(events: &[Envelope]) -> BTreeMap<String, u64> {
    let mut begun: BTreeMap<(String, &[u32]), &str> = BTreeMap::new();
    let mut times = BTreeMap::new();
    for event in events {
        let key = (name(event), &event.iteration[..]);
        match event.kind.as_str() {
            "node.started" => drop(begun.insert(key, &event.ts)),
            "node.finished" => {
                if let Some(start) = begun.remove(&key) {
                    *times.entry(key.0).or_default() += between(start, &event.ts);
                }
            }
            _ => {}
        }
    }
    times
}

/// In milliseconds; a clock that was set back has not made time.
fn between(earlier: &str, later: &str) -> u64 {
    let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let (Some(earlier), Some(later)) = (time(earlier), time(later)) else { return 0 };
    u64::try_from((later - earlier).whole_milliseconds()).unwrap_or_default()
}
