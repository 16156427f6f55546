//! Definitions by the lines that make them, and their rank for a request. A closed list of forms for a few languages.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use crate::runner::tools::words::{matches, telling_words, words};

use super::scan::Scan;

/// The most definitions of a file that are kept.
const MAX_IN_FILE: usize = 2000;
/// The most that are given back.
const MAX_GIVEN: usize = 50;

/// A line that defines a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) line: u64,
}

/// Languages, and what a line that defines a name matches: the first group is the kind, the second the name.
static FORMS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let script = r"^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:abstract\s+)?(function|class|interface|enum|type|const)\*?\s+([A-Za-z_$][\w$]*)";
    let forms = [
        (
            "Rust",
            r#"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:(?:async|const|unsafe|default|extern(?:\s+"[^"]*")?)\s+)*(fn|struct|enum|union|trait|type|mod|static|const|macro_rules!)\s+(?:mut\s+)?([A-Za-z_]\w*)"#,
        ),
        ("Python", r"^(?:\s*(?:async\s+)?|if )(def|class|__name__)\s+(?:==\s*['\x22])?([A-Za-z_]\w*)"),
        ("JavaScript", script),
        ("TypeScript", script),
        ("Go", r"^(func|type)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*)"),
        (
            "Java",
            r"^\s*(?:(?:public|protected|private|static|final|abstract|sealed)\s+)*(class|interface|enum|record)\s+([A-Za-z_]\w*)",
        ),
        ("Ruby", r"^\s*(def|class|module)\s+(?:self\.)?([A-Za-z_]\w*)"),
    ];
    forms.into_iter().filter_map(|(language, form)| Some((language, Regex::new(form).ok()?))).collect()
});

/// The kinds that a form can name.
static KINDS: [&str; 18] = [
    "fn",
    "struct",
    "enum",
    "union",
    "trait",
    "type",
    "mod",
    "static",
    "const",
    "macro_rules!",
    "def",
    "class",
    "function",
    "interface",
    "func",
    "record",
    "module",
    // the guard of a script: `if __name__ == "__main__":`
    "__name__",
];

/// The definitions of a text, in its order.
pub(super) fn definitions(language: &str, text: &str) -> Vec<Definition> {
    let Some((_, form)) = FORMS.iter().find(|(name, _)| *name == language) else { return Vec::new() };
    let found = text.lines().enumerate().filter_map(|(at, line)| {
        let groups = form.captures(line)?;
        let kind = KINDS.iter().find(|kind| **kind == &groups[1])?;
        Some(Definition { name: groups[2].to_owned(), kind, line: at as u64 + 1 })
    });
    found.take(MAX_IN_FILE).collect()
}

/// The definitions that a request is about: a word of the request in the name counts 3, in the path 1; what counts
/// nothing in its name is left out. Best first, then by path and line.
pub(super) fn ranked(scan: &Scan, request: &str) -> Vec<Value> {
    let wanted: BTreeSet<String> = telling_words(request).into_iter().collect();
    let mut found = Vec::new();
    for file in &scan.files {
        let in_path = count(&wanted, file.path.as_str());
        for definition in &file.definitions {
            let in_name = count(&wanted, &definition.name);
            if in_name > 0 {
                found.push((3 * in_name + in_path, file, definition));
            }
        }
    }
    found.sort_by_key(|(score, file, definition)| (std::cmp::Reverse(*score), &file.path, definition.line));
    found.truncate(MAX_GIVEN);
    let give = found.into_iter().map(|(score, file, definition)| {
        json!({
            "name": definition.name, "kind": definition.kind, "path": file.path.as_str(),
            "line": definition.line, "score": score, "digest": file.digest,
        })
    });
    give.collect()
}

fn count(wanted: &BTreeSet<String>, text: &str) -> u64 {
    let there = words(text);
    wanted.iter().filter(|word| there.iter().any(|other| matches(word, other))).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles_and_names_what_is_defined() {
        assert_eq!(FORMS.len(), 7);
        let names = |language, text| {
            definitions(language, text).into_iter().map(|d| (d.kind, d.name, d.line)).collect::<Vec<_>>()
        };
        let rust = "pub(crate) async fn run() {}\nstruct A;\n// fn no\nmacro_rules! m {\nlet fn_x = 1;";
        assert_eq!(
            names("Rust", rust),
            [("fn", "run".into(), 1), ("struct", "A".into(), 2), ("macro_rules!", "m".into(), 4)]
        );
        assert_eq!(names("Go", "func (s *S) Do() {\ntype T struct {").len(), 2);
        let python = "class A:\n    async def b(self):\nif __name__ == \"__main__\":\n";
        assert_eq!(names("Python", python)[2], ("__name__", "__main__".into(), 3));
        assert_eq!(names("TypeScript", "export default class A {\nexport const x = 1").len(), 2);
    }
}
