//! What was written to each channel, and by whom.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::meaning::{Meaning, Meanings};

/// A channel that was written otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelChange {
    /// The execution of a subgraph; none for the run's own graph.
    pub path: Option<String>,
    /// Its name.
    pub channel: String,
    /// What was written to it in the first run, in the order in which it happened.
    pub a: Vec<Write>,
    /// What was in the second.
    pub b: Vec<Write>,
}

/// A value that a node wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The number of the event.
    pub seq: u64,
    /// The node.
    pub node: String,
    /// The iterations of the loops around it.
    pub iteration: Vec<u32>,
    /// What it wrote; how that is joined to what the channel held, its graph says.
    pub value: Value,
}

/// By writer, so that the order in which nodes ended counts for nothing.
type Writes<'a> = BTreeMap<&'a str, &'a Meaning>;

pub(super) fn channels(a: &Meanings, b: &Meanings) -> Vec<ChannelChange> {
    let (left, right) = (writes(a), writes(b));
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let none = Writes::new();
    keys.into_iter()
        .filter_map(|key| {
            let (one, other) = (left.get(key).unwrap_or(&none), right.get(key).unwrap_or(&none));
            (!is_same(one, other)).then(|| ChannelChange {
                path: key.0.map(str::to_owned),
                channel: key.1.to_owned(),
                a: in_order(one),
                b: in_order(other),
            })
        })
        .collect()
}

fn is_same(a: &Writes<'_>, b: &Writes<'_>) -> bool {
    a.len() == b.len()
        && a.iter().all(|(who, one)| b.get(who).is_some_and(|other| value(one) == value(other)))
}

fn writes(meanings: &Meanings) -> BTreeMap<(Option<&str>, &str), Writes<'_>> {
    let mut found: BTreeMap<_, Writes<'_>> = BTreeMap::new();
    for one in meanings.of_kind("state.written") {
        let channel = one.data.get("channel").and_then(Value::as_str).unwrap_or_default();
        let channel = (one.event.path.as_deref(), channel);
        found.entry(channel).or_default().insert(one.subject.as_str(), one);
    }
    found
}

fn value(meaning: &Meaning) -> Option<&Value> {
    meaning.data.get("value")
}

fn in_order(writes: &Writes<'_>) -> Vec<Write> {
    let told = |one: &&Meaning| Write {
        seq: one.event.seq,
        node: one.event.node.clone().unwrap_or_default(),
        iteration: one.event.iteration.clone(),
        value: value(one).cloned().unwrap_or_default(),
    };
    let mut found: Vec<Write> = writes.values().map(told).collect();
    found.sort_by_key(|write| write.seq);
    found
}
