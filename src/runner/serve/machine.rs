//! What the gate has to know about this machine, gathered once, before the first call.
#![expect(clippy::disallowed_methods, reason = "the runner looks at its own machine on the gate's behalf")]

use std::collections::BTreeMap;
use std::env;

use crate::policy::Machine;
use crate::sandbox;

use super::toolchains::{VARIABLES, toolchains};

/// The machine, with the folders of ours that lie beneath the root of the workspace. Its walls are put up once, to see
/// which stand.
pub fn machine(protected: Vec<String>) -> Machine {
    Machine { walls: sandbox::walls(), ..machine_without_walls(protected) }
}

/// The same where no command comes: nothing is put up.
pub(super) fn machine_without_walls(protected: Vec<String>) -> Machine {
    let variables: BTreeMap<&str, String> =
        VARIABLES.into_iter().filter_map(|name| Some((name, env::var(name).ok()?))).collect();
    Machine { toolchains: toolchains(&variables), protected, ..Machine::default() }
}
