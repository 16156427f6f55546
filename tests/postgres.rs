//! Runs in PostgreSQL: the same commands, and several workers on one store. The server is Debian's, started by each test on
//! a free port of this machine, for an ordinary user.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod crash;
mod program;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crash::{Bench, Then, killed_at_every_answer, killed_at_every_event, powered_off_at_some_events};
use lgflow::digest::Digest;
use lgflow::store::{Durability, RunId, Store, StoreAddress, StoreError};
use lgflow::trace::verify;
use program::forged::{
    Forging, an_answer_that_nobody_gave_is_refused, another_answer_is_refused, other_inputs_are_refused,
};
use program::holding::{begun, ended, goes_on, has_ended, let_go};
use program::processes::{all_gone, children, signal, signal_if_there};
use program::{Ran, Workspace, holding};
use serde_json::{Value, json};

/// The user `nobody`, where root runs the tests: the server refuses root.
const NOBODY: u32 = 65534;

struct Server {
    child: RefCell<Child>,
    folder: tempfile::TempDir,
    port: u16,
    settings: Vec<&'static str>,
}

impl Server {
    fn start() -> Self {
        Self::with(&[])
    }

    /// One with settings of its own.
    fn with(settings: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = ordinary("initdb", folder.path())
            .args(["--auth=trust", "--username=lgflow", "--encoding=UTF8", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = settings.to_owned();
        let child = Self::spawn(&folder, port, &settings);
        let server = Self { child: child.into(), folder, port, settings };
        server.is_ready();
        server
    }

    fn spawn(folder: &tempfile::TempDir, port: u16, settings: &[&str]) -> Child {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        ordinary("postgres", folder.path())
            .arg("-D")
            .arg(folder.path().join("data"))
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-F", "-p"])
            .arg(port.to_string())
            .args(settings.iter().flat_map(|setting| ["-c", *setting]))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn is_ready(&self) {
        for _ in 0..600 {
            let tried = Store::open_at(&self.address(), &self.folder.path().join("s"), Path::new("/w"));
            if tried.unwrap().runs().is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{}", fs::read_to_string(self.folder.path().join("log")).unwrap());
    }

    /// Ends all of its processes at once, as where its machine stops, and starts it again.
    fn crash(&self) {
        let first = self.child.borrow().id();
        let all: Vec<u32> = [first].into_iter().chain(children(first)).collect();
        // the first one would tell the others in order
        for process in &all {
            signal_if_there(*process, "KILL");
        }
        self.child.borrow_mut().wait().unwrap();
        all_gone(&all[1..]);
        *self.child.borrow_mut() = Self::spawn(&self.folder, self.port, &self.settings);
        self.is_ready();
    }

    fn url(&self) -> String {
        format!("postgres://lgflow@127.0.0.1:{}/postgres", self.port)
    }

    fn address(&self) -> StoreAddress {
        self.url().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        signal(self.child.borrow().id(), "INT");
        self.child.borrow_mut().wait().unwrap();
    }
}

/// A program of the server's, as a user who is not root.
fn ordinary(name: &str, folder: &Path) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("this test needs the package `postgresql`");
    let folders: Vec<PathBuf> = versions.map(|entry| entry.unwrap().path().join("bin").join(name)).collect();
    let program = folders.into_iter().find(|path| path.exists()).expect("the server's programs");
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn lgflow(workspace: &Workspace, server: &Server, arguments: &[&str]) -> Command {
    let mut command = workspace.command(arguments);
    command.env("LGFLOW_STORE", server.url());
    command
}

fn ran(workspace: &Workspace, server: &Server, arguments: &[&str]) -> Ran {
    Ran::from(lgflow(workspace, server, arguments).output().unwrap())
}

const ASKS: &str = "\
schema: lgflow.graph/v1
name: asks
nodes:
  read: { uses: read_file, with: { path: a.txt } }
  sure: { uses: approval, with: { show: \"really?\" } }
edges: [read -> sure]
outputs: { text: \"{{ nodes.read.output.content }}\" }
";

#[test]
fn a_run_is_stored_shown_gone_on_with_and_removed_as_in_a_file() {
    let server = Server::start();
    let workspace = Workspace::git();
    // large enough to be a payload
    workspace.write("graph.yaml", ASKS).write("a.txt", "word ".repeat(3_000));
    let document = ran(&workspace, &server, &["run", "-g", "graph.yaml", "--format", "json"]).ended(5).json();
    let run = document["run"].as_str().unwrap();
    ran(&workspace, &server, &["runs", "show", run]).ended(0);
    ran(&workspace, &server, &["approve", run, "sure"]).ended(0);
    let done = ran(&workspace, &server, &["runs", "resume", run, "--format", "json"]).ended(0).json();
    assert_eq!(done["outputs"]["text"], "word ".repeat(3_000));
    ran(&workspace, &server, &["trace", "verify", run]).ended(0);
    ran(&workspace, &server, &["replay", run]).ended(0);
    assert_eq!(workspace.lgflow(&["runs", "list"]).ended(0).stdout, "", "nothing of it is in a file");
    assert!(!Store::open(&workspace.state(), &workspace.path()).unwrap().folder().join("runs.db").exists());
    let gone = ran(&workspace, &server, &["runs", "gc", "--keep", "0"]).ended(0);
    assert!(gone.stdout.starts_with(run), "{}", gone.stdout);
    assert_eq!(ran(&workspace, &server, &["runs", "list"]).ended(0).stdout, "");
    ran(&workspace, &server, &["trace", "verify", run]).ended(1);
}

#[test]
fn who_was_taken_over_appends_nothing_and_a_later_form_is_refused() {
    let server = Server::start();
    let state = tempfile::tempdir().unwrap();
    let open = || Store::open_at(&server.address(), state.path(), Path::new("/some/where")).unwrap();
    let run = RunId::new(1, [3; 10]);
    let (store, digest) = (open(), Digest::of(b"large"));
    let mut stale = store.create(&run, Durability::Sync).unwrap();
    stale.append("one", [(digest, b"large".to_vec())]);
    stale.commit().unwrap();
    let elsewhere = open();
    assert!(elsewhere.run(&run).unwrap().busy);
    assert!(matches!(elsewhere.reopen(&run, Durability::Batch), Err(StoreError::Busy(_))));
    assert_eq!(elsewhere.blobs().get(&digest).as_deref(), Some(&b"large"[..]));
    sql(&server, "UPDATE lgflow.runs SET holder = 'nobody'");
    let (mut log, before) = elsewhere.reopen(&run, Durability::Batch).unwrap();
    assert_eq!(before.text, "one\n");
    stale.append("stale", []);
    assert!(matches!(stale.commit(), Err(StoreError::TakenOver(_))));
    log.append("two", []);
    log.finish().unwrap();
    drop(stale);
    assert_eq!(open().log(&run).unwrap(), "one\ntwo\n");
    // another workspace has other runs
    let other = Store::open_at(&server.address(), state.path(), Path::new("/another")).unwrap();
    assert!(other.runs().unwrap().is_empty());
    sql(&server, "UPDATE lgflow.form SET version = 9999");
    let refused = open().runs().unwrap_err().to_string();
    assert!(refused.contains("a newer lgflow has written it"), "{refused}");
}

#[test]
fn a_run_that_is_killed_at_any_event_ends_as_it_would_have_with_each_effect_once() {
    let server = Server::start();
    let who = |at: u64| ["interpreter", "runner", "both", "front"][at as usize % 4];
    killed_at_every_event(&|| Bench::new(&server.url()).apart(), &who);
}

#[test]
fn what_was_done_and_whose_answer_nobody_heard_is_not_done_again() {
    let server = Server::start();
    killed_at_every_answer(&|| Bench::new(&server.url()), "both");
}

/// One whose memory keeps what nobody waits for: it is lost when the server crashes.
fn forgetful() -> Server {
    Server::with(&["wal_writer_delay=10s", "autovacuum=off"])
}

#[test]
fn what_is_to_be_on_the_disk_is_there_after_the_server_has_crashed() {
    let server = forgetful();
    let state = tempfile::tempdir().unwrap();
    let open = || Store::open_at(&server.address(), state.path(), Path::new("/some/where")).unwrap();
    let run = RunId::new(1, [4; 10]);
    let mut log = open().create(&run, Durability::Batch).unwrap();
    for line in ["one", "two"] {
        log.append(line, []);
        log.commit().unwrap();
    }
    log.append("three", []);
    log.commit_to_disk().unwrap();
    server.crash();
    assert_eq!(open().log(&run).unwrap(), "one\ntwo\nthree\n");
    log.append("four", []);
    assert!(matches!(log.commit(), Err(StoreError::Server { .. })));
    log.append("five", []);
    assert!(matches!(log.commit(), Err(StoreError::Behind(_))), "of what follows nothing is written");
    // what could not be given back is not held by who has let go of it
    drop(log);
    let (mut log, before) = open().reopen(&run, Durability::Batch).unwrap();
    assert_eq!(before.text, "one\ntwo\nthree\n");
    log.finish().unwrap();
}

#[test]
fn a_run_whose_server_crashes_ends_as_it_would_have_with_each_effect_once() {
    let server = Rc::new(forgetful());
    let crashing = Rc::clone(&server);
    let then: Then = Rc::new(move |_| crashing.crash());
    powered_off_at_some_events(&|| Bench::new(&server.url()).apart(), 6, &then);
}

/// Begins a run, lets `fail` happen to its server while its command goes on, and gives back its workspace and id.
fn failed_in_the_middle(server: &Server, fail: impl FnOnce()) -> (Workspace, String) {
    let workspace = holding::workspace("fail");
    let named = [&["run", "--format", "json"][..], &holding::NAMED].concat();
    let front = begun(&workspace, lgflow(&workspace, server, &named));
    fail();
    let_go(&workspace);
    let (ran, run) = ended(front, 1);
    ran.says("the run could not be recorded, so it stopped")
        .says(&format!("`lgflow runs resume {run}` goes on"));
    (workspace, run)
}

/// Ends the connection that was made last.
const END_LAST: &str = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity \
    WHERE usename = 'lgflow' AND backend_type = 'client backend' AND pid <> pg_backend_pid() \
    ORDER BY backend_start DESC LIMIT 1) last";

#[test]
fn a_run_whose_connection_ends_or_whose_server_starts_again_goes_on() {
    let server = Server::start();
    let (workspace, run) = failed_in_the_middle(&server, || drop(sql(&server, END_LAST)));
    goes_on(&workspace, &run, 1, &|arguments| ran(&workspace, &server, arguments));
    let (workspace, run) = failed_in_the_middle(&server, || server.crash());
    goes_on(&workspace, &run, 1, &|arguments| ran(&workspace, &server, arguments));
}

#[test]
fn a_worker_takes_up_again_the_run_whose_connection_has_ended() {
    let server = Server::start();
    let workspace = holding::workspace("fail");
    let queue = [&["run", "--queue"][..], &holding::NAMED].concat();
    let run = ran(&workspace, &server, &queue).ended(0).stdout.trim().to_owned();
    let worker = begun(&workspace, lgflow(&workspace, &server, &["worker", "--until-empty"]));
    sql(&server, END_LAST);
    let_go(&workspace);
    let worked = Ran::from(worker.wait_with_output().unwrap()).ended(0).says("interrupted");
    assert!(worked.stderr.contains(&format!("{run}  succeeded")), "{}", worked.stderr);
    has_ended(&workspace, &run, 1, &|arguments| ran(&workspace, &server, arguments));
}

#[test]
fn the_run_of_a_worker_whose_server_starts_again_is_taken_up_by_the_next() {
    let server = Server::start();
    let workspace = holding::workspace("fail");
    let queue = [&["run", "--queue"][..], &holding::NAMED].concat();
    let run = ran(&workspace, &server, &queue).ended(0).stdout.trim().to_owned();
    let worker = begun(&workspace, lgflow(&workspace, &server, &["worker", "--until-empty"]));
    server.crash();
    let_go(&workspace);
    Ran::from(worker.wait_with_output().unwrap()).ended(1);
    ran(&workspace, &server, &["worker", "--until-empty"]).ended(0);
    has_ended(&workspace, &run, 1, &|arguments| ran(&workspace, &server, arguments));
}

fn sql(server: &Server, text: &str) -> String {
    let mut psql = ordinary("psql", server.folder.path());
    psql.args([
        "-h",
        "127.0.0.1",
        "-U",
        "lgflow",
        "-d",
        "postgres",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        text,
    ]);
    let done = psql.arg("-p").arg(server.port.to_string()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_server_that_is_not_there_or_is_elsewhere_is_said() {
    let workspace = Workspace::git();
    let mut command = workspace.command(&["runs", "list"]);
    command.env("LGFLOW_STORE", "postgres://me:secret@127.0.0.1:1/none");
    let ran =
        Ran::from(command.output().unwrap()).ended(1).says("the store `postgres://me@127.0.0.1:1/none`");
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    let mut command = workspace.command(&["runs", "list"]);
    command.env("LGFLOW_STORE", "postgres://me@db.example.org/runs");
    Ran::from(command.output().unwrap()).ended(1).says("would not be encrypted");
}

const QUEUED: usize = 500;
const KILLS: usize = 40;

const ONE_AT_A_TIME: &str = "\
schema: lgflow.graph/v1
name: one-at-a-time
inputs: { n: { type: string }, hold: { type: string } }
nodes:
  hold:
    uses: exec
    with: { argv: [flock, --nonblock, --conflict-exit-code, \"9\", \"busy/{{ inputs.n }}\", sleep, \"{{ inputs.hold }}\"] }
    on_crash: retry
outputs: { n: \"{{ inputs.n }}\" }
";

const HOLDS: &str = "\
schema: lgflow.policy/v1
name: holds
tools: { exec: allow }
paths: { read: { allow: [\"**\"] } }
commands:
  - { name: flock, program: flock, args: [[\"--nonblock\", \"--conflict-exit-code\", \"9\", \"busy/*\", sleep, \"*\"]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
";

/// A run is given up that was taken up so often; a test that kills workers stops well before, however slow its machine is.
const TRIES: usize = 10;

/// How often that one of the queue was taken up that was most often.
fn taken_up(server: &Server) -> usize {
    sql(server, "SELECT COALESCE(MAX(tries), 0) FROM lgflow.queue").parse().unwrap()
}

#[test]
fn a_run_that_was_taken_up_twenty_times_without_coming_to_an_end_is_given_up_and_can_be_gone_on_with() {
    let server = Server::start();
    let workspace = holding::workspace("retry");
    let queue = [&["run", "--queue"][..], &holding::NAMED].concat();
    let enqueue = || ran(&workspace, &server, &queue).ended(0).stdout.trim().to_owned();
    let run = enqueue();
    let mut worker = begun(&workspace, lgflow(&workspace, &server, &["worker", "--until-empty"]));
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(taken_up(&server), 1);
    let never_begun = enqueue();
    sql(&server, "UPDATE lgflow.queue SET tries = 20");
    let_go(&workspace);
    ran(&workspace, &server, &["worker", "--until-empty"])
        .ended(1)
        .says(&format!("{run}: taken up 20 times without coming to an end, so it leaves the queue; `lgflow runs resume {run}` goes on"))
        .says(&format!("{never_begun}: taken up 20 times without coming to an end, so it stays in the queue"));
    let status = |run: &str| {
        ran(&workspace, &server, &["runs", "show", run, "--format", "json"]).json()["status"].clone()
    };
    assert_eq!((status(&run), status(&never_begun)), (json!("interrupted"), json!("queued")));
    goes_on(&workspace, &run, 2, &|arguments| ran(&workspace, &server, arguments));
    ran(&workspace, &server, &["runs", "dequeue", &never_begun]).ended(0);
}

#[test]
fn whichever_of_two_workers_is_killed_each_of_five_hundred_runs_ends_once() {
    let server = Server::start();
    let workspace = Workspace::git();
    workspace.write("graph.yaml", ONE_AT_A_TIME).write("policy.yaml", HOLDS).write("busy/.keep", "");
    let queued: Vec<String> = (0..QUEUED)
        .map(|n| {
            // every tenth holds what a second execution at a time would need for longer than it takes to be taken over
            let (input, hold) = (format!("n={n}"), if n % 10 == 0 { "hold=1.5" } else { "hold=0.01" });
            let queue = ["run", "--queue", "-g", "graph.yaml", "--policy", "policy.yaml"];
            let arguments = [&queue[..], &["-i", input.as_str(), "-i", hold]].concat();
            ran(&workspace, &server, &arguments).ended(0).stdout.trim().to_owned()
        })
        .collect();
    let worker = || {
        let mut command = lgflow(&workspace, &server, &["worker", "--until-empty"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut workers = [worker(), worker()];
    // which one is killed, and when, differs from run to run as little as the machine does
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut kills = 0;
    loop {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(100 + random % 900));
        let ended = |worker: &mut Child| worker.try_wait().unwrap();
        if kills < KILLS && taken_up(&server) < TRIES {
            let at = (random >> 32) as usize % workers.len();
            if ended(&mut workers[at]).is_none() {
                workers[at].kill().unwrap();
                workers[at].wait().unwrap();
                kills += 1;
            }
            workers[at] = worker();
        } else if kills == KILLS
            && workers.iter_mut().all(|worker| ended(worker).is_some_and(|status| status.success()))
        {
            break;
        }
    }
    assert_eq!(kills, KILLS);
    let store = Store::open_at(&server.address(), &workspace.state(), &workspace.path()).unwrap();
    assert!(store.queued().unwrap().is_empty(), "something is lost in the queue");
    let list = ran(&workspace, &server, &["runs", "list", "--format", "json"]).ended(0).json();
    let found: BTreeMap<&str, &Value> = list["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["run"].as_str().unwrap(), &run["status"]))
        .collect();
    assert_eq!(found.len(), QUEUED);
    let mut met = 0;
    for run in &queued {
        assert_eq!(found[run.as_str()], "succeeded", "{run}");
        let log = store.log(&run.parse().unwrap()).unwrap();
        let verified = verify(log.lines(), None);
        assert!(verified.complete && verified.fault.is_none(), "{run}: {verified:?}");
        let ends = log.lines().filter(|line| line.contains("\"kind\":\"run.finished\"")).count();
        assert_eq!(ends, 1, "{run}");
        met += usize::from(log.contains("\"kind\":\"run.resumed\""));
    }
    assert!(met >= 5, "no more than {met} of {KILLS} kills met a run that was being executed");
}

/// Puts other lines in the place of those of a run, as who may write the tables and has no key.
fn rewrite(server: &Server, run: &str, text: &str) {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let (events, size) = (text.lines().count(), text.len());
    sql(
        server,
        &format!(
            "BEGIN; \
             DELETE FROM lgflow.segments WHERE run = (SELECT id FROM lgflow.runs WHERE run = '{run}'); \
             INSERT INTO lgflow.segments (run, first_seq, events, codec, size, data) \
             SELECT id, 1, {events}, 0, {size}, decode('{hex}', 'hex') FROM lgflow.runs WHERE run = '{run}'; \
             UPDATE lgflow.runs SET events = {events} WHERE run = '{run}'; COMMIT"
        ),
    );
}

#[test]
fn what_somebody_else_has_written_into_a_run_is_not_gone_on_with() {
    let server = Server::start();
    let attacks: [fn(&Forging<'_>); 3] =
        [other_inputs_are_refused, another_answer_is_refused, an_answer_that_nobody_gave_is_refused];
    for attack in attacks {
        let workspace = Workspace::git();
        attack(&Forging {
            workspace: &workspace,
            command: &|arguments| lgflow(&workspace, &server, arguments),
            rewrite: &|run, text| rewrite(&server, run, text),
        });
    }
}

#[test]
fn a_store_of_an_earlier_form_becomes_one_of_today() {
    let server = Server::start();
    let state = tempfile::tempdir().unwrap();
    let open = || Store::open_at(&server.address(), state.path(), Path::new("/some/where")).unwrap();
    let (run, waits) = (RunId::new(1, [3; 10]), RunId::new(2, [4; 10]));
    let mut log = open().create(&run, Durability::Sync).unwrap();
    log.append("one", []);
    log.finish().unwrap();
    drop(log);
    sql(
        &server,
        "DROP TABLE lgflow.queue; DROP TABLE lgflow.removals; ALTER TABLE lgflow.runs DROP COLUMN code; \
         UPDATE lgflow.form SET version = 1",
    );
    let store = open();
    store.enqueue(&waits).unwrap();
    assert_eq!((store.log(&run).unwrap().as_str(), store.queued().unwrap()), ("one\n", vec![waits]));
}

#[test]
fn who_may_use_the_tables_needs_no_right_to_make_any() {
    let server = Server::start();
    let state = tempfile::tempdir().unwrap();
    let narrow = format!("postgres://narrow@127.0.0.1:{}/postgres", server.port).parse().unwrap();
    let open =
        |address: &StoreAddress| Store::open_at(address, state.path(), Path::new("/some/where")).unwrap();
    sql(&server, "CREATE ROLE narrow LOGIN; REVOKE CREATE ON DATABASE postgres FROM PUBLIC");
    // the server is started with a store of its own
    sql(&server, "DROP SCHEMA lgflow CASCADE");
    assert!(open(&narrow).runs().unwrap_err().to_string().contains("permission denied"));
    open(&server.address()).runs().unwrap();
    sql(
        &server,
        "GRANT USAGE ON SCHEMA lgflow TO narrow; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA lgflow TO narrow; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA lgflow TO narrow",
    );
    let run = RunId::new(1, [3; 10]);
    let mut log = open(&narrow).create(&run, Durability::Sync).unwrap();
    log.append("one", [(Digest::of(b"large"), b"large".to_vec())]);
    log.finish().unwrap();
    open(&narrow).enqueue(&RunId::new(2, [4; 10])).unwrap();
    assert_eq!(open(&narrow).log(&run).unwrap(), "one\n");
}

/// A payload of some kilobytes that several runs name, and a change that can be taken back.
const CHANGES: &str = "\
schema: lgflow.graph/v1
name: changes
inputs: { file: { type: string } }
nodes:
  read: { uses: read_file, with: { path: a.txt } }
  put: { uses: apply_patch, with: { changes: [{ op: put, path: \"{{ inputs.file }}\", content: \"x\\n\" }] } }
edges: [read -> put]
outputs: { text: \"{{ nodes.read.output.content }}\" }
";

const MAY_CHANGE: &str = "\
schema: lgflow.policy/v1
name: changes
tools: { read_file: allow, apply_patch: allow }
paths: { read: { allow: [\"**\"] }, write: { allow: [\"*.txt\"] } }
";

const HOLDS_ON: &str = "\
schema: lgflow.graph/v1
name: holds-on
nodes: { hold: { uses: exec, with: { argv: [sh, hold.sh] }, on_crash: retry } }
";

/// One of several installations that are at work in one workspace, on one server.
struct Installation<'a> {
    workspace: &'a Workspace,
    server: &'a Server,
    state: PathBuf,
}

impl Installation<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = lgflow(self.workspace, self.server, arguments);
        command.env("LGFLOW_STATE_DIR", &self.state);
        command
    }

    #[track_caller]
    fn ran(&self, arguments: &[&str], code: i32) -> Ran {
        Ran::from(self.command(arguments).output().unwrap()).ended(code)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.ran(&[arguments, &["--format", "json"]].concat(), 0).json()
    }

    /// Puts a run into the queue, and gives its id.
    fn queues(&self, arguments: &[&str]) -> String {
        self.ran(&[&["run", "--queue"][..], arguments].concat(), 0).stdout.trim().to_owned()
    }

    /// Each run of the store: how it stands, whether it was started here, and whether it can be gone on with.
    fn rows(&self) -> BTreeMap<String, (String, bool, bool)> {
        let list = self.json(&["runs", "list"]);
        let row = |row: &Value| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let is = |name: &str| row[name].as_bool().unwrap();
            (text("run"), (text("status"), is("started_here"), is("resumable")))
        };
        list["runs"].as_array().unwrap().iter().map(row).collect()
    }

    /// What is said of a run whose events and payloads hold.
    fn verdicts(&self, run: &str) -> String {
        let verified = self.json(&["trace", "verify", run, "--allow", "incomplete"]);
        assert_eq!(verified["payloads_checked"], true);
        let verdicts = verified["verdicts"].as_array().unwrap();
        verdicts.iter().map(|verdict| verdict.as_str().unwrap()).collect::<Vec<_>>().join(", ")
    }
}

/// What one installation has in the store.
struct Begun {
    waits: String,
    over: String,
    /// Its worker was killed while its command was made.
    cut: String,
    queued: String,
}

impl Begun {
    fn by(installation: &Installation<'_>, name: &str) -> Self {
        let (over, queued) = (format!("file={name}-over.txt"), format!("file={name}-queued.txt"));
        let changes = ["-g", "changes.yaml", "--policy", "changes-policy.yaml", "-i"];
        let begins = |arguments: &[&str], code: i32| {
            let ran = installation.ran(&[&["run", "--format", "json"], arguments].concat(), code).json();
            ran["run"].as_str().unwrap().to_owned()
        };
        Self {
            waits: begins(&["-g", "asks.yaml"], 5),
            over: begins(&[&changes[..], &[&over]].concat(), 0),
            cut: cut_off(installation),
            queued: installation.queues(&[&changes[..], &[&queued]].concat()),
        }
    }

    /// Each with how it stands, and whether it can be gone on with where it was started.
    fn all(&self) -> [(&str, &str, bool); 4] {
        [
            (&self.waits, "suspended", true),
            (&self.over, "succeeded", false),
            (&self.cut, "interrupted", true),
            (&self.queued, "queued", false),
        ]
    }
}

/// A run of the queue whose worker is killed while its command is made.
fn cut_off(installation: &Installation<'_>) -> String {
    let workspace = installation.workspace;
    for left in ["made/hold", "made/go"] {
        // the first time there is none
        let _ = fs::remove_file(workspace.path().join(left));
    }
    let run = installation.queues(&["-g", "holds.yaml", "--policy", "policy.yaml"]);
    let mut worker = begun(workspace, installation.command(&["worker", "--until-empty"]));
    let processes: Vec<u32> = children(worker.id()).into_iter().chain([worker.id()]).collect();
    for process in &processes {
        signal_if_there(*process, "KILL");
    }
    worker.wait().unwrap();
    all_gone(&processes);
    let_go(workspace);
    run
}

/// What would go on with runs of another one, answer them, or make something of them, does not.
fn refuses(here: &Installation<'_>, others: &Begun) {
    let Begun { waits, over, cut, queued } = others;
    for command in [
        &["approve", waits, "sure"][..],
        &["reject", waits, "sure"],
        &["runs", "resume", waits],
        &["runs", "resume", over],
        &["runs", "resume", cut],
        &["runs", "resume", queued],
        &["runs", "fork", over, "--from", "put"],
        &["runs", "fork", cut, "--from", "hold"],
        &["runs", "undo", over],
        &["runs", "undo", over, "--dry-run"],
        &["runs", "undo", cut],
    ] {
        let why = here.ran(command, 7).stderr;
        assert!(why.contains("was not started by this installation"), "{command:?}: {why}");
    }
}

#[test]
fn of_two_installations_on_one_server_each_goes_on_with_its_own_runs_and_leaves_the_others() {
    let server = Server::start();
    let workspace = holding::workspace("retry");
    workspace
        .write("asks.yaml", ASKS)
        .write("changes.yaml", CHANGES)
        .write("changes-policy.yaml", MAY_CHANGE)
        .write("holds.yaml", HOLDS_ON)
        // a payload that runs of both name is there once
        .write("a.txt", "word ".repeat(3_000));
    let one = Installation { workspace: &workspace, server: &server, state: workspace.state() };
    let other = Installation { state: workspace.outside().join("other"), ..one };
    let (ours, theirs) = (Begun::by(&one, "one"), Begun::by(&other, "other"));
    let both = [(&one, &ours, &theirs), (&other, &theirs, &ours)];
    let store = Store::open_at(&server.address(), &one.state, &workspace.path()).unwrap();
    let recorded = || {
        let runs = [&ours, &theirs].map(Begun::all).concat();
        runs.into_iter().map(|(run, ..)| store.log(&run.parse().unwrap()).ok()).collect::<Vec<_>>()
    };
    let before = (recorded(), store.queued().unwrap());
    for (here, own, others) in both {
        let rows = here.rows();
        assert_eq!(rows.len(), 8, "{rows:?}");
        for (run, status, resumable) in own.all() {
            assert_eq!(rows[run], (status.to_owned(), true, resumable), "{run}");
        }
        for (run, status, _) in others.all() {
            assert_eq!(rows[run], (status.to_owned(), false, false), "{run}");
        }
        refuses(here, others);
        // that its hashes agree can be said of what another one did, and no more
        assert!(here.verdicts(&own.over).starts_with("consistent, signed by local:"));
        assert_eq!(here.verdicts(&others.over), "hashes agree, unanchored");
        assert_eq!(here.verdicts(&others.waits), "incomplete, unanchored");
        here.ran(&["runs", "show", &others.cut], 0);
        let gone = here.json(&["runs", "gc", "--keep", "0", "--dry-run"]);
        assert_eq!(
            (&gone["runs"][0]["run"], &gone["left_to_others"]),
            (&json!(own.over), &json!(4)),
            "{gone}"
        );
    }
    assert_eq!((recorded(), store.queued().unwrap()), before, "nothing of it was touched");
    // workers of both, side by side: each executes what its own installation has queued, and what its own worker has left
    let workers = both.map(|(here, ..)| {
        let mut worker = here.command(&["worker", "--until-empty", "--format", "json"]);
        worker.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for (worker, (_, own, others)) in workers.into_iter().zip(both) {
        let worked = Ran::from(worker.wait_with_output().unwrap()).ended(0);
        let done = |run: &str| json!({ "run": run, "status": "succeeded" });
        assert_eq!(worked.json()["runs"], json!([done(&own.cut), done(&own.queued)]));
        let left: Vec<&str> =
            worked.stderr.lines().filter(|line| line.contains("is left to the one that did")).collect();
        let named =
            |line: &&str| [&others.cut, &others.queued].iter().any(|run| line.starts_with(run.as_str()));
        assert!(left.iter().all(named), "{}", worked.stderr);
    }
    assert!(store.queued().unwrap().is_empty());
    for (here, own, others) in both {
        here.ran(&["approve", &own.waits, "sure"], 0);
        here.ran(&["runs", "resume", &own.waits], 0);
        for (run, ..) in own.all() {
            assert!(here.verdicts(run).starts_with("consistent, signed by local:"), "{run}");
            here.ran(&["replay", run], 0);
        }
        for (run, ..) in others.all() {
            assert!(here.rows()[run].0 == "succeeded" || run == others.waits, "{run}");
        }
    }
    // what one removes takes nothing from the other, payloads of both included
    let gone = one.json(&["runs", "gc", "--keep", "0"]);
    assert_eq!((gone["runs"].as_array().unwrap().len(), &gone["left_to_others"]), (4, &json!(4)), "{gone}");
    for here in [&one, &other] {
        here.ran(&["trace", "verify", "--all"], 0);
        assert_eq!(here.rows().len(), 4);
    }
    for (run, ..) in theirs.all() {
        assert!(other.verdicts(run).starts_with("consistent, signed by local:"), "{run}");
        other.ran(&["replay", run], 0);
    }
    other.ran(&["runs", "undo", &theirs.over], 0);
    assert!(
        !workspace.path().join("other-over.txt").exists() && workspace.path().join("one-over.txt").exists()
    );
}
