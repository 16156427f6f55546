//! What a confined command sees of its workspace, and what comes back of what it leaves there: the built program, strict,
//! as root and as an ordinary user.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod confined;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use confined::{as_each, not_carried, patch, told};
use serde_json::json;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(path, kind)| ((*path).to_owned(), (*kind).to_owned())).collect()
}

#[test]
fn what_git_keeps_in_a_workspace_that_is_a_bare_repository_does_not_exist_inside() {
    as_each(|bench| {
        for path in ["HEAD", "config", "hooks/post-checkout", "objects/ab/cd", "refs/heads/main", "logs/HEAD"]
        {
            bench.write(path, "CANARY");
        }
        bench.write("config.toml", "seen");
        bench.write("docs/config", "seen");
        let result = bench.sh("grep -r CANARY . 2>/dev/null; cat config hooks/post-checkout 2>/dev/null; echo x > config; find . -type f | sort");
        assert_eq!(result["stdout"], "./config\n./config.toml\n./docs/config\n", "{result:#}");
        assert_eq!(bench.read("config"), "CANARY");
        // without its objects it is any folder
        fs::remove_dir_all(bench.work("objects")).unwrap();
        let result = bench.sh("cat config");
        assert_eq!(result["stdout"], "CANARY", "{result:#}");
    });
}

#[test]
fn what_may_not_be_read_does_not_exist_inside() {
    as_each(|bench| {
        for path in [
            ".env",
            "a/b/.ENV",
            "a/b/seen",
            "secret/deep/file",
            "x.private",
            "node_modules/pkg/.npmrc",
            "sub/.git/config",
            ".git/config",
            ".git/objects/x",
            ".lg/runs/run/events.jsonl",
            ".lg/graph.yaml",
            "target/debug/build/token.pem",
            "notes.txt",
        ] {
            bench.write(path, "CANARY");
        }
        bench.write("notes.txt", "seen");
        bench.write("a/b/seen", "seen");
        bench.write(".lg/graph.yaml", "seen");
        fs::hard_link(bench.work(".env"), bench.work("twin.txt")).unwrap();
        symlink(".env", bench.work("alias")).unwrap();
        let result = bench.sh("grep -r CANARY . 2>/dev/null; cat .env alias twin.txt secret/deep/file .git/config; find . | sort");
        let out = result["stdout"].as_str().unwrap();
        assert!(!out.contains("CANARY"), "{result:#}");
        for path in
            [".env", "./a/b/.ENV", "./secret", "x.private", ".npmrc", ".git", ".lg/runs", "token.pem", "twin"]
        {
            assert!(!out.contains(path), "{path}: {out}");
        }
        for path in
            ["./a/b/seen", "./notes.txt", "./.lg/graph.yaml", "./node_modules/pkg", "./target/debug/build"]
        {
            assert!(out.lines().any(|line| line == path), "{path}: {out}");
        }
    });
}

#[test]
fn where_only_parts_may_be_read_only_they_are_seen() {
    as_each(|bench| {
        bench.policy(
            &confined::POLICY
                .replace("allow: ['**'], deny: ['secret'", "allow: ['src/**', '*.toml'], deny: ['secret'"),
        );
        bench.write("src/a.rs", "seen");
        bench.write("src/.env", "CANARY");
        bench.write("a.toml", "seen");
        bench.write("other/x", "CANARY");
        bench.write("b.md", "CANARY");
        let result = bench.sh("find . -type f | sort; grep -rl CANARY .; echo more >> src/a.rs; echo new > src/b.rs; echo x > c.md");
        assert_eq!(result["stdout"], "./a.toml\n./src/a.rs\n", "{result:#}");
        let patch = patch(&result);
        assert!(patch.contains("+++ b/src/a.rs") && patch.contains("+++ b/src/b.rs"), "{result:#}");
        assert_eq!(not_carried(&result), pairs(&[("c.md", "denied")]));
    });
}

#[test]
fn changes_come_back_as_a_patch_and_all_else_by_its_kind() {
    as_each(|bench| {
        bench.write("keep", "k\n");
        bench.write("edit", "one\ntwo\n");
        bench.write("gone", "g\n");
        bench.write("moved", "content\n");
        bench.write("folder/a", "a\n");
        bench.write("folder/deep/b", "b\n");
        bench.write("replaced/x", "x\n");
        bench.write("replaced/y", "y\n");
        bench.write("turned", "t\n");
        bench.write("locked/l", "l\n");
        bench.write(".env", "S\n");
        bench.write(".gitignore", "*.log\nbuild/\n");
        bench.write("README", "r\n");
        bench.write("bin", b"a\0b");
        symlink("keep", bench.work("link")).unwrap();
        let before = bench.fingerprint("");
        let result = bench.sh(
            "echo three >> edit; rm gone link; mv moved 'new name'; rm -r folder; rm -r replaced; mkdir replaced; echo z > replaced/z; \
             rm turned; mkdir turned; echo in > turned/in; echo x >> locked/l; echo mine > .env; echo x > a.log; mkdir -p build/deep; \
             echo x > build/deep/y; ln -s /etc/passwd out; mkfifo fifo; printf 'a\\0c' > bin; \
             cp keep twin1; ln twin1 twin2; echo sub > tool; chmod 755 tool; echo r > readme; echo c > Case; echo c > case; \
             truncate -s 10G giant; printf x > \"$(printf 'new\\nline')\"; echo q > 'q\"uo:te'; mkdir -p .git target; echo x > .git/hook; \
             echo x > target/built; touch keep; mv README README2; mv README2 README; exit 0",
        );
        assert_eq!(result["ok"], true, "{result:#}");
        let names: Vec<&str> = patch(&result).lines().filter(|line| line.starts_with("diff ")).collect();
        assert_eq!(
            names,
            [
                "diff --git a/edit b/edit",
                "diff --git a/folder/a b/folder/a",
                "diff --git a/folder/deep/b b/folder/deep/b",
                "diff --git a/gone b/gone",
                "diff --git a/moved b/new name",
                "diff --git \"a/q\\\"uo:te\" \"b/q\\\"uo:te\"",
                "diff --git a/replaced/x b/replaced/x",
                "diff --git a/replaced/y b/replaced/y",
                "diff --git a/replaced/z b/replaced/z",
                "diff --git a/tool b/tool",
                "diff --git a/turned b/turned",
                "diff --git a/turned/in b/turned/in",
            ],
            "{result:#}"
        );
        assert_eq!(
            not_carried(&result),
            pairs(&[
                ("./new\nline", "unnameable"),
                (".env", "denied"),
                (".git/hook", "denied"),
                ("Case", "clash"),
                ("a.log", "ignored"),
                ("bin", "binary"),
                ("build", "ignored"),
                ("case", "clash"),
                ("fifo", "fifo"),
                ("giant", "too_large"),
                ("link", "symlink"),
                ("locked/l", "denied"),
                ("out", "symlink"),
                ("readme", "clash"),
                ("twin1", "hard_link"),
                ("twin2", "hard_link"),
            ])
        );
        assert_eq!(bench.fingerprint(""), before, "the workspace itself stays");
        let applied = bench.tool("apply_patch", &json!({ "patch": patch(&result) }));
        assert_eq!(applied["ok"], true, "{applied:#}");
        assert_eq!(bench.read("edit"), "one\ntwo\nthree\n");
        assert_eq!(bench.read("turned/in"), "in\n");
        assert!(!bench.work("folder").join("a").exists());
    });
}

#[test]
fn what_somebody_else_changes_meanwhile_is_a_conflict() {
    as_each(|bench| {
        for name in ["theirs", "mine", "removed"] {
            bench.write(name, "one\n");
        }
        // the test changes files while the command waits for a sign of it
        let work = bench.work("");
        let result = std::thread::scope(|scope| {
            let other = scope.spawn(move || {
                let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
                std::thread::sleep(std::time::Duration::from_millis(1500));
                fs::write(work.join("theirs"), "theirs\n").unwrap();
                fs::write(work.join("made"), "theirs\n").unwrap();
                fs::remove_file(work.join("removed")).unwrap();
                assert!(std::time::Instant::now() < until);
            });
            let result = bench.sh("for f in theirs mine removed made; do echo two >> $f; done; sleep 4");
            other.join().unwrap();
            result
        });
        assert_eq!(
            not_carried(&result),
            pairs(&[("made", "conflict"), ("removed", "conflict"), ("theirs", "conflict")]),
            "{result:#}"
        );
        assert!(patch(&result).starts_with("diff --git a/mine b/mine\n"), "{result:#}");
    });
}

#[test]
fn a_large_change_is_cut_between_files_and_two_hundred_thousand_names_end() {
    as_each(|bench| {
        bench.policy(&format!("{}limits: {{ patch_files: 2, patch_bytes: 10000 }}\n", confined::POLICY));
        let result = bench.sh("for i in 1 2 3 4 5; do echo $i > f$i; done; seq 1 3000 > large");
        assert_eq!(patch(&result).matches("diff --git").count(), 2, "{result:#}");
        assert_eq!((&result["truncated"], not_carried(&result).len()), (&json!(true), 4));
        let result = bench.sh("mkdir many; cd many; seq 1 200000 | xargs touch");
        assert_eq!((&result["ok"], &result["truncated"]), (&json!(true), &json!(true)));
        assert!(not_carried(&result).len() <= 1000);
    });
}

#[test]
fn a_cache_that_is_a_link_is_refused_and_a_folder_that_is_really_written_is_said() {
    as_each(|bench| {
        symlink("/etc", bench.work("target")).unwrap();
        let result = bench.tool("exec", &json!({ "argv": ["sh", "-s"], "stdin": "ls target" }));
        assert_eq!(result["error"]["kind"], "denied", "{result:#}");
        assert!(
            result["error"]["message"].as_str().unwrap().contains("`target` is a symbolic link"),
            "{result:#}"
        );
        fs::remove_file(bench.work("target")).unwrap();
        bench.write("really/x", "one\n");
        bench.policy(
            &confined::POLICY.replace("sandbox: { cache:", "sandbox: { unsafe_write: [really], cache:"),
        );
        let result = bench.sh("echo two > really/x; echo three > other");
        assert_eq!(result["ok"], true, "{result:#}");
        assert_eq!(bench.read("really/x"), "two\n");
        assert!(patch(&result).starts_with("diff --git a/other b/other\n"), "{result:#}");
        assert_eq!(told(&result, "unsafe_write:really"), Some(true), "{result:#}");
        let graph = "schema: lgflow.graph/v1\nname: g\nnodes:\n  work: { uses: exec, with: { argv: [sh, -s], stdin: ls } }\n";
        bench.write_at("graph.yaml", graph);
        let (graph, policy) = (bench.outside().join("graph.yaml"), bench.outside().join("policy.yaml"));
        let plan =
            bench.lgflow(&["plan", "-g", graph.to_str().unwrap(), "--policy", policy.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&plan.stdout);
        assert!(
            text.contains("really writes `really` of the workspace"),
            "{text}{}",
            String::from_utf8_lossy(&plan.stderr)
        );
    });
}

#[test]
fn a_kept_cache_has_the_same_room_as_everything_else() {
    as_each(|bench| {
        bench.policy(&confined::POLICY.replace(
            "sandbox: { cache: { folders: [target], mode: seed } }",
            "sandbox: { cache: { folders: [target], mode: shared }, limits: { workspace_bytes: 8MiB, wall: 2m } }",
        ));
        let result =
            bench.sh("i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero > target/$i; sleep 0.02; done");
        assert_eq!(result["error"]["limit"], "workspace_bytes", "{result:#}");
        assert_eq!(told(&result, "cache_kept:target"), Some(false));
    });
}

const REALLY: [&str; 2] = ["sandbox: { cache:", "sandbox: { unsafe_write: [really], cache:"];

/// Runs a script whose walls are not asked about.
fn run(bench: &confined::Bench, script: &str) -> serde_json::Value {
    bench.tool("exec", &json!({ "argv": ["sh", "-s"], "stdin": script }))
}

#[test]
fn a_folder_that_is_really_written_holds_nothing_that_is_denied() {
    as_each(|bench| {
        bench.write("secret", "SECRET\n");
        bench.write("really/x", "one\n");
        bench.policy(&confined::POLICY.replace(REALLY[0], REALLY[1]));
        for name in ["really/deep/a.private", "really/.env", "really/sub/.git/config", "really/bare/HEAD"] {
            bench.write(name, "SECRET\n");
            bench.write("really/bare/objects/x", "");
            bench.write("really/bare/refs/x", "");
            if name != "really/bare/HEAD" {
                fs::remove_dir_all(bench.work("really/bare")).unwrap();
            }
            let result = run(bench, "cat really/deep/a.private really/.env; echo two > really/x");
            assert_eq!(result["error"]["kind"], "denied", "{name}: {result:#}");
            assert!(result["error"]["message"].as_str().unwrap().contains("`really/"), "{result:#}");
            assert_eq!(bench.read("really/x"), "one\n");
            fs::remove_dir_all(bench.work("really")).unwrap();
            bench.write("really/x", "one\n");
        }
        // another name of a file outside
        fs::hard_link(bench.work("secret"), bench.work("really/again")).unwrap();
        let result = run(bench, "echo two > really/again");
        assert_eq!(result["error"]["kind"], "denied", "{result:#}");
        assert_eq!(bench.read("secret"), "SECRET\n");
        fs::remove_file(bench.work("really/again")).unwrap();
        // two names that are both in it are none outside
        fs::hard_link(bench.work("really/x"), bench.work("really/y")).unwrap();
        let result = run(bench, "echo two > really/x");
        assert_eq!(result["ok"], true, "{result:#}");
        assert_eq!(bench.read("really/y"), "two\n");
    });
}

#[test]
fn a_folder_that_is_really_written_must_be_there() {
    as_each(|bench| {
        bench.policy(&confined::POLICY.replace(REALLY[0], REALLY[1]));
        let result = run(bench, "echo ran > target/ran; mkdir -p really; echo two > really/x");
        assert_eq!(result["error"]["kind"], "not_found", "{result:#}");
        let message = result["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("really write `really`, and there is no such folder; make it first"),
            "{message}"
        );
        // nothing was run, so nothing is said of what it left
        assert!(!message.contains("left there") && !bench.work("really").exists(), "{result:#}");
        bench.write("really/x", "one\n");
        let result = run(bench, "echo two > really/x");
        assert_eq!(result["ok"], true, "{result:#}");
        assert_eq!(bench.read("really/x"), "two\n");
    });
}

#[test]
fn a_folder_is_really_written_only_where_every_layer_opens_all_of_it() {
    as_each(|bench| {
        bench.write("locked/x", "one\n");
        bench.write("really/x", "one\n");
        let denied = [
            ("unsafe_write: [locked]", "write: { allow: ['**'], deny: ['locked', 'locked/**'] }"),
            ("unsafe_write: [really]", "write: { allow: ['**'], deny: ['**'] }"),
            ("unsafe_write: [really]", "write: { allow: ['really/*.txt'] }"),
        ];
        for (folder, write) in denied {
            bench.policy(
                &confined::POLICY
                    .replace("sandbox: { cache:", &format!("sandbox: {{ {folder}, cache:"))
                    .replace("write: { allow: ['**'], deny: ['locked', 'locked/**'] }", write),
            );
            let result = run(bench, "echo two > locked/x; echo two > really/x");
            assert_eq!(result["ok"], true, "{result:#}");
            assert!(!result["sandbox"].to_string().contains("unsafe_write"), "{result:#}");
            assert_eq!(bench.read("locked/x") + &bench.read("really/x"), "one\none\n");
        }
        for folder in [".git", "src/.GIT/hooks", ".lg"] {
            let text = confined::POLICY
                .replace(REALLY[0], &format!("sandbox: {{ unsafe_write: ['{folder}'], cache:"));
            bench.write_at("graph.yaml", "schema: lgflow.graph/v1\nname: g\nnodes:\n  work: { uses: exec, with: { argv: [sh, -s], stdin: ls } }\n");
            let paths = ["graph.yaml", "policy.yaml"].map(|name| bench.outside().join(name));
            bench.policy(&text);
            let [graph, policy] = paths.each_ref().map(|path| path.to_str().unwrap());
            let plan = bench.lgflow(&["plan", "-g", graph, "--policy", policy]);
            let told = String::from_utf8_lossy(&plan.stdout) + String::from_utf8_lossy(&plan.stderr);
            assert!(!plan.status.success() && told.contains("no command may really write it"), "{told}");
        }
    });
}

#[test]
fn git_directories_that_are_made_in_a_folder_that_is_really_written_are_set_aside() {
    as_each(|bench| {
        bench.write("really/x", "one\n");
        bench.policy(&confined::POLICY.replace(REALLY[0], REALLY[1]));
        let result = run(
            bench,
            "cd really; mkdir -p new/.git/hooks new/.git/objects new/.git/refs bare/objects bare/refs lg/.lg; \
             echo ref > new/.git/HEAD; echo x > new/.git/config; echo ref > bare/HEAD; echo x > lg/.lg/policy.yaml; \
             echo x > a.private; exit 3",
        );
        assert_eq!(result["error"]["kind"], "denied", "{result:#}");
        let told = result["error"]["message"].as_str().unwrap();
        for name in ["really/new/.git", "really/bare", "really/lg/.lg", "really/a.private"] {
            assert!(told.contains(&format!("`{name}`")), "{told}");
        }
        let tree = Command::new("find").arg(bench.work("really")).output().unwrap().stdout;
        let tree = String::from_utf8(tree).unwrap();
        assert!(
            tree.lines()
                .all(|path| !path.ends_with("/.git") && !path.ends_with("/HEAD") && !path.ends_with("/.lg")),
            "{tree}"
        );
        // nothing is deleted
        assert!(tree.contains("/config") && tree.contains("/policy.yaml"), "{tree}");
    });
}

#[test]
fn the_workspace_itself_is_shown_with_git_and_our_folders_held() {
    as_each(|bench| {
        bench.write(".git/config", "mine\n");
        bench.write("sub/.git/config", "mine\n");
        bench.write(".lg/graph.yaml", "mine\n");
        let text = confined::POLICY.replace(
            "sandbox: { cache: { folders: [target], mode: seed } }",
            "sandbox: { workspace: direct }",
        );
        bench.policy(&format!("{text}sandbox: {{ mode: best_effort }}\n"));
        let result = run(
            bench,
            "echo bad > .git/config; echo bad > .git/new; mv .git moved; rm -rf .lg sub/.git; echo bad > sub/.git/config; \
             echo fine > ok; true",
        );
        assert_eq!(result["ok"], true, "{result:#}");
        assert_eq!(told(&result, "workspace:direct"), Some(true), "{result:#}");
        for name in [".git/config", "sub/.git/config", ".lg/graph.yaml"] {
            assert_eq!(bench.read(name), "mine\n", "{name}");
        }
        assert!(!bench.work(".git/new").exists() && !bench.work("moved").exists());
        assert_eq!(bench.read("ok"), "fine\n");
    });
}

#[test]
fn a_copy_shows_no_second_name_of_a_denied_file() {
    as_each(|bench| {
        bench.write("secret", "SECRET\n");
        bench.write("plain", "plain\n");
        bench.write(".git/config", "SECRET\n");
        for (from, to) in [("secret", "again"), (".git/config", "config"), ("plain", "twice")] {
            fs::hard_link(bench.work(from), bench.work(to)).unwrap();
        }
        let text = confined::POLICY
            .replace("sandbox: { cache: { folders: [target], mode: seed } }", "sandbox: { workspace: copy }");
        bench.policy(&format!("{text}sandbox: {{ mode: best_effort }}\n"));
        let result = run(bench, "cat again config; cat plain twice");
        assert_eq!(result["output"]["stdout"], "plain\nplain\n", "{result:#}");
    });
}

#[test]
fn what_has_no_name_for_a_call_is_not_read_by_another_name() {
    use std::os::unix::ffi::OsStrExt as _;
    as_each(|bench| {
        bench.write("plain", "plain\n");
        bench.write("deep/x", "SECRET\n");
        bench.write("y", "SECRET\n");
        fs::hard_link(bench.work("plain"), bench.work("twice")).unwrap();
        let unnamed = |name: &[u8]| bench.work("").join(std::ffi::OsStr::from_bytes(name));
        fs::hard_link(bench.work("y"), unnamed(b"\xff.private")).unwrap();
        fs::create_dir(unnamed(b"f\xff")).unwrap();
        fs::hard_link(bench.work("deep/x"), unnamed(b"f\xff/a.private")).unwrap();
        for path in ["y", "deep/x"] {
            let result = bench.tool("read_file", &json!({ "path": path }));
            assert_eq!(result["error"]["kind"], "denied", "{result:#}");
        }
        let result = bench.tool("read_file", &json!({ "path": "twice" }));
        assert_eq!(result["ok"], true, "{result:#}");
    });
}

#[test]
fn a_patch_carries_no_git_directory_and_no_name_that_no_patch_takes() {
    as_each(|bench| {
        let result = bench
            .sh("mkdir -p b/objects b/refs w; echo ref > b/HEAD; echo x > b/objects/x; echo y > b/refs/y; \
             echo ref > w/HEAD; echo ../b > w/commondir; echo z > ok; echo q > a:b");
        let patch = patch(&result);
        assert!(
            patch.starts_with("diff --git a/ok b/ok\n") && patch.matches("diff --git").count() == 1,
            "{result:#}"
        );
        let kinds = result["output"]["not_carried"].as_array().unwrap();
        for path in ["a:b", "b/HEAD", "b/objects/x", "b/refs/y", "w/HEAD", "w/commondir"] {
            assert!(kinds.contains(&json!({ "path": path, "kind": "denied" })), "{path}: {result:#}");
        }
        let applied = bench.tool("apply_patch", &json!({ "patch": patch }));
        assert_eq!(applied["ok"], true, "{applied:#}");
    });
}
