//! Scalars: strings, booleans, numbers, words of a closed set, durations, sizes, names.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::diag::{codes, nearest};
use crate::document::{Text, Value};
use crate::source::Located;

use super::{Decoder, Slot, parse_duration, parse_size};

impl Decoder<'_> {
    /// A string with its place in the source.
    pub(crate) fn text(&mut self, slot: Slot<'_>) -> Option<Text> {
        let Value::String(text) = &slot.value.value else {
            self.wrong_type(slot.key, "a string", slot.value);
            return None;
        };
        Some(text.clone())
    }

    /// A string.
    pub(crate) fn string(&mut self, slot: Slot<'_>) -> Option<Located<String>> {
        self.text(slot).map(|text| Located::new(text.as_str().to_owned(), text.span()))
    }

    /// A string that is not empty.
    pub(crate) fn filled_string(&mut self, slot: Slot<'_>) -> Option<Located<String>> {
        let string = self.string(slot)?;
        if string.value.is_empty() {
            self.bad_value(string.span, format!("`{}` is empty", slot.key), None);
            return None;
        }
        Some(string)
    }

    /// A list of strings; `None` if it is no list, items of other types are reported and left out.
    pub(crate) fn strings(&mut self, slot: Slot<'_>) -> Option<Vec<Located<String>>> {
        let items = self.items(slot)?;
        Some(items.into_iter().filter_map(|item| self.string(item)).collect())
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, slot: Slot<'_>) -> Option<Located<bool>> {
        let Value::Bool(value) = slot.value.value else {
            self.wrong_type(slot.key, "a boolean", slot.value);
            return None;
        };
        Some(Located::new(value, slot.value.span))
    }

    /// A whole number within `range`.
    pub(crate) fn integer(&mut self, slot: Slot<'_>, range: RangeInclusive<u64>) -> Option<Located<u64>> {
        let Some(value) = whole(&slot.value.value) else {
            self.wrong_type(slot.key, "an integer", slot.value);
            return None;
        };
        match u64::try_from(value).ok().filter(|value| range.contains(value)) {
            Some(value) => Some(Located::new(value, slot.value.span)),
            None => {
                let (small, near) = if i128::from(value) < i128::from(*range.start()) {
                    (true, *range.start())
                } else {
                    (false, *range.end())
                };
                let message = format!("`{}` is {value}, and {}", slot.key, range_words(&range, small));
                self.bad_value(slot.value.span, message, Some(format!("write `{near}`")));
                None
            }
        }
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn number(&mut self, slot: Slot<'_>, least: f64, most: f64) {
        #[expect(clippy::cast_precision_loss, reason = "the bounds are far below where precision is lost")]
        let value = match slot.value.value {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
            _ => return self.wrong_type(slot.key, "a number", slot.value),
        };
        if value < least || value > most {
            let message = format!("`{}` is {value}, and must be from {least} to {most}", slot.key);
            let near = if value < least { least } else { most };
            self.bad_value(slot.value.span, message, Some(format!("write `{near}`")));
        }
    }

    /// A count: a whole number from `from` to the largest 32-bit one.
    pub(crate) fn count(&mut self, slot: Slot<'_>, from: u32) -> Option<Located<u32>> {
        self.integer(slot, u64::from(from)..=u64::from(u32::MAX)).map(|count| count.map(|n| n as u32))
    }

    /// One word of a closed set. A misspelt one is reported, and taken for the nearest.
    pub(crate) fn word<T: Copy>(
        &mut self,
        slot: Slot<'_>,
        words: &[(&'static str, T)],
    ) -> Option<Located<T>> {
        let written = self.string(slot)?;
        let find = |wanted: &str| words.iter().find(|(word, _)| *word == wanted).map(|&(_, value)| value);
        if let Some(value) = find(&written.value) {
            return Some(Located::new(value, written.span));
        }
        let known: Vec<&'static str> = words.iter().map(|&(word, _)| word).collect();
        let message = format!("`{}` cannot be `{}`", slot.key, written.value);
        self.unknown_word(codes::BAD_VALUE, written.span, &written.value, message, &known);
        let meant = nearest(&written.value, known.iter().copied()).and_then(find)?;
        Some(Located::new(meant, written.span))
    }

    /// A duration: `90s`, `10m`, `1h30m`.
    pub(crate) fn duration(&mut self, slot: Slot<'_>) -> Option<Located<Duration>> {
        if let Value::Int(seconds) = slot.value.value {
            let message = format!("`{}` takes a duration, and `{seconds}` has no unit", slot.key);
            let help = Some(format!("write `{seconds}s`"));
            self.report(
                crate::diag::Diagnostic::new(codes::WRONG_TYPE, slot.value.span, message).maybe_help(help),
            );
            return None;
        }
        let written = self.string(slot)?;
        let Some(duration) = parse_duration(&written.value) else {
            let message = format!("`{}` is no duration", written.value);
            self.bad_value(written.span, message, Some("write it like `90s`, `10m` or `1h30m`".to_owned()));
            return None;
        };
        Some(Located::new(duration, written.span))
    }

    /// A duration that is longer than nothing.
    pub(crate) fn positive_duration(&mut self, slot: Slot<'_>) -> Option<Located<Duration>> {
        let duration = self.duration(slot)?;
        if duration.value.is_zero() {
            let message = format!("`{}` is nothing at all", slot.key);
            self.bad_value(duration.span, message, Some("write a longer duration".to_owned()));
            return None;
        }
        Some(duration)
    }

    /// A size in bytes: a whole number, or `10MiB`.
    pub(crate) fn size(&mut self, slot: Slot<'_>) -> Option<Located<u64>> {
        if whole(&slot.value.value).is_some() {
            return self.integer(slot, 0..=i64::MAX as u64);
        }
        let Value::String(written) = &slot.value.value else {
            self.wrong_type(slot.key, "a size", slot.value);
            return None;
        };
        let Some(size) = parse_size(written.as_str()) else {
            let message = format!("`{}` is no size", written.as_str());
            self.bad_value(written.span(), message, Some(size_help(written.as_str())));
            return None;
        };
        Some(Located::new(size, written.span()))
    }
}

/// A whole number; `2.0` is one, as in JSON Schema.
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match *value {
        Value::Int(value) => Some(value),
        Value::Float(value) if value.fract() == 0.0 && value.abs() <= EXACT => Some(value as i64),
        _ => None,
    }
}

/// What a number has to be; of a range that ends where numbers do, the side that matters.
fn range_words(range: &RangeInclusive<u64>, small: bool) -> String {
    if *range.end() >= u64::from(u32::MAX) {
        let (side, bound) = if small { ("least", range.start()) } else { ("most", range.end()) };
        format!("must be at {side} {bound}")
    } else {
        format!("must be from {} to {}", range.start(), range.end())
    }
}

fn size_help(written: &str) -> String {
    let digits: String = written.chars().take_while(char::is_ascii_digit).collect();
    let unit = written[digits.len()..].trim().to_ascii_lowercase();
    let binary = match unit.chars().next() {
        Some('k') => "KiB",
        Some('m') => "MiB",
        Some('g') => "GiB",
        Some('t') => "TiB",
        _ => return "write it like `200000` or `10MiB`".to_owned(),
    };
    format!("write `{digits}{binary}`")
}
