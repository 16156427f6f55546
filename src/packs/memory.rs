//! What this user's machine remembers of publishers: where each publishes, and every version of a pack that was seen
//! with the digest of its tree. It lies in the user's state: no file of a workspace adds to it or overrides it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::files::private::{read, replace};
use crate::model::{PackName, PackVersion};

use super::{Lock, Locked, PackError, Source};

const SCHEMA: &str = "lgflow.publishers/v1";

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Where each publisher publishes.
    sources: BTreeMap<String, BTreeSet<String>>,
    /// What was seen of each pack.
    seen: BTreeMap<PackName, Seen>,
}

/// What was seen of a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Each version with the digest that its tree had when it was first seen.
    pub versions: BTreeMap<PackVersion, Digest>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    schema: String,
    publishers: BTreeMap<String, WirePublisher>,
    packs: BTreeMap<String, WireSeen>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePublisher {
    sources: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSeen {
    versions: BTreeMap<String, Digest>,
}

impl Memory {
    /// Reads what is remembered; nothing where nothing was.
    pub fn read(state: &Path) -> Result<Self, PackError> {
        let path = place(state);
        let Some(text) = read(&path)? else { return Ok(Self::default()) };
        let wrong = |problem: String| PackError::Memory { path: path.clone(), problem };
        let wire: Wire = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if wire.schema != SCHEMA {
            return Err(wrong(format!("its schema is not `{SCHEMA}`")));
        }
        let sources = wire.publishers.into_iter().map(|(name, known)| (name, known.sources)).collect();
        let mut seen = BTreeMap::new();
        for (name, versions) in wire.packs {
            let pack = PackName::parse(&name).ok_or_else(|| wrong(format!("`{name}` names no pack")))?;
            let versions = versions.versions.into_iter().map(|(text, digest)| {
                let version = PackVersion::parse(&text);
                Ok((version.ok_or_else(|| wrong(format!("`{text}` is no version")))?, digest))
            });
            seen.insert(pack, Seen { versions: versions.collect::<Result<_, PackError>>()? });
        }
        Ok(Self { sources, seen })
    }

    /// Writes it, all or nothing.
    pub fn write(&self, state: &Path) -> Result<(), PackError> {
        let publishers = self
            .sources
            .iter()
            .map(|(name, sources)| (name.clone(), WirePublisher { sources: sources.clone() }));
        let packs = self.seen.iter().map(|(pack, seen)| {
            let versions = seen.versions.iter().map(|(version, digest)| (version.to_string(), *digest));
            (pack.to_string(), WireSeen { versions: versions.collect() })
        });
        let wire =
            Wire { schema: SCHEMA.to_owned(), publishers: publishers.collect(), packs: packs.collect() };
        let path = place(state);
        let text = serde_json::to_string_pretty(&wire)
            .map_err(|error| PackError::Memory { path: path.clone(), problem: error.to_string() })?;
        Ok(replace(&path, &text)?)
    }

    /// Is this publisher known to publish there?
    pub fn knows(&self, publisher: &str, source: &Source) -> bool {
        self.sources.get(publisher).is_some_and(|known| known.contains(&source.identity()))
    }

    /// Where a publisher is known to publish.
    pub fn sources(&self, publisher: &str) -> Vec<String> {
        self.sources.get(publisher).map(|known| known.iter().cloned().collect()).unwrap_or_default()
    }

    /// All publishers and packs that are known.
    pub fn packs(&self) -> impl Iterator<Item = &PackName> {
        self.seen.keys()
    }

    /// The highest version of a pack that was seen.
    pub fn highest(&self, pack: &PackName) -> Option<&PackVersion> {
        self.seen.get(pack)?.versions.keys().next_back()
    }

    /// The packs of a lock of which a higher version was seen, each with that version.
    pub fn higher_seen<'a>(
        &'a self,
        lock: &'a Lock,
    ) -> impl Iterator<Item = (&'a PackName, &'a Locked, &'a PackVersion)> {
        lock.packs.iter().filter_map(|(name, locked)| {
            let highest = self.highest(name).filter(|highest| **highest > locked.version)?;
            Some((name, locked, highest))
        })
    }

    /// Is this content of this version what was seen before, and is no higher version known?
    pub fn judge(
        &self,
        pack: &PackName,
        version: &PackVersion,
        tree: Digest,
        allow_lower: bool,
    ) -> Result<(), PackError> {
        let Some(seen) = self.seen.get(pack) else { return Ok(()) };
        if let Some(&before) = seen.versions.get(version).filter(|before| **before != tree) {
            let (pack, version) = (pack.clone(), version.clone());
            return Err(PackError::Rewritten { pack, version, seen: before, found: tree });
        }
        match self.highest(pack) {
            Some(highest) if version < highest && !allow_lower => Err(PackError::Lower {
                pack: pack.clone(),
                version: version.clone(),
                highest: highest.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Remembers where a publisher publishes.
    pub fn learn(&mut self, publisher: &str, source: &Source) {
        self.sources.entry(publisher.to_owned()).or_default().insert(source.identity());
    }

    /// Remembers a version.
    pub fn saw(&mut self, pack: &PackName, version: &PackVersion, tree: Digest) {
        let seen = self.seen.entry(pack.clone()).or_default();
        seen.versions.entry(version.clone()).or_insert(tree);
    }
}

fn place(state: &Path) -> PathBuf {
    state.join("packs").join("publishers.json")
}
