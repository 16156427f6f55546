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
