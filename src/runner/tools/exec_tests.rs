//! Commands that behave, and commands that don't.

#![expect(clippy::disallowed_methods, reason = "tests build files, and look whether processes are gone")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::effect::{ErrorKind, RuleRef, ToolCall, ToolResult};
use crate::files::Root;
use crate::policy::{
    ExecGrant, ExecLimits, GrantLimits, NetworkAccess, Obligations, PathRules, SandboxMode, WorkspaceMode,
};
use crate::runner::patch::parse;
use crate::runner::{Cancel, CommandMemory, ToolWorld};
use crate::sandbox::{Helper, helper_main};

use super::exec::exec_with;

/// This test program as a helper: the harness runs the one test below.
fn helper() -> Helper {
    let arguments = ["--exact", "runner::tools::exec_tests::lives_as_a_helper", "--ignored", "--nocapture"];
    Helper::other(std::env::current_exe().unwrap(), arguments.map(str::to_owned).to_vec())
}

#[test]
#[ignore = "the helper of the tests here, which start it"]
fn lives_as_a_helper() {
    helper_main();
}

struct Bench {
    folder: tempfile::TempDir,
    world: ToolWorld,
    obligations: Obligations,
}

impl Bench {
    fn new(program: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        Self::at(&path, program, folder)
    }

    fn at(path: &Path, program: &str, folder: tempfile::TempDir) -> Self {
        for name in ["work", "state"] {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        let world = ToolWorld {
            root: Root::open(&path.join("work")).unwrap(),
            root_path: path.join("work"),
            state: Root::open(&path.join("state")).unwrap(),
            protected: Vec::new(),
            memory: CommandMemory::default(),
            redaction: std::sync::Arc::default(),
        };
        Self { folder, world, obligations: obligations(program) }
    }

    fn grant(&mut self) -> &mut ExecGrant {
        self.obligations.exec.as_mut().unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.work(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn work(&self, path: &str) -> PathBuf {
        self.folder.path().join("work").join(path)
    }

    fn call(&self, input: &Value) -> ToolResult {
        self.call_with(input, &Cancel::default())
    }

    fn call_with(&self, input: &Value, cancel: &Cancel) -> ToolResult {
        let result = exec_with(
            &helper(),
            &ToolCall::new("exec", input.clone()),
            &self.obligations,
            &self.world,
            cancel,
        )
        .unwrap_or_else(|error| ToolResult::failure("exec", error));
        let left: Vec<_> = match fs::read_dir(self.folder.path().join("state/exec")) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        };
        assert_eq!(left, Vec::<PathBuf>::new(), "the folders of a call go with it");
        result
    }

    fn sh(&self, script: &str) -> ToolResult {
        self.call(&json!({ "argv": ["sh", "-c", script] }))
    }
}

fn obligations(program: &str) -> Obligations {
    Obligations {
        read: PathRules::of_globs(&["**"], &[], &["**/.env*", ".env*"]),
        write: PathRules::of_globs(&["src/**", "*.txt"], &["Cargo.toml"], &["src/locked"]),
        limits: GrantLimits::default(),
        exec: Some(ExecGrant {
            rule: RuleRef {
                layer: "test".into(),
                rule: "commands[sh]".into(),
                file: "test.yaml".into(),
                line: 7,
                column: 5,
            },
            program: program.into(),
            search: vec!["/usr/bin".into(), "/bin".into()],
            toolchains: Vec::new(),
            visible: Vec::new(),
            env_set: BTreeMap::from([("SET".into(), "by policy".into()), ("GRANTED".into(), "yes".into())]),
            env_pass: vec!["LISTED".into()],
            mode: SandboxMode::BestEffort,
            require: Vec::new(),
            workspace: WorkspaceMode::Copy,
            network: NetworkAccess::Deny,
            unsafe_write: Vec::new(),
            git: crate::policy::GitSight::Hidden,
            cache: None,
            runs_workspace_code: true,
            cache_folders: vec!["target".into()],
            limits: ExecLimits {
                wall: Duration::from_mins(1),
                cpu: None,
                memory: None,
                processes: None,
                output: 10_000,
                workspace_bytes: None,
            },
        }),
        approved: None,
        rules: Vec::new(),
    }
}

fn kind(result: &ToolResult) -> &ErrorKind {
    &result.error.as_ref().unwrap_or_else(|| panic!("it succeeded: {result:?}")).kind
}

/// A number of seconds that no other process sleeps for.
fn token() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("1000.{}{:03}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// The processes that were started with `token`, as they are numbered outside of the sandbox.
fn with(token: &str) -> Vec<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"sleep\0") && line.split(|&b| b == 0).any(|part| part == token.as_bytes())
    };
    pids.filter(has).collect()
}

/// Waits until no process was started with `token`.
fn gone(token: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if with(token).is_empty() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Waits for a process that was started with `token`.
fn comes(token: &str) -> u32 {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if let Some(pid) = with(token).first() {
            return *pid;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no process with {token} came");
}

fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn exit_codes_signals_and_output_are_exact() {
    let bench = Bench::new("sh");
    let result = bench.sh("echo out; echo err >&2");
    assert!(result.ok, "{result:?}");
    assert_eq!(
        result.output,
        json!({ "exit_code": 0, "signal": null, "stdout": "out\n", "stderr": "err\n", "patch": "", "not_carried": [] })
    );
    let program = result.program.unwrap();
    let shell = fs::canonicalize("/bin/sh").unwrap();
    assert_eq!(fs::canonicalize(&program.path).unwrap(), shell);
    assert_eq!(program.digest, crate::digest::Digest::of(fs::read(shell).unwrap()).to_string());
    let result = bench.sh("echo out; exit 3");
    assert_eq!(*kind(&result), ErrorKind::Exit);
    assert_eq!(result.exit_code, Some(3));
    assert_eq!(result.error.unwrap().output.unwrap()["stdout"], "out\n");
    let result = bench.sh("kill -TERM $$");
    assert_eq!((result.exit_code, kind(&result)), (Some(143), &ErrorKind::Exit));
    assert_eq!(result.error.unwrap().output.unwrap()["signal"], "SIGTERM");
    for (ok_exit, ok) in [(json!("any"), true), (json!([1, 3]), true), (json!([1]), false)] {
        let result = bench.call(&json!({ "argv": ["sh", "-c", "exit 3"], "ok_exit": ok_exit }));
        assert_eq!(result.ok, ok, "{ok_exit}");
    }
}

#[test]
fn an_argument_stays_one_argument_and_input_is_what_was_given() {
    let bench = Bench::new("printf");
    let odd = "a b;$(touch /tmp/x)\n`id` *";
    let result = bench.call(&json!({ "argv": ["printf", "%s|", odd, "", "-n"] }));
    assert_eq!(result.stdout, format!("{odd}||-n|"));
    let bench = Bench::new("cat");
    assert_eq!(bench.call(&json!({ "argv": ["cat"], "stdin": "hello" })).stdout, "hello");
    assert_eq!(bench.call(&json!({ "argv": ["cat"] })).stdout, "");
    let long = "x".repeat(5000);
    assert_eq!(bench.call(&json!({ "argv": ["cat"], "stdin": long })).stdout, long);
}

#[test]
fn the_environment_holds_what_was_granted_and_no_more() {
    let bench = Bench::new("env");
    let result = bench.call(&json!({ "argv": ["env"], "env": { "GRANTED": "yes" } }));
    let mut names: Vec<&str> = result.stdout.lines().map(|line| line.split('=').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["GRANTED", "HOME", "LC_ALL", "PATH", "SET", "TEMP", "TMP", "TMPDIR"]);
    assert!(result.stdout.contains("PATH=/usr/bin:/bin\n"));
    assert!(result.stdout.contains("HOME=/home/lgflow\n") && result.stdout.contains("TMPDIR=/tmp\n"));
    for name in ["LD_PRELOAD", "GIT_DIR", "PATH", "HOME", "OTHER", "LISTED", "SET", "RIPGREP_CONFIG_PATH"] {
        let result = bench.call(&json!({ "argv": ["env"], "env": { name: "x" } }));
        assert_eq!(*kind(&result), ErrorKind::Denied, "{name}");
    }
}

#[test]
fn no_descriptor_is_inherited_and_the_session_is_its_own() {
    let bench = Bench::new("sh");
    // one that is not marked to be closed, as a careless parent would leave it
    let secret = fs::File::open("/etc/hostname").unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    let result = bench.sh("ls /proc/self/fd; ls -l /proc/$$/fd | grep -c hostname");
    drop(secret);
    // 3 is the folder that `ls` itself reads
    assert_eq!(result.stdout, "0\n1\n2\n3\n0\n", "{result:?}");
    let result = bench.sh("cut -d' ' -f1,5,6,7 /proc/$$/stat; exec 3</dev/tty");
    let fields: Vec<&str> = result.stdout.split_ascii_whitespace().collect();
    assert_eq!(
        (fields[0], fields[0], "0"),
        (fields[1], fields[2], fields[3]),
        "leader of a session without terminal"
    );
    assert!(!result.ok, "there is no terminal to open");
    let result = bench.sh("grep NoNewPrivs /proc/self/status; ulimit -c; cat /proc/$PPID/environ");
    assert!(result.stdout.starts_with("NoNewPrivs:\t1\n0\n"), "{result:?}");
}

#[test]
fn output_without_end_keeps_head_and_tail() {
    let bench = Bench::new("sh");
    for script in [
        // one endless line, and very many lines
        "printf HEAD; head -c 3000000 /dev/zero | tr '\\0' x; printf TAIL",
        "printf HEAD; yes | head -n 500000; printf TAIL",
        "(printf HEAD; yes | head -n 500000; printf TAIL) >&2",
    ] {
        let result = bench.sh(script);
        assert!(result.ok && result.truncated, "{result:?}");
        let text = format!("{}{}", result.stdout, result.stderr);
        assert!(text.starts_with("HEAD") && text.ends_with("TAIL"));
        assert!(text.contains(" bytes left out …]"), "{text}");
        assert!(text.len() < 11_000);
    }
}

#[test]
fn endless_output_ends_with_the_time() {
    let mut bench = Bench::new("yes");
    bench.grant().limits.wall = Duration::from_millis(500);
    let result = bench.call(&json!({ "argv": ["yes"] }));
    assert_eq!(*kind(&result), ErrorKind::Timeout);
    assert!(result.stdout.starts_with("y\ny\n"));
    assert!(result.error.unwrap().output.unwrap()["stdout"].as_str().unwrap().contains("bytes left out"));
}

/// Leaves its session twice, holds the outputs, and stays; `then` goes on when it is there.
fn escape(token: &str, then: &str) -> String {
    format!(
        "setsid sh -c 'setsid sh -c \"touch up; exec sleep {token}\" &' & while [ ! -e up ]; do sleep 0.01; done; {then}"
    )
}

#[test]
fn a_tree_that_escapes_its_session_and_holds_the_pipe_is_gone_at_the_end() {
    let (bench, token) = (Bench::new("sh"), token());
    let start = Instant::now();
    let result = bench.sh(&escape(&token, "echo done"));
    assert!(result.ok, "{result:?}");
    assert_eq!(result.stdout, "done\n");
    assert!(gone(&token), "it outlived its call");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_tree_that_escapes_its_session_is_gone_at_the_timeout() {
    let (mut bench, token) = (Bench::new("sh"), token());
    bench.grant().limits.wall = Duration::from_secs(3);
    let result = bench.sh(&escape(&token, "echo before; sleep 1000"));
    assert_eq!(*kind(&result), ErrorKind::Timeout);
    assert_eq!((result.stdout.as_str(), result.exit_code), ("before\n", Some(137)));
    assert!(gone(&token));
}

#[test]
fn a_cancelled_call_is_over_with_its_whole_tree() {
    let (bench, token) = (Bench::new("sh"), token());
    let cancel = Cancel::default();
    let result = std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            let script = escape(&token, "trap '' TERM INT; sleep 1000");
            bench.call_with(&json!({ "argv": ["sh", "-c", script] }), &cancel)
        });
        comes(&token);
        cancel.cancel();
        call.join().unwrap()
    });
    assert_eq!(*kind(&result), ErrorKind::Cancelled);
    assert!(gone(&token));
}

#[test]
fn a_runner_that_is_killed_takes_the_tree_with_it() {
    let (folder, token) = (tempfile::tempdir().unwrap(), token());
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runner::tools::exec_tests::lives_as_a_runner", "--ignored", "--nocapture"])
        .env("LGFLOW_TEST_FOLDER", folder.path())
        .env("LGFLOW_TEST_TOKEN", &token)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    comes(&token);
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert!(gone(&token), "the tree outlived its runner");
}

#[test]
#[ignore = "the victim of the test above, which starts it"]
fn lives_as_a_runner() {
    let folder = PathBuf::from(std::env::var_os("LGFLOW_TEST_FOLDER").unwrap());
    let token = std::env::var("LGFLOW_TEST_TOKEN").unwrap();
    let bench = Bench::at(&folder, "sh", tempfile::tempdir().unwrap());
    bench.sh(&escape(&token, "sleep 1000"));
}

#[test]
fn a_helper_that_is_killed_from_outside_takes_the_tree_with_it() {
    let (bench, token) = (Bench::new("sh"), token());
    let result = std::thread::scope(|scope| {
        let call = scope.spawn(|| bench.sh(&format!("kill -9 $PPID; kill -9 1; sleep {token}")));
        // the command, the first process of its namespaces, the helper
        let helper = parent(parent(parent(comes(&token))));
        let pid = rustix::process::Pid::from_raw(helper.cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        call.join().unwrap()
    });
    assert_eq!(*kind(&result), ErrorKind::Internal, "{result:?}");
    assert!(gone(&token));
}

#[test]
fn too_many_processes_and_too_much_processor_time_are_limits() {
    let mut bench = Bench::new("sh");
    bench.grant().limits.processes = Some(5);
    let result = bench.sh("for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; wait");
    assert_eq!(
        (kind(&result), result.error.as_ref().unwrap().limit.as_deref()),
        (&ErrorKind::Limit, Some("processes"))
    );
    bench.grant().limits.processes = None;
    bench.grant().limits.cpu = Some(Duration::from_secs(1));
    let result = bench.sh("while :; do :; done");
    assert_eq!(result.error.as_ref().unwrap().limit.as_deref(), Some("cpu"), "{result:?}");
    bench.grant().limits.cpu = None;
    bench.grant().limits.workspace_bytes = Some(1000);
    let result = bench.sh("exec head -c 100000 /dev/zero > big");
    assert_eq!(result.error.as_ref().unwrap().limit.as_deref(), Some("workspace_bytes"), "{result:?}");
}

#[test]
fn programs_are_names_from_the_folders_of_the_policy() {
    let bench = Bench::new("sh");
    bench.write("sh", "#!/bin/sh\necho from the workspace\n");
    for argv in [json!(["./sh"]), json!(["/bin/sh"]), json!(["bash"]), json!(["git"])] {
        let result = bench.call(&json!({ "argv": argv }));
        assert_eq!(*kind(&result), ErrorKind::Denied, "{argv}");
    }
    assert_eq!(*kind(&bench.call(&json!({ "argv": [] }))), ErrorKind::InvalidInput);
    assert_eq!(*kind(&bench.call(&json!({ "argv": "sh -c id" }))), ErrorKind::InvalidInput);
    let bench = Bench::new("no-such-program");
    assert_eq!(*kind(&bench.call(&json!({ "argv": ["no-such-program"] }))), ErrorKind::NotFound);
}

#[test]
fn strict_stands_with_every_wall_and_is_refused_with_what_is_missing() {
    let mut bench = Bench::new("sh");
    bench.grant().mode = SandboxMode::Strict;
    let result = bench.sh("echo ran");
    assert_eq!(result.stdout, "ran\n", "{result:?}");
    let in_force = |name: &str| result.sandbox.iter().any(|layer| layer.name == name && layer.in_force);
    for layer in
        ["user_namespace", "network_namespace", "private_root", "landlock_fs", "seccomp", "workspace:copy"]
    {
        assert!(in_force(layer), "{layer}: {result:?}");
    }
    bench.grant().require = vec!["no_such_layer".to_owned()];
    let result = bench.sh("echo x > /dev/null");
    let error = result.error.as_ref().unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(
        error.message.contains("no_such_layer") && !error.message.contains("seccomp"),
        "{}",
        error.message
    );
    assert_eq!(error.rule.as_ref().unwrap().line, 7);
    bench.grant().mode = SandboxMode::BestEffort;
    assert_eq!(*kind(&bench.sh("true")), ErrorKind::Denied);
    bench.grant().mode = SandboxMode::Strict;
    bench.grant().workspace = WorkspaceMode::Direct;
    let result = bench.sh("true");
    let message = &result.error.as_ref().unwrap().message;
    assert!(message.contains("`workspace: direct`") && !message.contains("doctor"), "{message}");
}

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
    let planned = crate::runner::patch::resolve_patch(&bench.world.root, &patch).unwrap();
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
fn what_a_killed_runner_left_is_swept_and_what_lives_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new("sh");
    let all = bench.folder.path().join("state/exec");
    let (dead, living) = (all.join("dead"), all.join("living"));
    for folder in [&dead, &living] {
        fs::create_dir_all(folder.join("work/locked")).unwrap();
        fs::write(folder.join("work/locked/f"), "x").unwrap();
    }
    fs::set_permissions(dead.join("work/locked"), fs::Permissions::from_mode(0o000)).unwrap();
    let held = fs::File::open(&living).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    crate::runner::recover_workspace(&bench.world).unwrap();
    assert!(!dead.exists(), "left behind");
    assert!(living.join("work/locked/f").exists(), "taken from under a command");
    drop(held);
    crate::runner::recover_workspace(&bench.world).unwrap();
    assert!(!living.exists());
}
