//! What stands on this machine, found by putting it up: a helper does everything that it does for a command and starts
//! none. Asked once in the life of a process.

#![expect(
    clippy::disallowed_methods,
    reason = "what stands in the way of a layer is told by the system in /proc"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::effect::SandboxLayer;
use crate::policy::{NetworkAccess, WorkspaceMode};

use super::layer::{Layer, Standing};
use super::run::try_layers;
use super::{Confined, Helper, Job, Program, Stack, UpperBounds, UpperSize};

/// What was found of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The layer.
    pub layer: Layer,
    /// Does it stand?
    pub in_force: bool,
    /// How that was found, or what stands in the way.
    pub how: String,
    /// The one thing that would help, where it does not stand.
    pub help: Option<String>,
}

/// A folder that every system has, to try an overlay over.
const ANY_FOLDER: &str = "/usr";

/// Each layer, and whether it stands here: what a policy's demands are held against.
pub fn walls() -> Vec<SandboxLayer> {
    static WALLS: OnceLock<Vec<SandboxLayer>> = OnceLock::new();
    WALLS
        .get_or_init(|| {
            probe(&Helper::this_program(), None)
                .into_iter()
                .map(|one| SandboxLayer { name: one.layer.name().to_owned(), in_force: one.in_force })
                .collect()
        })
        .clone()
}

/// Puts up every layer, over `workspace` where one is given, and says what came of it.
pub fn probe(helper: &Helper, workspace: Option<&Path>) -> Vec<Probed> {
    let tried = attempt(helper, workspace.unwrap_or(Path::new(ANY_FOLDER)));
    Layer::ALL.into_iter().map(|layer| look(layer, &tried)).collect()
}

fn attempt(helper: &Helper, workspace: &Path) -> Result<Standing, String> {
    let folder = openat(CWD, workspace, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let held = folder.map_err(|errno| format!("{}: {errno}", workspace.display()))?;
    let program =
        std::fs::File::open("/proc/self/exe").map_err(|error| format!("/proc/self/exe: {error}"))?;
    // it is never executed; any program would do that can be seen in a private root
    let (path, file) = ["/bin/sh", "/usr/bin/env"]
        .iter()
        .find_map(|path| Some((PathBuf::from(path), std::fs::File::open(path).ok()?)))
        .unwrap_or((PathBuf::from("/proc/self/exe"), program));
    let stack = Stack {
        workspace: held,
        path: PathBuf::from("/workspace"),
        view: WorkspaceMode::Overlay,
        mask: vec![PathBuf::from(".lgflow-probe")],
        opaque: Vec::new(),
        caches: Vec::new(),
        binds: Vec::new(),
        unsafe_write: Vec::new(),
        upper: UpperSize { bytes: 1 << 20, inodes: 1000 },
        network: NetworkAccess::Deny,
    };
    let confined = Confined {
        argv: vec!["probe".to_owned()],
        env: BTreeMap::new(),
        wall: Duration::from_secs(10),
        cpu: None,
        memory: None,
        processes: None,
        file_bytes: None,
        output: 0,
        demanded: Vec::new(),
    };
    let program = Program { file: file.into(), path, is_script: false };
    let bounds = UpperBounds { files: 0, file_bytes: 0, bytes: 0, binary: false };
    let job = Job {
        program: &program,
        confined: &confined,
        stack: &stack,
        cwd: Path::new(""),
        stdin: None,
        bounds,
    };
    try_layers(helper, &job).map_err(|error| error.to_string())
}

fn look(layer: Layer, tried: &Result<Standing, String>) -> Probed {
    match tried {
        Err(why) => Probed { layer, in_force: false, how: why.clone(), help: None },
        Ok(standing) if standing.is_up(layer) => {
            Probed { layer, in_force: true, how: how(layer).to_owned(), help: None }
        }
        Ok(standing) => {
            let why = standing.why_not(layer).unwrap_or("a layer that it needs was not put up").to_owned();
            Probed { layer, in_force: false, how: why, help: help(layer) }
        }
    }
}

/// What was done to find that it stands.
fn how(layer: Layer) -> &'static str {
    match layer {
        Layer::CleanEnvironment | Layer::ClosedDescriptors | Layer::NewSession => {
            "done for a helper of its own"
        }
        Layer::NoNewPrivileges => "`PR_SET_NO_NEW_PRIVS` was set",
        Layer::ProgramByDescriptor => "a program was opened, and is executed by its descriptor",
        Layer::ProcessTreeKilled => "the helper's first process ends all others of its namespace",
        Layer::WallLimit | Layer::OutputLimit => "kept by the runner and its helper",
        Layer::ResourceLimits => "`setrlimit` set each",
        Layer::UserNamespace
        | Layer::MountNamespace
        | Layer::PidNamespace
        | Layer::NetworkNamespace
        | Layer::IpcNamespace
        | Layer::UtsNamespace => "a process was started in one",
        Layer::PrivateRoot => "one was made in memory, and entered by `pivot_root`",
        Layer::Masks => "a whiteout was made in a mask layer",
        Layer::OverlayWorkspace => "one was mounted",
        Layer::NoCapabilities => "all were dropped, and none was left",
        Layer::Landlock => "rules for files were put in force",
        Layer::Seccomp => "the filter was installed",
        Layer::MemoryCgroup | Layer::PidsCgroup => "a group was made, and joined",
        Layer::LandlockNet => "rules for TCP were put in force",
    }
}

/// The one command or setting that would help.
fn help(layer: Layer) -> Option<String> {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let help = match layer {
        Layer::UserNamespace
        | Layer::MountNamespace
        | Layer::PidNamespace
        | Layer::NetworkNamespace
        | Layer::IpcNamespace
        | Layer::UtsNamespace => {
            if number("/proc/sys/user/max_user_namespaces") == Some(0) {
                "sudo sysctl user.max_user_namespaces=10000"
            } else if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
                "sudo sysctl kernel.unprivileged_userns_clone=1"
            } else if number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
                "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
            } else {
                "in a container: start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
            }
        }
        Layer::PrivateRoot | Layer::Masks => {
            "in a container: start it with --security-opt systempaths=unconfined --security-opt seccomp=unconfined"
        }
        Layer::OverlayWorkspace => "sudo modprobe overlay",
        Layer::Landlock | Layer::LandlockNet => {
            "start the kernel (6.7 or newer) with lsm=landlock,... in its command line"
        }
        Layer::MemoryCgroup | Layer::PidsCgroup => "systemd-run --user --scope -p Delegate=yes lgflow run",
        _ => return None,
    };
    Some(help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_helper_nothing_is_claimed() {
        let probed = probe(&Helper::other("/bin/false".into(), Vec::new()), None);
        assert_eq!(probed.len(), Layer::ALL.len());
        assert!(probed.iter().all(|one| !one.in_force && !one.how.is_empty()));
    }
}
