//! Everything that has to hold before a pack is installed: what it requires is there, nothing conflicts, no version is
//! lower than one that was seen or has another content, and a person knows the publisher. Changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use crate::diag::is_one_slip;
use crate::model::PackName;
use crate::policy::{LockOwner, LockedPack, Packs};

use super::check::texts;
use super::installed::needs_of_locked;
use super::requirements::{Needs, check_together};
use super::{Candidate, Lock, Memory, Opened, PackError, Source, check_pack};

/// What a person has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResolveRules {
    /// May a version be lower than one that was seen?
    pub allow_lower: bool,
}

/// What is to be installed, and what a person has to know.
#[derive(Debug)]
pub struct Resolution {
    /// The pack that was asked for and those that came with it.
    pub chosen: BTreeMap<PackName, Candidate>,
    /// All packs as they would be, for the policies that name each other.
    pub packs: Packs,
    /// Publishers that are not known to publish where their packs come from.
    pub unknown: Vec<(String, Source)>,
    /// What looks odd and is not refused.
    pub warnings: Vec<String>,
}

/// Judges `first`, found in `opened`, beside what is locked.
pub fn resolve(
    first: Candidate,
    opened: &Opened,
    lock: &Lock,
    state: &Path,
    memory: &Memory,
    rules: ResolveRules,
) -> Result<Resolution, PackError> {
    let mut all = needs_of_locked(lock, state)?;
    let chosen = with_siblings(first, opened, lock)?;
    all.extend(chosen.iter().map(|(name, candidate)| (name.clone(), Needs::of(&candidate.pack))));
    check_together(&all)?;
    let mut unknown: Vec<(String, Source)> = Vec::new();
    for (name, candidate) in &chosen {
        let locked = &candidate.locked;
        memory.judge(name, &locked.version, locked.tree, rules.allow_lower)?;
        let source = (name.publisher().to_owned(), locked.source.clone());
        if !memory.knows(&source.0, &source.1) && !unknown.contains(&source) {
            unknown.push(source);
        }
    }
    let packs = as_they_would_be(&chosen, lock, state)?;
    for (name, candidate) in &chosen {
        check_pack(&candidate.tree, &format!("pack:{name}"), &packs)?.demand_sound(name.as_str())?;
    }
    let warnings = chosen.keys().flat_map(|name| look_alikes(name, lock, memory)).collect();
    Ok(Resolution { chosen, packs, unknown, warnings })
}

/// What the pack requires and is not locked, or is locked in a version that does not do, where it lies beside it in
/// the same source.
fn with_siblings(
    first: Candidate,
    opened: &Opened,
    lock: &Lock,
) -> Result<BTreeMap<PackName, Candidate>, PackError> {
    let mut chosen = BTreeMap::new();
    let mut ahead = vec![first];
    while let Some(candidate) = ahead.pop() {
        for needed in &candidate.pack.requires {
            let (name, version) = (&needed.pack.value, &needed.version.value);
            let known = |other: &Candidate| other.name() == name;
            let there = chosen.contains_key(name) || known(&candidate) || ahead.iter().any(known);
            let locked = lock.packs.get(name);
            if there || locked.is_some_and(|locked| locked.version.satisfies(version)) {
                continue;
            }
            match (opened.sibling(name), locked) {
                (Some(sibling), _) => ahead.push(sibling?),
                // that it does not do is told where all are compared
                (None, Some(_)) => {}
                (None, None) => {
                    let (by, needed, version) = (candidate.name().clone(), name.clone(), version.clone());
                    return Err(PackError::Missing { by, needed, version });
                }
            }
        }
        chosen.insert(candidate.name().clone(), candidate);
    }
    Ok(chosen)
}

fn as_they_would_be(
    chosen: &BTreeMap<PackName, Candidate>,
    lock: &Lock,
    state: &Path,
) -> Result<Packs, PackError> {
    let mut packs = BTreeMap::new();
    for (name, locked) in lock.packs.iter().filter(|(name, _)| !chosen.contains_key(name)) {
        packs.insert(name.clone(), super::installed::verified(name, locked, state)?);
    }
    for (name, candidate) in chosen {
        packs.insert(name.clone(), LockedPack::Verified(texts(&candidate.pack, &candidate.tree)));
    }
    Ok(Packs::new(LockOwner::Workspace, packs))
}

/// Names that one slip of a finger would make out of each other: a pack's, or a publisher's.
fn look_alikes(name: &PackName, lock: &Lock, memory: &Memory) -> Vec<String> {
    let known = lock.packs.keys().chain(memory.packs()).filter(|other| *other != name);
    let alike = |other: &&PackName| is_one_slip(other.as_str(), name.as_str());
    let mut found: Vec<&PackName> = known.filter(alike).collect();
    found.sort();
    found.dedup();
    let told = |other: &PackName| {
        format!(
            "`{name}` is one letter away from `{other}`, which is known here; make sure that it is the one you mean"
        )
    };
    found.into_iter().map(told).collect()
}
