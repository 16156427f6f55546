//! `lgflow dev` and `--watch`: what is written is checked at once, however it is written, and a burst of changes is one.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use program::tmux::Terminal;
use program::{Workspace, holding};
use serde_json::Value;

/// Only ends a broken test.
const LONG: Duration = Duration::from_mins(2);
/// Longer than any burst is waited for: what has not been told by then is not told.
const SILENCE: Duration = Duration::from_secs(4);

fn graph(prompt: &str) -> String {
    format!(
        "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\nprompts:\n  say: {{ file: prompts/say.md }}\nnodes:\n  \
         one: {{ uses: render, with: {{ prompt: say }} }}\n{prompt}outputs: {{ text: '{{{{ nodes.one.output.text }}}}' }}\n"
    )
}

const POLICY: &str = "schema: lgflow.policy/v1\nname: p\ntools: { read_file: allow }\n";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write(".lg/graph.yaml", graph("")).write(".lg/policy.yaml", POLICY);
    workspace.write(".lg/prompts/say.md", "hello");
    workspace
}

/// The program with its lines as they come.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(workspace: &Workspace, arguments: &[&str]) -> Self {
        // both streams in one pipe, so that lines come in the order in which they were written
        let mut all = vec!["-c", "exec \"$@\" 2>&1", "sh", env!("CARGO_BIN_EXE_lgflow")];
        all.extend(arguments);
        let mut child = workspace.program("sh", &all).stdout(Stdio::piped()).spawn().unwrap();
        let stream = child.stdout.take().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { child, lines }
    }

    #[track_caller]
    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(LONG).expect("nothing is told");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next line that holds `words`.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => before.push(line),
                Err(error) => panic!("{error}: `{words}` is not said after:\n{}", before.join("\n")),
            }
        }
    }

    #[track_caller]
    fn is_silent(&self) {
        assert_eq!(self.until_silent(), [] as [Value; 0]);
    }

    /// Everything that is told until nothing more is.
    fn until_silent(&self) -> Vec<Value> {
        let mut told = Vec::new();
        loop {
            match self.lines.recv_timeout(SILENCE) {
                Ok(line) => told.push(serde_json::from_str(&line).unwrap()),
                Err(RecvTimeoutError::Timeout) => return told,
                Err(RecvTimeoutError::Disconnected) => panic!("it has ended"),
            }
        }
    }

    /// Memory in KiB, and descriptors while it waits for a change: between two waits there may be more.
    fn facts(&self) -> (u64, usize) {
        let id = self.child.id();
        let count = |_| {
            std::thread::sleep(Duration::from_millis(20));
            fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
        };
        let descriptors = (0..50).map(count).min().unwrap();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib = rss.trim().split(' ').next().unwrap().parse().unwrap();
        (kib, descriptors)
    }

    /// The exit code that a shell sees: what is interrupted before it waits dies of the signal.
    fn interrupt(mut self) -> Option<i32> {
        program::processes::signal(self.child.id(), "INT");
        let status = self.child.wait().unwrap();
        status.code().or_else(|| status.signal().map(|signal| 128 + signal))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As many editors save: a new file in the place of the old one.
fn by_renaming(workspace: &Workspace, path: &str, text: &str) {
    workspace.write(".lg/new~", text);
    fs::rename(workspace.path().join(".lg/new~"), workspace.path().join(path)).unwrap();
}

fn git(workspace: &Workspace, arguments: &[&str]) {
    let status = Command::new("git")
        .current_dir(workspace.path())
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("this test needs `git`").success(), "{arguments:?}");
}

fn codes(look: &Value) -> Vec<&str> {
    look["diagnostics"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn each_way_of_writing_is_seen_and_what_is_broken_is_said_until_it_is_mended() {
    let workspace = workspace();
    git(&workspace, &["add", "-A", "-f"]);
    git(&workspace, &["commit", "-qm", "one"]);
    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    let first = watching.next();
    assert_eq!((&first["schema"], &first["sound"]), (&"lgflow.reload/v1".into(), &true.into()), "{first:#}");
    assert_eq!(first["graphs"].as_array().unwrap().len(), 1);
    let digest = &first["graphs"][0]["digest"];

    // in place
    workspace
        .write(".lg/graph.yaml", graph("  two: { uses: values, with: { a: 1 } }\nedges: [one -> two]\n"));
    let look = watching.next();
    assert_ne!(look["graphs"][0]["digest"], *digest);
    let changes = look["changed"][0]["changes"].to_string();
    assert!(
        changes.contains("node `two` is new") && changes.contains("edge `one -> two` is new"),
        "{changes}"
    );

    // broken, and mended by renaming
    workspace.write(".lg/graph.yaml", graph("edges: [one -> none]\n"));
    let look = watching.next();
    assert_eq!((&look["sound"], codes(&look)), (&false.into(), vec!["unknown-node"]));
    by_renaming(&workspace, ".lg/graph.yaml", &graph(""));
    let look = watching.next();
    assert_eq!((&look["sound"], &look["graphs"][0]["digest"]), (&true.into(), digest));

    // what the graph names
    workspace.write(".lg/prompts/say.md", "{{ who }}");
    assert_eq!(watching.next()["sound"], false);
    workspace.write(".lg/prompts/say.md", "hello");
    assert_eq!(watching.next()["sound"], true);
    workspace.write(".lg/policy.yaml", POLICY.replace("read_file", "read_fil"));
    assert_eq!(watching.next()["sound"], false);

    // all at once, by a checkout
    git(&workspace, &["checkout", "-q", "-f", "."]);
    let look = watching.next();
    assert_eq!((&look["sound"], &look["graphs"][0]["digest"]), (&true.into(), digest));

    // the whole folder goes, and comes back
    let (own, aside) = (workspace.path().join(".lg"), workspace.path().join("aside"));
    fs::rename(&own, &aside).unwrap();
    let look = watching.next();
    assert!(look["problem"].as_str().unwrap().contains("there is no folder `.lg` here"), "{look:#}");
    fs::rename(&aside, &own).unwrap();
    assert_eq!(watching.next()["sound"], true);
    workspace.write(".lg/graph.yaml", "schema: [");
    assert_eq!(watching.next()["sound"], false);
    assert_eq!(watching.interrupt(), Some(130));
}

#[test]
fn each_word_of_a_loop_that_changes_is_told() {
    let workspace = workspace();
    let turned = |clause: &str| {
        graph(&format!(
            "  two: {{ uses: read_file, with: {{ path: a.txt }} }}\nedges:\n  - one -> two\n  - {{ from: two, to: one, when: \"output.content == 'x'\", loop: {{ {clause} }} }}\n"
        ))
    };
    workspace.write(".lg/graph.yaml", turned("max: 3"));
    workspace.write(".lg/policy.yaml", format!("{POLICY}paths: {{ read: {{ allow: [a.txt] }} }}\n"));
    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    assert_eq!(watching.next()["sound"], true);
    let steps = [
        ("max: 4", "loop `one`: `max` was `3`, and is `4`"),
        ("max: 4, delay: 1s", "loop `one`: `delay_ms` was `0`, and is `1000`"),
        ("max: 4, delay: 1s, exhausted: leave", "loop `one`: `leave` was `[]`, and is `[\"two\"]`"),
    ];
    for (clause, said) in steps {
        workspace.write(".lg/graph.yaml", turned(clause));
        let look = watching.next();
        assert_eq!(look["changed"][0]["changes"], serde_json::json!([said]), "{look:#}");
    }
}

#[test]
fn what_refuses_every_run_is_not_called_sound() {
    let workspace = workspace();
    std::os::unix::fs::symlink("graph.yaml", workspace.path().join(".lg/x.yaml")).unwrap();
    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    let look = watching.next();
    assert_eq!((&look["sound"], codes(&look)), (&Value::from(false), vec!["unreadable-file"]), "{look}");
    assert_eq!(watching.interrupt(), Some(130));
}

#[test]
fn a_burst_is_one_change_and_a_change_that_changes_nothing_is_none() {
    let workspace = workspace();
    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    watching.next();
    let mut once = 0;
    for burst in 0..3 {
        for turn in 0..200 {
            workspace.write(".lg/prompts/say.md", format!("hello {burst} {turn}"));
        }
        // a machine that stands still for a moment may make two of one
        let told = watching.until_silent();
        assert!((1..=3).contains(&told.len()), "{} looks", told.len());
        once += usize::from(told.len() == 1);
        let last = told.last().unwrap();
        // the last state is the one that was told
        workspace.write(".lg/prompts/say.md", format!("hello {burst} 199"));
        watching.is_silent();
        workspace.write(".lg/prompts/say.md", "hello");
        assert_ne!(watching.next()["graphs"][0]["digest"], last["graphs"][0]["digest"]);
        workspace.write(".lg/prompts/say.md", format!("hello {burst} 199"));
        assert_eq!(watching.next()["graphs"][0]["digest"], last["graphs"][0]["digest"]);
    }
    assert!(once >= 2, "{once} of 3 bursts are told once");
}

#[test]
fn two_hundred_changes_within_a_second_are_told_by_their_end() {
    let workspace = workspace();
    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    watching.next();
    for turn in 0..200 {
        workspace.write(".lg/prompts/say.md", format!("hello {turn}"));
        std::thread::sleep(Duration::from_millis(4));
    }
    // on a busy machine this may have gaps; what counts is that the end is told, and not each of its steps
    let told = watching.until_silent();
    assert!((1..=20).contains(&told.len()), "{} looks", told.len());
    let last = told.last().unwrap();
    workspace.write(".lg/prompts/say.md", "hello");
    assert_ne!(watching.next()["graphs"][0]["digest"], last["graphs"][0]["digest"]);
    workspace.write(".lg/prompts/say.md", "hello 199");
    assert_eq!(watching.next()["graphs"][0]["digest"], last["graphs"][0]["digest"]);
}

#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    let workspace = workspace();
    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    watching.next();
    let mut after_some = None;
    for turn in 0..1000 {
        by_renaming(&workspace, ".lg/prompts/say.md", &format!("hello {turn}"));
        assert_eq!(watching.next()["sound"], true);
        if turn == 100 {
            after_some = Some(watching.facts());
        }
    }
    let (memory, descriptors) = watching.facts();
    let (memory_before, descriptors_before) = after_some.unwrap();
    assert_eq!(descriptors, descriptors_before);
    assert!(memory < memory_before + 4 * 1024, "{memory_before} KiB became {memory} KiB");
}

#[test]
fn a_person_is_told_what_stays_and_that_a_policy_waits_for_trust() {
    let workspace = workspace();
    workspace.lgflow(&["trust"]).ended(0);
    let watching = Watching::start(&workspace, &["dev"]);
    watching.says("sound: 1 graph");
    workspace.write(".lg/graph.yaml", graph("edges: [one -> none]\n"));
    watching.says("broken: 1 error");
    watching.says("graph.yaml stays as it was at ");
    watching.says("unknown-node");
    workspace.write(".lg/graph.yaml", graph(""));
    watching.says("sound: 1 graph");
    workspace.write(".lg/policy.yaml", POLICY.replace("read_file", "exec: allow, read_file"));
    watching.says("its policy binds no run yet");
}

#[test]
fn a_policy_that_changes_is_named_also_where_it_binds_nothing_before_and_after() {
    let workspace = workspace();
    let watching = Watching::start(&workspace, &["dev"]);
    watching.says("sound: 1 graph");
    watching.says("its policy binds no run yet");
    workspace.write(".lg/policy.yaml", POLICY.replace("read_file", "exec: allow, read_file"));
    watching.says("sound: 1 graph");
    watching.says("policy.yaml: its text is another; `lgflow policy diff` tells what that changes");
    watching.says("its policy binds no run yet");
}

#[test]
fn a_graph_that_is_emptied_stays_and_one_that_is_removed_is_named() {
    let workspace = workspace();
    let more = "schema: lgflow.graph/v1\nname: more\nnodes:\n  a: { uses: values }\n";
    workspace.write(".lg/flows/more.yaml", more);
    let watching = Watching::start(&workspace, &["dev"]);
    watching.says("sound: 2 graphs");
    workspace.write(".lg/flows/more.yaml", "");
    watching.says("sound: 1 graph, 1 warning");
    watching.says("more.yaml holds no graph any more, and stays as it was at ");
    watching.says("stray-file");
    workspace.write(".lg/flows/more.yaml", more.replace("  a:", "  b:"));
    watching.says("node `b` is new");
    workspace.write(".lg/flows/more.yaml", more.replace("  a:", "  b:").replace("name: more", "name: less"));
    watching.says("more.yaml: name: was `more`, and is `less`");
    fs::remove_file(workspace.path().join(".lg/flows/more.yaml")).unwrap();
    watching.says("more.yaml is gone");
}

#[test]
fn what_came_and_what_went_is_named() {
    let workspace = workspace();
    let more = "schema: lgflow.graph/v1\nname: more\nnodes:\n  a: { uses: values }\n";
    let path = workspace.path().join(".lg/more.yaml");
    let watching = Watching::start(&workspace, &["dev"]);
    let line = || watching.lines.recv_timeout(LONG).unwrap();
    watching.says("sound: 1 graph");
    workspace.write(".lg/more.yaml", more);
    watching.says("sound: 2 graphs");
    assert!(line().ends_with(".lg/more.yaml is new"));
    // emptied, and then removed
    workspace.write(".lg/more.yaml", "");
    watching.says("more.yaml holds no graph any more, and stays as it was at ");
    fs::remove_file(&path).unwrap();
    watching.says("sound: 1 graph (");
    assert!(line().ends_with(".lg/more.yaml is gone"));
    // one that is broken is new as well, and one that goes while another is broken does not stay
    workspace.write(".lg/more.yaml", more.replace("values", "valuess"));
    watching.says("broken: 1 error");
    assert!(line().ends_with(".lg/more.yaml is new"));
    workspace.write(".lg/more.yaml", more).write(".lg/bad.yaml", more.replace("values", "valuess"));
    watching.says("broken: 1 error");
    assert!(line().ends_with(".lg/bad.yaml is new"));
    fs::remove_file(&path).unwrap();
    watching.says("broken: 1 error");
    assert!(line().ends_with(".lg/more.yaml is gone"));
    // of one that holds something else now
    workspace.write(".lg/bad.yaml", more);
    watching.says("sound: 2 graphs");
    workspace.write(".lg/bad.yaml", "schema: lgflow.policy/v1\nname: p\ntools: { exec: deny }\n");
    watching.says("sound: 1 graph");
    assert!(line().ends_with(".lg/bad.yaml holds no graph any more"));
    drop(watching);

    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    let look = watching.next();
    assert_eq!((&look["new"], &look["gone"]), (&serde_json::json!([]), &serde_json::json!([])), "{look:#}");
    fs::rename(workspace.path().join(".lg/bad.yaml"), workspace.path().join(".lg/other.yaml")).unwrap();
    let look = watching.next();
    let names = |key: &str| {
        look[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(
        names("new")[0].ends_with(".lg/other.yaml") && names("gone")[0].ends_with(".lg/bad.yaml"),
        "{look:#}"
    );
}

#[test]
fn what_is_sound_beside_something_broken_is_told_and_no_policy_waits_where_there_is_none() {
    let workspace = Workspace::git();
    let text = |name: &str, more: &str| {
        format!(
            "schema: lgflow.graph/v1\nname: {name}\nnodes:\n  one: {{ uses: values, with: {{ a: 1 }} }}\n{more}"
        )
    };
    workspace.write(".lg/a.yaml", text("a", "")).write(".lg/b.yaml", text("b", ""));
    let watching = Watching::start(&workspace, &["dev", "--format", "json"]);
    let look = watching.next();
    assert_eq!((&look["sound"], &look["untrusted"]), (&Value::from(true), &Value::Null), "{look:#}");
    drop(watching);

    let watching = Watching::start(&workspace, &["dev"]);
    watching.says("sound: 2 graphs");
    workspace.write(".lg/a.yaml", text("a", "edges: [one -> none]\n"));
    watching.says("broken: 1 error");
    watching.says("a.yaml stays as it was at ");
    workspace
        .write(".lg/b.yaml", text("b", "  two: { uses: values, with: { a: 1 } }\nedges: [one -> two]\n"));
    watching.says("broken: 1 error");
    let first = watching.lines.recv_timeout(LONG).unwrap();
    assert!(first.contains("a.yaml stays as it was at "), "{first}");
    let second = watching.lines.recv_timeout(LONG).unwrap();
    assert!(second.contains("b.yaml: ") && second.contains("is new"), "{second}");
}

#[test]
fn a_run_is_made_again_but_not_under_a_policy_that_grew() {
    let workspace = workspace();
    workspace.write("flow/graph.yaml", graph("")).write("flow/policy.yaml", POLICY);
    workspace.write("flow/prompts/say.md", "hello");
    let watching = Watching::start(&workspace, &["run", "-g", "flow/graph.yaml", "--watch"]);
    watching.says("hello");
    watching.says("waiting for a change");
    workspace.write("flow/prompts/say.md", "good bye");
    watching.says("good bye");
    watching.says("waiting for a change");
    workspace.write("flow/graph.yaml", "schema: [");
    watching.says("not done again: ");
    watching.says("is no graph and no policy");
    watching.says("waiting for a change");
    workspace.write("flow/graph.yaml", graph(""));
    watching.says("good bye");
    watching.says("waiting for a change");
    workspace.write("flow/policy.yaml", POLICY.replace("read_file", "exec: allow, read_file"));
    watching.says("the policy allows more than when this command was started");
    watching.says("waiting for a change");
    assert_eq!(watching.interrupt(), Some(130));
}

#[test]
fn a_run_stays_with_its_graph_and_a_broken_test_does_not_hold_it_up() {
    let workspace = workspace();
    let text = "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: values } }\noutputs: { x: first }\n";
    workspace.write(".lg/graph.yaml", text).write(".lg/other.yaml", text.replace("name: g", "name: other"));
    let watching = Watching::start(&workspace, &["run", "--watch"]);
    watching.says("first");
    watching.says("waiting for a change");
    fs::rename(workspace.path().join(".lg/graph.yaml"), workspace.path().join(".lg/renamed.yaml")).unwrap();
    watching.says(
        "`.lg/graph.yaml`, which this watches, is not the graph here any more; the last good one stays",
    );
    watching.says("waiting for a change");
    workspace.write(
        ".lg/tests/a.yaml",
        "schema: lgflow.test/v1\ngraph: ../other.yaml\ncases: [{ name: a, expect: { status: succeded } }]\n",
    );
    workspace.write(".lg/graph.yaml", text.replace("first", "second"));
    watching.says("second");
    watching.says("waiting for a change");
    assert_eq!(watching.interrupt(), Some(130));
}

#[test]
fn a_run_in_progress_ends_on_the_version_that_it_began_with() {
    let workspace = holding::workspace("fail");
    let graph = |says: &str| {
        format!(
            "schema: lgflow.graph/v1\nname: g\nprompts:\n  say: {{ file: say.md }}\nnodes:\n  hold: {{ uses: exec, with: {{ argv: [sh, \
             hold.sh] }} }}\n  one: {{ uses: render, with: {{ prompt: say }} }}\nedges: [hold -> one]\noutputs: {{ text: '{says} {{{{ \
             nodes.one.output.text }}}}' }}\n"
        )
    };
    workspace.write("graph.yaml", graph("first")).write("say.md", "one");
    let watching =
        Watching::start(&workspace, &["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--watch"]);
    let begun = workspace.path().join("made/hold");
    program::processes::wait_until(|| begun.exists(), "its command does not begin");
    workspace.write("say.md", "two");
    by_renaming(&workspace, "graph.yaml", &graph("second"));
    // both are written before the command ends
    holding::let_go(&workspace);
    watching.says("first one");
    watching.says("second two");
}

#[test]
fn tests_are_played_again() {
    let workspace = workspace();
    let tests = |status: &str| {
        format!(
            "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - {{ name: a, expect: {{ status: {status} }} }}\n"
        )
    };
    workspace.write(".lg/tests/a.yaml", tests("succeeded"));
    let watching = Watching::start(&workspace, &["test", "--watch"]);
    watching.says("1 case in 1 file: 1 as expected, 0 otherwise");
    watching.says("waiting for a change");
    workspace.write(".lg/tests/a.yaml", tests("failed"));
    watching.says("1 case in 1 file: 0 as expected, 1 otherwise");
    watching.says("waiting for a change");
    by_renaming(&workspace, ".lg/tests/a.yaml", &tests("succeeded"));
    watching.says("1 case in 1 file: 1 as expected, 0 otherwise");
    drop(watching);

    // named, and its graph lies in another folder
    let watching = Watching::start(&workspace, &["test", "--watch", ".lg/tests/a.yaml"]);
    watching.says("1 case in 1 file: 1 as expected, 0 otherwise");
    watching.says("waiting for a change");
    workspace.write(".lg/graph.yaml", graph("edges: [one -> none]\n"));
    watching.says("not done again: 1 error");
    watching.says("unknown-node");
    watching.says("waiting for a change");
    workspace.write(".lg/graph.yaml", graph(""));
    watching.says("1 case in 1 file: 1 as expected, 0 otherwise");
}

#[test]
fn a_screen_shows_the_right_thing_each_time() {
    let workspace = workspace();
    git(&workspace, &["add", "-A", "-f"]);
    git(&workspace, &["commit", "-qm", "one"]);
    workspace.lgflow(&["trust"]).ended(0);
    let terminal = Terminal::open(workspace, 120, "");
    let edit = |text: &str| {
        terminal.workspace.write(".lg/graph.yaml", text);
    };
    terminal.type_line(&format!("clear; {} dev; echo ended-$?", env!("CARGO_BIN_EXE_lgflow")));
    let times = |screen: &str, words: &str| screen.matches(words).count();
    terminal.once(|screen| times(screen, "sound: 1 graph") == 1);
    edit(&graph("edges: [one -> none]\n"));
    let screen = terminal.once(|screen| screen.contains("unknown node `none`"));
    assert!(screen.contains("broken: 1 error") && screen.contains("stays as it was at"), "{screen}");
    by_renaming(
        &terminal.workspace,
        ".lg/graph.yaml",
        &graph("  two: { uses: values, with: { a: 1 } }\nedges: [one -> two]\n"),
    );
    let screen = terminal.once(|screen| screen.contains("node `two` is new"));
    assert!(screen.contains("edge `one -> two` is new") && times(&screen, "sound: 1 graph") == 2, "{screen}");
    git(&terminal.workspace, &["checkout", "-q", "-f", "."]);
    let screen = terminal.once(|screen| screen.contains("node `two` is gone"));
    assert_eq!(times(&screen, "sound: 1 graph"), 3, "{screen}");
    terminal.interrupt();
    terminal.once(|screen| screen.contains("ended-130"));
}
