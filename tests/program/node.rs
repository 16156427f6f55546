//! Programs that other people wrote for Node.js, in the versions of `tests/node/package-lock.json`, in a folder of their own
//! below `target/`: made once, by whichever test needs it first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lgflow::digest::Digest;

const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node");

/// One of the programs. Without it the test stops: it is not passed over.
pub fn node_program(name: &str) -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let lock = fs::read(Path::new(PACKAGES).join("package-lock.json")).unwrap();
        let wanted = Digest::of(lock).hex();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("node-{}", &wanted[..16]));
        fs::create_dir_all(&folder).unwrap();
        // another test program may be making it
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        if !folder.join("ready").exists() {
            for file in ["package.json", "package-lock.json"] {
                fs::copy(Path::new(PACKAGES).join(file), folder.join(file)).unwrap();
            }
            let mut install = Command::new("npm");
            install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
            let output = install.current_dir(&folder).stdin(Stdio::null()).output();
            let output = output.unwrap_or_else(|error| panic!("npm: {error}; it is needed for this test"));
            assert!(
                output.status.success(),
                "npm ci failed; Node.js with npm, and the packages of `tests/node`, are needed for this test:\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            File::create(folder.join("ready")).unwrap();
        }
        folder
    });
    made.join("node_modules/.bin").join(name)
}
