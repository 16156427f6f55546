//! Binary parts: as the real git writes, reads and refuses them; bounded before they are unpacked.

#![expect(clippy::disallowed_methods, reason = "the tests run git on folders of their own")]

use proptest::arbitrary::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError};
use proptest::{collection, option, prop_assert_eq, proptest, sample};

use crate::effect::ErrorKind;
use crate::patch::{Binary, BlobNames};
use crate::runner::Cancel;

use super::commit::Point;
use super::git_tests::{applied, run, written};
use super::resolve::resolve_patch;
use super::scratch::{Scratch, Tree, write_tree};
use super::{Content, ObjectHash, PatchError, Side, Telling, compose, parse, recover, render};

const FORMATS: [&str; 2] = ["sha1", "sha256"];

/// A repository in which nothing was ever written, with these files.
fn repository(format: &str, files: &Tree) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init", "-q", "--object-format", format]);
    write_tree(folder.path(), files);
    folder
}

/// The diff that git makes, all of it binary where its lines are no text of JSON: git writes Latin-1 as it is.
fn git_diff(format: &str, before: &Tree, after: &Tree) -> String {
    let folder = repository(format, before);
    let at = folder.path();
    let [old, new] = written(at, [before, after]);
    let args = ["diff", "--binary", "--no-ext-diff", "-M30%", "-C30%", "--find-copies-harder", &old, &new];
    String::from_utf8(run(at, &args)).unwrap_or_else(|_| {
        std::fs::write(at.join(".git/info/attributes"), "* -diff\n").unwrap();
        String::from_utf8(run(at, &args)).unwrap()
    })
}

/// The tree that `git apply` makes; `None` if it refuses.
fn git_apply(format: &str, before: &Tree, patch: &str) -> Option<Tree> {
    let folder = repository(format, before);
    applied(folder.path(), patch)
}

/// Random bytes, bytes that repeat, text with line ends of both kinds, nothing.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let some = (collection::vec(any::<u8>(), 0..80), 0..60_usize, 0..4_u8);
    some.prop_map(|(seed, times, kind)| match kind {
        0 => seed,
        1 => [b"\0", seed.as_slice()].concat().repeat(times),
        2 => "one\r\ntwo\n".repeat(times % 7).into_bytes(),
        _ => [&seed[..], "é\n".repeat(times).as_bytes(), &seed].concat(),
    })
}

/// The same with something put in, taken out, or doubled.
fn edited(mut bytes: Vec<u8>, at: sample::Index, how: u8) -> Vec<u8> {
    let place = at.index(bytes.len() + 1);
    match how {
        0 => drop(bytes.splice(place..place, *b"\0new\xff")),
        1 => bytes.truncate(place),
        2 => bytes.extend_from_within(place..),
        3 => drop(bytes.drain(..place)),
        _ => {}
    }
    bytes
}

const NAMES: [&str; 6] = ["a", "b.bin", "dir/c d", "dir/sub/ü\"q", "x\\y", "dir/sub/z"];

fn trees() -> impl Strategy<Value = (Tree, Tree)> {
    let side = || option::weighted(0.75, (content(), any::<bool>()));
    let file = (side(), side(), any::<sample::Index>(), 0..8_u8);
    collection::vec(file, NAMES.len()).prop_map(|files| {
        let (mut before, mut after) = (Tree::new(), Tree::new());
        for (index, (old, new, at, how)) in files.iter().enumerate() {
            before.extend(old.clone().map(|old| (NAMES[index].to_owned(), old)));
            let kept = match how {
                0..=3 => old.clone().map(|(bytes, mode)| (edited(bytes, *at, *how), mode)),
                4 => old.clone().map(|(bytes, mode)| (bytes, !mode)),
                5 => files[(index + 2) % NAMES.len()].0.clone(),
                6 => files[(index + 1) % NAMES.len()]
                    .0
                    .clone()
                    .map(|(bytes, mode)| (edited(bytes, *at, 0), mode)),
                _ => new.clone(),
            };
            after.extend(kept.map(|kept| (NAMES[index].to_owned(), kept)));
        }
        (before, after)
    })
}

/// The patch that we write ourselves.
fn composed(before: &Tree, after: &Tree, hash: ObjectHash) -> String {
    let side = |files: &Tree, path: &str| {
        let bits = |executable| if executable { 0o755 } else { 0o644 };
        files.get(path).map(|(bytes, executable)| Content { bytes: bytes.clone(), bits: bits(*executable) })
    };
    let paths = before.keys().chain(after.keys());
    let sides = paths.map(|path| {
        let side = Side { before: side(before, path), after: side(after, path) };
        (crate::files::RelPath::parse(path).unwrap(), side)
    });
    render(&compose(&sides.collect(), &Telling { binary: &|_, _| true, hash: &|| hash })).unwrap()
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn a_binary_diff_of_git_applies_as_in_git_and_is_taken_back((before, after) in trees(), format in 0..2_usize) {
        let format = FORMATS[format];
        let patch = git_diff(format, &before, &after);
        let scratch = Scratch::new(&before);
        if patch.is_empty() {
            return Ok(());
        }
        let inverse = scratch
            .apply(&patch)
            .map_err(|error| TestCaseError::fail(format!("{}\n{patch}", error.in_full())))?;
        prop_assert_eq!(scratch.tree(), after.clone());
        prop_assert_eq!(git_apply(format, &before, &patch), Some(after.clone()));
        // where its patch is one of text, what takes it back is named as git does by itself
        let named = if patch.contains("GIT binary patch") { format } else { "sha1" };
        if !inverse.is_empty() {
            prop_assert_eq!(git_apply(named, &after, &inverse), Some(before.clone()), "{}", inverse);
            let again = scratch.apply(&inverse).unwrap();
            prop_assert_eq!(scratch.tree(), before.clone());
            scratch.apply(&again).unwrap();
        }
        prop_assert_eq!(scratch.tree(), after);
    }

    #[test]
    fn what_we_write_git_applies((before, after) in trees(), is_sha256 in any::<bool>()) {
        let hash = if is_sha256 { ObjectHash::Sha256 } else { ObjectHash::Sha1 };
        let patch = composed(&before, &after, hash);
        if patch.is_empty() {
            prop_assert_eq!(before, after);
            return Ok(());
        }
        prop_assert_eq!(git_apply(FORMATS[usize::from(is_sha256)], &before, &patch), Some(after.clone()), "{}", patch);
        let scratch = Scratch::new(&before);
        let inverse = scratch.apply(&patch).unwrap();
        prop_assert_eq!(scratch.tree(), after);
        scratch.apply(&inverse).unwrap();
        prop_assert_eq!(scratch.tree(), before);
    }

    #[test]
    fn what_we_accept_of_a_damaged_binary_patch_git_accepts_with_the_same_result(
        (before, after) in trees(),
        damage in collection::vec((any::<sample::Index>(), 0..9_u8, any::<sample::Index>()), 1..3),
    ) {
        let mut patch = composed(&before, &after, ObjectHash::Sha1);
        for (place, kind, column) in damage {
            patch = damaged(&patch, place, kind, column);
        }
        let scratch = Scratch::new(&before);
        match scratch.apply(&patch) {
            Ok(inverse) => {
                prop_assert_eq!(git_apply("sha1", &before, &patch), Some(scratch.tree()), "{}", patch);
                if !inverse.is_empty() {
                    scratch.apply(&inverse).unwrap();
                }
                prop_assert_eq!(scratch.tree(), before);
            }
            Err(_) => prop_assert_eq!(scratch.tree(), before),
        }
    }
}

fn damaged(patch: &str, place: sample::Index, kind: u8, column: sample::Index) -> String {
    let mut lines: Vec<String> = patch.split_inclusive('\n').map(str::to_owned).collect();
    if lines.is_empty() {
        return patch.to_owned();
    }
    let at = place.index(lines.len());
    let characters: Vec<char> = lines[at].chars().collect();
    let cut = column.index(characters.len());
    match kind {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => lines[at] = lines[at].trim_end().to_owned() + "\r\n",
        3 => lines.insert(at, "\n".to_owned()),
        4 => lines.truncate(at),
        5 => drop(lines[at].pop()),
        6 => lines[at] = lines[at].to_uppercase(),
        _ => {
            let other = if characters[cut] == '0' { '1' } else { '0' };
            lines[at] =
                characters.iter().enumerate().map(|(at, c)| if at == cut { other } else { *c }).collect();
        }
    }
    lines.concat()
}

/// Two contents of some hundred bytes, and the patch between them.
fn pair() -> (Tree, Tree, String) {
    let bytes: Vec<u8> = (0..=255).cycle().take(700).collect();
    let mut other = bytes.clone();
    other.splice(300..310, *b"what is new here");
    let tree = |bytes: &[u8]| Tree::from([("f".to_owned(), (bytes.to_vec(), false))]);
    let (before, after) = (tree(&bytes), tree(&other));
    let patch = git_diff("sha1", &before, &after);
    (before, after, patch)
}

#[test]
fn each_byte_of_a_binary_patch_counts() {
    let (before, after, patch) = pair();
    assert!(patch.contains("\ndelta "), "{patch}");
    let (mut taken, mut refused) = (0, 0);
    for at in 0..patch.len() {
        for other in ['0', '~', '\n'] {
            let mut text = patch.clone();
            text.replace_range(at..=at, &other.to_string());
            let scratch = Scratch::new(&before);
            match scratch.apply(&text) {
                Ok(_) if text == patch => assert_eq!(scratch.tree(), after),
                Ok(_) => {
                    taken += 1;
                    assert_eq!(git_apply("sha1", &before, &text), Some(scratch.tree()), "{text}");
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(scratch.tree(), before);
                    let known = matches!(
                        error,
                        PatchError::Malformed { .. }
                            | PatchError::Conflict { .. }
                            | PatchError::Limit { .. }
                            | PatchError::Forbidden { .. }
                    );
                    assert!(known, "{error:?}");
                }
            }
        }
    }
    assert!(taken < 10 && refused > 600, "{taken} {refused}");
}

#[test]
fn what_is_not_as_git_writes_it_is_refused_with_what_to_write() {
    let (before, _, patch) = pair();
    let index = patch.lines().find(|line| line.starts_with("index ")).unwrap();
    let ids = index.split([' ', '.']).filter(|word| word.len() == 40).collect::<Vec<_>>();
    let zeros = "0".repeat(40);
    let replaced = |from: &str, to: &str| patch.replacen(from, to, 1);
    let forward = patch.find("\n\n").unwrap();
    for (text, kind, said) in [
        (replaced(&format!("{index}\n"), ""), ErrorKind::InvalidInput, "git diff --binary"),
        (replaced(ids[0], &ids[0][..12]), ErrorKind::InvalidInput, "in full"),
        (replaced(ids[1], &ids[1].to_uppercase()), ErrorKind::InvalidInput, "small letters"),
        (replaced(ids[0], &zeros), ErrorKind::InvalidInput, "zeros where there is no file"),
        (replaced(ids[1], &zeros), ErrorKind::InvalidInput, "zeros where there is no file"),
        (replaced(ids[0], ids[1]), ErrorKind::Conflict, "made for other bytes"),
        (replaced(ids[1], ids[0]), ErrorKind::InvalidInput, "other bytes than `index` says"),
        (replaced("delta ", "delta 1"), ErrorKind::InvalidInput, "can't be inflated"),
        (replaced("delta ", "delta x"), ErrorKind::InvalidInput, "the number of bytes"),
        (replaced("delta ", "delta 999999999"), ErrorKind::Limit, "no file with more than"),
        (replaced("delta ", "other "), ErrorKind::InvalidInput, "`literal SIZE`"),
        (patch[..=forward].to_owned(), ErrorKind::InvalidInput, "empty line"),
        (replaced("GIT binary patch\n", "GIT binary patch\r\n"), ErrorKind::InvalidInput, "plain line break"),
        (
            "diff --git a/f b/f\nindex 1234567..89abcde 100644\nBinary files a/f and b/f differ\n".to_owned(),
            ErrorKind::InvalidInput,
            "`git diff --binary`",
        ),
        (
            "diff --git a/f b/f\nindex 1234567..89abcde 100644\nFiles a/f and b/f differ\n".to_owned(),
            ErrorKind::InvalidInput,
            "`git diff --binary`",
        ),
    ] {
        let scratch = Scratch::new(&before);
        let error = scratch.apply(&text).unwrap_err();
        assert_eq!(error.kind(), kind, "{text}\n{}", error.in_full());
        assert!(error.in_full().contains(said), "{text}\n{}", error.in_full());
        // to git, zeros behind the dots make a file empty, whatever the patch says below
        if !text.contains(&format!("..{zeros}")) {
            assert_eq!(git_apply("sha1", &before, &text), None, "{text}");
        }
        assert_eq!(scratch.tree(), before);
    }
    // the way back is not asked for, and must be true where it is there
    let one_way = patch[..forward + 2].to_owned();
    assert!(Scratch::new(&before).apply(&one_way).is_ok());
    assert!(git_apply("sha1", &before, &one_way).is_some());
}

#[test]
fn a_part_that_would_grow_is_refused_before_it_does() {
    let zeros = |count: usize| Tree::from([("f".to_owned(), (vec![0; count], false))]);
    // a small text that unpacks to much: what is announced is known before
    let patch = composed(&Tree::new(), &zeros(60 << 20), ObjectHash::Sha1);
    assert!(patch.len() < 200_000, "{}", patch.len());
    assert_eq!(parse(&patch).unwrap()[0].unpacked(), 60 << 20);
    // one that announces too little
    let lie = patch.replacen(&format!("literal {}", 60 << 20), "literal 100", 1);
    let error = Scratch::new(&Tree::new()).apply(&lie).unwrap_err();
    assert!(error.in_full().contains("can't be inflated"), "{}", error.in_full());
    // a delta of few bytes that takes over the same ones again and again
    let before = zeros(1 << 20);
    let scratch = Scratch::new(&before);
    let grown = delta_that_repeats(&before["f"].0, 20);
    let error =
        resolve_patch(&scratch.root, &parse(&grown).unwrap(), 10 << 20, &Cancel::default()).unwrap_err();
    assert_eq!((error.kind(), error.limit()), (ErrorKind::Limit, Some("patch_bytes")), "{}", error.in_full());
    assert!(resolve_patch(&scratch.root, &parse(&grown).unwrap(), 19 << 20, &Cancel::default()).is_ok());
    let error = resolve_patch(
        &scratch.root,
        &parse(&delta_that_repeats(&before["f"].0, 65)).unwrap(),
        1 << 40,
        &Cancel::default(),
    )
    .unwrap_err();
    assert_eq!((error.kind(), error.limit()), (ErrorKind::Limit, Some("file_bytes")), "{}", error.in_full());
    // two that have room one by one
    let both = Tree::from([
        ("f".to_owned(), (vec![0; 1 << 20], false)),
        ("g".to_owned(), (vec![0; 1 << 20], false)),
    ]);
    let scratch = Scratch::new(&both);
    let two = grown.clone() + &grown.replace("a/f b/f", "a/g b/g");
    assert!(resolve_patch(&scratch.root, &parse(&two).unwrap(), 38 << 20, &Cancel::default()).is_ok());
    assert!(resolve_patch(&scratch.root, &parse(&two).unwrap(), 37 << 20, &Cancel::default()).is_err());
}

/// A patch by hand whose delta makes `times` MiB out of the first one.
fn delta_that_repeats(base: &[u8], times: usize) -> String {
    use gix::objs::{Kind, compute_hash};
    let size = |mut size: usize| {
        let mut bytes = Vec::new();
        while size > 0x7f {
            bytes.push(0x80 | (size & 0x7f) as u8);
            size >>= 7;
        }
        bytes.push(size as u8);
        bytes
    };
    // 1 MiB from the beginning, each time
    let delta = [size(base.len()), size(times << 20), [0xc0, 0x10].repeat(times)].concat();
    let name = |bytes: &[u8]| {
        Some(compute_hash(gix::hash::Kind::Sha1, Kind::Blob, bytes).unwrap().to_hex().to_string())
    };
    let after = base[..1 << 20].repeat(times);
    let names = BlobNames { hash: ObjectHash::Sha1, before: name(base), after: name(&after) };
    let mut patch = "diff --git a/f b/f\n".to_owned();
    Binary::by_delta(names, &delta).unwrap().write(&mut patch);
    patch
}

#[test]
fn a_change_of_what_is_no_text_is_whole_or_not_at_all_wherever_it_is_stopped() {
    let (mut before, mut after, _) = pair();
    before.insert("text".to_owned(), (b"one\n".to_vec(), false));
    after.insert("new".to_owned(), (b"\0\xff".to_vec(), true));
    let patch = composed(&before, &after, ObjectHash::Sha1);
    let mut points = Vec::new();
    let scratch = Scratch::new(&before);
    let planned = scratch.plan(&patch).unwrap();
    let mut note = |point| {
        points.push(point);
        Ok(())
    };
    scratch.commit(&planned, &mut note).unwrap();
    assert_eq!(scratch.tree(), after);
    for stop in points {
        let scratch = Scratch::new(&before);
        let planned = scratch.plan(&patch).unwrap();
        let failed = scratch.commit(&planned, &mut |point| {
            if point == stop {
                return Err(PatchError::io("testing", "x", std::io::Error::other("injected")));
            }
            Ok(())
        });
        assert!(failed.is_err());
        recover(scratch.shop()).unwrap();
        let holds = stop >= Point::Clean;
        assert_eq!(scratch.tree(), if holds { after.clone() } else { before.clone() }, "{stop:?}");
        if holds {
            scratch.apply(&planned.inverse).unwrap();
            assert_eq!(scratch.tree(), before);
        }
    }
}
