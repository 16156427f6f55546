//! The sink: every stage adds what it finds, nothing stops at the first.

use super::{Code, Diagnostic, Severity};

/// The most findings that are kept: nobody reads on from there, and a file of a few megabytes can hold a million.
const MOST: usize = 2000;

/// Collected findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    /// Those beyond the most that are kept.
    left_out: LeftOut,
}

/// What was found and is not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LeftOut {
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        match diagnostic.severity {
            _ if !self.is_full() => self.found.push(diagnostic),
            Severity::Error => self.left_out.errors += 1,
            Severity::Warning => self.left_out.warnings += 1,
        }
    }

    /// Adds all of another sink.
    pub fn append(&mut self, other: Diagnostics) {
        self.left_out.errors += other.left_out.errors;
        self.left_out.warnings += other.left_out.warnings;
        self.extend(other.found);
    }

    /// Are further findings only counted?
    pub fn is_full(&self) -> bool {
        self.found.len() >= MOST
    }

    /// The sentence about those that were counted and are not kept.
    pub fn left_out_text(&self) -> Option<String> {
        let count = self.left_out();
        (count > 0).then(|| {
            let (s, are) = if count == 1 { ("", "is") } else { ("s", "are") };
            format!("{count} further finding{s} {are} not listed; mend these first")
        })
    }

    /// How many were counted and are not kept.
    pub fn left_out(&self) -> usize {
        self.left_out.errors + self.left_out.warnings
    }

    /// Is there an error among them?
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many of one severity, kept or not.
    pub fn count(&self, severity: Severity) -> usize {
        let kept = self.found.iter().filter(|found| found.severity == severity).count();
        kept + match severity {
            Severity::Error => self.left_out.errors,
            Severity::Warning => self.left_out.warnings,
        }
    }

    /// How many are kept.
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
        self.left_out = LeftOut { errors: self.left_out(), warnings: 0 };
    }

    /// By file and place, each finding once.
    pub fn sort(&mut self) {
        self.found.sort_by(|a, b| a.span().cmp(&b.span()).then_with(|| a.code.cmp(&b.code)));
        self.found.dedup();
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, more: T) {
        more.into_iter().for_each(|one| self.push(one));
    }
}

#[cfg(test)]
mod tests {
    use crate::diag::codes;
    use crate::source::{Sources, Span};

    use super::*;

    #[test]
    fn an_error_behind_the_most_that_are_kept_is_still_one() {
        let mut found = Diagnostics::default();
        let place = Span::whole(Sources::default().add("x", "x"));
        let finding = |severity| Diagnostic { severity, ..Diagnostic::new(codes::SYNTAX, place, "x") };
        (0..MOST).for_each(|_| found.push(finding(Severity::Warning)));
        assert!(found.is_full() && !found.has_errors());
        found.push(finding(Severity::Error));
        found.push(finding(Severity::Warning));
        assert_eq!((found.len(), found.left_out()), (MOST, 2));
        assert!(found.has_errors());
        assert_eq!(found.count(Severity::Error), 1);
        let mut all = Diagnostics::default();
        all.append(found);
        assert!(all.has_errors());
        all.deny_warnings();
        assert_eq!(all.count(Severity::Error), MOST + 2);
    }
}
