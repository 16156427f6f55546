//! Information flow: what reaches what on the way through templates, channels, items, subgraphs, files and conditions, and
//! what the policy says of it, before a run and in it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::BTreeSet;

use lgflow::effect::{FrozenLayer, LayerRole, Provenance, Source, ToolCall};
use lgflow::policy::{Decision, Gate, Machine, PolicySet};
use lgflow::source::Sources;
use program::Workspace;
use serde_json::{Value, json};

const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow, read_file: allow, search_files: allow, list_files: allow, apply_patch: allow, llm: allow, http: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
commands:
  - { name: echo, program: echo, args: [['...']] }
  - { name: plain, program: printf, args: [['...']], runs_workspace_code: false }
network: [{ origin: 'http://127.0.0.1:9', methods: [POST] }]
sandbox: { mode: best_effort }
";

const PROMPT: &str = "prompts: { ask: { text: '{{ x }}' } }\n";

fn verdicts(graph: &str, flows: &str) -> Value {
    let workspace = Workspace::git();
    workspace.write("policy.yaml", format!("{POLICY}{flows}\n"));
    workspace
        .write("graph.yaml", format!("schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\n{graph}"));
    let arguments = ["plan", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    workspace.lgflow(&arguments).ended(0).json()["verdicts"].clone()
}

fn of<'a>(verdicts: &'a Value, node: &str) -> &'a Value {
    let found = verdicts.as_array().unwrap().iter().find(|verdict| verdict["node"] == node);
    found.unwrap_or_else(|| panic!("{node}: {verdicts:#}"))
}

#[track_caller]
fn assert_from_model(graph: &str, node: &str) {
    let verdicts = verdicts(graph, "");
    let sources = of(&verdicts, node)["sources"].to_string();
    assert!(sources.contains("llm:deterministic"), "{node}: {sources}\n{graph}");
}

const MODEL: &str = "  model: { uses: llm, with: { model: default, prompt: ask, vars: { x: hello } } }\n";

#[test]
fn the_label_of_a_model_follows_every_way() {
    let graph = |rest: &str| format!("{PROMPT}{rest}").replace("MODEL\n", MODEL);
    // a template
    assert_from_model(
        &graph(
            "nodes:\nMODEL\n  shell: { uses: exec, with: { argv: [echo, '{{ nodes.model.output.text }}'] } }\nedges: [model -> shell]\n",
        ),
        "shell",
    );
    // through other nodes
    assert_from_model(
        &graph(
            "nodes:\nMODEL\n  keep: { uses: values, with: { t: '{{ nodes.model.output.text }}' } }\n  shell: { uses: exec, with: { argv: [echo, '{{ nodes.keep.output.t }}'] } }\nedges: [model -> keep -> shell]\n",
        ),
        "shell",
    );
    // a condition between two constant command lines
    assert_from_model(
        &graph(
            "nodes:\nMODEL\n  shell: { uses: exec, with: { argv: [echo, constant] } }\n  other: { uses: values, with: { a: 1 } }\nedges:\n  - { from: model, to: shell, when: \"nodes.model.output.text == 'x'\" }\n  - { from: model, to: other, otherwise: true }\n",
        ),
        "shell",
    );
    // a channel
    assert_from_model(
        &graph(
            "state: { seen: { type: array, items: {}, reduce: append } }\nnodes:\n  model: { uses: llm, with: { model: default, prompt: ask, vars: { x: hello } }, update: { seen: '{{ output.text }}' } }\n  shell: { uses: exec, with: { argv: [echo, '{{ state.seen | length | string }}'] } }\nedges: [model -> shell]\n",
        ),
        "shell",
    );
    // items
    assert_from_model(
        &graph(
            "nodes:\nMODEL\n  shell: { uses: exec, for_each: { in: '[nodes.model.output.text]', as: it, max: 3 }, with: { argv: [echo, '{{ it }}'] } }\nedges: [model -> shell]\n",
        ),
        "shell",
    );
    // a subgraph
    assert_from_model(
        &graph(
            "graphs:\n  inner:\n    inputs: { t: { type: string } }\n    nodes:\n      shell: { uses: exec, with: { argv: [echo, '{{ inputs.t }}'] } }\nnodes:\nMODEL\n  sub: { uses: graph, with: { graph: inner, inputs: { t: '{{ nodes.model.output.text }}' } } }\nedges: [model -> sub]\n",
        ),
        "sub/shell",
    );
    // a file that was written and read again, in whatever order
    assert_from_model(
        &graph(
            "nodes:\nMODEL\n  write: { uses: apply_patch, with: { changes: [{ op: put, path: a.txt, content: '{{ nodes.model.output.text }}' }] } }\n  read: { uses: read_file, with: { path: a.txt } }\n  shell: { uses: exec, with: { argv: [echo, '{{ nodes.read.output.content }}'] } }\nedges: [model -> write -> read -> shell]\n",
        ),
        "shell",
    );
}

#[test]
fn what_no_model_touches_has_no_label_of_one() {
    let graph = format!(
        "inputs: {{ x: {{ type: string, default: a }} }}\n{PROMPT}nodes:\n{MODEL}  read: {{ uses: read_file, with: {{ path: a.txt }} }}\n  shell: {{ uses: exec, with: {{ argv: [echo, '{{{{ inputs.x }}}}', '{{{{ nodes.read.output.content }}}}'] }} }}\nedges: [read -> shell, model -> end, shell -> end]\n"
    );
    let graph = graph.replace("edges:", "  end: { uses: values, with: { a: 1 } }\nedges:");
    let verdicts = verdicts(&graph, "flows: [{ from: llm, to: exec.argv, verdict: deny }]");
    assert_eq!(of(&verdicts, "shell")["sources"], json!(["user", "workspace:a.txt"]));
    assert_ne!(of(&verdicts, "shell")["decision"], "deny");
}

#[test]
fn a_rule_decides_before_the_run_and_in_it() {
    let graph = format!(
        "{PROMPT}nodes:\n{MODEL}  shell: {{ uses: exec, with: {{ argv: [echo, constant] }} }}\nedges:\n  - {{ from: model, to: shell, when: \"nodes.model.output.text != ''\" }}\n"
    );
    let rule = "flows: [{ from: llm, to: exec.argv, verdict: deny }]";
    let planned = verdicts(&graph, rule);
    assert_eq!(of(&planned, "shell")["decision"], "deny", "{planned:#}");
    assert_eq!(of(&planned, "shell")["rule"]["rule"], "flows[llm -> exec.argv]");
    let workspace = Workspace::git();
    workspace.write("policy.yaml", format!("{POLICY}{rule}\n"));
    workspace.write("graph.yaml", format!("schema: lgflow.graph/v1\nname: g\n{graph}"));
    let run = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let refused = workspace.lgflow(&run).ended(4).json();
    assert_eq!(refused["nodes"]["shell"]["error"]["rule"]["rule"], "flows[llm -> exec.argv]", "{refused:#}");
    workspace
        .write("policy.yaml", format!("{POLICY}flows: [{{ from: http, to: exec.argv, verdict: deny }}]\n"));
    workspace.lgflow(&run).ended(0);
}

#[test]
fn whatever_turns_a_loop_is_a_source_of_all_that_runs_in_it() {
    let graph = |turning: &str| {
        format!(
            "state: {{ n: {{ type: integer, reduce: sum }} }}\nnodes:\n  head: {{ uses: values, update: {{ n: 1 }} }}\n  \
             read: {{ uses: read_file, with: {{ path: a.txt }} }}\n  next: {{ uses: values }}\n  \
             shell: {{ uses: exec, with: {{ argv: [echo, '{{{{ state.n | string }}}}'] }} }}\n\
             edges:\n  - head -> read\n{turning}\n  - {{ from: read, to: shell, always: true }}\n"
        )
    };
    for turning in [
        "  - read -> next\n  - { from: read, to: head, when: \"output.content == 'x'\", loop: { max: 3, exhausted: leave } }",
        "  - read -> next\n  - { from: read, to: head, catch: [not_found], loop: { max: 3, exhausted: leave } }",
        "  - { from: read, to: next, when: \"output.content == 'x'\" }\n  - { from: next, to: head, loop: { max: 3, exhausted: leave } }",
        "  - { from: read, to: next, catch: [not_found] }\n  - { from: next, to: head, loop: { max: 3, exhausted: leave } }",
    ] {
        let verdicts =
            verdicts(&graph(turning), "flows: [{ from: workspace, to: exec.argv, verdict: deny }]");
        let shell = of(&verdicts, "shell");
        assert!(shell["sources"].to_string().contains("workspace:a.txt"), "{turning}: {shell:#}");
        assert_eq!(shell["decision"], "deny", "{turning}: {shell:#}");
    }
}

#[test]
fn where_a_value_comes_from_decides_whatever_it_turns_out_to_be() {
    let graph = "nodes:\n  read: { uses: read_file, with: { path: a.txt } }\n  shell: { uses: exec, with: { argv: [echo, '{{ nodes.read.output.content }}'] } }\nedges: [read -> shell]\n";
    let shell = |verdict: &str| {
        let rule = format!("flows: [{{ from: workspace, to: exec.argv, verdict: {verdict} }}]");
        of(&verdicts(graph, &rule), "shell").clone()
    };
    let denied = shell("deny");
    assert_eq!(denied["decision"], "deny", "{denied:#}");
    assert_eq!(denied["rule"]["rule"], "flows[workspace -> exec.argv]", "{denied:#}");
    assert_eq!(denied["depends_on"].as_array().map_or(0, Vec::len), 0, "{denied:#}");
    let asks = shell("ask");
    assert_eq!(asks["decision"], "ask", "{asks:#}");
    assert_eq!(asks["depends_on"], json!(["nodes.read"]), "{asks:#}");
    assert_eq!(shell("allow")["decision"], "allow");
}

/// Nodes that are given what a model says, each with the rule that speaks of it.
const GIVEN: [(&str, &str); 7] = [
    ("{ uses: http, with: { url: 'http://127.0.0.1:9/', method: POST, body: SAID } }", "network"),
    ("{ uses: exec, with: { argv: [echo, a], stdin: SAID } }", "exec.stdin"),
    ("{ uses: search_files, with: { pattern: SAID } }", "search_files.pattern"),
    ("{ uses: read_file, with: { path: SAID } }", "read_file.path"),
    ("{ uses: apply_patch, with: { patch: SAID } }", "apply_patch"),
    (
        "{ uses: batch, with: { calls: [{ tool: exec, input: { argv: [echo, SAID] } }], tools: [exec], max_calls: 3 } }",
        "exec.argv",
    ),
    ("{ uses: llm, with: { model: default, prompt: ask, vars: { x: SAID }, tools: [exec] } }", "exec"),
];

#[test]
fn whichever_parameter_a_flow_reaches_and_whoever_chooses_the_call_it_is_told_before_the_run() {
    let said = |verdict: &str| {
        let found = GIVEN.map(|(node, to)| {
            let node = node.replace("SAID", "'{{ nodes.model.output.text }}'");
            let graph = format!("{PROMPT}nodes:\n{MODEL}  given: {node}\nedges: [model -> given]\n");
            let found = verdicts(&graph, &format!("flows: [{{ from: llm, to: {to}, verdict: {verdict} }}]"));
            let given: Vec<&Value> =
                found.as_array().unwrap().iter().filter(|one| one["node"] == "given").collect();
            (*given.last().unwrap()).clone()
        });
        found.map(|found| (found["decision"].as_str().unwrap().to_owned(), found["rule"]["rule"].clone()))
    };
    for (verdict, found) in [("deny", said("deny")), ("ask", said("ask"))] {
        for ((decision, rule), (node, to)) in found.into_iter().zip(GIVEN) {
            assert_eq!(
                (decision.as_str(), &rule),
                (verdict, &json!(format!("flows[llm -> {to}]"))),
                "{node}"
            );
        }
    }
    assert!(said("allow").iter().all(|(decision, _)| decision == "allow"));
    // a call that may have no parameter at all is no flow yet
    let graph = format!(
        "{PROMPT}nodes:\n{MODEL}  given: {{ uses: batch, with: {{ calls: \"{{{{ [{{'tool': nodes.model.output.text, 'input': {{}}}}] }}}}\", tools: [list_files], max_calls: 3 }} }}\nedges: [model -> given]\n"
    );
    let found = verdicts(&graph, "flows: [{ from: llm, to: list_files, verdict: deny }]");
    assert_eq!(of(&found, "given")["decision"], "allow", "{found:#}");
}

#[test]
fn what_a_flow_denies_is_found_at_its_parameter_and_is_denied_in_the_run() {
    let graph = format!(
        "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\n{PROMPT}nodes:\n{MODEL}  given: {{ uses: exec, with: {{ argv: [echo, a], stdin: '{{{{ nodes.model.output.text }}}}' }} }}\nedges: [model -> given]\n"
    );
    let workspace = Workspace::git();
    workspace.write("graph.yaml", &graph);
    workspace
        .write("policy.yaml", format!("{POLICY}flows: [{{ from: llm, to: exec.stdin, verdict: deny }}]\n"));
    let column = graph.lines().nth(6).unwrap().find("'{{ nodes").unwrap() + 1;
    let found = workspace.lgflow(&["validate", "graph.yaml"]).ended(3).stdout;
    assert!(found.contains(&format!("[graph.yaml:7:{column}]")), "{found}");
    assert!(found.contains("`given` calls `exec`, which its policy can never allow"), "{found}");
    let run = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let refused = workspace.lgflow(&run).ended(4).json();
    assert_eq!(refused["nodes"]["given"]["error"]["rule"]["rule"], "flows[llm -> exec.stdin]", "{refused:#}");
}

#[test]
fn code_that_a_model_wrote_runs_in_the_strict_sandbox_alone_unless_the_grant_says_otherwise() {
    let graph = format!(
        "schema: lgflow.graph/v1\nname: g\n{PROMPT}nodes:\n{MODEL}  write: {{ uses: apply_patch, with: {{ changes: [{{ op: put, path: a.txt, content: '{{{{ nodes.model.output.text }}}}' }}] }} }}\n  shell: {{ uses: exec, with: {{ argv: [echo, constant] }} }}\n  plain: {{ uses: exec, with: {{ argv: [printf, constant] }} }}\nedges: [model -> write, write -> plain, plain -> shell]\n"
    );
    let workspace = Workspace::git();
    workspace.write("graph.yaml", &graph);
    let run = |policy: &str, code: i32| {
        workspace.write("policy.yaml", policy);
        let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
        workspace.lgflow(&arguments).ended(code).json()
    };
    let refused = run(POLICY, 4);
    assert_eq!(
        refused["nodes"]["plain"]["status"], "succeeded",
        "it runs no code of the workspace\n{refused:#}"
    );
    let message = refused["nodes"]["shell"]["error"]["message"].as_str().unwrap();
    assert!(message.contains("what `llm:deterministic` wrote"), "{message}");
    run(&format!("{POLICY}flows: [{{ from: llm, to: code, verdict: allow }}]\n"), 0);
    // the same call, where nobody has written anything
    workspace.write("graph.yaml", graph.replace("{{ nodes.model.output.text }}", "constant"));
    run(POLICY, 0);
}

#[test]
fn a_command_is_denied_before_the_run_where_on_every_way_to_it_others_have_written() {
    const WRITE: &str = "  write: { uses: apply_patch, with: { changes: [{ op: put, path: a.txt, content: '{{ nodes.model.output.text }}' }] } }\n";
    const SHELL: &str = "  shell: { uses: exec, with: { argv: [echo, constant] } }\n";
    let graph = |nodes: &str, edges: &str| format!("{PROMPT}nodes:\n{MODEL}{nodes}edges: {edges}\n");
    let shell = |graph: &str, at: &str| {
        let found = verdicts(graph, "");
        let shell = of(&found, at);
        (shell["decision"].as_str().unwrap().to_owned(), shell["depends_on"].clone())
    };
    let (denied, perhaps) =
        (("deny".to_owned(), json!([])), ("allow".to_owned(), json!(["what was written before"])));
    let both = [WRITE, SHELL].concat();
    assert_eq!(shell(&graph(&both, "[model -> write -> shell]"), "shell"), denied);
    let other = "  other: { uses: values, with: { a: 1 } }\n";
    let turned = "[model -> write -> other -> shell, { from: other, to: write, when: 'nodes.model.output.text == \"x\"', loop: { max: 2 } }]";
    assert_eq!(shell(&graph(&[both.as_str(), other].concat(), turned), "shell"), denied);
    let second = WRITE.replace("  write:", "  again:");
    let either = "[{ from: model, to: write, when: 'nodes.model.output.text == \"x\"' }, { from: model, to: again, otherwise: true }, write -> shell, again -> shell]";
    assert_eq!(shell(&graph(&[both.as_str(), &second].concat(), either), "shell"), denied);
    let inner =
        "graphs:\n  inner:\n    nodes:\n      shell: { uses: exec, with: { argv: [echo, constant] } }\n";
    let sub = "  sub: { uses: graph, with: { graph: inner } }\n";
    let nested = format!("{inner}{}", graph(&[WRITE, sub].concat(), "[model -> write -> sub]"));
    assert_eq!(shell(&nested, "sub/shell"), denied);
    for (nodes, edges) in [
        (both.clone(), "[model -> shell -> write]"),
        (both.clone(), "[model -> write, { from: write, to: shell, always: true }]"),
        (both.clone(), "[model -> write, { from: write, to: shell, catch: [conflict] }]"),
        (
            both.replace(
                "apply_patch, with",
                "apply_patch, skip_when: \"nodes.model.output.text == 'x'\", with",
            ),
            "[model -> write -> shell]",
        ),
        ([both.as_str(), other].concat(), "[model -> write -> shell, model -> other -> shell]"),
        (
            SHELL.replace("[echo, constant] }", "[echo, a], stdin: '{{ nodes.model.output.text }}' }"),
            "[model -> shell]",
        ),
    ] {
        assert_eq!(shell(&graph(&nodes, edges), "shell"), perhaps, "{nodes}{edges}");
    }
    // what is not sure is no finding, and the run goes ahead
    let workspace = Workspace::git();
    workspace.write("policy.yaml", POLICY);
    let sound = graph(&both, "[model -> shell -> write]");
    workspace
        .write("graph.yaml", format!("schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\n{sound}"));
    workspace.lgflow(&["validate", "graph.yaml", "--deny-warnings"]).ended(0);
    workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "policy.yaml"]).ended(0);
    workspace
        .write("graph.yaml", format!("schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\n{nested}"));
    let found = workspace.lgflow(&["validate", "graph.yaml"]).ended(3).stdout;
    assert!(found.contains("`sub/shell` calls `exec`, which its policy can never allow"), "{found}");
}

fn gate(grant: &str, ceilings: &[&str]) -> Gate {
    let layer = |(at, text): (usize, &str)| FrozenLayer {
        name: format!("{at}.yaml"),
        role: if at == 0 { LayerRole::Grant } else { LayerRole::Ceiling },
        text: text.to_owned(),
        syntax: "yaml".to_owned(),
        includes: Vec::new(),
        within: std::collections::BTreeSet::new(),
    };
    let layers: Vec<FrozenLayer> =
        std::iter::once(grant).chain(ceilings.iter().copied()).enumerate().map(layer).collect();
    Gate::new(PolicySet::compile(&layers, &mut Sources::default()).unwrap(), Machine::complete())
}

#[test]
fn what_is_not_told_comes_from_everywhere_and_a_forged_silence_helps_nobody() {
    let call = |provenance: Option<&str>| ToolCall {
        provenance: provenance.map(|text| Box::new(Provenance::of_all(BTreeSet::from([Source::read(text)])))),
        ..ToolCall::new("exec", json!({ "argv": ["printf", "x"] }))
    };
    let ceiling = "schema: lgflow.policy/v1\nname: c\nflows: [{ from: 'http:https://a:443', to: exec, verdict: deny }]\n";
    let gate = gate(POLICY, &[ceiling]);
    let cases = [
        (None, Decision::Deny),
        (Some("any"), Decision::Deny),
        (Some("something-new"), Decision::Deny),
        (Some("http"), Decision::Deny),
        (Some("http:https://a:443"), Decision::Deny),
        (Some("http:https://b:443"), Decision::Allow),
        (Some("llm:x"), Decision::Allow),
        (Some("user"), Decision::Allow),
    ];
    for (provenance, expected) in cases {
        assert_eq!(gate.explain(&call(provenance)).decision, expected, "{provenance:?}");
    }
    let mut half = call(Some("user"));
    let named = std::collections::BTreeMap::from([("cwd".to_owned(), BTreeSet::from([Source::User]))]);
    half.provenance = Some(serde_json::from_value(json!(named)).unwrap());
    assert_eq!(
        gate.explain(&half).decision,
        Decision::Deny,
        "a parameter that is not told counts as everything"
    );
}

#[test]
fn a_ceiling_cannot_allow_code_of_others_and_a_word_that_is_no_source_is_told() {
    let workspace = Workspace::git();
    workspace.write("bad.yaml", format!("{POLICY}flows: [{{ from: lmm, to: exec.argv, verdict: ask }}, {{ from: llm, to: exce, verdict: ask }}]\n"));
    let found = workspace.lgflow(&["validate", "bad.yaml", "--format", "json"]).ended(3).json();
    let helps: Vec<&str> =
        found["diagnostics"].as_array().unwrap().iter().filter_map(|one| one["help"].as_str()).collect();
    assert_eq!(helps, ["write `llm`", "write `exec`"], "{found:#}");
}
