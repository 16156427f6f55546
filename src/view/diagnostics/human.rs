//! Findings drawn beside the lines that they are about, for a person.

use std::collections::BTreeMap;
use std::fmt;

use miette::{
    Diagnostic as Report, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity as Level, SourceCode,
};

use crate::diag::{Diagnostic, Diagnostics, Label, Severity};
use crate::source::{FileId, Sources, Span};
use crate::view::escaped;

use super::snippet::Snippet;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// With colours; meaning never depends on them.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// All findings, and a line that counts them. No control character of a file reaches the result.
pub fn human(sources: &Sources, found: &Diagnostics, style: Style) -> String {
    let theme = if style.color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let drawer =
        GraphicalReportHandler::new_themed(theme).with_width(style.width.clamp(40, 160)).with_urls(false);
    let mut snippets: BTreeMap<FileId, Snippet> = BTreeMap::new();
    for label in found.iter().flat_map(|found| &found.labels) {
        let file = label.span.file;
        snippets.entry(file).or_insert_with(|| Snippet::new(sources.get(file)));
    }
    let mut text = String::new();
    for diagnostic in found.iter() {
        let drawn = drawer.render_report(&mut text, &Drawn::of(diagnostic, &snippets));
        debug_assert!(drawn.is_ok(), "drawing into a string does not fail");
        text.push('\n');
    }
    text.push_str(&count(found));
    text
}

fn count(found: &Diagnostics) -> String {
    let number = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let errors = number(found.count(Severity::Error), "error");
    let parts: Vec<String> =
        errors.into_iter().chain(number(found.count(Severity::Warning), "warning")).collect();
    match (parts.is_empty(), found.left_out()) {
        (true, _) => String::new(),
        (false, 0) => format!("{}\n", parts.join(", ")),
        (false, _) => format!("{}; the first {} are shown\n", parts.join(", "), found.len()),
    }
}

/// A finding in the library's terms: what lies in one file, and the labels of other files as related findings.
struct Drawn<'s> {
    code: Option<String>,
    level: Level,
    message: String,
    help: Option<String>,
    snippet: Option<&'s Snippet>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Drawn<'s>>,
}

impl<'s> Drawn<'s> {
    fn of(found: &Diagnostic, snippets: &'s BTreeMap<FileId, Snippet>) -> Self {
        let home = found.span().file;
        let (here, there): (Vec<&Label>, Vec<&Label>) =
            found.labels.iter().partition(|label| label.span.file == home);
        let snippet = snippets.get(&home);
        Self {
            code: Some(found.code.to_string()),
            level: match found.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
            },
            message: escaped(&found.message),
            help: found.help.as_deref().map(escaped),
            snippet,
            labels: here.iter().map(|label| labeled(label, snippet)).collect(),
            elsewhere: there.iter().map(|label| Self::elsewhere(label, snippets)).collect(),
        }
    }

    fn elsewhere(label: &Label, snippets: &'s BTreeMap<FileId, Snippet>) -> Self {
        let snippet = snippets.get(&label.span.file);
        Self {
            code: None,
            level: Level::Advice,
            message: label.text.as_deref().map_or_else(|| "see here".to_owned(), escaped),
            help: None,
            snippet,
            labels: vec![labeled(&Label { text: None, ..label.clone() }, snippet)],
            elsewhere: Vec::new(),
        }
    }
}

/// More of a line than this is not underlined.
const UNDERLINED: usize = 200;

/// A label, cut to its first line and to what can be drawn: what matters is where it begins.
fn labeled(label: &Label, snippet: Option<&Snippet>) -> LabeledSpan {
    let Span { start, end, .. } = label.span;
    let (start, end) = (start as usize, end as usize);
    let covered = snippet.and_then(|snippet| snippet.text().get(start..end)).unwrap_or_default();
    let line = covered.lines().next().unwrap_or_default().trim_end();
    let length = (0..=line.len().min(UNDERLINED)).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
    let text = label.text.as_deref().map(escaped);
    if label.primary {
        LabeledSpan::new_primary_with_span(text, (start, length))
    } else {
        LabeledSpan::new(text, start, length)
    }
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Report for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Level> {
        Some(self.level)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.map(|snippet| snippet as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Report> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|drawn| drawn as &dyn Report)))
    }
}
