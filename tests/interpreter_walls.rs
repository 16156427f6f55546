//! The walls around the interpreter, each taken away or made to lie by a filter around the whole program: what is missing
//! is said, and a run does not begin behind a wall that does not hold.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use lgflow::effect::{Confinement, SandboxLayer};
use lgflow::sandbox::broken_promises;
use program::processes::{all_gone, children, command_line, wait_for_descendant};
use program::{Ran, Workspace};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use serde_json::Value;

const HELLO: &str = "\
schema: lgflow.graph/v1
name: hello
nodes:
  hello: { uses: values, with: { text: hello } }
outputs:
  text: \"{{ nodes.hello.output.text }}\"
";

/// A run that goes on until it is ended.
const NAP: &str = "\
schema: lgflow.graph/v1
name: waits
nodes:
  nap: { uses: exec, with: { argv: [sleep, \"600\"] } }
";

const NAP_POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow }
commands:
  - { name: s, program: sleep, args: [[\"*\"]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
";

/// Runs `lgflow` where `call` does nothing and answers `errno`; 0 looks like success.
fn without(call: i64, errno: i32, workspace: &Workspace, arguments: &[&str]) -> Ran {
    let rules = BTreeMap::from([(call, Vec::new())]);
    let answer = SeccompAction::Errno(errno.cast_unsigned());
    let architecture = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    // a filter holds for its thread and for what that starts
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            apply_filter(&program).expect("the kernel must offer seccomp for this test");
            workspace.lgflow(arguments)
        });
        run.join().unwrap()
    })
}

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO);
    workspace
}

/// The fact of the first event.
fn recorded(workspace: &Workspace, ran: &Ran) -> String {
    let run: Value = serde_json::from_str(&ran.stdout).unwrap();
    let trace = workspace.read(run["trace"].as_str().unwrap());
    let first: Value = serde_json::from_str(trace.lines().next().unwrap()).unwrap();
    first["data"]["facts"]["interpreter"].as_str().unwrap().to_owned()
}

const RUN: [&str; 6] = ["run", "-g", "graph.yaml", "--trace", "--format", "json"];

#[test]
fn a_missing_wall_is_said_on_the_terminal_in_the_trace_and_by_doctor() {
    for (call, name) in [(libc::SYS_landlock_create_ruleset, "landlock"), (libc::SYS_seccomp, "seccomp")] {
        let workspace = workspace();
        let ran = without(call, libc::ENOSYS, &workspace, &RUN).ended(0);
        let fact = recorded(&workspace, &ran);
        assert!(fact.starts_with(&format!("unconfined ({name}: ")), "{fact}");
        assert!(ran.stderr.contains(&format!("interpreter: {fact}")), "{}", ran.stderr);
        let doctor = without(call, libc::ENOSYS, &workspace, &["doctor", "--format", "json"]).ended(0).json();
        assert_eq!(doctor["interpreter"]["confined"], false, "{doctor}");
        assert!(doctor["interpreter"]["missing"][0].as_str().unwrap().starts_with(name), "{doctor}");
    }
}

#[test]
fn a_wall_that_only_pretends_to_stand_keeps_the_run_from_beginning() {
    for (call, sentence) in [
        (libc::SYS_landlock_restrict_self, "`/` can be opened"),
        (libc::SYS_seccomp, "programs can be executed; sockets can be made; it can connect"),
    ] {
        let workspace = workspace();
        let ran = without(call, 0, &workspace, &["run", "-g", "graph.yaml"]).ended(1);
        assert!(ran.stderr.contains("the walls around the interpreter do not hold"), "{}", ran.stderr);
        assert!(ran.stderr.contains(sentence), "{}", ran.stderr);
        assert_eq!(ran.stdout, "", "a node ran: {}", ran.stderr);
    }
}

#[test]
fn where_no_wall_stands_every_promise_is_broken() {
    let (socket, _other) = UnixStream::pair().unwrap();
    let promised = |names: &[&str]| {
        let stands = |&name: &&str| SandboxLayer { name: name.to_owned(), in_force: true };
        Confinement { layers: names.iter().map(stands).collect(), missing: Vec::new() }
    };
    let all = promised(&["landlock", "seccomp"]);
    let broken = broken_promises(&all, socket.as_fd());
    for what in [
        "`/` can be opened",
        "files can be made in `/tmp`",
        "programs can be executed",
        "sockets can be made",
        "it can connect",
    ] {
        assert!(broken.iter().any(|sentence| sentence == what), "`{what}` is not in {broken:?}");
    }
    assert_eq!(broken_promises(&promised(&[]), socket.as_fd()), Vec::<String>::new());
}

#[test]
fn without_a_filter_around_it_the_same_run_is_confined() {
    let workspace = workspace();
    let ran = workspace.lgflow(&RUN).ended(0);
    assert_eq!(recorded(&workspace, &ran), "confined");
    assert!(!ran.stderr.contains("interpreter"), "{}", ran.stderr);
}

/// The user `nobody`, where root runs the tests: only root may look into a process that is not dumpable.
const NOBODY: u32 = 65534;

fn as_ordinary_user(command: &mut Command) -> &mut Command {
    if rustix::process::geteuid().is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

#[test]
fn an_ordinary_user_cannot_look_into_an_own_interpreter() {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", NAP).write("policy.yaml", NAP_POLICY);
    if rustix::process::geteuid().is_root() {
        for path in [workspace.outside().to_path_buf(), workspace.path(), workspace.outside().join("home")] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let mut front = workspace.command(&["run", "-g", "graph.yaml", "--policy", "policy.yaml"]);
    let mut front = as_ordinary_user(&mut front)
        .env("AWS_SECRET_ACCESS_KEY", "canary-7c1f")
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let interpreter = wait_for_descendant(front.id(), |line| line.contains("__interpreter"));
    // the command runs, so the walls stand
    wait_for_descendant(front.id(), |line| line.starts_with("sleep 600"));
    for file in ["mem", "environ", "maps"] {
        let path = format!("/proc/{interpreter}/{file}");
        let read = as_ordinary_user(Command::new("cat").arg(&path)).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&read.stderr).into_owned();
        assert!(!read.status.success() && said.contains("Permission denied"), "{path}: {said}");
    }
    // the harmless twin: the same look into a process that is dumpable
    let own = as_ordinary_user(Command::new("cat").arg("/proc/self/environ")).output().unwrap();
    assert!(own.status.success());
    if rustix::process::geteuid().is_root() {
        let environment = fs::read(format!("/proc/{interpreter}/environ")).unwrap();
        assert!(
            environment.is_empty(),
            "the interpreter was given {}",
            String::from_utf8_lossy(&environment)
        );
    }
    front.kill().unwrap();
    front.wait().unwrap();
    all_gone(&[interpreter]);
}

#[test]
fn a_descriptor_that_the_shell_left_open_ends_at_the_front() {
    let workspace = Workspace::git();
    fs::write(workspace.outside().join("secret"), "canary-91ab").unwrap();
    workspace.write("graph.yaml", NAP).write("policy.yaml", NAP_POLICY);
    let lgflow = workspace.command(&[]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec 7<../secret; exec \"$0\" run -g graph.yaml --policy policy.yaml"])
        .arg(lgflow.get_program())
        .current_dir(workspace.path())
        .env("LGFLOW_STATE_DIR", workspace.state())
        .env("HOME", workspace.outside().join("home"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut front = shell.spawn().unwrap();
    wait_for_descendant(front.id(), |line| line.starts_with("sleep 600"));
    let held = |id: u32| -> Vec<String> {
        let links = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
        links.map(|link| fs::read_link(link.unwrap().path()).unwrap().display().to_string()).collect()
    };
    assert!(held(front.id()).iter().any(|path| path.ends_with("/secret")), "the shell did not hand it on");
    let children = children(front.id());
    assert_eq!(children.len(), 2, "interpreter and runner");
    for &child in &children {
        let held = held(child);
        assert!(!held.iter().any(|path| path.ends_with("/secret")), "{}: {held:?}", command_line(child));
    }
    front.kill().unwrap();
    front.wait().unwrap();
    all_gone(&children);
}
