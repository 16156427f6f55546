//! A finding inside an expression, before it is known where in a file the expression stands.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::document::Text;

use super::ir::At;

/// What is wrong with a part of an expression.
#[derive(Debug)]
pub(super) struct Fault {
    at: At,
    code: Code,
    message: String,
    help: Option<String>,
}

impl Fault {
    pub(super) fn new(code: Code, at: At, message: impl Into<String>) -> Self {
        Self { at, code, message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = self.help.or(help);
        self
    }

    /// The finding at its place in the file that `text` was read from.
    fn diagnostic(self, text: &Text) -> Diagnostic {
        let length = text.as_str().len();
        let start = (self.at.start as usize).min(length);
        let end = (self.at.end as usize).clamp(start, length);
        Diagnostic::new(self.code, text.part(start, end), self.message).maybe_help(self.help)
    }
}

/// Reports all of them.
pub(super) fn report(faults: Vec<Fault>, text: &Text, diagnostics: &mut Diagnostics) {
    for fault in faults {
        diagnostics.push(fault.diagnostic(text));
    }
}
