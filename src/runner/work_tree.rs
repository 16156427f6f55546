//! What of a workspace differs from the commit that it stands on, as one digest. Reads git's own files and the
//! workspace and runs nothing; a workspace that is too large to be compared at once is said to be so.
#![expect(clippy::disallowed_methods, reason = "the size of git's index is asked before it is read")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gix::index::entry::{Flags, Mode};
use gix::objs::{Kind, compute_hash};
use gix::{ObjectId, Repository};

use crate::digest::Digest;
use crate::effect::{PlannedWorkspace, WorkTree};
use crate::files::{EntryKind, Facts, IgnoreFiles, Links, RelPath, Root, Walk, walk};
use crate::policy::is_secret_name;

use super::revision::revision;
use super::tools::files_of;
use super::{ToolWorld, git_options};

/// The most files, of the commit and of the workspace each.
const MAX_FILES: usize = 50_000;
/// The most entries that are looked at.
const MAX_ENTRIES: usize = 200_000;
/// The most bytes that are read.
const MAX_BYTES: u64 = 256 << 20;
/// The largest index.
const MAX_INDEX: u64 = 32 << 20;

/// A file as git noted it.
#[derive(Debug, Clone, Copy)]
struct Noted {
    id: ObjectId,
    executable: bool,
}

/// A file in git's index.
#[derive(Debug, Clone, Copy)]
struct Indexed {
    noted: Noted,
    /// Size and time of the last change, where nothing can have happened unseen since.
    unchanged_if: Option<(u64, (i64, i64))>,
    /// Is it meant not to be in the workspace, or not to be looked at?
    left_alone: bool,
}

/// How the workspace differs from its commit; none outside of a repository. One that cannot be read is one all the same.
pub(super) fn work_tree(world: &ToolWorld) -> Option<WorkTree> {
    let ToolWorld { root, root_path, protected, .. } = world;
    let repository = repository_at(root_path).transpose()?;
    let ground = Ground { root, protected, without: None };
    Some(told(&ground, repository.map(Some)))
}

/// The workspace beneath `root`, as a plan is bound to it. Outside of a repository every file that no ignore file names
/// counts. `protected` are our own folders in it, and `without` is a file that does not count: the plan's own.
pub fn planned_workspace(
    root: &Root,
    root_path: &Path,
    protected: &[String],
    without: Option<&RelPath>,
) -> PlannedWorkspace {
    let protected: Vec<RelPath> = protected.iter().filter_map(|path| RelPath::parse(path).ok()).collect();
    let ground = Ground { root, protected: &protected, without };
    PlannedWorkspace { revision: revision(root_path), tree: told(&ground, repository_at(root_path)) }
}

fn repository_at(root_path: &Path) -> Result<Option<Repository>, String> {
    match gix::open_opts(root_path, git_options()) {
        Ok(repository) => Ok(Some(repository)),
        Err(_) if !root_path.join(".git").exists() => Ok(None),
        Err(error) => Err(format!("git's repository can't be read: {error}")),
    }
}

/// What is looked at.
struct Ground<'a> {
    root: &'a Root,
    /// Folders of ours beneath the root.
    protected: &'a [RelPath],
    /// A file that does not count.
    without: Option<&'a RelPath>,
}

fn told(ground: &Ground<'_>, repository: Result<Option<Repository>, String>) -> WorkTree {
    let compared = repository.and_then(|repository| compare(ground, repository.as_ref()));
    compared.unwrap_or_else(|why| WorkTree::Unknown { why })
}

fn compare(ground: &Ground<'_>, repository: Option<&Repository>) -> Result<WorkTree, String> {
    let index = repository.map(index_of).transpose()?.unwrap_or_default();
    let committed = repository.map(|held| committed(held, &index)).transpose()?.unwrap_or_default();
    let mut left = MAX_BYTES;
    let (mut lines, mut files) = (String::new(), 0);
    for path in paths(ground, &index, &committed)?.iter().filter(|path| Some(*path) != ground.without) {
        let (indexed, noted) = (index.files.get(path), committed.get(path));
        if indexed.is_some_and(|indexed| indexed.left_alone) {
            continue;
        }
        let Some(line) = difference(ground, repository, path, (indexed, noted), &mut left)? else { continue };
        // writing to a string can't fail
        let _ = writeln!(lines, "{line}  {path}");
        files += 1;
    }
    Ok(match files {
        0 => WorkTree::Clean,
        files => WorkTree::Dirty { files, digest: Digest::of(lines) },
    })
}

/// What stands before the path of a file that differs.
fn difference(
    ground: &Ground<'_>,
    repository: Option<&Repository>,
    path: &RelPath,
    (indexed, noted): (Option<&Indexed>, Option<&Noted>),
    left: &mut u64,
) -> Result<Option<String>, String> {
    let facts = match ground.root.facts(path) {
        Ok(facts) if facts.kind == EntryKind::File => facts,
        // a link, or a folder of another repository, that git has noted as such
        Ok(_) if noted.is_none() => return Ok(None),
        _ => return Ok(noted.map(|_| "-".to_owned())),
    };
    let executable = facts.mode & 0o100 != 0;
    let same_mode = noted.is_some_and(|noted| noted.executable == executable);
    if same_mode && is_untouched(indexed, noted, &facts) {
        return Ok(None);
    }
    if is_secret_name(path.as_str()) {
        return Ok(Some("secret".to_owned()));
    }
    let bytes = ground.root.file(path, Links::Refuse).and_then(|mut file| file.read(*left));
    let Ok(bytes) = bytes else {
        return Err(format!("`{path}` can't be read, or more than {MAX_BYTES} bytes have changed"));
    };
    *left -= bytes.len() as u64;
    if let (Some(repository), Some(noted), true) = (repository, noted, same_mode) {
        let id = compute_hash(repository.object_hash(), Kind::Blob, &bytes);
        if id.map_err(|error| error.to_string())? == noted.id {
            return Ok(None);
        }
    }
    let mode = if executable { "x" } else { "" };
    Ok(Some(format!("{}{mode}", Digest::of(&bytes).hex())))
}

/// Did git see this very file, with what the commit has in it?
fn is_untouched(indexed: Option<&Indexed>, noted: Option<&Noted>, facts: &Facts) -> bool {
    let (Some(indexed), Some(noted)) = (indexed, noted) else { return false };
    indexed.noted.id == noted.id && indexed.unchanged_if == Some((facts.size, facts.modified))
}

#[derive(Default)]
struct Index {
    files: BTreeMap<RelPath, Indexed>,
    /// The tree that the index was last seen to be equal to.
    tree: Option<ObjectId>,
}

fn index_of(repository: &Repository) -> Result<Index, String> {
    let size = fs::metadata(repository.index_path()).map_or(0, |facts| facts.len());
    if size > MAX_INDEX {
        return Err(format!("git's index has more than {MAX_INDEX} bytes"));
    }
    let mut files = BTreeMap::new();
    if size == 0 {
        return Ok(Index { files, tree: None });
    }
    let index = repository.open_index().map_err(|error| format!("git's index can't be read: {error}"))?;
    if index.entries().len() > MAX_FILES {
        return Err(format!("more than {MAX_FILES} files are tracked"));
    }
    let stamp = index.timestamp();
    for entry in index.entries() {
        let path = std::str::from_utf8(entry.path(&index).as_ref()).ok();
        let Some(path) = path.and_then(|path| RelPath::parse(path).ok()) else { continue };
        let is_file = entry.mode.contains(Mode::FILE) && !entry.mode.contains(Mode::SYMLINK);
        let time = (i64::from(entry.stat.mtime.secs), i64::from(entry.stat.mtime.nsecs));
        // what was written in the moment in which the index was, may have been written again in it
        let settled = time < (stamp.unix_seconds(), i64::from(stamp.nanoseconds()));
        let alone = Flags::SKIP_WORKTREE | Flags::ASSUME_VALID;
        files.insert(
            path,
            Indexed {
                noted: Noted { id: entry.id, executable: entry.mode == Mode::FILE_EXECUTABLE },
                unchanged_if: settled.then_some((u64::from(entry.stat.size), time)),
                left_alone: !is_file || entry.flags.intersects(alone),
            },
        );
    }
    let tree = index.tree().filter(|tree| tree.num_entries.is_some()).map(|tree| tree.id);
    Ok(Index { files, tree })
}

/// The files of the commit; they are those of the index where that says so.
fn committed(repository: &Repository, index: &Index) -> Result<BTreeMap<RelPath, Noted>, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("git's `HEAD` can't be read: {error}");
    if repository.head().map_err(|error| unreadable(&error))?.is_unborn() {
        return Ok(BTreeMap::new());
    }
    let tree = repository.head_tree_id().map_err(|error| unreadable(&error))?.detach();
    if index.tree == Some(tree) {
        let files = index.files.iter().filter(|(_, indexed)| !indexed.left_alone);
        return Ok(files.map(|(path, indexed)| (path.clone(), indexed.noted)).collect());
    }
    let files = files_of(repository, tree, MAX_FILES).map_err(|error| error.message)?;
    let noted =
        |(path, (id, bits)): (RelPath, (ObjectId, u32))| (path, Noted { id, executable: bits & 0o100 != 0 });
    Ok(files.into_iter().map(noted).collect())
}

/// All paths that may differ, bytewise: those of the commit, and what stands in the workspace and no ignore file names.
fn paths(
    ground: &Ground<'_>,
    index: &Index,
    committed: &BTreeMap<RelPath, Noted>,
) -> Result<BTreeSet<RelPath>, String> {
    let options = Walk {
        start: RelPath::root(),
        recursive: true,
        ignore_files: IgnoreFiles::Honour,
        max_entries: MAX_ENTRIES,
    };
    let is_ours = |path: &RelPath| ground.protected.iter().any(|folder| path.is_within(folder));
    let walked =
        walk(ground.root, &options, &mut |path, _| !is_ours(path)).map_err(|error| error.to_string())?;
    if walked.truncated || walked.files.len() > MAX_FILES {
        return Err(format!("the workspace has more than {MAX_FILES} files"));
    }
    let tracked = committed.keys().chain(index.files.keys()).filter(|path| !is_ours(path)).cloned();
    Ok(walked.files.into_iter().chain(tracked).collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, SystemTime};

    use crate::runner::CommandMemory;

    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        world: ToolWorld,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let world = ToolWorld {
                root: Root::open(folder.path()).unwrap(),
                root_path: folder.path().to_owned(),
                state: Root::open(folder.path()).unwrap(),
                protected: vec![RelPath::parse("own").unwrap()],
                redaction: std::sync::Arc::default(),
                outside: crate::runner::Outside::default(),
                room: crate::runner::Room::default(),
                memory: CommandMemory::default(),
            };
            Self { folder, world }
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
            fs::write(path, text).unwrap();
        }

        fn git(&self, arguments: &[&str]) {
            let done = Command::new("git")
                .current_dir(self.folder.path())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("HOME", "/nonexistent")
                .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
                .args(arguments)
                .output()
                .expect("this test needs `git`");
            assert!(done.status.success(), "{done:?}");
        }

        fn state(&self) -> WorkTree {
            work_tree(&self.world).unwrap()
        }

        fn digest_of(&self, lines: &str) {
            let files = lines.lines().count() as u64;
            assert_eq!(self.state(), WorkTree::Dirty { files, digest: Digest::of(lines) });
        }
    }

    #[test]
    fn what_differs_from_the_commit_is_told_and_what_does_not_is_not() {
        let bench = Bench::new();
        assert_eq!(work_tree(&bench.world), None);
        bench.git(&["init", "-q"]);
        assert_eq!(bench.state(), WorkTree::Clean);
        bench.write("a", "1\n");
        let one = Digest::of("1\n").hex();
        bench.digest_of(&format!("{one}  a\n"));
        bench.write("sub/b", "1\n");
        bench.write(".gitignore", "ignored\n");
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-qm", "one"]);
        bench.write("ignored", "x");
        bench.write("own/state", "x");
        assert_eq!(bench.state(), WorkTree::Clean);

        bench.write("a", "2\n");
        let two = Digest::of("2\n").hex();
        bench.digest_of(&format!("{two}  a\n"));
        // staged is not committed
        bench.git(&["add", "a"]);
        bench.digest_of(&format!("{two}  a\n"));
        bench.write("new", "1\n");
        bench.write(".env", "TOKEN=1\n");
        fs::remove_file(bench.path("sub/b")).unwrap();
        bench.digest_of(&format!("secret  .env\n{two}  a\n{one}  new\n-  sub/b\n"));
        // the commit's content under other times is the commit's
        bench.git(&["checkout", "-q", "-f", "HEAD"]);
        fs::remove_file(bench.path("new")).unwrap();
        fs::remove_file(bench.path(".env")).unwrap();
        let file = fs::File::options().write(true).open(bench.path("a")).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(9)).unwrap();
        assert_eq!(bench.state(), WorkTree::Clean);
    }

    #[test]
    fn a_commit_of_sha_256_is_compared_with_as_well() {
        let bench = Bench::new();
        bench.git(&["init", "-q", "--object-format=sha256"]);
        bench.write("a", "1\n");
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-qm", "one"]);
        assert_eq!(bench.state(), WorkTree::Clean);
        assert_eq!(revision(bench.folder.path()).map(|id| id.len()), Some(64));
        // the commit's content under other times is the commit's
        let file = fs::File::options().write(true).open(bench.path("a")).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(9)).unwrap();
        assert_eq!(bench.state(), WorkTree::Clean);
        bench.write("a", "2\n");
        bench.digest_of(&format!("{}  a\n", Digest::of("2\n").hex()));
    }

    #[test]
    fn a_change_in_the_very_moment_of_the_index_is_seen() {
        let bench = Bench::new();
        bench.git(&["init", "-q"]);
        bench.write("a", "1\n");
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-qm", "one"]);
        // the same size and, as far as the index knows, the same time
        let time = fs::metadata(bench.path("a")).unwrap().modified().unwrap();
        let index = fs::File::options().write(true).open(bench.path(".git/index")).unwrap();
        index.set_modified(time).unwrap();
        bench.write("a", "3\n");
        fs::File::options().write(true).open(bench.path("a")).unwrap().set_modified(time).unwrap();
        bench.digest_of(&format!("{}  a\n", Digest::of("3\n").hex()));
    }

    #[test]
    fn nothing_of_the_repository_is_run_and_a_broken_index_is_said() {
        let bench = Bench::new();
        bench.git(&["init", "-q"]);
        bench.write("a", "1\n");
        bench.git(&["add", "-A"]);
        bench.git(&["config", "core.fsmonitor", "touch ran; false"]);
        bench.git(&["config", "filter.x.clean", "touch ran; cat"]);
        bench.write(".gitattributes", "* filter=x\n");
        assert!(matches!(bench.state(), WorkTree::Dirty { files: 2, .. }), "{:?}", bench.state());
        assert!(!bench.path("ran").exists());
        bench.write(".git/index", "DIRC broken");
        assert!(matches!(bench.state(), WorkTree::Unknown { why } if why.contains("index")));
        bench.git(&["config", "core.repositoryFormatVersion", "1"]);
        bench.git(&["config", "extensions.objectFormat", "sha1024"]);
        assert!(matches!(bench.state(), WorkTree::Unknown { why } if why.contains("repository")));
    }

    #[test]
    fn a_commit_that_cannot_be_found_is_not_said_to_be_none() {
        let bench = Bench::new();
        // its branches are kept in a form that is not read
        bench.git(&["init", "-q", "--ref-format=reftable"]);
        bench.write("a", "1\n");
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-qm", "one"]);
        assert!(matches!(bench.state(), WorkTree::Unknown { why } if why.contains("`HEAD`")));
    }

    #[test]
    fn a_plan_is_bound_to_every_file_outside_of_a_repository_and_not_to_its_own() {
        let bench = Bench::new();
        bench.write("a", "1\n");
        bench.write("own/state", "x");
        bench.write("plan.json", "{}");
        let bound = |without: Option<&str>| {
            let without = without.map(|path| RelPath::parse(path).unwrap());
            let protected = ["own".to_owned()];
            planned_workspace(&bench.world.root, bench.folder.path(), &protected, without.as_ref())
        };
        let lines = format!("{}  a\n", Digest::of("1\n").hex());
        let alone = WorkTree::Dirty { files: 1, digest: Digest::of(lines) };
        assert_eq!(bound(Some("plan.json")), PlannedWorkspace { revision: None, tree: alone.clone() });
        assert_ne!(bound(None).tree, alone);
        bench.write("a", "2\n");
        assert_ne!(bound(Some("plan.json")).tree, alone);
    }
}
