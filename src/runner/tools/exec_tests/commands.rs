//! One command: what it is given, what it says, how it ends, and what it may not.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::effect::ErrorKind;
use crate::policy::{SandboxMode, WorkspaceMode};

use super::bench::{Bench, kind};

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
