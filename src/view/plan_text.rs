//! What a run would do, as text and as the document `lgflow.plan/v1` with its verdicts. Judges nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{FrozenLayer, LayerRole, SandboxLayer};
use crate::model::{Join, Uses};
use crate::plan::{Action, EdgeOutcome, Plan, PlanNode};
use crate::policy::{Decision, Foreseen};

use super::at_once;
use super::escaped;
use super::graph::{edge_in_full, loop_bounds};
use super::layers::beneath;

/// All that is told of a run that has not begun.
#[derive(Debug, Clone)]
pub struct PlanFacts<'a> {
    /// The file, or the name of the shipped graph.
    pub source: &'a str,
    /// The plan, under the user's own limits.
    pub plan: &'a Plan,
    /// The layers in force, the grant first.
    pub layers: &'a [FrozenLayer],
    /// Of what the layers say together.
    pub policy_digest: Digest,
    /// Does the user trust this workspace?
    pub trusted: bool,
    /// Why the run would be refused before it starts.
    pub refusal: Option<String>,
    /// The calls that it may make.
    pub calls: &'a [Foreseen],
    /// The layers of the sandbox, in force or not.
    pub sandbox: &'a [SandboxLayer],
}

/// For a program.
pub fn plan_document(facts: &PlanFacts<'_>) -> Value {
    let layers: Vec<Value> = facts.layers.iter().map(layer_document).collect();
    let mut document = facts.plan.document();
    document["source"] = facts.source.into();
    document["steps"] = steps(facts.plan);
    document["at_once"] = at_once::document(facts.plan);
    document["layers"] = layers.into();
    document["policy_digest"] = json!(facts.policy_digest);
    document["trusted"] = facts.trusted.into();
    document["refusal"] = json!(facts.refusal);
    document["verdicts"] = facts.calls.iter().map(|call| verdict_document(facts.plan, call)).collect();
    document["sandbox"] = json!(facts.sandbox);
    document
}

fn layer_document(layer: &FrozenLayer) -> Value {
    let mut document = json!({ "name": layer.name, "role": layer.role, "digest": Digest::of(&layer.text) });
    if !layer.within.is_empty() {
        document["within"] = json!(layer.within);
    }
    document
}

fn steps(plan: &Plan) -> Value {
    let mut by_step: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    let steps = plan.steps();
    for &at in &plan.order {
        by_step.entry(steps[at.0 as usize]).or_default().push(plan.node(at).id.as_str());
    }
    by_step.into_values().map(Value::from).collect()
}

fn verdict_document(plan: &Plan, call: &Foreseen) -> Value {
    let reason = call.verdict.deciding();
    json!({
        "node": call.node,
        "tool": call.tool,
        "input": call.input,
        "decision": call.verdict.decision.as_str(),
        "sources": call.sources,
        "depends_on": call.depends_on,
        "writes": call.writes,
        "unapplied": is_unapplied(plan, call),
        "rule": reason.map(|reason| &reason.rule),
        "reason": reason.map(|reason| reason.message.as_str()),
    })
}

/// Is it a command over a layer above the workspace whose patch nothing in its graph takes?
fn is_unapplied(plan: &Plan, call: &Foreseen) -> bool {
    let runs = call.tool == Uses::Exec.as_str() && call.verdict.decision != Decision::Deny;
    let (mut around, mut id) = (Some(plan), call.node.as_str());
    while let Some((outer, inner)) = id.split_once('/') {
        let node = around.and_then(|plan| plan.find(outer).map(|at| plan.node(at)));
        around = node.and_then(|node| match &node.action {
            Action::Graph { plan, .. } => Some(&**plan),
            _ => None,
        });
        id = inner;
    }
    let node = around.and_then(|plan| Some((plan, plan.find(id)?)));
    runs && call.writes.is_empty()
        && node.is_some_and(|(plan, at)| plan.node(at).uses == Uses::Exec && !plan.takes_patch(at))
}

/// For a person.
pub fn plan_text(facts: &PlanFacts<'_>) -> String {
    let plan = facts.plan;
    let mut text = format!("graph {} ({}), {}\n", escaped(&plan.name), escaped(facts.source), plan.digest);
    text.push_str(&bounds(plan));
    text.push_str("\nnodes in canonical order, each with the earliest step that it can run in\n");
    nodes(plan, &mut text);
    at_once::write(plan, &mut text);
    text.push_str("\ncalls and what the policy says of them\n");
    calls(facts, &mut text);
    let _ = writeln!(text, "\npolicy {}; the strictest layer decides", facts.policy_digest);
    for (at, layer) in facts.layers.iter().enumerate() {
        let role = if layer.role == LayerRole::Grant { "grant" } else { "ceiling" };
        let name = format!("{}{}", escaped(&layer.name), beneath(layer));
        let _ = writeln!(text, "  {}. {role:7}  {name}  {}", at + 1, Digest::of(&layer.text));
    }
    let trust = if facts.trusted {
        "trusted"
    } else {
        "not trusted; a policy of its own is held to `builtin:contained`"
    };
    let _ = writeln!(text, "  workspace: {trust}");
    sandbox(facts.sandbox, &mut text);
    text
}

/// What a run may use up.
fn bounds(plan: &Plan) -> String {
    let used_up = used_up(plan);
    // writing to a string can't fail
    let mut text = String::new();
    let _ = writeln!(text, "budgets: {}", if used_up.is_empty() { "none" } else { &used_up });
    for (group, most) in &plan.groups {
        let _ = writeln!(text, "  group {group}: {most} at once");
    }
    text
}

/// The budgets of one graph, and its limit of concurrency; nothing where it has none.
fn used_up(plan: &Plan) -> String {
    let budgets = &plan.budgets;
    let follows_always = plan.edges.iter().any(|edge| edge.outcome == EdgeOutcome::Always);
    let bounds = [
        ("wall", budgets.wall.map(spelled)),
        ("tool calls", budgets.tool_calls.map(|calls| calls.to_string())),
        ("model tokens", budgets.llm_tokens.map(|tokens| tokens.to_string())),
        ("patch bytes", budgets.patch_bytes.map(|bytes| bytes.to_string())),
        ("calls at once", plan.concurrency.map(|calls| calls.to_string())),
        ("grace for `always` paths", follows_always.then(|| spelled(budgets.grace))),
    ];
    let bounds = bounds.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    bounds.collect::<Vec<_>>().join(", ")
}

/// A duration as an author writes it: `1h30m`, `2s`, `500ms`.
fn spelled(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let units = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"), (millis.into(), "ms")];
    let mut spelled = String::new();
    for (count, unit) in units.iter().filter(|(count, _)| *count > 0) {
        let _ = write!(spelled, "{count}{unit}");
    }
    if spelled.is_empty() { "0s".to_owned() } else { spelled }
}

/// A line of the schedule.
struct Row {
    /// The step; within a subgraph behind that of the node that runs it. Empty for the head of a loop.
    step: String,
    name: String,
    about: String,
}

fn nodes(plan: &Plan, text: &mut String) {
    let mut rows = Vec::new();
    schedule(plan, "", 0, &mut rows);
    let nodes = || rows.iter().filter(|row| !row.step.is_empty());
    let step = nodes().map(|row| row.step.len()).max().unwrap_or(0).max(4);
    let name = nodes().map(|row| row.name.len()).max().unwrap_or(0);
    for row in &rows {
        let line = format!("  {:>step$}  {:name$}  {}", row.step, row.name, row.about);
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The nodes of a graph in canonical order, those of a subgraph behind the node that runs it.
fn schedule(plan: &Plan, above: &str, depth: usize, rows: &mut Vec<Row>) {
    let steps = plan.steps();
    for &at in &plan.order {
        let node = plan.node(at);
        for one in plan.loops.iter().filter(|one| one.target == at) {
            let indent = "  ".repeat(depth + one.outer.len());
            let mut name = format!("{indent}loop {}: {}", node.id, loop_bounds(one));
            let turning = one.edges.iter().zip(&one.leave);
            let mut left: Vec<&str> = turning
                .filter(|(_, leave)| **leave)
                .map(|(&edge, _)| plan.node(plan.edge(edge).from).id.as_str())
                .collect();
            left.sort_unstable();
            left.dedup();
            if !left.is_empty() {
                let _ = write!(name, ", exhausted: leave, from {}", left.join(", "));
            }
            rows.push(Row { step: String::new(), name, about: String::new() });
        }
        let step = format!("{above}{}", steps[at.0 as usize]);
        let depth = depth + node.loops.len();
        let name = format!("{}{}", "  ".repeat(depth), node.id);
        rows.push(Row { step: step.clone(), name, about: about(plan, node) });
        if let Action::Graph { plan, .. } = &node.action {
            rows.extend(inner_bounds(plan, depth + 1));
            schedule(plan, &format!("{step}."), depth + 1, rows);
        }
    }
}

/// What a subgraph may use up, beside what the graphs around it may.
fn inner_bounds(plan: &Plan, depth: usize) -> Option<Row> {
    let mut bounds = used_up(plan);
    for (group, most) in &plan.groups {
        let comma = if bounds.is_empty() { "" } else { ", " };
        let _ = write!(bounds, "{comma}group {group} {most} at once");
    }
    let name = format!("{}budgets: {bounds}", "  ".repeat(depth));
    (!bounds.is_empty()).then(|| Row { step: String::new(), name, about: String::new() })
}

/// What a node is, and what decides whether and how often it runs.
fn about(plan: &Plan, node: &PlanNode) -> String {
    let mut about = vec![node.uses.as_str().to_owned()];
    if let Some(each) = &node.for_each {
        about.push(format!(
            "for each of {}, {} at once, at most {}",
            escaped(each.items.source().trim()),
            each.parallel,
            each.max
        ));
    }
    if let Some(when) = &node.skip_when {
        about.push(format!("skipped when {}", escaped(when.source().trim())));
    }
    let incoming = node.incoming.iter().map(|&edge| plan.edge(edge));
    let ways: Vec<(&str, String)> =
        incoming.map(|edge| (plan.node(edge.from).id.as_str(), edge_in_full(plan, edge))).collect();
    // a way on which nothing decides is one as well, beside those on which something does
    if ways.iter().any(|(_, told)| !told.is_empty()) {
        let told = ways.iter().map(|(from, told)| format!("{from} {told}").trim_end().to_owned());
        about.push(format!("after {}", told.collect::<Vec<_>>().join("; ")));
    }
    let left = node.incoming.iter().filter_map(|&edge| plan.edge(edge).leaves.last());
    let left: BTreeSet<&str> = left.map(|l| plan.node(plan.loops[l.0 as usize].target).id.as_str()).collect();
    if !left.is_empty() {
        let loops: Vec<&str> = left.into_iter().collect();
        about.push(format!("once, when the loop {} is over", loops.join(" and ")));
    }
    if node.join == Join::All && node.incoming.len() > 1 {
        about.push("waits for all".to_owned());
    }
    if node.retry.attempts > 1 {
        about.push(format!("{} attempts", node.retry.attempts));
    }
    if let Some(group) = &node.group {
        about.push(format!("group {group}"));
    }
    about.join(", ")
}

fn calls(facts: &PlanFacts<'_>, text: &mut String) {
    if facts.calls.is_empty() {
        text.push_str("  none: this graph calls no tool\n");
    }
    for call in facts.calls {
        let depends = call.depends_on.iter().map(|what| format!("`{}`", escaped(what))).collect::<Vec<_>>();
        let word = match (call.verdict.decision, depends.is_empty()) {
            (decision, true) => decision.as_str().to_owned(),
            (Decision::Ask, false) => format!("ask, or deny: depends on {}", depends.join(", ")),
            (_, false) => format!("depends on {}", depends.join(", ")),
        };
        let _ = writeln!(text, "  {} {}: {word}", escaped(&call.node), escaped(&call.tool));
        if !call.writes.is_empty() {
            let folders: Vec<String> =
                call.writes.iter().map(|folder| format!("`{}`", escaped(folder))).collect();
            let _ = writeln!(
                text,
                "      really writes {} of the workspace, without an overlay",
                folders.join(", ")
            );
        }
        if is_unapplied(facts.plan, call) {
            text.push_str("      what it changes is not applied: nothing takes its `patch`\n");
        }
        if !call.sources.is_empty() {
            let _ = writeln!(text, "      made from {}", escaped(&call.sources.join(", ")));
        }
        if let Some(reason) = call.verdict.deciding() {
            let _ = writeln!(text, "      {}: {}", escaped(&reason.place()), escaped(&reason.message));
        }
    }
}

fn sandbox(layers: &[SandboxLayer], text: &mut String) {
    let missing: Vec<&str> =
        layers.iter().filter(|layer| !layer.in_force).map(|layer| layer.name.as_str()).collect();
    if missing.is_empty() {
        text.push_str("\nsandbox: every layer is in force\n");
    } else {
        let _ = writeln!(text, "\nsandbox: NOT in force: {}", missing.join(", "));
    }
}
