//! What the gate has to know about this machine, gathered once, before the first call.
#![expect(clippy::disallowed_methods, reason = "the runner looks at its own machine on the gate's behalf")]

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::policy::{Machine, rustup_default};
use crate::sandbox;

/// The machine, with the folders of ours that lie beneath the root.
pub fn machine(protected: Vec<String>) -> Machine {
    let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let settings = home.as_ref().and_then(|home| fs::read_to_string(home.join(".rustup/settings.toml")).ok());
    let rust_toolchain = settings.as_deref().and_then(rustup_default);
    Machine { home, rust_toolchain, protected, walls: sandbox::walls() }
}
