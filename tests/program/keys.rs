//! Keys that somebody else's program makes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A pair of Ed25519 keys in PEM: the secret one, and the public one.
pub fn keys(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (secret, public) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.pub")));
    let made =
        Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&secret).status();
    assert!(made.expect("openssl is needed for this test").success());
    let made = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&secret)
        .arg("-out")
        .arg(&public)
        .status();
    assert!(made.unwrap().success());
    (secret, public)
}
