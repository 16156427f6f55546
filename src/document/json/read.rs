//! A spanned JSON reader: the libraries at hand give places for errors only, not for values. It reads on after a
//! comma too many or too few, after a comment and after a duplicate key; any other error ends it.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::damage::Draft;
use crate::document::limits::{Limit, Spent};
use crate::document::number;
use crate::document::yaml::duplicate;
use crate::document::{Entry, Limits, Text, Tree, Value};
use crate::source::{FileId, Located, Span};

use super::string::string;

/// An error was pushed, and reading ends.
struct Refused;

struct Reader<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    limits: &'t Limits,
    found: &'t mut Diagnostics,
    spent: Spent,
    unread: Vec<Span>,
}

/// The tree and the spans that are missing in it.
pub(in crate::document) fn read(
    file: FileId,
    draft: &Draft,
    limits: &Limits,
    found: &mut Diagnostics,
) -> Option<(Tree, Vec<Span>)> {
    let text = draft.text();
    let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let reader = Reader { file, text, at, limits, found, spent: Spent::default(), unread: Vec::new() };
    reader.document().ok()
}

impl Reader<'_> {
    fn document(mut self) -> Result<(Tree, Vec<Span>), Refused> {
        self.space();
        let tree = match self.value(0)? {
            Some(tree) => tree,
            None => Tree { value: Value::Null, span: Span::whole(self.file) },
        };
        self.space();
        if self.at < self.text.len() {
            return self.refuse(self.at, "text after the end of the document", "remove it");
        }
        Ok((tree, self.unread))
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn error(&mut self, start: usize, end: usize, message: &str, help: &str) {
        self.found.push(Diagnostic::new(codes::SYNTAX, self.span(start, end), message).help(help));
    }

    fn refuse<T>(&mut self, at: usize, message: &str, help: &str) -> Result<T, Refused> {
        let end = at + self.text[at..].chars().next().map_or(0, char::len_utf8);
        self.error(at, end, message, help);
        Err(Refused)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over white space, and over comments, which are reported.
    fn space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let rest = &self.text[self.at..];
            let length = if rest.starts_with("//") || rest.starts_with('#') {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else {
                return;
            };
            self.error(
                self.at,
                self.at + length,
                "JSON has no comments",
                "remove it, or write the file as YAML",
            );
            self.at += length;
        }
    }

    fn charge(&mut self, more: Spent, at: usize) -> Result<(), Refused> {
        self.spent.charge(more, self.limits).map_err(|limit| self.exceeded(limit, at))
    }

    fn exceeded(&mut self, limit: Limit, at: usize) -> Refused {
        self.found.push(limit.exceeded(self.limits, self.span(at, at)));
        Refused
    }

    /// A value; `None` for one that was reported and is left out. The depth limit bounds the recursion.
    fn value(&mut self, depth: usize) -> Result<Option<Tree>, Refused> {
        let start = self.at;
        self.charge(Spent::one(0), start)?;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth >= self.limits.depth => {
                return Err(self.exceeded(Limit::Depth, start));
            }
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => {
                let (text, _) = self.string()?;
                Value::String(text)
            }
            Some(b'-' | b'0'..=b'9') => return self.number(),
            _ => self.word()?,
        };
        Ok(Some(Tree { value, span: self.span(start, self.at) }))
    }

    fn word(&mut self) -> Result<Value, Refused> {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "" if rest.is_empty() => {
                return self.refuse(self.at, "the document ends where a value should be", "write a value");
            }
            _ => {
                let end = self.at + word.len().max(rest.chars().next().map_or(0, char::len_utf8));
                self.error(self.at, end, "this is no JSON value", "put a string in double quotes");
                return Err(Refused);
            }
        };
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Option<Tree>, Refused> {
        let start = self.at;
        let rest = &self.text[start..];
        let end = start
            + rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let written = &self.text[start..end];
        let Some(whole) = grammar(written) else {
            self.error(start, end, "this is no JSON number", "write it as `0`, `-1`, `2.5` or `1e3`");
            return Err(Refused);
        };
        self.at = end;
        let span = self.span(start, end);
        match if whole { number::integer(written, 10) } else { number::float(written) } {
            Ok(value) => Ok(Some(Tree { value, span })),
            Err(bad) => {
                self.found.push(bad.diagnostic(written, span));
                self.unread.push(span);
                Ok(None)
            }
        }
    }

    fn string(&mut self) -> Result<(Text, Span), Refused> {
        let start = self.at;
        match string(self.text, start) {
            Ok((runs, end)) => {
                self.charge(Spent { nodes: 0, string_bytes: runs.decoded.len() }, start)?;
                self.at = end;
                let span = self.span(start, end);
                Ok((Text::new(runs.decoded, span, runs.runs), span))
            }
            Err(bad) => {
                self.error(
                    bad.start,
                    bad.end,
                    bad.message,
                    "write the string as JSON wants it, in double quotes",
                );
                Err(Refused)
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Refused> {
        let mut items = Vec::new();
        self.at += 1;
        while self.next_item(b']', items.is_empty())? {
            items.extend(self.value(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Refused> {
        let mut entries = Vec::new();
        let mut seen = BTreeMap::new();
        self.at += 1;
        while self.next_item(b'}', seen.is_empty())? {
            if self.peek() != Some(b'"') {
                return self.refuse(
                    self.at,
                    "a key in double quotes should be here",
                    "write `\"key\": value`",
                );
            }
            let (key, span) = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return self.refuse(self.at, "a `:` should be here", "write `\"key\": value`");
            }
            self.at += 1;
            self.space();
            let value = self.value(depth + 1)?;
            let name = key.as_str().to_owned();
            match (seen.get(&name), value) {
                (Some(&first), _) => self.found.push(duplicate(&name, span, first)),
                (None, Some(value)) => entries.push(Entry { key: Located::new(name.clone(), span), value }),
                (None, None) => self.unread.push(span),
            }
            seen.entry(name).or_insert(span);
        }
        Ok(Value::Map(entries))
    }

    /// Steps to the next item, over the comma; `false` after the closing bracket.
    fn next_item(&mut self, close: u8, first: bool) -> Result<bool, Refused> {
        self.space();
        let comma = self.at;
        let has_comma = !first && self.peek() == Some(b',');
        if has_comma {
            self.at += 1;
            self.space();
        }
        match self.peek() {
            Some(byte) if byte == close => {
                if has_comma {
                    self.error(comma, comma + 1, "a comma after the last item", "remove it");
                }
                self.at += 1;
                Ok(false)
            }
            None => {
                let message = format!("the document ends before a `{}`", char::from(close));
                self.refuse(self.at, &message, "close the bracket")
            }
            Some(b']' | b'}' | b',' | b':') => {
                self.refuse(self.at, "a value should be here", "write a value, or close the bracket")
            }
            Some(_) if !first && !has_comma => {
                self.error(self.at, self.at, "a comma is missing here", "write `,` between two items");
                Ok(true)
            }
            Some(_) => Ok(true),
        }
    }
}

/// Does JSON's grammar of numbers take it? Then whether it is a whole one.
fn grammar(written: &str) -> Option<bool> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = written.strip_prefix('-').unwrap_or(written);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let well = digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits);
    well.then_some(fraction.is_none() && exponent.is_none())
}
