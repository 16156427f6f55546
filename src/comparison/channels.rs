//! What was written to each channel, in order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::meaning::Meanings;

/// A channel that was written otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelChange {
    /// The execution of a subgraph; none for the run's own graph.
    pub path: Option<String>,
    /// Its name.
    pub channel: String,
    /// What the first run wrote, by writer.
    pub a: Vec<Value>,
    /// What the second wrote.
    pub b: Vec<Value>,
}

type Writes = BTreeMap<(Option<String>, String), BTreeMap<String, Value>>;

pub(super) fn channels(a: &Meanings, b: &Meanings) -> Vec<ChannelChange> {
    let (left, right) = (writes(a), writes(b));
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let none = BTreeMap::new();
    keys.into_iter()
        .filter_map(|key| {
            let (one, other) = (left.get(key).unwrap_or(&none), right.get(key).unwrap_or(&none));
            (one != other).then(|| ChannelChange {
                path: key.0.clone(),
                channel: key.1.clone(),
                a: one.values().cloned().collect(),
                b: other.values().cloned().collect(),
            })
        })
        .collect()
}

/// By writer, so that the order in which nodes ended counts for nothing.
fn writes(meanings: &Meanings) -> Writes {
    let mut found = Writes::new();
    for one in meanings.of_kind("state.written") {
        let channel = one.data.get("channel").and_then(Value::as_str).unwrap_or_default().to_owned();
        let value = one.data.get("value").cloned().unwrap_or_default();
        found.entry((one.event.path.clone(), channel)).or_default().insert(one.subject.clone(), value);
    }
    found
}
