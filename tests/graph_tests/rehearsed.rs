//! What a case is played on: its imagined time, the failures and answers that a script may tell, and the parameters that a
//! call can have.

use super::program::Workspace;
use super::{POLICY, document};

/// A graph with one file of tests beside it. The graph is told without its first lines, the tests without theirs.
fn given(graph: &str, cases: &str) -> Workspace {
    let workspace = Workspace::git();
    let graph = format!("schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\n{graph}");
    workspace.write(".lg/graph.yaml", graph).write(".lg/policy.yaml", POLICY);
    workspace
        .write(".lg/tests/g.yaml", format!("schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n{cases}"));
    workspace
}

fn is_green(graph: &str, cases: &str) {
    document(&given(graph, cases), 0);
}

const HANGS: &str = "  - name: hangs\n    results: [{ tool: exec, hangs: true }]\n    expect: ";

#[test]
fn times_add_up_as_they_do_in_a_run() {
    // three attempts of two seconds do not fit into five
    let tries = "nodes:\n  a: { uses: exec, with: { argv: [cargo, test] }, timeout: 2s, retry: { attempts: 3, kinds: [timeout] } }\n  n: { uses: values }\nedges: [{ from: a, to: n, catch: [timeout] }]\n";
    let out = "{ status: out_of_budget, error: { kind: budget }, calls: [{ node: a, times: 3 }] }\n";
    is_green(&format!("{tries}budgets: {{ wall: 5s }}\n"), &format!("{HANGS}{out}"));
    // six and the second and two seconds between them fit into ten, and not into eight
    let whole = "{ status: succeeded, calls: [{ node: a, times: 3 }] }\n";
    is_green(&format!("{tries}budgets: {{ wall: 10s }}\n"), &format!("{HANGS}{whole}"));
    let slow = tries.replace("kinds: [timeout]", "kinds: [timeout], backoff: 1s");
    is_green(&format!("{slow}budgets: {{ wall: 8s }}\n"), &format!("{HANGS}{out}"));
    is_green(&format!("{slow}budgets: {{ wall: 10s }}\n"), &format!("{HANGS}{whole}"));
    // one node after the other
    let row = "nodes:\n  a: { uses: exec, with: { argv: [cargo, test] }, timeout: 40m }\n  b: { uses: exec, with: { argv: [cargo, test, b] }, timeout: 40m }\n  n: { uses: values }\nedges: [{ from: a, to: b, catch: [timeout] }, { from: b, to: n, catch: [timeout] }]\n";
    is_green(
        &format!("{row}budgets: {{ wall: 1h }}\n"),
        &format!("{HANGS}{{ status: out_of_budget, error: {{ kind: budget }}, path: [a, b] }}\n"),
    );
    is_green(
        &format!("{row}budgets: {{ wall: 2h }}\n"),
        &format!("{HANGS}{{ status: succeeded, path: [a, b, n] }}\n"),
    );
    // a subgraph's time is over while its second attempt hangs
    let inner = "graphs:\n  g:\n    nodes: { a: { uses: exec, with: { argv: [cargo, test] }, timeout: 40m, retry: { attempts: 2, kinds: [timeout] } }, b: { uses: values } }\n    edges: [{ from: a, to: b, catch: [timeout] }]\nnodes:\n  m: { uses: graph, with: { graph: g }, timeout: 1h }\n";
    is_green(
        inner,
        &format!(
            "{HANGS}{{ status: failed, error: {{ kind: timeout, node: m }}, calls: [{{ node: m/a, times: 2 }}] }}\n"
        ),
    );
}

#[test]
fn the_time_that_a_person_has_passes_where_the_script_says_so() {
    let graph = "nodes:\n  q: { uses: approval, with: { show: hi }, timeout: 1d }\n  p: { uses: approval, with: { show: ho }, timeout: 2d }\n  n: { uses: values }\n  m: { uses: values }\n  o: { uses: values }\nedges: [{ from: q, to: n, catch: [timeout] }, q -> m, { from: p, to: o, catch: [timeout] }]\nbudgets: { wall: 1h }\n";
    let cases = "  - name: nobody\n    answers: [{ node: q, late: true }, { node: p, choice: approve }]\n    expect: { status: succeeded, path: [q, p, n], error: {} }\n  \
                 - name: one stays open\n    answers: [{ node: q, late: true }]\n    expect: { status: suspended, waiting: [p], nodes: { q: failed, n: succeeded } }\n  \
                 - name: what is over earlier is over before\n    answers: [{ node: p, late: true }]\n    expect: { status: succeeded, nodes: { q: failed, p: failed } }\n";
    let cases = cases.replace(", error: {}", "");
    is_green(graph, &cases);
    // all ways are covered then
    let found = document(&given(graph, &cases), 0);
    assert_eq!(found["coverage"][0]["never_caught"], serde_json::json!([]), "{found:#}");
    for (node, words) in [("q", "it has no `timeout`"), ("a", "the policy's question about `a`")] {
        let graph = "nodes:\n  q: { uses: approval, with: { show: hi } }\n  a: { uses: apply_patch, with: { patch: x }, timeout: 1m }\nedges: [q -> a]\n";
        let case = format!(
            "  - {{ name: n, answers: [{{ node: {node}, late: true }}], expect: {{ status: failed }} }}\n"
        );
        let ran = given(graph, &case).lgflow(&["validate"]).ended(3);
        assert!(ran.stdout.contains(words), "{}", ran.stdout);
    }
    for (answer, words) in [
        ("late: true, choice: approve", "cannot stand beside"),
        ("late: false", "says what is chosen"),
        ("comment: x", "says what is chosen"),
    ] {
        let case =
            format!("  - {{ name: n, answers: [{{ node: q, {answer} }}], expect: {{ status: failed }} }}\n");
        let ran = given(graph, &case).lgflow(&["validate"]).ended(3);
        assert!(ran.stdout.contains(words), "{answer}:\n{}", ran.stdout);
    }
}

const READS: &str = "nodes:\n  a: { uses: read_file, with: { path: a.txt } }\n  b: { uses: list_files, with: { path: '.', max: 3 } }\n  n: { uses: values, with: { x: 1.0, d: '{{ 3 / 1 }}' }, update: { c: 1.0 } }\nstate: { c: { type: number, reduce: sum } }\nedges: [a -> b -> n]\noutputs: { x: '{{ nodes.n.output.x }}', d: '{{ nodes.n.output.d }}' }\n";

#[test]
fn a_number_is_the_same_however_it_is_written() {
    let case = |expect: &str| {
        format!(
            "  - name: n\n    results: [{{ tool: read_file, output: {{}} }}, {{ tool: list_files, output: {{}} }}]\n    expect: {{ {expect} }}\n"
        )
    };
    let policy = POLICY.replace("read_file: allow", "read_file: allow, list_files: allow");
    let play = |expect: &str, code: i32| {
        let workspace = given(READS, &case(expect));
        workspace.write(".lg/policy.yaml", policy.clone());
        document(&workspace, code)
    };
    play(
        "outputs: { x: 1.0, d: 3.0 }, channels: { c: 1.0 }, calls: [{ tool: list_files, input: { max: 3.0 } }]",
        0,
    );
    play("outputs: { x: 1, d: 3 }, channels: { c: 1 }", 0);
    play("outputs: { x: 1.5 }", 1);
    play("never: [{ tool: list_files, input: { max: 3.0 } }]", 1);
    play("never: [{ tool: list_files, input: { max: 3 } }]", 1);
    play("never: [{ tool: list_files, input: { max: 4 } }]", 0);
}

#[test]
fn parameters_that_no_call_can_have_are_a_finding() {
    let cases = [
        ("never: [{ tool: list_files, input: { pth: '.' } }]", "write `path`"),
        ("calls: [{ node: b, input: { max: many } }]", "no call of `list_files` is like this"),
        ("never: [{ tool: exec, input: { argv: 'git push' } }]", "`/argv` takes a list"),
        ("never: [{ tool: apply_patch, input: { changes: [{ op: put }] } }]", "needs the key"),
        (
            "never: [{ tool: apply_patch, input: { changes: [{ op: putt, path: a, content: b }] } }]",
            "write `put`",
        ),
    ];
    for (expect, words) in cases {
        let workspace = given(READS, &format!("  - {{ name: n, expect: {{ {expect} }} }}\n"));
        for command in [&["test"][..], &["validate"]] {
            let ran = workspace.lgflow(command).ended(3);
            assert!(ran.stdout.contains(words), "{expect}:\n{}", ran.stdout);
        }
    }
    // a part of what a call has is no mistake, nor is what a model is asked
    let sound = "never: [{ tool: apply_patch, input: { dry_run: true } }, { tool: exec, input: { argv: [git, push] } }, { tool: llm, input: { anything: 1 } }, \
                 { tool: apply_patch, input: { changes: [{ op: put, path: a, content: b }] } }]";
    let workspace = given(READS, &format!("  - {{ name: n, expect: {{ {sound} }} }}\n"));
    workspace
        .write(".lg/policy.yaml", POLICY.replace("read_file: allow", "read_file: allow, list_files: allow"));
    workspace.lgflow(&["validate"]).ended(0);
}

#[test]
fn a_call_fails_with_what_its_tool_can_fail_with_alone() {
    let graph = "nodes:\n  a: { uses: read_file, with: { path: a.txt } }\n  e: { uses: exec, with: { argv: [cargo, test] } }\n  n: { uses: values }\nedges: [{ from: a, to: n, catch: [any] }, n -> e]\n";
    let finds = |which: &str, kind: &str, code: i32| {
        let case = format!(
            "  - {{ name: n, results: [{{ {which}, error: {{ kind: {kind} }} }}], expect: {{ status: failed }} }}\n"
        );
        given(graph, &case).lgflow(&["validate"]).ended(code).stdout
    };
    for (which, kind, words) in [
        ("node: a", "exit", "`read_file` never fails with `exit`"),
        ("node: a", "rejected", "the run itself decides that"),
        ("node: a", "expression", "the run itself decides that"),
        ("tool: exec", "unplanned", "the run itself decides that"),
        ("node: e", "mine", "an author's own kinds are those of `fail` nodes"),
        ("node: a", "not_fond", "write `not_found`"),
    ] {
        let found = finds(which, kind, 3);
        assert!(found.contains(words), "{which} {kind}:\n{found}");
    }
    for (which, kind) in [("node: a", "not_found"), ("node: e", "exit"), ("tool: read_file", "denied")] {
        finds(which, kind, 0);
    }
}

#[test]
fn what_a_list_of_calls_has_done_before_its_time_is_over_is_there_as_in_a_run() {
    let graph = "nodes:\n  b:\n    uses: batch\n    with:\n      calls: [{ tool: read_file, input: { path: a } }, { tool: exec, input: { argv: [cargo, test] } }]\n      tools: [read_file, exec]\n      max_calls: 2\n    timeout: 3s\n  after: { uses: values, with: { done: '{{ nodes.b.error.output.results | map(attribute=\"content\") }}', index: '{{ nodes.b.error.index | default(-1) }}' } }\nedges: [{ from: b, to: after, catch: [timeout] }]\noutputs: { after: '{{ nodes.after.output | default({}) }}' }\n";
    let case = |expect: &str| {
        format!(
            "  - name: hangs\n    results: [{{ tool: read_file, output: {{ content: x }} }}, {{ tool: exec, hangs: true }}]\n{expect}"
        )
    };
    // it is the attempt as a whole whose time is over
    let expect =
        "    expect: { outputs: { after: { done: [x], index: -1 } }, calls: [{ node: b, times: 2 }] }\n";
    is_green(graph, &case(expect));
    let workspace = given(graph, &case("    expect: {}\n"));
    workspace.lgflow(&["test", "--bless"]).ended(0);
    let blessed = workspace.read(".lg/tests/g.yaml");
    assert!(blessed.contains(r#""done":["x"]"#), "{blessed}");
    // and the first of its calls may be the one that hangs
    let first = "  - name: first\n    results: [{ tool: read_file, hangs: true }]\n    expect: { outputs: { after: { done: [], index: -1 } } }\n";
    is_green(graph, first);
    // a run that is over ends them likewise
    let bounded = format!("{graph}budgets: {{ wall: 1s }}\n");
    is_green(&bounded, &case("    expect: { status: out_of_budget }\n"));
}

#[test]
fn a_response_that_nothing_asks_for_fails_the_case() {
    let graph = "nodes:\n  sure: { uses: approval, with: { show: '?' } }\n  why: { uses: approval, with: { show: '?', response: { type: string } } }\nedges: [sure -> why]\n";
    let case = |sure: &str, why: &str| {
        format!(
            "  - name: asked\n    answers: [{{ node: sure, choice: approve{sure} }}, {{ node: why, {why} }}]\n    expect: {{ path: [sure, why] }}\n"
        )
    };
    is_green(graph, &case("", "choice: approve, response: so"));
    let problem = |cases: String| {
        let found = document(&given(graph, &cases), 1);
        found["files"][0]["cases"][0]["problems"].to_string()
    };
    let found = problem(case(", response: so", "choice: approve, response: so"));
    assert!(found.contains("nothing asks for this `response`"), "{found}");
    let found = problem(case("", "choice: reject, response: so"));
    assert!(found.contains("who rejects gives no `response`"), "{found}");
}
