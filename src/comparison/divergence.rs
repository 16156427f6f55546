//! Where two runs first are not the same, and why. What follows from it may differ as well and is told elsewhere.

use serde_json::Value;

use super::layers;
use super::meaning::{Meaning, Meanings};
use super::place::{Place, places};

/// The first thing that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The event in the first run; none where it has none like it.
    pub a: Option<EventRef>,
    /// The event in the second run.
    pub b: Option<EventRef>,
    /// Why, for people.
    pub why: &'static str,
    /// Where the two are not the same.
    pub places: Vec<Place>,
}

/// An event, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRef {
    /// Its number.
    pub seq: u64,
    /// Its kind.
    pub kind: String,
    /// The node that it is about, with the execution that it is in.
    pub node: Option<String>,
    /// The iterations of the loops around it.
    pub iteration: Vec<u32>,
}

impl EventRef {
    pub(super) fn of(meaning: &Meaning) -> Self {
        let event = &meaning.event;
        let around = event.path.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
        Self {
            seq: event.seq,
            kind: event.kind.clone(),
            node: event.node.as_ref().map(|node| format!("{around}{node}")),
            iteration: event.iteration.clone(),
        }
    }
}

/// The first event of one run that the other does not have, or has otherwise. Order counts for nothing: of the events
/// that each run has for itself, the earliest are named.
pub(super) fn divergence(a: &Meanings, b: &Meanings) -> Option<Divergence> {
    if let Some(start) = of_start(a, b) {
        return Some(start);
    }
    let first = |own: &Meanings, other: &Meanings| {
        own.all
            .iter()
            .find(|one| {
                one.event.kind != "run.started" && other.like(one).is_none_or(|like| like.data != one.data)
            })
            .cloned()
    };
    let (in_a, in_b) = (first(a, b), first(b, a));
    let earlier_in_a = match (&in_a, &in_b) {
        (Some(one), Some(other)) => one.event.seq <= other.event.seq,
        (one, _) => one.is_some(),
    };
    let (left, right) = if earlier_in_a {
        let like = in_a.as_ref().and_then(|one| b.like(one).cloned());
        (in_a, like.or(in_b))
    } else {
        let like = in_b.as_ref().and_then(|one| a.like(one).cloned());
        (like.or(in_a), in_b)
    };
    let named = left.as_ref().or(right.as_ref())?;
    let same_subject = left.as_ref().zip(right.as_ref()).is_some_and(|(a, b)| a.subject == b.subject);
    let why = why(&named.event.kind, same_subject);
    let differ = match (&left, &right) {
        (Some(left), Some(right)) if same_subject => places(Some(&left.data), Some(&right.data)),
        _ => Vec::new(),
    };
    let (a, b) = (left.as_ref().map(EventRef::of), right.as_ref().map(EventRef::of));
    Some(Divergence { a, b, why, places: differ })
}

/// What the runs were started with: inputs, graph, policy. The rest of the first event is circumstance.
fn of_start(a: &Meanings, b: &Meanings) -> Option<Divergence> {
    let (one, other) = (a.start()?, b.start()?);
    let table = [
        ("/facts/plan", "they are runs of graphs that are not the same"),
        ("/inputs", "they were given other inputs"),
        ("/facts/policy_digest", "other policies bound them"),
    ];
    table.into_iter().find_map(|(pointer, why)| {
        let differ = places(one.data.pointer(pointer), other.data.pointer(pointer));
        (!differ.is_empty()).then(|| Divergence {
            a: Some(EventRef::of(one)),
            b: Some(EventRef::of(other)),
            why,
            places: under(pointer, differ),
        })
    })
}

/// Of the first events, what is neither graph nor inputs nor policy: the machine, the workspace, the versions, and by which
/// names the policies went.
pub(super) fn circumstances(a: &Meanings, b: &Meanings) -> Vec<Place> {
    let told = |meanings: &Meanings| {
        let Some(start) = meanings.start() else { return Value::Null };
        let mut data = start.data.clone();
        if let Some(members) = data.as_object_mut() {
            members.remove("inputs");
            let facts = members.get_mut("facts").and_then(Value::as_object_mut);
            if let Some(facts) = facts {
                let of_graph = ["plan", "graph_digest", "graph", "policy_digest", "layers", "inputs_digest"];
                for name in of_graph {
                    facts.remove(name);
                }
                facts.insert("policies".to_owned(), layers::names(std::slice::from_ref(&start.event)).into());
            }
        }
        data
    };
    places(Some(&told(a)), Some(&told(b)))
}

fn under(pointer: &str, found: Vec<Place>) -> Vec<Place> {
    let at = pointer.trim_start_matches('/').replace('/', ".");
    let name = |place: &Place| {
        if place.at.is_empty() { at.clone() } else { format!("{at}.{}", place.at) }
    };
    found.into_iter().map(|place| Place { at: name(&place), ..place }).collect()
}

fn why(kind: &str, same_subject: bool) -> &'static str {
    match (kind, same_subject) {
        ("call.finished", true) => "the same call came to something else",
        ("call.finished", false) => "a call ended in one of them alone",
        ("call.started", true) => "another call was made at the same place",
        ("call.started", false) => "a call was made in one of them alone",
        ("approval.granted" | "approval.rejected", _) => "a person answered otherwise",
        ("approval.requested", _) => "something else was asked of a person",
        ("run.cancelled", _) => "one of them was cancelled",
        ("wait.finished", _) => "time ran out in one of them",
        ("run.finished", false) => "one of them has not ended",
        ("run.finished", true) => "they ended otherwise",
        _ => {
            "something else was decided, though nothing came otherwise from outside before: other versions decided, or one of them has not come so far"
        }
    }
}
