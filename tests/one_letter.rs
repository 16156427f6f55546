//! One letter of one key of a valid graph is changed: exactly one error, there, with the old spelling suggested.

use std::fs;
use std::path::{Path, PathBuf};

use lgflow::compile::{FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::document::{Entry, Limits, Syntax, Tree, parse};
use lgflow::files::RelPath;
use lgflow::source::Sources;

/// Under these keys each key is a name or data of the author's.
const AUTHORS_OWN: [&str; 20] = [
    "inputs",
    "models",
    "prompts",
    "graphs",
    "state",
    "nodes",
    "outputs",
    "groups",
    "vars",
    "update",
    "env",
    "headers",
    "expect",
    "input",
    "body",
    "properties",
    "patternProperties",
    "$defs",
    "dependentRequired",
    "dependentSchemas",
];
/// Under these keys everything is data, however deep.
const DATA: [&str; 12] = [
    "outputs",
    "vars",
    "update",
    "input",
    "body",
    "default",
    "const",
    "enum",
    "examples",
    "expect",
    "dependentRequired",
    "x-team",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ok")
}

fn check(name: &str, text: &str) -> (Sources, Diagnostics) {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let path = RelPath::parse(name).unwrap();
    let root = Root { path, name: name.to_owned(), bytes: text.as_bytes().to_vec() };
    let mut load = |file: &FileRef| {
        let bytes = fs::read(folder().join(file.path.as_str()))
            .map_err(|_| LoadProblem::new(format!("`{}` does not exist", file.path)))?;
        Ok(Loaded { name: file.path.to_string(), bytes })
    };
    check_files(vec![root], &mut load, &mut sources, &mut found);
    (sources, found)
}

/// The language's own keys of a tree, each with where it stands.
fn keys(tree: &Tree, under: &str, is_values: bool, found: &mut Vec<(String, usize, usize)>) {
    for Entry { key, value } in tree.entries() {
        let name = key.value.as_str();
        let own = AUTHORS_OWN.contains(&under) || (under == "with" && is_values) || name.starts_with("x-");
        if !own {
            found.push((name.to_owned(), key.span.start as usize, key.span.end as usize));
        }
        let data = DATA.contains(&name) && !(AUTHORS_OWN.contains(&under) && under != "with");
        let inputs_of_a_node = name == "inputs" && under == "with";
        if !data && !inputs_of_a_node && !(under == "with" && is_values) && !name.starts_with("x-") {
            let values = value.get("uses").and_then(Tree::as_str) == Some("values");
            // a name of the author's is no key of the language, even where it is spelled like one
            let below = if own { "" } else { name };
            keys(value, below, if under == "nodes" { values } else { is_values }, found);
        }
    }
    for item in tree.items() {
        keys(item, "", is_values, found);
    }
}

/// Another letter in the middle of a word.
fn changed(word: &str) -> String {
    let at = word.char_indices().nth(word.chars().count() / 2).map_or(0, |(at, _)| at);
    let old = word[at..].chars().next().unwrap();
    let new = if old == 'q' { 'z' } else { 'q' };
    format!("{}{new}{}", &word[..at], &word[at + old.len_utf8()..])
}

#[test]
fn a_misspelt_key_is_one_error_at_its_place_with_the_right_spelling() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let syntax = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => Syntax::Toml,
            Some("json") => Syntax::Json,
            _ => Syntax::Yaml,
        };
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let file = sources.add(name.clone(), text.clone());
        let tree = parse(&sources, file, syntax, &Limits::default(), &mut found).unwrap().tree;
        let mut all = Vec::new();
        keys(&tree, "", false, &mut all);
        for (key, start, end) in all {
            // a TOML header or a dotted key is one of several places of its table; a changed one is another table
            if text[end..].starts_with('.')
                || !text[start..end].contains(&key)
                || (syntax == Syntax::Toml
                    && text[..start].lines().last().is_some_and(|line| line.starts_with('[')))
            {
                continue;
            }
            tried += 1;
            let misspelt = changed(&key);
            let edited =
                format!("{}{}{}", &text[..start], text[start..end].replace(&key, &misspelt), &text[end..]);
            let (sources, found) = check(&name, &edited);
            let line = sources.iter().next().unwrap().position(start as u32).line;
            let report: Vec<String> =
                found.iter().map(|found| format!("{} ({:?})", found.message, found.help)).collect();
            let right = found.len() == 1
                && found.iter().all(|found| {
                    found.span().start as usize == start
                        && found.help.as_deref().is_some_and(|help| help.contains(&format!("`{key}`")))
                });
            if !right {
                wrong.push(format!("{name}:{line}: `{key}` as `{misspelt}`: {report:#?}"));
            }
        }
    }
    assert!(tried > 300, "only {tried} keys");
    assert!(wrong.is_empty(), "{} of {tried} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
