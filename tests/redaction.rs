//! What is declared as a secret leaves the runner in no form: not in the trace, not in the store, not in what is printed,
//! not in an error.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lgflow::digest::Digest;
use program::{Ran, Workspace};

/// Of the environment; each kind of escape changes it.
const TOKEN: &str = "s3cr3t/\"tök en\"+of&the=environment";
/// Of a file.
const KEY: &str = "-----BEGIN KEY-----\nMIIcorrecthorsebattery\nstaple==\n-----END KEY-----";
/// One that could be guessed.
const PIN: &str = "48151623";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow, read_file: allow, search_files: allow, llm: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
commands:
  - name: sh
    program: sh
    args: [[-c, '*']]
    sandbox: { env: { pass: [TOKEN] } }
redact: [{ name: card, pattern: 'card-[0-9]{6}' }]
sandbox: { mode: best_effort }
";

/// A node for each way to let it out.
fn graph() -> String {
    let scripts = [
        ("whole", "printf %s \"$TOKEN\"; printf %s \"$TOKEN\" 1>&2"),
        ("split", "printf %s \"${TOKEN%????????}\"; sleep 0.1; printf %s \"${TOKEN#\"${TOKEN%????????}\"}\""),
        ("lines", "cat key.txt; cat key.txt 1>&2"),
        ("json", "cat whole.json"),
        ("base64", "printf 'x%s' \"$TOKEN\" | base64 -w0; base64 -w0 key.txt"),
        ("hex", "printf %s \"$TOKEN\" | od -An -v -tx1 | tr -d ' \\n'"),
        ("card", "echo {{ 'card-' ~ 123456 }}"),
        ("many", "yes \"$TOKEN\" | head -c 200000"),
        ("file", "printf %s \"$TOKEN\" > \"out.txt\"; cp key.txt \"copy.txt\""),
        ("fails", "printf %s \"$TOKEN\" 1>&2; exit 3"),
    ];
    let mut text = String::from("schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\nnodes:\n");
    for (name, script) in scripts {
        let script = serde_json::to_string(script).unwrap();
        writeln!(text, "  {name}: {{ uses: exec, with: {{ argv: [sh, -c, {script}] }} }}").unwrap();
    }
    for (name, path) in [("read_key", "key.txt"), ("read_pin", "pin.txt")] {
        writeln!(text, "  {name}: {{ uses: read_file, with: {{ path: {path} }} }}").unwrap();
    }
    text += "  search: { uses: search_files, with: { pattern: 'MII.*' } }\n";
    text += "  after: { uses: values, with: { message: '{{ nodes.fails.error.message }} {{ nodes.fails.error.output.stderr }}' } }\n";
    text += "edges:\n  - { from: fails, to: after, catch: [exit] }\n";
    for name in [
        "whole", "split", "lines", "json", "base64", "hex", "card", "many", "file", "read_key", "read_pin",
        "search",
    ] {
        writeln!(text, "  - {name} -> end").unwrap();
    }
    text = text.replace("edges:\n", "  end: { uses: values, with: { done: true } }\nedges:\n");
    text + "outputs:\n  whole: '{{ nodes.whole.output.stdout }}'\n  failure: '{{ nodes.after.output.message | default(\"\") }}'\n  patch: '{{ nodes.file.output.patch }}'\n  pin: '{{ nodes.read_pin.output.digest }}'\n"
}

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    let config = workspace.outside().join("home/.config/lgflow");
    fs::create_dir_all(&config).unwrap();
    let file = |name: &str| workspace.path().join(name).display().to_string();
    let text = format!(
        "[secrets.TOKEN]\nenv = \"TOKEN\"\nfor = [{{ tool = \"http\", origin = \"https://a.example:443\", as = \"header Authorization\" }}]\n\n\
         [secrets.KEY]\nfile = \"{}\"\n\n[secrets.PIN]\nfile = \"{}\"\n\n[secrets.ABSENT]\nenv = \"NOT_SET_ANYWHERE\"\n",
        file("key.txt"),
        file("pin.txt")
    );
    fs::write(config.join("config.toml"), text).unwrap();
    workspace.write("key.txt", format!("{KEY}\n")).write("pin.txt", PIN);
    let json = serde_json::json!({ "key": KEY, "token": TOKEN }).to_string();
    workspace.write("whole.json", json);
    workspace.write("policy.yaml", POLICY).write("graph.yaml", graph());
    workspace
}

fn lgflow(workspace: &Workspace, arguments: &[&str]) -> Ran {
    Ran::from(workspace.command(arguments).env("TOKEN", TOKEN).output().unwrap())
}

/// Every form that must be nowhere, with what it is.
fn forms() -> Vec<(&'static str, String)> {
    let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let hex = lgflow::digest::hex;
    vec![
        ("the variable", TOKEN.to_owned()),
        ("the variable in JSON", json(TOKEN)),
        ("the variable in JSON in JSON", json(&json(TOKEN))),
        ("the variable in hex", hex(TOKEN.as_bytes())),
        // `printf 'x%s' "$TOKEN" | base64`, from where it is the same whatever stands around
        ("the variable in base64", "czNjcjN0LyJ0w7ZrIGVu".to_owned()),
        ("the variable behind another letter in base64", "zY3IzdC8idMO2ayBlbiIrb2YmdGhl".to_owned()),
        ("a piece of the variable", "tök en\\\"+of&the=env".to_owned()),
        ("the file", KEY.to_owned()),
        ("the file in JSON", json(KEY)),
        ("a line of the file", "MIIcorrecthorsebattery\\nstaple==\\n-----END".to_owned()),
        ("the file in base64", "LS0tLS1CRUdJTiBLRVktLS0tLQpNSUljb3JyZWN0aG9yc2ViYXR0ZXJ5".to_owned()),
        ("the number", PIN.to_owned()),
        ("the digest of the number", Digest::of(PIN).to_string()["sha256:".len()..].to_owned()),
        ("what the pattern matches", "card-123456".to_owned()),
    ]
}

fn assert_clean(what: &str, text: &str) {
    for (name, form) in forms() {
        assert!(!text.contains(&form), "{name} is in {what}:\n{text}");
    }
}

/// Everything beneath a folder, names included.
fn assert_folder_clean(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        assert_clean("a name", &path.display().to_string());
        if path.is_dir() {
            files += assert_folder_clean(&path);
        } else {
            files += 1;
            assert_clean(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
    files
}

#[test]
fn a_secret_of_the_environment_and_one_of_a_file_are_nowhere_after_a_run_that_prints_them() {
    let workspace = workspace();
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--trace", "--format", "json"];
    let ran = lgflow(&workspace, &arguments).ended(0);
    let document = ran.json();
    assert_clean("the document", &ran.stdout);
    assert_clean("what is said beside it", &ran.stderr);
    assert!(assert_folder_clean(&workspace.state()) > 1);
    assert!(assert_folder_clean(&workspace.path().join("artifacts")) > 0);
    // it was printed, and what stands in its place says which one it was
    let outputs = &document["outputs"];
    assert_eq!(outputs["whole"], "[redacted:TOKEN]");
    assert!(outputs["failure"].as_str().unwrap().contains("[redacted:TOKEN]"), "{outputs}");
    let patch = outputs["patch"].as_str().unwrap();
    assert!(patch.contains("[redacted:TOKEN]") && patch.contains("copy.txt"), "{patch}");
    assert!(outputs["pin"].as_str().unwrap().starts_with("hmac-sha256:"), "{outputs}");
    let trace = fs::read_to_string(workspace.path().join(document["trace"].as_str().unwrap())).unwrap();
    assert!(trace.contains("[redacted:TOKEN]") && trace.contains("[redacted:card]"), "{trace}");
    assert!(trace.contains("\"redacted\":"), "what was taken out is counted\n{trace}");
    workspace.lgflow(&["trace", "verify", document["trace"].as_str().unwrap()]).ended(0);
}

#[test]
fn a_single_call_is_clean_too() {
    let workspace = workspace();
    let call = r#"{"argv": ["sh", "-c", "printf '%s' \"$TOKEN\"; cat key.txt 1>&2; exit 2"]}"#;
    let ran = lgflow(&workspace, &["tool", "call", "exec", call, "--policy", "policy.yaml"]).ended(1);
    assert_clean("the result", &ran.stdout);
    assert_clean("the error", &ran.stderr);
    let result = ran.json();
    assert_eq!(result["stdout"], "[redacted:TOKEN]", "{result:#}");
    assert!(result["redacted"].as_u64().unwrap() >= 2, "{result:#}");
}

#[test]
fn a_run_that_would_carry_a_secret_in_its_inputs_or_its_graph_does_not_begin() {
    let workspace = workspace();
    let graph = "schema: lgflow.graph/v1\nname: g\ninputs: { x: { type: string } }\nnodes:\n  one: { uses: values, with: { x: '{{ inputs.x }}' } }\n";
    workspace.write("input.yaml", graph);
    let input = format!("x=before {TOKEN} after");
    let ran = lgflow(&workspace, &["run", "-g", "input.yaml", "-i", &input]).ended(1);
    assert!(ran.stderr.contains("the input `x` holds the value of the secret `TOKEN`"), "{}", ran.stderr);
    assert_clean("the refusal", &ran.stderr);
    workspace.write("held.yaml", graph.replace("'{{ inputs.x }}'", PIN));
    let ran = lgflow(&workspace, &["run", "-g", "held.yaml", "-i", "x=1"]).ended(1);
    assert!(ran.stderr.contains("`held.yaml` holds the value of the secret `PIN`"), "{}", ran.stderr);
    lgflow(&workspace, &["run", "-g", "input.yaml", "-i", "x=1"]).ended(0);
}

#[test]
fn a_short_secret_is_refused_and_a_workspace_declares_none() {
    let workspace = workspace();
    workspace.write("pin.txt", "1234567");
    let ran = lgflow(&workspace, &["run", "-g", "graph.yaml", "--policy", "policy.yaml"]).ended(1);
    assert!(ran.stderr.contains("the secret `PIN` has fewer than 8 bytes"), "{}", ran.stderr);
    let workspace = Workspace::git();
    workspace.write(".lg/config.toml", "[secrets.TOKEN]\nenv = \"TOKEN\"\n");
    workspace.write(
        ".lg/graph.yaml",
        "schema: lgflow.graph/v1\nname: g\nnodes:\n  a: { uses: values, with: { b: 1 } }\n",
    );
    let ran = workspace.lgflow(&["run"]).ended(3);
    assert!(ran.stderr.contains("not-here") && ran.stderr.contains(".lg/config.toml:1:2"), "{}", ran.stderr);
}

#[test]
fn a_declaration_that_says_too_little_is_told_with_its_place() {
    let workspace = Workspace::git();
    let config = workspace.outside().join("home/.config/lgflow");
    fs::create_dir_all(&config).unwrap();
    let declarations = "\
[secrets.A]
[secrets.B]
env = \"X\"
file = \"/x\"
[secrets.C]
file = \"x\"
[secrets.D]
env = \"X\"
fro = []
for = [
  { tool = \"http\", origin = \"https://a.example\", as = \"header A\" },
  { tool = \"http\", origin = \"https://a.example:443\", as = \"query key\" },
  { tool = \"read_file\", origin = \"https://a.example:443\", as = \"header A\" },
  { tool = \"http\" },
]
";
    fs::write(config.join("config.toml"), declarations).unwrap();
    let found = workspace.lgflow(&["config", "--format", "json"]).ended(3).json();
    let found: Vec<String> = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["labels"][0]["line"], one["code"].as_str().unwrap()))
        .collect();
    for expected in [
        "1 missing-key",
        "4 conflicting-keys",
        "6 bad-value",
        "9 unknown-key",
        "11 bad-value",
        "12 bad-value",
        "13 bad-value",
        "14 missing-key",
    ] {
        assert!(found.iter().any(|one| one == expected), "{expected} is not in {found:?}");
    }
}

/// What a pattern matches comes in by an input and by a person, and goes through every place that a run has.
const KEPT: &str = r#"schema: lgflow.graph/v1
name: kept
inputs: { v: { type: string } }
state: { note: { type: string, default: "", reduce: replace } }
graphs:
  inner:
    inputs: { w: { type: string } }
    nodes: { text: { uses: values, with: { t: "in-{{ inputs.w }}" } } }
    outputs: { t: "{{ nodes.text.output.t }}" }
nodes:
  text: { uses: values, with: { id: "id-{{ inputs.v }}" }, update: { note: "note-{{ inputs.v }}" } }
  inner: { uses: graph, with: { graph: inner, inputs: { w: "{{ inputs.v }}" } } }
  ask: { uses: approval, with: { show: "go on with {{ inputs.v }}?", response: { type: object } } }
  wait: { uses: approval, with: { show: "sure?" } }
  put:
    uses: apply_patch
    with:
      changes:
        - op: put
          path: out.txt
          content: "{{ inputs.v }} {{ nodes.text.output.id }} {{ state.note }} {{ nodes.inner.output.t }} {{ nodes.ask.output.comment }} {{ nodes.ask.output.response.n }}"
edges: [text -> inner -> ask -> wait -> put]
"#;

const KEPT_POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { apply_patch: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
redact: [{ name: num, pattern: '[0-9]{6,}' }]
";

/// What the run has in the end, as nothing was taken out of it.
const WHOLE: &str = "order-1234567 id-order-1234567 note-order-1234567 in-order-1234567 see 7654321 11223344";

fn kept() -> (Workspace, String) {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", KEPT).write("policy.yaml", KEPT_POLICY);
    let arguments =
        ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "-i", "v=order-1234567", "--format", "json"];
    let run = workspace.lgflow(&arguments).ended(5).json()["run"].as_str().unwrap().to_owned();
    let answer = ["--comment", "see 7654321", "--response", r#"{"n": "11223344"}"#];
    workspace.lgflow(&[&["approve", &run, "ask"], &answer[..]].concat()).ended(0);
    workspace.lgflow(&["runs", "resume", &run]).ended(5);
    workspace.lgflow(&["approve", &run, "wait"]).ended(0);
    (workspace, run)
}

#[track_caller]
fn untold(workspace: &Workspace, run: &str) {
    let trace = workspace.lgflow(&["trace", "show", run, "--format", "json"]).ended(0).stdout;
    for number in ["1234567", "7654321", "11223344"] {
        assert!(!trace.contains(number), "{number} is in the trace:\n{trace}");
    }
    assert!(trace.contains("[redacted:num]"), "{trace}");
    workspace.lgflow(&["trace", "verify", run, "--allow", "incomplete"]).ended(0);
    workspace.lgflow(&["replay", run]).ended(0);
}

#[test]
fn a_run_that_is_gone_on_with_has_what_patterns_took_out_of_its_trace() {
    let (workspace, run) = kept();
    untold(&workspace, &run);
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert_eq!(workspace.read("out.txt"), WHOLE);
    untold(&workspace, &run);
    // and so has one that is forked from it
    let forked =
        workspace.lgflow(&["runs", "fork", &run, "--from", "ask", "--format", "json"]).ended(5).json();
    let forked = forked["run"].as_str().unwrap();
    let answer = ["--comment", "see 7654321", "--response", r#"{"n": "11223344"}"#];
    workspace.lgflow(&[&["approve", forked, "ask"], &answer[..]].concat()).ended(0);
    workspace.lgflow(&["runs", "resume", forked]).ended(5);
    workspace.lgflow(&["approve", forked, "wait"]).ended(0);
    workspace.write("out.txt", "");
    workspace.lgflow(&["runs", "resume", forked]).ended(0);
    assert_eq!(workspace.read("out.txt"), WHOLE);
    untold(&workspace, forked);
}

#[test]
fn a_run_does_not_go_on_without_what_patterns_took_out_of_its_trace() {
    let (workspace, run) = kept();
    let replies = fs::read_dir(workspace.state().join("ledger")).unwrap().find_map(|folder| {
        let folder = folder.unwrap().path().join("replies");
        folder.is_dir().then_some(folder)
    });
    // the answer that is in the trace already, and not whole
    let answered: Vec<_> = fs::read_dir(replies.unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    let answered =
        answered.iter().find(|path| fs::read_to_string(path).unwrap().contains("7654321")).unwrap();
    let text = fs::read(answered).unwrap();
    fs::remove_file(answered).unwrap();
    let refused = workspace.lgflow(&["runs", "resume", &run]).ended(1).stderr;
    assert!(
        refused.contains("a redaction pattern took something out of event ")
            && refused.contains("(`approval.granted`), and what it was is not on record"),
        "{refused}"
    );
    assert!(!workspace.path().join("out.txt").exists());
    fs::write(answered, text).unwrap();
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert_eq!(workspace.read("out.txt"), WHOLE);
}

/// Commands, patches, a question with choices, one of the policy, and names that are long.
const WORDS: &str = r#"schema: lgflow.graph/v1
name: words
inputs: { v: { type: string, default: one } }
nodes:
  command: { uses: exec, with: { argv: [printf, "%s%s", dead, beef] } }
  patch: { uses: apply_patch, with: { changes: [{ op: put, path: a/b.txt, content: "a\n" }] } }
  asked: { uses: approval, with: { show: "sure?", options: [deploytheserviceeverywhere, no] } }
  last: { uses: apply_patch, with: { changes: [{ op: put, path: last.txt, content: "{{ nodes.asked.output.choice }} {{ inputs.v }}\n" }] } }
edges: [command -> patch -> asked -> last]
"#;

const WORDS_POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow, apply_patch: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['a/**'], ask: ['last.txt'] } }
commands: [{ name: printf, program: printf, args: [['*', '*', '*']] }]
redact: [{ name: hex, pattern: '[0-9a-f]{6,}' }, { name: token, pattern: '[A-Za-z0-9]{20,}' }]
sandbox: { mode: best_effort }
";

const RUN_WORDS: [&str; 7] = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];

#[test]
fn patterns_leave_the_traces_own_words() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", WORDS).write("policy.yaml", WORDS_POLICY);
    let on = |run: &str, code: i32| {
        let resumed = workspace.lgflow(&["runs", "resume", run, "--format", "json"]);
        resumed.ended(code).json()
    };
    let through = |run: &str| {
        let choice = ["approve", run, "asked", "--choice", "deploytheserviceeverywhere"];
        workspace.lgflow(&choice).ended(0);
        on(run, 5);
        workspace.approve(run);
        on(run, 0)
    };
    let run = workspace.lgflow(&RUN_WORDS).ended(5).json();
    let run = run["run"].as_str().unwrap();
    through(run);
    assert_eq!(workspace.read("last.txt"), "deploytheserviceeverywhere one\n");
    let exported = workspace.lgflow(&["trace", "export", run, "--to", "json"]).ended(0).json();
    let facts = &exported["facts"];
    for name in ["graph_digest", "policy_digest", "inputs_digest"] {
        assert!(facts[name].as_str().unwrap().starts_with("sha256:"), "{name}: {facts:#}");
        assert!(!facts[name].as_str().unwrap().contains("redacted"), "{name}: {facts:#}");
    }
    let trace = workspace.lgflow(&["trace", "show", run, "--format", "json"]).ended(0).stdout;
    assert!(!trace.contains("deadbeef") && trace.contains("[redacted:hex]"), "{trace}");
    workspace.lgflow(&["trace", "verify", run]).ended(0);
    workspace.lgflow(&["replay", run]).ended(0);
    // a patch is known by its digests, and taken over
    workspace.lgflow(&["runs", "undo", run, "--to", "last"]).ended(5);
    let undo = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let undo =
        undo["runs"].as_array().unwrap().iter().find(|row| row["status"] == "suspended").unwrap().clone();
    let undo = undo["run"].as_str().unwrap();
    workspace.approve(undo);
    on(undo, 0);
    assert!(!workspace.path().join("last.txt").exists());
    let forked = ["runs", "fork", run, "--from", "last", "-i", "v=two", "--format", "json"];
    let forked = workspace.lgflow(&forked).ended(5).json()["run"].as_str().unwrap().to_owned();
    let ended = through(&forked);
    let nodes = ended["forked"]["nodes"].as_array().unwrap();
    let patch = nodes.iter().find(|node| node["node"] == "patch").unwrap();
    assert_eq!((&patch["reused"], &patch["made"]), (&1.into(), &0.into()), "{ended:#}");
    assert_eq!(workspace.read("last.txt"), "deploytheserviceeverywhere two\n");
    workspace.lgflow(&["trace", "verify", &forked]).ended(0);
}

#[test]
fn an_answer_that_carries_a_secret_is_refused_and_recorded_nowhere() {
    let workspace = workspace();
    let graph = "schema: lgflow.graph/v1\nname: g\nnodes:\n  q: { uses: approval, with: { show: 'on?', response: { type: object } } }\n  \
                 c: { uses: read_file, with: { path: graph.yaml } }\nedges: [q -> c]\n";
    let asks =
        "schema: lgflow.policy/v1\nname: p\ntools: { read_file: ask }\npaths: { read: { allow: ['**'] } }\n";
    workspace.write("asked.yaml", graph).write("asks.yaml", asks);
    let run = lgflow(&workspace, &["run", "-g", "asked.yaml", "--policy", "asks.yaml", "--format", "json"])
        .ended(5)
        .json();
    let run = run["run"].as_str().unwrap();
    let response = serde_json::json!({ "deep": [{ "t": format!("x {TOKEN}") }] }).to_string();
    let said = format!("use {TOKEN} now");
    let refused = |arguments: &[&str], place: &str| {
        let ran = lgflow(&workspace, arguments).ended(1);
        let says = format!("{place} holds the value of the secret `TOKEN`");
        assert!(ran.stderr.contains(&says), "{}", ran.stderr);
        assert_clean("the refusal", &ran.stderr);
        assert_folder_clean(&workspace.state());
    };
    refused(&["approve", run, "q", "--response", &response], "the response");
    refused(&["approve", run, "q", "--response", "{}", "--comment", &said], "the comment of the answer");
    refused(&["approve", run, "q", "--response", "{}", "--choice", TOKEN], "the choice");
    lgflow(&workspace, &["approve", run, "q", "--response", "{}", "--comment", "fine"]).ended(0);
    lgflow(&workspace, &["runs", "resume", run]).ended(5);
    // the policy's own question as well
    refused(&["reject", run, "--comment", &said], "the comment of the answer");
    lgflow(&workspace, &["reject", run, "--comment", "no"]).ended(0);
    lgflow(&workspace, &["runs", "resume", run]).ended(1);
    assert_folder_clean(&workspace.state());
}
