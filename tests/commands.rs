//! What is the same of every command, and the first steps of a newcomer: help, exit codes, `init` to `run`, trust, and
//! single calls.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use clap::CommandFactory as _;
use lgflow::cli::{Cli, Exit};
use program::{Ran, Workspace};
use serde_json::{Value, json};

/// Every command and subcommand as it is typed, the program itself first.
fn commands() -> Vec<Vec<String>> {
    fn beneath(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            beneath(sub, &[path, &[sub.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    beneath(&Cli::command(), &[], &mut found);
    found
}

#[test]
fn every_command_has_help_with_an_example_and_its_text_is_known() {
    let workspace = Workspace::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let bless = std::env::var_os("LGFLOW_BLESS").is_some();
    let mut changed = Vec::new();
    let commands = commands();
    assert!(commands.len() > 14, "{commands:?}");
    for command in commands {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        let typed = ["lgflow", &command.join(" ")].join(" ");
        arguments.push("--help");
        let text = workspace.lgflow(&arguments).ended(0).stdout;
        if !command.is_empty() {
            assert!(text.contains("Example") && text.contains(&typed), "{typed}: no example\n{text}");
        }
        let file = folder.join(format!("{}.txt", [&["lgflow".to_owned()], &command[..]].concat().join("-")));
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).ok().as_deref() != Some(text.as_str()) {
            changed.push(file);
        }
    }
    assert!(changed.is_empty(), "LGFLOW_BLESS=1 rewrites: {changed:?}");
}

#[test]
fn wrong_usage_of_every_command_is_exit_code_2_and_a_problem_document() {
    let workspace = Workspace::git();
    for command in commands() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--no-such-flag");
        let ran = workspace.lgflow(&arguments).ended(2);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        arguments.extend(["--format", "json"]);
        let problem = workspace.lgflow(&arguments).ended(2).json();
        assert_eq!(
            (problem["schema"].as_str(), &problem["exit_code"]),
            (Some("lgflow.problem/v1"), &Value::from(2))
        );
    }
}

#[test]
fn the_exit_codes_are_the_ones_that_scripts_rely_on() {
    let table = BTreeMap::from([
        (0, Exit::Done),
        (1, Exit::Failed),
        (2, Exit::Usage),
        (3, Exit::Invalid),
        (4, Exit::Denied),
        (5, Exit::Suspended),
        (6, Exit::Budget),
        (7, Exit::Unverified),
        (70, Exit::Bug),
        (130, Exit::Interrupted),
    ]);
    for (code, exit) in table {
        assert_eq!(exit.code(), code, "{exit:?}");
    }
}

#[test]
fn init_validate_and_run_work_in_empty_and_in_small_repositories() {
    let repositories: [&[(&str, &str)]; 5] = [
        &[],
        &[
            ("Cargo.toml", "[package]\nname = \"a\"\nversion = \"0.1.0\"\n"),
            ("src/lib.rs", "pub fn a() {}\n"),
        ],
        &[("pyproject.toml", "[project]\nname = \"a\"\n"), ("a.py", "print(1)\n")],
        &[("package.json", "{\"name\": \"a\"}\n"), ("index.js", "console.log(1)\n")],
        &[("go.mod", "module a\n"), ("main.go", "package main\nfunc main() {}\n")],
    ];
    for files in repositories {
        let workspace = Workspace::git();
        for (path, text) in files {
            workspace.write(path, text);
        }
        workspace.lgflow(&["init"]).ended(0);
        workspace.lgflow(&["validate", "--deny-warnings"]).ended(0);
        workspace.lgflow(&["plan"]).ended(0);
        // the toolchains of other languages need not be on this machine
        let runs = files.is_empty() || files[0].0 == "Cargo.toml";
        if !runs {
            continue;
        }
        let mut command = workspace.command(&["run"]);
        // where rustup keeps the toolchain that runs this test; the user's own settings stay out
        command.env("HOME", std::env::var_os("HOME").unwrap());
        command.env("XDG_CONFIG_HOME", workspace.outside().join("config"));
        let report = Ran::from(command.output().unwrap()).ended(0).stdout;
        assert!(report.starts_with("# "), "{report}");
        assert_eq!(
            report.contains("`cargo test --offline` ended with exit code 0"),
            !files.is_empty(),
            "{report}"
        );
    }
}

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: cloned
policy: [policy.yaml]
nodes:
  read: { uses: read_file, with: { path: README.md } }
outputs:
  text: \"{{ nodes.read.output.content }}\"
";

/// A cloned repository whose policy is `more` than reading.
fn cloned(more: &str) -> Workspace {
    let workspace = Workspace::git();
    workspace.write("README.md", "cloned\n").write(".lg/graph.yaml", GRAPH).write(
        ".lg/policy.yaml",
        format!(
            "schema: lgflow.policy/v1\nname: cloned\ntools: {{ read_file: allow }}\npaths: {{ read: {{ allow: ['**'] }} }}\n{more}"
        ),
    );
    workspace
}

#[test]
fn a_cloned_repository_that_asks_for_more_is_refused_until_it_is_trusted() {
    let table = [
        ("network: [{ origin: 'http://127.0.0.1:8080' }]\n", "the network origin"),
        ("secrets: { TOKEN: allow }\n", "the secret `TOKEN`"),
        (
            "commands:\n  - { name: c, program: ls, args: [['...']], sandbox: { workspace: direct } }\n",
            "changing the workspace directly",
        ),
    ];
    for (more, what) in table {
        let workspace = cloned(more);
        let ran =
            workspace.lgflow(&["run"]).ended(4).says(what).says(".lg/policy.yaml:").says("`lgflow trust`");
        assert_eq!(ran.stdout, "");
        let problem = workspace.lgflow(&["run", "--format", "json"]).ended(4).json();
        assert!(problem["detail"].as_str().unwrap().contains(what), "{problem}");
        workspace.lgflow(&["tool", "call", "read_file", "{\"path\": \"README.md\"}"]).ended(4).says(what);
        workspace.lgflow(&["trust", "--show"]).ended(0);
        workspace.lgflow(&["run"]).ended(4);
        assert!(workspace.lgflow(&["trust"]).ended(0).stdout.contains(what));
        assert_eq!(workspace.lgflow(&["run"]).ended(0).stdout, "cloned\n");
        workspace.lgflow(&["trust", "--forget"]).ended(0);
        workspace.lgflow(&["run"]).ended(4);
        assert_eq!(workspace.lgflow(&["run", "--trust"]).ended(0).stdout, "cloned\n");
    }
}

#[test]
fn what_the_contained_policy_allows_works_without_a_question() {
    assert_eq!(cloned("").lgflow(&["run"]).ended(0).stdout, "cloned\n");
}

#[test]
fn a_prompt_file_outside_is_refused_whether_it_is_trusted_or_not() {
    let workspace = cloned("");
    std::fs::write(workspace.outside().join("secret.md"), "CANARY").unwrap();
    let graph = "schema: lgflow.graph/v1\nname: out\nprompts: { p: { file: ../../secret.md } }\nnodes:\n  r: { uses: render, with: { prompt: p } }\noutputs: { text: '{{ nodes.r.output.text }}' }\n";
    workspace.write(".lg/graph.yaml", graph);
    for arguments in [&["run"][..], &["run", "--trust"], &["plan"], &["validate"]] {
        let ran = workspace.lgflow(arguments).ended(3);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("file-outside") && !said.contains("CANARY"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_policy_that_is_not_there_is_one_finding_of_every_command() {
    let workspace = cloned("");
    workspace.write(".lg/graph.yaml", GRAPH.replace("policy.yaml", "gone.yaml"));
    for arguments in [&["run"][..], &["plan"], &["validate"], &["policy", "check"]] {
        let ran = workspace.lgflow(arguments).ended(3);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(said.matches("unreadable-file").count(), 1, "{arguments:?}: {said}");
    }
    workspace.lgflow(&["trust"]).ended(3).says("`.lg/gone.yaml` does not exist");
    workspace.lgflow(&["run", "-g", "gone.yaml"]).ended(2).says("`gone.yaml` does not exist");
}

#[test]
fn a_missing_policy_is_said_where_it_was_looked_for() {
    let workspace = cloned("");
    workspace.write(".lg/graph.yaml", GRAPH.replace("policy.yaml", ".lg/policy.yaml"));
    let ran = workspace.lgflow(&["validate"]).ended(3);
    for words in ["`.lg/.lg/policy.yaml` does not exist", "write `policy.yaml`"] {
        assert!(ran.stdout.contains(words), "{}", ran.stdout);
    }
    let ran = workspace.lgflow(&["run", "--policy", ".lg/nosuch.yaml", "-g", ".lg/graph.yaml"]);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!said.contains("`nosuch.yaml` does not exist"), "{said}");
}

#[test]
fn what_refuses_every_run_is_found_before_one() {
    let workspace = cloned("");
    workspace.lgflow(&["validate"]).ended(0);
    let strange = workspace.path().join(".lg/x.yaml");
    let tests = "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases: [{ name: a, expect: {} }]\n";
    workspace.write("tests.yaml", tests).write(".lg/tests/readme.txt", "-");
    let made = [
        (".lg/x.yaml", std::os::unix::fs::symlink("graph.yaml", &strange).is_ok()),
        (
            ".lg/tests/l.yaml",
            std::os::unix::fs::symlink("../../tests.yaml", workspace.path().join(".lg/tests/l.yaml")).is_ok(),
        ),
        (
            ".lg/pipe",
            std::process::Command::new("mkfifo")
                .arg(workspace.path().join(".lg/pipe"))
                .status()
                .unwrap()
                .success(),
        ),
    ];
    for arguments in [&["validate"][..], &["test"]] {
        let ran = workspace.lgflow(arguments).ended(3);
        for (path, is_made) in &made {
            assert!(is_made, "{path}");
            assert!(ran.stdout.contains(&format!("[{path}:1:1]")), "{arguments:?}: {}", ran.stdout);
        }
    }
}

#[test]
fn a_digest_that_is_none_is_refused_with_what_to_write() {
    let workspace = cloned("");
    for given in ["", "1", "sha256:12"] {
        let mut command = workspace.program(env!("CARGO_BIN_EXE_lgflow"), &["run"]);
        let ran = command.env("LGFLOW_TRUST", given).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap() + &String::from_utf8(ran.stdout).unwrap();
        assert_eq!(ran.status.code(), Some(3), "{said}");
        assert!(said.contains("lgflow trust --show --format json"), "{said}");
    }
}

#[test]
fn a_workspace_is_found_from_a_folder_beneath_it() {
    let workspace = cloned("");
    std::fs::create_dir_all(workspace.path().join("a/b")).unwrap();
    for arguments in [&["validate"][..], &["export"], &["plan"], &["run"]] {
        let ran = workspace.command(arguments).current_dir(workspace.path().join("a/b")).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn a_single_call_has_one_result_and_the_exit_code_of_its_kind() {
    let workspace = Workspace::git();
    workspace.write("a.txt", "hi\n").write(".env", "KEY=1\n");
    workspace.write("q.yaml", "schema: lgflow.policy/v1\nname: q\ntoolz: { list_files: ask }\n");
    let table: [(&[&str], i32, Option<&str>); 8] = [
        (&["read_file", "{"], 1, Some("invalid_input")),
        (&["read_file", "{\"path\": \"a.txt\"}"], 0, None),
        (&["read_file", "{\"path\": \".env\"}"], 4, Some("denied")),
        (&["exec", "{\"argv\": [\"ls\"]}"], 4, Some("denied")),
        (&["apply_patch", "{\"changes\": []}"], 5, Some("approval_required")),
        (&["read_file", "{\"path\": \"none\"}"], 1, Some("not_found")),
        (&["reed_file", "{}"], 1, Some("not_found")),
        (&["--policy", "q.yaml", "list_files", "{}"], 3, Some("denied")),
    ];
    for (arguments, code, kind) in table {
        let result = workspace.lgflow(&[&["tool", "call"], arguments].concat()).ended(code).json();
        assert_eq!(result["ok"], code == 0, "{arguments:?}: {result}");
        assert_eq!(result["error"]["kind"].as_str(), kind, "{arguments:?}: {result}");
        assert_eq!(result["error"]["diagnostics"].is_array(), code == 3, "{result}");
    }
}

#[test]
fn a_single_call_reads_its_parameters_from_standard_input() {
    let workspace = Workspace::git();
    workspace.write("a.txt", "hi\n");
    for arguments in [&["tool", "call", "read_file"][..], &["tool", "call", "read_file", "-"]] {
        let mut command = workspace.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"{\"path\": \"a.txt\"}").unwrap();
        let result = Ran::from(child.wait_with_output().unwrap()).ended(0).json();
        assert_eq!(result["output"]["content"], "hi\n");
    }
}

#[test]
fn the_tools_are_listed_and_each_has_its_schemas() {
    let workspace = Workspace::new();
    let tools = workspace.lgflow(&["tool", "list", "--format", "json"]).ended(0).json();
    let tools = tools["tools"].as_array().unwrap();
    assert!(tools.len() >= 8, "{tools:?}");
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        let schemas = workspace.lgflow(&["tool", "schema", name]).ended(0).json();
        assert!(schemas["input"].is_object() && schemas["output"].is_object(), "{name}");
    }
    workspace.lgflow(&["tool", "schema", "reed_file"]).ended(2).says("`read_file`");
}

#[test]
fn what_init_writes_denies_every_name_that_holds_secrets_by_convention() {
    let workspace = Workspace::git();
    workspace.lgflow(&["init"]).ended(0);
    for name in
        [".env", "a/id_rsa", ".netrc", ".aws/credentials", ".git/config", "deploy/secrets.yaml", "k.pem"]
    {
        workspace.write(&format!("../work/{name}"), "CANARY");
        let call = json!({ "path": name }).to_string();
        let ran = workspace.lgflow(&["tool", "call", "read_file", &call]).ended(4);
        assert!(!ran.stdout.contains("CANARY"), "{name}: {}", ran.stdout);
    }
}

#[test]
fn a_warning_stops_a_plan_and_a_run_where_it_counts_as_an_error() {
    let workspace = Workspace::new();
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: w\nnodes: { a: { uses: values, with: { x: 1 }, skip_when: 'true' } }\n",
    );
    let graph = ["-g", "graph.yaml"];
    for command in ["plan", "run"] {
        let with = |more: &[&str]| workspace.lgflow(&[&[command], &graph[..], more].concat());
        with(&[]).ended(0).says("constant-condition");
        let denied = with(&["--deny-warnings"]).ended(3);
        assert!((denied.stdout + &denied.stderr).contains("constant-condition"), "{command}");
        let document = with(&["--deny-warnings", "--format", "json"]).ended(3).json();
        assert_eq!(document["schema"], "lgflow.diagnostics/v1", "{document}");
    }
    let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1, "what was denied is no run");
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: w\nnodes: { a: { uses: values, with: { x: 1 } } }\n",
    );
    for command in ["plan", "run"] {
        workspace.lgflow(&[&[command], &graph[..], &["--deny-warnings"]].concat()).ended(0);
    }
}

#[test]
fn the_name_of_a_file_is_no_request() {
    let workspace = Workspace::git();
    workspace.write("g.yaml", "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: values } }\n");
    workspace.write("in.json", "{}");
    for command in ["run", "plan"] {
        let ran = workspace.lgflow(&[command, "g.yaml"]).ended(2);
        let ran = ran.says(&format!("`g.yaml` is a graph, and what stands here is the request, in words; write `lgflow {command} -g g.yaml`"));
        assert_eq!(ran.stdout, "");
        workspace.lgflow(&[command, "in.json"]).ended(2).says("write `--inputs in.json`");
    }
    // the way out, and a name that is none of a file
    workspace.lgflow(&["plan", "-i", "request=g.yaml"]).ended(0);
    workspace
        .lgflow(&["plan", "gg.yaml"])
        .ended(0)
        .says("`gg.yaml` is taken for the request, in words: there is no such file");
    let ran = workspace.lgflow(&["plan", "mend g.yaml"]).ended(0);
    assert!(!ran.stderr.contains("is taken for"), "{}", ran.stderr);
}

#[test]
fn what_stands_in_the_way_of_data_is_beside_it() {
    let workspace = Workspace::git();
    workspace.write("g.yaml", "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: valuess } }\n");
    workspace.write("p.yaml", "schema: lgflow.policy/v1\nname: p\ntools: { exec: alow }\n");
    let commands: [&[&str]; 8] = [
        &["export", "g.yaml", "--to", "svg"],
        &["export", "g.yaml"],
        &["plan", "-g", "g.yaml"],
        &["plan", "-g", "g.yaml", "--against", "g.yaml"],
        &["run", "-g", "g.yaml"],
        &["run", "--policy", "p.yaml", "-g", "g.yaml"],
        &["policy", "diff", "p.yaml", "p.yaml"],
        &["policy", "explain", "exec", "{\"argv\": [\"x\"]}", "--policy", "p.yaml"],
    ];
    for command in commands {
        let ran = workspace.lgflow(command).ended(3).says(" error");
        assert_eq!(ran.stdout, "", "{command:?}");
        let json = [command, &["--format", "json"]].concat();
        if command[0] != "export" && command[0] != "policy" {
            let found = workspace.lgflow(&json).ended(3).json();
            assert_eq!(found["schema"], "lgflow.diagnostics/v1", "{command:?}");
        }
    }
}
