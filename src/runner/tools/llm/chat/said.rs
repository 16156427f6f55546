//! What a model says, told while it says it: whole lines alone, without what must not leave, and late enough that the
//! beginning of a secret is not told before it is known for one.

use std::sync::Arc;

use crate::redact::{Cut, Redaction};
use crate::runner::world::Teller;

/// Bytes that are held back where patterns are looked for: one of them may go on that far.
const REACH: usize = 1024;

/// Tells one answer.
pub(super) struct Said<'w> {
    teller: Option<&'w Teller>,
    redaction: Arc<Redaction>,
    node: &'w str,
    /// What was told of the cleaned text.
    told: String,
}

impl<'w> Said<'w> {
    pub(super) fn new(teller: Option<&'w Teller>, redaction: &Arc<Redaction>, node: &'w str) -> Self {
        Self { teller, redaction: Arc::clone(redaction), node, told: String::new() }
    }

    /// The text has come so far.
    pub(super) fn so_far(&mut self, text: &str) {
        if self.teller.is_some() && text[self.seen(text)..].contains('\n') {
            let back = text.len().saturating_sub(self.held_back());
            let (clean, _) =
                self.redaction.text(&text.as_bytes()[..back], Cut { before: false, behind: true });
            let lines = clean.rfind('\n').map_or("", |end| &clean[..=end]).to_owned();
            self.tell(&lines);
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, text: &str) {
        if self.teller.is_some() {
            let (clean, _) = self.redaction.text(text.as_bytes(), Cut::default());
            self.tell(&clean);
        }
    }

    /// A place in the text that was certainly looked at before.
    fn seen(&self, text: &str) -> usize {
        let at = self.told.len().min(text.len());
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    fn held_back(&self) -> usize {
        let patterns = if self.redaction.has_patterns() { REACH } else { 0 };
        self.redaction.values().longest().max(patterns)
    }

    /// What is new of it. Where what was told is not how it begins, nothing more is told.
    fn tell(&mut self, clean: &str) {
        let Some(new) = clean.strip_prefix(self.told.as_str()) else { return };
        if let (Some(teller), false) = (self.teller, new.is_empty()) {
            teller.tell(self.node, new);
            self.told.push_str(new);
        }
    }
}
