//! What our processes say of their work: who says it, with which fields, where it goes; and that nothing of a run's
//! contents is ever in it, however much is asked for.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lgflow::digest::hex;
use lgflow::logging::FIELDS;
use program::python::script;
use program::{Ran, Workspace};
use serde_json::Value;

/// A declared secret of the environment, and one of a file.
const TOKEN: &str = "s3cr3t/\"token\"+of&the=environment";
const KEY: &str = "-----BEGIN KEY-----\nMIIcorrecthorsebattery\nstaple==\n-----END KEY-----";
/// What is no secret, and still nobody's business who only watches: one for each way into a run and out of it.
const INPUT: &str = "canary-of-an-input";
const ARGUMENT: &str = "canary-of-an-argument";
const VARIABLE: &str = "canary-of-a-variable";
const OUTPUT: &str = "canary-of-an-output";
const CONTENT: &str = "canary-of-a-file";
const FAILURE: &str = "canary-of-a-failure";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow, read_file: allow, apply_patch: allow, search_files: deny }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
commands:
  - name: sh
    program: sh
    args: [[-c, '*', '...']]
    sandbox: { env: { pass: [TOKEN, SHOWN] } }
sandbox: { mode: best_effort }
";

const GRAPH: &str = r#"schema: lgflow.graph/v1
name: watched
policy: [policy.yaml]
inputs: { word: { type: string } }
nodes:
  look: { uses: read_file, with: { path: a.txt } }
  read_key: { uses: read_file, with: { path: key.txt } }
  command:
    uses: exec
    with: { argv: [sh, -c, 'printf %s "$TOKEN"; echo canary-of-an-output; echo x > made.txt', canary-of-an-argument], env: { SHOWN: canary-of-a-variable } }
  each:
    uses: values
    for_each: { in: "[1, 2]", as: part }
    with: { word: "{{ inputs.word }}{{ part }}" }
  apply:
    uses: apply_patch
    with: { changes: [{ op: put, path: b.txt, content: canary-of-a-file }] }
  fails:
    uses: exec
    retry: { attempts: 2, backoff: 10ms, kinds: [exit] }
    with: { argv: [sh, -c, 'printf %s "$TOKEN" 1>&2; echo canary-of-a-failure 1>&2; exit 3'] }
  after: { uses: values, with: { done: true } }
edges:
  - look -> read_key -> command -> each -> apply -> fails
  - { from: fails, to: after, catch: [exit] }
outputs: { word: "{{ nodes.each.output | length }}" }
"#;

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    let config = workspace.outside().join("home/.config/lgflow");
    fs::create_dir_all(&config).unwrap();
    let key = workspace.path().join("key.txt").display().to_string();
    let text = format!("[secrets.TOKEN]\nenv = \"TOKEN\"\n[secrets.KEY]\nfile = \"{key}\"\n");
    fs::write(config.join("config.toml"), text).unwrap();
    workspace.write("key.txt", format!("{KEY}\n")).write("a.txt", CONTENT);
    workspace.write("policy.yaml", POLICY).write("graph.yaml", GRAPH);
    workspace
}

fn run(workspace: &Workspace, more: &[&str]) -> Ran {
    let word = format!("word={INPUT}");
    let arguments = ["run", "-g", "graph.yaml", "--trust", "-i", word.as_str()];
    let all: Vec<&str> = arguments.into_iter().chain(more.iter().copied()).collect();
    Ran::from(workspace.command(&all).env("TOKEN", TOKEN).output().unwrap()).ended(0)
}

/// The lines that are records.
fn records(stderr: &str) -> Vec<Value> {
    stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn logged(workspace: &Workspace, level: &str) -> Vec<Value> {
    records(&run(workspace, &["--log", level, "--log-format", "json"]).stderr)
}

/// The first record for which all of this holds.
fn find<'a>(records: &'a [Value], wanted: &[(&str, &str)]) -> &'a Value {
    let fits = |record: &&Value| {
        wanted.iter().all(|(name, value)| {
            record[*name].as_str().map_or_else(|| record[*name].to_string(), str::to_owned) == *value
        })
    };
    records.iter().find(fits).unwrap_or_else(|| {
        let all: Vec<String> = records.iter().map(Value::to_string).collect();
        panic!("none has {wanted:?}:\n{}", all.join("\n"))
    })
}

#[test]
fn it_is_quiet_unless_it_is_asked() {
    let workspace = workspace();
    let quiet = run(&workspace, &[]);
    assert!(records(&quiet.stderr).is_empty() && !quiet.stderr.contains("DEBUG"), "{}", quiet.stderr);
    let off = Ran::from(
        workspace
            .command(&["run", "-g", "graph.yaml", "--trust", "-i", "word=x", "--log", "off"])
            .envs([("TOKEN", TOKEN), ("LGFLOW_LOG", "trace")])
            .output()
            .unwrap(),
    );
    assert!(!off.ended(0).stderr.contains("the run began"));
}

#[test]
fn each_process_says_what_it_does_with_the_run_the_node_the_attempt_and_the_call() {
    let workspace = workspace();
    let records = logged(&workspace, "trace");
    let run = find(&records, &[("process", "front"), ("message", "the run began")])["run"].as_str().unwrap();
    for record in &records {
        assert_eq!(record["run"], run, "{record}");
        assert!(record["ts"].as_str().unwrap().ends_with('Z') && record["level"].is_string(), "{record}");
    }
    find(&records, &[("process", "front"), ("child", "runner"), ("message", "started a process")]);
    find(
        &records,
        &[("process", "front"), ("node", "look"), ("status", "succeeded"), ("message", "node ended")],
    );
    find(&records, &[("process", "front"), ("status", "succeeded"), ("message", "the run ended")]);
    let made = find(&records, &[("process", "interpreter"), ("event", "call.started"), ("node", "command")]);
    assert_eq!((&made["tool"], &made["attempt"]), (&Value::from("exec"), &Value::from(1)), "{made}");
    let key = made["key"].as_str().unwrap();
    let call = made["call"].to_string();
    let ended = [("process", "interpreter"), ("event", "call.finished"), ("call", call.as_str())];
    assert_eq!(find(&records, &ended)["exit_code"], 0);
    find(&records, &[("process", "interpreter"), ("node", "fails"), ("attempt", "2"), ("kind", "exit")]);
    find(&records, &[("process", "interpreter"), ("event", "node.started"), ("node", "after")]);
    let decided = find(&records, &[("process", "runner"), ("key", key), ("message", "the call is decided")]);
    assert_eq!((&decided["verdict"], &decided["node"]), (&Value::from("allow"), &Value::from("command")));
    let done = find(&records, &[("process", "runner"), ("key", key), ("message", "the call has ended")]);
    assert!(done["ms"].is_number() && done["bytes"].is_number(), "{done}");
    assert!(records.iter().all(|record| record.get("lost").is_none()), "something was lost");
}

const ASKED: &str = "\
schema: lgflow.graph/v1
name: asked
policy: [policy.yaml]
nodes:
  look: { uses: read_file, with: { path: a.txt } }
  sure: { uses: approval, with: { show: 'really?' } }
  put: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: x }] } }
edges: [look -> sure -> put]
";

#[test]
fn every_command_that_executes_a_graph_says_how_that_goes_and_counts_it() {
    let workspace = workspace();
    workspace.write("asked.yaml", ASKED);
    let counts = workspace.outside().join("counts.prom");
    let place = counts.to_str().unwrap().to_owned();
    let with_token = |arguments: &[&str], code: i32| {
        Ran::from(workspace.command(arguments).env("TOKEN", TOKEN).output().unwrap()).ended(code)
    };
    let told = |arguments: &[&str]| {
        let waits =
            arguments.contains(&"worker") || arguments.contains(&"asked.yaml") || arguments.contains(&"fork");
        let (code, end) = if waits { (5, "the run waits for answers") } else { (0, "the run ended") };
        let code = if arguments.contains(&"worker") { 0 } else { code };
        let more = ["--log", "info", "--log-format", "json", "--metrics", &place];
        let said = records(&with_token(&[arguments, &more].concat(), code).stderr);
        let of_a_node = |one: &&Value| one["run"].is_string() && one["node"].is_string();
        let run =
            said.iter().find(of_a_node).unwrap_or_else(|| panic!("{arguments:?}: {said:#?}"))["run"].clone();
        assert!(
            said.iter().any(|one| one["run"] == run && one["message"] == end),
            "{arguments:?}: {said:#?}"
        );
        run.as_str().unwrap().to_owned()
    };
    let run = told(&["run", "-g", "asked.yaml", "--trust"]);
    with_token(&["approve", &run, "sure"], 0);
    assert_eq!(told(&["runs", "resume", &run]), run);
    let undo = told(&["runs", "undo", &run]);
    let fork = told(&["runs", "fork", &run, "--from", "sure"]);
    let queued = with_token(&["run", "--queue", "-g", "asked.yaml", "--trust"], 0).stdout;
    assert_eq!(told(&["worker", "--until-empty"]), queued.trim());
    assert_eq!(BTreeSet::from([&run, &undo, &fork]).len(), 3);
    assert!((sample(&counts, "lgflow_runs_total{status=\"succeeded\"}") - 2.0).abs() < f64::EPSILON);
    assert!((sample(&counts, "lgflow_runs_total{status=\"suspended\"}") - 3.0).abs() < f64::EPSILON);
}

#[test]
fn levels_say_more_and_more_and_a_person_reads_lines() {
    let workspace = workspace();
    let many: Vec<usize> =
        ["error", "info", "debug", "trace"].map(|level| logged(&workspace, level).len()).to_vec();
    assert!(many[0] == 0 && many.windows(2).all(|pair| pair[0] < pair[1]), "{many:?}");
    let text = run(&workspace, &["--log", "info"]).stderr;
    let line =
        text.lines().find(|line| line.contains("front: node ended")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains(" INFO ") && line.contains(" node=look status=succeeded ms="), "{line}");
    let variable = Ran::from(
        workspace
            .command(&["run", "-g", "graph.yaml", "--trust", "-i", "word=x"])
            .envs([("TOKEN", TOKEN), ("LGFLOW_LOG", "info"), ("LGFLOW_LOG_FORMAT", "json")])
            .output()
            .unwrap(),
    );
    find(&records(&variable.ended(0).stderr), &[("message", "the run ended")]);
}

#[test]
fn no_repository_makes_us_talk() {
    let workspace = workspace();
    workspace.write(".lg/config.toml", "log = 'trace'\n");
    let refused = workspace.lgflow(&["config"]).ended(3);
    assert!(
        (refused.stdout + &refused.stderr).contains("`log` may not stand in a workspace's configuration")
    );
}

/// The number of a sample of a file of counts.
fn sample(counts: &Path, name: &str) -> f64 {
    let text = fs::read_to_string(counts).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("`{name}` is not counted:\n{text}")).parse().unwrap()
}

fn counting(workspace: &Workspace, counts: &Path, graph: &str) -> Ran {
    let file = counts.display().to_string();
    let arguments = ["run", "-g", graph, "--trust", "-i", "word=x", "--metrics", &file];
    Ran::from(workspace.command(&arguments).env("TOKEN", TOKEN).output().unwrap())
}

#[test]
fn what_runs_did_is_counted_and_adds_up() {
    let workspace = workspace();
    let counts = workspace.outside().join("lgflow.prom");
    for times in [1.0, 2.0] {
        counting(&workspace, &counts, "graph.yaml").ended(0);
        for (name, each) in [
            ("lgflow_runs_total{status=\"succeeded\"}", 1.0),
            ("lgflow_run_seconds_count", 1.0),
            ("lgflow_calls_total{outcome=\"succeeded\",tool=\"read_file\",verdict=\"allow\"}", 2.0),
            ("lgflow_calls_total{outcome=\"failed\",tool=\"exec\",verdict=\"allow\"}", 2.0),
            ("lgflow_call_seconds_count{tool=\"exec\"}", 3.0),
            ("lgflow_call_seconds_bucket{tool=\"exec\",le=\"+Inf\"}", 3.0),
            ("lgflow_nodes_total{status=\"failed\"}", 1.0),
            ("lgflow_retries_total", 1.0),
            ("lgflow_processes_started_total{process=\"command\"}", 3.0),
            ("lgflow_sandbox_start_seconds_count", 3.0),
            ("lgflow_sandbox_start_seconds_bucket{le=\"+Inf\"}", 3.0),
            ("lgflow_processes_started_total{process=\"runner\"}", 1.0),
            ("lgflow_interruptions_total", 0.0),
            ("lgflow_receipt_mismatches_total", 0.0),
        ] {
            let found = sample(&counts, name);
            assert!((found - each * times).abs() < 1e-9, "{name}: {found}");
        }
        // the content of the patch
        assert!(sample(&counts, "lgflow_patch_bytes_total") >= 16.0 * times);
        assert!(
            sample(&counts, "lgflow_redactions_total") >= 3.0 * times,
            "the secrets of two commands and a file"
        );
        assert!(sample(&counts, "lgflow_events_total") > 30.0 * times);
        assert!(sample(&counts, "lgflow_store_commit_seconds_count") >= times);
        assert!(sample(&counts, "lgflow_store_bytes") > 4096.0);
        let started = sample(&counts, "lgflow_sandbox_start_seconds_sum");
        let whole = sample(&counts, "lgflow_call_seconds_sum{tool=\"exec\"}");
        // calls are counted in whole milliseconds
        assert!(started > 0.0 && started < whole + 0.003 * times, "{started} of {whole}");
    }
}

#[test]
fn what_is_counted_is_read_by_the_parser_of_prometheus() {
    let workspace = workspace();
    let counts = workspace.outside().join("lgflow.prom");
    counting(&workspace, &counts, "graph.yaml").ended(0);
    counting(&workspace, &counts, "graph.yaml").ended(0);
    let read = script("watching/prometheus.py", &[&counts]);
    let samples = read["samples"].as_object().unwrap();
    let calls = r#"lgflow_calls_total{"outcome": "succeeded", "tool": "read_file", "verdict": "allow"}"#;
    assert_eq!(samples[calls], 4.0, "{samples:?}");
    let ours = fs::read_to_string(&counts).unwrap();
    assert_eq!(samples.len(), ours.lines().filter(|line| !line.starts_with('#')).count());
    assert_eq!(
        (&read["types"]["lgflow_call_seconds"], &read["types"]["lgflow_store_bytes"]),
        (&Value::from("histogram"), &Value::from("gauge"))
    );
}

/// Who asked lgflow for spans is told that this build sends none; who told every program is not bothered.
#[cfg(not(feature = "otel"))]
#[test]
fn without_the_feature_nobody_believes_that_spans_are_sent() {
    let workspace = workspace();
    let with = |variable: &str| {
        let command = ["run", "-g", "graph.yaml", "--trust", "-i", "word=x"];
        let variables = [("TOKEN", TOKEN), (variable, "http://127.0.0.1:1")];
        Ran::from(workspace.command(&command).envs(variables).output().unwrap()).ended(0)
    };
    let asked = with("LGFLOW_EXPORTERS_OTLP_ENDPOINT");
    asked.says("no span is sent to `http://127.0.0.1:1`");
    assert!(!with("OTEL_EXPORTER_OTLP_ENDPOINT").stderr.contains("no span is sent"));
}

#[test]
fn a_verdict_is_counted_and_a_run_that_is_gone_on_with() {
    let workspace = workspace();
    let counts = workspace.outside().join("lgflow.prom");
    let asks = POLICY.replace("apply_patch: allow", "apply_patch: ask");
    let graph = "schema: lgflow.graph/v1\nname: asks\npolicy: [asks.yaml]\ninputs: { word: { type: string } }\nnodes:\n  \
                 search: { uses: search_files, with: { pattern: x } }\n  apply: { uses: apply_patch, with: { changes: [{ op: put, \
                 path: b.txt, content: x }] } }\nedges:\n  - { from: search, to: apply, catch: [denied] }\noutputs: { word: '{{ \
                 inputs.word }}' }\n";
    workspace.write("asks.yaml", asks).write("asks_graph.yaml", graph);
    counting(&workspace, &counts, "asks_graph.yaml").ended(5);
    let call = |tool: &str, verdict: &str| {
        sample(
            &counts,
            &format!("lgflow_calls_total{{outcome=\"failed\",tool=\"{tool}\",verdict=\"{verdict}\"}}"),
        )
    };
    let same = |one: f64, other: f64| (one - other).abs() < 1e-9;
    assert!(same(call("search_files", "deny"), 1.0) && same(call("apply_patch", "ask"), 1.0));
    assert!(same(sample(&counts, "lgflow_questions_total"), 1.0));
    let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let run = listed["runs"][0]["run"].as_str().unwrap().to_owned();
    workspace.lgflow(&["reject", &run]).ended(0);
    let file = counts.display().to_string();
    let resumed =
        workspace.command(&["runs", "resume", &run, "--metrics", &file]).env("TOKEN", TOKEN).output();
    Ran::from(resumed.unwrap()).ended(1);
    assert!(same(sample(&counts, "lgflow_resumes_total"), 1.0));
    assert!(same(sample(&counts, "lgflow_runs_total{status=\"suspended\"}"), 1.0));
    assert!(same(sample(&counts, "lgflow_runs_total{status=\"failed\"}"), 1.0));
}

#[test]
fn runs_that_end_at_once_are_all_counted() {
    let workspace = workspace();
    let counts = workspace.outside().join("lgflow.prom");
    let graph = "schema: lgflow.graph/v1\nname: small\ninputs: { word: { type: string } }\nnodes:\n  a: { uses: values, with: { b: \
                 1 } }\nedges: []\noutputs: { word: '{{ inputs.word }}' }\n";
    workspace.write("small.yaml", graph);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| counting(&workspace, &counts, "small.yaml").ended(0));
        }
    });
    assert!((sample(&counts, "lgflow_runs_total{status=\"succeeded\"}") - 5.0).abs() < 1e-9);
}

#[test]
fn a_file_of_somebody_else_stays_as_it_is_and_the_run_is_none_the_worse() {
    let workspace = workspace();
    let theirs = workspace.outside().join("theirs.prom");
    let text = "# HELP up Is it up?\n# TYPE up gauge\nup 1\n";
    fs::write(&theirs, text).unwrap();
    let ran = counting(&workspace, &theirs, "graph.yaml").ended(0);
    assert_eq!(fs::read_to_string(&theirs).unwrap(), text);
    ran.says("what was counted is not written").says("name another file with `--metrics`");
    counting(&workspace, Path::new("/nowhere/there.prom"), "graph.yaml")
        .ended(0)
        .says("what was counted is not written");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |chunk: &[u8], at: usize| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize])
    };
    bytes.chunks_exact(3).flat_map(|chunk| (0..4).map(move |at| digit(chunk, at))).collect()
}

/// Every form of the secrets that must be nowhere.
fn forms() -> Vec<String> {
    let inside = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let mut forms = Vec::new();
    for secret in [TOKEN, KEY] {
        forms.extend([secret.to_owned(), inside(secret), inside(&inside(secret)), hex(secret.as_bytes())]);
        forms.extend((0..3).map(|from| base64(&secret.as_bytes()[from..])));
    }
    forms.push("MIIcorrecthorsebattery".to_owned());
    forms
}

fn everything(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            everything(&entry.path(), found);
        } else if entry.file_type().unwrap().is_file() {
            found.push((entry.path(), fs::read(entry.path()).unwrap()));
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// All that is ever told of a run, at the most talkative.
#[test]
fn no_secret_and_no_content_is_in_anything_that_is_told() {
    for form in ["json", "human"] {
        let workspace = workspace();
        let counts = workspace.outside().join("lgflow.prom");
        let metrics = counts.display().to_string();
        let ran =
            run(&workspace, &["--trace", "--log", "trace", "--log-format", form, "--metrics", &metrics]);
        let said: Vec<&str> = ran
            .stderr
            .lines()
            .filter(|line| {
                line.starts_with('{')
                    || ["front: ", "runner: ", "interpreter: "].iter().any(|who| line.contains(who))
            })
            .collect();
        assert!(said.len() > 50, "{}", ran.stderr);
        let log = said.join("\n") + &fs::read_to_string(&counts).unwrap();
        for canary in [INPUT, ARGUMENT, VARIABLE, OUTPUT, CONTENT, FAILURE, "canary", "printf"] {
            assert!(!log.contains(canary), "{canary}:\n{log}");
        }
        let mut all =
            vec![("stdout".into(), ran.stdout.into_bytes()), ("stderr".into(), ran.stderr.into_bytes())];
        everything(&workspace.state(), &mut all);
        everything(&workspace.path().join("artifacts"), &mut all);
        all.push((counts.clone(), fs::read(&counts).unwrap()));
        assert!(all.len() > 5, "{}", all.len());
        for (path, bytes) in all {
            for secret in forms() {
                assert!(!contains(&bytes, &secret), "{secret} in {}", path.display());
            }
        }
    }
}

/// What is said is words of the program: no message is put together of anything, and no field has another name than one
/// that may be said.
#[test]
fn messages_are_literals_and_fields_are_on_the_list() {
    let mut files = Vec::new();
    everything(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut seen = BTreeSet::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.extension().is_some_and(|ext| ext == "rs")) {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| line.to_owned() + "\n")
            .collect();
        if !code.contains("tracing::") {
            continue;
        }
        for name in ["trace!(", "debug!(", "info!(", "warn!(", "error!(", "error_span!("] {
            for (at, _) in code.match_indices(name) {
                if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let inside = arguments(&code[at + name.len()..]);
                seen.insert(name);
                let message = inside.last().unwrap().trim();
                let named = if name == "error_span!(" { &inside[..] } else { &inside[..inside.len() - 1] };
                if name != "error_span!(" {
                    let literal =
                        message.starts_with('"') && message.ends_with('"') && !message.contains(['{', '}']);
                    assert!(literal, "{}: {message}", path.display());
                }
                for field in named {
                    let field = field.trim();
                    if field.starts_with("parent:") || field.starts_with('"') {
                        continue;
                    }
                    let (field, value) = field
                        .split_once('=')
                        .map_or((field, ""), |(name, value)| (name.trim(), value.trim()));
                    assert!(FIELDS.contains(&field), "{}: `{field}` may not be said", path.display());
                    assert!(
                        !value.starts_with('?'),
                        "{}: `{field}` is said as it is debugged",
                        path.display()
                    );
                }
            }
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

/// The arguments of a macro, up to its closing parenthesis.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut all) = (0, false, vec![String::new()]);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted && depth == 0 => break,
            ')' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        all.last_mut().unwrap().push(c);
    }
    all.retain(|one| !one.trim().is_empty());
    all
}
