//! The files that a file of ours names: what is asked for, and what came of it. Opens nothing itself.

use std::fmt;

use crate::files::RelPath;

/// What a file is named as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A graph, under `graphs`.
    Graph,
    /// A policy layer, or an `include` of one.
    Policy,
    /// A prompt's text.
    Prompt,
    /// A JSON Schema.
    Schema,
    /// Tests of a graph. No file names one.
    Test,
    /// A policy of an installed pack: `publisher/name/file`, beneath all packs that may be named.
    PackPolicy,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Graph => "graph",
            FileKind::Policy => "policy",
            FileKind::Prompt => "prompt",
            FileKind::Schema => "schema",
            FileKind::Test => "file of tests",
            FileKind::PackPolicy => "policy of a pack",
        })
    }
}

/// A file to be opened, beneath the folder of the file that the user named: never through a link, a regular file
/// only, and within a size limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileRef {
    /// Relative to that folder; of a pack's policy, relative to all packs.
    pub path: RelPath,
    /// What it is named as.
    pub kind: FileKind,
}

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The name to show it by.
    pub name: String,
    /// The whole of it.
    pub bytes: Vec<u8>,
}

/// Why a named file has no text, as a whole sentence. Its author can mend it, so it becomes a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadProblem {
    /// What is wrong.
    pub message: String,
    /// The edit that mends it.
    pub help: Option<String>,
}

impl LoadProblem {
    /// A problem in its own words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// The edit that mends it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Opens files for a compilation.
pub type Load<'a> = dyn FnMut(&FileRef) -> Result<Loaded, LoadProblem> + 'a;
