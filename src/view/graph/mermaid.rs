//! Mermaid flowcharts, as Markdown viewers draw them. Labels are quoted, and every character that could end a label
//! or be taken for markup is written as its number.

use std::fmt::Write as _;

use crate::plan::{EdgeOutcome, LoopIx, Plan, PlanEdge};

use super::labels;

/// The plan as a flowchart.
pub fn mermaid(plan: &Plan) -> String {
    let mut text = format!("---\ntitle: \"{}\"\n---\nflowchart TD\n", quoted(&plan.name));
    level(plan, None, 1, &mut text);
    for edge in &plan.edges {
        line(plan, edge, &mut text);
    }
    text
}

/// The nodes of one loop, or of none, and the loops directly inside.
fn level(plan: &Plan, inside: Option<LoopIx>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for at in labels::nodes_in(plan, inside) {
        let lines: Vec<String> = labels::node(plan.node(at)).iter().map(|line| quoted(line)).collect();
        // writing to a string can't fail
        let _ = writeln!(text, "{indent}n{}[\"{}\"]", at.0, lines.join("<br/>"));
    }
    for at in labels::loops_in(plan, inside) {
        let title = quoted(&labels::title(plan, &plan.loops[at.0 as usize]));
        let _ = writeln!(text, "{indent}subgraph l{}[\"{title}\"]", at.0);
        level(plan, Some(at), depth + 1, text);
        let _ = writeln!(text, "{indent}end");
    }
}

fn line(plan: &Plan, edge: &PlanEdge, text: &mut String) {
    let arrow = match (&edge.outcome, edge.turns) {
        (_, Some(_)) => "==>",
        (EdgeOutcome::Success | EdgeOutcome::Otherwise, None) => "-->",
        (EdgeOutcome::Catch(_) | EdgeOutcome::Always, None) => "-.->",
    };
    let label = labels::edge(plan, edge);
    let label = if label.is_empty() { String::new() } else { format!("|\"{}\"|", quoted(&label)) };
    // writing to a string can't fail
    let _ = writeln!(text, "  n{} {arrow}{label} n{}", edge.from.0, edge.to.0);
}

/// Letters, digits and harmless marks as they are, all else by number.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || " _-.,:=!/'+…".contains(c) {
            quoted.push(c);
        } else {
            // writing to a string can't fail
            let _ = write!(quoted, "#{};", u32::from(c));
        }
    }
    quoted
}
