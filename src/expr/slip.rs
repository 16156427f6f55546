//! What the lexer or the parser refused, in our words, with the edit that mends it. Knows the slips that people make:
//! braces, quotes, brackets and operators that lack their other half.

use crate::diag::codes;

use super::fault::Fault;
use super::habit;
use super::ir::At;

/// Operators that want something behind them, the longer ones first; words too.
const OPERATORS: [&str; 22] = [
    "==", "!=", "<=", ">=", "//", "+", "-", "*", "/", "%", "~", "|", "<", ">", ",", "and", "or", "not", "in",
    "is", "if", "else",
];

/// A place in a text that could not be read.
pub(super) struct Slip<'s> {
    pub(super) source: &'s str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The library's words.
    pub(super) detail: &'s str,
    pub(super) bare: bool,
}

/// What the lexer or the parser refused.
pub(super) fn syntax_fault(source: &str, error: &minijinja::Error, bare: bool) -> Fault {
    let range = error.range().unwrap_or(0..source.len());
    let (start, end) = within(source, range.start, range.end);
    let detail = error.detail().unwrap_or("it is not an expression");
    // what is missing at the end is told of the last thing that stands there
    let (start, end) = if bare && detail.contains("end of input") { (end, end) } else { (start, end) };
    let slip = Slip { source, start, end, detail, bare };
    habit::meant(&slip)
        .or_else(|| slip.open_text())
        .or_else(|| slip.braces())
        .or_else(|| slip.bracket())
        .or_else(|| slip.nothing_behind())
        .or_else(|| slip.too_much())
        .unwrap_or_else(|| slip.other())
}

impl Slip<'_> {
    pub(super) fn fault(&self, start: usize, end: usize, message: impl Into<String>) -> Fault {
        let (start, end) = within(self.source, start, end);
        Fault::new(codes::EXPRESSION_SYNTAX, At::new(start, end), message.into())
    }

    pub(super) fn what(&self) -> &'static str {
        if self.bare { "the expression" } else { "the template" }
    }

    /// Where the `{{` or `{%` opens that the place is in; nothing of a bare expression.
    fn opening(&self) -> Option<(usize, &'static str, &'static str)> {
        let before = &self.source[..self.start];
        let at = |sign: &str| before.rfind(sign);
        match (at("{{"), at("{%")) {
            _ if self.bare => None,
            (Some(value), statement) if statement.is_none_or(|at| at < value) => Some((value, "{{", "}}")),
            (_, Some(statement)) => Some((statement, "{%", "%}")),
            _ => None,
        }
    }

    /// What was written of this part before the place.
    pub(super) fn before(&self) -> &str {
        let start = self.opening().map_or(0, |(at, ..)| at + 2);
        self.source[start.min(self.start)..self.start].trim_start_matches('-').trim()
    }

    /// A quote that nothing closes.
    fn open_text(&self) -> Option<Fault> {
        if !self.detail.contains("end of string") {
            return None;
        }
        let from = if self.bare { 0 } else { self.last_opening() };
        let mut open: Option<(usize, char)> = None;
        let mut escaped = false;
        for (at, c) in self.source[from..].char_indices() {
            match open {
                _ if escaped => escaped = false,
                Some(_) if c == '\\' => escaped = true,
                Some((_, quote)) if c == quote => open = None,
                None if c == '\'' || c == '"' => open = Some((from + at, c)),
                _ => {}
            }
        }
        let (at, quote) = open?;
        let message = format!("this text is not closed: its second `{quote}` is missing");
        Some(self.fault(at, at + 1, message).help(format!("write `{quote}` where the text ends")))
    }

    fn last_opening(&self) -> usize {
        ["{{", "{%"].iter().filter_map(|sign| self.source.rfind(sign)).max().unwrap_or(0)
    }

    /// Braces with nothing between them, or that another sign closes, or none.
    fn braces(&self) -> Option<Fault> {
        let (at, opens, closes) = self.opening()?;
        let rest = &self.source[self.start..];
        let ends =
            rest.starts_with(closes) || rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(closes));
        if ends && self.before().is_empty() {
            let message = format!("nothing stands between `{opens}` and `{closes}`");
            let what =
                if opens == "{{" { "a value: `{{ inputs.NAME }}`" } else { "a statement: `{% if … %}`" };
            let help = format!("write {what}; or remove the braces");
            return Some(self.fault(at, self.end, message).help(help));
        }
        if self.detail.contains("end of input") {
            let message = format!("this `{opens}` is never closed");
            return Some(self.fault(at, at + 2, message).help(format!("write `{closes}` where it ends")));
        }
        // the sign of a statement's end is one of an operator, too
        if opens == "{{" && rest.starts_with('}') && self.source[..self.start].ends_with('%') {
            let message = "`{{` is closed by `}}`, and `%}` stands here";
            return Some(self.fault(self.start - 1, self.start + 1, message).help("write `}}`"));
        }
        let other = ["}}", "%}", "}"].into_iter().find(|sign| rest.starts_with(sign))?;
        let wanted = self.detail.contains("expected end of");
        (other != closes && wanted).then(|| {
            let message = format!("`{opens}` is closed by `{closes}`, and `{other}` stands here");
            self.fault(self.start, self.start + other.len(), message).help(format!("write `{closes}`"))
        })
    }

    /// A bracket that nothing closes, or that closes nothing.
    fn bracket(&self) -> Option<Fault> {
        let from = self.opening().map_or(0, |(at, ..)| at + 2).min(self.start);
        let (mut open, mut quote) = (Vec::new(), None);
        for (at, c) in self.source[from..self.start].char_indices() {
            match (quote, c) {
                (Some(mark), c) if c == mark => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '(' | '[' | '{') => open.push((from + at, c)),
                (None, ')' | ']' | '}') => {
                    open.pop();
                }
                _ => {}
            }
        }
        let rest = &self.source[self.start..];
        let ends =
            rest.trim().is_empty() || ["}}", "%}", "-}}", "-%}"].iter().any(|end| rest.starts_with(end));
        match open.last() {
            Some(&(at, bracket)) if ends && !self.lacks_operand() => {
                let closing = match bracket {
                    '(' => ')',
                    '[' => ']',
                    _ => '}',
                };
                let message = format!("this `{bracket}` is never closed");
                Some(self.fault(at, at + 1, message).help(format!("write `{closing}` where it ends")))
            }
            None if rest.starts_with([')', ']']) && !self.lacks_operand() => {
                let bracket = rest.chars().next()?;
                let message = format!("this `{bracket}` closes nothing");
                Some(self.fault(self.start, self.start + 1, message).help("remove it"))
            }
            _ => None,
        }
    }

    /// The operator that stands last before the place.
    fn last_operator(&self) -> Option<&'static str> {
        let before = self.before();
        OPERATORS.iter().find(|sign| is_last(before, sign)).copied()
    }

    fn lacks_operand(&self) -> bool {
        self.last_operator().is_some_and(|sign| sign != ",")
    }

    /// An operator with nothing behind it, where the text ends or a bracket closes.
    fn nothing_behind(&self) -> Option<Fault> {
        let operator = self.last_operator()?;
        let rest = &self.source[self.start..];
        let ends = rest.is_empty() || rest.starts_with(['}', ')', ']', ',']) || rest.starts_with("%}");
        let before = &self.source[..self.start];
        let at = before.trim_end().len().saturating_sub(operator.len());
        ends.then(|| {
            let message = format!("nothing stands behind `{operator}`");
            let test = operator == "is" || operator == "not" && is_last(before[..at].trim_end(), "is");
            let help = match operator {
                _ if test => "write a test behind it, such as `none` or `defined`; or remove it".to_owned(),
                "|" => "write a filter behind `|`, such as `length`; or remove it".to_owned(),
                _ => format!("write a value behind `{operator}`, or remove it"),
            };
            self.fault(at, at + operator.len(), message).help(help)
        })
    }

    /// Something behind an expression that was whole before it.
    fn too_much(&self) -> Option<Fault> {
        let written = self.source[self.start..self.end].trim();
        let whole = ["expected end of", "after expression"].iter().any(|words| self.detail.contains(words))
            && !self.detail.contains("end of input");
        if written.is_empty() || !whole || self.before().is_empty() {
            return None;
        }
        if let Some(fault) = habit::nothing_before(self) {
            return Some(fault);
        }
        let written: String = written.chars().take(40).collect();
        let message = format!("`{written}` stands behind an expression that is whole without it");
        let help = "write an operator before it, such as `==`, `and` or `|`; or remove it";
        Some(self.fault(self.start, self.end, message).help(help))
    }

    fn other(&self) -> Fault {
        let (what, detail) = (self.what(), self.detail);
        let written = self.source[self.start..self.end].trim();
        if detail.contains("end of input") {
            let message = format!("{what} ends before it is whole");
            return self.fault(self.start, self.end, message).help("write the rest of it");
        }
        if written.is_empty() {
            let help = "write a value, a name such as `inputs.NAME`, or an operator here";
            return self
                .fault(self.start, self.end, format!("{what} can't be read here: {detail}"))
                .help(help);
        }
        let written: String = written.chars().take(40).collect();
        let help = format!("write what belongs before `{written}`, or remove it");
        let message = format!("{what} can't be read at `{written}`: {detail}");
        self.fault(self.start, self.end, message).help(help)
    }
}

/// Does `text` end with the operator? A word has no letter before it.
fn is_last(text: &str, sign: &str) -> bool {
    let Some(rest) = text.strip_suffix(sign) else { return false };
    let word = sign.starts_with(|c: char| c.is_ascii_alphabetic());
    !word || !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
}

/// The nearest range that lies within the text and between its characters.
fn within(source: &str, start: usize, end: usize) -> (usize, usize) {
    let mut start = start.min(source.len());
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = end.clamp(start, source.len());
    while !source.is_char_boundary(end) {
        end += 1;
    }
    (start, end)
}

#[cfg(test)]
mod tests {
    use crate::expr::parse::{expression, template};

    fn told(faults: Vec<super::Fault>) -> String {
        let told = faults.into_iter().map(|fault| format!("{fault:?}").replace("\\\"", "\""));
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn slips_of_templates_are_told_with_the_edit_that_mends_them() {
        let cases = [
            ("{{ x }", "write `}}`"),
            ("{{ x %}", "write `}}`"),
            ("{{ }}", "write a value"),
            ("{{- -}}", "write a value"),
            ("{{ 1 + }}", "write a value behind `+`"),
            ("{{ a and }}", "write a value behind `and`"),
            ("{{ 'a }}", "write `'` where the text ends"),
            ("it's {{ \"a }}", "write `\"` where the text ends"),
            ("{{ x", "write `}}` where it ends"),
            ("{{ f(x }}", "write `)` where it ends"),
            ("{{ [1, 2 }}", "write `]` where it ends"),
            ("{{ x) }}", "remove it"),
            ("{{ a b }}", "write an operator before it"),
            ("{{ a | }}", "write a filter behind `|`"),
            ("{{ a is }}", "write a test behind it"),
            ("{{ a is not }}", "write a test behind it"),
            ("{{ a if b else }}", "write a value behind `else`"),
            ("{{ if b }}", "write the value before it: `… if … else …`"),
            ("{{ and b }}", "write a value before `and`"),
            ("{{ b ? 'a' : 'b' }}", "write `… if … else …`"),
            ("{{ a ?? 'b' }}", "write `… | default(…)`"),
            ("{{ a <> b }}", "write `!=`"),
            ("{{ a === b }}", "has no `===`"),
            ("{{ a || b }}", "write `or`"),
            ("{# a", "write `#}` where it ends"),
            ("{% if a }}x{% endif %}", "write `%}`"),
            ("{% if a %}x{% else if b %}y{% else %}z{% endif %}", "write `elif` for both words"),
            ("{{ a == && b }}", "write `and`"),
            ("{{ * 3 }}", "remove it"),
            ("{{ größe ö", "remove it"),
        ];
        for (source, help) in cases {
            let faults = template(source).unwrap_err();
            assert_eq!(faults.len(), 1, "{source}: {faults:?}");
            let found = told(faults);
            assert!(found.contains(help), "{source}: {found}");
        }
        for (source, help) in [
            ("a ==", "write a value behind `==`"),
            ("not", "write a value behind `not`"),
            ("(a or b", "write `)` where it ends"),
            ("'a", "write `'` where the text ends"),
            ("a b", "write an operator before it"),
            ("a = b", "write `==`"),
            ("a !== b", "write `!=`"),
            ("if a", "remove `if`"),
        ] {
            let found = told(expression(source).unwrap_err());
            assert!(found.contains(help), "{source}: {found}");
        }
    }
}
