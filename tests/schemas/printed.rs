//! The documents that the program prints and the records that it keeps: each has a published schema, which holds what
//! is really printed, and nothing more.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use lgflow::schema::{document, names};
use serde_json::{Value, json};

use crate::keywords::walk;
use crate::program::Workspace;
use crate::verdict::validator;

/// What no one outside of the program reads: messages between its own processes, what is hashed and never written, and
/// records of its own state.
const PRIVATE: [&str; 12] = [
    "lgflow.approval_refused/v1",
    "lgflow.call/v1",
    "lgflow.deciding/v1",
    "lgflow.interpreter_start/v1",
    "lgflow.patch_journal/v1",
    "lgflow.publishers/v1",
    "lgflow.run_open/v1",
    "lgflow.run_opened/v1",
    "lgflow.run_receipts/v1",
    "lgflow.runner_start/v1",
    "lgflow.started/v1",
    "lgflow.tree/v1",
];

/// Documents that may come to hold more within their version: a plan more of the compiled graph, a problem what its kind
/// knows, a result what its tool does.
const OPEN: [&str; 3] = ["plan", "problem", "tool-result"];

/// Files that people write, and what other tests hold to the program.
const ELSEWHERE: [&str; 21] = [
    "answer-taken",
    "approval",
    "approval-request",
    "batch",
    "batch-result",
    "cancelled",
    "capabilities",
    "event",
    "graph",
    "identity",
    "listening",
    "lock",
    "open-requests",
    "pack",
    "policy",
    "policy-test",
    "receipt",
    "rejection",
    "test",
    "tool-call",
    "verifier-report",
];

const GRAPH: &str = "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\ninputs: { who: { type: string, default: you } }\nnodes:\n  look: { uses: read_file, with: { path: a.txt } }\n  hello: { uses: values, with: { text: '{{ inputs.who }}' } }\nedges:\n  - look -> hello\noutputs: { text: '{{ nodes.hello.output.text }}' }\n";
const POLICY: &str = "schema: lgflow.policy/v1\nname: p\ntools: { read_file: allow, exec: ask, apply_patch: deny }\npaths: { read: { allow: ['**'], deny: [secret] } }\ncommands:\n  - { name: test, program: cargo, args: [[test, '...']] }\n";
const CASES: &str = "schema: lgflow.test/v1\ngraph: graph.yaml\ncases:\n  - name: as expected\n    results: [{ node: look, output: { content: a } }]\n    expect: { status: succeeded }\n  - name: otherwise\n    results: [{ node: look, output: { content: a } }]\n    expect: { outputs: { text: me } }\n  - name: wrong\n    expect: { status: succeeded }\n";
const POLICY_CASES: &str = "schema: lgflow.policy_test/v1\npolicy: [policy.yaml]\ncases:\n  - { tool: read_file, input: { path: a.txt }, expect: allow }\n  - { tool: read_file, input: { path: secret }, expect: allow, rule: paths.read.allow }\n";

/// Documents by the name of their schema, as they were printed.
struct Printed(BTreeMap<String, Vec<Value>>);

impl Printed {
    fn take(&mut self, document: Value) {
        let id = document["schema"].as_str().expect("a document says what it is").to_owned();
        self.0.entry(name_of(&id)).or_default().push(document);
    }

    /// Runs the program with `--format json`, and takes what it prints.
    #[track_caller]
    fn run(&mut self, work: &Workspace, code: i32, arguments: &[&str]) {
        let all = [arguments, &["--format", "json"]].concat();
        self.take(work.lgflow(&all).ended(code).json());
    }
}

fn name_of(id: &str) -> String {
    let name = id.strip_prefix("lgflow.").and_then(|name| name.split('/').next()).expect("an id of ours");
    name.replace('_', "-")
}

fn workspace() -> Workspace {
    let work = Workspace::git();
    work.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY).write("a.txt", "a\n");
    work.write(".lg/graph_test.yaml", CASES).write(".lg/policy_test.yaml", POLICY_CASES);
    work
}

fn of_policies(printed: &mut Printed) {
    let work = workspace();
    printed.run(&work, 0, &["trust", "--show"]);
    printed.run(&work, 0, &["trust"]);
    let trusted = std::fs::read_dir(work.state().join("trust")).unwrap().next().unwrap().unwrap().path();
    printed.take(serde_json::from_str(&std::fs::read_to_string(trusted).unwrap()).unwrap());
    printed.run(&work, 0, &["policy", "check"]);
    printed.run(&work, 0, &["policy", "diff", "builtin:contained", ".lg/policy.yaml"]);
    for (code, tool, input) in [
        (0, "read_file", "{\"path\": \"a.txt\"}"),
        (4, "read_file", "{\"path\": \"secret\"}"),
        (4, "read_file", "{\"path\": \"../x\"}"),
        (4, "apply_patch", "{\"changes\": [{\"op\": \"put\", \"path\": \"b\", \"content\": \"b\"}]}"),
        (5, "exec", "{\"argv\": [\"cargo\", \"test\"]}"),
        (4, "exec", "{\"argv\": [\"sh\"]}"),
    ] {
        printed.run(&work, code, &["policy", "explain", tool, input]);
    }
    printed.run(&work, 1, &["policy", "test"]);
    printed.run(&work, 1, &["test"]);
    printed.run(&work, 0, &["run"]);
    work.write("ask.yaml", "schema: lgflow.graph/v1\nname: ask\nnodes:\n  sure: { uses: approval, with: { show: 'go on?', options: [on, off] } }\n");
    printed.run(&work, 5, &["run", "-g", "ask.yaml"]);
    printed.run(&work, 0, &["runs", "list"]);
    let run = printed.0["run"][0]["run"].as_str().unwrap().to_owned();
    printed.run(&work, 0, &["trace", "show", &run]);
    printed.run(&work, 0, &["trace", "verify", &run]);
    let anchors = of_witnesses(printed, &work, &run);
    printed.run(&work, 0, &["replay", &run]);
    printed.run(&work, 0, &["runs", "show", &run, "--at", "1"]);
    printed.run(&work, 0, &["runs", "diff", &run, &run]);
    printed.run(&work, 4, &["runs", "undo", &run, "--dry-run"]);
    printed.run(&work, 0, &["plan"]);
    printed.run(&work, 0, &["plan", "--against", "ask.yaml"]);
    printed.run(&work, 0, &["run", "--queue"]);
    printed.run(&work, 0, &["worker", "--until-empty"]);
    printed.run(&work, 0, &["runs", "gc", "--keep", "1", "--dry-run"]);
    printed.run(&work, 0, &["runs", "gc", "--keep", "1"]);
    for line in std::fs::read_to_string(anchors).unwrap().lines() {
        printed.take(serde_json::from_str(line).unwrap());
    }
    printed.run(&work, 0, &["trust", "--forget"]);
}

/// What is noted of a trace for others.
fn of_witnesses(printed: &mut Printed, work: &Workspace, run: &str) -> PathBuf {
    // the key of test 1 of RFC 8032
    let secret = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let public = "ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let key = work.outside().join("signing.pem");
    std::fs::write(&key, secret).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let file = work.outside().join("anchors");
    let anchors = format!("file:{}", file.display());
    printed.run(work, 0, &["trace", "export", run]);
    printed.run(work, 0, &["trace", "sign", run, "--key", key.to_str().unwrap()]);
    printed.run(work, 0, &["trace", "anchor", run, "--to", &anchors]);
    printed.run(work, 0, &["trace", "verify", run, "--key", public, "--anchor", &anchors]);
    printed.run(work, 7, &["trace", "verify", "--all"]);
    work.lgflow(&["run", "--trace"]).ended(0);
    printed.run(work, 0, &["trace", "site", "artifacts/runs"]);
    file
}

fn of_the_program(printed: &mut Printed) {
    let work = Workspace::git();
    printed.run(&work, 0, &["init", "--diff"]);
    printed.run(&work, 0, &["init"]);
    for arguments in [&["config"][..], &["doctor"], &["tool", "list"], &["tool", "schema", "exec"]] {
        printed.run(&work, 0, arguments);
    }
    for arguments in [&["schema"][..], &["schema", "tool"], &["schema", "tool", "exec"]] {
        printed.run(&work, 0, arguments);
    }
    printed.run(&work, 0, &["explain"]);
    printed.run(&work, 0, &["explain", "duplicate-key"]);
    printed.run(&work, 0, &["validate"]);
    printed.run(&work, 0, &["tool", "call", "list_files", "{}"]);
    printed.run(&work, 2, &["tool", "schema", "no_such_tool"]);
    printed.run(&work, 0, &["runner", "token", "new", "ci", "--token-file", "../tokens.json"]);
    printed.run(&work, 0, &["runner", "token", "bind", "ci", "--token-file", "../tokens.json"]);
    printed.take(serde_json::from_str(&work.read("../tokens.json")).unwrap());
}

/// What `dev` says of a workspace that is sound, and of one that is broken.
fn of_dev(printed: &mut Printed) {
    let work = workspace();
    let mut child =
        work.command(&["dev", "--format", "json"]).stdout(Stdio::piped()).spawn().expect("it begins");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str(&lines.next().expect("a line").unwrap()).unwrap();
    printed.take(next());
    work.write(".lg/graph.yaml", GRAPH.replace("inputs.who }}", "inputs.whom }}"));
    printed.take(next());
    work.write(".lg/graph.yaml", GRAPH.replace("path: a.txt", "path: b.txt"));
    printed.take(next());
    child.kill().unwrap();
    child.wait().unwrap();
}

fn of_packs(printed: &mut Printed) {
    let work = workspace();
    printed.run(&work, 0, &["pack", "new", "acme/base", "--in", "packs"]);
    printed.run(&work, 0, &["pack", "test", "packs/base"]);
    let add = ["pack", "add", "acme/base", "--from", "packs/base", "--trust-source"];
    printed.run(&work, 0, &add);
    let manifest = work.read("packs/base/pack.yaml");
    work.write("packs/base/pack.yaml", manifest.replace("version: 0.1.0", "version: 0.2.0"));
    printed.run(&work, 0, &["pack", "update"]);
    printed.run(&work, 0, &["pack", "list"]);
    printed.run(&work, 0, &["pack", "verify"]);
}

#[test]
fn what_is_printed_has_a_schema_that_holds_it() {
    let mut printed = Printed(BTreeMap::new());
    of_policies(&mut printed);
    of_the_program(&mut printed);
    of_dev(&mut printed);
    of_packs(&mut printed);
    for (name, documents) in &printed.0 {
        assert!(document(name).is_some(), "`{name}` is printed and has no schema");
        let schema = validator(name);
        for document in documents {
            let errors: Vec<String> = schema.errors(document).iter().map(ToString::to_string).collect();
            assert!(errors.is_empty(), "{name}: {errors:#?}\n{document:#}");
            let mut more = document.clone();
            more["a_key_that_nobody_prints"] = json!(1);
            assert_eq!(schema.accepts(&more), OPEN.contains(&name.as_str()), "{name} takes any key");
        }
    }
    let (events, event) = (&printed.0["trace"][0]["events"], validator("event"));
    assert!(events.as_array().unwrap().len() > 3);
    assert!(events.as_array().unwrap().iter().all(|line| event.accepts(line)), "{events:#}");
    let never: Vec<&str> =
        names().filter(|name| !printed.0.contains_key(*name) && !ELSEWHERE.contains(name)).collect();
    assert_eq!(never, [""; 0], "no command printed these");
}

/// Each object of a printed document is closed: a key that is not described is a fault.
#[test]
fn printed_documents_are_closed() {
    for name in names().filter(|name| !OPEN.contains(name) && !ELSEWHERE.contains(name)) {
        let schema: Value = serde_json::from_str(document(name).unwrap()).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{name}");
        walk(&schema, "", &mut |at, part| {
            let narrows =
                ["/if", "/then", "/else", "/oneOf", "/anyOf", "/allOf"].iter().any(|step| at.contains(step));
            if part.get("properties").is_some() && !narrows {
                assert!(part.get("additionalProperties").is_some(), "{name}: open at {at}");
            }
        });
    }
}

#[test]
fn every_id_of_a_document_has_a_schema_or_is_private() {
    let mut found = BTreeMap::new();
    ids(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    for (id, path) in &found {
        let known = names().any(|name| name == name_of(id));
        let private = PRIVATE.contains(&id.as_str());
        assert!(
            known != private,
            "{path}: `{id}` has no schema in schemas/, or is in the list of private ones and has one"
        );
    }
    let unused: Vec<&&str> = PRIVATE.iter().filter(|id| !found.contains_key(**id)).collect();
    assert!(unused.is_empty(), "nothing is called {unused:?} any more");
    let untold: Vec<&str> = names().filter(|name| !found.keys().any(|id| name_of(id) == *name)).collect();
    assert_eq!(untold, [""; 0], "no source makes these");
}

/// The ids in quotes that sources have, each with one file of them. What stands in the tests of a file is not looked at.
fn ids(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            ids(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for part in text.split("\"lgflow.").skip(1) {
                let Some((id, _)) = part.split_once('"') else { continue };
                if id.split_once("/v").is_some_and(|(_, version)| version.parse::<u32>().is_ok()) {
                    found.insert(format!("lgflow.{id}"), path.display().to_string());
                }
            }
        }
    }
}
