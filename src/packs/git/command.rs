//! The one way in which git is run: a fixed program, an environment of ours, settings of ours, bounded in time and in
//! bytes. Knows no pack.
#![expect(
    clippy::disallowed_methods,
    reason = "git is started to fetch what a person asked for, with what the person's environment says of the network"
)]

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::packs::source::protocol;
use crate::packs::{PackError, Shelf};
use crate::sandbox::FetchOrder;

/// How long a command of git may take.
const WALL: Duration = Duration::from_mins(5);
/// Bytes that a fetch may bring.
const MAX_FETCHED: u64 = 128 << 20;
/// How often both are looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// Hex digits of a commit of SHA-1.
const SHA_1: usize = 40;
/// Bytes of what git prints that are read.
const MAX_PRINTED: u64 = 4 << 20;

/// Settings that hold whatever else does: nothing that a repository or a server says starts a program.
const SETTINGS: [&str; 14] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.askPass=",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "fetch.fsckObjects=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "protocol.version=2",
    "gc.auto=0",
    "maintenance.auto=false",
];

/// Variables of the user that say how a network is reached and how a person is known there. Nothing else is passed.
const PASSED: [&str; 12] = [
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "USER",
    "LOGNAME",
];

/// An empty bare repository in a scratch folder.
#[derive(Debug)]
pub(super) struct Bare<'u> {
    scratch: PathBuf,
    workspace: PathBuf,
    url: &'u str,
}

impl<'u> Bare<'u> {
    /// Makes one on the shelf, to fetch from `url`, which was checked.
    pub(super) fn new(shelf: &Shelf, url: &'u str) -> Result<Self, PackError> {
        let (scratch, workspace) = (shelf.scratch().join("fetch"), shelf.workspace().to_owned());
        let bare = Self { scratch, workspace, url };
        bare.begin("sha1")?;
        Ok(bare)
    }

    /// Makes it anew for commits that are named as `commit` is: a repository of SHA-256 sends nothing into one of SHA-1.
    pub(super) fn fit(&self, commit: &str) -> Result<(), PackError> {
        if commit.len() == SHA_1 {
            return Ok(());
        }
        let folder = self.folder();
        fs::remove_dir_all(&folder).map_err(PackError::io("remove", &folder))?;
        self.begin("sha256")
    }

    fn begin(&self, format: &str) -> Result<(), PackError> {
        let format = format!("--object-format={format}");
        self.run(&["init", "--quiet", "--bare", "--template=", &format, "."]).map(drop)
    }

    /// The repository.
    pub(super) fn folder(&self) -> PathBuf {
        self.scratch.join("git")
    }

    /// Runs git in it; what it printed. The URL stands behind `--` wherever it is given.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<String, PackError> {
        let folder = self.folder();
        fs::create_dir_all(&folder).map_err(PackError::io("create", &folder))?;
        let (out, err) = (self.scratch.join("stdout"), self.scratch.join("stderr"));
        let open = |path: &PathBuf| File::create(path).map_err(PackError::io("create", path));
        let mut command = self.command(arguments)?;
        command.stdin(Stdio::null()).stdout(open(&out)?).stderr(open(&err)?);
        let mut child =
            command.spawn().map_err(|error| self.problem(format!("cannot start git: {error}")))?;
        let ended = self.watch(&mut child);
        if ended.is_err() {
            // a process that is gone already needs no end
            drop(child.kill());
            drop(child.wait());
        }
        if ended? { printed(&out) } else { Err(self.problem(said(&err))) }
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, PackError> {
        let path = search_path(&self.workspace);
        let program = env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file());
        let program = program.ok_or_else(|| self.problem("git is not installed".to_owned()))?;
        let order = FetchOrder {
            reads: self.reads(&program),
            arguments: with_settings(arguments),
            writes: self.scratch.clone(),
            file_bytes: MAX_FETCHED,
            program,
        };
        let order = order.to_arguments().map_err(|error| self.problem(error.to_string()))?;
        let mut command = Command::new("/proc/self/exe");
        command.args(order).env_clear().current_dir(self.folder()).env("PATH", &path);
        for name in PASSED {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        for (name, value) in [
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", ""),
            ("SSH_ASKPASS", ""),
            ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oPermitLocalCommand=no -oClearAllForwardings=yes"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
        ] {
            command.env(name, value);
        }
        command.env("GIT_ALLOW_PROTOCOL", protocol(self.url)).env("HOME", &self.scratch);
        Ok(command)
    }

    /// What git needs beside the system: its own parts, the repository on this machine, keys of SSH, certificates.
    fn reads(&self, program: &Path) -> Vec<PathBuf> {
        let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
        let mut reads = Vec::new();
        for git in [program, &real] {
            let Some(folder) = git.parent() else { continue };
            reads.push(folder.to_owned());
            let above = folder.parent().unwrap_or(folder);
            reads.extend(["libexec/git-core", "lib", "lib64", "share/git-core"].map(|part| above.join(part)));
        }
        match protocol(self.url) {
            "file" => reads.extend(self.url.strip_prefix("file://").map(PathBuf::from)),
            "ssh" => reads.extend(env::var_os("HOME").map(|home| PathBuf::from(home).join(".ssh"))),
            _ => {}
        }
        reads
            .extend(["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(env::var_os).map(PathBuf::from));
        reads
    }

    /// Waits for the end; did it succeed? An error where it takes too long or brings too much.
    fn watch(&self, child: &mut Child) -> Result<bool, PackError> {
        let begun = Instant::now();
        loop {
            let ended = child.try_wait().map_err(|error| self.problem(error.to_string()))?;
            if let Some(status) = ended {
                return Ok(status.success());
            }
            if begun.elapsed() > WALL {
                return Err(self.problem(format!("it took longer than {} minutes", WALL.as_secs() / 60)));
            }
            if bytes_beneath(&self.scratch, 0) > MAX_FETCHED {
                return Err(self.problem(format!("it sent more than {} MiB", MAX_FETCHED >> 20)));
            }
            sleep(GLANCE);
        }
    }

    pub(super) fn problem(&self, problem: String) -> PackError {
        PackError::Git { of: format!("`{}`", self.url), problem }
    }
}

fn with_settings(arguments: &[&str]) -> Vec<String> {
    let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
    ["--git-dir=."].into_iter().chain(settings).chain(arguments.iter().copied()).map(str::to_owned).collect()
}

/// The absolute folders of the user's search path that are not in the workspace: a workspace brings no git.
fn search_path(workspace: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let inside = |folder: &Path| workspace.parent().is_some() && folder.starts_with(workspace);
    let ours = |folder: &PathBuf| {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        folder.is_absolute() && !inside(folder) && !inside(&real)
    };
    env::join_paths(env::split_paths(&path).filter(ours)).unwrap_or_default()
}

fn bytes_beneath(folder: &Path, depth: usize) -> u64 {
    const DEEPEST: usize = 6;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() && depth < DEEPEST => bytes_beneath(&entry.path(), depth + 1),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

fn printed(path: &Path) -> Result<String, PackError> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(PackError::io("open", path))?;
    file.take(MAX_PRINTED).read_to_end(&mut text).map_err(PackError::io("read", path))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The last words of git, on one line.
fn said(path: &Path) -> String {
    let text = printed(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(3)..];
    if last.is_empty() { "it ended without a word".to_owned() } else { last.join("; ") }
}
