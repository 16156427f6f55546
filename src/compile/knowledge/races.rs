//! Nodes that may run at the same time and are in each other's way: one changes the workspace that the other reads or
//! changes, or both write a channel that keeps the last value.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::ValueTemplate;
use crate::model::{Reduce, Uses};
use crate::plan::{Action, NodeIx, Plan, PlanNode};
use crate::source::Span;

use super::apart::{Ways, skip_each_other, unordered};
use super::conditions::Decisions;
use super::places::Places;
use super::search::is_over;

/// Pairs that are reported, and pairs that are looked into, at most.
const REPORTED: usize = 20;
const EXAMINED: usize = 200_000;

/// What a node does with the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    Nothing,
    Reads,
    Changes,
}

pub(super) fn check(places: &Places<'_, '_>, decisions: &Decisions, diagnostics: &mut Diagnostics) {
    workspace(places, decisions, diagnostics);
    channels(places, decisions, diagnostics);
}

fn workspace(places: &Places<'_, '_>, decisions: &Decisions, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    let mut known = BTreeMap::new();
    let touches: Vec<Touch> = plan.nodes.iter().map(|node| touch(node, &mut known)).collect();
    let of = |at: NodeIx| touches[at.0 as usize];
    for (at, node) in (0..).map(NodeIx).zip(&plan.nodes) {
        let parallel = node.for_each.as_ref().is_some_and(|rule| rule.parallel > 1);
        if parallel && of(at) == Touch::Changes {
            diagnostics.push(with_itself(places, at));
        }
    }
    let touching: Vec<NodeIx> = plan.order.iter().copied().filter(|at| of(*at) != Touch::Nothing).collect();
    let clash = |a: NodeIx, b: NodeIx| of(a) == Touch::Changes || of(b) == Touch::Changes;
    for (a, b) in at_once(places, decisions, &touching, &clash) {
        let changing = if of(a) == Touch::Changes { a } else { b };
        let other = if changing == a { b } else { a };
        let does = if of(other) == Touch::Changes { "changes it too" } else { "reads it" };
        let (id, other_id) = (&plan.node(changing).id, &plan.node(other).id);
        let message = format!(
            "`{id}` changes the workspace and `{other_id}` {does}, and both may run at the same time"
        );
        diagnostics.push(pair(places, codes::WORKSPACE_RACE, (a, b), message));
    }
}

fn with_itself(places: &Places<'_, '_>, at: NodeIx) -> Diagnostic {
    let id = &places.plan.node(at).id;
    let message = format!("`{id}` changes the workspace, and several of its items may run at the same time");
    let found = Diagnostic::new(codes::WORKSPACE_RACE, span(places, at), message);
    found.help("write `parallel: 1`, or leave `parallel` out")
}

/// What several writers at once are in each other's way at: a channel that keeps the last value, or one key of a merged one.
type Contended = (u32, Option<String>);

fn channels(places: &Places<'_, '_>, decisions: &Decisions, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    let writers = writers(plan);
    for (contended, nodes) in &writers {
        let what = contention(plan, contended);
        for &at in nodes {
            let parallel = plan.node(at).for_each.as_ref().is_some_and(|rule| rule.parallel > 1);
            if parallel {
                diagnostics.push(writes_with_itself(places, at, contended, &what));
            }
        }
        for (a, b) in at_once(places, decisions, nodes, &|_, _| true) {
            let (id, other) = (&plan.node(a).id, &plan.node(b).id);
            let message = format!("`{id}` and `{other}` both write {what}, and may do so at the same time");
            let found = pair(places, codes::CHANNEL_RACE, (a, b), message);
            diagnostics.push(with_channel(places, contended, found));
        }
    }
}

fn contention(plan: &Plan, (channel, key): &Contended) -> String {
    let name = &plan.channels[*channel as usize].name;
    match key {
        Some(key) => format!("the key `{key}` of the channel `{name}`"),
        None => format!("the channel `{name}`, which keeps the last value"),
    }
}

fn writes_with_itself(places: &Places<'_, '_>, at: NodeIx, contended: &Contended, what: &str) -> Diagnostic {
    let id = &places.plan.node(at).id;
    let message = format!("each item of `{id}` writes {what}, and several may do so at the same time");
    let found = Diagnostic::new(codes::CHANNEL_RACE, span(places, at), message);
    with_channel(places, contended, found).help("write `parallel: 1`, or collect the items: `reduce: append`")
}

fn with_channel(places: &Places<'_, '_>, (channel, _): &Contended, found: Diagnostic) -> Diagnostic {
    let name = &places.plan.channels[*channel as usize].name;
    let declared = places.draft.graph.state.iter().find(|known| known.name.value == *name);
    match declared {
        Some(known) => found.label(known.name.span, "the channel"),
        None => found,
    }
}

fn writers(plan: &Plan) -> BTreeMap<Contended, Vec<NodeIx>> {
    let mut writers: BTreeMap<Contended, Vec<NodeIx>> = BTreeMap::new();
    for &at in &plan.order {
        for (channel, value) in &plan.node(at).update {
            match plan.channels[channel.0 as usize].reduce {
                Reduce::Replace => writers.entry((channel.0, None)).or_default().push(at),
                Reduce::Merge => {
                    for key in literal_keys(value) {
                        writers.entry((channel.0, Some(key))).or_default().push(at);
                    }
                }
                Reduce::Append | Reduce::Extend | Reduce::Sum => {}
            }
        }
    }
    writers
}

/// The keys that are written out, in a mapping or in the object of an expression.
fn literal_keys(value: &ValueTemplate) -> Vec<String> {
    match value {
        ValueTemplate::Literal(value) => {
            value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
        }
        ValueTemplate::Object(fields) => fields.iter().map(|(name, _)| name.clone()).collect(),
        ValueTemplate::Expression(written) => written.literal_keys().into_iter().map(str::to_owned).collect(),
        ValueTemplate::Text(_) | ValueTemplate::List(_) => Vec::new(),
    }
}

fn span(places: &Places<'_, '_>, at: NodeIx) -> Span {
    places.draft.nodes[at.0 as usize].node.id.span
}

fn pair(
    places: &Places<'_, '_>,
    code: crate::diag::Code,
    (a, b): (NodeIx, NodeIx),
    message: String,
) -> Diagnostic {
    let (first, second) = (&places.plan.node(a).id, &places.plan.node(b).id);
    let found = Diagnostic::new(code, span(places, b), message).label(span(places, a), format!("`{first}`"));
    found.help(format!("add `{first} -> {second}`, or lead to them by edges that exclude each other"))
}

/// Pairs of some nodes that clash and may run at the same time; the nodes stand in canonical order.
fn at_once(
    places: &Places<'_, '_>,
    decisions: &Decisions,
    nodes: &[NodeIx],
    clash: &dyn Fn(NodeIx, NodeIx) -> bool,
) -> Vec<(NodeIx, NodeIx)> {
    if in_a_row(places, nodes, clash) {
        return Vec::new();
    }
    let (mut found, mut examined) = (Vec::new(), 0);
    let exclude = |a, b| decisions.exclude(places, a, b);
    let skip = |a, b| skip_each_other(places, a, b);
    let ways = Ways { plan: places.plan, flow: places.flow, exclude: &exclude, skip: &skip };
    unordered(places.plan, nodes, &mut |a, b| {
        if !clash(a, b) {
            return true;
        }
        examined += 1;
        if examined > EXAMINED || found.len() >= REPORTED {
            return false;
        }
        if !ways.are_apart(a, b) {
            found.push((a, b));
        }
        true
    });
    found
}

/// Is each node over before the next one that it clashes with begins? Then so are all before it.
fn in_a_row(places: &Places<'_, '_>, nodes: &[NodeIx], clash: &dyn Fn(NodeIx, NodeIx) -> bool) -> bool {
    let plan = places.plan;
    let over = |a: NodeIx, b: NodeIx| places.flow.passes(b, a) || is_over(plan, a, b) == Some(true);
    let mut last: Option<NodeIx> = None;
    let mut since: Vec<NodeIx> = Vec::new();
    for &at in nodes {
        if last.is_some_and(|last| !over(last, at)) {
            return false;
        }
        // what clashes with itself clashes with everything
        if clash(at, at) {
            if since.iter().any(|before| !over(*before, at)) {
                return false;
            }
            last = Some(at);
            since.clear();
        } else {
            since.push(at);
        }
    }
    true
}

/// What a node does with the workspace. What a command would change comes back as a patch; where a policy lets it write,
/// `plan` says so.
fn touch(node: &PlanNode, known: &mut BTreeMap<*const Plan, Touch>) -> Touch {
    match &node.action {
        Action::Call { with } if node.uses == Uses::ApplyPatch && is_dry(with) => Touch::Reads,
        Action::Call { .. } => of_tool(node.uses),
        Action::Llm(conversation) => of_tools(&conversation.tools),
        Action::Batch { tools, .. } => of_tools(tools),
        Action::Graph { plan, .. } => {
            let key = Arc::as_ptr(plan);
            if let Some(&found) = known.get(&key) {
                return found;
            }
            let inner = plan.nodes.iter().map(|node| touch(node, known)).max().unwrap_or(Touch::Nothing);
            known.insert(key, inner);
            inner
        }
        Action::Approval { .. }
        | Action::Render(_)
        | Action::Values(_)
        | Action::ParseReport(_)
        | Action::Fail { .. } => Touch::Nothing,
    }
}

fn of_tools(tools: &[Uses]) -> Touch {
    tools.iter().map(|tool| of_tool(*tool)).max().unwrap_or(Touch::Nothing)
}

fn of_tool(tool: Uses) -> Touch {
    match tool {
        Uses::ApplyPatch | Uses::Rollback => Touch::Changes,
        Uses::ReadFile
        | Uses::ListFiles
        | Uses::SearchFiles
        | Uses::RepoContext
        | Uses::WorkspaceDiff
        | Uses::Exec => Touch::Reads,
        _ => Touch::Nothing,
    }
}

fn is_dry(with: &ValueTemplate) -> bool {
    let dry = match with {
        ValueTemplate::Literal(value) => value.get("dry_run").cloned(),
        ValueTemplate::Object(fields) => {
            fields.iter().find(|(name, _)| name == "dry_run").and_then(|(_, value)| match value {
                ValueTemplate::Literal(value) => Some(Value::clone(value)),
                _ => None,
            })
        }
        _ => None,
    };
    dry == Some(Value::Bool(true))
}
