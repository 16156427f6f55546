//! Eight ways in which a workflow can look as if it had succeeded, and what happens here instead: the graph is refused
//! before it runs, the run fails and says why, or it goes on exactly where it was. And what belongs to them in loops within
//! loops, where a failure may be caught by an edge that turns out not to be taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod plans;

use std::sync::Arc;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::source::Sources;
use lgflow::trace::{EventBody, RunState, RunStatus, Status, Summary, apply};
use serde_json::{Value, json};

use plans::drive::{Drive, Open, Random};

/// The plan of a graph, or `code: message` of each finding.
fn compile(body: &str) -> Result<Arc<Plan>, Vec<String>> {
    let text = format!("schema: lgflow.graph/v1\nname: g\n{body}");
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let path = RelPath::parse("g.yaml").unwrap();
    let root = Root { path, name: "g.yaml".into(), bytes: text.into_bytes() };
    let mut load = |file: &FileRef| Err(LoadProblem::new(format!("`{}` does not exist", file.path)));
    let checked = check_files(vec![root], &mut load, &mut sources, &mut found);
    match &checked.roots[0] {
        CheckedRoot::Graph(plan) => Ok(Arc::clone(plan)),
        _ => Err(found.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()),
    }
}

fn refused(body: &str, code: &str) {
    let found = compile(body).expect_err("it is refused");
    assert!(found.iter().any(|finding| finding.starts_with(&format!("{code}: "))), "{found:#?}");
}

fn well(call: &ToolCall) -> ToolResult {
    ToolResult::success(&call.tool, json!({ "exit_code": 0, "stdout": "", "stderr": "" }))
}

fn badly(call: &ToolCall, kind: ErrorKind, message: &str) -> ToolResult {
    ToolResult::failure(&call.tool, ToolError::new(kind, message))
}

fn run(plan: &Arc<Plan>, inputs: Value, world: &dyn Fn(&ToolCall) -> ToolResult) -> Summary {
    let mut drive = Drive::new(plan, world);
    drive.start(inputs);
    drive.finish(&mut Random(1));
    drive.state.summary()
}

fn error(summary: &Summary) -> (Option<&str>, &str) {
    let error = summary.error.as_ref().expect("the run has failed");
    (error.node.as_deref(), error.error.kind.as_str())
}

/// A run that was interrupted after `events`, by another process: it goes on from what was recorded.
fn resumed<'w>(
    plan: &Arc<Plan>,
    events: &[EventBody],
    world: &'w dyn Fn(&ToolCall) -> ToolResult,
) -> Drive<'w> {
    let mut drive = Drive::new(plan, world);
    for event in events {
        drive.record(event.clone());
    }
    let calls: Vec<Open> =
        drive.state.open_calls().map(|(id, order)| Open::Call(id, Arc::clone(order))).collect();
    drive.open = calls;
    drive.record(EventBody::RunResumed);
    drive.finish(&mut Random(1));
    drive
}

#[test]
fn a_route_to_an_unknown_node() {
    refused(
        "nodes: { a: { uses: values }, b: { uses: values } }\nedges:\n  - { from: a, to: bb, when: 'true' }\n  - a -> b\n",
        "unknown-node",
    );
    // a computed route is no way around that: there is none in the language
    refused(
        "inputs: { to: { type: string } }\nnodes: { a: { uses: values, with: { x: '{{ nodes[inputs.to].status }}' } } }\n",
        "dynamic-key",
    );
}

#[test]
fn a_join_whose_source_is_never_chosen() {
    let graph = compile(
        "inputs: { which: { type: string, enum: [left, right] } }\nnodes:\n  route: { uses: values }\n  left: { uses: exec, with: { argv: [l] } }\n  right: { uses: exec, with: { argv: [r] } }\n  merge: { uses: exec, with: { argv: [m] } }\n  both: { uses: exec, with: { argv: [b] }, join: all }\nedges:\n  - { from: route, to: left, when: \"inputs.which == 'left'\" }\n  - { from: route, to: right, when: \"inputs.which == 'right'\" }\n  - { from: [left, right], to: [merge, both] }\noutputs: { merged: '{{ nodes.merge.status }}', both: '{{ nodes.both.status }}' }\n",
    )
    .unwrap();
    let summary = run(&graph, json!({ "which": "left" }), &well);
    // the branch that was not chosen does not block the merge, and the node that wants both says why it did not run
    assert_eq!(summary.path, ["route", "left", "merge"]);
    assert_eq!(summary.nodes["both"].status, Some(Status::NotReached));
    let reason = summary.nodes["both"].reason.clone().unwrap();
    assert!(reason.contains("`right -> both`") && reason.contains("not_reached"), "{reason}");
    // and a result that hangs on it is a failure, unless the author says what else is to be taken
    let hangs = "inputs: { go: { type: boolean } }\nnodes:\n  a: { uses: values }\n  b: { uses: values }\n  c: { uses: values, with: { x: 1 }, join: all }\nedges:\n  - { from: a, to: b, when: inputs.go }\n  - { from: [a, b], to: c }\noutputs: { x: '{{ nodes.c.output.x }}' }\n";
    refused(hangs, "may-be-missing");
    let said = hangs.replace("nodes.c.output.x", "nodes.c.output.x | default(0)");
    let summary = run(&compile(&said).unwrap(), json!({ "go": false }), &well);
    assert_eq!(
        (summary.nodes["c"].status, summary.outputs.unwrap()["x"].clone()),
        (Some(Status::NotReached), json!(0))
    );
}

#[test]
fn a_result_key_that_nothing_declares() {
    refused(
        "state: { tries: { type: integer, reduce: sum } }\nnodes: { a: { uses: values, update: { trys: 1 } } }\n",
        "unknown-channel",
    );
    refused(
        "nodes:\n  a: { uses: exec, with: { argv: [a] } }\n  b: { uses: values, with: { x: '{{ nodes.a.output.exitcode }}' } }\nedges: [a -> b]\n",
        "unknown-field",
    );
    refused("nodes: { a: { uses: values, with: { x: '{{ state.tries }}' } } }\n", "unknown-channel");
    // where the key is known at run time alone, its absence is a failure
    let graph = compile(
        "inputs: { text: { type: string } }\nnodes:\n  a: { uses: values, with: { facts: '{{ inputs.text | fromjson }}' } }\n  b: { uses: values, with: { x: '{{ nodes.a.output.facts.found }}' } }\nedges: [a -> b]\n",
    )
    .unwrap();
    let summary = run(&graph, json!({ "text": "{\"fuond\": 1}" }), &well);
    assert_eq!(error(&summary), (Some("b"), "expression"));
}

#[test]
fn two_writers_of_one_key() {
    let graph = |reduce: &str, write: &str, edges: &str| {
        format!(
            "state: {{ k: {reduce} }}\nnodes:\n  s: {{ uses: values }}\n  a: {{ uses: exec, with: {{ argv: [a] }}, update: {{ k: {write} }} }}\n  b: {{ uses: exec, with: {{ argv: [b] }}, update: {{ k: {write} }} }}\nedges: [{edges}]\noutputs: {{ k: '{{{{ state.k }}}}' }}\n"
        )
    };
    let replace = "{ type: integer, default: 0, reduce: replace }";
    refused(&graph(replace, "1", "s -> a, s -> b"), "channel-race");
    refused(&graph("{ type: object, reduce: merge }", "{ x: 1 }", "s -> a, s -> b"), "channel-race");
    // one after the other, or folded, both writes count
    let ordered =
        run(&compile(&graph(replace, "\"{{ state.k + 1 }}\"", "s -> a -> b")).unwrap(), json!({}), &well);
    assert_eq!(ordered.outputs.unwrap()["k"], 2);
    let summed = graph("{ type: integer, reduce: sum }", "1", "s -> a, s -> b");
    assert_eq!(run(&compile(&summed).unwrap(), json!({}), &well).outputs.unwrap()["k"], 2);
}

#[test]
fn a_router_that_raises_then_resume() {
    let graph = compile(
        "inputs: { text: { type: string } }\nnodes:\n  a: { uses: exec, with: { argv: [a] } }\n  b: { uses: exec, with: { argv: [b] } }\n  c: { uses: exec, with: { argv: [c] } }\nedges:\n  - { from: a, to: b, when: \"(inputs.text | fromjson).go\" }\n  - { from: a, to: c, otherwise: true }\n",
    )
    .unwrap();
    let mut drive = Drive::new(&graph, &well);
    drive.start(json!({ "text": "{}" }));
    drive.finish(&mut Random(1));
    let summary = drive.state.summary();
    assert_eq!(summary.path, ["a"]);
    assert_eq!((error(&summary), summary.status), ((Some("a"), "expression"), Some(RunStatus::Failed)));
    // at whatever event it was interrupted: it comes to the same failure, and no call is made twice or lost
    for at in 1..drive.events.len() {
        let again = resumed(&graph, &drive.events[..at], &well);
        let told = again.state.summary();
        assert_eq!(
            (error(&told), &told.path, again.state.totals().calls),
            (error(&summary), &summary.path, 1)
        );
    }
    // and a run that is over is over
    let over = apply(&mut drive.state, &EventBody::RunResumed);
    assert!(over.is_err_and(|illegal| illegal.to_string().contains("the run is over")));
}

#[test]
fn a_node_renamed_then_resume() {
    let graph = |id: &str| {
        compile(&format!("nodes:\n  a: {{ uses: exec, with: {{ argv: [a] }} }}\n  {id}: {{ uses: exec, with: {{ argv: [b] }} }}\nedges: [a -> {id}]\n"))
            .unwrap()
    };
    let (before, after) = (graph("publish"), graph("release"));
    // a run is bound to the digest of its graph, and a name is part of what a graph means
    assert_ne!(before.digest, after.digest);
    let mut drive = Drive::new(&before, &well).traced();
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    // even if somebody put the events under the renamed graph: the stored line names a node that is not there
    let mut state = RunState::new("run", &after);
    let mut refusal = None;
    for line in &drive.lines {
        let blob = |digest: &lgflow::digest::Digest| drive.blobs.get(&digest.to_string()).cloned();
        match lgflow::trace::read_event(&state, line, blob) {
            Ok(event) => apply(&mut state, &event).unwrap(),
            Err(error) => {
                refusal = Some(error.to_string());
                break;
            }
        }
    }
    assert!(
        refusal.as_deref().is_some_and(|refusal| refusal.contains("does not fit the graph")),
        "{refusal:?}"
    );
}

#[test]
fn a_retry_that_swallows_the_last_error() {
    let graph = compile(
        "nodes:\n  a: { uses: exec, with: { argv: [a] }, retry: { attempts: 3, kinds: [upstream, timeout] } }\n  b: { uses: exec, with: { argv: [b] } }\nedges: [a -> b]\noutputs: { how: '{{ nodes.a.status }}' }\n",
    )
    .unwrap();
    let world = |call: &ToolCall| match call.idempotency_key.rsplit('!').next() {
        Some("1") => badly(call, ErrorKind::Upstream, "the first"),
        Some("2") => badly(call, ErrorKind::Timeout, "the second"),
        _ => badly(call, ErrorKind::Upstream, "the last"),
    };
    let summary = run(&graph, json!({}), &world);
    assert_eq!((error(&summary), summary.outputs.is_none()), ((Some("a"), "upstream"), true));
    assert_eq!(summary.error.as_ref().unwrap().error.message, "the last");
    assert_eq!(summary.path, ["a"]);
}

#[test]
fn a_condition_on_a_skipped_node() {
    // what a skipped node would have given is missing: a condition on it is neither true nor false
    let text = "inputs: { lint: { type: boolean } }\nnodes:\n  lint: { uses: exec, with: { argv: [l], ok_exit: any }, skip_when: not inputs.lint }\n  ship: { uses: exec, with: { argv: [s] } }\nedges:\n  - { from: lint, to: ship, when: 'CONDITION' }\n";
    refused(&text.replace("CONDITION", "nodes.lint.output.exit_code == 0"), "may-be-missing");
    // whoever means that, says it
    let said = text.replace("CONDITION", "(nodes.lint.output.exit_code | default(0)) == 0");
    let summary = run(&compile(&said).unwrap(), json!({ "lint": false }), &well);
    assert_eq!((summary.path, summary.status), (vec!["ship".to_owned()], Some(RunStatus::Succeeded)));
}

/// `d` lies in the loop `c`, which lies in the loop `a`.
const NESTED: &str = "nodes:\n  a: { uses: values }\n  c: { uses: values }\n  d: { uses: exec, with: { argv: [d], ok_exit: [0, 1] } }\n  x: { uses: values }\nedges:\n  - a -> c -> d\n";

/// `NESTED` with these edges, where each call of `d` comes to the next of `ends`: a kind of failure, or an exit code.
fn nested(edges: &[&str], ends: &[&str]) -> Summary {
    let text = edges.iter().fold(NESTED.to_owned(), |text, edge| format!("{text}  - {edge}\n"));
    let plan = compile(&text).unwrap();
    let calls = std::cell::Cell::new(0);
    let world = |call: &ToolCall| {
        let end = ends.get(calls.replace(calls.get() + 1)).copied().unwrap_or("0");
        match end.parse::<i32>() {
            Ok(code) => {
                ToolResult::success(&call.tool, json!({ "exit_code": code, "stdout": "", "stderr": "" }))
            }
            Err(_) => badly(call, ErrorKind::parse(end), "as the script says"),
        }
    };
    run(&plan, json!({}), &world)
}

#[test]
fn an_outer_loop_that_has_run_out_does_not_swallow_that_the_inner_one_has() {
    let edges = [
        "{ from: d, to: c, when: output.exit_code != 0, loop: { max: 2 } }",
        "{ from: d, to: a, catch: [exhausted], loop: { max: 2 } }",
        "{ from: d, to: x, otherwise: true }",
    ];
    let red = nested(&edges, &["1", "1", "1", "1"]);
    assert_eq!((error(&red), red.path.join(" ").as_str()), ((Some("d"), "exhausted"), "a c d c d a c d c d"));
    let mended = nested(&edges, &["1", "1", "1", "0"]);
    assert_eq!((mended.status, mended.path.last().unwrap().as_str()), (Some(RunStatus::Succeeded), "x"));
}

#[test]
fn a_loop_edge_that_leaves_when_it_has_run_out_does_not_swallow_the_failure_that_it_caught() {
    let edges = [
        "{ from: d, to: c, when: loops.c.iteration < 2, loop: { max: 2 } }",
        "{ from: d, to: a, catch: [exit], loop: { max: 2, exhausted: leave } }",
        "{ from: d, to: x, otherwise: true }",
    ];
    let summary = nested(&edges, &["exit", "exit"]);
    assert_eq!((error(&summary), summary.path.join(" ").as_str()), ((Some("d"), "exit"), "a c d a c d"));
    let caught = [edges[0], edges[1], "{ from: d, to: x, catch: [exit] }"];
    assert_eq!(nested(&caught, &["exit", "exit"]).path.join(" "), "a c d a c d x");
}

#[test]
fn a_value_that_is_missing_to_the_end_is_not_swallowed_by_the_loop_that_tried_again() {
    let edges = [
        "{ from: d, to: c, when: loops.c.iteration < 2, loop: { max: 2 } }",
        "{ from: d, to: x, when: (output.stdout | int) == 0 }",
        "{ from: d, to: a, catch: [expression], loop: { max: 2 } }",
    ];
    let summary = nested(&edges, &[]);
    assert_eq!(
        (error(&summary), summary.path.join(" ").as_str()),
        ((Some("d"), "expression"), "a c d a c d")
    );
}

#[test]
fn a_failure_is_not_handled_by_an_edge_that_was_taken_in_an_earlier_iteration() {
    let text = "nodes:\n  a: { uses: values }\n  c: { uses: values }\n  d: { uses: exec, with: { argv: [d] } }\n  e: { uses: values }\nedges:\n  - a -> c -> d\n  - { from: d, to: e, always: true }\n  - { from: e, to: c, when: loops.c.iteration < loops.a.iteration, loop: { max: 2 } }\n  - { from: d, to: a, catch: [exit], loop: { max: 3 } }\n";
    let plan = compile(text).unwrap();
    let calls = std::cell::Cell::new(0);
    let world = |call: &ToolCall| match calls.replace(calls.get() + 1) {
        0 | 1 => badly(call, ErrorKind::Exit, "twice"),
        _ => well(call),
    };
    // in the second iteration of `a` the loop `c` would turn after the failure, which only an edge that leaves it catches
    let summary = run(&plan, json!({}), &world);
    assert_eq!((error(&summary), summary.path.join(" ").as_str()), ((Some("d"), "exit"), "a c d e a c d e"));
}

#[test]
fn a_handler_that_leaves_both_loops_is_not_passed_over() {
    for turns in [1, 2] {
        let edges = [
            &format!("{{ from: d, to: c, when: loops.c.iteration < {turns}, loop: {{ max: 2 }} }}")[..],
            "{ from: d, to: a, when: loops.a.iteration < 5, loop: { max: 2 } }",
            "{ from: d, to: x, catch: [exhausted] }",
        ];
        let summary = nested(&edges, &[]);
        let d = summary.nodes["d"].status;
        assert_eq!((summary.status, d), (Some(RunStatus::Succeeded), Some(Status::Failed)));
        assert_eq!(summary.path.last().unwrap(), "x");
    }
}

#[test]
fn an_otherwise_that_leaves_both_loops_is_not_passed_over() {
    for turns in ["", "when: loops.a.iteration < 9, "] {
        let edges = [
            "{ from: d, to: c, when: loops.c.iteration < 2, loop: { max: 2 } }",
            &format!("{{ from: d, to: a, {turns}loop: {{ max: 2, exhausted: leave }} }}"),
            "{ from: d, to: x, otherwise: true }",
        ];
        assert_eq!(nested(&edges, &[]).path.join(" "), "a c d c d a c d c d x");
    }
}
