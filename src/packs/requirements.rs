//! Do packs that are to be used together fit: is everything there that one of them requires, in a version that does,
//! and does none lead back to itself?

use std::collections::BTreeMap;

use crate::model::{Pack, PackName, PackVersion};

use super::PackError;

/// What a pack is and needs, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) version: PackVersion,
    pub(super) requires: BTreeMap<PackName, PackVersion>,
}

impl Needs {
    pub(super) fn of(pack: &Pack) -> Self {
        let requires =
            pack.requires.iter().map(|needed| (needed.pack.value.clone(), needed.version.value.clone()));
        Self { version: pack.version.value.clone(), requires: requires.collect() }
    }
}

/// Checks a set of packs.
pub(super) fn check_together(packs: &BTreeMap<PackName, Needs>) -> Result<(), PackError> {
    for (by, needs) in packs {
        for (needed, version) in &needs.requires {
            let (by, needed, version) = (by.clone(), needed.clone(), version.clone());
            match packs.get(&needed) {
                None => return Err(PackError::Missing { by, needed, version }),
                Some(found) if !found.version.satisfies(&version) => {
                    return Err(conflict(packs, by, needed, version, found.version.clone()));
                }
                Some(_) => {}
            }
        }
    }
    packs.keys().try_for_each(|start| follow(packs, start, &mut Vec::new()))
}

fn conflict(
    packs: &BTreeMap<PackName, Needs>,
    by: PackName,
    needed: PackName,
    version: PackVersion,
    have: PackVersion,
) -> PackError {
    let others = packs.iter().filter(|(other, _)| **other != by).filter_map(|(other, needs)| {
        needs.requires.get(&needed).map(|version| format!("`{other}` requires {version}"))
    });
    let others: Vec<String> = others.collect();
    let mend = if others.is_empty() {
        format!("run `lgflow pack update {needed}`, or take a version of `{by}` that does with {have}")
    } else {
        "take versions of both that agree".to_owned()
    };
    PackError::Conflict { by, needed, version, have, others, mend }
}

/// Depth first; the names on the way are the cycle where one comes again.
fn follow(packs: &BTreeMap<PackName, Needs>, at: &PackName, way: &mut Vec<String>) -> Result<(), PackError> {
    if let Some(from) = way.iter().position(|name| name == at.as_str()) {
        let cycle = way[from..].iter().cloned().chain([at.to_string()]);
        return Err(PackError::Cycle(cycle.collect()));
    }
    way.push(at.to_string());
    for needed in packs.get(at).into_iter().flat_map(|needs| needs.requires.keys()) {
        follow(packs, needed, way)?;
    }
    way.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pack<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    fn check(packs: &[Pack<'_>]) -> Result<(), String> {
        let name = |text: &str| PackName::parse(text).unwrap();
        let version = |text: &str| PackVersion::parse(text).unwrap();
        let needs = |at: &str, requires: &[(&str, &str)]| Needs {
            version: version(at),
            requires: requires.iter().map(|(needed, least)| (name(needed), version(least))).collect(),
        };
        let set = packs.iter().map(|(pack, at, requires)| (name(pack), needs(at, requires))).collect();
        check_together(&set).map_err(|error| error.to_string())
    }

    #[test]
    fn what_fits_together() {
        assert_eq!(check(&[("a/x", "1.0.0", &[("a/y", "1.2.0")]), ("a/y", "1.3.0", &[])]), Ok(()));
        let missing = check(&[("a/x", "1.0.0", &[("a/y", "1.2.0")])]).unwrap_err();
        assert!(missing.contains("`lgflow pack add a/y --from SOURCE`"), "{missing}");
        let conflict = check(&[
            ("a/x", "1.0.0", &[("a/y", "1.2.0")]),
            ("a/y", "2.0.0", &[]),
            ("a/z", "1.0.0", &[("a/y", "2.0.0")]),
        ]);
        let conflict = conflict.unwrap_err();
        assert!(
            conflict.contains("`a/z` requires 2.0.0") && conflict.contains("would be 2.0.0"),
            "{conflict}"
        );
        let cycle = check(&[
            ("a/x", "1.0.0", &[("a/y", "1.0.0")]),
            ("a/y", "1.0.0", &[("a/z", "1.0.0")]),
            ("a/z", "1.0.0", &[("a/y", "1.0.0")]),
        ]);
        assert!(cycle.unwrap_err().contains("a/y -> a/z -> a/y"));
    }
}
