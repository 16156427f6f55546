//! One letter of one key or of one name of a valid graph is changed: exactly one error, there, with the old spelling
//! suggested.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod keys;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use lgflow::compile::{FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::{Diagnostics, codes};
use lgflow::document::{Limits, Syntax, Tree, parse};
use lgflow::files::RelPath;
use lgflow::source::Sources;

/// A word that can be misspelt.
pub struct Use {
    /// As written.
    pub word: String,
    /// Where it starts.
    pub at: usize,
    /// Where an error about it starts: at its quotes, where it has some.
    pub place: usize,
}

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

/// Another letter in the middle of a word.
fn changed(word: &str) -> String {
    let at = word.char_indices().nth(word.chars().count() / 2).map_or(0, |(at, _)| at);
    let old = word[at..].chars().next().unwrap();
    let new = if old == 'q' { 'z' } else { 'q' };
    format!("{}{new}{}", &word[..at], &word[at + old.len_utf8()..])
}

/// The graphs of the folder, each with its tree.
fn graphs() -> Vec<(String, String, Syntax, Tree)> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    paths.sort();
    let graph = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let syntax = Syntax::of_path(&name).unwrap();
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let file = sources.add(name.clone(), text.clone());
        let tree = parse(&sources, file, syntax, &Limits::default(), &mut found).unwrap().tree;
        (name, text, syntax, tree)
    };
    paths.into_iter().map(graph).collect()
}

/// What is wrong with how a misspelling of this word is reported, if anything is.
fn fault(name: &str, text: &str, used: &Use) -> Option<String> {
    let Use { word, at, place } = used;
    let misspelt = changed(word);
    let edited = format!("{}{misspelt}{}", &text[..*at], &text[at + word.len()..]);
    let (sources, found) = check(name, &edited);
    // that a node kind is not built is said of the sound graph as well
    let found: Vec<_> = found.iter().filter(|found| found.code != codes::NOT_BUILT).collect();
    let right = found.len() == 1
        && found.iter().all(|found| {
            let help = found.help.as_deref();
            found.span().start as usize == *place
                && help.is_some_and(|help| help.contains(&format!("`{word}`")))
        });
    let report: Vec<String> = found
        .iter()
        .map(|found| format!("{} {} ({:?})", found.span().start, found.message, found.help))
        .collect();
    let line = sources.iter().next().unwrap().position(*at as u32).line;
    (!right).then(|| format!("{name}:{line} ({place}): `{word}` as `{misspelt}`: {report:#?}"))
}

/// Misspells each of them, one at a time.
fn try_all(at_least: usize, uses: impl Fn(&str, Syntax, &Tree) -> Vec<Use>) {
    let (mut tried, mut wrong) = (0, Vec::new());
    for (name, text, syntax, tree) in graphs() {
        let uses = uses(&text, syntax, &tree);
        tried += uses.len();
        wrong.extend(uses.iter().filter_map(|used| fault(&name, &text, used)));
    }
    assert!(tried > at_least, "only {tried} words");
    assert!(wrong.is_empty(), "{} of {tried} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_misspelt_key_is_one_error_at_its_place_with_the_right_spelling() {
    try_all(300, keys::uses);
}

#[test]
fn a_misspelt_name_is_one_error_at_its_place_with_the_right_spelling() {
    try_all(300, |text, _, tree| names::uses(text, tree));
}
