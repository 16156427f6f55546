//! Settings and profiles through the program: where each value comes from, what a profile changes of a run, and that the
//! page about them says what the program does.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::path::Path;

use lgflow::config::{Class, KEYS, KeyInfo, Kind, PROFILES, Profile};
use lgflow::model::Uses;
use lgflow::policy::ASK_MUTATIONS;
use program::{Ran, Workspace};
use serde_json::{Value, json};

const GRAPH: &str = r#"schema: lgflow.graph/v1
name: patches
nodes:
  apply:
    uses: apply_patch
    with: { patch: "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n" }
edges: []
outputs: { patched: "{{ nodes.apply.output.files | length }}" }
"#;
const POLICY: &str = "schema: lgflow.policy/v1\nname: open\ntools: {apply_patch: allow}\npaths: {read: {allow: ['**']}, \
                      write: {allow: ['**']}}\n";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("a.txt", "one\n").write("graph.yaml", GRAPH).write("p.yaml", POLICY);
    workspace
}

/// The user's file of settings.
fn configure(workspace: &Workspace, text: &str) {
    let folder = workspace.outside().join("home/.config/lgflow");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), text).unwrap();
}

fn with(workspace: &Workspace, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    Ran::from(workspace.command(arguments).envs(variables.iter().copied()).output().unwrap())
}

/// The first event of the newest run.
fn first_event(workspace: &Workspace, run: &Value) -> Value {
    let shown = workspace.lgflow(&["trace", "show", run.as_str().unwrap(), "--format", "json"]).ended(0);
    shown.json()["events"][0]["data"].clone()
}

#[test]
fn each_setting_says_which_layer_it_is_from() {
    let workspace = Workspace::new();
    configure(
        &workspace,
        "durability = 'none'\n[retention]\nage = '30d'\n[profile.prod.retention]\nage = '2d'\n",
    );
    let text = workspace.lgflow(&["config", "--profile", "prod"]).ended(0).stdout;
    let line = |key: &str| text.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap().to_owned();
    assert!(
        line("durability").contains(" sync ") && line("durability").ends_with("built-in profile prod"),
        "{text}"
    );
    assert!(
        line("retention.age").contains(" 2d ") && line("retention.age").ends_with("(profile prod)"),
        "{text}"
    );
    assert!(line("concurrency.max").ends_with("  built-in"), "{text}");
    let document =
        with(&workspace, &[("LGFLOW_PROFILE", "prod")], &["config", "--format", "json"]).ended(0).json();
    let rows = document["settings"].as_array().unwrap();
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap();
    let approvals = json!({ "key": "approvals.mutations", "value": "ask", "origin": "built-in profile prod", "layer": "built-in profile" });
    assert_eq!(*row("approvals.mutations"), approvals);
    assert_eq!(
        (&row("retention.age")["layer"], &row("retention.age")["value"]),
        (&json!("profile"), &json!("2d"))
    );
    // what is built in and written here as well is named once
    let unknown = workspace.lgflow(&["config", "--profile", "none"]).ended(3);
    let text = unknown.stdout + &unknown.stderr;
    assert!(text.contains("use one of `dev`, `stage`, `prod`"), "{text}");
    // without a profile the file stands
    let plain = workspace.lgflow(&["config", "durability"]).ended(0).stdout;
    assert!(plain.contains("none") && plain.contains("config.toml:1"), "{plain}");
}

#[test]
fn what_the_command_line_says_is_from_there() {
    let workspace = Workspace::new();
    configure(&workspace, "store = 'local'\nformat = 'human'\n");
    let origin = |arguments: &[&str], variables: &[(&str, &str)]| {
        let all = [arguments, &["--format=json"]].concat();
        let row = with(&workspace, variables, &all).ended(0).json()["settings"][0].clone();
        (
            row["value"].as_str().unwrap().to_owned(),
            row["origin"].as_str().unwrap().to_owned(),
            row["layer"].clone(),
        )
    };
    let flag = |value: &str, name: &str| (value.to_owned(), name.to_owned(), json!("flag"));
    assert_eq!(origin(&["--store", "local", "config", "store"], &[]), flag("local", "--store"));
    assert_eq!(
        origin(&["config", "store", "--store", "local"], &[("LGFLOW_STORE", "local")]),
        flag("local", "--store")
    );
    assert_eq!(origin(&["config", "store"], &[("LGFLOW_STORE", "local")]).1, "LGFLOW_STORE");
    assert_eq!(origin(&["config", "format"], &[]), flag("json", "--format"));
    let plain = workspace.lgflow(&["config", "format"]).ended(0).stdout;
    assert!(plain.contains("config.toml:2"), "{plain}");
}

#[test]
fn no_finding_shows_the_password_of_a_store() {
    let workspace = Workspace::new();
    configure(
        &workspace,
        "stor = 'postgres://me:s3cret@localhost/runs'\n# password = s3cret\nlog = 'loud'\n",
    );
    for format in ["human", "json"] {
        let ran = workspace.lgflow(&["config", "--format", format]).ended(3);
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains("stor") && said.contains("loud") && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_run_is_kept_as_the_profile_says_that_it_was_begun_with() {
    let workspace = Workspace::git();
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: values, with: { x: 1 } } }\n",
    );
    let run = |more: &[&str]| {
        let all = [&["run", "-g", "graph.yaml", "--format", "json"], more].concat();
        workspace.lgflow(&all).ended(0).json()["run"].as_str().unwrap().to_owned()
    };
    workspace.lgflow(&["runs", "gc"]).ended(2).says("nothing says which runs are old");
    configure(&workspace, "[retention]\ncount = 1\nsize = '1B'\n[profile.mine.retention]\ncount = 9\n");
    let (audited, mine, old, new) =
        (run(&["--profile", "prod"]), run(&["--profile", "mine"]), run(&[]), run(&[]));
    let prod = workspace.lgflow(&["config", "--profile", "prod"]).ended(0).stdout;
    assert!(!prod.contains("retention.count") && !prod.contains("retention.size"), "{prod}");
    let removed = |arguments: &[&str]| {
        let all = [&["runs", "gc", "--format", "json"], arguments].concat();
        let runs = workspace.lgflow(&all).ended(0).json()["runs"].clone();
        runs.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // all but those that may take a byte together; `mine` says nothing of a size, so the file does
    assert_eq!(removed(&["--dry-run"]), [mine.clone(), old.clone(), new.clone()]);
    configure(&workspace, "[retention]\ncount = 1\n[profile.mine.retention]\ncount = 9\n");
    assert_eq!(removed(&[]), [old]);
    // a profile that is gone says nothing any more
    configure(&workspace, "[retention]\ncount = 1\n");
    workspace
        .lgflow(&["runs", "gc"])
        .ended(0)
        .says("runs of the profile `mine`, which is not there any more, are kept");
    // a bound that is named holds for all
    assert_eq!(removed(&["--keep", "1"]), [audited, mine]);
    assert!(workspace.lgflow(&["runs", "list"]).ended(0).stdout.starts_with(&new));
}

#[test]
fn a_profile_that_nobody_has_written_is_an_error_with_the_nearest_name() {
    let workspace = workspace();
    for arguments in [&["config"][..], &["plan", "-g", "graph.yaml"], &["run", "-g", "graph.yaml"]] {
        let all: Vec<&str> = arguments.iter().copied().chain(["--profile", "prodd"]).collect();
        let said = workspace.lgflow(&all).ended(3);
        let text = said.stdout + &said.stderr;
        assert!(text.contains("there is no profile `prodd`") && text.contains("write `prod`"), "{text}");
    }
}

#[test]
fn under_prod_a_mutation_that_the_policy_allows_is_asked_about_and_a_resume_keeps_it() {
    let workspace = workspace();
    let policy = ["-g", "graph.yaml", "--policy", "p.yaml"];
    let run = |profile: &[&str], end: i32| {
        let all: Vec<&str> =
            ["run", "--format", "json"].into_iter().chain(policy).chain(profile.iter().copied()).collect();
        workspace.lgflow(&all).ended(end).json()
    };
    let asked = run(&["--profile", "prod"], 5);
    assert_eq!((asked["status"].as_str(), workspace.read("a.txt").as_str()), (Some("suspended"), "one\n"));
    let facts = first_event(&workspace, &asked["run"])["facts"].clone();
    assert_eq!((&facts["profile"], &facts["durability"]), (&json!("prod"), &json!("sync")));
    let names: Vec<_> =
        facts["layers"].as_array().unwrap().iter().map(|layer| layer["name"].clone()).collect();
    assert_eq!(names, ["p.yaml", ASK_MUTATIONS]);
    // resumed without naming the profile again, and still asked
    let id = asked["run"].as_str().unwrap();
    workspace.lgflow(&["runs", "resume", id]).ended(5);
    assert_eq!(workspace.read("a.txt"), "one\n");
    let digest = workspace.lgflow(&["approve", id]).ended(2).stderr;
    let digest = digest.split("--digest ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let digest = digest.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    workspace.lgflow(&["approve", id, "--digest", &digest]).ended(0);
    workspace.lgflow(&["runs", "resume", id]).ended(0);
    assert_eq!(workspace.read("a.txt"), "two\n");
}

#[test]
fn without_prod_the_policy_alone_decides_and_a_setting_is_enough_to_ask() {
    let workspace = workspace();
    let policy = ["-g", "graph.yaml", "--policy", "p.yaml"];
    let all: Vec<&str> = ["run", "--profile", "stage"].into_iter().chain(policy).collect();
    workspace.lgflow(&all).ended(0);
    assert_eq!(workspace.read("a.txt"), "two\n");
    workspace.write("a.txt", "one\n");
    let all: Vec<&str> = ["run", "--format", "json"].into_iter().chain(policy).collect();
    let asked = with(&workspace, &[("LGFLOW_APPROVALS_MUTATIONS", "ask")], &all).ended(5).json();
    assert_eq!(first_event(&workspace, &asked["run"])["facts"]["profile"], Value::Null);
    workspace.lgflow(&["runs", "resume", asked["run"].as_str().unwrap()]).ended(5);
    let taken_back = with(
        &workspace,
        &[("LGFLOW_APPROVALS_MUTATIONS", "policy")],
        &["config", "approvals.mutations", "--profile", "prod"],
    );
    assert!(taken_back.ended(0).stdout.contains("policy  LGFLOW_APPROVALS_MUTATIONS"));
}

#[test]
fn the_ceiling_of_a_profile_is_shown_before_a_run() {
    let workspace = workspace();
    let plan = ["plan", "-g", "graph.yaml", "--policy", "p.yaml", "--profile", "prod"];
    let text = workspace.lgflow(&plan).ended(0).stdout;
    assert!(text.contains(ASK_MUTATIONS), "{text}");
    let call = r#"{"changes": [{"op": "put", "path": "a.txt", "content": "x"}]}"#;
    let explain = ["policy", "explain", "apply_patch", call, "--policy", "p.yaml", "--profile", "prod"];
    let text = workspace.lgflow(&explain).ended(5).stdout;
    assert!(text.contains(ASK_MUTATIONS) && text.contains("set `approvals.mutations` to `policy`"), "{text}");
    workspace.lgflow(&explain[..explain.len() - 2]).ended(0);
    let called = ["tool", "call", "apply_patch", call, "--policy", "p.yaml", "--profile", "prod"];
    workspace.lgflow(&called).ended(5);
    assert_eq!(workspace.read("a.txt"), "one\n");
}

#[test]
fn a_command_really_writes_nothing_where_mutations_are_asked_about() {
    let workspace = workspace();
    workspace.write(
        "w.yaml",
        "schema: lgflow.policy/v1\nname: writes\ntools: {exec: allow}\npaths: {read: {allow: ['**']}, write: {allow: \
         ['**']}}\ncommands: [{name: t, program: touch, args: [['...']], sandbox: {unsafe_write: [out]}}]\n",
    );
    let call = r#"{"argv": ["touch", "out/x"]}"#;
    let explain = |profile: &[&str]| {
        let all: Vec<&str> = ["policy", "explain", "exec", call, "--policy", "w.yaml", "--format", "json"]
            .into_iter()
            .chain(profile.iter().copied())
            .collect();
        workspace.lgflow(&all).json()["obligations"].to_string()
    };
    assert!(explain(&[]).contains(r#""out""#), "{}", explain(&[]));
    assert!(!explain(&["--profile", "prod"]).contains(r#""out""#), "{}", explain(&["--profile", "prod"]));
}

#[test]
fn every_tool_stands_in_the_ceiling_that_asks() {
    let text = lgflow::policy::builtin(ASK_MUTATIONS, lgflow::effect::LayerRole::Ceiling).unwrap().text;
    for uses in Uses::ALL.into_iter().filter(|uses| uses.is_tool()) {
        assert!(text.contains(&format!("\n  {}: ", uses.as_str())), "{} is not listed", uses.as_str());
    }
}

fn takes(kind: Kind) -> String {
    match kind {
        Kind::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Text => "a text".into(),
        Kind::Path => "a path beneath the workspace".into(),
        Kind::Count(least) => format!("a whole number from {least}"),
        Kind::Time => "a time".into(),
        Kind::Size => "a size".into(),
        Kind::Address => "an address".into(),
        Kind::Digest => "a digest".into(),
        Kind::AnchorPlace => "`git-note`, or `file:` and an absolute path".into(),
    }
}

fn row(info: &KeyInfo) -> String {
    let class = match info.class {
        Class::User => "user",
        Class::WorkspaceSafe => "workspace",
        Class::WorkspaceLowers => "workspace, lower",
        Class::OneRun => "one run",
    };
    let cell = |value: Option<&str>| value.map_or(String::new(), |value| format!("`{value}`"));
    let of_profile = |profile: &Profile| {
        if profile.unbounded.contains(&info.key) {
            "no bound".to_owned()
        } else {
            cell(profile.value(info.key))
        }
    };
    let profiles: Vec<String> = PROFILES.iter().map(of_profile).collect();
    format!(
        "| `{}` | {} | {class} | {} | {} | {} |\n",
        info.key,
        takes(info.kind),
        cell(info.default),
        profiles.join(" | "),
        info.about
    )
}

#[test]
fn the_page_lists_every_key_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
    let head = format!(
        "| key | takes | set by | default | {} | what it is |\n|{}\n",
        names.join(" | "),
        " --- |".repeat(5 + names.len())
    );
    let table = KEYS.iter().map(row).fold(head, |all, row| all + &row);
    let (before, rest) = page.split_once("<!-- keys -->\n").unwrap();
    let (written, after) = rest.split_once("<!-- end of keys -->").unwrap();
    if std::env::var_os("LGFLOW_BLESS").is_some() {
        fs::write(&path, format!("{before}<!-- keys -->\n{table}<!-- end of keys -->{after}")).unwrap();
    } else {
        assert_eq!(written, table, "LGFLOW_BLESS=1 writes it");
    }
    for profile in PROFILES {
        assert!(
            page.contains(&format!("- **`{}`**: {}", profile.name, first_words(profile.about))),
            "{}",
            profile.about
        );
    }
}

/// What stands before the colon.
fn first_words(about: &str) -> &str {
    about.split(':').next().unwrap()
}
