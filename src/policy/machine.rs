//! What the gate is told about the machine: where toolchains are, which walls stand. Reads none of it itself.

use std::collections::BTreeSet;

use crate::effect::{Declared, SandboxLayer};

use super::Toolchains;

/// System folders that every program may come from, in order.
pub const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// The walls that `sandbox: {mode: strict}` requires, each by the name that the runner reports it under.
pub const STRICT_WALLS: [&str; 20] = [
    "clean_environment",
    "closed_descriptors",
    "new_session",
    "no_new_privileges",
    "process_tree_killed",
    "wall_limit",
    "output_limit",
    "resource_limits",
    "user_namespace",
    "mount_namespace",
    "pid_namespace",
    "network_namespace",
    "ipc_namespace",
    "uts_namespace",
    "private_root",
    "read_masks",
    "workspace_overlay",
    "no_capabilities",
    "landlock_fs",
    "seccomp",
];

/// The walls that only `sandbox.require` asks for.
const FURTHER_WALLS: [&str; 3] = ["memory_cgroup", "pids_cgroup", "landlock_net"];

/// Facts about the machine, gathered by the runner before the first call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Where the toolchains lie that policies may name.
    pub toolchains: Toolchains,
    /// Folders of ours beneath the root, and git directories with other names: relative to the root.
    pub protected: Vec<String>,
    /// The walls of the sandbox, as probed.
    pub walls: Vec<SandboxLayer>,
    /// What the user or the machine declares: secrets, models, addresses.
    pub declared: Declared,
}

impl Machine {
    /// A machine where every wall stands and no toolchain is known: what a policy says there it says everywhere.
    pub fn complete() -> Self {
        let walls = STRICT_WALLS.into_iter().chain(FURTHER_WALLS);
        let walls = walls.map(|name| SandboxLayer { name: name.to_owned(), in_force: true }).collect();
        Self { walls, ..Self::default() }
    }

    /// The walls that `mode: strict` requires, and `require` names, that do not stand here.
    pub fn missing_walls(&self, require: &BTreeSet<String>) -> Vec<String> {
        let wanted = STRICT_WALLS.iter().map(|wall| (*wall).to_owned()).chain(require.iter().cloned());
        wanted.filter(|wall| !self.walls.iter().any(|layer| layer.in_force && layer.name == *wall)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wall_that_does_not_stand_is_named() {
        let wall = |name: &str, in_force| SandboxLayer { name: name.to_owned(), in_force };
        let mut machine = Machine::default();
        assert_eq!(machine.missing_walls(&BTreeSet::new()).len(), STRICT_WALLS.len());
        machine.walls = STRICT_WALLS.iter().map(|name| wall(name, true)).collect();
        assert!(machine.missing_walls(&BTreeSet::new()).is_empty());
        machine.walls[0].in_force = false;
        let required = BTreeSet::from(["memory_cgroup".to_owned()]);
        assert_eq!(machine.missing_walls(&required), [STRICT_WALLS[0], "memory_cgroup"]);
    }
}
