//! A workspace, somebody to be, and commands run in it by the built program under a policy: strictly, as root and as an
//! ordinary user.
#![allow(dead_code, clippy::print_stderr, reason = "each test program uses its part; who failed is said")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lgflow::policy::STRICT_WALLS;
use serde_json::{Value, json};

/// Number of the user without privileges.
const NOBODY: u32 = 65534;

/// Lets every program of the tests run, and the shell.
pub const POLICY: &str = "\
schema: lgflow.policy/v1
name: test
include: [builtin:rust, builtin:python, builtin:node]
tools: { exec: allow, read_file: allow, apply_patch: allow, rollback: allow }
paths:
  read: { allow: ['**'], deny: ['secret', '**/*.private'] }
  write: { allow: ['**'], deny: ['locked', 'locked/**'] }
commands:
  - { name: sh, program: sh, args: [[-s]], sandbox: { cache: { folders: [target], mode: seed } } }
";

/// A workspace and who works in it.
pub struct Bench {
    folder: tempfile::TempDir,
    nobody: bool,
    home: PathBuf,
    policy: String,
}

/// Runs `test` as root and as an ordinary user; where the tests are run by an ordinary user, as that one.
pub fn as_each(test: fn(&mut Bench)) {
    let root = rustix::process::geteuid().is_root();
    for nobody in if root { vec![false, true] } else { vec![false] } {
        eprintln!("as {}", if nobody { "nobody" } else { "myself" });
        test(&mut Bench::new(nobody));
    }
}

impl Bench {
    fn new(nobody: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder_path = fs::canonicalize(folder.path()).unwrap();
        let bench = Self { folder, nobody, home: folder_path.join("home"), policy: POLICY.to_owned() };
        for name in ["work", "home", "state", "cache"] {
            fs::DirBuilder::new().mode(0o700).create(folder_path.join(name)).unwrap();
            bench.own(&folder_path.join(name));
        }
        bench
    }

    fn own(&self, path: &Path) {
        if self.nobody {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// Where everything of the test lies.
    pub fn outside(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    pub fn work(&self, path: &str) -> PathBuf {
        let work = self.outside().join("work");
        if path.is_empty() { work } else { work.join(path) }
    }

    pub fn home(&self) -> PathBuf {
        self.home.clone()
    }

    pub fn policy(&mut self, text: &str) {
        text.clone_into(&mut self.policy);
    }

    /// Writes a file that belongs to who works here, below the folder of the test.
    pub fn write_at(&self, path: &str, text: impl AsRef<[u8]>) {
        let mut so_far = self.outside();
        for part in Path::new(path).parent().unwrap().components() {
            so_far.push(part);
            if !so_far.exists() {
                fs::create_dir(&so_far).unwrap();
                self.own(&so_far);
            }
        }
        let path = self.outside().join(path);
        fs::write(&path, text).unwrap();
        self.own(&path);
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        self.write_at(&format!("work/{path}"), text);
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.work(path)).unwrap()
    }

    /// Gives the home the Rust toolchain of who runs the tests, by hard links or copies.
    pub fn with_rust(&self) -> &Self {
        let from = rust_toolchain();
        let to = "home/.rustup/toolchains/stable";
        self.write_at("home/.rustup/settings.toml", "default_toolchain = \"stable\"\n");
        self.write_at(&format!("{to}/.keep"), "");
        for part in ["bin", "lib"] {
            link_tree(&from.join(part), &self.outside().join(to).join(part));
        }
        self.write_at("home/.cargo/registry/index/.keep", "");
        self
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.work(""))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.home)
            .env("XDG_CACHE_HOME", self.outside().join("cache"))
            .env("LGFLOW_STATE_DIR", self.outside().join("state"))
            .stdin(Stdio::null());
        if self.nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// The built program, where everybody may execute it.
    pub fn lgflow(&self, arguments: &[&str]) -> Output {
        let program = self.outside().join("lgflow");
        if !program.exists() {
            let built = Path::new(env!("CARGO_BIN_EXE_lgflow"));
            if fs::hard_link(built, &program).is_err() {
                fs::copy(built, &program).unwrap();
            }
        }
        fs::write(self.outside().join("policy.yaml"), &self.policy).unwrap();
        self.command(&program).args(arguments).output().unwrap()
    }

    /// Runs the user's own cargo, without any sandbox.
    pub fn own_cargo(&self, arguments: &[&str]) -> Output {
        let bin = self.home.join(".rustup/toolchains/stable/bin");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let mut command = self.command(&bin.join("cargo"));
        command
            .args(arguments)
            .env("PATH", path)
            .env("CARGO_HOME", self.home.join(".cargo"))
            .output()
            .unwrap()
    }

    /// Calls a tool; the result.
    pub fn tool(&self, name: &str, input: &Value) -> Value {
        let policy = self.outside().join("policy.yaml");
        let text = input.to_string();
        let output = self.lgflow(&["tool", "call", name, &text, "--policy", policy.to_str().unwrap()]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{error}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    /// Runs a command, strictly.
    pub fn exec(&self, argv: &[&str]) -> Value {
        self.call(&json!({ "argv": argv }))
    }

    /// Runs a script, strictly.
    pub fn sh(&self, script: &str) -> Value {
        self.call(&json!({ "argv": ["sh", "-s"], "stdin": script }))
    }

    fn call(&self, input: &Value) -> Value {
        let result = self.tool("exec", input);
        for name in STRICT_WALLS {
            let stands = result["sandbox"]
                .as_array()
                .unwrap()
                .iter()
                .any(|layer| layer["name"] == name && layer["in_force"] == true);
            assert!(stands, "{name} is not in force: {result:#}");
        }
        assert_eq!(told(&result, "workspace:overlay"), Some(true), "{result:#}");
        result
    }

    /// Runs a command that must succeed.
    pub fn succeeds(&self, argv: &[&str]) -> Value {
        let result = self.exec(argv);
        assert_eq!(result["ok"], true, "{argv:?}: {result:#}");
        result
    }

    /// A digest of names, kinds, sizes, times and contents of all that is at `path`.
    pub fn fingerprint(&self, path: &str) -> BTreeMap<PathBuf, (u32, u64, i64, i64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut ahead = vec![self.work(path)];
        while let Some(path) = ahead.pop() {
            let facts = fs::symlink_metadata(&path).unwrap();
            let content = if facts.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            found.insert(
                path.clone(),
                (facts.mode(), facts.len(), facts.mtime(), facts.mtime_nsec(), content),
            );
            if facts.is_dir() {
                ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        found
    }
}

/// What a result says of a layer, if it names it.
pub fn told(result: &Value, name: &str) -> Option<bool> {
    let layers = result["sandbox"].as_array()?;
    layers.iter().find(|layer| layer["name"] == name)?["in_force"].as_bool()
}

/// Paths with the kind that they were not carried for.
pub fn not_carried(result: &Value) -> Vec<(String, String)> {
    let output = if result["ok"] == true { &result["output"] } else { &result["error"]["output"] };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = output["not_carried"].as_array().unwrap_or_else(|| panic!("{result:#}"));
    list.iter().map(|one| (text(&one["path"]), text(&one["kind"]))).collect()
}

/// The patch of a result.
pub fn patch(result: &Value) -> &str {
    let output = if result["ok"] == true { &result["output"] } else { &result["error"]["output"] };
    output["patch"].as_str().unwrap_or_else(|| panic!("{result:#}"))
}

/// The folder of the toolchain that runs this test: cargo sets `CARGO` to its own program.
fn rust_toolchain() -> PathBuf {
    let cargo = PathBuf::from(std::env::var_os("CARGO").expect("this test is run by cargo"));
    let found = Command::new(cargo.with_file_name("rustc")).args(["--print", "sysroot"]).output().unwrap();
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

fn link_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            link_tree(&entry.path(), &target);
        } else if fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
