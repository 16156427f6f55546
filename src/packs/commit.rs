//! The only place that changes anything: trees onto the shelf, what was learnt into the user's memory, and the lock,
//! in this order, so that an interruption leaves nothing that is used and not whole.

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::PackName;

use super::{Candidate, Lock, LockPlace, Locked, Memory, Opened, PackError, Shelf};

/// Installs packs, remembers them, and locks them.
pub fn commit(
    chosen: &BTreeMap<PackName, Candidate>,
    place: &LockPlace,
    mut lock: Lock,
    shelf: &Shelf,
    (memory, state): (&mut Memory, &Path),
) -> Result<(), PackError> {
    for candidate in chosen.values() {
        shelf.install(&candidate.tree)?;
    }
    for (name, candidate) in chosen {
        memory.learn(name.publisher(), &candidate.locked.source);
        memory.saw(name, &candidate.locked.version, candidate.locked.tree);
        lock.packs.insert(name.clone(), candidate.locked.clone());
    }
    memory.write(state)?;
    place.write(&lock)
}

/// Fetches a locked pack again and installs it, if it still is what the lock says. The lock stays as it is.
pub fn reinstall(
    name: &PackName,
    locked: &Locked,
    shelf: &Shelf,
    (memory, state): (&mut Memory, &Path),
) -> Result<(), PackError> {
    let opened = Opened::as_locked(name, locked, shelf)?;
    let candidate = opened.candidate(Some(name), Some(&locked.folder))?;
    if candidate.locked.tree != locked.tree {
        return Err(PackError::Tampered {
            pack: name.clone(),
            locked: locked.tree,
            found: candidate.locked.tree.to_string(),
            place: locked.source.to_string(),
            mend: format!(
                "if the change is meant, run `lgflow pack update {name}`, which shows what changes"
            ),
        });
    }
    shelf.install(&candidate.tree)?;
    memory.learn(name.publisher(), &locked.source);
    memory.saw(name, &locked.version, locked.tree);
    memory.write(state)
}
