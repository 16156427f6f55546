//! What a command changes: it comes back as a patch, and the workspace stays.

use std::fs;

use serde_json::json;

use crate::effect::{ErrorKind, ToolCall, ToolResult};
use crate::policy::{PathRules, WorkspaceMode};
use crate::runner::Cancel;
use crate::runner::patch::parse;
use crate::runner::tools::exec::exec_with;

use super::bench::{Bench, helper, kind};
use super::trees::{comes, token};

#[test]
fn changes_come_back_as_a_patch_and_the_workspace_stays() {
    let bench = Bench::new("sh");
    bench.write("src/a", "one\ntwo\n");
    bench.write("src/gone", "x\n");
    bench.write("src/moved", "content\n");
    bench.write("src/locked", "l\n");
    bench.write(".gitignore", "ignored\n");
    bench.write("ignored", "not copied\n");
    bench.write(".env", "SECRET\n");
    let result = bench.sh(
        "cat .env ignored src/a 2>/dev/null; echo three >> src/a; rm src/gone; mv src/moved 'src/new name'; \
         echo sub > src/sub; chmod +x src/sub; echo changed > src/locked; echo mine > .env; echo no > outside; \
         ln -s /etc/passwd src/link; mkfifo src/fifo; printf 'a\\0b' > src/binary; \
         mkdir -p target .lg; echo x > target/built; echo x > ignored; echo evil > .lg/policy.yaml; ln src/a src/twin",
    );
    assert_eq!(result.stdout, "one\ntwo\n", "denied and ignored files are not there: {result:?}");
    let patch = result.output["patch"].as_str().unwrap();
    assert_eq!(
        patch,
        "diff --git a/src/gone b/src/gone\ndeleted file mode 100644\n--- a/src/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
         diff --git a/src/moved b/src/new name\nrename from src/moved\nrename to src/new name\n\
         diff --git a/src/sub b/src/sub\nnew file mode 100755\n--- /dev/null\n+++ b/src/sub\n@@ -0,0 +1 @@\n+sub\n"
    );
    parse(patch).unwrap();
    let not_carried: Vec<(&str, &str)> = result.output["not_carried"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["path"].as_str().unwrap(), one["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        not_carried,
        [
            (".env", "denied"),
            (".lg/policy.yaml", "denied"),
            ("outside", "denied"),
            ("src/a", "hard_link"),
            ("src/binary", "binary"),
            ("src/fifo", "fifo"),
            ("src/link", "symlink"),
            ("src/locked", "denied"),
            ("src/twin", "hard_link"),
        ]
    );
    assert_eq!(fs::read_to_string(bench.work("src/a")).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(bench.work(".env")).unwrap(), "SECRET\n");
    assert!(
        bench.work("src/gone").exists() && !bench.work("src/sub").exists() && !bench.work(".lg").exists()
    );
}

#[test]
fn a_formatter_works_and_its_patch_applies() {
    let bench = Bench::new("sed");
    bench.write("src/a.txt", "a \nb\t\n");
    let result = bench.call(&json!({ "argv": ["sed", "-i", "s/[ \\t]*$//", "a.txt"], "cwd": "src" }));
    assert!(result.ok, "{result:?}");
    let patch = parse(result.output["patch"].as_str().unwrap()).unwrap();
    let planned =
        crate::runner::patch::resolve_patch(&bench.world.root, &patch, 1 << 20, &Cancel::default()).unwrap();
    assert_eq!(planned.wanted[0].after.as_ref().unwrap().bytes, b"a\nb\n");
}

#[test]
fn a_file_that_somebody_else_changes_meanwhile_is_a_conflict() {
    let (bench, token) = (Bench::new("sh"), token());
    bench.write("src/a", "one\n");
    let real = bench.work("src/a");
    let result = std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            bench.sh(&format!("echo two > src/a; sleep {token} & while [ ! -e /tmp/never ]; do sleep 0.1; n=x$n; [ $n = xxxxxxxxxx ] && exit 0; done"))
        });
        comes(&token);
        fs::write(&real, "theirs\n").unwrap();
        call.join().unwrap()
    });
    assert_eq!(result.output["not_carried"], json!([{ "path": "src/a", "kind": "conflict" }]));
    assert_eq!(result.output["patch"], "");
}

#[test]
fn a_large_patch_is_cut_between_files() {
    let mut bench = Bench::new("sh");
    bench.obligations.limits.patch_files = Some(2);
    let result = bench.sh("mkdir src; for i in 1 2 3 4; do echo $i > src/$i; done");
    assert!(result.truncated);
    assert_eq!(parse(result.output["patch"].as_str().unwrap()).unwrap().len(), 2);
    assert_eq!(result.output["not_carried"].as_array().unwrap().len(), 2);
}

#[test]
fn direct_works_on_the_workspace_itself() {
    let mut bench = Bench::new("sh");
    bench.grant().workspace = WorkspaceMode::Direct;
    let result = bench.sh("echo x > made; pwd");
    assert_eq!(fs::read_to_string(bench.work("made")).unwrap(), "x\n");
    assert_eq!(result.output["patch"], "");
    assert!(result.sandbox.iter().any(|layer| layer.name == "workspace:direct" && layer.in_force));
    for cwd in ["..", "/tmp", "none"] {
        assert!(!bench.call(&json!({ "argv": ["sh"], "cwd": cwd })).ok, "{cwd}");
    }
    std::os::unix::fs::symlink("/tmp", bench.work("out")).unwrap();
    assert_eq!(*kind(&bench.call(&json!({ "argv": ["sh"], "cwd": "out" }))), ErrorKind::Denied);
}

#[test]
fn calls_at_the_same_time_do_not_disturb_each_other() {
    let bench = Bench::new("sh");
    bench.write("src/a", "0\n");
    let scripts: Vec<String> =
        (1..6).map(|i| format!("echo {i} > src/a; echo {i} > ~/own; sleep 0.2; cat src/a ~/own")).collect();
    let results: Vec<ToolResult> = std::thread::scope(|scope| {
        let calls: Vec<_> = scripts
            .iter()
            .map(|script| {
                let bench = &bench;
                scope.spawn(move || {
                    let input = json!({ "argv": ["sh", "-c", script] });
                    exec_with(
                        &helper(),
                        &ToolCall::new("exec", input),
                        &bench.obligations,
                        &bench.world,
                        &Cancel::default(),
                    )
                    .unwrap()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result.stdout, format!("{0}\n{0}\n", index + 1));
        assert!(result.output["patch"].as_str().unwrap().ends_with(&format!("-0\n+{}\n", index + 1)));
    }
}

#[test]
fn what_is_no_text_comes_back_where_the_rules_allow_it() {
    for workspace in [WorkspaceMode::Copy, WorkspaceMode::Overlay] {
        let mut bench = Bench::new("sh");
        bench.grant().workspace = workspace;
        bench.write("src/art/old", "one\n");
        bench.write("src/kept", "one\n");
        let script = "mkdir -p src/art; printf 'a\\0b' > src/art/new; printf 'one\\n\\377' > src/art/old; \
                      printf 'a\\0b' > src/kept; printf 'c\\0d' > src/made; truncate -s 5000 src/art/hole; echo two > src/text";
        let told = |result: &ToolResult| -> Vec<(String, String)> {
            let listed = result.output["not_carried"].as_array().unwrap().iter();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            listed.map(|one| (text(&one["path"]), text(&one["kind"]))).collect()
        };
        let all = |paths: &[&str]| -> Vec<(String, String)> {
            paths.iter().map(|path| ((*path).to_owned(), "binary".to_owned())).collect()
        };
        let closed = bench.sh(script);
        assert_eq!(
            told(&closed),
            all(&["src/art/hole", "src/art/new", "src/art/old", "src/kept", "src/made"])
        );
        assert_eq!(parse(closed.output["patch"].as_str().unwrap()).unwrap().len(), 1);
        bench.obligations.binary = PathRules::of_globs(&["src/art/**"], &[], &[]);
        let open = bench.sh(script);
        assert_eq!(told(&open), all(&["src/kept", "src/made"]), "{workspace:?}");
        let patch = parse(open.output["patch"].as_str().unwrap()).unwrap();
        let planned =
            crate::runner::patch::resolve_patch(&bench.world.root, &patch, 1 << 20, &Cancel::default())
                .unwrap();
        let made: Vec<(String, Vec<u8>)> = planned
            .wanted
            .iter()
            .map(|wanted| (wanted.path.to_string(), wanted.after.as_ref().unwrap().bytes.clone()))
            .collect();
        assert_eq!(
            made,
            [
                ("src/art/hole".to_owned(), vec![0; 5000]),
                ("src/art/new".to_owned(), b"a\0b".to_vec()),
                ("src/art/old".to_owned(), b"one\n\xff".to_vec()),
                ("src/text".to_owned(), b"two\n".to_vec()),
            ]
        );
    }
}

#[test]
fn neither_text_nor_what_is_none_takes_the_room_of_the_other() {
    let mut bench = Bench::new("sh");
    bench.grant().workspace = WorkspaceMode::Overlay;
    bench.obligations.limits.patch_files = Some(1);
    bench.obligations.binary = PathRules::of_globs(&["src/art/**"], &[], &[]);
    // files that no rule carries are read all the same, and there are more of them than are read
    let result = bench.sh("mkdir src; i=0; while [ $i -lt 1100 ]; do printf '\\0' > src/$i; i=$((i+1)); done; echo x > src/text");
    assert!(result.output["patch"].as_str().unwrap().contains("b/src/text"), "{}", result.output["patch"]);
}
