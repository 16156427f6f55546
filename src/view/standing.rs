//! A run as it was at one event: as text for a person, and as the document `lgflow.moment/v1`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::effect::ToolCall;
use crate::plan::PlanBudgets;
use crate::trace::{
    CallInFlight, CallOrder, Cost, Doing, Envelope, Execution, NodeStanding, OpenWait, Standing,
};

use super::brief::{brief, question_line};
use super::escaped;

/// The longest value that is shown to a person, in characters.
const SHOWN: usize = 160;

/// The event, and how many the run has by now.
#[derive(Debug, Clone, Copy)]
pub struct MomentFacts<'a> {
    /// The last event that counts.
    pub event: &'a Envelope,
    /// Of the whole run.
    pub events: u64,
}

/// The document.
pub fn standing_document(standing: &Standing, facts: MomentFacts<'_>) -> Value {
    let waiting = standing.waiting.iter().map(
        |open| json!({ "id": open.id.0, "node": open.node, "show": *open.show, "options": open.options }),
    );
    json!({
        "schema": "lgflow.moment/v1",
        "run": facts.event.run,
        "seq": facts.event.seq,
        "events": facts.events,
        "ts": facts.event.ts,
        "kind": facts.event.kind,
        "node": facts.event.node,
        "path": facts.event.path,
        "status": standing.status,
        "executions": standing.executions.iter().map(execution_document).collect::<Vec<_>>(),
        "calls": standing.calls.iter().map(call_document).collect::<Vec<_>>(),
        "waits": standing.waits.iter().map(wait_document).collect::<Vec<_>>(),
        "waiting": waiting.collect::<Vec<_>>(),
        "totals": { "calls": standing.totals.calls, "denied": standing.totals.denied },
    })
}

fn execution_document(execution: &Execution) -> Value {
    let channels: serde_json::Map<String, Value> =
        execution.channels.iter().map(|(name, value)| (name.clone(), (**value).clone())).collect();
    json!({
        "path": execution.path,
        "graph": execution.graph,
        "nodes": execution.nodes.iter().map(node_document).collect::<Vec<_>>(),
        "channels": channels,
        "spent": spent_document(execution.spent),
        "budgets": budgets_document(&execution.budgets),
    })
}

fn spent_document(spent: Cost) -> Value {
    json!({
        "tool_calls": spent.tool_calls,
        "llm_tokens": spent.llm_tokens,
        "patch_bytes": spent.patch_bytes,
    })
}

fn budgets_document(budgets: &PlanBudgets) -> Value {
    json!({
        "wall_ms": budgets.wall.map(|wall| wall.as_millis() as u64),
        "tool_calls": budgets.tool_calls,
        "llm_tokens": budgets.llm_tokens,
        "patch_bytes": budgets.patch_bytes,
    })
}

fn node_document(node: &NodeStanding) -> Value {
    let error = node
        .error
        .as_ref()
        .map(|error| json!({ "kind": error.kind, "message": error.message, "rule": error.rule }));
    let (attempt, step, items) = match &node.doing {
        None => (None, None, None),
        Some(Doing::Attempt { attempt, step }) => (Some(*attempt), Some(*step), None),
        Some(Doing::Items { all, done, running }) => {
            (None, None, Some(json!({ "all": all, "done": done, "running": running })))
        }
    };
    json!({
        "node": node.node,
        "iteration": node.iteration,
        "status": node.status,
        "iterations": node.iterations,
        "attempt": attempt,
        "step": step,
        "items": items,
        "error": error,
        "reason": node.reason,
        "output": node.output,
    })
}

fn call_document(call: &CallInFlight) -> Value {
    let one = |asked: &ToolCall| json!({ "tool": asked.tool, "input": asked.input });
    json!({
        "call": call.id.0,
        "node": call.node,
        "index": call.index,
        "asks_ahead": matches!(*call.order, CallOrder::Prepare(_)),
        "calls": call.order.calls().iter().map(one).collect::<Vec<_>>(),
        "cancelling": call.cancelling,
    })
}

fn wait_document(wait: &OpenWait) -> Value {
    json!({
        "wait": wait.id.0,
        "for": wait.reason,
        "node": wait.node,
        "ms": wait.length.as_millis() as u64,
    })
}

/// The text.
pub fn standing_text(standing: &Standing, facts: MomentFacts<'_>) -> String {
    let event = facts.event;
    let mut text =
        format!("run      {}\nat       event {} of {}: {}", event.run, event.seq, facts.events, event.kind);
    // writing to a string can't fail
    if let Some(node) = &event.node {
        let around = event.path.as_deref().map(|path| format!("{path}/")).unwrap_or_default();
        let named = escaped(&format!("{around}{node}"));
        let _ = write!(text, " of `{named}{}`", iteration_text(&event.iteration));
    }
    let _ = writeln!(text, "\ntime     {}\nstatus   {}", event.ts, standing.status);
    for execution in &standing.executions {
        execution_text(execution, &mut text);
    }
    for call in &standing.calls {
        call_text(call, &mut text);
    }
    for wait in &standing.waits {
        let node = wait.node.as_ref().map(|node| format!(" of {}", escaped(node))).unwrap_or_default();
        let _ = writeln!(
            text,
            "wait {}: {}{node}, {} ms in all",
            wait.id.0,
            wait.reason,
            wait.length.as_millis()
        );
    }
    for open in &standing.waiting {
        let _ = writeln!(text, "{}", question_line(open));
    }
    text
}

fn execution_text(execution: &Execution, text: &mut String) {
    let graph = escaped(&execution.graph);
    let _ = match &execution.path {
        None => writeln!(text, "graph    {graph}"),
        Some(path) => writeln!(text, "in {} (graph {graph})", escaped(path)),
    };
    let _ = writeln!(text, "spent    {}", budgets_text(execution.spent, &execution.budgets));
    for node in &execution.nodes {
        let name = format!("{}{}", escaped(&node.node), iteration_text(&node.iteration));
        let _ = writeln!(text, "  {name:<24} {}{}", node.status, node_more(node));
    }
    for (name, value) in &execution.channels {
        let _ = writeln!(text, "channel {}: {}", escaped(name), brief(&value.to_string(), SHOWN));
    }
}

fn node_more(node: &NodeStanding) -> String {
    if let Some(error) = &node.error {
        return format!("  {}: {}", error.kind, escaped(&error.message));
    }
    if let Some(reason) = &node.reason {
        return format!("  {}", escaped(reason));
    }
    match &node.doing {
        None => String::new(),
        Some(Doing::Attempt { attempt, step }) => format!(", attempt {attempt}: it {step}"),
        Some(Doing::Items { all, done, running }) => format!(", {done} of {all} items done, {running} run"),
    }
}

fn budgets_text(spent: Cost, budgets: &PlanBudgets) -> String {
    let one = |what: &str, spent: u64, most: Option<u64>| {
        let of = most.map(|most| format!(" of {most}")).unwrap_or_default();
        format!("{what} {spent}{of}")
    };
    [
        one("calls", spent.tool_calls, budgets.tool_calls),
        one("tokens", spent.llm_tokens, budgets.llm_tokens),
        one("patch bytes", spent.patch_bytes, budgets.patch_bytes),
    ]
    .join(", ")
}

fn call_text(call: &CallInFlight, text: &mut String) {
    let item = call.index.map(|index| format!(" (item {index})")).unwrap_or_default();
    let end = if call.cancelling { ", to end early" } else { "" };
    let _ = writeln!(text, "call {} of {}{item} is under way{end}", call.id.0, escaped(&call.node));
    for asked in call.order.calls() {
        let _ = writeln!(text, "  {} {}", escaped(&asked.tool), brief(&asked.input.to_string(), SHOWN));
    }
}

fn iteration_text(iteration: &[u32]) -> String {
    let numbers: Vec<String> = iteration.iter().map(u32::to_string).collect();
    if numbers.is_empty() { String::new() } else { format!("[{}]", numbers.join(".")) }
}
