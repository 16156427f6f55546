//! One finding: a code, a sentence, the places it is about, and the edit that mends it.

use crate::source::Span;

use super::Code;

/// How bad it is. Only errors stop a graph from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// Runs, but is most likely not what was meant.
    Warning,
}

/// A place that a diagnostic points at, with a short phrase about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be seen there.
    pub text: Option<String>,
    /// The cause has the one primary label; authorities and related places have others.
    pub primary: bool,
}

/// A finding. The message is a lowercase phrase without a full stop, values in backticks; the help is an edit,
/// in the imperative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, and why.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The primary label first.
    pub labels: Vec<Label>,
}

impl Diagnostic {
    /// A finding of `code`'s own severity, with its primary label at `span`.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        let label = Label { span, text: None, primary: true };
        Self { code, severity: code.severity(), message: message.into(), help: None, labels: vec![label] }
    }

    /// A short phrase under the primary label.
    #[must_use]
    pub fn here(mut self, text: impl Into<String>) -> Self {
        self.labels[0].text = Some(text.into());
        self
    }

    /// The edit that mends it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The edit that mends it, where one is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = self.help.or(help);
        self
    }

    /// A second place: the authority, the other definition, the other side.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: Some(text.into()), primary: false });
        self
    }

    /// Where the primary label points.
    pub fn span(&self) -> Span {
        self.labels[0].span
    }
}
