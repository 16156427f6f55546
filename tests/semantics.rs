//! The meaning of a graph at run time, from its text: for each rule that is not obvious the small graph that forced it.
//! Each graph is run under several orders of completion, and comes to the same.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod plans;

use std::collections::BTreeMap;
use std::sync::Arc;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::source::Sources;
use lgflow::trace::{Answer, Cancel, EventBody, RunStatus, Status, Summary, WaitFor};
use serde_json::{Value, json};

use plans::drive::{Drive, Open, Random};

fn plan(body: &str) -> Arc<Plan> {
    plan_with(body, &[])
}

/// The plan of a graph that names these files.
fn plan_with(body: &str, files: &[(&str, &str)]) -> Arc<Plan> {
    let text = format!("schema: lgflow.graph/v1\nname: g\n{body}");
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let root = Root {
        path: RelPath::parse("g.yaml").unwrap(),
        name: "g.yaml".into(),
        bytes: text.clone().into_bytes(),
    };
    let mut load = |file: &FileRef| {
        let known = files.iter().find(|(path, _)| *path == file.path.as_str());
        let (path, body) =
            known.ok_or_else(|| LoadProblem::new(format!("`{}` does not exist", file.path)))?;
        let bytes = format!("schema: lgflow.graph/v1\nname: f\n{body}").into_bytes();
        Ok(Loaded { name: (*path).to_owned(), bytes })
    };
    let checked = check_files(vec![root], &mut load, &mut sources, &mut diagnostics);
    let found: Vec<String> =
        diagnostics.iter().map(|found| format!("{}: {}", found.code, found.message)).collect();
    match &checked.roots[0] {
        CheckedRoot::Graph(plan) => Arc::clone(plan),
        other => panic!("{other:?}: {found:#?}\n{text}"),
    }
}

/// Calls answer by node: the kinds to fail with, one call after the other (`-`: succeed); succeed afterwards.
struct World(BTreeMap<String, Vec<String>>);

impl World {
    fn of(script: &[(&str, &str)]) -> Self {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        Self(script.iter().map(|(node, text)| ((*node).to_owned(), words(text))).collect())
    }

    fn answer(&self, call: &ToolCall) -> ToolResult {
        // the how manieth call of its node, from the key: iterations and attempts are in it
        let turn = |mark: char| {
            let after = call.idempotency_key.rsplit('/').next()?.split(mark).nth(1)?;
            after.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>().ok()
        };
        let nth = turn('#').unwrap_or(1) + turn('!').unwrap_or(1) - 2 + turn('[').unwrap_or(0);
        match self.0.get(&call.node).and_then(|script| script.get(nth)).map(String::as_str) {
            None | Some("-") => {
                ToolResult::success("exec", json!({ "exit_code": 0, "stdout": call.input["argv"][0] }))
            }
            Some(kind) => {
                let mut error = ToolError::new(ErrorKind::parse(kind), "as the script says");
                error.output = Some(json!({ "stderr": "why" }));
                ToolResult::failure("exec", error)
            }
        }
    }
}

/// Runs a graph under several orders of completion; what each comes to is the same.
fn run(body: &str, script: &[(&str, &str)]) -> Summary {
    let plan = plan(body);
    let world = World::of(script);
    let answer = |call: &ToolCall| world.answer(call);
    let mut summaries = (0..5).map(|seed| {
        let mut drive = Drive::new(&plan, &answer).traced();
        drive.start(json!({}));
        drive.finish(&mut Random(seed));
        // a clock that ends something rings only when nothing else happens
        while let Some(at) = (0..drive.open.len()).next() {
            drive.answer(at);
            drive.finish(&mut Random(seed));
        }
        let replayed = drive.replayed(&drive.lines);
        assert_eq!((replayed.events, replayed.difference), (drive.lines.len() as u64, None));
        drive.state.summary()
    });
    let first = summaries.next().unwrap();
    for other in summaries {
        assert_eq!(
            (&first.status, &first.outputs, &first.error),
            (&other.status, &other.outputs, &other.error)
        );
    }
    first
}

fn path(summary: &Summary) -> String {
    summary.path.join(" ")
}

fn kind(summary: &Summary) -> String {
    summary.error.as_ref().map_or_else(String::new, |error| {
        format!("{} {}", error.node.as_deref().unwrap_or("-"), error.error.kind)
    })
}

fn status(summary: &Summary, node: &str) -> Option<Status> {
    summary.nodes[node].status
}

fn output(summary: &Summary, name: &str) -> Value {
    summary.outputs.as_ref().unwrap_or_else(|| panic!("{:?}", summary.error))[name].clone()
}

/// `x: exec` nodes in the order of a list.
fn nodes(ids: &str) -> String {
    let node = |id| format!("  {id}: {{ uses: exec, with: {{ argv: [{id}] }} }}\n");
    ids.split(' ').map(node).collect::<Vec<_>>().concat()
}

fn simple(ids: &str, edges: &str) -> String {
    format!("nodes:\n{}edges:\n{edges}", nodes(ids))
}

#[test]
fn an_edge_that_leaves_a_body_is_decided_once_when_the_loop_is_over() {
    let graph = simple(
        "h b t x",
        "  - h -> b\n  - { from: b, to: x, when: 'loops.h.iteration == 2' }\n  - { from: b, to: t, always: true }\n  - { from: t, to: h, when: 'loops.h.iteration < 2', loop: { max: 3 } }\n",
    );
    assert_eq!(path(&run(&graph, &[])), "h b t h b t x");
}

#[test]
fn a_node_that_hangs_off_a_body_runs_once_after_the_loop() {
    let graph = simple(
        "plan test note",
        "  - plan -> test\n  - plan -> note\n  - { from: test, to: plan, when: 'loops.plan.iteration < 3', loop: { max: 5 } }\n",
    );
    assert_eq!(path(&run(&graph, &[])), "plan test plan test plan test note");
}

#[test]
fn two_loop_edges_to_one_target_are_one_loop_with_one_count() {
    let graph = simple(
        "h a b",
        "  - h -> a\n  - h -> b\n  - { from: a, to: h, loop: { max: 3, exhausted: leave } }\n  - { from: b, to: h, loop: { max: 3, exhausted: leave } }\n",
    );
    assert_eq!(path(&run(&graph, &[])), "h a b h a b h a b");
}

#[test]
fn an_earlier_iteration_is_visible_through_channels_alone() {
    let graph = "state:\n  seen: { type: array, reduce: append }\nnodes:\n  h: { uses: values, with: { i: '{{ loops.h.iteration }}' } }\n  x: { uses: values, with: { i: '{{ loops.h.iteration }}' }, update: { seen: '{{ output.i }}' } }\n  y: { uses: values, with: { x: \"{{ nodes.x.output.i | default('none') }}\", before: '{{ state.seen }}' } }\nedges:\n  - { from: h, to: x, when: 'loops.h.iteration == 1' }\n  - h -> y\n  - x -> y\n  - { from: y, to: h, when: 'loops.h.iteration < 2', loop: { max: 2 } }\noutputs: { x: '{{ nodes.y.output.x }}', before: '{{ nodes.y.output.before }}' }\n";
    let summary = run(graph, &[]);
    assert_eq!(output(&summary, "x"), json!("none"));
    assert_eq!(output(&summary, "before"), json!([1]));
}

#[test]
fn running_out_of_iterations_is_a_failure_that_only_its_name_catches() {
    let loops = "  - plan -> test\n  - { from: test, to: plan, when: 'true', loop: { max: 2 } }\n";
    let caught_by_any = format!("{loops}  - {{ from: test, to: undo, catch: [any] }}\n");
    let summary = run(&simple("plan test undo", &caught_by_any), &[]);
    assert_eq!((path(&summary).as_str(), kind(&summary).as_str()), ("plan test plan test", "test exhausted"));
    let caught = format!("{loops}  - {{ from: test, to: undo, catch: [exhausted] }}\n");
    let summary = run(&simple("plan test undo", &caught), &[]);
    assert_eq!(
        (path(&summary).as_str(), summary.status),
        ("plan test plan test undo", Some(RunStatus::Succeeded))
    );
}

#[test]
fn a_loop_that_may_be_left_goes_on_where_it_ends() {
    let graph = simple(
        "h out",
        "  - { from: h, to: h, loop: { max: 2, exhausted: leave } }\n  - { from: h, to: out, otherwise: true }\n",
    );
    assert_eq!(path(&run(&graph, &[])), "h h out");
}

#[test]
fn a_loop_edge_may_catch() {
    let graph = simple(
        "plan apply done",
        "  - plan -> apply -> done\n  - { from: apply, to: plan, catch: [conflict], loop: { max: 3 } }\n",
    );
    let summary = run(&graph, &[("apply", "conflict conflict -")]);
    assert_eq!(path(&summary), "plan apply plan apply plan apply done");
    let summary = run(&graph, &[("apply", "conflict conflict conflict")]);
    assert_eq!(kind(&summary), "apply exhausted");
}

#[test]
fn an_inner_loop_restarts_with_each_turn_of_the_outer() {
    let graph = simple(
        "o i z",
        "  - o -> i -> z\n  - { from: i, to: i, when: 'loops.i.iteration < 2', loop: { max: 2, exhausted: leave } }\n  - { from: z, to: o, when: 'loops.o.iteration < 2', loop: { max: 2, exhausted: leave } }\n",
    );
    assert_eq!(path(&run(&graph, &[])), "o i i z o i i z");
}

#[test]
fn a_skipped_node_goes_on_and_one_that_is_not_reached_does_not() {
    let graph = "nodes:\n  a: { uses: exec, with: { argv: [a], ok_exit: any } }\n  format: { uses: exec, with: { argv: [f] }, skip_when: 'true' }\n  test: { uses: exec, with: { argv: [t] } }\n  never: { uses: exec, with: { argv: [n] } }\n  after: { uses: exec, with: { argv: [n] } }\nedges:\n  - a -> format -> test\n  - { from: a, to: never, when: 'output.exit_code == 1' }\n  - never -> after\n";
    let summary = run(graph, &[]);
    assert_eq!(path(&summary), "a test");
    assert_eq!(status(&summary, "format"), Some(Status::Skipped));
    assert_eq!(status(&summary, "after"), Some(Status::NotReached));
    let reason = summary.nodes["never"].reason.clone().unwrap();
    assert!(reason.contains("`a -> never`") && reason.contains("output.exit_code == 1"), "{reason}");
}

#[test]
fn the_edges_of_a_node_are_decided_together() {
    let edges = "  - { from: a, to: yes, when: 'output.exit_code == 0' }\n  - { from: a, to: no, otherwise: true }\n  - { from: a, to: caught, catch: [any] }\n  - { from: a, to: last, always: true }\n";
    assert_eq!(path(&run(&simple("a yes no caught last", edges), &[])), "a yes last");
    let summary = run(&simple("a yes no caught last", edges), &[("a", "exit")]);
    assert_eq!((path(&summary).as_str(), summary.status), ("a caught last", Some(RunStatus::Succeeded)));
}

#[test]
fn a_join_waits_for_every_edge_and_wants_one_or_one_from_each() {
    let edges = "  - s -> a\n  - { from: s, to: b, when: 'false' }\n  - a -> j\n  - b -> j\n";
    assert_eq!(path(&run(&simple("s a b j", edges), &[])), "s a j");
    let all = simple("s a b j", edges).replace("argv: [j] } }", "argv: [j] }, join: all }");
    assert_eq!(path(&run(&all, &[])), "s a");
}

#[test]
fn an_expression_that_fails_fails_its_node_or_the_source_of_its_edge() {
    let graph = "nodes:\n  a: { uses: values, with: { list: '{{ [1] | reverse }}' } }\n  b: { uses: values, with: { x: '{{ nodes.a.output.list[9] }}' } }\nedges:\n  - a -> b\n  - { from: b, to: a2, catch: [any] }\n";
    let graph = graph.replace("edges:", "  a2: { uses: values, with: { x: 1 } }\nedges:");
    assert_eq!(kind(&run(&graph, &[])), "b expression");
    let edge = "nodes:\n  a: { uses: values, with: { list: '{{ [1] | reverse }}' } }\n  b: { uses: values, with: { x: 1 } }\nedges:\n  - { from: a, to: b, when: 'output.list[9] == 1' }\n";
    assert_eq!(kind(&run(edge, &[])), "a expression");
}

#[test]
fn the_error_of_a_run_is_the_first_in_canonical_order() {
    let graph = simple("s a b x", "  - s -> a\n  - s -> b\n  - b -> x\n");
    let summary = run(&graph, &[("a", "exit"), ("b", "timeout")]);
    assert_eq!(kind(&summary), "a exit");
}

#[test]
fn always_runs_after_a_failure_and_does_not_handle_it() {
    let graph = simple(
        "lint test clean after",
        "  - { from: [lint, test], to: clean, always: true }\n  - clean -> after\n",
    );
    let summary = run(&graph, &[("lint", "exit")]);
    assert_eq!(kind(&summary), "lint exit");
    assert_eq!(status(&summary, "after"), Some(Status::Succeeded));
    let summary = run(&graph, &[("lint", "exit"), ("clean", "conflict")]);
    assert_eq!(kind(&summary), "lint exit");
    let notify =
        simple("t n", "  - { from: t, to: n, always: true, when: \"nodes.t.status == 'failed'\" }\n");
    assert_eq!(path(&run(&notify, &[])), "t");
    assert_eq!(path(&run(&notify, &[("t", "exit")])), "t n");
}

#[test]
fn what_is_caught_by_name_alone() {
    let caught = |by: &str, fails: &str| {
        let graph = simple("a b", &format!("  - {{ from: a, to: b, catch: [{by}] }}\n"));
        run(&graph, &[("a", fails)]).status == Some(RunStatus::Succeeded)
    };
    for kind in
        ["exit", "timeout", "not_found", "conflict", "invalid_input", "rate_limited", "upstream", "limit"]
    {
        assert!(caught("any", kind), "{kind}");
    }
    assert!(!caught("any", "denied") && caught("denied", "denied"));
    assert!(!caught("any", "internal") && !caught("any", "cancelled") && !caught("any", "budget"));
}

#[test]
fn a_handler_sees_what_the_tool_had_produced() {
    let graph = "nodes:\n  a: { uses: exec, with: { argv: [a] } }\n  b: { uses: values, with: { text: '{{ nodes.a.error.output.stderr }}' } }\nedges:\n  - { from: a, to: b, catch: [exit] }\noutputs: { text: \"{{ nodes.b.output.text | default('all is well') }}\" }\n";
    assert_eq!(output(&run(graph, &[("a", "exit")]), "text"), json!("why"));
}

#[test]
fn retry_counts_all_attempts_and_waits_twice_as_long_each_time() {
    let graph = plan(
        "nodes:\n  a: { uses: exec, with: { argv: [a] }, retry: { attempts: 4, backoff: 40s, kinds: [timeout] } }\n",
    );
    let world = World::of(&[("a", "timeout timeout timeout -")]);
    let answer = |call: &ToolCall| world.answer(call);
    let mut drive = Drive::new(&graph, &answer);
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    let waits: Vec<u64> = drive
        .events
        .iter()
        .filter_map(|event| match event {
            EventBody::WaitStarted { reason: WaitFor::Backoff(_), duration, .. } => Some(duration.as_secs()),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [40, 60, 60]);
    assert_eq!(drive.state.summary().status, Some(RunStatus::Succeeded));
    let denied = "nodes:\n  a: { uses: exec, with: { argv: [a] }, retry: { attempts: 3 } }\n";
    assert_eq!(kind(&run(denied, &[("a", "denied")])), "a denied");
}

#[test]
fn a_used_up_budget_ends_the_run() {
    let graph = format!("budgets: {{ tool_calls: 2 }}\n{}", simple("a b c", "  - a -> b -> c\n"));
    let summary = run(&graph, &[]);
    assert_eq!((kind(&summary).as_str(), summary.status), ("c budget", Some(RunStatus::OutOfBudget)));
    assert_eq!(path(&run(&graph.replace("tool_calls: 2", "tool_calls: 3"), &[])), "a b c");
}

#[test]
fn outputs_exist_only_if_the_run_succeeded_and_each_has_its_value() {
    let graph =
        "nodes:\n  a: { uses: values, with: { x: null } }\noutputs: { x: '{{ nodes.a.output.x }}' }\n";
    let graph = graph.replace("x: null", "x: \"{{ 'null' | fromjson }}\"");
    let summary = run(&graph, &[]);
    assert_eq!((kind(&summary).as_str(), summary.outputs.is_none()), ("- expression", true));
}

#[test]
fn for_each_stops_at_the_lowest_failed_item_or_collects() {
    let graph = |rule: &str, list: &str| {
        format!(
            "state: {{ n: {{ type: integer, reduce: sum }} }}\nnodes:\n  a: {{ uses: exec, with: {{ argv: ['{{{{ f }}}}'] }}, for_each: {{ in: '{list}', as: f{rule} }}, update: {{ n: 1 }} }}\noutputs: {{ all: '{{{{ nodes.a.output }}}}', n: '{{{{ state.n }}}}' }}\n"
        )
    };
    let list = "[\"p\", \"q\", \"r\"]";
    let summary = run(&graph(", parallel: 3", list), &[("a", "- exit timeout")]);
    assert_eq!(kind(&summary), "a exit");
    assert_eq!(summary.nodes["a"].error.as_ref().unwrap().index, Some(1));
    let collected = run(&graph(", on_error: collect", list), &[("a", "- exit -")]);
    let all = output(&collected, "all");
    assert_eq!(
        all.as_array().unwrap().iter().map(|item| item["status"].clone()).collect::<Vec<_>>(),
        ["succeeded", "failed", "succeeded"]
    );
    assert_eq!((all[1]["error"]["kind"].clone(), output(&collected, "n")), (json!("exit"), json!(2)));
    let good = output(&run(&graph(", parallel: 2", list), &[]), "all");
    assert_eq!(
        good.as_array().unwrap().iter().map(|item| item["stdout"].clone()).collect::<Vec<_>>(),
        ["p", "q", "r"]
    );
    assert_eq!(output(&run(&graph("", "[]"), &[]), "all"), json!([]));
    // how many there are is known in the run alone
    let computed = "\"p q r\" | split(\" \")";
    assert_eq!(kind(&run(&graph(", max: 2", computed), &[])), "a invalid_input");
}

#[test]
fn a_subgraph_fails_with_what_failed_in_it_after_its_always_paths() {
    let graph = "graphs:\n  child:\n    inputs: { n: { type: integer } }\n    nodes:\n      work: { uses: exec, with: { argv: [w] } }\n      tidy: { uses: exec, with: { argv: [t] } }\n      sum: { uses: values, with: { n: '{{ inputs.n + 1 }}' } }\n    edges:\n      - work -> sum\n      - { from: work, to: tidy, always: true }\n    outputs: { n: '{{ nodes.sum.output.n }}' }\nnodes:\n  outer: { uses: graph, with: { graph: child, inputs: { n: 4 } } }\noutputs: { n: '{{ nodes.outer.output.n }}' }\n";
    let summary = run(graph, &[]);
    assert_eq!(
        (output(&summary, "n"), path(&summary).as_str()),
        (json!(5), "outer outer/work outer/tidy outer/sum")
    );
    let summary = run(graph, &[("outer/work", "conflict")]);
    assert_eq!(
        (kind(&summary).as_str(), path(&summary).as_str()),
        ("outer/work conflict", "outer outer/work outer/tidy")
    );
    assert_eq!(summary.nodes["outer"].error.as_ref().unwrap().path.as_deref(), Some("work"));
}

#[test]
fn a_batch_stops_at_its_first_failure_and_keeps_what_was_done() {
    let graph = "nodes:\n  b:\n    uses: batch\n    with: { calls: [{ tool: exec, input: { argv: [x] } }, { tool: exec, input: { argv: [y] } }], tools: [exec], max_calls: 2 }\n  after: { uses: values, with: { done: '{{ nodes.b.error.output.results }}', index: '{{ nodes.b.error.index }}' } }\nedges:\n  - { from: b, to: after, catch: [any] }\noutputs: { index: '{{ nodes.after.output.index | default(-1) }}', done: '{{ nodes.after.output.done | default([]) }}' }\n";
    let plan = plan(graph);
    let answer = |call: &ToolCall| match call.input["argv"][0].as_str() {
        Some("y") => ToolResult::failure("exec", ToolError::new(ErrorKind::Exit, "no")),
        _ => ToolResult::success("exec", json!("x done")),
    };
    let mut drive = Drive::new(&plan, &answer);
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    let summary = drive.state.summary();
    assert_eq!(output(&summary, "index"), json!(1));
    assert_eq!(output(&summary, "done"), json!(["x done"]));
}

#[test]
fn a_batch_that_is_refused_fails_with_the_call_that_was() {
    let graph = "nodes:\n  b:\n    uses: batch\n    with: { calls: [{ tool: exec, input: { argv: [x] } }, { tool: exec, input: { argv: [y] } }], tools: [exec], max_calls: 2 }\n";
    let answer = |_: &ToolCall| ToolResult::success("exec", json!({}));
    let plan = plan(graph);
    let mut drive = Drive::new(&plan, &answer);
    drive.start(json!({}));
    let Some(Open::Call(call, order)) = drive.open.pop() else { panic!("no call") };
    let denied = ToolResult::failure("exec", ToolError::new(ErrorKind::Denied, "no rule allows y"));
    let results = lgflow::effect::refused_whole(order.calls(), vec![None, Some(denied)]);
    let outcome = Arc::new(lgflow::trace::CallOutcome::Batch(results));
    drive.record(EventBody::CallFinished { call, outcome });
    drive.decide();
    let summary = drive.state.summary();
    assert_eq!((summary.status, kind(&summary).as_str()), (Some(RunStatus::Denied), "b denied"));
    let error = summary.nodes["b"].error.as_ref().unwrap();
    assert_eq!((error.index, error.message.as_str()), (Some(1), "no rule allows y"));
    assert_eq!(error.output.as_deref(), Some(&json!({ "results": [] })));
}

#[test]
fn an_approved_call_has_a_further_key_and_an_approved_batch_keeps_its_own() {
    let graph = "nodes:\n  b:\n    uses: batch\n    with: { calls: [{ tool: exec, input: { argv: [x] } }, { tool: exec, input: { argv: [y] } }], tools: [exec], max_calls: 2 }\n  c: { uses: exec, with: { argv: [z] } }\nedges: [b -> c]\n";
    let keys = std::cell::RefCell::new(Vec::new());
    let answer = |call: &ToolCall| {
        keys.borrow_mut().push(call.idempotency_key.clone());
        if call.approval.is_some() {
            return ToolResult::success("exec", json!({}));
        }
        ToolResult::failure("exec", ToolError::new(ErrorKind::ApprovalRequired, "asks"))
    };
    let plan = plan(graph);
    let mut drive = Drive::new(&plan, &answer);
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    for question in [1, 2].map(lgflow::trace::QuestionId) {
        let answer =
            Answer { by: "ada".into(), approval: Some(json!({ "signed": true })), ..Answer::default() };
        drive.record(EventBody::ApprovalGranted { question, answer: Box::new(answer) });
        drive.finish(&mut Random(1));
    }
    assert_eq!(drive.state.summary().status, Some(RunStatus::Succeeded));
    let run = drive.state.run();
    let own = keys.borrow().iter().map(|key| key.replace(&format!("{run}/"), "")).collect::<Vec<_>>();
    assert_eq!(own, ["b!1/0", "b!1/0", "b!1/1", "c!1", "c!1+1"]);
}

#[test]
fn a_run_suspends_when_nothing_else_can_go_on() {
    let graph = plan(
        "nodes:\n  a: { uses: approval, with: { show: ready } }\n  w: { uses: exec, with: { argv: [w] } }\n  b: { uses: values, with: { by: '{{ nodes.a.output.by }}' } }\nedges:\n  - a -> b\n  - w -> b\noutputs: { by: '{{ nodes.b.output.by }}' }\n",
    );
    let answer = |_: &ToolCall| ToolResult::success("exec", json!({}));
    let mut drive = Drive::new(&graph, &answer);
    drive.start(json!({}));
    assert_eq!(drive.state.summary().status, None, "a call still runs");
    drive.finish(&mut Random(1));
    let summary = drive.state.summary();
    assert_eq!((summary.status, summary.waiting.len()), (Some(RunStatus::Suspended), 1));
    let granted = Answer { by: "ada".into(), ..Default::default() };
    let mut rejected = Drive::new(&graph, &answer);
    drive.events.iter().for_each(|event| rejected.record(event.clone()));
    drive.record(EventBody::ApprovalGranted {
        question: summary.waiting[0].id,
        answer: Box::new(granted.clone()),
    });
    drive.finish(&mut Random(1));
    assert_eq!(output(&drive.state.summary(), "by"), json!("ada"));
    rejected
        .record(EventBody::ApprovalRejected { question: summary.waiting[0].id, answer: Box::new(granted) });
    rejected.finish(&mut Random(1));
    assert_eq!(kind(&rejected.state.summary()), "a rejected");
}

#[test]
fn what_was_asked_is_withdrawn_when_the_run_fails() {
    let graph = plan(
        "nodes:\n  w: { uses: exec, with: { argv: [w] } }\n  a: { uses: approval, with: { show: ready } }\n  b: { uses: exec, with: { argv: [b] } }\nedges:\n  - a -> b\n  - w -> b\n",
    );
    let answer = |_: &ToolCall| ToolResult::failure("exec", ToolError::new(ErrorKind::Exit, "no"));
    let mut drive = Drive::new(&graph, &answer);
    drive.start(json!({}));
    let asked = drive.state.open_questions().next().unwrap().id;
    drive.finish(&mut Random(1));
    let summary = drive.state.summary();
    assert_eq!(kind(&summary), "w exit");
    assert_eq!((summary.status, summary.waiting.len()), (Some(RunStatus::Failed), 0));
    let late = EventBody::ApprovalGranted { question: asked, answer: Box::default() };
    assert!(lgflow::trace::apply(&mut drive.state, &late).is_err(), "nobody is asked any more");
}

#[test]
fn what_can_only_fail_asks_nobody_but_on_always_paths() {
    let fails = |call: &ToolCall| match call.input["argv"][0].as_str() {
        Some("w") => ToolResult::failure("exec", ToolError::new(ErrorKind::Exit, "no")),
        _ => ToolResult::success("exec", json!({})),
    };
    let ends = |body: &str, seed: u64| {
        let graph = plan(body);
        let mut drive = Drive::new(&graph, &fails);
        drive.start(json!({}));
        drive.finish(&mut Random(seed));
        drive.state.summary()
    };
    let before = "nodes:\n  a: { uses: approval, with: { show: ready } }\n  w: { uses: exec, with: { argv: [w] } }\n  t: { uses: exec, with: { argv: [t] } }\n  b: { uses: values }\nedges:\n  - { from: [a, w], to: b }\n  - { from: a, to: t, always: true }\n";
    let inside = "graphs:\n  g:\n    nodes: { n: { uses: exec, with: { argv: [n] } }, a: { uses: approval, with: { show: ready } }, t: { uses: exec, with: { argv: [t] } } }\n    edges:\n      - { from: a, to: t, always: true }\n      - n -> t\nnodes:\n  g: { uses: graph, with: { graph: g } }\n  w: { uses: exec, with: { argv: [w] } }\n";
    let caught = "graphs:\n  g:\n    nodes: { a: { uses: approval, with: { show: ready } }, w: { uses: exec, with: { argv: [w] } } }\nnodes:\n  g: { uses: graph, with: { graph: g } }\n  b: { uses: values }\nedges:\n  - { from: g, to: b, catch: [exit] }\n";
    let items = "nodes:\n  a: { uses: approval, with: { show: '{{ i }}' }, for_each: { in: 'range(3)', as: i, parallel: 2 } }\n  w: { uses: exec, with: { argv: [w] } }\n";
    let always = "nodes:\n  w: { uses: exec, with: { argv: [w] } }\n  a: { uses: approval, with: { show: ready } }\nedges:\n  - { from: w, to: a, always: true }\n";
    for seed in 0..8 {
        let summary = ends(before, seed);
        assert_eq!((summary.status, kind(&summary).as_str()), (Some(RunStatus::Failed), "w exit"));
        assert_eq!((path(&summary).as_str(), status(&summary, "a")), ("a w t", Some(Status::Cancelled)));
        let summary = ends(inside, seed);
        assert_eq!((path(&summary).as_str(), kind(&summary).as_str()), ("g g/n g/a g/t w", "w exit"));
        assert_eq!(status(&summary, "g"), Some(Status::Cancelled));
        let summary = ends(caught, seed);
        assert_eq!((path(&summary).as_str(), summary.status), ("g g/a g/w b", Some(RunStatus::Succeeded)));
        let summary = ends(items, seed);
        assert_eq!((kind(&summary).as_str(), status(&summary, "a")), ("w exit", Some(Status::Cancelled)));
        let summary = ends(always, seed);
        assert_eq!((summary.status, summary.waiting.len()), (Some(RunStatus::Suspended), 1));
    }
}

#[test]
fn an_iteration_is_that_of_the_loop_that_is_named() {
    let graph = "nodes:\n  o: { uses: values }\n  i: { uses: values, with: { at: '{{ loops.o.iteration }}.{{ loops.i.iteration }}' }, update: { seen: '{{ output.at }}' } }\n  z: { uses: values }\nstate: { seen: { type: array, reduce: append } }\nedges:\n  - o -> i -> z\n  - { from: i, to: i, when: loops.i.iteration < 2, loop: { max: 2 } }\n  - { from: z, to: o, when: loops.o.iteration < 2, loop: { max: 2 } }\noutputs: { seen: '{{ state.seen }}' }\n";
    assert_eq!(output(&run(graph, &[]), "seen"), json!(["1.1", "1.2", "2.1", "2.2"]));
}

#[test]
fn writes_fold_in_canonical_order_and_a_node_sees_its_ancestors_only() {
    let graph = "state: { l: { type: array, reduce: append } }\nnodes:\n  s: { uses: exec, with: { argv: [s] }, update: { l: s } }\n  a: { uses: exec, with: { argv: [a] }, update: { l: a } }\n  b: { uses: exec, with: { argv: [b] }, update: { l: b } }\n  see: { uses: values, with: { l: '{{ state.l }}' } }\n  j: { uses: values, with: { l: '{{ state.l }}' } }\nedges:\n  - s -> a -> j\n  - s -> b -> see -> j\noutputs: { see: '{{ nodes.see.output.l }}', j: '{{ nodes.j.output.l }}', all: '{{ state.l }}' }\n";
    let summary = run(graph, &[]);
    assert_eq!(output(&summary, "see"), json!(["s", "b"]));
    assert_eq!(output(&summary, "j"), json!(["s", "a", "b"]));
    assert_eq!(output(&summary, "all"), json!(["s", "a", "b"]));
}

#[test]
fn slots_are_taken_by_leaf_calls_alone() {
    let graph = plan(
        "concurrency: { max: 2, groups: { one: 1 } }\ngraphs:\n  child:\n    nodes: { w: { uses: exec, with: { argv: [w] } } }\nnodes:\n  a: { uses: graph, with: { graph: child, inputs: {} } }\n  b: { uses: graph, with: { graph: child, inputs: {} } }\n  c: { uses: exec, with: { argv: [c] }, group: one }\n  d: { uses: exec, with: { argv: [d] }, group: one }\n  e: { uses: values, with: { x: 1 } }\nedges:\n  - { from: [a, b, c, d], to: e }\n",
    );
    let answer = |_: &ToolCall| ToolResult::success("exec", json!({}));
    let mut drive = Drive::new(&graph, &answer);
    drive.start(json!({}));
    let mut most = 0;
    while !drive.open.is_empty() {
        most = most.max(drive.open.len());
        let in_group =
            drive.state.open_calls().filter(|(_, order)| !order.calls()[0].node.contains('/')).count();
        assert!(drive.open.len() <= 2 && in_group <= 1);
        drive.answer(0);
    }
    assert_eq!((most, drive.state.summary().status), (2, Some(RunStatus::Succeeded)));
}

#[test]
fn a_condition_without_a_value_does_not_stand_for_the_failure_before_it() {
    let graph = |more: &str| {
        format!(
            "state: {{ l: {{ type: array, items: {{ type: integer }}, reduce: append }} }}\nnodes:\n  a: {{ uses: exec, with: {{ argv: [a] }} }}\n  n: {{ uses: values }}\n  m: {{ uses: values }}\n  e: {{ uses: values }}\nedges:\n  - {{ from: a, to: n, always: true, when: 'state.l[9] == 1' }}\n  - {{ from: a, to: m, catch: [conflict] }}\n{more}"
        )
    };
    let plain = graph("  - { from: a, to: e, catch: [expression] }\n");
    let message = |summary: &Summary| summary.error.as_ref().unwrap().error.message.clone();
    let first = run(&plain, &[("a", "exit")]);
    assert_eq!((kind(&first).as_str(), path(&first).as_str()), ("a exit", "a"));
    assert_eq!(
        message(&first),
        "as the script says; besides, the condition `state.l[9] == 1` of the edge `a -> n` has no value: in `state.l[9]`: the list has no item 9, its length is 0"
    );
    let said = |summary: &Summary, node: &str| summary.nodes[node].reason.clone().unwrap_or_default();
    assert!(said(&first, "n").contains("has no value: in `state.l[9]`"), "{}", said(&first, "n"));
    // what the failure is caught by leaves the condition to fail
    let both = run(&graph("  - m -> e\n"), &[("a", "conflict")]);
    assert_eq!((kind(&both).as_str(), path(&both).as_str()), ("a expression", "a"));
    assert!(
        message(&both).ends_with("; before that it failed with `conflict`: as the script says"),
        "{}",
        message(&both)
    );
    let saved = run(&plain, &[("a", "conflict")]);
    assert_eq!((saved.status, path(&saved).as_str()), (Some(RunStatus::Succeeded), "a e"));
    // a success has nothing before it
    let alone = run(&graph("  - m -> e\n"), &[]);
    assert_eq!(kind(&alone), "a expression");
    assert!(
        message(&alone).starts_with("the condition `state.l[9] == 1` of the edge `a -> n` has no value: ")
    );
}

/// Runs a graph in some orders of completion; each must come to the most calls at once whose argument begins with a word.
fn most_at_once(graph: &Arc<Plan>, words: &[(&str, usize)]) {
    let answer = |_: &ToolCall| ToolResult::success("exec", json!({}));
    for seed in 0..8 {
        let (mut drive, mut random) = (Drive::new(graph, &answer), Random(seed));
        drive.start(json!({}));
        let mut most = vec![0; words.len()];
        while !drive.open.is_empty() {
            let open: Vec<String> = drive
                .state
                .open_calls()
                .map(|(_, order)| order.calls()[0].input["argv"][0].as_str().unwrap().to_owned())
                .collect();
            for (most, (word, _)) in most.iter_mut().zip(words) {
                *most = (*most).max(open.iter().filter(|told| told.starts_with(word)).count());
            }
            drive.answer(random.below(drive.open.len() as u64) as usize);
        }
        assert_eq!(drive.state.summary().status, Some(RunStatus::Succeeded));
        let wanted: Vec<usize> = words.iter().map(|(_, most)| *most).collect();
        assert_eq!(most, wanted, "{words:?}, order {seed}");
    }
}

#[test]
fn a_group_is_one_for_all_executions_of_its_graph() {
    let inner = "graphs:\n  deep:\n    concurrency: { groups: { build: 2 } }\n    nodes: { d: { uses: exec, with: { argv: [deep] }, group: build } }\nconcurrency: { groups: { build: 1 } }\nnodes:\n  w: { uses: exec, with: { argv: [build] }, group: build }\n  free: { uses: exec, with: { argv: [free] } }\n  g: { uses: graph, with: { graph: deep } }\n";
    let outer =
        "graphs: { inner: { file: inner.yaml } }\nnodes: { x: { uses: graph, with: { graph: inner } } }\n";
    let graph = plan_with(
        "graphs: { one: { file: ci/inner.yaml }, two: { file: ci/../ci/inner.yaml }, outer: { file: ci/outer.yaml } }\nconcurrency: { groups: { build: 1 } }\nnodes:\n  a: { uses: graph, with: { graph: one } }\n  b: { uses: graph, with: { graph: one } }\n  c: { uses: graph, with: { graph: two } }\n  d: { uses: graph, with: { graph: outer } }\n  e: { uses: graph, with: { graph: one }, for_each: { in: '[1, 2, 3]', as: n, parallel: 3 } }\n  own: { uses: exec, with: { argv: [own] }, group: build, for_each: { in: '[1, 2, 3]', as: n, parallel: 3 } }\n",
        &[("ci/inner.yaml", inner), ("ci/outer.yaml", outer)],
    );
    most_at_once(&graph, &[("build", 1), ("deep", 2), ("own", 1), ("free", 7)]);
}

#[test]
fn a_failed_item_cancels_later_ones_that_run_a_graph() {
    let graph = plan(
        "graphs:\n  g:\n    inputs: { n: { type: integer } }\n    nodes:\n      x: { uses: exec, with: { argv: ['{{ inputs.n | string }}'] } }\n      ask: { uses: approval, with: { show: go } }\n      last: { uses: exec, with: { argv: ['{{ inputs.n | string }}'] } }\n    edges: [x -> last, ask -> last]\nnodes:\n  all: { uses: graph, with: { graph: g, inputs: { n: '{{ n }}' } }, for_each: { in: 'range(4)', as: n, parallel: 4 } }\n",
    );
    let answer = |call: &ToolCall| match call.input["argv"][0].as_str() {
        Some("1") => ToolResult::failure("exec", ToolError::new(ErrorKind::Exit, "no")),
        _ => ToolResult::success("exec", json!({})),
    };
    for seed in 0..8 {
        let mut drive = Drive::new(&graph, &answer).traced();
        drive.start(json!({}));
        drive.finish(&mut Random(seed));
        // the item before it goes on, and asks; those behind it are ended, and ask nobody
        let asked: Vec<_> = drive.state.open_questions().map(|question| question.id).collect();
        assert_eq!(asked.len(), 1, "order {seed}");
        let answer = Box::new(Answer { by: "ada".into(), ..Default::default() });
        drive.record(EventBody::ApprovalGranted { question: asked[0], answer });
        drive.finish(&mut Random(seed));
        let summary = drive.state.summary();
        assert_eq!(kind(&summary), "all/x exit", "order {seed}");
        assert_eq!(summary.error.as_ref().unwrap().error.index, Some(1));
        let replayed = drive.replayed(&drive.lines);
        assert_eq!(replayed.difference, None);
    }
}

#[test]
fn groups_of_one_name_in_several_graphs_are_several() {
    let text = "concurrency: { groups: { build: 1 } }\nnodes: { w: { uses: exec, with: { argv: [WORD] }, group: build } }\n";
    let inline = |word: &str| text.replace("WORD", word).trim_end().replace('\n', "\n    ");
    // the same text in two places is two graphs
    let graph = plan_with(
        &format!(
            "graphs:\n  a:\n    {}\n  b:\n    {}\n  c: {{ file: c.yaml }}\n  d: {{ file: d.yaml }}\nnodes:\n  a: {{ uses: graph, with: {{ graph: a }}, for_each: {{ in: '[1, 2]', as: n, parallel: 2 }} }}\n  b: {{ uses: graph, with: {{ graph: b }} }}\n  c: {{ uses: graph, with: {{ graph: c }} }}\n  d: {{ uses: graph, with: {{ graph: d }} }}\n",
            inline("x"),
            inline("x")
        ),
        &[("c.yaml", &text.replace("WORD", "y")), ("d.yaml", &text.replace("WORD", "y"))],
    );
    most_at_once(&graph, &[("x", 2), ("y", 2)]);
}

#[test]
fn calls_at_once_are_bounded_in_each_execution() {
    let graph = plan(
        "graphs:\n  child:\n    concurrency: { max: 1 }\n    nodes: { v: { uses: exec, with: { argv: [v] } }, w: { uses: exec, with: { argv: [w] } } }\nnodes:\n  a: { uses: graph, with: { graph: child } }\n  b: { uses: graph, with: { graph: child } }\n",
    );
    most_at_once(&graph, &[("", 2)]);
}

#[test]
fn an_interrupt_ends_in_order_and_a_second_one_at_once() {
    let graph = plan(&simple("a b tidy", "  - a -> b\n  - { from: a, to: tidy, always: true }\n"));
    let answer = |_: &ToolCall| ToolResult::failure("exec", ToolError::new(ErrorKind::Cancelled, "ended"));
    let start = || {
        let mut drive = Drive::new(&graph, &answer);
        drive.start(json!({}));
        drive.record(EventBody::RunCancelled { how: Cancel::InOrder });
        drive.decide();
        assert!(drive.events.iter().any(|event| matches!(event, EventBody::CallCancelled { .. })));
        drive.answer(0);
        assert_eq!(status(&drive.state.summary(), "a"), Some(Status::Cancelled));
        assert!(drive.open.iter().any(|open| matches!(open, Open::Call(..))), "`tidy` runs under `grace`");
        drive
    };
    let mut in_order = start();
    in_order.finish(&mut Random(1));
    let summary = in_order.state.summary();
    assert_eq!(
        (summary.status, status(&summary, "b")),
        (Some(RunStatus::Cancelled), Some(Status::NotReached))
    );
    let mut at_once = start();
    at_once.record(EventBody::RunCancelled { how: Cancel::AtOnce });
    at_once.decide();
    assert_eq!(at_once.state.summary().status, Some(RunStatus::Cancelled));
}

#[test]
fn grace_that_is_used_up_ends_always_paths() {
    let graph = plan(&simple("a tidy more", "  - { from: a, to: tidy, always: true }\n  - tidy -> more\n"));
    let world = World::of(&[("a", "exit"), ("tidy", "cancelled")]);
    let answer = |call: &ToolCall| world.answer(call);
    let mut drive = Drive::new(&graph, &answer);
    drive.start(json!({}));
    drive.answer(0);
    let grace = drive.open.iter().position(|open| matches!(open, Open::Wait(_))).expect("grace is timed");
    drive.answer(grace);
    drive.finish(&mut Random(1));
    let summary = drive.state.summary();
    assert_eq!(kind(&summary), "a exit");
    assert_eq!(
        (status(&summary, "tidy"), status(&summary, "more")),
        (Some(Status::Cancelled), Some(Status::NotReached))
    );
}

#[test]
fn time_on_the_clock_is_a_budget() {
    let graph = plan(&format!("budgets: {{ wall: 5s }}\n{}", simple("a b", "  - a -> b\n")));
    let answer = |_: &ToolCall| ToolResult::failure("exec", ToolError::new(ErrorKind::Cancelled, "ended"));
    let mut drive = Drive::new(&graph, &answer);
    drive.start(json!({}));
    let wall = drive.open.iter().position(|open| matches!(open, Open::Wait(_))).unwrap();
    drive.answer(wall);
    drive.finish(&mut Random(1));
    assert_eq!(drive.state.summary().status, Some(RunStatus::OutOfBudget));
}

#[test]
fn an_answer_that_does_not_fit_goes_back_with_the_errors() {
    let graph = plan(
        "prompts: { p: { text: ask } }\nnodes:\n  m: { uses: llm, with: { model: default, prompt: p, repairs: 1, output_schema: { type: object, required: [x], properties: { x: { type: integer } } } } }\noutputs: { m: '{{ nodes.m.output }}' }\n",
    );
    let answer = |call: &ToolCall| match call.input["messages"].as_array().unwrap().len() {
        1 => ToolResult::success("llm", json!({ "y": 1 })),
        _ => ToolResult::success("llm", json!({ "x": 1 })),
    };
    let mut drive = Drive::new(&graph, &answer);
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    assert_eq!(output(&drive.state.summary(), "m"), json!({ "x": 1 }));
    assert_eq!(drive.state.totals().calls, 2);
    let stubborn = |_: &ToolCall| ToolResult::success("llm", json!({ "y": 1 }));
    let mut drive = Drive::new(&graph, &stubborn);
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    assert_eq!((kind(&drive.state.summary()).as_str(), drive.state.totals().calls), ("m invalid_output", 2));
}
