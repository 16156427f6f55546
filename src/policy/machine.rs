//! What the gate is told about the machine: where toolchains are, which walls stand. Reads none of it itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::effect::SandboxLayer;

/// System folders that every program may come from, in order.
pub const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// The walls that `sandbox: {mode: strict}` requires, each by the name that the runner reports it under.
pub const STRICT_WALLS: [&str; 12] = [
    "user_namespace",
    "mount_namespace",
    "pid_namespace",
    "network_namespace",
    "ipc_namespace",
    "uts_namespace",
    "private_root",
    "workspace_overlay",
    "read_masks",
    "landlock_fs",
    "seccomp",
    "no_new_privileges",
];

/// The walls that only `sandbox.require` asks for.
const FURTHER_WALLS: [&str; 3] = ["memory_cgroup", "pids_cgroup", "landlock_net"];

/// Facts about the machine, gathered by the runner before the first call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The home folder, for toolchain manifests. No other use is made of it.
    pub home: Option<PathBuf>,
    /// The default toolchain that rustup's settings name.
    pub rust_toolchain: Option<String>,
    /// Folders of ours beneath the root, and git directories with other names: relative to the root.
    pub protected: Vec<String>,
    /// The walls of the sandbox, as probed.
    pub walls: Vec<SandboxLayer>,
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

/// Where the programs of a toolchain are, and the variables that they need to find themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) search: Vec<PathBuf>,
    pub(super) env: BTreeMap<String, String>,
}

impl Manifest {
    /// The built-in manifest of a toolchain. The toolchain is fixed here: a file of the workspace cannot choose it.
    pub(super) fn of(toolchain: &str, machine: &Machine) -> Self {
        let mut manifest = Self::default();
        let home = machine.home.as_deref();
        match toolchain {
            "rust" => manifest.rust(home, machine.rust_toolchain.as_deref()),
            "go" => {
                manifest.search.extend(["/usr/local/go/bin", "/usr/lib/go/bin"].map(PathBuf::from));
                manifest.set("GOTOOLCHAIN", "local");
            }
            // their programs are in the system folders
            _ => {}
        }
        manifest
    }

    fn rust(&mut self, home: Option<&Path>, toolchain: Option<&str>) {
        let Some(home) = home else { return };
        if let Some(toolchain) = toolchain.filter(|name| is_plain_name(name)) {
            self.search.push(home.join(".rustup/toolchains").join(toolchain).join("bin"));
            self.set("RUSTUP_TOOLCHAIN", toolchain);
        }
        self.search.push(home.join(".cargo/bin"));
        self.set("RUSTUP_HOME", &home.join(".rustup").to_string_lossy());
        self.set("CARGO_HOME", &home.join(".cargo").to_string_lossy());
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }
}

/// The default toolchain that the text of rustup's `settings.toml` names.
pub fn rustup_default(settings: &str) -> Option<String> {
    let line = settings.lines().find_map(|line| line.trim().strip_prefix("default_toolchain"))?;
    let name = line.trim_start().strip_prefix('=')?.trim().trim_matches('"');
    is_plain_name(name).then(|| name.to_owned())
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rust_manifest_fixes_the_toolchain() {
        let settings =
            "profile = \"minimal\"\ndefault_toolchain = \"1.95.0-x86_64-unknown-linux-gnu\"\n[overrides]\n";
        assert_eq!(rustup_default(settings).as_deref(), Some("1.95.0-x86_64-unknown-linux-gnu"));
        assert_eq!(rustup_default("default_toolchain = \"../evil\""), None);
        let machine = Machine {
            home: Some(PathBuf::from("/home/u")),
            rust_toolchain: Some("stable".to_owned()),
            ..Machine::default()
        };
        let manifest = Manifest::of("rust", &machine);
        assert_eq!(manifest.search[0], PathBuf::from("/home/u/.rustup/toolchains/stable/bin"));
        assert_eq!(manifest.env["RUSTUP_TOOLCHAIN"], "stable");
    }

    #[test]
    fn every_wall_that_does_not_stand_is_named() {
        let wall = |name: &str, in_force| SandboxLayer { name: name.to_owned(), in_force };
        let mut machine = Machine::default();
        assert_eq!(machine.missing_walls(&BTreeSet::new()).len(), STRICT_WALLS.len());
        machine.walls = STRICT_WALLS.iter().map(|name| wall(name, true)).collect();
        assert!(machine.missing_walls(&BTreeSet::new()).is_empty());
        machine.walls[0].in_force = false;
        let required = BTreeSet::from(["memory_cgroup".to_owned()]);
        assert_eq!(machine.missing_walls(&required), ["user_namespace", "memory_cgroup"]);
    }
}
