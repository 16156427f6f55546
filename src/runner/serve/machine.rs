//! What the gate has to know about this machine, gathered once, before the first call.
#![expect(clippy::disallowed_methods, reason = "the runner looks at its own machine on the gate's behalf")]

use std::collections::BTreeMap;
use std::env;

use crate::policy::Machine;
use crate::sandbox;

use super::toolchains::{VARIABLES, toolchains};

/// The machine, with the folders of ours that lie beneath the root of the workspace.
pub fn machine(protected: Vec<String>) -> Machine {
    let variables: BTreeMap<&str, String> =
        VARIABLES.into_iter().filter_map(|name| Some((name, env::var(name).ok()?))).collect();
    Machine { toolchains: toolchains(&variables), protected, walls: sandbox::walls(), secrets: Vec::new() }
}
