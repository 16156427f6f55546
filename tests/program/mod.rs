//! A workspace of its own for a test, with a state folder of its own, and the built program to run in it.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod begun;
pub mod browser;
pub mod forged;
pub mod gated;
pub mod holding;
pub mod kept;
pub mod keys;
pub mod node;
pub mod processes;
pub mod python;
pub mod tmux;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;

pub struct Workspace {
    folder: tempfile::TempDir,
    forged: AtomicBool,
}

/// With this variable every run that a test has made is decided again when its workspace is dropped, and must be what was
/// recorded. Where it is a path, it is noted there how many that were, and the milliseconds that it took.
const REPLAY: &str = "LGFLOW_TEST_REPLAY";

pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Workspace {
    /// An empty folder beside an empty state folder.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder, forged: AtomicBool::new(false) }
    }

    /// This test alters what was recorded, or what it is read by, or records what no installation did: its runs are not what
    /// they were.
    pub fn forges(&self) -> &Self {
        self.forged.store(true, Ordering::Relaxed);
        self
    }

    /// Decides every run of this workspace again.
    fn replay_all(&self) {
        let own = rustix::process::geteuid().as_raw();
        // what another user's program has recorded is not ours to read
        let is_ours = fs::metadata(self.state()).is_ok_and(|facts| facts.is_dir() && facts.uid() == own);
        if !is_ours || !self.path().exists() {
            return;
        }
        let began = Instant::now();
        let listed = self.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
        // what waits in the queue has decided nothing
        let begun = |run: &&Value| run["status"] != "queued";
        let runs: Vec<&Value> = listed["runs"].as_array().unwrap().iter().filter(begun).collect();
        for run in &runs {
            let run = run["run"].as_str().unwrap();
            let ran = self.lgflow(&["replay", run, "--format", "json"]);
            let found = ran.json();
            // what followed from what a pattern took out cannot be decided again
            let redacted = found["redacted"].as_u64().is_some_and(|count| count > 0);
            assert!(
                redacted || found["ok"] == true,
                "{REPLAY}: the run {run} is decided otherwise:\n{found:#}"
            );
        }
        if let Some(path) = std::env::var_os(REPLAY).filter(|path| Path::new(path).is_absolute()) {
            let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            writeln!(file, "{} {}", runs.len(), began.elapsed().as_millis()).unwrap();
        }
    }

    /// The same, as a git repository.
    pub fn git() -> Self {
        Self::git_of("sha1")
    }

    /// A repository whose objects are named by `hash`.
    pub fn git_of(hash: &str) -> Self {
        let workspace = Self::new();
        let format = format!("--object-format={hash}");
        let status = Command::new("git").args(["init", "-q", &format]).arg(workspace.path()).status();
        assert!(status.expect("git is needed for this test").success());
        workspace
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What lies beside the workspace: for canaries.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// The program with a clean environment, ready to be given more.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_lgflow"), arguments)
    }

    /// Another one in its place.
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path().join("home"))
            .env("LGFLOW_STATE_DIR", self.state())
            .stdin(Stdio::null());
        command
    }

    pub fn lgflow(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Approves what a run asks, as who was shown it.
    #[track_caller]
    pub fn approve(&self, run: &str) {
        let shown = self.lgflow(&["approve", run]).ended(2).stderr;
        self.lgflow(&["approve", run, "--digest", &digest_in(&shown)]).ended(0);
    }
}

/// The digest by which a person approves what was shown.
pub fn digest_in(shown: &str) -> String {
    let at = shown.rfind("--digest ").unwrap() + "--digest ".len();
    shown[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect()
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if std::env::var_os(REPLAY).is_some()
            && !self.forged.load(Ordering::Relaxed)
            && !std::thread::panicking()
        {
            self.replay_all();
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in stderr:\n{}", self.stderr);
        self
    }
}
