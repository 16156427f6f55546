//! Decoding a string while remembering where each of its bytes was written. Knows no escape.

/// The decoded text of a string, with the runs that [`Text`](super::Text) maps by.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) decoded: String,
    pub(super) runs: Vec<(u32, u32)>,
}

impl Runs {
    /// `part` stands in the source as it is, from byte `source` on.
    pub(super) fn copy(&mut self, part: &str, source: usize) {
        if part.is_empty() {
            return;
        }
        let here = self.decoded.len();
        let goes_on =
            self.runs.last().is_some_and(|&(at, from)| from as usize + here - at as usize == source);
        if !goes_on {
            self.runs.push((here as u32, source as u32));
        }
        self.decoded.push_str(part);
    }

    /// `part` is what an escape of `read` bytes at byte `source` stands for.
    pub(super) fn escaped(&mut self, part: &str, source: usize, read: usize) {
        self.made(part, source);
        self.runs.push((self.decoded.len() as u32, (source + read) as u32));
    }

    /// `part` was made from a line break at byte `source`.
    pub(super) fn made(&mut self, part: &str, source: usize) {
        if !part.is_empty() {
            self.runs.push((self.decoded.len() as u32, source as u32));
            self.decoded.push_str(part);
        }
    }

    /// What stands from byte `source` on, a break of a line in the source, is nothing of the text.
    pub(super) fn left_out(&mut self, source: usize) {
        self.runs.push((self.decoded.len() as u32, source as u32));
    }

    /// Where the source of the text so far ends, if the last of it stands there as it is.
    pub(super) fn end(&self) -> Option<usize> {
        let &(at, from) = self.runs.last()?;
        Some(from as usize + self.decoded.len() - at as usize)
    }

    /// The runs, where they lead to `decoded`; else none, and every part then points at the whole string.
    pub(super) fn agreeing_with(self, decoded: &str) -> Vec<(u32, u32)> {
        if self.decoded == decoded { self.runs } else { Vec::new() }
    }
}
