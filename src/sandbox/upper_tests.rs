//! Upper layers as a hostile command would leave them, made by hand.

#![expect(clippy::disallowed_methods, reason = "a test makes its own files")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};

use crate::files::{EntryKind, RelPath, Root};

use super::upper::{UpperBounds, UpperChanges, Wanted, read_upper};
use super::{NotCarried, Uncarried};

const BOUNDS: UpperBounds = UpperBounds { files: 1000, file_bytes: 1 << 20, bytes: 4 << 20, binary: false };

struct Layer(tempfile::TempDir);

impl Layer {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.at(path), text).unwrap();
    }

    fn whiteout(&self, path: &str) {
        mknodat(CWD, self.at(path), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    }

    fn attribute(&self, path: &str, name: &str, value: &str) {
        setxattr(self.at(path), name, value.as_bytes(), XattrFlags::empty()).unwrap();
    }

    fn read(&self) -> UpperChanges {
        self.read_by(BOUNDS, &mut |_, _| Wanted::Yes)
    }

    fn read_by(
        &self,
        bounds: UpperBounds,
        wants: &mut dyn FnMut(&RelPath, EntryKind) -> Wanted,
    ) -> UpperChanges {
        read_upper(Root::open(self.0.path()).unwrap().as_fd(), bounds, wants).unwrap()
    }
}

fn refused(found: &UpperChanges) -> Vec<(&str, Uncarried)> {
    found.not_carried.iter().map(|NotCarried { path, kind }| (path.as_str(), *kind)).collect()
}

fn texts(found: &UpperChanges) -> Vec<(&str, &str, u32)> {
    found
        .files
        .iter()
        .map(|file| (file.path.as_str(), std::str::from_utf8(&file.bytes).unwrap(), file.bits))
        .collect()
}

#[test]
fn an_empty_layer_is_clean() {
    let found = Layer::new().read();
    assert_eq!(found, UpperChanges { is_clean: true, ..UpperChanges::default() });
}

#[test]
fn files_deletions_and_opaque_folders_are_told_apart() {
    let layer = Layer::new();
    layer.write("b/text", "t\n");
    layer.write("a", "");
    fs::set_permissions(layer.at("a"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(layer.at("b/text"), fs::Permissions::from_mode(0o640)).unwrap();
    layer.whiteout("gone");
    layer.write("by attribute", "");
    layer.attribute("by attribute", "user.overlay.whiteout", "y");
    layer.write("new/x", "x");
    layer.attribute("new", "user.overlay.opaque", "y");
    layer.write("merged/x", "x");
    layer.attribute("merged", "user.overlay.opaque", "x");
    layer.attribute("merged", "user.overlay.impure", "y");
    let found = layer.read();
    assert_eq!(
        texts(&found),
        [("a", "", 0o755), ("b/text", "t\n", 0o640), ("merged/x", "x", 0o644), ("new/x", "x", 0o644)]
    );
    assert_eq!(found.gone.iter().map(RelPath::as_str).collect::<Vec<_>>(), ["by attribute", "gone"]);
    assert_eq!(found.opaque.iter().map(RelPath::as_str).collect::<Vec<_>>(), ["new"]);
    assert_eq!((refused(&found), found.is_clean, found.truncated), (vec![], false, false));
}

#[test]
fn all_else_is_refused_by_its_kind() {
    let layer = Layer::new();
    symlink("/etc/passwd", layer.at("link")).unwrap();
    symlink("/", layer.at("folder link")).unwrap();
    mknodat(CWD, layer.at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(layer.at("socket")).unwrap();
    layer.write("setuid", "x");
    fs::set_permissions(layer.at("setuid"), fs::Permissions::from_mode(0o4755)).unwrap();
    layer.write("setgid", "x");
    fs::set_permissions(layer.at("setgid"), fs::Permissions::from_mode(0o2755)).unwrap();
    layer.write("one", "x");
    fs::hard_link(layer.at("one"), layer.at("two")).unwrap();
    fs::write(layer.at("binary"), b"a\0b").unwrap();
    fs::write(layer.at("latin"), b"\xe4").unwrap();
    fs::write(layer.at("large"), "x".repeat((1 << 20) + 1)).unwrap();
    fs::write(layer.at("x").with_file_name(OsStr::from_bytes(b"no\xfftext")), "x").unwrap();
    layer.write("line\nbreak", "x");
    let found = layer.read();
    assert_eq!(
        refused(&found),
        [
            ("./line\nbreak", Uncarried::Unnameable),
            ("./no\u{fffd}text", Uncarried::Unnameable),
            ("binary", Uncarried::Binary),
            ("fifo", Uncarried::Fifo),
            ("folder link", Uncarried::Symlink),
            ("large", Uncarried::TooLarge),
            ("latin", Uncarried::Binary),
            ("link", Uncarried::Symlink),
            ("one", Uncarried::HardLink),
            ("setgid", Uncarried::Setuid),
            ("setuid", Uncarried::Setuid),
            ("socket", Uncarried::Socket),
            ("two", Uncarried::HardLink),
        ]
    );
    assert!(found.files.is_empty() && !found.is_clean);
}

#[test]
fn attributes_of_the_command_are_told_and_overlayfs_own_are_not() {
    let layer = Layer::new();
    layer.write("own", "x");
    layer.attribute("own", "user.overlay.origin", "y");
    layer.write("marked", "x");
    layer.attribute("marked", "user.note", "y");
    layer.write("forged", "");
    layer.attribute("forged", "user.overlay.overlay.whiteout", "y");
    let found = layer.read();
    let names: Vec<(&str, usize)> =
        found.files.iter().map(|file| (file.path.as_str(), file.attributes.len())).collect();
    assert_eq!(names, [("forged", 1), ("marked", 1), ("own", 0)]);
    assert_eq!(found.files.iter().map(|file| file.is_copy).collect::<Vec<_>>(), [false, false, true]);
    assert!(found.gone.is_empty());
}

#[test]
fn a_sparse_giant_and_a_small_file_with_a_hole_are_not_read() {
    let layer = Layer::new();
    File::create(layer.at("giant")).unwrap().set_len(10 << 30).unwrap();
    File::create(layer.at("hole")).unwrap().set_len(1 << 19).unwrap();
    let bounds = UpperBounds { file_bytes: 20 << 30, bytes: 40 << 30, ..BOUNDS };
    let found = layer.read_by(bounds, &mut |_, _| Wanted::Yes);
    assert_eq!(refused(&found), [("giant", Uncarried::Binary), ("hole", Uncarried::Binary)]);
    assert_eq!(refused(&layer.read())[0], ("giant", Uncarried::TooLarge));
}

#[test]
fn bounds_hold_and_no_file_is_cut() {
    let layer = Layer::new();
    for n in 0..20 {
        layer.write(&format!("f{n:02}"), "0123456789");
    }
    let found = layer.read_by(UpperBounds { files: 5, ..BOUNDS }, &mut |_, _| Wanted::Yes);
    assert_eq!((found.files.len(), found.not_carried.len(), found.truncated), (5, 15, true));
    let found = layer.read_by(UpperBounds { bytes: 35, ..BOUNDS }, &mut |_, _| Wanted::Yes);
    assert_eq!((found.files.len(), found.truncated), (3, true));
    assert!(found.files.iter().all(|file| file.bytes.len() == 10));
}

#[test]
fn more_than_can_be_listed_is_said_to_be_more() {
    let layer = Layer::new();
    for n in 0..1200 {
        symlink("x", layer.at(&format!("l{n}"))).unwrap();
    }
    let found = layer.read();
    assert_eq!((found.not_carried.len(), found.truncated), (1000, true));
}

#[test]
fn a_folder_too_deep_is_not_gone_into() {
    let layer = Layer::new();
    layer.write(&format!("{}f", "d/".repeat(140)), "x");
    let found = layer.read();
    assert_eq!(found.not_carried.len(), 1);
    assert_eq!(found.not_carried[0].kind, Uncarried::TooDeep);
}

#[test]
fn caches_are_no_change_and_what_is_not_wanted_is_listed_once() {
    let layer = Layer::new();
    layer.write("crates/a/target/debug/x", "x");
    let wants = &mut |path: &RelPath, _| match path.as_str() {
        "crates" | "crates/a" => Wanted::Above,
        "crates/a/target" => Wanted::Cache,
        "ignored" => Wanted::No(Uncarried::Ignored),
        _ => Wanted::Yes,
    };
    let found = layer.read_by(BOUNDS, wants);
    assert_eq!(found, UpperChanges { is_clean: true, ..UpperChanges::default() });
    layer.write("ignored/deep/x", "x");
    layer.whiteout("crates/b");
    let found = layer.read_by(BOUNDS, wants);
    assert_eq!(refused(&found), [("ignored", Uncarried::Ignored)]);
    assert_eq!((found.gone.len(), found.is_clean), (1, false));
}

#[test]
fn a_copy_with_equal_content_is_not_clean() {
    let layer = Layer::new();
    layer.write("src/lib.rs", "as it was");
    assert!(!layer.read().is_clean);
    assert!(Path::new(&layer.at("src/lib.rs")).exists());
}
