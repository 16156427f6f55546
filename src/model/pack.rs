//! What a pack is called, which version it is, and its manifest `pack.yaml`, with a span at everything. Resolves
//! nothing: what a pack needs is fetched and compared elsewhere.

use std::fmt;
use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::{Damage, Tree};
use crate::files::RelPath;
use crate::source::{Located, Span};

use super::decode::{Decoder, OwnKeys, Shape, Slot};

/// The schema id of a pack's manifest.
pub const PACK_SCHEMA: &str = "lgflow.pack/v1";
/// How the name of a layer begins that comes from a pack.
pub const PACK_PREFIX: &str = "pack:";
/// The policy that a pack's bare name means.
const MAIN_POLICY: &str = "policy.yaml";
/// Bytes of a pack's name.
const MAX_NAME: usize = 80;
const NAME_HELP: &str =
    "write `publisher/name`, each of small letters, digits and single `-`, 80 bytes in all";
const VERSION_HELP: &str = "write a semantic version without build data, as in `1.4.0` or `2.0.0-rc.1`";

/// The name of a pack: `publisher/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackName(Arc<str>);

impl PackName {
    /// Parses `publisher/name`: two words of small letters, digits and single `-` between them. Nothing else, so that
    /// no two names look alike but by their letters.
    pub fn parse(text: &str) -> Option<Self> {
        let (publisher, name) = text.split_once('/')?;
        let sound = text.len() <= MAX_NAME && is_word(publisher) && is_word(name);
        sound.then(|| Self(text.into()))
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who publishes it.
    pub fn publisher(&self) -> &str {
        self.0.split_once('/').map_or("", |(publisher, _)| publisher)
    }

    /// Its name among the packs of its publisher.
    pub fn short(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl fmt::Display for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_word(text: &str) -> bool {
    let letters = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(letters)
}

/// A policy of a pack, as layers name it: `pack:publisher/name`, or `pack:publisher/name/FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRef {
    /// The pack.
    pub pack: PackName,
    /// The file in it; `policy.yaml` where none is named.
    pub file: RelPath,
}

impl PackRef {
    /// Parses the name of a layer; `None` where it is no well-formed name of a pack.
    pub fn parse(layer: &str) -> Option<Self> {
        let named = layer.strip_prefix(PACK_PREFIX)?;
        let mut parts = named.splitn(3, '/');
        let pack = PackName::parse(&format!("{}/{}", parts.next()?, parts.next()?))?;
        let file = RelPath::parse(parts.next().unwrap_or(MAIN_POLICY)).ok()?;
        (!file.is_root()).then_some(Self { pack, file })
    }
}

impl fmt::Display for PackRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PACK_PREFIX}{}/{}", self.pack, self.file)
    }
}

/// The version of a pack: a semantic version without build data, which would make two versions of equal rank.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackVersion(semver::Version);

impl PackVersion {
    /// Parses `1.4.0` or `2.0.0-rc.1`.
    pub fn parse(text: &str) -> Option<Self> {
        const MOST: u64 = 999_999_999;
        let version = semver::Version::parse(text).ok()?;
        let small = [version.major, version.minor, version.patch].iter().all(|number| *number <= MOST);
        (small && version.build.is_empty()).then_some(Self(version))
    }

    /// Does this version do where `needed` is asked for: is it that one, or a higher one that is compatible with it?
    pub fn satisfies(&self, needed: &PackVersion) -> bool {
        let (major, minor) = (self.0.major, self.0.minor);
        let compatible = match (needed.0.major, needed.0.minor) {
            (0, 0) => (major, minor, self.0.patch) == (0, 0, needed.0.patch),
            (0, needed_minor) => (major, minor) == (0, needed_minor),
            (needed_major, _) => major == needed_major,
        };
        let ready = self.0.pre.is_empty() || self.0 == needed.0;
        compatible && ready && self.0 >= needed.0
    }

    /// Is it announced as not yet finished, as `2.0.0-rc.1` is?
    pub fn is_unfinished(&self) -> bool {
        !self.0.pre.is_empty()
    }
}

impl fmt::Display for PackVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A pack's manifest.
#[derive(Debug, Clone)]
pub struct Pack {
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name: Located<PackName>,
    /// Its version.
    pub version: Located<PackVersion>,
    /// What it is for.
    pub description: Located<String>,
    /// The packs whose policies its own policies name.
    pub requires: Vec<Requirement>,
}

/// A pack that another one needs.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// Which.
    pub pack: Located<PackName>,
    /// The lowest version that does; higher compatible ones do as well.
    pub version: Located<PackVersion>,
}

const PACK: Shape = Shape {
    what: "a pack",
    keys: &["schema", "name", "version", "description", "requires"],
    required: &["schema", "name", "version", "description"],
    own: OwnKeys::Refused,
};

/// Reads a manifest. `None` where it lacks what every pack has; what is wrong is in `diagnostics`, and a manifest
/// that was read with errors must not be used.
pub fn decode_pack(tree: &Tree, damage: &Damage, diagnostics: &mut Diagnostics) -> Option<Pack> {
    let mut decoder = Decoder::new(diagnostics, damage);
    let d = &mut decoder;
    let start = Span { end: tree.span.start, ..tree.span };
    if !d.knows_schema(tree, "a pack", &[PACK_SCHEMA]) {
        return None;
    }
    let fields = d.fields(Slot { key: "pack", key_span: start, value: tree }, &PACK)?;
    let name = fields.get("name").and_then(|slot| d.string(slot)).and_then(|text| name(d, &text));
    let version = fields.get("version").and_then(|slot| version(d, slot));
    let description = fields.get("description").and_then(|slot| d.filled_string(slot));
    let requires = fields.get("requires").map(|slot| requirements(d, slot)).unwrap_or_default();
    let pack = Pack { span: tree.span, name: name?, version: version?, description: description?, requires };
    if let Some(own) = pack.requires.iter().find(|needed| needed.pack.value == pack.name.value) {
        let message = format!("the pack `{}` requires itself", pack.name.value);
        d.bad_value(own.pack.span, message, Some("remove the requirement".to_owned()));
    }
    Some(pack)
}

fn name(d: &mut Decoder<'_>, text: &Located<String>) -> Option<Located<PackName>> {
    let name = PackName::parse(&text.value);
    if name.is_none() {
        let message = format!("`{}` cannot name a pack", text.value);
        d.report(Diagnostic::new(codes::BAD_NAME, text.span, message).help(NAME_HELP));
    }
    Some(Located::new(name?, text.span))
}

fn version(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Located<PackVersion>> {
    let text = d.string(slot)?;
    let version = PackVersion::parse(&text.value);
    if version.is_none() {
        let message = format!("`{}` is no version of a pack", text.value);
        d.bad_value(text.span, message, Some(VERSION_HELP.to_owned()));
    }
    Some(Located::new(version?, text.span))
}

fn requirements(d: &mut Decoder<'_>, slot: Slot<'_>) -> Vec<Requirement> {
    let mut found = Vec::new();
    for entry in d.entries(slot).unwrap_or_default() {
        let pack = name(d, &entry.key.clone());
        let version = version(d, Slot::of(entry));
        if let (Some(pack), Some(version)) = (pack, version) {
            found.push(Requirement { pack, version });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_two_plain_words() {
        for good in ["acme/base", "a/b", "my-org2/rust-service"] {
            assert!(PackName::parse(good).is_some(), "{good}");
        }
        for bad in
            ["acme", "/a", "a/", "a/b/c", "A/b", "a_b/c", "a--b/c", "-a/b", "a/b-", "2a/b", "а/b", "../b"]
        {
            assert!(PackName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_layer_names_a_pack_or_a_file_in_it() {
        let shown = |text: &str| PackRef::parse(text).map(|named| named.to_string());
        assert_eq!(shown("pack:acme/base").as_deref(), Some("pack:acme/base/policy.yaml"));
        assert_eq!(shown("pack:acme/base/strict/a.yaml").as_deref(), Some("pack:acme/base/strict/a.yaml"));
        for bad in ["acme/base", "pack:acme", "pack:acme/base/", "pack:acme/base/../x", "pack:Acme/base"] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }

    #[test]
    fn compatible_versions_do() {
        let does = |have: &str, needed: &str| {
            PackVersion::parse(have).unwrap().satisfies(&PackVersion::parse(needed).unwrap())
        };
        assert!(does("1.2.0", "1.2.0") && does("1.9.3", "1.2.0") && does("0.2.5", "0.2.1"));
        assert!(!does("1.1.9", "1.2.0") && !does("2.0.0", "1.2.0") && !does("0.3.0", "0.2.1"));
        assert!(!does("0.0.2", "0.0.1") && does("0.0.1", "0.0.1"));
        assert!(!does("1.3.0-rc.1", "1.2.0") && does("1.3.0-rc.1", "1.3.0-rc.1"));
        for bad in ["1", "1.2", "v1.2.3", "1.2.3+x", "01.2.3", "9999999999.0.0"] {
            assert!(PackVersion::parse(bad).is_none(), "{bad}");
        }
    }
}
