//! What users say in a call: text, its words, and its parts. All that an answer is made of.

use crate::runner::tools::words::words;

/// The text to answer.
#[derive(Debug, Clone)]
pub(super) struct Material {
    pub(super) text: String,
    pub(super) words: Vec<String>,
}

impl Material {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.trim().to_owned(), words: words(text) }
    }

    /// Lines with something in them.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// Lines that are items of a list, without their marks: `- a`, `* a`, `1. a`, `1) a`.
    pub(super) fn items(&self) -> Vec<&str> {
        self.lines().filter_map(item).collect()
    }

    /// What stands behind `KEY:` at the start of a line, the key read as words: `max items: 3` is `max_items`.
    pub(super) fn named(&self, key: &str) -> Option<&str> {
        let key = words(key);
        self.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (words(name) == key && !value.trim().is_empty()).then(|| value.trim())
        })
    }

    /// Paragraphs: what blank lines part.
    pub(super) fn paragraphs(&self) -> Vec<&str> {
        self.text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).collect()
    }
}

fn item(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if digits > 0 {
        line[digits..].strip_prefix(['.', ')'])?
    } else {
        line.strip_prefix(['-', '*', '•'])?
    };
    rest.starts_with(' ').then(|| rest.trim())
}
