//! A workspace with what lies beside it: canaries, secrets, a home and a state folder, all of one user's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::case::{Broken, Case};

/// The user and group `nobody` of most systems.
const NOBODY: u32 = 65534;

/// Python's own, where every user can read it.
const PYTHON: &str = "/usr/bin/python3";

/// Who runs the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum User {
    Root,
    Ordinary,
}

impl User {
    /// Can this process run something as that user?
    pub(crate) fn can_be_played(self) -> bool {
        let root = rustix::process::geteuid().is_root();
        root || self == Self::Ordinary
    }
}

/// Everything that a case touches.
pub(crate) struct World {
    user: User,
    /// What all scripts of the case begin with.
    shared: String,
    folder: tempfile::TempDir,
    /// In a file outside, in the environment, and in a denied file of the workspace.
    secrets: [String; 3],
    /// Stands among the arguments of everything that is run.
    pub(crate) mark: String,
}

/// A tree as it can be compared: path → kind, mode, and content or target.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, Vec<u8>)>;

impl World {
    /// A fresh world of a case; without its wall, if `is_broken`.
    pub(crate) fn new(user: User, case: &Case, is_broken: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("escape-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let id = format!("{:08x}{number:04x}", std::process::id());
        let secrets = ["file", "variable", "denied"].map(|of| format!("SECRET-{of}-{id}-tH1s1sN0tT0b3s33n"));
        let (shared, mark) = (case.shared.clone(), format!("mark-{id}"));
        let world = Self { user, shared, folder, secrets, mark };
        world.furnish(case, case.broken.as_ref().filter(|_| is_broken));
        world
    }

    fn furnish(&self, case: &Case, broken: Option<&Broken>) {
        for folder in ["work", "home", "state", "outside", "bin"] {
            fs::create_dir(self.base().join(folder)).unwrap();
        }
        let write = |path: &str, text: &str| fs::write(self.base().join(path), text).unwrap();
        write("outside/canary.txt", "the canary\n");
        write("outside/secret.txt", &format!("{}\n", self.secrets[0]));
        write("work/.env", &format!("TOKEN={}\n", self.secrets[2]));
        write("work/plain.txt", "plain text\n");
        let name = broken.and_then(|broken| broken.policy.as_ref()).unwrap_or(&case.policy);
        write("policy.yaml", &self.filled(&policy(name)));
        self.give_to_user(self.base());
        put_program(&self.program());
        let setups: Vec<&str> = case
            .setup
            .iter()
            .chain(broken.and_then(|broken| broken.setup.as_ref()))
            .map(String::as_str)
            .collect();
        if !setups.is_empty() {
            let setup = setups.join("\n");
            let done = self.outside(&setup);
            assert!(done.status.success(), "{}: its setup: {done:?}", case.name);
        }
    }

    fn give_to_user(&self, path: &Path) {
        if self.user == User::Ordinary && rustix::process::geteuid().is_root() {
            lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            if path.is_dir() && !path.is_symlink() {
                for entry in fs::read_dir(path).unwrap() {
                    self.give_to_user(&entry.unwrap().path());
                }
            }
        }
    }

    pub(crate) fn base(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.base().join("work")
    }

    fn program(&self) -> PathBuf {
        self.base().join("bin/lgflow")
    }

    /// `text` with the places of this world in it.
    pub(crate) fn filled(&self, text: &str) -> String {
        text.replace("@OUTSIDE@", &self.base().join("outside").display().to_string())
            .replace("@WORK@", &self.work().display().to_string())
            .replace("@BASE@", &self.base().display().to_string())
            .replace("@MARK@", &self.mark)
    }

    /// The program, as the user, in the workspace.
    pub(crate) fn lgflow(&self, arguments: &[String]) -> Output {
        let mut command = self.command(&self.program());
        command.args(arguments.iter().map(|argument| self.filled(argument)));
        command.output().unwrap()
    }

    /// Python outside of every sandbox, as the user.
    pub(crate) fn outside(&self, script: &str) -> Output {
        let preludes = [include_str!("prelude.py"), include_str!("outside.py"), &self.shared, script];
        let text = self.filled(&preludes.join("\n"));
        self.command(Path::new(PYTHON)).args(["-c", &text]).output().unwrap()
    }

    fn command(&self, program: &Path) -> Command {
        assert!(program.exists(), "{} is needed by these tests", program.display());
        let mut command = Command::new(program);
        command
            .current_dir(self.work())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.base().join("home"))
            .env("LGFLOW_STATE_DIR", self.base().join("state"))
            .env("CANARY_TOKEN", &self.secrets[1])
            .stdin(Stdio::null());
        if self.user == User::Ordinary && rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Puts the script of a probe into the workspace, the user's as everything there.
    pub(crate) fn put_probe(&self, script: &str) {
        fs::write(self.work().join("probe.py"), script).unwrap();
        self.give_to_user(&self.work().join("probe.py"));
    }

    pub(crate) fn take_probe(&self) {
        fs::remove_file(self.work().join("probe.py")).unwrap();
    }

    /// The workspace as it is now.
    pub(crate) fn workspace(&self) -> Tree {
        let mut tree = Tree::new();
        collect(&self.work(), &mut tree);
        tree
    }

    /// Is the workspace as it was?
    pub(crate) fn is_as(&self, before: &Tree) -> Result<(), String> {
        let now = self.workspace();
        let differs = |path: &&PathBuf| before.get(*path) != now.get(*path);
        let changed: Vec<&PathBuf> = before.keys().chain(now.keys()).filter(differs).collect();
        if changed.is_empty() { Ok(()) } else { Err(format!("the workspace was changed: {changed:?}")) }
    }

    /// Canaries as they were, no process left, no secret in any record.
    pub(crate) fn is_unharmed(&self) -> Result<(), String> {
        let mut outside = Tree::new();
        collect(&self.base().join("outside"), &mut outside);
        let canary = outside.get(&self.base().join("outside/canary.txt"));
        if canary.is_none_or(|(mode, text)| mode & 0o7777 != 0o644 || text != b"the canary\n") {
            return Err(format!("the canary was changed: {canary:?}"));
        }
        if outside.keys().any(|path| path.to_string_lossy().contains("planted")) {
            return Err("something was planted outside".to_owned());
        }
        let left = self.processes();
        if !left.is_empty() {
            return Err(format!("processes are left: {left:?}"));
        }
        let mut records = Tree::new();
        collect(&self.base().join("state"), &mut records);
        records
            .iter()
            .try_for_each(|(path, (_, bytes))| self.holds_no_secret(&path.display().to_string(), bytes))
    }

    /// An error where `bytes` hold a secret.
    pub(crate) fn holds_no_secret(&self, what: &str, bytes: &[u8]) -> Result<(), String> {
        let found = self.secrets.iter().find_map(|secret| Some((secret, find(bytes, secret.as_bytes())?)));
        found.map_or(Ok(()), |(secret, at)| {
            let around = &bytes[at.saturating_sub(300)..(at + 150).min(bytes.len())];
            Err(format!("{what} holds {secret}:\n… {} …", String::from_utf8_lossy(around)))
        })
    }

    /// What still runs with the mark of this world.
    fn processes(&self) -> Vec<String> {
        let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines
            .filter(|line| line.split(|byte| *byte == 0).any(|argument| argument == self.mark.as_bytes()))
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .collect()
    }
}

/// Puts the program where every user can reach it: the build folder may be one user's alone.
fn put_program(at: &Path) {
    let built = env!("CARGO_BIN_EXE_lgflow");
    if fs::hard_link(built, at).is_err() {
        fs::copy(built, at).unwrap();
    }
}

fn policy(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/escapes/policies/{name}.yaml"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn collect(folder: &Path, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let facts = fs::symlink_metadata(&path).unwrap();
        let content = if facts.is_file() && facts.len() < 1 << 22 {
            fs::read(&path).unwrap_or_default()
        } else if facts.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            facts.len().to_le_bytes().to_vec()
        };
        let content = if facts.is_dir() { Vec::new() } else { content };
        tree.insert(path.clone(), (facts.mode(), content));
        if facts.is_dir() {
            collect(&path, tree);
        }
    }
}
