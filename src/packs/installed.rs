//! The packs that a lock names, out of the user's shelf: each is read whole, compared with the lock, and only then
//! looked into. Reaches no network.

use std::collections::BTreeMap;
use std::path::Path;

use crate::files::FileError;
use crate::model::{Pack, PackName};
use crate::policy::{LockedPack, Packs};

use super::check::texts;
use super::requirements::{Needs, check_together};
use super::{Lock, LockPlace, Locked, PackError, Shelf, Tree, read_folder, read_manifest};

/// How a locked pack stands on this machine.
#[derive(Debug)]
pub enum Verification {
    /// It is what the lock says.
    Verified,
    /// It is not installed.
    NotInstalled,
    /// It is something else.
    Refused(PackError),
}

/// The packs of a lock, for the policies that name them. An empty set where there is no lock.
///
/// # Errors
/// The lock cannot be used, a pack is not what the lock says, or the packs do not fit together.
pub fn installed_packs(place: &LockPlace, state: &Path) -> Result<Packs, PackError> {
    let lock = place.read()?;
    let mut packs = BTreeMap::new();
    let mut needs = BTreeMap::new();
    let mut all_here = true;
    for (name, locked) in &lock.packs {
        match read_verified(name, locked, state)? {
            Some((pack, tree)) => {
                needs.insert(name.clone(), Needs::of(&pack));
                packs.insert(name.clone(), LockedPack::Verified(texts(&pack, &tree)));
            }
            None => {
                all_here = false;
                packs.insert(name.clone(), LockedPack::NotInstalled);
            }
        }
    }
    if all_here {
        check_together(&needs)?;
    }
    Ok(Packs::new(place.owner, packs))
}

/// How each pack of a lock stands.
pub fn verify_packs(lock: &Lock, state: &Path) -> BTreeMap<PackName, Verification> {
    let stands = |name: &PackName, locked: &Locked| match read_verified(name, locked, state) {
        Ok(Some(_)) => Verification::Verified,
        Ok(None) => Verification::NotInstalled,
        Err(error) => Verification::Refused(error),
    };
    lock.packs.iter().map(|(name, locked)| (name.clone(), stands(name, locked))).collect()
}

/// A locked pack as layers see it.
pub(super) fn verified(name: &PackName, locked: &Locked, state: &Path) -> Result<LockedPack, PackError> {
    let found = read_verified(name, locked, state)?;
    Ok(found.map_or(LockedPack::NotInstalled, |(pack, tree)| LockedPack::Verified(texts(&pack, &tree))))
}

/// What the locked packs are and need; all of them must be here to tell.
pub(super) fn needs_of_locked(lock: &Lock, state: &Path) -> Result<BTreeMap<PackName, Needs>, PackError> {
    let needs = |(name, locked): (&PackName, &Locked)| match read_verified(name, locked, state)? {
        Some((pack, _)) => Ok((name.clone(), Needs::of(&pack))),
        None => Err(PackError::Usage(format!(
            "`{name}` is locked, and not installed on this machine; run `lgflow pack add` first, which installs what the lock names"
        ))),
    };
    lock.packs.iter().map(needs).collect()
}

/// Reads an installed pack, and compares it with the lock before a byte of it is parsed; `None` where it is not here.
pub(super) fn read_verified(
    name: &PackName,
    locked: &Locked,
    state: &Path,
) -> Result<Option<(Pack, Tree)>, PackError> {
    let place = Shelf::place(state, locked.tree);
    let tampered = |found: String| PackError::Tampered {
        pack: name.clone(),
        locked: locked.tree,
        found,
        place: format!("`{}`", place.display()),
        mend: "run `lgflow pack add`, which installs it again".to_owned(),
    };
    let tree = match read_folder(&place) {
        Err(PackError::File { error: FileError::NotFound { .. }, .. }) => return Ok(None),
        Err(PackError::Tree { problem, .. }) => return Err(tampered(format!("({problem})"))),
        tree => tree?,
    };
    if tree.digest() != locked.tree {
        return Err(tampered(tree.digest().to_string()));
    }
    let pack = read_manifest(&tree, &format!("pack:{name}"))?;
    if pack.name.value != *name || pack.version.value != locked.version {
        return Err(PackError::Lock {
            path: super::LOCK_FILE.to_owned(),
            problem: format!(
                "it has `{name}` {}, and that tree is `{}` {}",
                locked.version, pack.name.value, pack.version.value
            ),
        });
    }
    Ok(Some((pack, tree)))
}
