//! Nine different faults in one file, in YAML and in TOML: all are found in one run, each at its exact line and
//! column, with the right name for each misspelt one, and nothing else is said.

#![expect(clippy::unwrap_used, reason = "a test fails where it is wrong")]

use std::path::PathBuf;

use lgflow::diag::Diagnostics;
use lgflow::policy::Packs;
use lgflow::session::check_paths;
use lgflow::source::Sources;

/// Line, column, code, help (where it is a suggestion).
type Found = (usize, usize, String, Option<String>);

fn check(file: &str) -> Vec<Found> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/nine_faults").join(file);
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    check_paths(&[path], &Packs::default(), &mut sources, &mut diagnostics).unwrap();
    let facts = |found: &lgflow::diag::Diagnostic| {
        let at = sources.get(found.span().file).position(found.span().start);
        let suggestion = found.help.clone().filter(|help| help.starts_with("write `"));
        (at.line, at.column, found.code.to_string(), suggestion)
    };
    diagnostics.iter().map(facts).collect()
}

fn wanted(list: &[(usize, usize, &str, Option<&str>)]) -> Vec<Found> {
    let own = |&(line, column, code, help): &(usize, usize, &str, Option<&str>)| {
        (line, column, code.to_owned(), help.map(|name| format!("write `{name}`")))
    };
    list.iter().map(own).collect()
}

#[test]
fn in_yaml() {
    let faults = [
        (3, 1, "unknown-key", Some("description")),
        (9, 30, "unknown-input", Some("request")),
        (10, 24, "wrong-type", None),
        (13, 40, "unknown-filter", Some("upper")),
        (16, 11, "bad-value", Some("all")),
        (18, 5, "duplicate-key", None),
        (21, 19, "syntax", None),
        (24, 5, "cycle", None),
        (25, 13, "unknown-node", Some("report")),
    ];
    assert_eq!(check("graph.yaml"), wanted(&faults));
}

#[test]
fn in_toml() {
    let faults = [
        (3, 1, "unknown-key", Some("description")),
        (6, 4, "cycle", None),
        (7, 12, "unknown-node", Some("report")),
        (15, 28, "unknown-input", Some("request")),
        (16, 22, "wrong-type", None),
        (20, 38, "unknown-filter", Some("upper")),
        (24, 8, "bad-value", Some("all")),
        (26, 1, "duplicate-key", None),
        (30, 17, "syntax", None),
    ];
    assert_eq!(check("graph.toml"), wanted(&faults));
}
