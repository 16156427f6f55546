//! A model that asks for tools, by a script: what it asks for is decided and played like any call.

use crate::program::Workspace;

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: agents
policy: [policy.yaml]
prompts: { ask: { text: 'What is in a.txt?' } }
nodes:
  agent:
    uses: llm
    with: { model: default, prompt: ask, tools: [read_file, apply_patch], max_rounds: 3 }
  plain: { uses: llm, with: { model: default, prompt: ask } }
edges: [agent -> plain]
outputs: { said: '{{ nodes.agent.output.text }}' }
";
const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { read_file: allow, apply_patch: ask, llm: allow }
paths:
  read: { allow: ['**'], deny: ['secret/**'] }
  write: { allow: ['src/**'] }
";
const CASES: &str = "\
schema: lgflow.test/v1
graph: ../graph.yaml
cases:
  - name: what it asks for is decided, and told to it
    results:
      - node: agent
        tool: llm
        call: 1
        asks:
          - { tool: read_file, input: { path: a.txt } }
          - { tool: read_file, input: { path: secret/key } }
          - { tool: rm, input: { all: true } }
          - { tool: read_file, input: 'no json' }
          - { tool: read_file }
      - { node: agent, tool: read_file, call: 1, output: { content: one } }
      - { node: agent, tool: read_file, call: 2, error: { kind: invalid_input } }
      - { node: agent, tool: llm, call: 2, output: { text: it says one } }
      - { node: plain, output: { text: fine }, tokens: 5 }
    expect:
      status: succeeded
      path: [agent, plain]
      outputs: { said: it says one }
      calls:
        - { node: agent, tool: llm, times: 2 }
        - { node: agent, tool: read_file, times: 2 }
        - { tool: read_file, input: { path: a.txt } }
      denied: [{ node: agent, tool: read_file, rule: paths.read.deny }]
      never: [{ tool: apply_patch }]
  - name: a change that it asks for waits for a person
    results:
      - { node: agent, tool: llm, asks: [{ tool: apply_patch, input: { changes: [{ op: put, path: src/a, content: x }] } }] }
    expect: { status: suspended, waiting: [agent] }
  - name: it does not go on for ever
    results:
      - { node: agent, tool: llm, asks: [{ tool: read_file, input: { path: a.txt } }] }
      - { node: agent, tool: read_file, output: { content: one } }
    expect: { status: failed, error: { node: agent, kind: limit }, calls: [{ node: agent, tool: read_file, times: 3 }] }
";

fn workspace(cases: &str) -> Workspace {
    let workspace = Workspace::git();
    workspace.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY);
    workspace.write(".lg/tests/agents.yaml", cases);
    workspace
}

#[test]
fn a_scripted_model_asks_for_tools() {
    let ran = workspace(CASES).lgflow(&["test"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    // a call that it asks for and that nothing stands for fails the case
    let missing =
        CASES.replace("      - { node: agent, tool: read_file, call: 1, output: { content: one } }\n", "");
    let ran = workspace(&missing).lgflow(&["test"]).ended(1);
    assert!(
        ran.stdout.contains("no result is scripted for call 2 of `agent`: `read_file`"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_can_ask_for_no_tools_is_scripted_to_ask_for_none() {
    let case = |result: &str| {
        format!(
            "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - name: n\n    results: [{{ {result} }}]\n    expect: {{}}\n"
        )
    };
    for (result, said) in [
        ("node: plain, asks: [{ tool: read_file }]", "the model of `plain` is given no tools"),
        ("tool: read_file, asks: [{ tool: read_file }]", "`read_file` asks for no tools"),
        ("node: agent, asks: []", "asks for one at least"),
        ("node: agent, asks: [{ input: {} }]", "`tool`"),
        ("node: agent, asks: [{ tool: read_file }], output: {}", "`asks`"),
    ] {
        let ran = workspace(&case(result)).lgflow(&["validate"]).ended(3);
        assert!(ran.stdout.contains(said), "{result}: {}", ran.stdout);
    }
    let tool = "tool: llm, asks: [{ tool: read_file }]";
    workspace(&case(tool)).lgflow(&["validate"]).ended(0);
    let none = workspace(&case(tool));
    none.write(".lg/graph.yaml", GRAPH.replace(", tools: [read_file, apply_patch], max_rounds: 3", ""));
    let ran = none.lgflow(&["validate"]).ended(3);
    assert!(ran.stdout.contains("no model of this graph is given tools"), "{}", ran.stdout);
}
