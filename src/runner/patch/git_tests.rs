//! Against the real git: what it writes we read as it does, and what we accept it accepts with the same result.

#![expect(clippy::disallowed_methods, reason = "the tests run git on folders of their own")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::arbitrary::any;
use proptest::strategy::Strategy;
use proptest::test_runner::Config;
use proptest::{collection, option, prop_assert, prop_assert_eq, proptest, sample};

use super::scratch::{Scratch, Tree, read_tree, write_tree};

fn git(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([("HOME", "/nonexistent"), ("GIT_CONFIG_NOSYSTEM", "1"), ("LC_ALL", "C")])
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.autocrlf=false"])
        .args(["-c", "core.safecrlf=false"])
        .args(args);
    command
}

pub(super) fn run(folder: &Path, args: &[&str]) -> Vec<u8> {
    let output = git(folder, args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The trees that git makes of these files, one after the other in one repository.
pub(super) fn written(at: &Path, trees: [&Tree; 2]) -> [String; 2] {
    trees.map(|tree| {
        run(at, &["rm", "-rq", "--ignore-unmatch", "--force", "."]);
        write_tree(at, tree);
        run(at, &["add", "-A", "-f"]);
        String::from_utf8(run(at, &["write-tree"])).unwrap().trim().to_owned()
    })
}

/// The diff that git makes of two trees, with renames and copies.
pub(super) fn git_diff(before: &Tree, after: &Tree) -> String {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, &["init", "-q"]);
    let [old, new] = written(at, [before, after]);
    let args = ["diff", "--no-ext-diff", "-M30%", "-C30%", "--find-copies-harder", &old, &new];
    String::from_utf8(run(at, &args)).unwrap()
}

/// The tree that `git apply` makes; `None` if it refuses.
pub(super) fn git_apply(before: &Tree, patch: &str) -> Option<Tree> {
    let folder = tempfile::tempdir().unwrap();
    write_tree(folder.path(), before);
    applied(folder.path(), patch)
}

/// What `git apply` makes of a folder; `None` if it refuses.
pub(super) fn applied(folder: &Path, patch: &str) -> Option<Tree> {
    let mut child = git(folder, &["apply", "--whitespace=nowarn", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(patch.as_bytes()).unwrap();
    child.wait().unwrap().success().then(|| read_tree(folder))
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = sample::select(vec![
        "one\n",
        "two\n",
        "three\n",
        "\n",
        "crlf\r\n",
        " x\n",
        "-y\n",
        "+z\n",
        "\u{feff}é\n",
        "--- a/x\n",
    ]);
    (collection::vec(line, 0..14), any::<bool>()).prop_map(|(lines, newline)| {
        let mut text = lines.concat().into_bytes();
        if !newline {
            text.extend_from_slice(b"end");
        }
        text
    })
}

const NAMES: [&str; 8] =
    ["a", "b.txt", "dir/c", "dir/d e", "dir/sub/ü\"q", "x\\y", "dir/sub/z", "long name/é"];

fn trees() -> impl Strategy<Value = (Tree, Tree)> {
    let side = || option::weighted(0.7, (lines(), any::<bool>()));
    let file = (side(), side(), 0..5_u8);
    collection::vec(file, NAMES.len()).prop_map(|files| {
        let (mut before, mut after) = (Tree::new(), Tree::new());
        for (index, (old, new, how)) in files.iter().enumerate() {
            before.extend(old.clone().map(|old| (NAMES[index].to_owned(), old)));
            // half of the files stay nearly as they were, or move
            let kept = match how {
                0 | 1 => old.clone(),
                2 => files[(index + 3) % NAMES.len()].0.clone(),
                3 => old.clone().map(|(mut bytes, mode)| {
                    bytes.splice(0..0, *b"more\n");
                    (bytes, !mode)
                }),
                _ => new.clone(),
            };
            after.extend(kept.map(|kept| (NAMES[index].to_owned(), kept)));
        }
        (before, after)
    })
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    #[test]
    fn a_diff_of_git_applies_as_in_git_and_is_taken_back((before, after) in trees()) {
        let patch = git_diff(&before, &after);
        let scratch = Scratch::new(&before);
        if patch.is_empty() {
            prop_assert!(scratch.apply(&patch).is_err());
            return Ok(());
        }
        let inverse = scratch.apply(&patch).map_err(|error| {
            proptest::test_runner::TestCaseError::fail(format!("{}\n{patch}", error.in_full()))
        })?;
        prop_assert_eq!(scratch.tree(), after.clone());
        prop_assert_eq!(git_apply(&after, &inverse), Some(before.clone()), "{}", inverse);
        let again = scratch.apply(&inverse).unwrap();
        prop_assert_eq!(scratch.tree(), before.clone());
        scratch.apply(&again).unwrap();
        prop_assert_eq!(scratch.tree(), after);
    }

    #[test]
    fn what_we_accept_of_a_damaged_patch_git_accepts_with_the_same_result(
        (before, after) in trees(),
        damage in collection::vec((any::<sample::Index>(), 0..12_u8), 1..3),
    ) {
        let mut patch = git_diff(&before, &after);
        for (place, kind) in damage {
            patch = damaged(&patch, place, kind);
        }
        let scratch = Scratch::new(&before);
        match scratch.apply(&patch) {
            Ok(inverse) => {
                prop_assert_eq!(git_apply(&before, &patch), Some(scratch.tree()), "{}", patch);
                if !inverse.is_empty() {
                    scratch.apply(&inverse).unwrap();
                    prop_assert_eq!(scratch.tree(), before);
                }
            }
            Err(_) => prop_assert_eq!(scratch.tree(), before),
        }
    }
}

#[test]
fn headers_that_end_in_a_carriage_return_are_read_as_git_reads_them() {
    let file = |text: &str, executable| (text.as_bytes().to_vec(), executable);
    let before: Tree =
        [("a", "one\r\ntwo\r\n", false), ("b", "x\n", true), ("empty", "", false), ("q\"", "", true)]
            .map(|(name, text, executable)| (name.to_owned(), file(text, executable)))
            .into();
    let change = "@@ -1,2 +1,2 @@\n one\r\n-two\r\n+2\r\n";
    let modes = "old mode 100755\nnew mode 100644\n";
    let (mut taken, mut refused) = (0, 0);
    for patch in [
        format!("diff --git a/a b/a\nindex 1234..5678 100644\n--- a/a\n+++ b/a\n{change}"),
        format!("--- a/a\n+++ b/a\n{change}"),
        format!("diff --git a/b b/b\n{modes}"),
        format!("diff --git \"a/b\" \"b/b\"\n{modes}"),
        format!("diff --git a/b \"b/b\"\n{modes}"),
        format!("diff --git \"a/b\" b/b\n{modes}"),
        format!("diff --git \"a/q\\\"\" \"b/q\\\"\"\n{modes}"),
        "diff --git a/new b/new\nnew file mode 100644\nindex 0000..e69d\n".to_owned(),
        "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n"
            .to_owned(),
        "diff --git a/empty b/empty\ndeleted file mode 100644\nindex e69d..0000\n".to_owned(),
        "diff --git a/b b/c\nsimilarity index 100%\nrename from b\nrename to c\n".to_owned(),
        "diff --git a/b b/c\nsimilarity index 100%\ncopy from b\ncopy to c\n".to_owned(),
    ] {
        let lines: Vec<&str> = patch.split_inclusive('\n').collect();
        let is_text = |line: &str| {
            line.starts_with([' ', '-', '+']) && !line.starts_with("---") && !line.starts_with("+++")
        };
        let ending = |chosen: &dyn Fn(usize) -> bool| -> String {
            let end = |(at, line): (usize, &&str)| {
                if chosen(at) && !is_text(line) {
                    line.trim_end().to_owned() + "\r\n"
                } else {
                    (*line).to_owned()
                }
            };
            lines.iter().enumerate().map(end).collect()
        };
        let one = (0..lines.len()).map(|only| ending(&|at| at == only));
        for patch in one.chain([patch.clone(), ending(&|_| true)]) {
            let scratch = Scratch::new(&before);
            let ours = scratch.apply(&patch).ok().map(|_| scratch.tree());
            assert_eq!(ours, git_apply(&before, &patch), "{patch:?}");
            if ours.is_some() { taken += 1 } else { refused += 1 }
        }
    }
    assert!(taken > 40 && refused > 5, "{taken} {refused}");
}

fn damaged(patch: &str, place: sample::Index, kind: u8) -> String {
    let mut lines: Vec<String> = patch.split_inclusive('\n').map(str::to_owned).collect();
    if lines.is_empty() {
        return patch.to_owned();
    }
    let at = place.index(lines.len());
    match kind {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => lines[at] = lines[at].replacen(['1', '2', '3'], "4", 1),
        3 => lines[at] = lines[at].replacen('t', "T", 1),
        4 => lines.insert(at, "\n".to_owned()),
        5 => lines.insert(at, "\\ No newline at end of file\n".to_owned()),
        // a line of no text that has no end either
        6 => {
            let sign = lines[at].chars().next().filter(|sign| " +-".contains(*sign)).unwrap_or('+');
            lines[at] = format!("{sign}\n\\ No newline at end of file\n");
        }
        // as `diff -N` marks what is not there, without the headers of git
        7 => as_diff_writes(&mut lines, at),
        // as an editor or a mail leaves it: one line, or all
        8 => lines[at] = lines[at].trim_end().to_owned() + "\r\n",
        9 => {
            for line in &mut lines {
                *line = line.trim_end_matches(['\r', '\n']).to_owned() + "\r\n";
            }
        }
        10 => lines.insert(at, "old mode 100644\nnew mode 100644\n".to_owned()),
        _ => drop(lines[at].pop()),
    }
    lines.concat()
}

/// Takes the headers of git away, and the names `/dev/null` with them: a time stands for those.
fn as_diff_writes(lines: &mut Vec<String>, at: usize) {
    let header = |line: &str| {
        let words = ["diff ", "index ", "new file", "deleted file", "old mode", "new mode", "similarity"];
        words.iter().any(|word| line.starts_with(word))
    };
    lines.retain(|line| !header(line));
    let times = ["1970-01-01 00:00:00.000000000 +0000", "2020-01-01 12:00:00.000000000 +0000"];
    for index in 0..lines.len().saturating_sub(1) {
        let (old, new) = (lines[index].trim_end().to_owned(), lines[index + 1].trim_end().to_owned());
        let (Some(old), Some(new)) = (old.strip_prefix("--- "), new.strip_prefix("+++ ")) else { continue };
        let name = if old == "/dev/null" { new } else { old };
        let Some(name) = name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")) else { continue };
        let time = |side: &str| if side == "/dev/null" || at.is_multiple_of(7) { times[0] } else { times[1] };
        let (old, new) = (format!("--- a/{name}\t{}\n", time(old)), format!("+++ b/{name}\t{}\n", time(new)));
        (lines[index], lines[index + 1]) = (old, new);
    }
}
