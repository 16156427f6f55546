//! The document reader: every text as YAML, as TOML and as JSON. Each finding can be shown at its place, and a document
//! without findings, written as JSON, reads as the same values.

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, decode, parse};
use lgflow::source::Sources;
use lgflow::view::diagnostics::{Style, compact, human};

/// Bytes → a tree, or findings.
pub fn document(bytes: &[u8]) {
    for syntax in [Syntax::Yaml, Syntax::Toml, Syntax::Json] {
        if let Some(value) = read(bytes, syntax) {
            let again = read(value.to_string().as_bytes(), Syntax::Json);
            assert_eq!(again.as_ref(), Some(&value), "{syntax:?}, written as JSON");
        }
    }
}

/// The values of a document in which nothing was found.
fn read(bytes: &[u8], syntax: Syntax) -> Option<serde_json::Value> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let limits = Limits::default();
    let parsed = decode(&mut sources, "a-file", bytes.to_vec(), &limits, &mut found)
        .and_then(|file| parse(&sources, file, syntax, &limits, &mut found));
    shown(&sources, &found);
    let parsed = parsed?;
    found.is_empty().then(|| parsed.tree.to_json())
}

/// Shows findings in the two forms that cut texts at their places.
pub fn shown(sources: &Sources, found: &Diagnostics) {
    let lines = compact(sources, found);
    assert_eq!(lines.is_empty(), found.is_empty());
    human(sources, found, Style { color: false, width: 100 });
}
