//! Landlock: what a command may do to files by where they are, whatever the mounts say; no TCP where it has no
//! network, and no signals or abstract sockets out of its domain where the kernel knows of them. Knows no mount.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
};
use rustix::fs::{Mode, OFlags, open};

use super::layer::{Layer, Standing};

/// What a command may do where.
#[derive(Debug, Default)]
pub(super) struct Fences<'a> {
    /// Read and execute.
    pub(super) read: Vec<&'a Path>,
    /// Everything but making devices.
    pub(super) write: Vec<&'a Path>,
    /// Devices: read and write.
    pub(super) devices: Vec<&'a Path>,
    /// May it use TCP?
    pub(super) network: bool,
}

/// The least version that counts as a wall: before it, files could be cut short unseen.
const LEAST: i32 = 3;
/// The newest version that is known here.
const NEWEST: i32 = 10;

/// Puts this process, and all that it will start, behind the fences. Where it can't be put up whole it is not.
pub(super) fn restrict(fences: &Fences<'_>, standing: &mut Standing) {
    let abi = match version() {
        Ok(abi) => abi,
        Err(why) => {
            standing.fails(Layer::LandlockNet, why.clone());
            return standing.fails(Layer::Landlock, why);
        }
    };
    let done = rules(fences, abi);
    match &done {
        Ok(()) if fences.network => standing.fails(Layer::LandlockNet, "the rule allows the network"),
        Ok(()) if abi < ABI::V4 => standing.fails(Layer::LandlockNet, "rules for TCP came with Linux 6.7"),
        other => standing.record(Layer::LandlockNet, other.as_ref().copied()),
    }
    standing.record(Layer::Landlock, done);
}

/// The newest version that the kernel has whole.
fn version() -> Result<ABI, String> {
    let mut refused = String::new();
    for number in (LEAST..=NEWEST).rev() {
        let abi = ABI::from(number);
        match handled(abi, false).and_then(Ruleset::create) {
            Ok(_) => return Ok(abi),
            Err(error) => refused = error.to_string(),
        }
    }
    Err(format!("version {LEAST} (Linux 6.2) or newer is wanted: {refused}"))
}

/// All that a version can refuse: several of them differ in what is not a file alone.
fn handled(abi: ABI, network: bool) -> Result<Ruleset, RulesetError> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let mut ruleset = ruleset.handle_access(AccessFs::from_all(abi))?;
    if !network && abi >= ABI::V4 {
        ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    }
    Ok(ruleset)
}

fn rules(fences: &Fences<'_>, abi: ABI) -> Result<(), RulesetError> {
    let all = AccessFs::from_all(abi);
    let ruleset = handled(abi, fences.network)?;
    let read = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let devices = AccessFs::ReadFile | AccessFs::WriteFile;
    let write = all & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let mut created = ruleset.create()?;
    for (paths, access) in [(&fences.read, read), (&fences.write, write), (&fences.devices, devices)] {
        for path in paths {
            let Some((place, is_folder)) = held(path) else { continue };
            let access = if is_folder { access } else { access & AccessFs::from_file(abi) };
            created = created.add_rule(PathBeneath::new(place.as_fd(), access & all))?;
        }
    }
    created.restrict_self()?;
    Ok(())
}

/// What is not there needs no rule: nothing is allowed that is not named.
fn held(path: &Path) -> Option<(OwnedFd, bool)> {
    let place = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let facts = rustix::fs::fstat(&place).ok()?;
    Some((place, rustix::fs::FileType::from_raw_mode(facts.st_mode).is_dir()))
}
