//! Graphviz DOT. Every name and label is a quoted string.

use std::fmt::Write as _;

use crate::plan::{EdgeOutcome, LoopIx, Plan, PlanEdge};

use super::labels;

/// The plan as a digraph.
pub fn dot(plan: &Plan) -> String {
    let mut text =
        format!("digraph {} {{\n  rankdir=TB;\n  node [shape=box, style=rounded];\n", quoted(&plan.name));
    level(plan, None, 1, &mut text);
    for edge in &plan.edges {
        line(plan, edge, &mut text);
    }
    text.push_str("}\n");
    text
}

/// The nodes of one loop, or of none, and the loops directly inside.
fn level(plan: &Plan, inside: Option<LoopIx>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for at in labels::nodes_in(plan, inside) {
        let node = plan.node(at);
        let label = quoted(&labels::node(node).join("\n"));
        // writing to a string can't fail
        let _ = writeln!(text, "{indent}{} [label={label}];", quoted(node.id.as_str()));
    }
    for at in labels::loops_in(plan, inside) {
        let title = quoted(&labels::title(plan, &plan.loops[at.0 as usize]));
        let _ = writeln!(text, "{indent}subgraph cluster_{} {{\n{indent}  label={title};", at.0);
        level(plan, Some(at), depth + 1, text);
        let _ = writeln!(text, "{indent}}}");
    }
}

fn line(plan: &Plan, edge: &PlanEdge, text: &mut String) {
    let style = match (&edge.outcome, edge.turns) {
        (_, Some(_)) => "bold",
        (EdgeOutcome::Success | EdgeOutcome::Otherwise, None) => "solid",
        (EdgeOutcome::Catch(_) | EdgeOutcome::Always, None) => "dashed",
    };
    let (from, to) = (quoted(plan.node(edge.from).id.as_str()), quoted(plan.node(edge.to).id.as_str()));
    let label = quoted(&labels::edge(plan, edge));
    // writing to a string can't fail
    let _ = writeln!(text, "  {from} -> {to} [label={label}, style={style}];");
}

fn quoted(text: &str) -> String {
    let inner = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{inner}\"")
}
