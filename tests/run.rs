//! `lgflow run` as a user meets it: the built program, a real workspace, a real runner process.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use program::kept::{anew, database, find, log_of, rewrite_log};
use program::processes::{alive, all_gone, children, command_line, signal, wait_for_descendant, wait_until};
use program::{Ran, Workspace};
use serde_json::{Value, json};

const HELLO: &str = "\
schema: lgflow.graph/v1
name: hello
inputs:
  who: { type: string, default: world }
prompts:
  hello: { text: \"Hello, {{ who }}.\" }
nodes:
  hello: { uses: render, with: { prompt: hello, vars: { who: \"{{ inputs.who }}\" } } }
outputs:
  text: \"{{ nodes.hello.output.text }}\"
";

/// A policy of the user's that lets one program run without walls.
const SLEEPY_POLICY: &str = "\
schema: lgflow.policy/v1
name: sleepy
tools: { exec: allow, read_file: allow }
paths:
  read: { allow: [\"**\"] }
commands:
  - name: sleep
    program: sleep
    args: [[\"*\"]]
    sandbox: { workspace: direct }
sandbox: { mode: best_effort }
";

const SLEEPY: &str = "\
schema: lgflow.graph/v1
name: sleepy
nodes:
  nap: { uses: exec, with: { argv: [sleep, \"600\"] } }
  tidy: { uses: values, with: { done: true } }
edges:
  - { from: nap, to: tidy, always: true }
";

#[test]
fn one_text_output_is_printed_verbatim_and_everything_else_goes_to_stderr() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "-i", "who=you"]).ended(0);
    assert_eq!(ran.stdout.trim_end_matches('\n'), "Hello, you.");
    assert!(ran.stderr.contains("succeeded"), "{}", ran.stderr);
}

#[test]
fn the_json_form_is_one_document_with_every_promised_key() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let run = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(0).json();
    assert_eq!(run["schema"], "lgflow.run/v1");
    assert_eq!(run["status"], "succeeded");
    assert_eq!(run["exit_code"], 0);
    assert_eq!(run["outputs"], json!({"text": "Hello, world."}));
    assert_eq!(run["inputs"], json!({"who": "world"}));
    assert_eq!(run["path"], json!(["hello"]));
    assert_eq!(run["nodes"]["hello"]["status"], "succeeded");
    assert_eq!(run["error"], Value::Null);
    assert_eq!(run["waiting"], json!([]));
    for key in ["run", "graph", "calls", "denied", "trace"] {
        assert!(run.get(key).is_some(), "`{key}` is missing in {run}");
    }
}

#[test]
fn what_a_command_would_have_changed_is_said() {
    let workspace = Workspace::git();
    let policy = |write: &str| {
        format!(
            "schema: lgflow.policy/v1\nname: p\ntools: {{ exec: allow }}\npaths: {{ read: {{ allow: ['**'] }}{write} }}\ncommands:\n  - {{ name: touch, program: touch, args: [['*']] }}\nsandbox: {{ mode: best_effort }}\n"
        )
    };
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: exec, with: { argv: [touch, new.txt] } } }\n",
    );
    let says = |write: &str| {
        workspace.write("p.yaml", policy(write));
        workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "p.yaml"]).ended(0).stderr
    };
    let allowed = says(", write: { allow: ['**'] }");
    assert!(allowed.contains("it would have changed 1 file (in its `patch`)"), "{allowed}");
    let denied = says("");
    assert!(denied.contains("not carried over (1 in its `not_carried`)"), "{denied}");
    assert!(!workspace.path().join("new.txt").exists());
}

#[test]
fn what_is_collected_is_counted_and_a_refusal_is_not_collected() {
    let workspace = Workspace::git();
    workspace.write("a.txt", "a\n").write(".env", "TOKEN=1\n");
    let graph = |files: &str| {
        format!(
            "schema: lgflow.graph/v1\nname: g\nnodes:\n  all:\n    uses: read_file\n    with: {{ path: '{{{{ file }}}}' }}\n    for_each: {{ in: \"{files}\", as: file, on_error: collect }}\n"
        )
    };
    workspace.write("graph.yaml", graph("['a.txt', 'none.txt']"));
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    assert!(ran.stderr.contains("1 of 2 items failed: not_found (1)"), "{}", ran.stderr);
    workspace.write("graph.yaml", graph("['a.txt', '.env', 'none.txt']"));
    let denied = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(4).json();
    assert_eq!((&denied["error"]["kind"], &denied["error"]["node"]), (&json!("denied"), &json!("all")));
}

#[test]
fn a_batch_with_a_denied_call_ends_denied_and_says_which_it_was() {
    let workspace = Workspace::git();
    workspace.write("a.txt", "a\n").write(".env", "TOKEN=1\n");
    let graph = "schema: lgflow.graph/v1\nname: g\ninputs: { file: { type: string } }\nnodes:\n  all:\n    uses: batch\n    with:\n      calls: [{ tool: read_file, input: { path: a.txt } }, { tool: read_file, input: { path: '{{ inputs.file }}' } }]\n      tools: [read_file]\n      max_calls: 2\noutputs: { results: '{{ nodes.all.output.results }}' }\n";
    workspace.write("graph.yaml", graph);
    let run = |file: &str| {
        let input = format!("file={file}");
        workspace.lgflow(&["run", "-g", "graph.yaml", "-i", &input, "--format", "json"])
    };
    run("a.txt").ended(0);
    let denied = run(".env").ended(4).json();
    assert_eq!((&denied["status"], &denied["error"]["kind"]), (&json!("denied"), &json!("denied")));
    assert!(denied["error"]["message"].as_str().unwrap().contains("denies `.env`"), "{denied}");
    assert_eq!(denied["denied"], 1, "{denied}");
}

#[test]
fn a_wrong_input_is_wrong_usage_and_nothing_runs() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "-i", "whom=you"]);
    assert!(matches!(ran.code, Some(2 | 3)), "{:?} {}", ran.code, ran.stderr);
    assert!(ran.stderr.contains("`who`"), "the nearest input is not suggested: {}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_trace_verifies_and_every_kind_of_tampering_is_named() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    workspace.lgflow(&["run", "-g", "graph.yaml", "--trace"]).ended(0);
    let runs = workspace.path().join("artifacts/runs");
    let trace = find(&runs, ".jsonl");
    assert_eq!(workspace.read("artifacts/.gitignore"), "*\n");
    let file = trace.to_str().unwrap();
    workspace.lgflow(&["trace", "verify", file]).ended(0);

    let text = fs::read_to_string(&trace).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() >= 4, "{text}");
    let verify = |lines: Vec<String>| {
        fs::write(&trace, lines.join("\n") + "\n").unwrap();
        workspace.lgflow(&["trace", "verify", file])
    };
    let own = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    for at in 0..lines.len() {
        let mut edited = own(&lines);
        edited[at] = edited[at].replacen("\"run\":\"", "\"run\":\"0", 1);
        let ran = verify(edited).ended(7);
        assert!(
            format!("{}{}", ran.stdout, ran.stderr).contains(&format!("{}", seq(lines[at]))),
            "edited {at}: {}",
            ran.stderr
        );
    }
    for at in 0..lines.len() - 1 {
        let mut cut = own(&lines);
        cut.remove(at);
        verify(cut).ended(7);
        let mut moved = own(&lines);
        moved.swap(at, at + 1);
        verify(moved).ended(7);
    }
    let tail = verify(own(&lines[..lines.len() - 1])).ended(7);
    assert!(format!("{}{}", tail.stdout, tail.stderr).contains("incomplete"), "{}", tail.stderr);
    verify(own(&lines)).ended(0);
}

#[test]
fn a_trace_that_was_written_anew_as_a_whole_is_not_the_one_that_was_sealed() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(0);
    let run = ran.json()["run"].as_str().unwrap().to_owned();
    let verify = || workspace.lgflow(&["trace", "verify", &run, "--format", "json"]);
    assert_eq!(verify().ended(0).json()["as_sealed"], true);

    let honest = log_of(&workspace, &run);
    rewrite_log(&workspace, &run, &forged(&honest));
    let found = verify().ended(7).json();
    assert_eq!(
        (&found["fault"], &found["complete"], &found["as_sealed"]),
        (&json!(null), &json!(true), &json!(false))
    );
    let events = honest.lines().count();
    let anew = format!("it was written anew: event {events} is not the one that this installation sealed");
    workspace.lgflow(&["trace", "verify", &run]).ended(7).says(&anew);
    // the same without its end
    let cut: String = honest.split_inclusive('\n').take(events - 1).collect();
    rewrite_log(&workspace, &run, &cut);
    let said =
        format!("its end was cut: this installation sealed {events} events, and there are {}", events - 1);
    workspace.lgflow(&["trace", "verify", &run, "--allow", "incomplete"]).ended(7).says(&said);
    // what says the same in other bytes is another file, with another digest
    for (text, why) in [
        (honest.replace('\n', "\r\n"), "line 1 has a carriage return".to_owned()),
        (
            honest.replacen('\n', "\r\n", 2).replacen("\r\n", "\n", 1),
            "line 2 has a carriage return".to_owned(),
        ),
        (honest.trim_end().to_owned(), format!("line {events} does not end with a line feed")),
    ] {
        workspace.write("copy.jsonl", text);
        workspace.lgflow(&["trace", "verify", "copy.jsonl"]).ended(7).says(&why);
    }

    rewrite_log(&workspace, &run, &honest);
    verify().ended(0);
}

/// The same events a year later, with every hash computed again.
fn forged(honest: &str) -> String {
    anew(honest, |events| {
        for event in events {
            let year = event["ts"].as_str().unwrap()[..4].parse::<u32>().unwrap() + 1;
            event["ts"] = json!(format!("{year}{}", &event["ts"].as_str().unwrap()[4..]));
        }
    })
}

#[test]
fn what_could_not_be_printed_was_not_done() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = workspace.command(&["run", "-g", "graph.yaml"]).stdout(full).output().unwrap();
    Ran::from(ran).ended(1).says("cannot print");
}

#[test]
fn whoever_does_not_listen_to_a_run_changes_nothing_of_it() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = workspace.command(&["run", "-g", "graph.yaml"]).stderr(full).output().unwrap();
    let ran = Ran::from(ran).ended(0);
    assert_eq!(ran.stdout.trim_end(), "Hello, world.");
    // a reader who has seen enough
    let line = "exec 3>&1; { \"$@\" 2>&1 >&3; echo \"ended $?\" >&3; } | true";
    let program = env!("CARGO_BIN_EXE_lgflow");
    let ran =
        workspace.program("sh", &["-c", line, "sh", program, "run", "-g", "graph.yaml"]).output().unwrap();
    let ran = Ran::from(ran).ended(0);
    assert_eq!(ran.stdout.trim_end(), "Hello, world.\nended 0");
}

#[test]
fn an_input_that_cannot_be_meant_is_said_as_it_was_typed() {
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: g\ninputs:\n  n: { type: integer, default: 1 }\n  b: { type: boolean, \
                 default: true }\n  o: { type: object, default: {} }\n  any: { default: 1 }\nnodes:\n  v: { uses: values, with: { n: \
                 '{{ inputs.n }}', any: '{{ inputs.any }}' } }\noutputs: { n: '{{ nodes.v.output.n }}' }\n";
    workspace.write("graph.yaml", graph);
    let big = "99999999999999999999999";
    for (given, words) in [
        (&["n=abc"][..], "the input `n` takes an integer, and `abc` is none"),
        (&["b=True"], "the input `b` takes `true` or `false`, not `True`"),
        (&["o={a}"], "quote it for your shell"),
        (&["n=1", "n=2"], "the input `n` is given twice"),
        (&["n=99999999999999999999999"], "does not fit into 64 bits"),
        (&["any=99999999999999999999999"], big),
    ] {
        let mut arguments = vec!["run", "-g", "graph.yaml"];
        for one in given {
            arguments.extend(["-i", one]);
        }
        let ran = workspace.lgflow(&arguments).ended(2).says(words);
        assert!(!ran.stderr.contains("expected value at line"), "{}", ran.stderr);
    }
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "-i", "n=9007199254740993"]).ended(0);
    assert!(ran.stdout.contains("9007199254740993"), "{}", ran.stdout);
}

#[test]
fn an_input_that_takes_text_among_others_takes_what_is_none_of_them_as_text() {
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: g\ninputs: { u: { type: [string, integer] } }\nnodes: { v: { uses: values } }\n\
                 outputs: { u: '{{ inputs.u | tojson }}' }\n";
    workspace.write("graph.yaml", graph);
    for (given, taken) in [
        ("3", "3"),
        ("three", "\"three\""),
        ("true", "\"true\""),
        ("1.5", "\"1.5\""),
        ("{a}", "\"{a}\""),
        ("\"3\"", "\"3\""),
        ("99999999999999999999999", "\"99999999999999999999999\""),
    ] {
        let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "-i", &format!("u={given}")]).ended(0);
        assert_eq!(ran.stdout.trim(), taken, "{given}");
    }
    // however its schema says so
    let graph = "schema: lgflow.graph/v1\nname: g\ninputs: { a: { anyOf: [{ type: string }, { type: integer }], default: a }, e: { \
                 enum: ['1', '2'], default: '1' }, l: { type: [string, array], default: a } }\nnodes: { v: { uses: values } }\n\
                 outputs: { all: '{{ [inputs.a, inputs.e, inputs.l] | tojson }}' }\n";
    workspace.write("graph.yaml", graph);
    for (given, taken) in [
        ("a=true", r#"["true","1","a"]"#),
        ("a=3", r#"[3,"1","a"]"#),
        ("e=2", r#"["a","2","a"]"#),
        ("l=[1]", r#"["a","1",[1]]"#),
        ("l={1", r#"["a","1","{1"]"#),
        ("l=\"[1\"", r#"["a","1","[1"]"#),
    ] {
        let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "-i", given]).ended(0);
        assert_eq!(ran.stdout.trim(), taken, "{given}");
    }
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "-i", "l=[1"]).ended(2);
    ran.says("`[1` begins as JSON, and is none");
}

#[test]
fn a_trace_is_checked_with_its_payloads_wherever_it_is_named_from() {
    let workspace = Workspace::git();
    workspace.write("a.rs", "fn main() {}\n".repeat(400)).write("README.md", "# A\n\nB.\n");
    let ran = workspace.lgflow(&["run", "summarize repo", "--trace", "--format", "json"]).ended(0).json();
    let (run, copy) = (ran["run"].as_str().unwrap(), ran["trace"].as_str().unwrap());
    for named in [run, copy] {
        let ran = workspace.lgflow(&["trace", "verify", named]).ended(0);
        assert!(
            ran.stdout.starts_with("consistent") && !ran.stdout.contains("not at hand"),
            "{}",
            ran.stdout
        );
        let json = workspace.lgflow(&["trace", "verify", named, "--format", "json"]).ended(0).json();
        assert_eq!(json["payloads_checked"], true, "{named}: {json}");
    }
    // lines alone, in another state: what can't be checked is said
    let elsewhere = Workspace::new();
    elsewhere.write("alone.jsonl", log_of(&workspace, run));
    let ran = elsewhere.lgflow(&["trace", "verify", "alone.jsonl"]).ended(0);
    assert!(ran.stdout.contains("not at hand"), "{}", ran.stdout);
    let database = database(workspace.forges());
    database.execute("DELETE FROM links", []).unwrap();
    database.execute("DELETE FROM blobs", []).unwrap();
    workspace.lgflow(&["trace", "verify", run]).ended(7).says("misses a payload");
}

#[test]
fn the_first_event_says_how_the_workspace_differs_from_its_commit() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let work_tree = || {
        let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(0).json();
        let shown = workspace.lgflow(&["trace", "show", ran["run"].as_str().unwrap(), "--format", "json"]);
        let first = shown.ended(0).json()["events"][0]["data"].clone();
        (first["revision"].clone(), first["facts"]["work_tree"].clone())
    };
    let (revision, state) = work_tree();
    assert_eq!((revision, &state["state"], &state["files"]), (Value::Null, &json!("dirty"), &json!(1)));
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let status = std::process::Command::new("git")
            .current_dir(workspace.path())
            .args(who)
            .args(arguments)
            .status();
        assert!(status.unwrap().success());
    };
    git(&["add", "-A"]);
    git(&["commit", "-qm", "one"]);
    let (revision, clean) = work_tree();
    assert!(revision.is_string());
    assert_eq!(clean, json!({"state": "clean"}));
    workspace.write("new.txt", "1\n");
    let (_, one) = work_tree();
    workspace.write("new.txt", "2\n");
    let (_, other) = work_tree();
    assert!(one["state"] == "dirty" && one["digest"] != other["digest"], "{one} {other}");
    fs::remove_file(workspace.path().join("new.txt")).unwrap();
    assert_eq!(work_tree().1, clean);
}

fn seq(line: &str) -> u64 {
    serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()
}

#[test]
fn an_interrupt_ends_the_command_and_still_runs_what_must_always_run() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", SLEEPY).write("policy.yaml", SLEEPY_POLICY);
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let child = workspace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let sleeper = wait_for_descendant(child.id(), |line| line.starts_with("sleep 600"));
    signal(child.id(), "INT");
    let ran = Ran::from(child.wait_with_output().unwrap()).ended(130);
    let run = ran.json();
    assert_eq!(run["status"], "cancelled");
    assert_eq!(run["nodes"]["nap"]["status"], "cancelled");
    assert_eq!(run["nodes"]["tidy"]["status"], "succeeded");
    assert!(!alive(sleeper), "the command outlived its run");
}

#[test]
fn killing_the_runner_interrupts_the_run_and_says_how_to_go_on() {
    let workspace = Workspace::git();
    let run = sleeping(&workspace);
    signal(run.runner, "KILL");
    let ran = Ran::from(run.front.wait_with_output().unwrap()).ended(1);
    assert_eq!(ran.json()["status"], "interrupted");
    says_how_to_go_on(&workspace, &ran);
    all_gone(&[run.interpreter, run.sleeper]);
}

/// What a command did before it was ended is not known, so a person is asked before it is made again.
fn says_how_to_go_on(workspace: &Workspace, ran: &Ran) {
    let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    assert_eq!(listed["runs"][0]["resumable"], true, "{listed}");
    let run = listed["runs"][0]["run"].as_str().unwrap();
    for way in [format!("lgflow trace show {run}"), format!("lgflow runs resume {run}")] {
        assert!(ran.stderr.contains(&way), "{}", ran.stderr);
    }
    workspace.lgflow(&["runs", "resume", run]).ended(5).says("the command had begun when its runner died");
    workspace.lgflow(&["trace", "verify", run, "--allow", "incomplete"]).ended(0);
}

/// A run of [`SLEEPY`] that sleeps: the front, and the processes beneath it.
struct Sleeping {
    front: std::process::Child,
    interpreter: u32,
    runner: u32,
    sleeper: u32,
}

fn sleeping(workspace: &Workspace) -> Sleeping {
    workspace.write("graph.yaml", SLEEPY).write("policy.yaml", SLEEPY_POLICY);
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let front = workspace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let sleeper = wait_for_descendant(front.id(), |line| line.starts_with("sleep 600"));
    let named = |name: &str| {
        let ids = children(front.id());
        ids.into_iter().find(|&id| command_line(id).contains(name)).unwrap_or_else(|| panic!("no {name}"))
    };
    let (interpreter, runner) = (named("__interpreter"), named("__runner"));
    Sleeping { front, interpreter, runner, sleeper }
}

#[test]
fn killing_the_front_ends_everything_that_it_started() {
    let workspace = Workspace::git();
    let mut run = sleeping(&workspace);
    signal(run.front.id(), "KILL");
    run.front.wait().unwrap();
    all_gone(&[run.interpreter, run.runner, run.sleeper]);
}

#[test]
fn killing_the_interpreter_interrupts_the_run_and_says_how_to_go_on() {
    let workspace = Workspace::git();
    let run = sleeping(&workspace);
    signal(run.interpreter, "KILL");
    let ran = Ran::from(run.front.wait_with_output().unwrap()).ended(1);
    assert_eq!(ran.json()["status"], "interrupted");
    assert!(ran.stderr.contains("the interpreter's process ended"), "{}", ran.stderr);
    says_how_to_go_on(&workspace, &ran);
    all_gone(&[run.runner, run.sleeper]);
}

#[test]
fn a_front_that_is_interrupted_a_third_time_ends_an_interpreter_that_does_not_answer() {
    let workspace = Workspace::git();
    let run = sleeping(&workspace);
    signal(run.interpreter, "STOP");
    // interrupts that come together may count as one, so it is asked until it ends
    wait_until(
        || {
            signal(run.front.id(), "INT");
            !alive(run.front.id())
        },
        "the front waits for an interpreter that is stopped",
    );
    let ran = Ran::from(run.front.wait_with_output().unwrap()).ended(1);
    assert_eq!(ran.json()["status"], "interrupted");
    all_gone(&[run.interpreter, run.runner, run.sleeper]);
}

#[test]
fn the_interpreter_has_no_terminal_and_its_memory_is_closed() {
    let workspace = Workspace::git();
    let mut run = sleeping(&workspace);
    let status = fs::read_to_string(format!("/proc/{}/status", run.interpreter)).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Seccomp"), "2", "the kernel offers seccomp, so it must be in force");
    assert_eq!(u64::from_str_radix(&field("CapEff"), 16).unwrap(), 0);
    // fields 6 and 7 of `stat`: the session is its own, and it has no terminal
    let stat = fs::read_to_string(format!("/proc/{}/stat", run.interpreter)).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_eq!((fields[3], fields[4]), (run.interpreter.to_string().as_str(), "0"), "{stat}");
    // a process that is not dumpable belongs to root in /proc, whoever runs it
    let memory = fs::metadata(format!("/proc/{}/mem", run.interpreter)).unwrap();
    assert_eq!((memory.uid(), memory.mode() & 0o077), (0, 0));
    let own = format!("/proc/{}/fd", run.interpreter);
    for entry in fs::read_dir(own).unwrap() {
        let target = fs::read_link(entry.unwrap().path()).unwrap();
        let named = target.display().to_string();
        let harmless =
            ["socket:", "pipe:", "anon_inode:", "/dev/null"].iter().any(|of| named.starts_with(of));
        assert!(harmless || target.starts_with(workspace.state()), "the interpreter holds {named}");
    }
    signal(run.front.id(), "KILL");
    run.front.wait().unwrap();
    all_gone(&[run.interpreter, run.runner, run.sleeper]);
}

#[test]
fn the_trace_says_what_confines_the_interpreter() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let run = workspace.lgflow(&["run", "-g", "graph.yaml", "--trace", "--format", "json"]).ended(0).json();
    let trace = workspace.read(run["trace"].as_str().unwrap());
    let first: Value = serde_json::from_str(trace.lines().next().unwrap()).unwrap();
    assert_eq!(first["data"]["facts"]["interpreter"], "confined", "{first}");
}

#[test]
fn the_interpreter_is_reached_by_no_other_way() {
    let workspace = Workspace::new();
    let ran = workspace.lgflow(&["__interpreter"]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("lgflow run"), "{}", ran.stderr);
}

#[test]
fn a_run_without_terminal_prints_plain_lines() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    assert!(!ran.stderr.contains('\u{1b}'), "escape sequences in a pipe: {:?}", ran.stderr);
    assert!(ran.stderr.contains("hello"), "{}", ran.stderr);
}

#[test]
fn the_runner_is_reached_by_no_other_way() {
    let workspace = Workspace::new();
    let ran = workspace.lgflow(&["__runner"]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("lgflow run"), "{}", ran.stderr);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_an_error_before_anything_runs() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    fs::write(workspace.state(), "a file where the folder should be").unwrap();
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml"]);
    assert_ne!(ran.code, Some(0));
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains(workspace.state().to_str().unwrap()), "{}", ran.stderr);
}

#[test]
fn every_node_that_did_not_run_says_why() {
    let workspace = Workspace::git();
    workspace.write(
        "graph.yaml",
        "\
schema: lgflow.graph/v1
name: branches
inputs: { deep: { type: boolean, default: false }, quick: { type: boolean, default: true } }
nodes:
  start: { uses: values, with: { a: 1 } }
  deep: { uses: values, with: { a: 2 } }
  shallow: { uses: values, with: { a: 3 } }
  never: { uses: values, skip_when: inputs.quick, with: { a: 4 } }
edges:
  - { from: start, to: deep, when: \"inputs.deep\" }
  - { from: start, to: shallow, otherwise: true }
  - shallow -> never
outputs:
  a: \"{{ first_of(nodes.shallow.output.a, nodes.deep.output.a) }}\"
",
    );
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    assert!(ran.stderr.contains("deep") && ran.stderr.contains("inputs.deep"), "{}", ran.stderr);
    assert!(ran.stderr.contains("never") && ran.stderr.contains("skip_when"), "{}", ran.stderr);
}

#[test]
fn the_graph_of_the_readme_runs() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let graph = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let workspace = Workspace::git();
    workspace
        .write("graph.yaml", graph)
        .write("src/a.txt", "one\nTODO: two\n")
        .write("b.txt", "TODO\nTODO\n");
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    // the graph itself says the word in its default and its description
    let said = graph.lines().filter(|line| line.contains("TODO")).count();
    assert_eq!(ran.stdout, format!("{} places say TODO.\n", 3 + said));
}

#[test]
fn the_main_job_reports_facts_twice_the_same_and_leaves_a_trace_that_verifies() {
    let workspace = Workspace::git();
    workspace
        .write(
            "Cargo.toml",
            "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\n\n[dependencies]\nserde = \"1\"\n",
        )
        .write("src/main.rs", "mod a;\n\nfn main() {\n    a::go();\n}\n")
        .write("src/a.rs", "pub fn go() {}\n")
        .write("tests/it.rs", "#[test]\nfn works() {}\n")
        .write("README.md", "# Tiny\n\nA tiny program.\n");
    let first = workspace.lgflow(&["run", "summarize repo", "--trace"]).ended(0);
    for fact in ["tiny", "A tiny program.", "Rust", "`src/main.rs`", "serde", "cargo test", "`tests/it.rs`"] {
        assert!(first.stdout.contains(fact), "`{fact}` is not in the report:\n{}", first.stdout);
    }
    let second = workspace.lgflow(&["run", "summarize repo", "--trace"]).ended(0);
    assert_eq!(first.stdout, second.stdout);
    let mut traces = 0;
    for entry in fs::read_dir(workspace.path().join("artifacts/runs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            workspace.lgflow(&["trace", "verify", path.to_str().unwrap()]).ended(0);
            traces += 1;
        }
    }
    assert_eq!(traces, 2);
}

#[test]
fn a_request_that_needs_a_model_says_so_and_changes_nothing() {
    let workspace = Workspace::git();
    workspace.write("src/lib.rs", "pub fn answer() -> u32 {\n    41\n}\n");
    let ran = workspace.lgflow(&["run", "fix the bug in answer"]).ended(0);
    assert!(ran.stdout.to_lowercase().contains("language model"), "{}", ran.stdout);
    assert_eq!(workspace.read("src/lib.rs"), "pub fn answer() -> u32 {\n    41\n}\n");
}

#[test]
fn a_patch_is_made_where_the_policy_allows_and_asked_about_where_it_does_not() {
    let graph = "\
schema: lgflow.graph/v1
name: patch
nodes:
  change:
    uses: apply_patch
    with: { changes: [{ op: put, path: src/new.txt, content: \"hello\\n\" }] }
";
    let workspace = Workspace::git();
    workspace.write("graph.yaml", graph);
    let asked = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(5);
    assert_eq!(asked.json()["status"], "suspended");
    assert!(!workspace.path().join("src/new.txt").exists());

    workspace.write(
        "policy.yaml",
        "schema: lgflow.policy/v1\nname: p\ntools: { apply_patch: allow }\npaths: { read: { allow: [\"**\"] }, write: { allow: [\"src/**\"] } }\n",
    );
    workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "policy.yaml"]).ended(0);
    assert_eq!(workspace.read("src/new.txt"), "hello\n");

    workspace.write(
        "narrow.yaml",
        "schema: lgflow.policy/v1\nname: n\ntools: { apply_patch: allow }\npaths: { read: { allow: [\"**\"] }, write: { allow: [\"docs/**\"] } }\n",
    );
    let denied = workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "narrow.yaml"]).ended(4);
    assert!(denied.stderr.contains("narrow.yaml:4"), "no rule with its file and line: {}", denied.stderr);
}

#[test]
fn what_a_node_has_said_of_a_budget_is_not_said_again() {
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: b\nbudgets: { tool_calls: 1 }\nnodes:\n  a: { uses: list_files, with: { path: \
                 . } }\n  b: { uses: list_files, with: { path: . } }\nedges: [a -> b]\n";
    workspace.write("b.yaml", graph);
    let ran = workspace.lgflow(&["run", "-g", "b.yaml"]).ended(6);
    assert_eq!(ran.stderr.matches("is used up").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("out_of_budget: run "), "{}", ran.stderr);
}
