//! The graph of a run as a Mermaid flowchart that shows what happened: a class for how each node ended, edges that were
//! taken drawn through. Labels are quoted, and nothing in a name can end one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::source::escaped;
use crate::view::graph::{again, mermaid_quoted};

use super::{Fate, Fates, Planned, PlannedEdge, Story};

/// What each class looks like, in light and dark alike; each also has a mark in its label.
const CLASSES: [(&str, &str); 6] = [
    ("done", "fill:#d9f2e0,stroke:#1a7f37,color:#0b3d1c"),
    ("failed", "fill:#ffdcd9,stroke:#b3261e,color:#5c0f0a,stroke-width:3px"),
    ("cancelled", "fill:#ffe8cc,stroke:#9a5b00,color:#4d2e00,stroke-dasharray:6 3"),
    ("skipped", "fill:#eeeeee,stroke:#6e6e6e,color:#444444,stroke-dasharray:3 3"),
    ("open", "fill:#dbeafe,stroke:#1d4ed8,color:#172554"),
    ("untold", "fill:#ffffff,stroke:#9a9a9a,color:#555555,stroke-dasharray:1 3"),
];

/// The run's own graph; an empty one where the trace does not have it.
pub fn mermaid(story: &Story) -> String {
    let planned = story.planned().unwrap_or_default();
    let fates = Fates::of(story, "");
    let title = format!("{}: {}", story.graph, story.status);
    let mut text = format!("---\ntitle: \"{}\"\n---\nflowchart TD\n", mermaid_quoted(&escaped(&title)));
    let mut within: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (at, node) in planned.nodes.iter().enumerate() {
        within.entry(node.loops.last().map(String::as_str)).or_default().push(at);
    }
    level(&planned, &fates, &within, None, &mut text);
    for edge in &planned.edges {
        line(&planned, &fates, edge, &mut text);
    }
    for (name, style) in CLASSES {
        // writing to a string can't fail
        let _ = writeln!(text, "  classDef {name} {style}");
    }
    text
}

/// The nodes of one loop, or of none, and the loops directly inside.
fn level(
    planned: &Planned,
    fates: &Fates,
    within: &BTreeMap<Option<&str>, Vec<usize>>,
    inside: Option<&str>,
    text: &mut String,
) {
    // a list of what is to be written: loops may be nested deeper than a stack is
    let mut open = vec![Step::Level(inside)];
    while let Some(step) = open.pop() {
        let level = match step {
            Step::End => {
                text.push_str("  end\n");
                continue;
            }
            Step::Level(level) => level,
        };
        if let Some(target) = level {
            let turned = fates.turns(target);
            let title = mermaid_quoted(&escaped(&format!("loop {target}: {turned} iterations")));
            let at = planned.loops.iter().position(|one| one.target == target).unwrap_or_default();
            // writing to a string can't fail
            let _ = writeln!(text, "  subgraph l{at}[\"{title}\"]");
            open.push(Step::End);
        }
        for &at in within.get(&level).into_iter().flatten() {
            node(planned, fates, at, text);
        }
        let inner = planned.loops.iter().filter(|one| one.outer.last().map(String::as_str) == level);
        open.extend(inner.map(|one| Step::Level(Some(&one.target))));
    }
}

enum Step<'a> {
    Level(Option<&'a str>),
    End,
}

fn node(planned: &Planned, fates: &Fates, at: usize, text: &mut String) {
    let node = &planned.nodes[at];
    let fate = fates.node(&node.id);
    let mut lines = vec![node.id.clone(), node.uses.clone(), fate.sentence()];
    lines.retain(|line| !line.is_empty());
    let lines: Vec<String> = lines.iter().map(|line| mermaid_quoted(&escaped(line))).collect();
    // writing to a string can't fail
    let _ = writeln!(text, "  n{at}[\"{}\"]:::{}", lines.join("<br/>"), fate.class());
}

/// Drawn through where it was taken, thick where it turned a loop, dotted where it was not taken.
fn line(planned: &Planned, fates: &Fates, edge: &PlannedEdge, text: &mut String) {
    let taken = fates.taken("", edge.place);
    let arrow = match (taken, edge.turns) {
        (0, _) => "-.->",
        (_, true) => "==>",
        (_, false) => "-->",
    };
    let mut label = edge_label(planned, edge);
    if taken > 1 {
        label.push(format!("{taken} times"));
    }
    let label = label.join("; ");
    let label = if label.is_empty() { label } else { format!("|\"{}\"|", mermaid_quoted(&escaped(&label))) };
    // writing to a string can't fail
    let _ = writeln!(text, "  n{} {arrow}{label} n{}", edge.from, edge.to);
}

/// What decides an edge.
pub(super) fn edge_label(planned: &Planned, edge: &PlannedEdge) -> Vec<String> {
    let mut label = Vec::new();
    if edge.on != "success" && !edge.on.is_empty() {
        label.push(edge.on.clone());
    }
    label.extend(edge.when.as_deref().map(|when| format!("when {}", short(when))));
    if edge.turns {
        let target = &planned.nodes[edge.to].id;
        let max = planned.loops.iter().find(|one| one.target == *target).map_or(0, |one| one.max);
        label.push(again(max));
    }
    label
}

/// A condition on one line, cut where it is long.
fn short(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= 60 {
        return words;
    }
    words.chars().take(59).collect::<String>() + "…"
}

impl Fate {
    /// The class of the drawing.
    pub fn class(&self) -> &'static str {
        match self.status.as_str() {
            "succeeded" => "done",
            "failed" => "failed",
            "cancelled" => "cancelled",
            "skipped" | "not_reached" => "skipped",
            "open" | "waiting" => "open",
            _ => "untold",
        }
    }
}
