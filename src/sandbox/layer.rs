//! The walls by name, which of them a policy demands, and how they stand for one command. Knows no system call.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::effect::SandboxLayer;
use crate::policy::{NetworkAccess, STRICT_WALLS};

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

    /// The layer of that name.
    pub fn named(name: &str) -> Option<Layer> {
        Layer::ALL.into_iter().find(|layer| layer.name() == name)
    }

    /// Does `strict` demand it? Cgroups and Landlock on the network only where a policy says so; and a script, whose
    /// interpreter opens it again by name, is no reason to refuse.
    pub fn is_strict(self) -> bool {
        STRICT_WALLS.contains(&self.name())
    }
}

/// The layers that a command's policy demands, by name: those of `strict`, and those that it names. A command that may
/// use the machine's network is not asked for a network of its own.
pub(super) fn demanded(strict: bool, require: &[String], network: NetworkAccess) -> Vec<String> {
    let wanted = |layer: &&Layer| {
        strict && layer.is_strict() && (**layer != Layer::NetworkNamespace || network == NetworkAccess::Deny)
    };
    let mut names: Vec<String> =
        Layer::ALL.iter().filter(wanted).map(|layer| layer.name().to_owned()).collect();
    for name in require {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// How each layer stands for one command: filled in by what happened when it was put up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    layers: BTreeMap<Layer, Result<(), String>>,
}

impl Standing {
    /// It is in force.
    pub(super) fn stands(&mut self, layer: Layer) {
        self.layers.entry(layer).or_insert(Ok(()));
    }

    /// It is not, and why. What failed once does not stand, whatever is said later.
    pub(super) fn fails(&mut self, layer: Layer, why: impl Into<String>) {
        self.layers.insert(layer, Err(why.into()));
    }

    /// Takes over what another process found.
    pub(super) fn absorb(&mut self, other: &Standing) {
        for (layer, result) in &other.layers {
            match result {
                Ok(()) => self.stands(*layer),
                Err(why) => self.fails(*layer, why.as_str()),
            }
        }
    }

    /// What a step that puts it up came to.
    pub(super) fn record<E: Display>(&mut self, layer: Layer, result: Result<(), E>) {
        match result {
            Ok(()) => self.stands(layer),
            Err(error) => self.fails(layer, error.to_string()),
        }
    }

    /// Is it in force?
    pub fn is_up(&self, layer: Layer) -> bool {
        matches!(self.layers.get(&layer), Some(Ok(())))
    }

    /// Why it is not in force, where that is known.
    pub fn why_not(&self, layer: Layer) -> Option<&str> {
        self.layers.get(&layer)?.as_ref().err().map(String::as_str)
    }

    /// Those of `names` that are not in force, also what no layer is called.
    pub fn missing(&self, names: &[String]) -> Vec<String> {
        let is_missing = |name: &&String| !Layer::named(name).is_some_and(|layer| self.is_up(layer));
        names.iter().filter(is_missing).cloned().collect()
    }

    /// Did one of `names` fail already? One that is no layer did.
    pub(super) fn has_failed(&self, names: &[String]) -> bool {
        names.iter().any(|name| Layer::named(name).is_none_or(|layer| self.why_not(layer).is_some()))
    }

    /// Every layer with whether it is in force, as results have it.
    pub fn layers(&self) -> Vec<SandboxLayer> {
        let one = |layer: Layer| SandboxLayer { name: layer.name().to_owned(), in_force: self.is_up(layer) };
        Layer::ALL.into_iter().map(one).collect()
    }

    /// Each layer that was tried, by name, with why it is not in force where it is not.
    pub(super) fn told(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        self.layers.iter().map(|(layer, result)| (layer.name(), result.as_ref().err().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_demands_every_wall_but_those_that_only_a_policy_names() {
        let names = demanded(true, &[], NetworkAccess::Deny);
        // each is the name of a layer, or strict would demand what there is not
        assert_eq!(names.len(), STRICT_WALLS.len());
        for name in ["memory_cgroup", "pids_cgroup", "landlock_net", "program_by_descriptor"] {
            assert!(!names.iter().any(|known| known == name), "{name}");
        }
        assert!(!demanded(true, &[], NetworkAccess::Allow).contains(&"network_namespace".to_owned()));
        assert_eq!(demanded(false, &["pids_cgroup".to_owned()], NetworkAccess::Deny), ["pids_cgroup"]);
    }

    #[test]
    fn what_failed_or_was_never_tried_is_missing() {
        let mut standing = Standing::default();
        standing.stands(Layer::Seccomp);
        standing.fails(Layer::Landlock, "no");
        standing.stands(Layer::Landlock);
        let names = ["seccomp", "landlock_fs", "pid_namespace", "no_such"].map(str::to_owned);
        assert_eq!(standing.missing(&names), ["landlock_fs", "pid_namespace", "no_such"]);
        assert_eq!(standing.why_not(Layer::Landlock), Some("no"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = Layer::ALL.iter().map(|layer| layer.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Layer::ALL.len());
    }
}
