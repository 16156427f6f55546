//! A workspace, somebody to be, and commands run in the sandbox itself, without a policy around it.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use lgflow::policy::{NetworkAccess, WorkspaceMode};
use lgflow::sandbox::{
    Confined, HELPER_ARGUMENT, Helper, Job, Layer, Program, Ran, RunError, Stack, UpperBounds, UpperSize,
};
use rustix::process::{Gid, Uid};

/// Who runs the commands of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Root, or whoever runs the tests.
    Self_,
    /// Somebody without any privilege.
    Nobody,
}

/// Number of the user without privileges.
pub const NOBODY: u32 = 65534;

/// Root and an ordinary user; where the tests are run by an ordinary user, that one.
pub fn everybody() -> &'static [Who] {
    if rustix::process::geteuid().is_root() { &[Who::Self_, Who::Nobody] } else { &[Who::Self_] }
}

/// Runs `test` as everybody.
pub fn as_each(test: fn(&Bench)) {
    for &who in everybody() {
        as_one(who, test);
    }
}

/// Runs `test` as one of them, in a thread of its own: what it gives up or forbids itself is for it alone.
pub fn as_one(who: Who, test: impl FnOnce(&Bench) + Send) {
    as_one_after(who, || {}, test);
}

/// The same, after what is done before it becomes that one.
pub fn as_one_after(who: Who, before: impl FnOnce() + Send, test: impl FnOnce(&Bench) + Send) {
    helper_program();
    std::thread::scope(|scope| {
        let ran = scope.spawn(move || {
            let bench = Bench::new(who);
            before();
            if who == Who::Nobody {
                rustix::thread::set_thread_groups(&[]).unwrap();
                let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
                rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
                rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            }
            test(&bench);
        });
        if let Err(panic) = ran.join() {
            eprintln!("this was as {who:?}");
            std::panic::resume_unwind(panic);
        }
    });
}

/// The program under test where everybody may execute it, wherever it was built.
pub fn helper_program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("lgflow");
        let built = Path::new(env!("CARGO_BIN_EXE_lgflow"));
        if fs::hard_link(built, &path).is_err() {
            fs::copy(built, &path).unwrap();
        }
        (folder, path)
    });
    path
}

/// The helper of the program under test.
pub fn helper() -> Helper {
    Helper::other(helper_program().to_owned(), vec![HELPER_ARGUMENT.to_owned()])
}

/// A workspace and how commands are run over it.
#[derive(Debug)]
pub struct Bench {
    /// Holds `work`, and what is outside of it.
    pub folder: tempfile::TempDir,
    pub who: Who,
}

/// How one command is run.
#[derive(Debug)]
pub struct Call {
    pub stack: Stack,
    pub confined: Confined,
}

/// The names of all that `strict` demands.
pub fn strict() -> Vec<String> {
    let layers = Layer::ALL.into_iter().filter(|layer| layer.is_strict());
    layers.map(|layer| layer.name().to_owned()).collect()
}

impl Bench {
    fn new(who: Who) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let bench = Self { folder, who };
        fs::create_dir(bench.work("")).unwrap();
        bench.own("");
        if who == Who::Nobody {
            chown(bench.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        bench
    }

    /// A path in the workspace.
    pub fn work(&self, path: &str) -> PathBuf {
        let work = self.folder.path().join("work");
        if path.is_empty() { work } else { work.join(path) }
    }

    /// Writes a file of the workspace, which belongs to who runs the commands.
    pub fn write(&self, path: &str, text: &str) {
        let mut so_far = PathBuf::new();
        for part in Path::new(path).parent().unwrap().components() {
            so_far.push(part);
            if !self.work(so_far.to_str().unwrap()).exists() {
                fs::create_dir(self.work(so_far.to_str().unwrap())).unwrap();
                self.own(so_far.to_str().unwrap());
            }
        }
        fs::write(self.work(path), text).unwrap();
        self.own(path);
    }

    fn own(&self, path: &str) {
        if self.who == Who::Nobody && rustix::process::geteuid().is_root() {
            chown(self.work(path), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// A strict call over an overlay.
    pub fn call(&self) -> Call {
        let open = |path: &Path| -> OwnedFd { fs::File::open(path).unwrap().into() };
        let stack = Stack {
            workspace: open(&self.work("")),
            path: fs::canonicalize(self.work("")).unwrap(),
            view: WorkspaceMode::Overlay,
            mask: Vec::new(),
            opaque: Vec::new(),
            caches: Vec::new(),
            binds: vec![std::env::current_exe().unwrap()],
            unsafe_write: Vec::new(),
            upper: UpperSize { bytes: 64 << 20, inodes: 10_000 },
            network: NetworkAccess::Deny,
        };
        let confined = Confined {
            argv: Vec::new(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            wall: Duration::from_mins(1),
            cpu: None,
            memory: None,
            processes: None,
            file_bytes: None,
            output: 100_000,
            demanded: strict(),
        };
        Call { stack, confined }
    }

    /// Runs a script strictly, over an overlay.
    pub fn sh(&self, script: &str) -> Ran {
        self.call().sh(script).unwrap()
    }

    /// Runs one of the attacks of the test program, strictly.
    pub fn attack(&self, name: &str) -> String {
        self.call().attack(name)
    }
}

impl Call {
    /// Runs one of the attacks of the test program with it.
    pub fn attack(&mut self, name: &str) -> String {
        self.confined.env.insert("LGFLOW_TEST_ATTACK".to_owned(), name.to_owned());
        let path = std::env::current_exe().unwrap();
        let argv = ["attacker", "--exact", "plays_the_attacker", "--nocapture"];
        let ran = self.run(&path, &argv).unwrap();
        let (out, err) = (ran.stdout.text(), ran.stderr.text());
        let told = out.lines().find_map(|line| Some(line.split_once("ATTACK: ")?.1.to_owned()));
        told.unwrap_or_else(|| format!("ended with {} and {:?}: {out}{err}", ran.exit_code, ran.signal))
    }

    /// Runs a script with it.
    pub fn sh(&mut self, script: &str) -> Result<Ran, RunError> {
        self.run(Path::new("/bin/sh"), &["sh", "-c", script])
    }

    /// Runs a program with it.
    pub fn run(&mut self, program: &Path, argv: &[&str]) -> Result<Ran, RunError> {
        self.run_with(&helper(), program, argv)
    }

    /// Runs a script with it, by this helper.
    pub fn sh_with(&mut self, helper: &Helper, script: &str) -> Result<Ran, RunError> {
        self.run_with(helper, Path::new("/bin/sh"), &["sh", "-c", script])
    }

    fn run_with(&mut self, helper: &Helper, program: &Path, argv: &[&str]) -> Result<Ran, RunError> {
        self.confined.argv = argv.iter().map(|&argument| argument.to_owned()).collect();
        let file = fs::File::open(program).unwrap();
        let program = Program { file: file.into(), path: program.to_owned(), is_script: false };
        let job = Job {
            program: &program,
            confined: &self.confined,
            stack: &self.stack,
            cwd: Path::new(""),
            stdin: None,
            bounds: UpperBounds { files: 1000, file_bytes: 1 << 20, bytes: 16 << 20, binary: false },
        };
        lgflow::sandbox::run(helper, &job, lgflow::sandbox::Beside::NOBODY)
    }
}
