//! A text that comes in parts, and is told in parts: what is told is what would be told of the whole.

use super::{Cut, Redaction};

/// A text on its way. What may be the beginning of something that must not leave is held back until it is known.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    held: Vec<u8>,
}

impl Flow {
    /// Takes more of the text: what may be told by now, which may be nothing.
    ///
    /// Where there are patterns, whole lines are told; and where one of them could match across lines, nothing is before
    /// the end.
    pub fn more(&mut self, redaction: &Redaction, part: &[u8]) -> String {
        self.held.extend_from_slice(part);
        let end = self.settled(redaction);
        let told: Vec<u8> = self.held.drain(..end).collect();
        redaction.text(&told, Cut::default()).0
    }

    /// What was held back, where nothing more comes.
    pub fn rest(&mut self, redaction: &Redaction) -> String {
        redaction.text(&std::mem::take(&mut self.held), Cut::default()).0
    }

    /// How many of the bytes that are here will be told as they would be now, whatever comes.
    fn settled(&self, redaction: &Redaction) -> usize {
        if redaction.crosses_lines() {
            return 0;
        }
        let values = redaction.values();
        let mut end = self.held.len() - values.longest().saturating_sub(1).min(self.held.len());
        loop {
            let aligned = if redaction.has_patterns() { self.line_end(end) } else { self.character_end(end) };
            match values.across(&self.held, aligned) {
                Some(begins) => end = begins,
                None => return aligned,
            }
        }
    }

    /// The end of the last whole line up to `end`.
    fn line_end(&self, end: usize) -> usize {
        self.held[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }

    /// The end of the last whole character up to `end`.
    fn character_end(&self, end: usize) -> usize {
        let before = &self.held[..end];
        let from = before.len().saturating_sub(4);
        let Some(first) = before[from..].iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000) else {
            return end;
        };
        let first = from + first;
        let bytes = match before[first] {
            0b1100_0000..=0b1101_1111 => 2,
            0b1110_0000..=0b1110_1111 => 3,
            0b1111_0000..=0b1111_0111 => 4,
            _ => 1,
        };
        if first + bytes > end { first } else { end }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::redact::Values;

    const SECRET: &str = "correct-horse-battery";

    fn redaction(patterns: &[&str]) -> Redaction {
        let secrets = [
            ("KEY".to_owned(), SECRET.as_bytes().to_vec()),
            ("Ü".to_owned(), b"gr\xc3\xbc\xc3\x9fe uns".into()),
        ];
        let patterns = patterns.iter().map(|text| ("pattern".to_owned(), Regex::new(text).unwrap()));
        Redaction::new(Values::new(&secrets).unwrap(), patterns.collect())
    }

    fn told(redaction: &Redaction, parts: &[&[u8]]) -> Vec<String> {
        let mut flow = Flow::default();
        let mut told: Vec<String> = parts.iter().map(|part| flow.more(redaction, part)).collect();
        told.push(flow.rest(redaction));
        told
    }

    proptest::proptest! {
        #[test]
        fn the_parts_are_the_whole_wherever_it_is_cut(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    SECRET, "correct-", "horse", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5", "AKIA0123", "4567", " ", "\n", "ä", "€𐍈", "grüße uns", "x",
                ]),
                0..24,
            ),
            sizes in proptest::collection::vec(1..9_usize, 1..80),
            patterns in proptest::sample::subsequence(vec!["AKIA[0-9]{8}", "x+", r"4567\s+x"], 0..3),
        ) {
            let (all, redaction) = (words.concat().into_bytes(), redaction(&patterns));
            let (mut rest, mut parts) = (all.as_slice(), Vec::new());
            for size in sizes {
                let (part, behind) = rest.split_at(size.min(rest.len()));
                parts.push(part);
                rest = behind;
            }
            parts.push(rest);
            proptest::prop_assert_eq!(told(&redaction, &parts).concat(), redaction.text(&all, Cut::default()).0);
        }
    }

    #[test]
    fn without_anything_to_look_for_it_is_told_at_once() {
        assert_eq!(
            told(&Redaction::default(), &[b"a", "ä".as_bytes(), b"\xe2\x82", b"\xac b"]),
            ["a", "ä", "", "€ b", ""]
        );
    }

    #[test]
    fn lines_are_told_where_patterns_stay_in_theirs_and_else_nothing_before_the_end() {
        let lines = Redaction::new(Values::default(), vec![("p".into(), Regex::new("AKIA[0-9]+").unwrap())]);
        assert_eq!(told(&lines, &[b"one AKI", b"A12\ntwo", b"\n"]), ["", "one [redacted:p]\n", "two\n", ""]);
        for wide in [r"BEGIN[\s\S]+END", "a[^b]c", "(?s)a.b", "(?is:a.b)", "a\nb", r"\PLx", r"(?x) a b"] {
            let wide = Redaction::new(Values::default(), vec![("p".into(), Regex::new(wide).unwrap())]);
            assert_eq!(told(&wide, &[b"one\n", b"two\n"]), ["", "", "one\ntwo\n"], "{wide:?}");
        }
    }
}
