//! Places that are not as usual: no home, no repository, folders that can't be written, disks that are full. Each command
//! says what is wrong and what to do, with the right exit code, and leaves nothing half done.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use program::{Ran, Workspace};

const REQUEST: [&str; 2] = ["run", "summarize repo"];

#[test]
fn without_a_home_what_needs_none_works_and_the_rest_names_the_variable() {
    let workspace = Workspace::git();
    let homeless = |arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        Ran::from(command.env_remove("HOME").env_remove("LGFLOW_STATE_DIR").output().unwrap())
    };
    for arguments in [&REQUEST[..], &["init"], &["trust"], &["doctor"], &["tool", "call", "list_files", "{}"]]
    {
        homeless(arguments).ended(2).says("set LGFLOW_STATE_DIR to an absolute path");
    }
    assert!(!workspace.path().join(".lg").exists(), "init left something behind");
    for arguments in
        [&["schema", "graph"][..], &["explain", "syntax"], &["tool", "list"], &["completions", "bash"]]
    {
        homeless(arguments).ended(0);
    }
    let mut relative = workspace.command(&REQUEST);
    Ran::from(relative.env("LGFLOW_STATE_DIR", "here").output().unwrap())
        .ended(2)
        .says("it must be an absolute path");
}

#[test]
fn outside_of_a_repository_in_an_empty_one_and_in_a_bare_one() {
    let bare = Workspace::new();
    let made = Command::new("git").args(["init", "-q", "--bare", "."]).current_dir(bare.path()).status();
    assert!(made.expect("git is needed for this test").success());
    for (name, workspace) in [("none", Workspace::new()), ("empty", Workspace::git()), ("bare", bare)] {
        let ran = workspace.lgflow(&["run", "summarize repo", "--trace"]).ended(0);
        assert!(ran.stdout.starts_with("# This repository"), "{name}: {}", ran.stdout);
        workspace.lgflow(&["validate"]).ended(2).says("run `lgflow init`");
        workspace.lgflow(&["init"]).ended(0);
        workspace.lgflow(&["validate"]).ended(0);
    }
}

#[test]
fn what_git_keeps_in_a_bare_repository_is_neither_read_nor_written() {
    let workspace = Workspace::new();
    let made = Command::new("git").args(["init", "-q", "--bare", "."]).current_dir(workspace.path()).status();
    assert!(made.expect("git is needed for this test").success());
    workspace.write("config.toml", "mine = 1\n");
    for path in ["config", "hooks/update.sample", "HEAD", "info/exclude"] {
        let input = format!("{{\"path\": \"{path}\"}}");
        workspace.lgflow(&["tool", "call", "read_file", &input]).ended(4).says("which is protected");
    }
    let ran = workspace.lgflow(&["tool", "call", "list_files", "{\"path\": \".\"}"]).ended(0);
    assert!(ran.stdout.contains("config.toml") && !ran.stdout.contains("hooks"), "{}", ran.stdout);
    for path in ["config", "hooks/post-checkout", "packed-refs"] {
        let changes =
            format!("{{\"changes\": [{{\"op\": \"put\", \"path\": \"{path}\", \"content\": \"x\"}}]}}");
        workspace.lgflow(&["tool", "call", "apply_patch", &changes]).ended(4).says("which is protected");
    }
}

/// What may be asked of another user: root passes every mode, so it becomes nobody; anybody else stays.
fn as_a_user(workspace: &Workspace, arguments: &[&str]) -> Ran {
    let program = workspace.outside().join("lgflow");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_lgflow"), &program).unwrap();
        fs::set_permissions(workspace.outside(), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = if is_root() {
        let mut command =
            workspace.program("setpriv", &["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(&program);
        command
    } else {
        workspace.program(&program, &[])
    };
    Ran::from(command.args(arguments).output().expect("this test needs `setpriv` where it runs as root"))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|facts| std::os::unix::fs::MetadataExt::uid(&facts) == 0)
}

fn give(path: PathBuf, mode: u32) {
    if is_root() {
        chown(&path, Some(65534), Some(65534)).unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_workspace_that_cannot_be_written() {
    let workspace = Workspace::git();
    workspace.write("a.rs", "fn main() {}\n");
    fs::create_dir(workspace.state()).unwrap();
    give(workspace.state(), 0o700);
    give(workspace.path(), 0o555);
    // it can be read, so what only reads works
    let ran = as_a_user(&workspace, &REQUEST).ended(0);
    assert!(ran.stdout.contains("| Rust | code | 1 |"), "{}", ran.stdout);
    as_a_user(&workspace, &["run", "summarize repo", "--trace"]).ended(1).says("`artifacts`");
    as_a_user(&workspace, &["init"]).ended(1).says(".lg");
    assert_eq!(fs::read_dir(workspace.path()).unwrap().count(), 2, "something was left behind");
    give(workspace.path(), 0o755);
}

/// A file that somebody else owns, and that takes what is added: where the machine lets the owner say so, nothing but that.
#[test]
fn an_anchor_stands_in_a_file_of_somebody_else() {
    let workspace = Workspace::git();
    workspace.write("a.rs", "fn main() {}\n");
    fs::create_dir(workspace.state()).unwrap();
    give(workspace.state(), 0o700);
    give(workspace.path(), 0o755);
    let file = workspace.outside().join("anchors.jsonl");
    fs::write(&file, "begun\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o646)).unwrap();
    let attribute = |change: &str| Command::new("chattr").arg(change).arg(&file).output();
    let only_added_to = is_root() && attribute("+a").is_ok_and(|done| done.status.success());
    let ran = as_a_user(&workspace, &[&REQUEST[..], &["--format", "json"]].concat()).ended(0).json();
    let (run, place) = (ran["run"].as_str().unwrap(), format!("file:{}", file.display()));
    let said = as_a_user(&workspace, &["trace", "anchor", run, "--to", &place]).ended(0);
    // nobody but root makes a file of somebody else
    assert_eq!((said.stdout + &said.stderr).contains("your own file"), !is_root());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("begun\n{") && text.lines().count() == 2, "{text}");
    let verified = as_a_user(&workspace, &["trace", "verify", run, "--anchor", &place]).ended(0);
    assert!((verified.stdout + &verified.stderr).contains("complete up to anchor"));
    if only_added_to {
        // what has been added stays, whoever holds the state
        fs::write(&file, "").unwrap_err();
        attribute("-a").unwrap();
    }
    // one that may not be added to
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    as_a_user(&workspace, &["trace", "anchor", run, "--to", &place]).ended(1).says("anchors.jsonl");
}

#[test]
fn a_state_folder_that_cannot_be_written_or_is_not_ours() {
    let workspace = Workspace::git();
    give(workspace.path(), 0o755);
    fs::create_dir(workspace.state()).unwrap();
    give(workspace.state(), 0o500);
    as_a_user(&workspace, &REQUEST).ended(1).says("cannot create `");
    // trust can't be recorded, so nothing stays that would be refused by the next command
    as_a_user(&workspace, &["init"]).ended(1);
    assert!(!workspace.path().join(".lg").exists(), "init left something behind");
    give(workspace.state(), 0o777);
    as_a_user(&workspace, &REQUEST).ended(1).says("written by others");
}

/// Runs a script beside small file systems of its own; they go with it.
fn on_small_disks(workspace: &Workspace, script: &str) -> Ran {
    let own = if is_root() { "-m" } else { "-rm" };
    let mut command = workspace.program("unshare", &[own, "sh", "-c", script]);
    command.env("LGFLOW", env!("CARGO_BIN_EXE_lgflow"));
    let ran = Ran::from(command.output().expect("this test needs `unshare` in the PATH"));
    assert!(ran.stdout.contains("small disk"), "no small file system could be mounted:\n{}", ran.stderr);
    ran
}

#[test]
fn a_full_disk_under_the_state_folder() {
    // from no room at all to room for the beginning of a run
    for left in [0, 8, 24] {
        let workspace = Workspace::git();
        fs::create_dir(workspace.state()).unwrap();
        for n in 0..50 {
            workspace.write(&format!("src/a{n}.rs"), "fn main() {}\n#[test]\nfn t() {}\n");
        }
        let script = format!(
            "mount -t tmpfs -o size=256k,mode=0700 tmpfs \"$LGFLOW_STATE_DIR\" && echo small disk
             head -c $((256 - {left}))k /dev/zero > \"$LGFLOW_STATE_DIR/fill\" 2>/dev/null
             exec \"$LGFLOW\" run 'summarize repo'"
        );
        let ran = on_small_disks(&workspace, &script).ended(1).says("No space left on device");
        assert!(!ran.stderr.contains("succeeded:"), "{left}: {}", ran.stderr);
        // nothing is wrong with the walls
        assert!(!ran.stderr.contains("walls"), "{left}: {}", ran.stderr);
    }
}

#[test]
fn a_full_disk_under_the_workspace() {
    let workspace = Workspace::new();
    let script = "
        mount -t tmpfs -o size=64k tmpfs . && cd \"$PWD\" && echo small disk
        head -c 64k /dev/zero > fill 2>/dev/null
        \"$LGFLOW\" init; echo init $?
        \"$LGFLOW\" run 'summarize repo' --trace > /dev/null; echo run $?
        \"$LGFLOW\" run 'summarize repo' > /dev/null 2>&1; echo read $?
        ls -A; find . -type f -size 0";
    let ran = on_small_disks(&workspace, script).says("No space left on device");
    assert!(
        ran.stdout.contains("init 1\n") && ran.stdout.contains("run 1\n"),
        "{}\n{}",
        ran.stdout,
        ran.stderr
    );
    // what writes nothing into the workspace works
    assert!(ran.stdout.contains("read 0\n"), "{}\n{}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains(".lg"), "init left something behind: {}", ran.stdout);
}

#[test]
fn a_store_whose_disk_is_full_or_can_only_be_read_loses_nothing() {
    let workspace = Workspace::git();
    fs::create_dir(workspace.state()).unwrap();
    let script = "
        mount -t tmpfs -o size=4m,mode=0700 tmpfs \"$LGFLOW_STATE_DIR\" && echo small disk
        try() { \"$LGFLOW\" run 'summarize repo' > /dev/null; echo \"$1 $?\"; }
        try first
        head -c 8m /dev/zero > \"$LGFLOW_STATE_DIR/fill\" 2> /dev/null
        try full
        rm \"$LGFLOW_STATE_DIR/fill\"
        mount -o remount,ro \"$LGFLOW_STATE_DIR\"
        try locked
        \"$LGFLOW\" runs list > /dev/null; echo list $?
        mount -o remount,rw \"$LGFLOW_STATE_DIR\"
        try again
        \"$LGFLOW\" trace verify --all --allow incomplete; echo verify $?
        \"$LGFLOW\" runs list";
    let ran =
        on_small_disks(&workspace, script).says("No space left on device").says("Read-only file system");
    for said in ["first 0\n", "full 1\n", "locked 1\n", "list 0\n", "again 0\n", "verify 0\n"] {
        assert!(ran.stdout.contains(said), "{said}{}\n{}", ran.stdout, ran.stderr);
    }
    assert_eq!(ran.stdout.matches("  succeeded  ").count(), 2, "{}\n{}", ran.stdout, ran.stderr);
}

/// Each turn adds a file: one that was added already would fail.
const ADDS: &str = "\
schema: lgflow.graph/v1
name: adds
nodes:
  turn: { uses: apply_patch, with: { changes: [{ op: add, path: 'out/{{ loops.turn.iteration }}.txt', content: x }] } }
edges:
  - { from: turn, to: turn, when: loops.turn.iteration < 150, loop: { max: 150 } }
";
const MAY_ADD: &str = "\
schema: lgflow.policy/v1
name: adds
tools: { apply_patch: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['out/**'] } }
";

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_run_interrupts_it_and_with_room_it_goes_on() {
    let workspace = Workspace::git();
    fs::create_dir(workspace.state()).unwrap();
    workspace.write("graph.yaml", ADDS).write("policy.yaml", MAY_ADD);
    let script = "
        mount -t tmpfs -o size=1m,mode=0700 tmpfs \"$LGFLOW_STATE_DIR\" && echo small disk
        \"$LGFLOW\" run -g graph.yaml --policy policy.yaml --format json > begun.json; echo begun $?
        run=$(sed -n 's/.*\"run\": *\"\\([0-9a-z]*\\)\".*/\\1/p' begun.json); status=$(sed -n 's/^  \"status\": *\"\\([a-z]*\\)\".*/\\1/p' begun.json)
        echo stopped $status; ls out | wc -l
        mount -o remount,size=64m \"$LGFLOW_STATE_DIR\"
        \"$LGFLOW\" trace verify $run --allow incomplete > /dev/null; echo whole $?
        \"$LGFLOW\" runs resume $run > /dev/null; echo resumed $?
        echo there $(ls out | wc -l)
        \"$LGFLOW\" trace verify $run > /dev/null; echo verified $?
        \"$LGFLOW\" replay $run > /dev/null; echo replayed $?";
    let ran = on_small_disks(&workspace, script).says("No space left on device");
    let said = format!("{}\n{}", ran.stdout, ran.stderr);
    for line in
        ["begun 1", "stopped interrupted", "whole 0", "resumed 0", "there 150", "verified 0", "replayed 0"]
    {
        assert!(ran.stdout.lines().any(|said| said == line), "{line}:\n{said}");
    }
    // it was in the middle
    let before = ran.stdout.lines().find_map(|line| line.trim().parse::<u32>().ok()).unwrap();
    assert!((1..150).contains(&before), "{said}");
}

#[test]
fn a_store_that_its_user_may_only_read() {
    let workspace = Workspace::git();
    give(workspace.path(), 0o755);
    fs::create_dir(workspace.state()).unwrap();
    give(workspace.state(), 0o700);
    as_a_user(&workspace, &REQUEST).ended(0);
    let folder = fs::read_dir(workspace.state()).unwrap().map(|entry| entry.unwrap().path());
    let folder = folder.into_iter().find(|path| path.join("runs.db").exists()).unwrap();
    let before = fs::read(folder.join("runs.db")).unwrap();
    give(folder.join("runs.db"), 0o400);
    give(folder.clone(), 0o500);
    let shown = format!("`{}` can only be read", folder.display());
    as_a_user(&workspace, &REQUEST).ended(1).says(&shown);
    // and it can be
    let listed = as_a_user(&workspace, &["runs", "list", "--format", "json"]).ended(0).json();
    let run = listed["runs"][0]["run"].as_str().unwrap();
    for command in [
        &["runs", "show", run][..],
        &["trace", "verify", run],
        &["trace", "verify", "--all"],
        &["replay", run],
    ] {
        as_a_user(&workspace, command).ended(0);
    }
    assert_eq!(fs::read(folder.join("runs.db")).unwrap(), before);
    // a file beside it that stands in the way
    give(folder.clone(), 0o700);
    give(folder.join("runs.db"), 0o600);
    fs::write(folder.join("runs.db-shm"), "").unwrap();
    give(folder.join("runs.db-shm"), 0o400);
    as_a_user(&workspace, &REQUEST).ended(1).says("runs.db-shm` can only be read");
    as_a_user(&workspace, &["runs", "show", run]).ended(0);
    give(folder.join("runs.db"), 0o600);
    give(folder, 0o700);
    let listed = as_a_user(&workspace, &["runs", "list"]).ended(0).stdout;
    assert_eq!(listed.matches("succeeded").count(), 1, "{listed}");
    as_a_user(&workspace, &REQUEST).ended(0);
}

#[test]
fn a_run_that_cannot_be_sealed_has_begun_and_says_which_it_is() {
    let workspace = Workspace::git();
    workspace.forges();
    give(workspace.path(), 0o755);
    fs::create_dir(workspace.state()).unwrap();
    give(workspace.state(), 0o700);
    as_a_user(&workspace, &REQUEST).ended(0);
    let folder = fs::read_dir(workspace.state().join("ledger")).unwrap().next().unwrap().unwrap().path();
    give(folder.join("heads"), 0o500);
    let ran = as_a_user(&workspace, &[&REQUEST[..], &["--format", "json"]].concat()).ended(1);
    let document = ran.json();
    assert_eq!((&document["status"], &document["exit_code"]), (&"interrupted".into(), &1.into()));
    let run = document["run"].as_str().unwrap().to_owned();
    assert!(!ran.stderr.contains("did not begin"), "{}", ran.stderr);
    ran.says("the trace was recorded and could not be sealed").says(&run);
    give(folder.join("heads"), 0o700);
    let listed = as_a_user(&workspace, &["runs", "list"]).ended(0).stdout;
    assert!(listed.contains(&run), "{listed}");
    as_a_user(&workspace, &["trace", "verify", &run]).ended(0);
}

const ASKS_FIRST: &str = "\
schema: lgflow.graph/v1
name: asks
nodes:
  sure: { uses: approval, with: { show: 'really?' } }
";

/// The program with its state in a folder of the workspace.
fn with_state_in(workspace: &Workspace, folder: &str, home: &str, arguments: &[&str]) -> Ran {
    let mut command = workspace.command(arguments);
    let (state, home) = (workspace.path().join(folder), workspace.outside().join(home));
    Ran::from(command.env("LGFLOW_STATE_DIR", state).env("HOME", home).output().unwrap())
}

#[test]
fn state_that_came_with_a_repository_is_not_used() {
    let workspace = Workspace::git();
    workspace.forges().write("asks.yaml", ASKS_FIRST);
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(workspace.path()).output();
        let output = output.expect("git is needed for this test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    fs::create_dir(workspace.outside().join("victim")).unwrap();
    let own = |arguments: &[&str]| with_state_in(&workspace, ".state", "home", arguments);
    let victims = |arguments: &[&str]| with_state_in(&workspace, ".state", "victim", arguments);
    // who made the folder goes on using it, and git leaves it out
    own(&["init"]).ended(0);
    let run = own(&["run", "-g", "asks.yaml", "--format", "json"]).ended(5).json()["run"].clone();
    let run = run.as_str().unwrap();
    own(&["runs", "list"]).ended(0);
    git(&["add", "."]);
    assert!(!git(&["ls-files"]).contains(".state"), "nothing of it is committed by accident");
    // the same folder, brought to somebody else: modes and keys are as they should be, and the mark is another's
    for arguments in [
        &["run", "summarize repo"][..],
        &["runs", "list"],
        &["runs", "show", run],
        &["approve", run, "sure"],
        &["runs", "resume", run],
        &["trust", "--show"],
        &["trace", "verify", run],
        &["worker", "--until-empty"],
    ] {
        let refused = victims(arguments);
        assert_ne!(refused.code, Some(0), "{arguments:?}");
        refused.says("it may have come with the repository, so nothing in it is believed");
    }
    // one that has no mark at all, and one for a workspace within the repository that brought it
    fs::remove_file(workspace.path().join(".state/installation")).unwrap();
    own(&["runs", "list"]).says("it may have come with the repository");
    fs::create_dir_all(workspace.path().join("within/.lg")).unwrap();
    let mut within = workspace.command(&["runs", "list"]);
    within.current_dir(workspace.path().join("within"));
    within.env("LGFLOW_STATE_DIR", workspace.path().join(".state"));
    Ran::from(within.output().unwrap()).says("it may have come with the repository");
    // a folder of the user's own that a later commit brings something into
    with_state_in(&workspace, "mine", "home", &["run", "summarize repo"]).ended(0);
    git(&["add", "-f", "mine/.gitignore"]);
    with_state_in(&workspace, "mine", "home", &["runs", "list"]).says("git tracks `mine/.gitignore`");
    git(&["rm", "-q", "--cached", "mine/.gitignore"]);
    with_state_in(&workspace, "mine", "home", &["runs", "list"]).ended(0);
    // without a folder outside, the mark is when the folder was made: a copy was made later
    let without_home = |state: &str| {
        let mut command = workspace.command(&["run", "summarize repo"]);
        command.env_remove("HOME").env("XDG_CONFIG_HOME", workspace.outside().join("home"));
        Ran::from(command.env("LGFLOW_STATE_DIR", workspace.path().join(state)).output().unwrap())
    };
    without_home("third").ended(0);
    without_home("third").ended(0);
    copied(&workspace.path().join("third"), &workspace.path().join("fourth"));
    without_home("fourth").ended(2).says("it may have come with the repository");
}

/// A folder with all that is in it and the modes of it.
fn copied(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// Trusts what asks, as the repository that brings the record wants it to have been.
fn shipped_state(workspace: &Workspace, home: &Path, state: Option<&Path>) {
    let mut command = workspace.command(&["trust"]);
    command.env_remove("LGFLOW_STATE_DIR").env("HOME", home);
    Ran::from(command.envs(state.map(|state| ("LGFLOW_STATE_DIR", state))).output().unwrap()).ended(0);
}

const GRANTS_MUCH: &str = "\
schema: lgflow.policy/v1
name: much
tools: { exec: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
commands:
  - { name: touch, program: touch, args: [[done.txt]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
";
const WRITES: &str = "\
schema: lgflow.graph/v1
name: writes
policy: [policy.yaml]
nodes:
  put: { uses: exec, with: { argv: [touch, done.txt] } }
";

#[test]
fn a_home_in_the_workspace_brings_nobodys_trust_and_nobodys_settings() {
    for (home, state) in [(".home", None), ("", None), (".home", Some(".state"))] {
        let workspace = Workspace::git();
        let _ = workspace.forges().write(".lg/graph.yaml", WRITES).write(".lg/policy.yaml", GRANTS_MUCH);
        let root = workspace.path();
        let (own, within) = (workspace.outside().join("home"), root.join(home));
        // what was trusted where this is the user's own place, and then lies in the repository as if it had come with it
        shipped_state(&workspace, &own, None);
        let brought = state.map_or_else(|| within.join(".local/state/lgflow"), |state| root.join(state));
        fs::create_dir_all(brought.parent().unwrap()).unwrap();
        copied(&own.join(".local/state/lgflow"), &brought);
        workspace.lgflow(&["run"]).ended(4).says("nobody has trusted it");
        let run = |arguments: &[&str]| {
            let mut command = workspace.command(arguments);
            command.env_remove("LGFLOW_STATE_DIR").env("HOME", &within);
            command.envs(state.map(|state| ("LGFLOW_STATE_DIR", root.join(state))));
            Ran::from(command.output().unwrap())
        };
        let refused = |arguments: &[&str]| {
            let ran = run(arguments);
            assert_ne!(ran.code, Some(0), "{arguments:?}");
            ran
        };
        for tracked in [false, true] {
            if tracked {
                let added = Command::new("git").args(["add", "-f", "."]).current_dir(&root).status().unwrap();
                assert!(added.success());
            }
            refused(&["run"]).says("it may have come with the repository");
            refused(&["runs", "list"]).says("it may have come with the repository");
            assert!(!root.join("done.txt").exists(), "{home} {state:?}");
        }
        // what lgflow itself makes there is used, as long as git has nothing to do with it
        fs::remove_file(root.join(".git/index")).unwrap();
        fs::remove_dir_all(&brought).unwrap();
        run(&["run"]).ended(4).says("nobody has trusted it");
        run(&["trust"]).ended(0);
        run(&["run"]).ended(0);
        assert!(root.join("done.txt").exists());
        let below = brought.strip_prefix(&root).unwrap();
        let added = Command::new("git").args(["add", "-f"]).arg(below).current_dir(&root).status().unwrap();
        assert!(added.success());
        refused(&["run"]).says("git tracks");
        for one in [&["run"][..], &["runs", "list"], &["runs", "gc", "--keep", "0"], &["trust", "--show"]] {
            refused(one).ended(2);
        }
        // and what a repository sets is nobody's setting
        fs::remove_file(root.join(".git/index")).unwrap();
        fs::remove_dir_all(&brought).unwrap();
        let config = Path::new(home).join(".config/lgflow/config.toml");
        workspace.write(config.to_str().unwrap(), "durability = 'none'\n");
        refused(&["config", "durability"]).says("what comes with a repository sets nothing for you");
    }
}

#[test]
fn settings_that_came_with_a_repository_are_not_believed() {
    let workspace = Workspace::git();
    workspace.write("xdg/lgflow/config.toml", "durability = 'none'\n").write("a.txt", "a");
    let with = |config: &str, arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        Ran::from(command.env("XDG_CONFIG_HOME", workspace.path().join(config)).output().unwrap())
    };
    for arguments in
        [&REQUEST[..], &["config"], &["runs", "list"], &["plan", "summarize repo"], &["trust", "--show"]]
    {
        let refused = with("xdg", arguments);
        assert_ne!(refused.code, Some(0), "{arguments:?}");
        refused.says("what comes with a repository sets nothing for you");
    }
    // in a repository around the workspace as well
    let mut within = workspace.command(&["config"]);
    fs::create_dir_all(workspace.path().join("within/.lg")).unwrap();
    within.current_dir(workspace.path().join("within")).env("XDG_CONFIG_HOME", workspace.path().join("xdg"));
    Ran::from(within.output().unwrap()).says("sets nothing for you");
    // where there is nothing, nothing is believed; and nothing comes there
    with("none", &REQUEST).ended(0);
    let pack = ["pack", "add", "acme/checks", "--from", "/nowhere", "--user"];
    with("none", &pack).ended(1).says("sets nothing for you");
    assert!(!workspace.path().join("none").exists());
    let put = |path: &str| {
        format!("{{\"changes\": [{{\"op\": \"put\", \"path\": \"{path}\", \"content\": \"x\"}}]}}")
    };
    let change = put("none/lgflow/config.toml");
    with("none", &["tool", "call", "apply_patch", &change]).ended(4).says("which is protected");
    // the usual place in the home folder is the user's, where the home folder is: a link there leads to what is the user's
    workspace.write(".config/lgflow/config.toml", "durability = 'sync'\n");
    let mut home = workspace.command(&["config", "durability"]);
    Ran::from(home.env("HOME", workspace.path()).output().unwrap()).says("sets nothing for you");
    let usual = workspace.outside().join("home/.config");
    fs::create_dir(&usual).unwrap();
    std::os::unix::fs::symlink(workspace.path().join("xdg/lgflow"), usual.join("lgflow")).unwrap();
    assert!(workspace.lgflow(&["config", "durability"]).ended(0).stdout.contains("none"));
    for path in ["xdg/lgflow/config.toml", "xdg/lgflow/policy.yaml"] {
        let change = put(path);
        workspace.lgflow(&["tool", "call", "apply_patch", &change]).ended(4).says("which is protected");
    }
    workspace.lgflow(&["tool", "call", "read_file", "{\"path\": \"a.txt\"}"]).ended(0);
}
