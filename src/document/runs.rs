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

    /// `part` was made from an escape or a line break at byte `source`.
    pub(super) fn made(&mut self, part: &str, source: usize) {
        if !part.is_empty() {
            self.runs.push((self.decoded.len() as u32, source as u32));
            self.decoded.push_str(part);
        }
    }

    /// The runs, where they lead to `decoded`; else none, and every part then points at the whole string.
    pub(super) fn agreeing_with(self, decoded: &str) -> Vec<(u32, u32)> {
        if self.decoded == decoded { self.runs } else { Vec::new() }
    }
}
