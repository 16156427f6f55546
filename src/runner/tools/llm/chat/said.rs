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

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::sync::Mutex;

    use regex::Regex;

    use crate::effect::{ControlFrame, FrameBuffer};
    use crate::redact::Values;

    use super::*;

    /// What is told of a text that comes in two parts: each frame.
    fn told(text: &str, at: usize, redaction: &Arc<Redaction>) -> Vec<String> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let teller = Teller::new(Arc::new(Mutex::new(ours)));
        let mut said = Said::new(Some(&teller), redaction, "node");
        said.so_far(&text[..at]);
        said.so_far(text);
        said.end(text);
        drop(teller);
        let (mut bytes, mut frames) = (Vec::new(), FrameBuffer::default());
        theirs.read_to_end(&mut bytes).unwrap();
        frames.push(&bytes);
        let mut told = Vec::new();
        while let Some(frame) = frames.take::<ControlFrame>().unwrap() {
            let ControlFrame::Said { node, text } = frame else { panic!("{frame:?}") };
            assert_eq!(node, "node");
            told.push(text);
        }
        told
    }

    #[test]
    fn a_secret_is_not_told_wherever_its_text_is_cut() {
        let values = Values::new(&[("KEY".to_owned(), b"correct-horse-battery".to_vec())]).unwrap();
        let redaction = Arc::new(Redaction::new(values, Vec::new()));
        let text =
            "first line\nthe key is\ncorrect-horse-battery\nand that was it, zwölf lines of it\nor so\n"
                .repeat(3);
        let clean = text.replace("correct-horse-battery", "[redacted:KEY]");
        for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let told = told(&text, at, &redaction);
            assert_eq!(told.concat(), clean, "cut at {at}");
            assert!(told.iter().all(|part| !part.contains("horse")), "cut at {at}: {told:?}");
        }
    }

    #[test]
    fn what_a_pattern_may_still_match_is_held_back() {
        let pattern = Regex::new(r"BEGIN[\s\S]{0,40}END").unwrap();
        let redaction = Arc::new(Redaction::new(Values::default(), vec![("block".to_owned(), pattern)]));
        let text = "a\nBEGIN\nsecret\nEND\nb\n";
        for at in 0..=text.len() {
            let told = told(text, at, &redaction);
            assert_eq!(told.concat(), "a\n[redacted:block]\nb\n", "cut at {at}");
        }
    }
}
