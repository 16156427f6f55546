//! What two runs took: time, calls, tokens. It is told, and counts for no difference.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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
    let sum = |events: &[Envelope], kind: &str, name: &str| {
        let of_kind = events.iter().filter(|event| event.kind == kind);
        of_kind.filter_map(|event| event.data.get(name).and_then(Value::as_u64)).sum::<u64>()
    };
    let both = |of: &dyn Fn(&[Envelope]) -> u64| (of(a), of(b));
    Spent {
        ms: both(&active),
        events: both(&|events| events.len() as u64),
        calls: both(&|events| events.iter().filter(|event| event.kind == "call.finished").count() as u64),
        llm_tokens: both(&|events| sum(events, "budget.charged", "llm_tokens")),
        patch_bytes: both(&|events| sum(events, "budget.charged", "patch_bytes")),
        nodes: nodes(a, b),
    }
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
