//! What may run at the same time, as text and as a document.

use std::fmt::Write as _;

use serde_json::Value;

use crate::compile::{MOST_AT_ONCE, Sides, at_once};
use crate::plan::{Action, Plan};

/// Names of one side, and lines, that are shown: the document has all.
const NAMES: usize = 8;
const LINES: usize = 40;

/// Names of nodes, by sides of groups; nothing where that was not worked out.
type Named = Vec<Vec<Vec<String>>>;

/// Those of the graphs within stand behind those around them.
pub(super) fn document(plan: &Plan) -> Value {
    let mut all = Some(Vec::new());
    collect(plan, "", &mut all);
    all.map_or(Value::Null, Value::from)
}

pub(super) fn write(plan: &Plan, text: &mut String) {
    let mut all = Some(Vec::new());
    collect(plan, "", &mut all);
    let Some(groups) = all else {
        // writing to a string can't fail
        let _ = writeln!(text, "\nat once: not worked out for a graph of more than {MOST_AT_ONCE} nodes");
        return;
    };
    if groups.is_empty() {
        text.push_str("\nat once: never two nodes\n");
        return;
    }
    text.push_str("\nat once: each node on one side of a `|` may run at the same time as each on another\n");
    for sides in groups.iter().take(LINES) {
        let sides: Vec<String> = sides.iter().map(|side| shown(side)).collect();
        let _ = writeln!(text, "  {}", one_by_one(&sides).unwrap_or_else(|| sides.join(" | ")));
    }
    if groups.len() > LINES {
        let _ = writeln!(text, "  and {} lines more: `--format json` has all", groups.len() - LINES);
    }
}

fn collect(plan: &Plan, above: &str, all: &mut Option<Named>) {
    let Some(groups) = at_once(plan) else {
        *all = None;
        return;
    };
    let name = |at| format!("{above}{}", plan.node(at).id);
    let named = |sides: Sides| {
        sides.into_iter().map(|side| side.into_iter().map(name).collect()).collect::<Vec<Vec<String>>>()
    };
    if let Some(all) = all {
        all.extend(groups.into_iter().map(named));
    }
    for &at in &plan.order {
        if let Action::Graph { plan: inner, .. } = &plan.node(at).action {
            collect(inner, &format!("{}/", name(at)), all);
        }
    }
}

/// The names of a side; of many the first ones.
fn shown(side: &[String]) -> String {
    if side.len() <= NAMES {
        return side.join(", ");
    }
    format!("{} and {} more", side[..NAMES - 1].join(", "), side.len() - (NAMES - 1))
}

/// Many sides, of which the first ones are enough to see what is meant.
fn one_by_one(sides: &[String]) -> Option<String> {
    let many = sides.len() > NAMES;
    many.then(|| format!("{} | and {} more sides", sides[..NAMES - 1].join(" | "), sides.len() - (NAMES - 1)))
}
