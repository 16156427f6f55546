//! Programs that other people wrote in Python, in the versions of `tests/python/requirements.txt`, in a folder of their own
//! below `target/`: made once, by whichever test needs it first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lgflow::digest::Digest;
use serde_json::Value;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/requirements.txt");

/// The interpreter that has them. Without it the test stops: it is not passed over.
pub fn python() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let wanted = Digest::of(fs::read(REQUIREMENTS).unwrap()).hex();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{}", &wanted[..16]));
        fs::create_dir_all(&folder).unwrap();
        // another test program may be making it
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        if !folder.join("ready").exists() {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("venv")));
            let install =
                ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS];
            run(Command::new(folder.join("venv/bin/python")).args(install));
            File::create(folder.join("ready")).unwrap();
        }
        folder.join("venv/bin/python")
    })
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.unwrap_or_else(|error| panic!("{command:?}: {error}; python3 is needed for this test"));
    assert!(
        output.status.success(),
        "{command:?} failed; python3 with venv and pip, and PyPI, are needed for this test:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What one of our scripts prints: a JSON document.
pub fn script(name: &str, arguments: &[&Path]) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let output = Command::new(python()).arg(path).args(arguments).stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed:\n{out}\n{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{name}: {error}:\n{out}\n{err}"))
}
