//! Workflow commands of GitHub Actions: findings beside the lines of a pull request. A command is one line, and no
//! text of a file may end it or begin another.

use crate::diag::{Diagnostic, Diagnostics};
use crate::source::Sources;
use crate::view::is_unsafe_to_show;

use super::place::{place, word};

/// A command a finding.
pub fn github(sources: &Sources, found: &Diagnostics) -> String {
    let listed: String = found.iter().map(|diagnostic| one(sources, diagnostic)).collect();
    let word = if found.has_errors() { "error" } else { "warning" };
    let more = found.left_out_text().map(|text| format!("::{word} title=lgflow::{}\n", data(&text)));
    listed + &more.unwrap_or_default()
}

fn one(sources: &Sources, found: &Diagnostic) -> String {
    let place = place(sources, found.span());
    let mut message = found.message.clone();
    if let Some(help) = &found.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    // an end column means something only on the line of the start
    let end = if place.start.line == place.end.line {
        format!(",endColumn={}", place.end.column)
    } else {
        String::new()
    };
    format!(
        "::{} file={},line={},endLine={},col={}{end},title={}::{}\n",
        word(found.severity),
        property(place.file),
        place.start.line,
        place.end.line,
        place.start.column,
        property(found.code.as_str()),
        data(&message),
    )
}

/// The text of a command: `%` and line breaks as GitHub decodes them, anything else unsafe as an escape.
fn data(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '%' => "%25".to_owned(),
            '\r' => "%0D".to_owned(),
            '\n' => "%0A".to_owned(),
            c if is_unsafe_to_show(c) => c.escape_unicode().to_string(),
            c => c.to_string(),
        })
        .collect()
}

/// The value of a property, which `:` and `,` would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
