//! The parts that `repo_context` can be asked for.

use crate::effect::ToolError;
use crate::runner::tools::input::invalid;

/// A part of the facts. `totals` are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Section {
    Languages,
    Layout,
    Manifests,
    EntryPoints,
    Build,
    Tests,
    Readme,
    Licence,
    Largest,
    Connected,
    Symbols,
}

impl Section {
    pub(super) const ALL: [Section; 11] = [
        Section::Languages,
        Section::Layout,
        Section::Manifests,
        Section::EntryPoints,
        Section::Build,
        Section::Tests,
        Section::Readme,
        Section::Licence,
        Section::Largest,
        Section::Connected,
        Section::Symbols,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Section::Languages => "languages",
            Section::Layout => "layout",
            Section::Manifests => "manifests",
            Section::EntryPoints => "entry_points",
            Section::Build => "build",
            Section::Tests => "tests",
            Section::Readme => "readme",
            Section::Licence => "licence",
            Section::Largest => "largest",
            Section::Connected => "connected",
            Section::Symbols => "symbols",
        }
    }

    /// The parts with these names; all, if none is named.
    pub(super) fn named(names: &[&str]) -> Result<Vec<Section>, ToolError> {
        if names.is_empty() {
            return Ok(Self::ALL.to_vec());
        }
        names.iter().map(|name| Self::parse(name)).collect()
    }

    fn parse(name: &str) -> Result<Section, ToolError> {
        let found = Self::ALL.into_iter().find(|section| section.as_str() == name);
        let known = || Self::ALL.map(|section| format!("`{}`", section.as_str())).join(", ");
        found.ok_or_else(|| {
            invalid(format!("`what` of `repo_context` knows no `{name}`; it knows {}", known()))
        })
    }
}
