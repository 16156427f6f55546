//! `lgflow trace export`: what it writes is read by programs that other people wrote, and says what the run was.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lgflow::digest::{Digest, hex};
use lgflow::export::{AttributeValue, Recorded, Span, SpanStatus, Story, spans};
use program::Workspace;
use program::gated::GATED;
use program::keys::keys;
use program::python::script;
use serde_json::{Value, json};

const CHILD: &str = "\
schema: lgflow.graph/v1
name: child
inputs:
  n: { type: integer }
nodes:
  see: { uses: read_file, with: { path: a.txt } }
  say: { uses: values, with: { text: '{{ nodes.see.output.content }}' } }
edges: [see -> say]
outputs: { text: '{{ nodes.say.output.text }}' }
";

/// A list, a subgraph beside it, a patch, a loop around a command, a list of calls, a question, what is not reached.
const GRAPH: &str = "\
schema: lgflow.graph/v1
name: rich
graphs: { child: { file: child.yaml } }
nodes:
  look: { uses: list_files, with: {} }
  each: { uses: read_file, for_each: { in: \"['a.txt', 'b.txt', 'c.txt']\", as: name, on_error: collect, max: 5, parallel: 3 }, with: { path: '{{ name }}' } }
  inner: { uses: graph, with: { graph: child, inputs: { n: 2 } } }
  patch:
    uses: apply_patch
    with: { patch: \"--- a/a.txt\\n+++ b/a.txt\\n@@ -1 +1 @@\\n-a\\n+hello\\n\" }
  turn: { uses: values, with: { n: '{{ loops.turn.iteration }}' } }
  test: { uses: exec, with: { argv: [ls, -l] } }
  list: { uses: batch, with: { calls: [{ tool: read_file, input: { path: a.txt } }, { tool: read_file, input: { path: b.txt } }], tools: [read_file], max_calls: 4 } }
  ask: { uses: approval, with: { show: 'Go on with <b>this</b>?' } }
  never: { uses: values, with: { x: 1 } }
  fin: { uses: values, with: { x: 1 } }
edges:
  - look -> each
  - look -> inner
  - each -> patch
  - inner -> patch
  - patch -> turn
  - turn -> test
  - { from: test, to: turn, when: loops.turn.iteration < 2, loop: { max: 3 } }
  - { from: test, to: list, otherwise: true }
  - list -> ask
  - ask -> fin
  - { from: fin, to: never, when: output.x == 2 }
outputs: { x: 1 }
";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: rich
tools: { exec: allow, read_file: allow, list_files: allow, apply_patch: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
commands: [{ name: ls, program: ls, args: [['-l']] }]
redact: [{ name: card, pattern: 'card-[0-9]{6}' }]
";

/// A run that waited for a person and was gone on with, and its copy in the workspace.
struct Subject {
    workspace: Workspace,
    run: String,
    copy: PathBuf,
}

impl Subject {
    fn new() -> Self {
        let workspace = Workspace::git();
        workspace.write("graph.yaml", GRAPH).write("child.yaml", CHILD).write("policy.yaml", POLICY);
        workspace.write("a.txt", "a\n").write("b.txt", "b\n");
        let config = workspace.outside().join("home/.config/lgflow");
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("config.toml"), "[retention]\nage = '30d'\ncount = 7\n").unwrap();
        let begin = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--trace", "--format", "json"];
        let ran = workspace.lgflow(&begin).ended(5).json();
        let run = ran["run"].as_str().unwrap().to_owned();
        workspace.lgflow(&["approve", &run, "ask", "--comment", "go on"]).ended(0);
        workspace.lgflow(&["runs", "resume", &run]).ended(0);
        let copy = workspace.path().join(ran["trace"].as_str().unwrap());
        Self { workspace, run, copy }
    }

    fn export(&self, to: &str, name: &str) -> PathBuf {
        let path = self.workspace.outside().join(name);
        let place = path.to_str().unwrap();
        self.workspace.lgflow(&["trace", "export", &self.run, "--to", to, "-o", place]).ended(0);
        path
    }

    fn document(&self) -> Value {
        self.workspace.lgflow(&["trace", "export", &self.run, "--format", "json"]).ended(0).json()
    }

    fn recorded(&self) -> Recorded {
        let blobs = self.copy.parent().unwrap().join("blobs");
        let blob = |digest: &Digest| {
            let hex = digest.hex();
            fs::read(blobs.join(&hex[..2]).join(&hex))
                .or_else(|_| fs::read(blobs.join(&hex[..2]).join(&hex[2..])))
                .ok()
        };
        let recorded = Recorded::read(&fs::read_to_string(&self.copy).unwrap(), &blob).unwrap();
        assert_eq!(recorded.missing, 0, "payloads beside the copy");
        recorded
    }
}

fn words<'a>(pieces: &'a Value, what: &str) -> Vec<&'a str> {
    let all = pieces.as_array().unwrap().iter().filter(|piece| piece["what"] == what);
    all.map(|piece| piece["key"].as_str().unwrap()).collect()
}

#[test]
fn the_document_tells_what_happened() {
    let subject = Subject::new();
    let document = subject.document();
    assert_eq!(document["status"], "succeeded");
    assert_eq!((&document["graph"], &document["complete"]), (&json!("rich"), &json!(true)));
    let pieces = &document["pieces"];
    let nodes: BTreeSet<&str> = words(pieces, "node").into_iter().collect();
    let expected = [
        "ask",
        "each",
        "fin",
        "inner",
        "inner!1/say",
        "inner!1/see",
        "list",
        "look",
        "patch",
        "test#1",
        "test#2",
        "turn#1",
        "turn#2",
    ];
    assert_eq!(nodes, BTreeSet::from(expected));
    assert_eq!(words(pieces, "item"), ["each[0]", "each[1]", "each[2]"]);
    assert_eq!(words(pieces, "question").len(), 1);
    assert_eq!(words(pieces, "suspended").len(), 1);
    // list_files, three reads, one in the subgraph, the patch, two commands, a list and the two in it
    assert_eq!(words(pieces, "call").len(), 11);
    assert_eq!(document["used"]["tool_calls"], 10);
    assert_eq!(document["used"]["patch_bytes"], 46);
    let never = document["decided"].as_array().unwrap().iter().find(|node| node["node"] == "never").unwrap();
    assert_eq!(never["status"], "not_reached");
    let hello = Digest::of("hello\n").to_string();
    assert_eq!(document["changed"], json!({ "a.txt": hello }));
    for (at, piece) in pieces.as_array().unwrap().iter().enumerate().skip(1) {
        let within = usize::try_from(piece["within"].as_u64().unwrap()).unwrap();
        assert!(within < at, "a piece stands behind the one that it is within");
        assert!(
            pieces[within]["from"].as_str() <= piece["from"].as_str()
                || pieces[within]["from"] == piece["from"]
        );
        assert_ne!(piece["end"], "open", "{piece}");
    }
    // what was kept out of it, and how long such a run is kept
    let card = Digest::of("card-[0-9]{6}").to_string();
    let redaction = json!({ "patterns": [{ "name": "card", "digest": card }], "secrets": [] });
    assert_eq!(document["facts"]["redaction"], redaction);
    let retention = json!({ "age_ms": 30 * 24 * 3_600_000_u64, "count": 7, "size": null });
    assert_eq!(document["facts"]["retention"], retention);
    let events = document["events"].as_array().unwrap();
    assert_eq!(events.len(), fs::read_to_string(&subject.copy).unwrap().lines().count());
    assert_eq!(events[0]["data"]["facts"]["graph"], "rich", "payloads are in place");
}

/// A span as a collector tells it, as far as we have said something of it.
fn received(span: &Value) -> (String, Value) {
    let mut attributes = BTreeMap::new();
    for one in span["attributes"].as_array().unwrap() {
        attributes.insert(one["key"].as_str().unwrap().to_owned(), one["value"].clone());
    }
    let events: Vec<Value> =
        span["events"].as_array().into_iter().flatten().map(|event| event["name"].clone()).collect();
    let told = json!({
        "trace": span["traceId"],
        "parent": span["parentSpanId"],
        "name": span["name"],
        "kind": span["kind"],
        "from": span["startTimeUnixNano"],
        "to": span["endTimeUnixNano"],
        "status": span["status"]["code"],
        "message": span["status"]["message"],
        "events": events,
        "attributes": attributes,
    });
    (span["spanId"].as_str().unwrap().to_owned(), told)
}

/// The same of one of ours.
fn sent(span: &Span) -> (String, Value) {
    let value = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => json!({ "stringValue": text }),
        AttributeValue::Number(number) => json!({ "intValue": number.to_string() }),
        AttributeValue::Truth(truth) => json!({ "boolValue": truth }),
        AttributeValue::Texts(all) => {
            json!({ "arrayValue": { "values": all.iter().map(|text| json!({ "stringValue": text })).collect::<Vec<_>>() } })
        }
        AttributeValue::Numbers(all) => {
            let all: Vec<Value> =
                all.iter().map(|number| json!({ "intValue": number.to_string() })).collect();
            json!({ "arrayValue": { "values": all } })
        }
    };
    let attributes: BTreeMap<&str, Value> =
        span.attributes.iter().map(|(name, one)| (*name, value(one))).collect();
    assert_eq!(attributes.len(), span.attributes.len(), "an attribute twice: {span:?}");
    let (status, message) = match &span.status {
        SpanStatus::Unset => (0, ""),
        SpanStatus::Ok => (1, ""),
        SpanStatus::Error(message) => (2, message.as_str()),
    };
    let told = json!({
        "trace": hex(&span.trace.0),
        "parent": span.parent.map(|parent| hex(&parent.0)).unwrap_or_default(),
        "name": span.name,
        "kind": match span.kind { lgflow::export::SpanKind::Internal => 1, lgflow::export::SpanKind::Client => 3 },
        "from": span.from.0.to_string(),
        "to": span.to.0.to_string(),
        "status": status,
        "message": message,
        "events": span.events.iter().map(|event| event.name).collect::<Vec<_>>(),
        "attributes": attributes,
    });
    (hex(&span.id.0), told)
}

#[test]
fn collectors_of_others_receive_every_span() {
    let subject = Subject::new();
    let (protobuf, text) = (subject.export("otlp-protobuf", "run.pb"), subject.export("otlp", "run.json"));
    let recorded = subject.recorded();
    let ours: BTreeMap<String, Value> = spans(&Story::of(&recorded), &recorded).iter().map(sent).collect();
    let count = subject.document()["pieces"].as_array().unwrap().len();
    assert_eq!(ours.len(), count, "a span for each piece, each under its own id");
    let told = script("exports/otlp.py", &[&protobuf, &text, Path::new(&count.to_string())]);
    for way in ["protobuf", "json"] {
        let theirs: BTreeMap<String, Value> = told[way].as_array().unwrap().iter().map(received).collect();
        for (id, ours) in &ours {
            assert_eq!(theirs.get(id), Some(ours), "sent as {way}");
        }
        assert_eq!(theirs.len(), ours.len(), "{way}");
    }
    let named = |name: &str| ours.values().filter(|span| span["name"] == name).collect::<Vec<_>>();
    let commands = named("ls");
    assert_eq!(commands.len(), 2);
    assert_eq!(commands[0]["attributes"]["process.exit.code"], json!({ "intValue": "0" }));
    assert_eq!(commands[0]["attributes"]["process.executable.name"], json!({ "stringValue": "ls" }));
    assert_eq!(commands[0]["attributes"]["process.args_count"], json!({ "intValue": "2" }));
    let start = commands[0]["attributes"]["lgflow.sandbox.start_us"]["intValue"].as_str().unwrap();
    assert!(start.parse::<u64>().unwrap() > 0);
    // three of the list, one in the subgraph, two of the batch
    assert_eq!(named("execute_tool read_file").len(), 6);
    assert_eq!(named("run rich")[0]["events"], json!(["lgflow.node.decided"]));
}

#[test]
fn the_published_messages_of_perfetto_hold_a_slice_for_each_node_and_call() {
    let subject = Subject::new();
    let told = script("exports/perfetto_slices.py", &[&subject.export("perfetto", "run.pftrace")]);
    let document = subject.document();
    let slices = told["slices"].as_array().unwrap();
    let pieces = document["pieces"].as_array().unwrap();
    let keys = |what: &str| -> BTreeSet<String> {
        words(&document["pieces"], what).into_iter().map(str::to_owned).collect()
    };
    for what in ["run", "node", "item", "attempt", "call", "question", "suspended"] {
        let of = slices.iter().filter(|slice| slice["category"] == json!([what]));
        let found: Vec<String> =
            of.map(|slice| slice["told"]["lgflow.key"].as_str().unwrap_or_default().to_owned()).collect();
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), keys(what), "{what}");
        assert_eq!(found.len(), keys(what).len(), "{what}: one slice for each");
    }
    assert_eq!(slices.len(), pieces.len());
    // what goes on at the same time does not stand on one track: the list beside the subgraph
    let track = |key: &str| &slices.iter().find(|slice| slice["told"]["lgflow.key"] == key).unwrap()["track"];
    assert_ne!(track("each"), track("inner"));
    assert!(told["tracks"].as_u64().unwrap() >= 2);
}

#[test]
fn the_drawing_says_how_each_node_ended() {
    let subject = Subject::new();
    let drawn =
        subject.workspace.lgflow(&["trace", "export", &subject.run, "--to", "mermaid"]).ended(0).stdout;
    assert!(drawn.contains("title: \"rich: succeeded\""), "{drawn}");
    for line in [
        "test<br/>exec<br/>#10003; succeeded, ran 2 times\"]:::done",
        "never<br/>values<br/>– not reached\"]:::skipped",
    ] {
        let line = line.replace('–', "#8211;");
        assert!(drawn.contains(&line), "{line}\n{drawn}");
    }
    assert!(drawn.contains("==>|\"when"), "the loop turned:\n{drawn}");
}

#[test]
fn a_standard_verifier_accepts_the_statement() {
    let subject = Subject::new();
    let outside = subject.workspace.outside();
    let ((secret, public), (_, other)) = (keys(outside, "mine"), keys(outside, "other"));
    let place = outside.join("run.intoto.json");
    let arguments = ["trace", "export", &subject.run, "--to", "in-toto"];
    subject.workspace.lgflow(&arguments).ended(2).says("--key FILE");
    let named = ["--key", secret.to_str().unwrap(), "-o", place.to_str().unwrap()];
    subject.workspace.lgflow(&[&arguments[..], &named].concat()).ended(0);
    let told = script("exports/in_toto_verify.py", &[&place, &public, &other]);
    assert_eq!(told["accepted"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(
        (&told["refuses_another_key"], &told["refuses_another_payload"]),
        (&json!(true), &json!(true))
    );
    let statement = &told["statement"];
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    let changed = fs::read(subject.workspace.path().join("a.txt")).unwrap();
    assert_eq!(
        statement["subject"][0],
        json!({ "name": "a.txt", "digest": { "sha256": Digest::of(&changed).hex() } })
    );
    let trace = fs::read(&subject.copy).unwrap();
    assert_eq!(statement["subject"][1]["digest"]["sha256"], Digest::of(&trace).hex());
    let predicate = &statement["predicate"];
    assert_eq!(predicate["verification"]["ok"], true);
    assert_eq!(predicate["calls"].as_array().unwrap().len(), 10);
    assert_eq!(predicate["approvals"][0]["granted"], true);
    assert!(
        predicate["graph"]["digest"].is_string() && predicate["policy"]["digest"].is_string(),
        "{predicate}"
    );

    // nothing is vouched for that does not hold
    let text = fs::read_to_string(&subject.copy).unwrap();
    let altered = outside.join("altered.jsonl");
    fs::write(&altered, text.replacen("a.txt", "z.txt", 1)).unwrap();
    let named =
        ["trace", "export", altered.to_str().unwrap(), "--to", "in-toto", "--key", secret.to_str().unwrap()];
    subject.workspace.lgflow(&named).ended(7).says("does not verify");
}

#[test]
fn the_statement_of_a_fork_sets_what_it_took_over_apart() {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", GATED).write("policy.yaml", POLICY);
    let begun = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let first = workspace.lgflow(&begun).ended(5).json();
    let fork = ["runs", "fork", first["run"].as_str().unwrap(), "--from", "gate", "--format", "json"];
    let forked = workspace.lgflow(&fork).ended(5).json();
    let forked = forked["run"].as_str().unwrap();
    workspace.lgflow(&["approve", forked, "gate"]).ended(0);
    workspace.lgflow(&["runs", "resume", forked]).ended(0);
    let outside = workspace.outside();
    let ((secret, public), (_, other)) = (keys(outside, "mine"), keys(outside, "other"));
    let place = outside.join("run.intoto.json");
    let named = ["--key", secret.to_str().unwrap(), "-o", place.to_str().unwrap()];
    workspace.lgflow(&[&["trace", "export", forked, "--to", "in-toto"], &named[..]].concat()).ended(0);
    let told = script("exports/in_toto_verify.py", &[&place, &public, &other]);
    assert_eq!(told["accepted"].as_array().unwrap().len(), 1, "{told}");
    let statement = &told["statement"];
    let subjects = statement["subject"].as_array().unwrap().iter().map(|one| &one["name"]);
    assert_eq!(subjects.collect::<Vec<_>>(), ["done.txt", &format!("run-{forked}.jsonl")]);
    // as the earlier run left it, whose it is
    let left = Digest::of(workspace.read("b.txt")).to_string();
    assert_eq!(statement["predicate"]["takenOver"], json!({ "b.txt": left }));
    assert_eq!(statement["predicate"]["removed"], json!([]));
}

#[test]
fn the_statement_names_a_file_whose_digest_was_taken_out_of_the_trace() {
    let workspace = Workspace::new();
    let graph = "schema: lgflow.graph/v1\nname: g\nnodes:\n  p: { uses: apply_patch, with: { changes: [{ op: add, path: card.txt, content: \"no 12345678\" }] } }\n  q: { uses: apply_patch, with: { changes: [{ op: add, path: plain.txt, content: plain }, { op: delete, path: old.txt }] } }\nedges: [p -> q]\n";
    let policy = "schema: lgflow.policy/v1\nname: p\ntools: { apply_patch: allow }\npaths: { read: { allow: ['**'] }, write: { allow: ['**'] } }\nredact: [{ name: card, pattern: '[0-9]{8}' }]\n";
    workspace.write("graph.yaml", graph).write("policy.yaml", policy).write("old.txt", "old");
    let ran = workspace
        .lgflow(&["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"])
        .ended(0);
    let (ran, outside) = (ran.json(), workspace.outside());
    let ((secret, public), (_, other)) = (keys(outside, "mine"), keys(outside, "other"));
    let place = workspace.outside().join("run.intoto.json");
    let named = ["--key", secret.to_str().unwrap(), "-o", place.to_str().unwrap()];
    let run = ran["run"].as_str().unwrap();
    workspace.lgflow(&[&["trace", "export", run, "--to", "in-toto"], &named[..]].concat()).ended(0);
    let told = script("exports/in_toto_verify.py", &[&place, &public, &other]);
    let predicate = &told["statement"]["predicate"];
    assert_eq!(
        (&predicate["withheld"], &predicate["removed"]),
        (&json!(["card.txt"]), &json!(["old.txt"])),
        "{told}"
    );
    let subjects = told["statement"]["subject"].as_array().unwrap().iter().map(|one| &one["name"]);
    assert_eq!(subjects.collect::<Vec<_>>(), ["plain.txt", &format!("run-{run}.jsonl")]);
}
