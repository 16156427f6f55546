//! What a program is held to that fetches for a person: it writes in one folder, reads the system and what it was
//! given, ends with who started it, and may use the network, which is what it is for. Knows no protocol.

#![expect(clippy::disallowed_methods, reason = "this process becomes the program that fetches")]

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus,
};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;
use serde::{Deserialize, Serialize};

/// The hidden first argument that makes our own program a fetcher; its order is the second.
pub const FETCHER_ARGUMENT: &str = "__fetcher";
/// The first Landlock that can refuse to move and to cut files.
const KNOWN: ABI = ABI::V3;
/// Programs, libraries, certificates, and how names are resolved. No home, and nothing of a service.
const SYSTEM: [&str; 16] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc",
    "/opt",
    "/nix",
    "/var/lib/ca-certificates",
    "/gnu",
    "/run/systemd/resolve",
    "/run/current-system",
    "/dev/urandom",
    "/dev/null",
    "/proc/self",
];

/// A program to become, and what it may touch beside the system's own folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchOrder {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Further files and folders that it may read.
    pub reads: Vec<PathBuf>,
    /// The one folder that it may write in.
    pub writes: PathBuf,
    /// Bytes of a file that it may write.
    pub file_bytes: u64,
}

impl FetchOrder {
    /// The arguments that make our own program carry out this order.
    pub fn to_arguments(&self) -> io::Result<[String; 2]> {
        let order = serde_json::to_string(self).map_err(io::Error::other)?;
        Ok([FETCHER_ARGUMENT.to_owned(), order])
    }
}

/// Puts up the walls and becomes the program. Comes back only where that is not possible, with the reason. To be
/// called while there is one thread.
pub fn become_fetcher(order: &str) -> io::Error {
    let order: FetchOrder = match serde_json::from_str(order) {
        Ok(order) => order,
        Err(error) => return io::Error::other(error),
    };
    if let Err(error) = hold(&order) {
        return error;
    }
    Command::new(&order.program).args(&order.arguments).exec()
}

fn hold(order: &FetchOrder) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    for (resource, most) in [(Resource::Fsize, order.file_bytes), (Resource::Core, 0)] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    set_no_new_privs(true)?;
    match restrict(order) {
        Ok(RulesetStatus::NotEnforced) => {
            Err(io::Error::other("this kernel has no Landlock, and nothing else keeps git in its folder"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(io::Error::other(error)),
    }
}

fn restrict(order: &FetchOrder) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::from_read(KNOWN);
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(KNOWN))?.create()?;
    for path in SYSTEM.iter().map(Path::new).chain(order.reads.iter().map(PathBuf::as_path)) {
        // what is not there cannot be read either
        if let Ok(held) = PathFd::new(path) {
            let access = if path.is_dir() { read } else { read & AccessFs::from_file(KNOWN) };
            rules = rules.add_rule(PathBeneath::new(held, access))?;
        }
    }
    let own: [(&Path, BitFlags<AccessFs>); 2] = [
        (&order.writes, AccessFs::from_all(KNOWN) & !BitFlags::from(AccessFs::Execute)),
        (Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile),
    ];
    for (path, access) in own {
        if let Ok(held) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(held, access))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}
