//! Graphs read from the disk: what is opened, and what is refused.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use lgflow::diag::Diagnostics;
use lgflow::files::OwnFolder;
use lgflow::policy::Packs;
use lgflow::session::{check_own_folder, check_paths};
use lgflow::source::Sources;

const CANARY: &str = "canary-of-a-secret";

fn graph(prompt: &str) -> String {
    format!(
        "schema: lgflow.graph/v1\nname: g\nprompts:\n  p: {{ file: \"{prompt}\" }}\nnodes:\n  a: {{ uses: render, with: {{ prompt: p }} }}\n"
    )
}

fn codes_of(path: &Path) -> (Vec<String>, String) {
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    check_paths(&[path.to_path_buf()], &Packs::default(), &mut sources, &mut diagnostics).unwrap();
    let codes = diagnostics.iter().map(|found| found.code.to_string()).collect();
    let texts = sources.iter().map(|file| file.text().to_string()).collect::<String>();
    (codes, format!("{diagnostics:?}{texts}"))
}

#[test]
fn a_named_file_stays_beneath_the_folder_and_is_no_link() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("secret.md"), CANARY).unwrap();
    let folder = home.path().join("work");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("fine.md"), "hello").unwrap();
    fs::write(folder.join(".env"), CANARY).unwrap();
    symlink(home.path().join("secret.md"), folder.join("link.md")).unwrap();
    fs::hard_link(home.path().join("secret.md"), folder.join("twin.md")).unwrap();
    fs::create_dir(folder.join("folder.md")).unwrap();
    let cases = [
        ("fine.md", None),
        ("../secret.md", Some("file-outside")),
        ("sub/../../secret.md", Some("file-outside")),
        ("/etc/passwd", Some("file-outside")),
        ("~/.netrc", Some("file-outside")),
        ("link.md", Some("unreadable-file")),
        ("twin.md", Some("unreadable-file")),
        ("folder.md", Some("unreadable-file")),
        ("nothing.md", Some("unreadable-file")),
        (".env", Some("unreadable-file")),
    ];
    for (written, wanted) in cases {
        fs::write(folder.join("graph.yaml"), graph(written)).unwrap();
        let (codes, seen) = codes_of(&folder.join("graph.yaml"));
        let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
        assert_eq!(codes, wanted, "{written}");
        assert!(!seen.contains(CANARY), "{written}: what it leads to was read");
    }
}

#[test]
fn a_pipe_and_a_device_do_not_hang() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.md");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success(), "mkfifo");
    fs::write(folder.path().join("graph.yaml"), graph("pipe.md")).unwrap();
    assert_eq!(codes_of(&folder.path().join("graph.yaml")).0, ["unreadable-file"]);
    symlink("/dev/zero", folder.path().join("zero.md")).unwrap();
    fs::write(folder.path().join("graph.yaml"), graph("zero.md")).unwrap();
    assert_eq!(codes_of(&folder.path().join("graph.yaml")).0, ["unreadable-file"]);
}

#[test]
fn what_is_not_ours_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("notes.yaml", &format!("machine: example\npassword: [{CANARY}\n"));
    for text in [
        "schema: lgflow.graph/v1\nname: g\ngraphs: { s: { file: notes.yaml } }\nnodes:\n  a: { uses: graph, with: { graph: s } }\n",
        "schema: lgflow.graph/v1\nname: g\npolicy: [notes.yaml]\nnodes:\n  a: { uses: values }\n",
        "schema: lgflow.graph/v1\nname: g\nnodes:\n  a: { uses: approval, with: { show: x, response: { file: notes.yaml } } }\n",
    ] {
        write("graph.yaml", text);
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        check_paths(&[folder.path().join("graph.yaml")], &Packs::default(), &mut sources, &mut diagnostics)
            .unwrap();
        let report: Vec<&lgflow::diag::Diagnostic> = diagnostics.iter().collect();
        assert_eq!(report.len(), 1, "{report:#?}");
        assert_eq!(report[0].code.as_str(), "not-ours");
        assert_eq!(
            sources.get(report[0].span().file).name(),
            folder.path().join("graph.yaml").to_str().unwrap()
        );
        assert!(!format!("{report:?}").contains(CANARY));
    }
}

#[test]
fn all_files_of_a_folder_are_checked_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("graph.yaml", "schema: lgflow.graph/v1\nname: g\nnodes:\n  a: { uses: valuse }\n");
    write("policy.yaml", "schema: lgflow.policy/v1\nname: p\ntoolz: {}\n");
    write(
        "more/other.toml",
        "schema = \"lgflow.graph/v1\"\nname = \"o\"\nedges = [\"a -> b\"]\n[nodes.a]\nuses = \"values\"\n",
    );
    write("notes.yaml", "a: [broken\n");
    write("config.toml", "broken = [\n");
    write("prompts/p.md", "{{ broken");
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let shown = folder.path();
    let held = OwnFolder::of_file(&shown.join("graph.yaml")).unwrap().0;
    let checked =
        check_own_folder(held, Path::new(".lg"), &Packs::default(), &mut sources, &mut diagnostics).unwrap();
    let names: Vec<String> = checked.roots.iter().map(|(name, _)| name.display().to_string()).collect();
    assert_eq!(names, [".lg/graph.yaml", ".lg/more/other.toml", ".lg/policy.yaml"]);
    let codes: Vec<(&str, String)> = diagnostics
        .iter()
        .map(|found| (sources.get(found.span().file).name(), found.code.to_string()))
        .collect();
    let wanted = [
        (".lg/config.toml", "syntax"),
        (".lg/graph.yaml", "unknown-uses"),
        (".lg/more/other.toml", "unknown-node"),
        (".lg/policy.yaml", "unknown-key"),
    ];
    assert_eq!(codes, wanted.map(|(file, code)| (file, code.to_owned())));
}
