//! What a file says that it uses, as written: the lines of a few languages that name other files. `connected` finds
//! out which files those are.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// A mention of another file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Import {
    /// `mod NAME;`
    RustModule(String),
    /// `crate::a::b`, anywhere.
    RustCrate(Vec<String>),
    /// `use super::super::a::b` at the start of a line: how often `super`, and the rest.
    RustSuper(usize, Vec<String>),
    /// `use NAME::a::b`, where NAME may be a package of the repository.
    RustPackage(String, Vec<String>),
    /// `from ..a.b import c, d`: leading dots, `a.b`, and the names; `import a.b` has no names.
    Python { dots: usize, module: String, names: Vec<String> },
    /// A relative path behind `from`, `import` or `require`.
    Script(String),
    /// A package path.
    Go(String),
}

/// The files that `text` mentions, each once.
pub(super) fn imports(language: &str, text: &str) -> Vec<Import> {
    let found: BTreeSet<Import> = match language {
        "Rust" => text.lines().flat_map(rust).collect(),
        "Python" => text.lines().flat_map(python).collect(),
        "JavaScript" | "TypeScript" | "Svelte" | "Vue" => text.lines().flat_map(script).collect(),
        "Go" => text.lines().filter_map(go).collect(),
        _ => BTreeSet::new(),
    };
    found.into_iter().collect()
}

/// A pattern of this file; a test holds that each compiles.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

macro_rules! patterns {
    ($($name:ident = $text:expr;)*) => {
        $(static $name: LazyLock<Option<Regex>> = LazyLock::new(|| pattern($text));)*
        #[cfg(test)]
        const ALL: &[&LazyLock<Option<Regex>>] = &[$(&$name),*];
    };
}

patterns! {
    RUST_MODULE = r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;";
    RUST_CRATE = r"\bcrate((?:::\w+)+)";
    RUST_SUPER = r"^(?:pub(?:\([^)]*\))?\s+)?use\s+((?:super::)+)(\w+(?:::\w+)*)?";
    RUST_USE = r"^\s*(?:pub(?:\([^)]*\))?\s+)?use\s+(\w+)((?:::\w+)+)";
    PYTHON_FROM = r"^\s*from\s+(\.*)([\w.]*)\s+import\s+\(?([^#]*)";
    PYTHON_IMPORT = r"^\s*import\s+([^#]+)";
    SCRIPT = r#"(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*["'](\.[^"']*)["']"#;
    GO = r#"^\s*(?:import\s+)?(?:[\w.]+\s+)?"([^"]+)"\s*$"#;
}

fn segments(path: &str) -> Vec<String> {
    path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn rust(line: &str) -> Vec<Import> {
    let line = line.split("//").next().unwrap_or_default();
    let mut found = Vec::new();
    if let Some(groups) = RUST_MODULE.as_ref().and_then(|form| form.captures(line)) {
        found.push(Import::RustModule(groups[1].to_owned()));
    }
    if let Some(form) = RUST_CRATE.as_ref() {
        found.extend(form.captures_iter(line).map(|groups| Import::RustCrate(segments(&groups[1]))));
    }
    if let Some(groups) = RUST_SUPER.as_ref().and_then(|form| form.captures(line)) {
        let up = groups[1].matches("super").count();
        found.push(Import::RustSuper(up, segments(groups.get(2).map_or("", |rest| rest.as_str()))));
    }
    if let Some(groups) = RUST_USE.as_ref().and_then(|form| form.captures(line)) {
        found.push(Import::RustPackage(groups[1].to_owned(), segments(&groups[2])));
    }
    found
}

fn python(line: &str) -> Vec<Import> {
    if let Some(groups) = PYTHON_FROM.as_ref().and_then(|form| form.captures(line)) {
        let names = groups[3].split(',').filter_map(|name| name.split_whitespace().next());
        let names = names.map(|name| name.trim_end_matches(')').to_owned()).filter(|name| !name.is_empty());
        return vec![Import::Python {
            dots: groups[1].len(),
            module: groups[2].to_owned(),
            names: names.collect(),
        }];
    }
    let Some(groups) = PYTHON_IMPORT.as_ref().and_then(|form| form.captures(line)) else { return Vec::new() };
    let modules = groups[1].split(',').filter_map(|name| name.split_whitespace().next());
    modules.map(|module| Import::Python { dots: 0, module: module.to_owned(), names: Vec::new() }).collect()
}

fn script(line: &str) -> Vec<Import> {
    let Some(form) = SCRIPT.as_ref() else { return Vec::new() };
    form.captures_iter(line).map(|groups| Import::Script(groups[1].to_owned())).collect()
}

fn go(line: &str) -> Option<Import> {
    Some(Import::Go(GO.as_ref()?.captures(line)?[1].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    #[test]
    fn every_pattern_compiles() {
        assert!(ALL.iter().all(|pattern| pattern.is_some()));
    }

    #[test]
    fn takes_what_each_language_writes() {
        let rust =
            "mod a;\nuse crate::b::{C, D}; // crate::no\n    use super::e;\nuse super::f;\nuse std::fs;";
        assert_eq!(
            imports("Rust", rust),
            [
                Import::RustModule("a".into()),
                Import::RustCrate(owned(&["b"])),
                Import::RustSuper(1, owned(&["f"])),
                Import::RustPackage("crate".into(), owned(&["b"])),
                Import::RustPackage("std".into(), owned(&["fs"])),
                Import::RustPackage("super".into(), owned(&["e"])),
                Import::RustPackage("super".into(), owned(&["f"])),
            ]
        );
        let python = "from ..a.b import c, d as e # f\nimport x.y, z as w\n";
        assert_eq!(
            imports("Python", python),
            [
                Import::Python { dots: 0, module: "x.y".into(), names: vec![] },
                Import::Python { dots: 0, module: "z".into(), names: vec![] },
                Import::Python { dots: 2, module: "a.b".into(), names: owned(&["c", "d"]) },
            ]
        );
        let script =
            "import a from './a'\nconst b = require(\"../b\")\nimport './c.css'\nimport x from 'react'";
        assert_eq!(
            imports("TypeScript", script),
            [Import::Script("../b".into()), Import::Script("./a".into()), Import::Script("./c.css".into()),]
        );
        assert_eq!(
            imports("Go", "import \"fmt\"\n\tx \"example.org/m/a\"\n"),
            [Import::Go("example.org/m/a".into()), Import::Go("fmt".into()),]
        );
    }
}
