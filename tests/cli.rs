//! The commands as a person and a script meet them: output, exit code, and what lands on the disk.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

/// A folder for one command line, with a state folder of its own.
struct Desk {
    home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("work/.git")).unwrap();
        Self { home }
    }

    fn work(&self) -> std::path::PathBuf {
        self.home.path().join("work")
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::cargo_bin("lgflow").unwrap();
        command.args(args).current_dir(self.work()).env("LGFLOW_STATE_DIR", self.home.path().join("state"));
        command.env("HOME", self.home.path()).env("NO_COLOR", "1").output().unwrap()
    }

    fn json(&self, args: &[&str]) -> (Value, i32) {
        let output = self.run(args);
        let text = String::from_utf8(output.stdout).unwrap();
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (value, output.status.code().unwrap())
    }
}

fn fixture(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

#[test]
fn without_arguments_the_three_commands_of_a_newcomer_are_shown() {
    let output = Desk::new().run(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for command in ["lgflow init", "lgflow validate", "lgflow run"] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let desk = Desk::new();
    for command in
        ["init", "trust", "validate", "export", "config", "doctor", "schema", "explain", "completions", "man"]
    {
        let output = desk.run(&[command, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(text.contains("Example") && text.contains(&format!("lgflow {command}")), "{command}: {text}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2_and_a_problem_document() {
    let desk = Desk::new();
    for args in
        [&["nope"][..], &["validate"], &["schema", "grahp"], &["explain", "sintax"], &["validate", "no.yaml"]]
    {
        assert_eq!(desk.run(args).status.code(), Some(2), "{args:?}");
        let (problem, code) = desk.json(&[args, &["--format", "json"]].concat());
        assert_eq!((problem["schema"].as_str(), code), (Some("lgflow.problem/v1"), 2), "{args:?}");
    }
    let (problem, _) = desk.json(&["explain", "sintax", "--format", "json"]);
    assert!(problem["detail"].as_str().unwrap().contains("write `syntax`"), "{problem}");
}

#[test]
fn init_writes_what_validates_is_trusted_and_is_never_overwritten() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["init", "--diff"]).status.code(), Some(0));
    assert!(!desk.work().join(".lg").exists());
    assert_eq!(desk.run(&["init"]).status.code(), Some(0));
    let (findings, code) = desk.json(&["validate", "--format", "json"]);
    assert_eq!((code, findings["diagnostics"].as_array().unwrap().len()), (0, 0), "{findings}");
    let (trust, _) = desk.json(&["trust", "--show", "--format", "json"]);
    assert_eq!(trust["trusted"], true, "{trust}");
    let graph = std::fs::read_to_string(desk.work().join(".lg/graph.yaml")).unwrap();
    let schema =
        graph.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap().to_owned();
    assert!(desk.work().join(".lg").join(schema).exists());
    std::fs::write(desk.work().join(".lg/graph.yaml"), "mine").unwrap();
    assert_eq!(desk.run(&["init"]).status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(desk.work().join(".lg/graph.yaml")).unwrap(), "mine");
}

#[test]
fn init_fits_the_languages_that_it_finds() {
    for (sign, layer) in
        [("Cargo.toml", "rust"), ("go.mod", "go"), ("package.json", "node"), ("setup.py", "python")]
    {
        let desk = Desk::new();
        std::fs::write(desk.work().join(sign), "").unwrap();
        assert_eq!(desk.run(&["init"]).status.code(), Some(0));
        let policy = std::fs::read_to_string(desk.work().join(".lg/policy.yaml")).unwrap();
        assert!(policy.contains(&format!("builtin:{layer}")), "{policy}");
        assert_eq!(desk.run(&["validate"]).status.code(), Some(0), "{sign}");
    }
}

#[test]
fn trust_can_be_taken_back_and_a_wider_policy_asks_again() {
    let desk = Desk::new();
    desk.run(&["init"]);
    let trusted = || desk.json(&["trust", "--show", "--format", "json"]).0["trusted"].clone();
    assert_eq!(trusted(), true);
    desk.run(&["trust", "--forget"]);
    assert_eq!(trusted(), false);
    desk.run(&["trust"]);
    assert_eq!(trusted(), true);
    let path = desk.work().join(".lg/policy.yaml");
    let policy = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{policy}sandbox: {{ mode: best_effort }}\n")).unwrap();
    assert_eq!(trusted(), false);
}

#[test]
fn findings_come_in_every_form_with_exit_code_3() {
    let desk = Desk::new();
    let file = fixture("tests/diagnostics/duplicate-key/node.yaml");
    for form in ["human", "json", "sarif", "github"] {
        let output = desk.run(&["validate", &file, "--format", form]);
        assert_eq!(output.status.code(), Some(3), "{form}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("duplicate-key"), "{form}");
    }
}

#[test]
fn a_graph_is_drawn_with_its_loop_and_its_conditions() {
    let desk = Desk::new();
    let file = fixture("tests/ok/fix_tests.yaml");
    let text = |to: &str| String::from_utf8(desk.run(&["export-graph", &file, "--to", to]).stdout).unwrap();
    let mermaid = text("mermaid");
    assert!(
        mermaid.contains("subgraph l0[\"loop plan: at most 4 iterations\"]")
            && mermaid.contains("|\"otherwise\"|"),
        "{mermaid}"
    );
    let dot = text("dot");
    assert!(dot.starts_with("digraph \"fix-tests\" {") && dot.contains("subgraph cluster_0"), "{dot}");
    let (plan, code) = desk.json(&["export", &file, "--to", "json"]);
    assert_eq!((plan["schema"].as_str(), code), (Some("lgflow.plan/v1"), 0));
}

#[test]
fn doctor_claims_no_wall_that_does_not_stand() {
    let (report, code) = Desk::new().json(&["doctor", "--format", "json"]);
    assert_eq!(code, 0);
    let layers = report["layers"].as_array().unwrap();
    assert!(layers.len() > 20 && layers.iter().all(|layer| !layer["how"].as_str().unwrap().is_empty()));
    // what these tests need to run commands strictly
    for name in ["user_namespace", "private_root", "workspace_overlay", "landlock_fs", "seccomp"] {
        assert!(
            layers.iter().any(|layer| layer["name"] == name && layer["in_force"] == true),
            "{name}: {report}"
        );
    }
}

#[test]
fn doctor_tries_the_walls_of_an_interpreter() {
    let desk = Desk::new();
    let (report, _) = desk.json(&["doctor", "--format", "json"]);
    assert_eq!(report["interpreter"]["confined"], true, "{}", report["interpreter"]);
    for layer in ["no_new_privileges", "not_dumpable", "no_capabilities", "landlock", "seccomp"] {
        let layers = report["interpreter"]["layers"].as_array().unwrap();
        assert!(layers.iter().any(|found| found["name"] == layer && found["in_force"] == true), "{layer}");
    }
    let text = String::from_utf8(desk.run(&["doctor"]).stdout).unwrap();
    assert!(text.contains("interpreter  confined"), "{text}");
}

#[test]
fn the_nine_faults_of_one_file_are_all_found_at_their_places() {
    let desk = Desk::new();
    let cases = [
        ("graph.yaml", [(3, 1), (9, 30), (10, 24), (13, 40), (16, 11), (18, 5), (21, 19), (24, 5), (25, 13)]),
        ("graph.toml", [(3, 1), (6, 4), (7, 12), (15, 28), (16, 22), (20, 38), (24, 8), (26, 1), (30, 17)]),
    ];
    for (name, places) in cases {
        let (report, code) =
            desk.json(&["validate", &fixture(&format!("tests/nine_faults/{name}")), "--format", "json"]);
        assert_eq!(code, 3);
        let found = report["diagnostics"].as_array().unwrap();
        let at = |value: &Value| (value["line"].as_u64().unwrap(), value["column"].as_u64().unwrap());
        let found: Vec<(u64, u64)> = found.iter().map(|found| at(&found["labels"][0])).collect();
        assert_eq!(found, places, "{name}");
    }
}
