//! The exact values of secrets, found under every form in one pass.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use regex::bytes::{Regex, RegexBuilder};

use super::forms::forms;

/// A value with fewer bytes is no secret: it would be found everywhere.
pub const LEAST_BYTES: usize = 8;
/// Bytes of the automaton that looks for all of them.
const SIZE: usize = 256 << 20;
/// An edge of at least this many bytes of a form is one.
const LEAST_EDGE: usize = 4;

/// A value that cannot be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooShort {
    /// Fewer bytes than [`LEAST_BYTES`].
    #[error(
        "the secret `{0}` has fewer than {LEAST_BYTES} bytes: it would be found everywhere; use a longer one"
    )]
    Value(String),
    /// More than can be looked for at once.
    #[error("the secrets are too long to be looked for: {0}")]
    TooMuch(String),
}

/// Values of secrets by name. They are never printed.
#[derive(Clone, Default)]
pub struct Values {
    all: Option<Regex>,
    /// By form.
    names: BTreeMap<Vec<u8>, String>,
}

impl Values {
    /// Looks for these: name and value.
    ///
    /// # Errors
    /// One is too short, or all together are too long.
    pub fn new(secrets: &[(String, Vec<u8>)]) -> Result<Self, TooShort> {
        let mut names = BTreeMap::new();
        for (name, value) in secrets {
            if value.len() < LEAST_BYTES {
                return Err(TooShort::Value(name.clone()));
            }
            for form in forms(value) {
                names.entry(form).or_insert_with(|| name.clone());
            }
        }
        if names.is_empty() {
            return Ok(Self::default());
        }
        let mut longest_first: Vec<&Vec<u8>> = names.keys().collect();
        longest_first.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let each = longest_first.into_iter().map(|form| literal(form)).collect::<Vec<_>>();
        let all = RegexBuilder::new(&each.join("|")).unicode(false).size_limit(SIZE).build();
        let all = all.map_err(|error| TooShort::TooMuch(error.to_string()))?;
        Ok(Self { all: Some(all), names })
    }

    /// Is there nothing to look for?
    pub fn is_empty(&self) -> bool {
        self.all.is_none()
    }

    /// The bytes of the longest form that it looks for.
    pub fn longest(&self) -> usize {
        self.names.keys().map(Vec::len).max().unwrap_or(0)
    }

    /// The name of the first secret that is in `bytes`.
    pub fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let found = self.all.as_ref()?.find(bytes)?;
        self.names.get(found.as_bytes()).map(String::as_str)
    }

    /// `bytes` with `[redacted:NAME]` in the place of each; how many there were.
    pub(super) fn removed(&self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let Some(all) = &self.all else { return (bytes.to_vec(), 0) };
        let mut clean = Vec::with_capacity(bytes.len());
        let (mut from, mut count) = (0, 0);
        for found in all.find_iter(bytes) {
            let name = self.names.get(found.as_bytes()).map_or("secret", String::as_str);
            clean.extend_from_slice(&bytes[from..found.start()]);
            clean.extend_from_slice(format!("[redacted:{name}]").as_bytes());
            (from, count) = (found.end(), count + 1);
        }
        clean.extend_from_slice(&bytes[from..]);
        (clean, count)
    }

    /// Where one begins before `at` and ends behind it: its beginning.
    pub(super) fn across(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let found = self.all.as_ref()?.find_iter(bytes).take_while(|found| found.start() < at);
        found.last().filter(|found| found.end() > at).map(|found| found.start())
    }

    /// How many bytes at the end of `bytes`, behind which something was cut, are the beginning of a form.
    pub(super) fn begun_at_end(&self, bytes: &[u8]) -> usize {
        let of_form = |form: &Vec<u8>| {
            let most = form.len().saturating_sub(1).min(bytes.len());
            (LEAST_EDGE..=most).rev().find(|&count| bytes.ends_with(&form[..count]))
        };
        self.names.keys().filter_map(of_form).max().unwrap_or(0)
    }

    /// How many bytes at the start of `bytes`, before which something was cut, are the end of a form.
    pub(super) fn ended_at_start(&self, bytes: &[u8]) -> usize {
        let of_form = |form: &Vec<u8>| {
            let most = form.len().saturating_sub(1).min(bytes.len());
            (LEAST_EDGE..=most).rev().find(|&count| bytes.starts_with(&form[form.len() - count..]))
        };
        self.names.keys().filter_map(of_form).max().unwrap_or(0)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({} forms)", self.names.len())
    }
}

/// The pattern that matches these bytes and no others.
fn literal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // writing to a string can't fail
        let _ = write!(text, "\\x{byte:02x}");
        text
    })
}
