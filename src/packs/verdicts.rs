//! What a new version of a pack allows that the old one did not, and what it denies: policy by policy, field by field,
//! as trust compares a workspace's policies.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole};
use crate::files::RelPath;
use crate::model::PackName;
use crate::policy::{Packs, freeze, widenings};
use crate::source::Sources;

use super::check::policies;
use super::manifest::told;
use super::{PackError, Tree, TreeFile};

/// The change of a pack from one version to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerdictChange {
    /// What the new one allows beyond the old one.
    pub widens: Vec<String>,
    /// What the old one allowed beyond the new one.
    pub narrows: Vec<String>,
    /// Files that differ, are new or are gone.
    pub files: Vec<String>,
}

/// A version of a pack, and the packs that its policies name.
#[derive(Debug, Clone, Copy)]
struct Side<'a> {
    tree: &'a Tree,
    packs: &'a Packs,
}

/// Compares the old tree of a pack with the new one. Each policy is compared in both roles that others can give it:
/// as rules that a grant includes, and as a ceiling.
pub fn verdict_change(
    name: &PackName,
    (old, old_packs): (&Tree, &Packs),
    (new, new_packs): (&Tree, &Packs),
) -> Result<VerdictChange, PackError> {
    let (old, new) = (Side { tree: old, packs: old_packs }, Side { tree: new, packs: new_packs });
    let mut change = VerdictChange { files: changed_files(old.tree, new.tree), ..VerdictChange::default() };
    let old_policies = policies(old.tree);
    for path in policies(new.tree).intersection(&old_policies) {
        let (before, after) = (old.layers(name, path)?, new.layers(name, path)?);
        change.widens.extend(beyond(name, path, &before, &after)?);
        change.narrows.extend(beyond(name, path, &after, &before)?);
    }
    Ok(change)
}

/// One policy of a version in both of its roles, each with the ceilings that it brings.
struct InRoles([Vec<FrozenLayer>; 2]);

impl Side<'_> {
    fn layers(self, name: &PackName, path: &RelPath) -> Result<InRoles, PackError> {
        let role = |role: LayerRole| {
            let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
            let named = format!("pack:{name}/{path}");
            let text = self.packs.policy("", &named).map_err(|lack| PackError::Findings {
                of: format!("`{name}`"),
                findings: vec![format!("{}: {}", lack.message(), lack.help())],
            })?;
            let mut read = |_: &str, name: &str| Err(format!("`{name}` is beneath no pack"));
            let layers = freeze(text, role, self.packs, &mut sources, &mut read, &mut found);
            if found.has_errors() {
                let findings = told(&sources, &found);
                return Err(PackError::Findings { of: format!("`{name}`"), findings });
            }
            Ok(layers)
        };
        Ok(InRoles([role(LayerRole::Grant)?, role(LayerRole::Ceiling)?]))
    }
}

fn beyond(
    name: &PackName,
    path: &RelPath,
    old: &InRoles,
    new: &InRoles,
) -> Result<BTreeSet<String>, PackError> {
    let mut found = BTreeSet::new();
    for (old, new) in old.0.iter().zip(&new.0) {
        let facts = widenings(old, new).map_err(|_| PackError::Findings {
            of: format!("`{name}`"),
            findings: vec![format!("`{path}` cannot be compared with the other version")],
        })?;
        found.extend(facts.into_iter().map(|fact| format!("{path}: {fact}")));
    }
    Ok(found)
}

fn changed_files(old: &Tree, new: &Tree) -> Vec<String> {
    let mut changed = BTreeSet::new();
    for (tree, other) in [(old, new), (new, old)] {
        let same: BTreeMap<&RelPath, &TreeFile> = other.files().collect();
        let found = tree.files().filter(|(path, file)| same.get(path) != Some(file));
        changed.extend(found.map(|(path, _)| path.to_string()));
    }
    changed.into_iter().collect()
}
