//! Counts: what there is, by language, by folder, by test. Each number is a sum over files of the scan, so that another
//! program can add them up again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::language::Sort;
use super::scan::{Content, FileFact, Scan, digest_of};

/// The most of the largest files.
const MAX_LARGEST: usize = 10;

/// All of it.
pub(super) fn totals(scan: &Scan) -> Value {
    let count = |content| scan.files.iter().filter(|file| file.content == content).count();
    json!({
        "files": scan.files.len(),
        "text_files": count(Content::Text),
        "binary_files": count(Content::Binary),
        "unread_files": count(Content::Unread),
        "bytes": scan.files.iter().map(|file| file.bytes).sum::<u64>(),
        "lines": scan.files.iter().map(|file| file.lines).sum::<u64>(),
        "tests": scan.files.iter().map(|file| file.tests).sum::<u64>(),
        "test_files": scan.files.iter().filter(|file| file.tests > 0).count(),
        "digest": digest_of(scan.files.iter()),
    })
}

/// By language, most lines first; `path` is the longest file.
pub(super) fn languages(scan: &Scan) -> Vec<Value> {
    let mut groups: BTreeMap<&str, Vec<&FileFact>> = BTreeMap::new();
    for file in scan.files.iter().filter(|file| file.content == Content::Text) {
        if let Some(language) = file.language {
            groups.entry(language.name).or_default().push(file);
        }
    }
    let mut rows: Vec<(u64, &str, Vec<&FileFact>)> =
        groups.into_iter().map(|(name, files)| (lines(&files), name, files)).collect();
    rows.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let give = rows.into_iter().filter_map(|(lines, name, files)| {
        let longest = files
            .iter()
            .max_by(|one, other| one.lines.cmp(&other.lines).then_with(|| other.path.cmp(&one.path)))?;
        Some(json!({
            "language": name,
            "sort": longest.language.map_or("", |language| language.sort.as_str()),
            "files": files.len(),
            "lines": lines,
            "path": longest.path.as_str(),
            "digest": digest_of(files.iter().copied()),
        }))
    });
    give.collect()
}

/// The folders at the top, and `.` for the files beside them.
pub(super) fn layout(scan: &Scan) -> Vec<Value> {
    let give = by_top(scan.files.iter()).into_iter().map(|(path, files)| {
        json!({
            "path": path,
            "files": files.len(),
            "lines": lines(&files),
            "digest": digest_of(files.iter().copied()),
        })
    });
    give.collect()
}

/// Files that declare tests, by the folder at the top, most tests first.
pub(super) fn tests(scan: &Scan) -> Vec<Value> {
    let groups = by_top(scan.files.iter().filter(|file| file.tests > 0));
    let mut rows: Vec<(u64, &str, Vec<&FileFact>)> = groups
        .into_iter()
        .map(|(path, files)| (files.iter().map(|file| file.tests).sum(), path, files))
        .collect();
    rows.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let give = rows.into_iter().map(|(tests, path, files)| {
        json!({
            "path": path,
            "files": files.len(),
            "tests": tests,
            "lines": lines(&files),
            "digest": digest_of(files.iter().copied()),
        })
    });
    give.collect()
}

/// The longest files of programs.
pub(super) fn largest(scan: &Scan) -> Vec<Value> {
    let is_code = |file: &&FileFact| {
        file.content == Content::Text && file.language.is_some_and(|language| language.sort == Sort::Code)
    };
    let mut files: Vec<&FileFact> = scan.files.iter().filter(is_code).collect();
    files.sort_by(|one, other| other.lines.cmp(&one.lines).then_with(|| one.path.cmp(&other.path)));
    let give = files.into_iter().take(MAX_LARGEST).map(|file| {
        json!({
            "path": file.path.as_str(),
            "lines": file.lines,
            "bytes": file.bytes,
            "digest": file.digest,
        })
    });
    give.collect()
}

fn lines(files: &[&FileFact]) -> u64 {
    files.iter().map(|file| file.lines).sum()
}

fn by_top<'a>(files: impl Iterator<Item = &'a FileFact>) -> BTreeMap<&'a str, Vec<&'a FileFact>> {
    let mut groups: BTreeMap<&str, Vec<&FileFact>> = BTreeMap::new();
    for file in files {
        let top = file.path.as_str().split_once('/').map_or(".", |(top, _)| top);
        groups.entry(top).or_default().push(file);
    }
    groups
}
