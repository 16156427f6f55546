//! Opening beneath a held root: links, special files, limits, the swap race, walks and the steps of a change.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lgflow::files::{
    EntryKind, FileError, IgnoreFiles, Links, OwnFolder, RelPath, Root, Walk, Walked, read_given, walk,
    write_given,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let at = folder.path().join(name);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
}

fn fifo(at: &Path) {
    mknodat(CWD, at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

fn held(folder: &TempDir) -> Root {
    Root::open(folder.path()).unwrap()
}

/// A workspace beside a secret, with links of every sort.
fn workspace() -> (TempDir, TempDir) {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "CANARY").unwrap();
    let inside = tempfile::tempdir().unwrap();
    write(&inside, "dir/file", "text");
    for (target, link) in [
        ("file", "dir/alias"),
        ("dir", "folder"),
        ("folder/alias", "chain"),
        ("../dir/file", "dir/up_and_down"),
        ("loop", "loop"),
        ("/etc/hostname", "absolute"),
        ("../../../../../../etc/hostname", "climbing"),
        ("/dev/zero", "zero"),
        ("/proc/self/root/etc/hostname", "magic"),
    ] {
        symlink(target, inside.path().join(link)).unwrap();
    }
    symlink(outside.path().join("secret"), inside.path().join("out")).unwrap();
    symlink(outside.path(), inside.path().join("out_folder")).unwrap();
    (inside, outside)
}

#[test]
fn links_inside_are_followed_and_the_resolved_path_is_told() {
    let (inside, _outside) = workspace();
    let root = held(&inside);
    for name in ["dir/file", "dir/alias", "folder/file", "folder/alias", "chain", "dir/up_and_down"] {
        let mut file = root.file(&path(name), Links::Inside).unwrap();
        assert_eq!(file.path().as_str(), "dir/file", "{name}");
        assert_eq!(file.read(100).unwrap(), b"text");
    }
    let (_, real) = root.folder(&path("folder"), Links::Inside).unwrap();
    assert_eq!(real.as_str(), "dir");
}

#[test]
fn links_out_are_refused_and_say_so() {
    let (inside, _outside) = workspace();
    let root = held(&inside);
    for name in ["absolute", "climbing", "zero", "magic", "out", "out_folder/secret"] {
        let error = root.file(&path(name), Links::Inside).unwrap_err();
        assert!(matches!(error, FileError::Escapes { .. }), "{name}: {error}");
    }
    assert!(matches!(root.file(&path("loop"), Links::Inside), Err(FileError::TooManyLinks { .. })));
    for name in ["dir/alias", "folder/file", "chain", "out"] {
        let error = root.file(&path(name), Links::Refuse).unwrap_err();
        assert!(matches!(error, FileError::Link { .. }), "{name}: {error}");
    }
}

#[test]
fn special_files_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("dir")).unwrap();
    fifo(&folder.path().join("pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let root = held(&folder);
    for (name, wanted) in
        [("pipe", EntryKind::Fifo), ("socket", EntryKind::Socket), ("dir", EntryKind::Folder)]
    {
        match root.file(&path(name), Links::Inside) {
            Err(FileError::Kind { kind, .. }) => assert_eq!(kind, wanted),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(root.file(&path("none"), Links::Inside), Err(FileError::NotFound { .. })));
    let dev = Root::open(Path::new("/dev")).unwrap();
    match dev.file(&path("zero"), Links::Inside) {
        Err(FileError::Kind { kind, .. }) => assert_eq!(kind, EntryKind::Device),
        other => panic!("{other:?}"),
    }
    assert!(matches!(read_given(&folder.path().join("pipe"), 10), Err(FileError::Kind { .. })));
    assert!(matches!(read_given(Path::new("/dev/zero"), 10), Err(FileError::Kind { .. })));
}

#[test]
fn sizes_are_limited_also_of_sparse_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("sparse")).unwrap().set_len(10 << 30).unwrap();
    write(&folder, "ten", "0123456789");
    let root = held(&folder);
    let limited = |name: &str, limit| root.file(&path(name), Links::Refuse).unwrap().read(limit);
    assert!(matches!(limited("sparse", 1 << 20), Err(FileError::TooLarge { .. })));
    assert!(matches!(limited("ten", 9), Err(FileError::TooLarge { limit: 9, .. })));
    assert_eq!(limited("ten", 10).unwrap().len(), 10);
}

/// A file and a link to a secret change places all the time: whatever is read, it is never the secret.
#[test]
fn the_swap_race_never_escapes() {
    let (inside, outside) = workspace();
    write(&inside, "real/name", "harmless");
    fs::create_dir(outside.path().join("name_is_here")).unwrap();
    fs::write(outside.path().join("name"), "CANARY").unwrap();
    let at = inside.path().to_owned();
    let root = held(&inside);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // `swap/name` is the harmless file or, through a link, the secret
            while !stop.load(Ordering::Relaxed) {
                symlink(outside.path(), at.join("swap")).unwrap();
                fs::remove_file(at.join("swap")).unwrap();
                symlink("real", at.join("swap")).unwrap();
                fs::remove_file(at.join("swap")).unwrap();
                fs::create_dir(at.join("swap")).unwrap();
                fs::write(at.join("swap/name"), "harmless").unwrap();
                fs::remove_dir_all(at.join("swap")).unwrap();
            }
        });
        let (mut read, mut tried) = (0, 0);
        // on a busy machine the other thread may not have had its turn by then
        while tried < 40_000 || (read == 0 && tried < 10_000_000) {
            tried += 1;
            if let Ok(mut file) = root.file(&path("swap/name"), Links::Inside) {
                let under = file.path().as_str() == "real/name" || file.path().as_str() == "swap/name";
                let text = file.read(100).unwrap();
                assert!(under && (text == b"harmless" || text.is_empty()), "escaped to {text:?}");
                read += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(read > 0, "the harmless file was never read: the test shows nothing");
    });
}

#[test]
fn files_of_ours_have_one_name_and_no_link() {
    let (inside, outside) = workspace();
    write(&inside, ".lg/graph.yaml", "schema: lgflow.graph/v1\n");
    write(&inside, ".lg/prompts/plan.md", "plan");
    let lg = inside.path().join(".lg");
    symlink(outside.path().join("secret"), lg.join("link.md")).unwrap();
    symlink("prompts", lg.join("linked")).unwrap();
    fs::hard_link(outside.path().join("secret"), lg.join("twin.md")).unwrap();
    fifo(&lg.join("pipe.md"));
    let own = OwnFolder::beneath(&held(&inside), &path(".lg")).unwrap();
    let from = path("graph.yaml");
    let read = |reference: &str| own.resolve(&from, reference).and_then(|path| own.read(&path, 1000));
    assert_eq!(read("prompts/plan.md").unwrap(), "plan");
    assert_eq!(read("./prompts/../prompts/plan.md").unwrap(), "plan");
    for reference in [
        "../dir/file",
        "/etc/passwd",
        "~/x",
        "link.md",
        "linked/plan.md",
        "twin.md",
        "pipe.md",
        "prompts",
        "none",
        "",
    ] {
        let error = read(reference).unwrap_err().to_string();
        assert!(!error.contains("CANARY"), "{reference}: {error}");
    }
    assert!(matches!(read("twin.md"), Err(FileError::HardLinks { links: 2, .. })));
    assert!(matches!(own.read(&path("graph.yaml"), 3), Err(FileError::TooLarge { .. })));
    let (named, file) = OwnFolder::of_file(&lg.join("graph.yaml")).unwrap();
    assert_eq!(named.read(&file, 1000).unwrap(), "schema: lgflow.graph/v1\n");
}

fn walked(root: &Root, start: &str, ignore_files: IgnoreFiles, max_entries: usize) -> Walked {
    let options = Walk { start: path(start), recursive: true, ignore_files, max_entries };
    walk(root, &options, &mut |_, _| true).unwrap()
}

fn names(found: &Walked) -> Vec<&str> {
    found.files.iter().map(RelPath::as_str).collect()
}

#[test]
fn walks_honour_ignore_files_without_git() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        (".gitignore", "target/\n*.log\n!keep.log\n/top\n"),
        (".git/config", "[core]"),
        (".git/info/exclude", "*.swp\n"),
        ("sub/.gitignore", "!a.log\nonly_here\n"),
        ("sub/.ignore", "a.tmp\n"),
        ("target/x", ""),
        ("sub/target/x", ""),
        ("a.log", ""),
        ("keep.log", ""),
        ("sub/a.log", ""),
        ("sub/b.log", ""),
        ("sub/a.tmp", ""),
        ("sub/top", ""),
        ("sub/only_here", ""),
        ("only_here", ""),
        ("top", ""),
        ("x.swp", ""),
        ("a-b", ""),
        ("a/b", ""),
        ("module/.git", "gitdir: ../.git/modules/module"),
    ] {
        write(&folder, name, text);
    }
    let root = held(&folder);
    let found = walked(&root, ".", IgnoreFiles::Honour, 1000);
    let expected = [
        ".gitignore",
        "a-b",
        "a/b",
        "keep.log",
        "module/.git",
        "only_here",
        "sub/.gitignore",
        "sub/.ignore",
        "sub/a.log",
        "sub/top",
    ];
    assert_eq!(names(&found), expected);
    let below = walked(&root, "sub", IgnoreFiles::Honour, 1000);
    assert_eq!(names(&below), ["sub/.gitignore", "sub/.ignore", "sub/a.log", "sub/top"]);
    let all = walked(&root, ".", IgnoreFiles::Disregard, 1000);
    assert_eq!(all.files.len(), 18);
    assert!(all.files.is_sorted());
}

#[test]
fn walks_are_bounded_follow_no_link_and_count_what_has_no_name() {
    use std::os::unix::ffi::OsStrExt as _;
    let (inside, _outside) = workspace();
    for name in [&b"bad\xff"[..], b"line\nbreak"] {
        fs::write(inside.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
    }
    fifo(&inside.path().join("pipe"));
    let found = walked(&held(&inside), ".", IgnoreFiles::Honour, 1000);
    assert_eq!(names(&found), ["dir/file"]);
    assert_eq!(found.unnamed, 2);
    assert!(walked(&held(&inside), ".", IgnoreFiles::Honour, 3).truncated);
}

#[test]
fn what_the_user_names_is_written_and_what_is_no_file_stays_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    let usual = 0o666 & !u32::from_str_radix(umask.trim(), 8).unwrap();
    // a new file is as any other program's
    write_given(&at("new"), "one").unwrap();
    assert_eq!((fs::read_to_string(at("new")).unwrap().as_str(), mode("new")), ("one", usual));
    // one that is there keeps its mode, also behind a link
    fs::set_permissions(at("new"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("new", at("link")).unwrap();
    write_given(&at("link"), "two").unwrap();
    assert_eq!((fs::read_to_string(at("new")).unwrap().as_str(), mode("new")), ("two", 0o640));
    // links to nothing lead to the new file, and stay
    symlink("further", at("nowhere")).unwrap();
    symlink("target", at("further")).unwrap();
    write_given(&at("nowhere"), "three").unwrap();
    assert_eq!((fs::read_to_string(at("target")).unwrap().as_str(), mode("target")), ("three", usual));
    assert!(at("nowhere").is_symlink() && at("further").is_symlink());
    symlink("away/none", at("lost")).unwrap();
    write_given(&at("lost"), "four").unwrap_err();
    symlink("round", at("round")).unwrap();
    write_given(&at("round"), "four").unwrap_err();
    assert!(at("lost").is_symlink() && at("round").is_symlink());
    // a pipe takes it, and is a pipe
    fifo(&at("pipe"));
    let path = at("pipe");
    let reader = std::thread::spawn(move || fs::read_to_string(path).unwrap());
    write_given(&at("pipe"), "five").unwrap();
    assert_eq!(reader.join().unwrap(), "five");
    assert!(fs::metadata(at("pipe")).unwrap().file_type().is_fifo());
    // a folder and a socket take nothing
    let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    write_given(&at("socket"), "six").unwrap_err();
    assert!(fs::metadata(at("socket")).unwrap().file_type().is_socket());
    drop(socket);
    let refused = write_given(folder.path(), "seven").unwrap_err().to_string();
    assert!(refused.contains("is a folder"), "{refused}");
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["further", "link", "lost", "new", "nowhere", "pipe", "round", "socket", "target"]);
}

#[test]
fn changes_are_made_beneath_the_root_and_never_through_a_link() {
    let (inside, outside) = workspace();
    let root = held(&inside);
    assert_eq!(root.make_folders(&path("new/a/b")).unwrap().len(), 3);
    assert_eq!(root.make_folders(&path("new/a/b")).unwrap().len(), 0);
    let beside = root.name_beside(&path("new/a/b/file")).unwrap();
    root.write_new(&beside, b"content", 0o755).unwrap();
    root.rename(&beside, &path("new/a/b/file")).unwrap();
    root.sync_folder(&path("new/a/b")).unwrap();
    let facts = root.facts(&path("new/a/b/file")).unwrap();
    assert_eq!((facts.size, facts.mode, facts.kind), (7, 0o755, EntryKind::File));
    root.set_mode(&path("new/a/b/file"), 0o644).unwrap();
    assert_eq!(root.facts(&path("new/a/b/file")).unwrap().mode, 0o644);
    assert!(matches!(root.write_new(&path("new/a/b/file"), b"", 0o644), Err(FileError::Exists { .. })));
    assert!(matches!(
        root.rename_new(&path("new/a/b/file"), &path("dir/file")),
        Err(FileError::Exists { .. })
    ));
    for name in ["out_folder/new", "folder/new", "out"] {
        assert!(root.write_new(&path(name), b"x", 0o644).is_err(), "{name}");
    }
    assert!(matches!(root.make_folders(&path("out_folder/x")), Err(FileError::Link { .. })));
    assert!(root.set_mode(&path("out"), 0o777).is_err());
    // a link that is renamed onto is replaced itself
    root.write_new(&path("fresh"), b"fresh", 0o644).unwrap();
    root.rename(&path("fresh"), &path("out")).unwrap();
    assert_eq!(root.facts(&path("out")).unwrap().kind, EntryKind::File);
    root.remove_file(&path("out")).unwrap();
    root.remove_file(&path("new/a/b/file")).unwrap();
    root.remove_folder(&path("new/a/b")).unwrap();
    assert!(root.remove_file(&path("dir")).is_err());
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"CANARY");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}
