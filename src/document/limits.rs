//! The limits on a file of ours. Each has a name, and an error that names it. Knows no syntax.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;

/// What a document may cost at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Nested collections.
    pub depth: usize,
    /// Nodes after alias expansion.
    pub nodes: usize,
    /// Bytes of all strings and keys after alias expansion.
    pub string_bytes: usize,
    /// Findings that are shown.
    pub findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, depth: 64, nodes: 400_000, string_bytes: 16 << 20, findings: 1000 }
    }
}

/// One of the [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Bytes,
    Depth,
    Nodes,
    StringBytes,
    Findings,
}

impl Limit {
    /// The finding that a document went beyond this limit at `span`.
    pub(super) fn exceeded(self, limits: &Limits, span: Span) -> Diagnostic {
        let (name, most, what) = match self {
            Self::Bytes => ("bytes", limits.bytes, "bytes"),
            Self::Depth => ("depth", limits.depth, "levels of nesting"),
            Self::Nodes => ("nodes", limits.nodes, "values, aliases expanded"),
            Self::StringBytes => ("string_bytes", limits.string_bytes, "bytes of strings, aliases expanded"),
            Self::Findings => ("findings", limits.findings, "findings in one file"),
        };
        Diagnostic::new(
            codes::LIMIT,
            span,
            format!("the limit `{name}` is exceeded: more than {most} {what}"),
        )
        .help("split the file, or move long texts into files of their own")
    }
}

/// What has been used of the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) nodes: usize,
    pub(super) string_bytes: usize,
}

impl Spent {
    /// Takes `more` on, or names the limit that this breaks.
    pub(super) fn charge(&mut self, more: Spent, limits: &Limits) -> Result<(), Limit> {
        self.nodes = self.nodes.saturating_add(more.nodes);
        self.string_bytes = self.string_bytes.saturating_add(more.string_bytes);
        match () {
            () if self.nodes > limits.nodes => Err(Limit::Nodes),
            () if self.string_bytes > limits.string_bytes => Err(Limit::StringBytes),
            () => Ok(()),
        }
    }

    /// The cost of one value with `string_bytes` bytes of text.
    pub(super) fn one(string_bytes: usize) -> Self {
        Self { nodes: 1, string_bytes }
    }
}
