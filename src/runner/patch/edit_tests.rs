//! Random trees and what people do to them, against the real git: each file written, renamed, copied, emptied, given other
//! line ends, another mode or a name that must be quoted. What git makes of it we apply with the same result, byte for
//! byte; what we make of it git applies so; on a tree that has moved on, we never do what git would not do.

use proptest::arbitrary::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError};
use proptest::{collection, prop_assert, prop_assert_eq, prop_oneof, proptest, sample};

use super::git_tests::{git_apply, git_diff};
use super::scratch::{Scratch, Tree};
use super::{Content, PatchError, Side, compose, render};
use crate::files::RelPath;

/// What is done to a file.
#[derive(Debug, Clone)]
enum Edit {
    Insert(sample::Index, &'static str),
    Remove(sample::Index),
    Replace(sample::Index, &'static str),
    ToggleLastNewline,
    ToggleCarriageReturns,
    ToggleByteOrderMark,
    Empty,
    ToggleMode,
    Rename(String),
    Copy(String),
    Delete,
    Write(String, Vec<u8>, bool),
    /// The file becomes a folder with a file in it.
    BecomeFolder,
}

const LINES: [&str; 9] =
    ["one\n", "two\n", "three\n", "\n", "crlf\r\n", " x\n", "-- y\n", "++ z\n", "\u{feff}é\n"];

fn content() -> impl Strategy<Value = Vec<u8>> {
    (collection::vec(sample::select(&LINES[..]), 0..24), any::<bool>()).prop_map(|(lines, newline)| {
        let mut text = lines.concat().into_bytes();
        if !newline {
            text.extend_from_slice(b"end");
        }
        text
    })
}

/// Names that git quotes, names with spaces at either end, and such as look like something else.
fn name() -> impl Strategy<Value = String> {
    let part = sample::select(vec![
        "a",
        "b",
        "c",
        "with space",
        " before",
        "behind ",
        "ü",
        "e\u{301}",
        "\"quoted\"",
        "back\\slash",
        "-dash",
        "a b",
        "dev",
        "null",
        "@@",
        "日本",
        "tab-less",
        "x.rs",
        ".hidden",
    ]);
    collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn edit() -> impl Strategy<Value = Edit> {
    let line = || sample::select(&LINES[..]);
    prop_oneof![
        4 => (any::<sample::Index>(), line()).prop_map(|(at, line)| Edit::Insert(at, line)),
        3 => any::<sample::Index>().prop_map(Edit::Remove),
        4 => (any::<sample::Index>(), line()).prop_map(|(at, line)| Edit::Replace(at, line)),
        1 => proptest::strategy::Just(Edit::ToggleLastNewline),
        1 => proptest::strategy::Just(Edit::ToggleCarriageReturns),
        1 => proptest::strategy::Just(Edit::ToggleByteOrderMark),
        1 => proptest::strategy::Just(Edit::Empty),
        2 => proptest::strategy::Just(Edit::ToggleMode),
        2 => name().prop_map(Edit::Rename),
        2 => name().prop_map(Edit::Copy),
        1 => proptest::strategy::Just(Edit::Delete),
        2 => (name(), content(), any::<bool>()).prop_map(|(name, text, mode)| Edit::Write(name, text, mode)),
        1 => proptest::strategy::Just(Edit::BecomeFolder),
    ]
}

/// Puts a file into a tree, if nothing stands in its way.
fn put(tree: &mut Tree, name: &str, file: (Vec<u8>, bool)) {
    let below =
        |name: &str, folder: &str| name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let clash = tree.keys().any(|other| other == name || below(name, other) || below(other, name));
    if !clash {
        tree.insert(name.to_owned(), file);
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    collection::vec((name(), content(), any::<bool>()), 1..9).prop_map(|files| {
        let mut tree = Tree::new();
        for (name, text, mode) in files {
            put(&mut tree, &name, (text, mode));
        }
        tree
    })
}

fn edits() -> impl Strategy<Value = Vec<(sample::Index, Edit)>> {
    collection::vec((any::<sample::Index>(), edit()), 1..12)
}

fn edited(before: &Tree, edits: &[(sample::Index, Edit)]) -> Tree {
    let mut after = before.clone();
    for (which, edit) in edits {
        if let Edit::Write(name, text, mode) = edit {
            put(&mut after, name, (text.clone(), *mode));
            continue;
        }
        let names: Vec<String> = after.keys().cloned().collect();
        if names.is_empty() {
            continue;
        }
        let name = names[which.index(names.len())].clone();
        let Some((text, mode)) = after.get(&name).cloned() else { continue };
        match edit {
            Edit::Delete => drop(after.remove(&name)),
            Edit::Copy(to) => put(&mut after, to, (text, mode)),
            Edit::Rename(to) => {
                after.remove(&name);
                let count = after.len();
                put(&mut after, to, (text.clone(), mode));
                if after.len() == count {
                    after.insert(name, (text, mode));
                }
            }
            Edit::BecomeFolder => {
                after.remove(&name);
                put(&mut after, &format!("{name}/inner"), (text, mode));
            }
            Edit::ToggleMode => drop(after.insert(name, (text, !mode))),
            of_text => drop(after.insert(name, (edited_text(&text, of_text), mode))),
        }
    }
    after
}

fn edited_text(text: &[u8], edit: &Edit) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    match edit {
        Edit::Insert(at, line) => {
            lines.insert(at.index(lines.len() + 1).min(last_whole(&lines)), line.as_bytes().to_vec());
        }
        Edit::Remove(at) if !lines.is_empty() => drop(lines.remove(at.index(lines.len()))),
        Edit::Replace(at, line) if !lines.is_empty() => {
            let at = at.index(lines.len());
            lines[at] = line.as_bytes().to_vec();
        }
        Edit::ToggleLastNewline => match lines.last_mut() {
            Some(last) if last.ends_with(b"\n") => drop(last.pop()),
            Some(last) => last.push(b'\n'),
            None => {}
        },
        Edit::ToggleCarriageReturns => {
            for line in lines.iter_mut().filter(|line| line.ends_with(b"\n")) {
                let end = line.len() - 1;
                if line.ends_with(b"\r\n") {
                    line.remove(end - 1);
                } else {
                    line.insert(end, b'\r');
                }
            }
        }
        Edit::ToggleByteOrderMark => match lines.first_mut() {
            Some(first) if first.starts_with("\u{feff}".as_bytes()) => drop(first.drain(..3)),
            Some(first) => drop(first.splice(0..0, "\u{feff}".bytes())),
            None => {}
        },
        Edit::Empty => lines.clear(),
        _ => {}
    }
    lines.retain(|line| !line.is_empty());
    lines.concat()
}

/// Where a line may be put so that the one before it has an end.
fn last_whole(lines: &[Vec<u8>]) -> usize {
    lines.len() - usize::from(lines.last().is_some_and(|line| !line.ends_with(b"\n")))
}

/// The patch that we make of two trees.
fn our_diff(before: &Tree, after: &Tree) -> String {
    let content = |tree: &Tree, name: &str| {
        let (bytes, executable) = tree.get(name)?.clone();
        Some(Content { bytes, bits: if executable { 0o755 } else { 0o644 } })
    };
    let names = before.keys().chain(after.keys());
    let sides = names.map(|name| {
        let side = Side { before: content(before, name), after: content(after, name) };
        (RelPath::parse(name).unwrap(), side)
    });
    render(&compose(&sides.collect(), &super::Telling::LINES)).unwrap()
}

fn failed(error: &PatchError, patch: &str) -> TestCaseError {
    TestCaseError::fail(format!("{}\n{patch}", error.in_full()))
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn what_people_do_is_applied_as_git_does_it_and_taken_back(before in tree(), edits in edits()) {
        let after = edited(&before, &edits);
        for patch in [git_diff(&before, &after), our_diff(&before, &after)] {
            let scratch = Scratch::new(&before);
            if patch.is_empty() {
                prop_assert_eq!(&before, &after);
                continue;
            }
            prop_assert_eq!(git_apply(&before, &patch), Some(after.clone()), "git: {}", patch);
            let inverse = scratch.apply(&patch).map_err(|error| failed(&error, &patch))?;
            prop_assert_eq!(&scratch.tree(), &after, "{}", patch);
            prop_assert_eq!(git_apply(&after, &inverse), Some(before.clone()), "the inverse in git: {}", inverse);
            let again = scratch.apply(&inverse).map_err(|error| failed(&error, &inverse))?;
            prop_assert_eq!(&scratch.tree(), &before, "{}", inverse);
            scratch.apply(&again).map_err(|error| failed(&error, &again))?;
            prop_assert_eq!(&scratch.tree(), &after, "{}", again);
        }
    }

    #[test]
    fn on_a_tree_that_has_moved_on_both_do_the_same_or_we_say_why_not(
        before in tree(), edits in edits(), meanwhile in edits(),
    ) {
        let patch = git_diff(&before, &edited(&before, &edits));
        let moved_on = edited(&before, &meanwhile);
        let scratch = Scratch::new(&moved_on);
        let theirs = git_apply(&moved_on, &patch);
        match (scratch.apply(&patch), theirs) {
            (Ok(inverse), Some(theirs)) => {
                prop_assert_eq!(&scratch.tree(), &theirs, "{}", patch);
                if !inverse.is_empty() {
                    scratch.apply(&inverse).map_err(|error| failed(&error, &inverse))?;
                }
                prop_assert_eq!(&scratch.tree(), &moved_on, "{}", inverse);
            }
            (Ok(_), None) => prop_assert!(false, "git refuses what we take: {patch}"),
            (Err(_), None) => prop_assert_eq!(&scratch.tree(), &moved_on),
            (Err(error), Some(_)) => {
                prop_assert_eq!(&scratch.tree(), &moved_on);
                let why = error.in_full();
                // a folder that is renamed as if it were a file is a submodule to git, and an end that the last line has
                // by now is taken away by it
                let wanted = [
                    "more than one place",
                    "before the hunk above it",
                    "there is no diff",
                    "its mode is",
                    "the file ends there without a newline",
                    "a folder stands there",
                ];
                prop_assert!(wanted.iter().any(|words| why.contains(words)), "{why}\n{patch}");
            }
        }
    }
}
