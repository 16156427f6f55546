//! Taking values and matches out of texts and of JSON, and counting them.

use regex::Regex;
use serde_json::{Map, Number, Value};

use super::Values;

/// Bytes beside a cut that are looked at for what touches it.
const REACH: usize = 1024;

/// What is to be removed: values of secrets, then what patterns match.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    values: Values,
    patterns: Vec<(String, Regex)>,
}

/// Where a text was cut, so that what is left of a secret there counts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// Something stood before it.
    pub before: bool,
    /// Something followed it.
    pub behind: bool,
}

impl Redaction {
    /// Removes `values` and what `patterns` match, each with its name, in any text.
    pub fn new(values: Values, patterns: Vec<(String, Regex)>) -> Self {
        Self { values, patterns }
    }

    /// Is there nothing to remove?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.patterns.is_empty()
    }

    /// The values that it looks for.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Does it look for patterns?
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Puts `[redacted:NAME]` in the place of each; how many there were. Keys of objects count as text, and a number
    /// that is a secret is one.
    pub fn redact(&self, value: &mut Value) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.redact_all(value)
    }

    /// The same with values alone: what patterns match stays.
    pub fn redact_values(&self, value: &mut Value) -> usize {
        if self.values.is_empty() {
            return 0;
        }
        let values = Self { values: self.values.clone(), patterns: Vec::new() };
        values.redact_all(value)
    }

    fn redact_all(&self, value: &mut Value) -> usize {
        let mut removed = 0;
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => removed += self.redact_text(text),
                Value::Number(number) => {
                    if let Some(text) = self.instead_of(number) {
                        *value = Value::String(text);
                        removed += 1;
                    }
                }
                Value::Array(items) => open.extend(items),
                Value::Object(members) => {
                    removed += self.redact_keys(members);
                    open.extend(members.values_mut());
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
        removed
    }

    /// The same in one text.
    pub fn redact_text(&self, text: &mut String) -> usize {
        if self.is_empty() {
            return 0;
        }
        let (clean, removed) = self.text(text.as_bytes(), Cut::default());
        if removed > 0 {
            *text = clean;
        }
        removed
    }

    /// Bytes as text (what is not UTF-8 becomes U+FFFD) without what must not leave; how much there was. At a cut, what
    /// may be a part of a secret is left out as well: the beginning or the end of a value, and, where there are patterns,
    /// what touches the cut up to the next white space.
    pub fn text(&self, bytes: &[u8], cut: Cut) -> (String, usize) {
        let (whole, mut removed) = self.values.removed(bytes);
        let mut kept = whole.as_slice();
        if cut.behind {
            let edge = self.values.begun_at_end(kept).max(self.touching(kept.iter().rev()));
            kept = &kept[..kept.len() - edge];
            removed += usize::from(edge > 0);
        }
        if cut.before {
            let edge = self.values.ended_at_start(kept).max(self.touching(kept.iter()));
            kept = &kept[edge..];
            removed += usize::from(edge > 0);
        }
        let mut text = String::from_utf8_lossy(kept).into_owned();
        for (name, pattern) in &self.patterns {
            let found = pattern.find_iter(&text).count();
            if found > 0 {
                removed += found;
                let replacement = format!("[redacted:{name}]");
                text = pattern.replace_all(&text, regex::NoExpand(&replacement)).into_owned();
            }
        }
        (text, removed)
    }

    /// Could one of the patterns match from one line into the next? What is not known to stay in its line could.
    pub(super) fn crosses_lines(&self) -> bool {
        self.patterns.iter().any(|(_, pattern)| may_match_a_line_end(pattern.as_str()))
    }

    /// How many bytes from a cut on hold no white space, where a pattern could have matched across it.
    fn touching<'b>(&self, bytes: impl Iterator<Item = &'b u8>) -> usize {
        if self.patterns.is_empty() {
            return 0;
        }
        bytes.take(REACH).take_while(|byte| !byte.is_ascii_whitespace()).count()
    }

    fn instead_of(&self, number: &Number) -> Option<String> {
        let (text, removed) = self.text(number.to_string().as_bytes(), Cut::default());
        (removed > 0).then_some(text)
    }

    fn redact_keys(&self, members: &mut Map<String, Value>) -> usize {
        let mut removed = 0;
        for key in members.keys().cloned().collect::<Vec<_>>() {
            let (clean, count) = self.text(key.as_bytes(), Cut::default());
            if count > 0
                && let Some(value) = members.remove(&key)
            {
                removed += count;
                members.insert(clean, value);
            }
        }
        removed
    }
}

/// Is there anything in an expression that a line end could match: a class that is negated or wide, an escape, a flag?
fn may_match_a_line_end(expression: &str) -> bool {
    const WIDE: [&str; 15] = [
        "\\s", "\\n", "\\r", "\\t", "\\v", "\\f", "\\x", "\\u", "\\U", "\\p", "\\P", "\\W", "\\D", "[^",
        "[[:",
    ];
    let with_flag = expression.match_indices("(?").any(|(at, _)| {
        let flags = expression[at + 2..].chars().take_while(char::is_ascii_alphabetic);
        flags.into_iter().any(|flag| matches!(flag, 's' | 'x'))
    });
    with_flag || expression.contains(char::is_control) || WIDE.iter().any(|wide| expression.contains(wide))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "correct-horse-battery";

    fn redaction(patterns: &[(&str, &str)]) -> Redaction {
        let values = Values::new(&[("KEY".to_owned(), SECRET.as_bytes().to_vec())]).unwrap();
        let patterns = patterns.iter().map(|(name, text)| ((*name).to_owned(), Regex::new(text).unwrap()));
        Redaction::new(values, patterns.collect())
    }

    #[test]
    fn values_leave_every_text_key_and_number() {
        let values = Values::new(&[("PIN".to_owned(), b"12345678".to_vec())]).unwrap();
        let redaction = Redaction::new(values, vec![("mail".to_owned(), Regex::new(r"\S+@\S+").unwrap())]);
        let mut value = json!({"x12345678": ["a 12345678 b", 12_345_678, 1], "to": "me@example.com"});
        assert_eq!(redaction.redact(&mut value), 4);
        assert_eq!(
            value,
            json!({"x[redacted:PIN]": ["a [redacted:PIN] b", "[redacted:PIN]", 1], "to": "[redacted:mail]"})
        );
    }

    #[test]
    fn a_cut_at_each_byte_leaves_at_most_three_of_a_secret() {
        let redaction = redaction(&[]);
        for at in 0..=SECRET.len() {
            let (head, _) = redaction
                .text(format!("before {}", &SECRET[..at]).as_bytes(), Cut { before: false, behind: true });
            let (tail, _) = redaction
                .text(format!("{} after", &SECRET[at..]).as_bytes(), Cut { before: true, behind: false });
            let left = head.strip_prefix("before ").unwrap();
            assert!(left.len() < 4 || left == "[redacted:KEY]", "{head}");
            let left = tail.strip_suffix(" after").unwrap();
            assert!(left.len() < 4 || left == "[redacted:KEY]", "{tail}");
        }
    }

    #[test]
    fn a_pattern_is_not_cut_in_two_either() {
        let redaction = redaction(&[("aws", "AKIA[0-9A-Z]{16}")]);
        let (head, removed) = redaction.text(b"key AKIA012345", Cut { before: false, behind: true });
        assert_eq!((head.as_str(), removed), ("key ", 1));
        let (tail, removed) = redaction.text(b"6789ABCDEF done", Cut { before: true, behind: false });
        assert_eq!((tail.as_str(), removed), (" done", 1));
    }

    #[test]
    fn a_short_value_is_refused_and_nothing_is_printed() {
        let short = Values::new(&[("PIN".to_owned(), b"1234567".to_vec())]).unwrap_err();
        assert!(short.to_string().contains("`PIN`"), "{short}");
        assert!(!format!("{:?}", redaction(&[])).contains("horse"));
        assert_eq!(redaction(&[]).values().found_in(b"x Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5 y"), Some("KEY"));
    }
}
