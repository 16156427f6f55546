//! Keys of other engines, and what is written here for them: where that is sure, and there alone.

use crate::document::{Tree, Value};

use super::Slot;

/// What a key of another engine leads to.
pub(super) enum Foreign {
    /// It is this key under another name, and has the same kind of value.
    Key(&'static str),
    /// It is this key, and its value changes too: the edit.
    Changed(&'static str, String),
    /// The edit.
    Edit(String),
}

/// What `written` of another engine is here, in a mapping that is `what` and stands under the key of `owner`.
pub(super) fn meant(what: &str, owner: Slot<'_>, written: &str, value: &Tree) -> Option<Foreign> {
    let given = written;
    let written = written.replace('-', "_").to_ascii_lowercase();
    let written = written.as_str();
    if let ("`retry`", "retries" | "max_retries", Value::Int(count @ 1..)) = (what, written, &value.value) {
        let edit = format!("write `attempts: {}`: the first attempt counts", count.saturating_add(1));
        return Some(Foreign::Changed("attempts", edit));
    }
    let key = match (what, written) {
        ("an edge", "if" | "condition" | "cond" | "guard") => "when",
        ("an edge", "source" | "src") => "from",
        ("an edge", "target" | "dest" | "destination") => "to",
        ("`retry`", "max" | "count" | "times" | "limit" | "retries" | "max_attempts" | "max_retries") => {
            "attempts"
        }
        ("`retry`", "delay" | "wait" | "interval") => "backoff",
        ("`for_each`", "items" | "list" | "over" | "from") => "in",
        ("`for_each`", "item" | "var" | "variable") => "as",
        ("`for_each`", "concurrency" | "max_parallel" | "max_concurrency" | "parallelism") => "parallel",
        ("`loop`", "times" | "count" | "limit" | "max_iterations" | "iterations")
        | ("`concurrency`", "limit" | "max_parallel") => "max",
        ("`budgets`", "time" | "timeout" | "duration") => "wall",
        ("`budgets`", "tokens" | "max_tokens") => "llm_tokens",
        ("`budgets`", "calls" | "max_calls") => "tool_calls",
        ("a model", "model" | "name") => "use",
        ("a prompt", "template" | "content") => "text",
        ("a prompt", "path") => "file",
        ("a graph", "title") => "name",
        ("a graph", "params" | "parameters" | "variables" | "vars" | "args") => "inputs",
        ("a graph", "jobs" | "steps" | "tasks" | "stages") if !value.entries().is_empty() => "nodes",
        ("a graph", "channels") => "state",
        ("a graph", "subgraphs") => "graphs",
        ("a graph", "transitions" | "links") => "edges",
        ("a graph", "agents" | "llms") => "models",
        ("a graph", "results" | "returns") => "outputs",
        _ => "",
    };
    if !key.is_empty() {
        return Some(Foreign::Key(key));
    }
    let edit = match what {
        "a graph" => of_graph(owner, given, written, value),
        "a node" => of_node(owner, written, value),
        "an edge" => of_edge(written),
        _ => None,
    };
    edit.map(Foreign::Edit)
}

fn of_graph(owner: Slot<'_>, given: &str, written: &str, value: &Tree) -> Option<String> {
    Some(match written {
        "jobs" | "steps" | "tasks" | "stages" => {
            "write `nodes`: each name with its node, and under `edges` the order, such as `a -> b`".to_owned()
        }
        "version" | "apiversion" if owner.value.get("schema").is_some() => {
            format!("remove it, or write `x-{given}`: the version of the language is that of `schema`")
        }
        "version" | "apiversion" => "write `schema: lgflow.graph/v1`".to_owned(),
        "timeout" => format!("write it under `budgets`, as `wall: {}`", value.as_str().unwrap_or("30m")),
        "needs" | "depends_on" => "write the order under `edges`, such as `a -> b`".to_owned(),
        _ => return None,
    })
}

fn of_edge(written: &str) -> Option<String> {
    Some(match written {
        "else" | "default" => "write `otherwise: true`".to_owned(),
        "on_error" | "on_failure" => "write `catch: [any]`".to_owned(),
        "max" | "max_iterations" => "write `loop: { max: … }`".to_owned(),
        "finally" => "write `always: true`".to_owned(),
        _ => return None,
    })
}

fn of_node(owner: Slot<'_>, written: &str, value: &Tree) -> Option<String> {
    let id = owner.key;
    Some(match written {
        "if" | "when" | "condition" => {
            "write `when` on the edge that leads here; or `skip_when`, which skips where it is true"
                .to_owned()
        }
        "needs" | "depends_on" | "dependencies" | "after" => {
            let items = value.items().iter().filter_map(Tree::as_str);
            let mut edges: Vec<String> =
                value.as_str().into_iter().chain(items).map(|from| format!("`{from} -> {id}`")).collect();
            match edges.len() {
                0 => format!("write it under `edges`: `OTHER -> {id}`"),
                1..=4 => format!("write it under `edges`: {}", edges.join(", ")),
                _ => {
                    edges.truncate(2);
                    format!("write each under `edges`: {} and so on", edges.join(", "))
                }
            }
        }
        "next" | "then" | "on_success" | "goto" => {
            format!("write it under `edges`: `{id} -> {}`", value.as_str().unwrap_or("OTHER"))
        }
        "run" | "command" | "cmd" | "script" | "shell" => command(value),
        "graph" => {
            let name = value.as_str().unwrap_or("NAME");
            format!(
                "write `uses: graph` and `with: {{ graph: {name} }}`, its `inputs` beside it under `with`"
            )
        }
        "type" | "kind" | "action" => "write `uses`".to_owned(),
        "inputs" if owner.value.get("uses").and_then(Tree::as_str) == Some("graph") => {
            "write it under `with`: `with: { graph: NAME, inputs: … }`".to_owned()
        }
        "args" | "params" | "parameters" | "arguments" | "inputs" => "write `with`".to_owned(),
        "timeout_minutes" | "timeout_seconds" | "timeout_secs" | "timeout_ms" => duration(written, value),
        "continue_on_error" | "ignore_errors" | "allow_failure" | "on_error" | "on_failure" | "catch" => {
            format!("write an edge that catches: `{{ from: {id}, to: OTHER, catch: [any] }}`")
        }
        "retries" | "max_retries" | "max_attempts" => match value.value {
            Value::Int(count) if count > 0 => {
                let attempts = if written == "max_attempts" { count } else { count.saturating_add(1) };
                format!("write `retry: {{ attempts: {attempts} }}`: the first attempt counts")
            }
            _ => "write `retry: { attempts: … }`".to_owned(),
        },
        "strategy" | "matrix" | "with_items" => "write `for_each: { in: …, as: item }`".to_owned(),
        "id" => format!("remove it: `{id}` is its id"),
        "name" | "title" => "write `description`".to_owned(),
        _ => return None,
    })
}

fn command(value: &Tree) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_./".contains(c);
    let line = value.as_str().filter(|line| {
        !line.trim().is_empty()
            && line.len() <= 60
            && line.chars().all(plain)
            && !line.trim().starts_with('-')
    });
    let words =
        line.map(|line| line.split_whitespace().map(|word| format!("\"{word}\"")).collect::<Vec<_>>());
    let argv = words.map_or_else(|| "\"program\", \"argument\"".to_owned(), |words| words.join(", "));
    format!("write `uses: exec` and `with: {{ argv: [{argv}] }}`; nothing goes through a shell")
}

fn duration(written: &str, value: &Tree) -> String {
    let unit = match written {
        "timeout_minutes" => "m",
        "timeout_ms" => "ms",
        _ => "s",
    };
    match value.value {
        // a thousandth of a second is no unit of ours
        Value::Int(count) if count > 0 && unit != "ms" => format!("write `timeout: {count}{unit}`"),
        Value::Int(count) if count >= 1000 => format!("write `timeout: {}s`", count / 1000),
        _ => "write `timeout: 10m`".to_owned(),
    }
}
