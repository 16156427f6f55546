//! The sink: every stage adds what it finds, nothing stops at the first.

use super::{Code, Diagnostic, Severity};

/// Collected findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Adds all of another sink.
    pub fn append(&mut self, other: Diagnostics) {
        self.found.extend(other.found);
    }

    /// Is there an error among them?
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|found| found.severity == severity).count()
    }

    /// How many in all.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// In the order of finding.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// The codes, in order: what tests compare.
    pub fn codes(&self) -> Vec<Code> {
        self.found.iter().map(|found| found.code).collect()
    }

    /// Makes each warning an error.
    pub fn deny_warnings(&mut self) {
        self.found.iter_mut().for_each(|found| found.severity = Severity::Error);
    }

    /// By file and place, each finding once.
    pub fn sort(&mut self) {
        self.found.sort_by(|a, b| a.span().cmp(&b.span()).then_with(|| a.code.cmp(&b.code)));
        self.found.dedup();
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, more: T) {
        self.found.extend(more);
    }
}
