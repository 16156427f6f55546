//! The walls by name, and which of them stand in this release. Knows no system call.

use crate::effect::SandboxLayer;
use crate::policy::WorkspaceMode;

/// A wall around a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it; docs/sandbox.md describes each")]
pub enum Layer {
    CleanEnvironment,
    ClosedDescriptors,
    NewSession,
    NoNewPrivileges,
    ProgramByDescriptor,
    ProcessTreeKilled,
    WallLimit,
    OutputLimit,
    ResourceLimits,
    UserNamespace,
    MountNamespace,
    PidNamespace,
    NetworkNamespace,
    IpcNamespace,
    UtsNamespace,
    PrivateRoot,
    Masks,
    OverlayWorkspace,
    NoCapabilities,
    Landlock,
    Seccomp,
    MemoryCgroup,
    PidsCgroup,
    LandlockNet,
}

impl Layer {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Layer; 24] = [
        Layer::CleanEnvironment,
        Layer::ClosedDescriptors,
        Layer::NewSession,
        Layer::NoNewPrivileges,
        Layer::ProgramByDescriptor,
        Layer::ProcessTreeKilled,
        Layer::WallLimit,
        Layer::OutputLimit,
        Layer::ResourceLimits,
        Layer::UserNamespace,
        Layer::MountNamespace,
        Layer::PidNamespace,
        Layer::NetworkNamespace,
        Layer::IpcNamespace,
        Layer::UtsNamespace,
        Layer::PrivateRoot,
        Layer::Masks,
        Layer::OverlayWorkspace,
        Layer::NoCapabilities,
        Layer::Landlock,
        Layer::Seccomp,
        Layer::MemoryCgroup,
        Layer::PidsCgroup,
        Layer::LandlockNet,
    ];

    /// The name in results and policies.
    pub fn name(self) -> &'static str {
        match self {
            Layer::CleanEnvironment => "clean_environment",
            Layer::ClosedDescriptors => "closed_descriptors",
            Layer::NewSession => "new_session",
            Layer::NoNewPrivileges => "no_new_privileges",
            Layer::ProgramByDescriptor => "program_by_descriptor",
            Layer::ProcessTreeKilled => "process_tree_killed",
            Layer::WallLimit => "wall_limit",
            Layer::OutputLimit => "output_limit",
            Layer::ResourceLimits => "resource_limits",
            Layer::UserNamespace => "user_namespace",
            Layer::MountNamespace => "mount_namespace",
            Layer::PidNamespace => "pid_namespace",
            Layer::NetworkNamespace => "network_namespace",
            Layer::IpcNamespace => "ipc_namespace",
            Layer::UtsNamespace => "uts_namespace",
            Layer::PrivateRoot => "private_root",
            Layer::Masks => "read_masks",
            Layer::OverlayWorkspace => "workspace_overlay",
            Layer::NoCapabilities => "no_capabilities",
            Layer::Landlock => "landlock_fs",
            Layer::Seccomp => "seccomp",
            Layer::MemoryCgroup => "memory_cgroup",
            Layer::PidsCgroup => "pids_cgroup",
            Layer::LandlockNet => "landlock_net",
        }
    }

    /// Does this release put it up?
    pub fn is_built(self) -> bool {
        self <= Layer::ResourceLimits
    }

    /// Does `strict` demand it? Cgroups and Landlock on the network only where a policy says so.
    pub fn is_strict(self) -> bool {
        self < Layer::MemoryCgroup
    }
}

/// What `strict` and `require` demand and this release does not have, by name.
pub fn missing_layers(strict: bool, require: &[String]) -> Vec<&str> {
    let mut missing: Vec<&str> = Vec::new();
    if strict {
        missing.extend(
            Layer::ALL
                .iter()
                .filter(|layer| layer.is_strict() && !layer.is_built())
                .map(|layer| layer.name()),
        );
    }
    for name in require {
        let built = Layer::ALL.iter().any(|layer| layer.name() == name && layer.is_built());
        if !built && !missing.contains(&name.as_str()) {
            missing.push(name);
        }
    }
    missing
}

/// Each layer, and whether this release puts it up: what a policy's demands are held against.
pub fn walls() -> Vec<SandboxLayer> {
    let wall = |layer: &Layer| SandboxLayer { name: layer.name().to_owned(), in_force: layer.is_built() };
    Layer::ALL.iter().map(wall).collect()
}

/// Each layer, in force or not, for a command that really ran; and what it saw as its workspace.
pub fn layers_in_force(workspace: WorkspaceMode, by_descriptor: bool) -> Vec<SandboxLayer> {
    let mut layers: Vec<SandboxLayer> = Layer::ALL
        .iter()
        .map(|layer| SandboxLayer {
            name: layer.name().to_owned(),
            in_force: layer.is_built() && (by_descriptor || *layer != Layer::ProgramByDescriptor),
        })
        .collect();
    let name = match workspace {
        WorkspaceMode::Direct => "workspace:direct",
        WorkspaceMode::Copy | WorkspaceMode::Overlay => "workspace:copy",
    };
    layers.push(SandboxLayer { name: name.to_owned(), in_force: true });
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_misses_every_wall_that_is_not_built_and_best_effort_none() {
        let missing = missing_layers(true, &[]);
        for name in [
            "user_namespace",
            "mount_namespace",
            "pid_namespace",
            "network_namespace",
            "ipc_namespace",
            "private_root",
            "read_masks",
            "landlock_fs",
            "seccomp",
            "workspace_overlay",
        ] {
            assert!(missing.contains(&name), "{name}");
        }
        assert!(!missing.contains(&"memory_cgroup"));
        assert_eq!(missing_layers(false, &[]), Vec::<&str>::new());
        assert_eq!(
            missing_layers(false, &["pids_cgroup".to_owned(), "wall_limit".to_owned()]),
            ["pids_cgroup"]
        );
        assert_eq!(missing_layers(false, &["no_such".to_owned()]), ["no_such"]);
    }

    #[test]
    fn every_wall_that_a_strict_policy_names_is_known_here() {
        for wall in crate::policy::STRICT_WALLS {
            assert!(Layer::ALL.iter().any(|layer| layer.name() == wall && layer.is_strict()), "{wall}");
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = Layer::ALL.iter().map(|layer| layer.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Layer::ALL.len());
    }
}
