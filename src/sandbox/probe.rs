//! What this machine offers for walls, found without putting one up. Whether a wall is in force is another question,
//! and each answer says both.

#![expect(clippy::disallowed_methods, reason = "the system tells about itself in /proc and /sys")]

use std::path::Path;

use super::Layer;

/// What was found of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The layer.
    pub layer: Layer,
    /// Would the machine have it?
    pub offered: Offered,
    /// Is it in force when a command runs in this release?
    pub in_force: bool,
    /// How that was found, or what stands in the way.
    pub how: String,
}

/// Would the machine have a layer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// As far as can be told without trying.
    Yes,
    /// No.
    No,
    /// It can't be told without trying.
    Unknown,
}

/// Looks at every layer.
pub fn probe() -> Vec<Probed> {
    Layer::ALL
        .iter()
        .map(|&layer| {
            let (offered, how) = look(layer);
            Probed { layer, offered, in_force: layer.is_built(), how }
        })
        .collect()
}

fn look(layer: Layer) -> (Offered, String) {
    match layer {
        Layer::CleanEnvironment
        | Layer::ClosedDescriptors
        | Layer::NewSession
        | Layer::NoNewPrivileges
        | Layer::ProgramByDescriptor
        | Layer::ProcessTreeKilled
        | Layer::WallLimit
        | Layer::OutputLimit
        | Layer::ResourceLimits => built(),
        Layer::UserNamespace => user_namespaces(),
        Layer::MountNamespace | Layer::PrivateRoot | Layer::Masks => namespace("mnt"),
        Layer::PidNamespace => namespace("pid"),
        Layer::NetworkNamespace => namespace("net"),
        Layer::IpcNamespace => namespace("ipc"),
        Layer::UtsNamespace => namespace("uts"),
        Layer::OverlayWorkspace => listed("/proc/filesystems", "overlay"),
        Layer::NoCapabilities => {
            (Offered::Yes, "every kernel lets a process give up its capabilities".to_owned())
        }
        Layer::Landlock => listed("/sys/kernel/security/lsm", "landlock"),
        Layer::LandlockNet => match listed("/sys/kernel/security/lsm", "landlock") {
            (Offered::Yes, _) => {
                (Offered::Unknown, "landlock is there; rules for TCP came with Linux 6.7".to_owned())
            }
            other => other,
        },
        Layer::Seccomp => listed("/proc/sys/kernel/seccomp/actions_avail", "kill_process"),
        Layer::MemoryCgroup => listed("/sys/fs/cgroup/cgroup.controllers", "memory"),
        Layer::PidsCgroup => listed("/sys/fs/cgroup/cgroup.controllers", "pids"),
    }
}

fn built() -> (Offered, String) {
    if Path::new("/proc/self/fd").exists() {
        (Offered::Yes, "put up by the helper for every command".to_owned())
    } else {
        (Offered::No, "`/proc` is not mounted".to_owned())
    }
}

fn user_namespaces() -> (Offered, String) {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    if number("/proc/sys/user/max_user_namespaces") == Some(0) {
        return (Offered::No, "`user.max_user_namespaces` is 0".to_owned());
    }
    let root = rustix::process::geteuid().is_root();
    if !root && number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        return (Offered::No, "`kernel.unprivileged_userns_clone` is 0".to_owned());
    }
    if !root && number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        let how =
            "`kernel.apparmor_restrict_unprivileged_userns` is 1; only programs with a profile have them";
        return (Offered::No, how.to_owned());
    }
    match namespace("user") {
        (Offered::Yes, _) => {
            (Offered::Unknown, "the kernel has them; a container may still forbid them".to_owned())
        }
        other => other,
    }
}

fn namespace(name: &str) -> (Offered, String) {
    let path = format!("/proc/self/ns/{name}");
    if Path::new(&path).exists() {
        (Offered::Yes, format!("`{path}` exists"))
    } else {
        (Offered::No, format!("`{path}` does not exist"))
    }
}

fn listed(path: &str, word: &str) -> (Offered, String) {
    match std::fs::read_to_string(path) {
        Ok(text) if text.split([' ', ',', '\t', '\n']).any(|found| found == word) => {
            (Offered::Yes, format!("`{path}` lists `{word}`"))
        }
        Ok(_) => (Offered::No, format!("`{path}` does not list `{word}`")),
        Err(error) => (Offered::Unknown, format!("`{path}`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_is_probed_and_no_wall_is_claimed() {
        let probed = probe();
        assert_eq!(probed.len(), Layer::ALL.len());
        assert!(probed.iter().all(|probed| !probed.how.is_empty()));
        for layer in [Layer::UserNamespace, Layer::Landlock, Layer::Seccomp, Layer::NetworkNamespace] {
            assert!(probed.iter().any(|probed| probed.layer == layer && !probed.in_force));
        }
    }
}
