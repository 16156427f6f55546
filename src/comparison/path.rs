//! Which nodes ended how, and what was decided between them. Knows no call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::trace::Envelope;

use super::meaning::{Meaning, Meanings};
use super::place::{Place, places};

/// Events with which a node or an item ends.
const ENDS: [&str; 3] = ["node.finished", "node.exhausted", "node.decided"];

/// Events that decide what happens next, and those with which persons do.
const DECIDE: [&str; 10] = [
    "edge.taken",
    "edge.dead",
    "loop.turned",
    "loop.finished",
    "node.retried",
    "budget.exceeded",
    "approval.granted",
    "approval.rejected",
    "approval.withdrawn",
    "run.cancelled",
];

/// A node that ended otherwise in one iteration, or in one of the runs alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeChange {
    /// `outer#2!1/inner`
    pub node: String,
    /// The iterations of the loops around it.
    pub iteration: Vec<u32>,
    /// How it ended in the first run; none where it did not.
    pub a: Option<NodeEnd>,
    /// How it ended in the second.
    pub b: Option<NodeEnd>,
    /// Where its outputs and errors differ.
    pub places: Vec<Place>,
}

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEnd {
    /// `succeeded`, …
    pub status: String,
    /// The number of the event.
    pub seq: u64,
}

/// Something that was decided in one of the runs alone, or otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was decided, of whom: `edge.taken from a to b`.
    pub what: String,
    /// The number of the event in the first run.
    pub a: Option<u64>,
    /// The number of the event in the second.
    pub b: Option<u64>,
    /// Where the two are not the same.
    pub places: Vec<Place>,
}

type Place2 = (String, Vec<u32>);

pub(super) fn nodes(a: &Meanings, b: &Meanings) -> Vec<NodeChange> {
    let (left, right) = (ends(a), ends(b));
    let keys: BTreeSet<&Place2> = left.keys().chain(right.keys()).collect();
    let mut found: Vec<NodeChange> = keys
        .into_iter()
        .filter_map(|key| {
            let (one, other) = (left.get(key), right.get(key));
            let told = |meaning: Option<&&Meaning>| meaning.map(|meaning| result(&meaning.data));
            let (x, y) = (told(one), told(other));
            (x != y).then(|| NodeChange {
                node: key.0.clone(),
                iteration: key.1.clone(),
                a: one.map(|one| end_of(one)),
                b: other.map(|other| end_of(other)),
                places: if one.is_some() && other.is_some() {
                    places(x.as_ref(), y.as_ref())
                } else {
                    Vec::new()
                },
            })
        })
        .collect();
    // in the order in which it happened
    let seq = |end: &Option<NodeEnd>| end.as_ref().map_or(u64::MAX, |end| end.seq);
    found.sort_by_key(|change| seq(&change.a).min(seq(&change.b)));
    found
}

/// The last word on each node, by execution and iteration.
fn ends(meanings: &Meanings) -> BTreeMap<Place2, &Meaning> {
    let ended = meanings.all.iter().filter(|one| ENDS.contains(&one.event.kind.as_str()));
    ended.map(|one| ((name(&one.event), one.event.iteration.clone()), one)).collect()
}

pub(super) fn name(event: &Envelope) -> String {
    let around = event.path.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
    format!("{around}{}", event.node.as_deref().unwrap_or_default())
}

/// What a node came to, without its edges, which are told by themselves.
fn result(data: &Value) -> Value {
    let mut data = data.clone();
    if let Some(members) = data.as_object_mut() {
        members.remove("taken");
    }
    data
}

fn end_of(meaning: &Meaning) -> NodeEnd {
    let status = meaning.data.get("status").and_then(Value::as_str).unwrap_or_default();
    NodeEnd { status: status.to_owned(), seq: meaning.event.seq }
}

pub(super) fn decisions(a: &Meanings, b: &Meanings) -> Vec<Decision> {
    let decides = |one: &&Meaning| DECIDE.contains(&one.event.kind.as_str());
    let mut found = Vec::new();
    for one in a.all.iter().filter(decides) {
        let like = b.like(one);
        if like.is_none_or(|like| like.data != one.data) {
            let differ = like.map(|like| places(Some(&one.data), Some(&like.data))).unwrap_or_default();
            found.push(decision(Some(one), like, differ));
        }
    }
    found.extend(
        b.all
            .iter()
            .filter(decides)
            .filter(|one| a.like(one).is_none())
            .map(|one| decision(None, Some(one), Vec::new())),
    );
    found.sort_by_key(|one| one.a.unwrap_or(u64::MAX).min(one.b.unwrap_or(u64::MAX)));
    found
}

fn decision(a: Option<&Meaning>, b: Option<&Meaning>, places: Vec<Place>) -> Decision {
    let what = a.or(b).map(|one| one.subject.clone()).unwrap_or_default();
    let seq = |one: Option<&Meaning>| one.map(|one| one.event.seq);
    Decision { what, a: seq(a), b: seq(b), places }
}
