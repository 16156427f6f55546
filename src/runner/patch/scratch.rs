//! For the tests of this folder: a workspace and a state folder of their own, and trees of files as values.

#![expect(clippy::disallowed_methods, reason = "tests build the files that they need")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::files::Root;
use crate::runner::Cancel;

use super::commit::{Author, Point, Workshop, commit};
use super::resolve::{Planned, resolve_patch};
use super::{PatchError, parse};

/// How much contents may grow.
pub(super) const ROOM: u64 = 16 << 20;

/// Path → bytes, and whether it is executable.
pub(super) type Tree = BTreeMap<String, (Vec<u8>, bool)>;

/// Adds, changes, deletes, renames and makes folders; a file becomes a folder and a folder a file.
pub(super) const PATCH: &str = "\
diff --git a/changed b/changed
--- a/changed
+++ b/changed
@@ -1,3 +1,3 @@
 one
-two
+zwei
 three
diff --git a/from b/new/deep/to
rename from from
rename to new/deep/to
diff --git a/flat b/flat
deleted file mode 100644
--- a/flat
+++ /dev/null
@@ -1 +0,0 @@
-flat
diff --git a/flat/inner b/flat/inner
new file mode 100755
--- /dev/null
+++ b/flat/inner
@@ -0,0 +1 @@
+inner
diff --git a/folder/only b/folder
rename from folder/only
rename to folder
";

/// What it is applied to.
pub(super) fn before() -> Tree {
    let files = [("changed", "one\ntwo\nthree\n"), ("from", "moved\n"), ("flat", "flat\n")];
    tree(&[&files[..], &[("folder/only", "only\n"), ("untouched", "x\n")]].concat())
}

/// What it leaves.
pub(super) fn after() -> Tree {
    let files = [("changed", "one\nzwei\nthree\n"), ("new/deep/to", "moved\n"), ("folder", "only\n")];
    let mut after = tree(&[&files[..], &[("untouched", "x\n")]].concat());
    after.insert("flat/inner".to_owned(), (b"inner\n".to_vec(), true));
    after
}

pub(super) struct Scratch {
    pub(super) folder: tempfile::TempDir,
    pub(super) root: Root,
    pub(super) state: Root,
}

impl Scratch {
    pub(super) fn new(tree: &Tree) -> Self {
        // these tests sync a lot; in memory that is free
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        for name in ["work", "state"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        write_tree(&folder.path().join("work"), tree);
        let open = |name: &str| Root::open(&folder.path().join(name)).unwrap();
        Self { root: open("work"), state: open("state"), folder }
    }

    pub(super) fn shop(&self) -> Workshop<'_> {
        Workshop { root: &self.root, state: &self.state }
    }

    pub(super) fn work(&self) -> std::path::PathBuf {
        self.folder.path().join("work")
    }

    pub(super) fn tree(&self) -> Tree {
        read_tree(&self.work())
    }

    /// Applies the text of a patch; gives its inverse.
    pub(super) fn apply(&self, patch: &str) -> Result<String, PatchError> {
        let planned = self.plan(patch)?;
        self.commit(&planned, &mut |_| Ok(()))?;
        Ok(planned.inverse)
    }

    pub(super) fn plan(&self, patch: &str) -> Result<Planned, PatchError> {
        resolve_patch(&self.root, &parse(patch)?, ROOM, &Cancel::default())
    }

    pub(super) fn commit(
        &self,
        planned: &Planned,
        at: &mut dyn FnMut(Point) -> Result<(), PatchError>,
    ) -> Result<(), PatchError> {
        let author = Author { run: "r".to_owned(), inverse: planned.inverse.clone(), ..Author::default() };
        commit(self.shop(), &planned.wanted, author, at)
    }
}

pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), (text.as_bytes().to_vec(), false))).collect()
}

pub(super) fn write_tree(folder: &Path, tree: &Tree) {
    for (path, (bytes, executable)) in tree {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let bits = if *executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
    }
}

/// Everything beneath `folder` but `.git`; anything that is no file or folder fails the test.
pub(super) fn read_tree(folder: &Path) -> Tree {
    fn below(folder: &Path, prefix: &str, found: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                if name != ".git" {
                    below(&entry.path(), &format!("{name}/"), found);
                }
            } else {
                assert!(kind.is_file(), "{name} is no regular file");
                let executable = entry.metadata().unwrap().permissions().mode() & 0o100 != 0;
                found.insert(name, (fs::read(entry.path()).unwrap(), executable));
            }
        }
    }
    let mut found = Tree::new();
    below(folder, "", &mut found);
    found
}
