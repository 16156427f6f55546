//! The parser's table → our tree. Refuses dates, and numbers that have no exact value.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::limits::{Limit, Spent};
use crate::document::number;
use crate::document::{Entry, Limits, Text, Tree, Value};
use crate::source::{FileId, Located, Span};

use super::offsets;

struct Convert<'t> {
    file: FileId,
    text: &'t str,
    limits: &'t Limits,
    found: &'t mut Diagnostics,
    spent: Spent,
    unread: Vec<Span>,
}

/// The tree and the spans that are missing in it; `None` where a limit is exceeded.
pub(super) fn convert(
    table: &Spanned<DeTable<'_>>,
    file: FileId,
    text: &str,
    blanked: &[Span],
    limits: &Limits,
    found: &mut Diagnostics,
) -> Option<(Tree, Vec<Span>)> {
    let mut convert =
        Convert { file, text, limits, found, spent: Spent::default(), unread: blanked.to_vec() };
    match convert.table(table.get_ref(), 1) {
        Ok(value) => Some((Tree { value, span: Span::new(file, 0, text.len()) }, convert.unread)),
        Err((limit, at)) => {
            convert.found.push(limit.exceeded(limits, Span::new(file, at, at)));
            None
        }
    }
}

impl Convert<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    /// The depth limit, checked first, bounds the recursion.
    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> Result<Value, (Limit, usize)> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let at = key.span().start;
            self.charge(Spent::one(key.get_ref().len()), at)?;
            let place = self.span(key.span());
            match self.value(value, depth)? {
                Some(value) => {
                    entries.push(Entry { key: Located::new(key.get_ref().to_string(), place), value });
                }
                None => self.unread.push(place.to(self.span(value.span()))),
            }
        }
        Ok(Value::Map(entries))
    }

    fn charge(&mut self, more: Spent, at: usize) -> Result<(), (Limit, usize)> {
        self.spent.charge(more, self.limits).map_err(|limit| (limit, at))
    }

    /// `None` for a value that was reported and is left out.
    fn value(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Option<Tree>, (Limit, usize)> {
        let (range, span) = (value.span(), self.span(value.span()));
        if depth > self.limits.depth {
            return Err((Limit::Depth, range.start));
        }
        let written = self.text.get(range.clone()).unwrap_or_default();
        let value = match value.get_ref() {
            DeValue::String(decoded) => {
                self.charge(Spent::one(decoded.len()), range.start)?;
                Value::String(Text::new(decoded.as_ref(), span, offsets::runs(written, range.start, decoded)))
            }
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Table(table) => self.table(table, depth + 1)?,
            DeValue::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    self.charge(Spent::one(0), item.span().start)?;
                    match self.value(item, depth + 1)? {
                        Some(item) => list.push(item),
                        None => self.unread.push(self.span(item.span())),
                    }
                }
                Value::List(list)
            }
            other => return Ok(self.plain(other, written, span)),
        };
        Ok(Some(Tree { value, span }))
    }

    fn plain(&mut self, value: &DeValue<'_>, written: &str, span: Span) -> Option<Tree> {
        let number = match value {
            DeValue::Integer(integer) => number::integer(integer.as_str(), integer.radix()),
            DeValue::Float(float) => number::float(float.as_str()),
            _ => {
                let message = format!("`{written}` is a date or time, and the document model has none");
                self.found.push(
                    Diagnostic::new(codes::DATE, span, message)
                        .help(format!("quote it: write `\"{written}\"`")),
                );
                return None;
            }
        };
        match number {
            Ok(value) => Some(Tree { value, span }),
            Err(bad) => {
                self.found.push(bad.diagnostic(written, span));
                None
            }
        }
    }
}
