//! A place in a run as a person names it, by the number of an event or by a node, and the event that it means. Reads events
//! by their envelopes alone.

use crate::effect::named_iteration;
use crate::plan::{Action, Plan};

use super::Envelope;

/// The kinds of the events with which a node ends.
const ENDS: [&str; 3] = ["node.finished", "node.exhausted", "node.decided"];

/// A place in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// Behind the event with this number.
    Seq(u64),
    /// Behind the event with which a node ended.
    End {
        /// The ids: those of subgraph nodes, then its own.
        ids: Vec<String>,
        /// The iterations of the loops around it, outermost first; empty: its last end.
        iteration: Vec<u32>,
    },
}

/// A place that a run does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// It is no place.
    #[error(
        "`{0}` is neither the number of an event nor a node; write `14`, `node`, `node[2]` for its second iteration, \
         `node[2.1]` inside of two loops, or `outer/inner` for a node of a subgraph"
    )]
    Unreadable(String),
    /// No event has the number.
    #[error("there is no event {seq}: the run has the events 1 to {events}")]
    NoEvent {
        /// As it was named.
        seq: u64,
        /// How many there are.
        events: usize,
    },
    /// The graph has no such node.
    #[error("the graph has no node `{0}`")]
    NoNode(String),
    /// It has not been come to.
    #[error("`{0}` did not run, and nothing was decided of it, as far as the run goes")]
    NeverRan(String),
    /// It runs.
    #[error("`{node}` has begun at event {began} and not ended, as far as the run goes")]
    NotEnded {
        /// The node.
        node: String,
        /// Where it began.
        began: u64,
    },
    /// It ended in other iterations.
    #[error("`{node}` did not end in this iteration; it ended in {had}")]
    NoIteration {
        /// The node.
        node: String,
        /// Those in which it ended.
        had: String,
    },
}

impl Point {
    /// Reads `14`, `node`, `node[2]`, `node[2.1]`, `outer/inner[1]`.
    pub fn parse(text: &str) -> Result<Self, PointError> {
        Self::read(text).ok_or_else(|| PointError::Unreadable(text.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::Seq);
        }
        let (path, iteration) = named_iteration(text)?;
        let is_id =
            |id: &&str| !id.is_empty() && id.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        let ids: Vec<&str> = path.split('/').collect();
        ids.iter().all(is_id).then(|| {
            let ids = ids.into_iter().map(str::to_owned).collect();
            Self::End { ids, iteration }
        })
    }

    /// How many of `events`, in order from the first, lead up to it in a run of `plan`.
    pub fn events_up_to(&self, plan: &Plan, events: &[Envelope]) -> Result<usize, PointError> {
        match self {
            Self::Seq(seq) => {
                let at = usize::try_from(*seq).ok().filter(|at| (1..=events.len()).contains(at));
                at.ok_or(PointError::NoEvent { seq: *seq, events: events.len() })
            }
            Self::End { ids, iteration } => end_of(ids, iteration, plan, events),
        }
    }
}

fn end_of(ids: &[String], iteration: &[u32], plan: &Plan, events: &[Envelope]) -> Result<usize, PointError> {
    let node = ids.join("/");
    if !knows(plan, ids) {
        return Err(PointError::NoNode(node));
    }
    let of_node = || events.iter().enumerate().filter(|(_, event)| is_of(event, ids));
    let ended = || of_node().filter(|(_, event)| ENDS.contains(&event.kind.as_str()));
    let Some((last, _)) = ended().next_back() else {
        let began = of_node().find(|(_, event)| event.kind == "node.started");
        return Err(match began {
            Some((_, began)) => PointError::NotEnded { node, began: began.seq },
            None => PointError::NeverRan(node),
        });
    };
    if iteration.is_empty() {
        return Ok(last + 1);
    }
    let named = ended().rfind(|(_, event)| event.iteration == iteration);
    named.map(|(at, _)| at + 1).ok_or_else(|| {
        let mut had: Vec<String> = ended().map(|(_, event)| iterations(&event.iteration)).collect();
        had.dedup();
        PointError::NoIteration { node, had: had.join(", ") }
    })
}

fn iterations(iteration: &[u32]) -> String {
    let numbers: Vec<String> = iteration.iter().map(u32::to_string).collect();
    if numbers.is_empty() { "no loop".to_owned() } else { format!("[{}]", numbers.join(".")) }
}

/// Is there such a node, behind the nodes that use subgraphs?
fn knows(plan: &Plan, ids: &[String]) -> bool {
    let Some((first, inner)) = ids.split_first() else { return false };
    match plan.nodes.iter().find(|node| node.id.as_str() == first).map(|node| &node.action) {
        Some(_) if inner.is_empty() => true,
        Some(Action::Graph { plan, .. }) => knows(plan, inner),
        _ => false,
    }
}

/// Is the event about this node, whatever the iterations, items and attempts of the nodes around it?
fn is_of(event: &Envelope, ids: &[String]) -> bool {
    let around = event.path.as_deref().into_iter().flat_map(|path| path.split('/'));
    let around = around.map(|part| part.split(['#', '[', '!']).next().unwrap_or_default());
    around.chain(event.node.as_deref()).eq(ids.iter().map(String::as_str)) && event.node.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_number_or_a_node_with_its_iterations() {
        let end = |ids: &[&str], iteration: &[u32]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            Ok(Point::End { ids, iteration: iteration.to_vec() })
        };
        assert_eq!(Point::parse("14"), Ok(Point::Seq(14)));
        assert_eq!(Point::parse("turn"), end(&["turn"], &[]));
        assert_eq!(Point::parse("turn[2]"), end(&["turn"], &[2]));
        assert_eq!(Point::parse("outer/inner[2.1]"), end(&["outer", "inner"], &[2, 1]));
        for wrong in ["", "turn[", "turn]", "turn[0]", "turn[x]", "turn[]", "a//b", "/", "a b"] {
            assert!(Point::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_event_in_a_subgraph_is_found_whatever_its_item_and_attempt() {
        let line = |path: &str| Envelope {
            run: "r".into(),
            seq: 1,
            ts: String::new(),
            kind: "node.finished".into(),
            node: Some("inner".into()),
            path: Some(path.into()),
            iteration: Vec::new(),
            attempt: None,
            data: serde_json::Map::new(),
            prev: None,
        };
        let ids = ["outer".to_owned(), "inner".to_owned()];
        assert!(is_of(&line("outer#2.1[3]!1"), &ids) && is_of(&line("outer"), &ids));
        assert!(!is_of(&line("outer!1/outer!1"), &ids) && !is_of(&line("other"), &ids));
    }
}
