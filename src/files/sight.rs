//! What was seen beneath a root: each file that was opened with what was read of it, each folder with its names, and what
//! was looked for and not there. Held against the root later, it says whether whoever saw all this would see it again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, MacKey};

use super::{Entry, FileError, Links, OpenFile, RelPath, Root};

/// More than this is not remembered: looking at it again would take as long as doing the work again.
const MOST: usize = 100_000;

/// What was seen. It is whole: nothing that was looked at beneath the root is missing. It tells of contents only to who has
/// the key that it was made with: the plain digest of a short secret is as good as the secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// By the path that was asked for.
    files: BTreeMap<String, SeenFile<String>>,
    /// By path: the code of the names and kinds in a folder; none where it could not be listed.
    folders: BTreeMap<String, Option<String>>,
}

/// A file that was asked for. `T` tells contents apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SeenFile<T> {
    /// Were links followed?
    links: bool,
    /// What was opened; none where nothing could be.
    opened: Option<Opened<T>>,
}

/// A file that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Opened<T> {
    /// The path that it really has.
    path: String,
    size: u64,
    /// Of its content; none where none of it was read.
    content: Option<T>,
}

impl Sight {
    /// Is all of it so now? `key` is the one that it was made with. Not known, and therefore not, once `is_over`.
    pub fn still_holds(&self, root: &Root, key: &MacKey, is_over: &dyn Fn() -> bool) -> bool {
        let folder = |(path, seen): (&String, &Option<String>)| {
            let now = RelPath::parse(path).ok().map(|path| listing(&root.entries(&path)));
            now.is_some_and(|now| now.map(|now| code(key, now)) == *seen)
        };
        self.folders.iter().all(|seen| !is_over() && folder(seen))
            && self.files.iter().all(|(path, seen)| !is_over() && seen.is_as_it_was(root, key, path))
    }
}

impl SeenFile<String> {
    fn is_as_it_was(&self, root: &Root, key: &MacKey, path: &str) -> bool {
        let links = if self.links { Links::Inside } else { Links::Refuse };
        let Ok(path) = RelPath::parse(path) else { return false };
        match (&self.opened, root.file(&path, links)) {
            (None, found) => found.is_err(),
            (Some(_), Err(_)) => false,
            (Some(seen), Ok(mut now)) => {
                seen.path == now.path().as_str()
                    && seen.size == now.facts().size
                    && now.facts().links == 1
                    && seen.content.as_ref().is_none_or(|content| {
                        now.read(seen.size).is_ok_and(|bytes| code(key, Digest::of(bytes)) == *content)
                    })
            }
        }
    }
}

/// What stands for a digest to who has the key.
fn code(key: &MacKey, digest: Digest) -> String {
    key.code(format!("lgflow sight\0{digest}").as_bytes())
}

/// The digest of what a folder lists.
fn listing(listed: &Result<(Vec<Entry>, u64), FileError>) -> Option<Digest> {
    let (entries, unnamed) = listed.as_ref().ok()?;
    let text = entries.iter().fold(format!("{unnamed}\n"), |mut text, entry| {
        // writing to a string can't fail
        let _ = writeln!(text, "{:?} {}", entry.kind, entry.path);
        text
    });
    Some(Digest::of(text))
}

/// Watches a root for one reader.
#[derive(Debug, Clone, Default)]
pub struct Watcher(Arc<Mutex<Watched>>);

#[derive(Debug, Default)]
struct Watched {
    files: BTreeMap<String, SeenFile<Digest>>,
    folders: BTreeMap<String, Option<Digest>>,
    /// Something was looked at that a sight cannot tell, or that was not the same twice.
    unsure: bool,
}

impl Watcher {
    /// What was seen until now, to be held against the root by who has `key`; none where it cannot be told wholly.
    pub fn sight(&self, key: &MacKey) -> Option<Sight> {
        let watched = self.watched();
        if watched.unsure {
            return None;
        }
        let opened = |opened: &Opened<Digest>| Opened {
            path: opened.path.clone(),
            size: opened.size,
            content: opened.content.map(|digest| code(key, digest)),
        };
        let file = |(path, seen): (&String, &SeenFile<Digest>)| {
            let opened = seen.opened.as_ref().map(opened);
            (path.clone(), SeenFile { links: seen.links, opened })
        };
        let folder =
            |(path, seen): (&String, &Option<Digest>)| (path.clone(), seen.map(|seen| code(key, seen)));
        Some(Sight {
            files: watched.files.iter().map(file).collect(),
            folders: watched.folders.iter().map(folder).collect(),
        })
    }

    /// Something was looked at that cannot be told.
    pub(super) fn lose(&self) {
        self.watched().unsure = true;
    }

    /// A file was asked for.
    pub(super) fn asked(&self, path: &RelPath, links: Links, found: Result<&OpenFile, &FileError>) {
        let opened = found.ok().map(|file| Opened {
            path: file.path().to_string(),
            size: file.facts().size,
            content: None,
        });
        // a second name may be of what must not be read, and that is decided by looking elsewhere
        let has_names = found.is_ok_and(|file| file.facts().links != 1);
        let seen = SeenFile { links: links == Links::Inside, opened };
        let mut watched = self.watched();
        watched.unsure |= has_names;
        match watched.files.entry(path.to_string()) {
            Slot::Vacant(slot) => drop(slot.insert(seen)),
            Slot::Occupied(known) => {
                let without_content = |seen: &SeenFile<Digest>| {
                    let opened = seen.opened.clone().map(|opened| Opened { content: None, ..opened });
                    SeenFile { opened, ..seen.clone() }
                };
                let is_same = without_content(known.get()) == seen;
                watched.unsure |= !is_same;
            }
        }
        watched.bound();
    }

    /// The content of a file that was asked for was read.
    pub(super) fn read(&self, path: &RelPath, digest: Digest) {
        let mut watched = self.watched();
        let opened = watched.files.get_mut(path.as_str()).and_then(|seen| seen.opened.as_mut());
        let is_same = match opened {
            Some(Opened { content: known @ None, .. }) => {
                *known = Some(digest);
                true
            }
            Some(Opened { content: Some(known), .. }) => *known == digest,
            None => false,
        };
        watched.unsure |= !is_same;
    }

    /// A folder was listed.
    pub(super) fn listed(&self, path: &RelPath, found: &Result<(Vec<Entry>, u64), FileError>) {
        let digest = listing(found);
        let mut watched = self.watched();
        let before = watched.folders.insert(path.to_string(), digest);
        watched.unsure |= before.is_some_and(|before| before != digest);
        watched.bound();
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn bound(&mut self) {
        self.unsure |= self.files.len() + self.folders.len() > MOST;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use crate::files::{IgnoreFiles, Walk, walk};

    use super::*;

    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("sub/deep")).unwrap();
        fs::write(place.path().join("a.txt"), "one\n").unwrap();
        fs::write(place.path().join("sub/b.txt"), "two\n").unwrap();
        symlink("sub/b.txt", place.path().join("link")).unwrap();
        place
    }

    fn path(text: &str) -> RelPath {
        RelPath::parse(text).unwrap()
    }

    fn read(root: &Root, name: &str) {
        let _ = root.file(&path(name), Links::Inside).and_then(|mut file| file.read(100));
    }

    fn walk_all(root: &Root, start: &str) {
        let options =
            Walk { start: path(start), recursive: true, ignore_files: IgnoreFiles::Honour, max_entries: 100 };
        walk(root, &options, &mut |_, _| true).unwrap();
    }

    /// Does what `look` saw hold, before and after `change`?
    fn holds(look: impl Fn(&Root), change: impl Fn(&Path)) -> (bool, bool) {
        let place = place();
        let root = Root::open(place.path()).unwrap();
        let (watched, watcher) = root.watched().unwrap();
        look(&watched);
        let key = MacKey::new([7; 32]);
        let sight = watcher.sight(&key).unwrap();
        let sight: Sight = serde_json::from_str(&serde_json::to_string(&sight).unwrap()).unwrap();
        let before = sight.still_holds(&root, &key, &|| false);
        change(place.path());
        (before, sight.still_holds(&root, &key, &|| false))
    }

    #[test]
    fn a_sight_holds_until_what_was_seen_is_another() {
        let write =
            |name: &'static str, text: &'static str| move |at: &Path| fs::write(at.join(name), text).unwrap();
        let a = |root: &Root| read(root, "a.txt");
        assert_eq!(holds(a, write("a.txt", "ONE\n")), (true, false), "another content of the same length");
        assert_eq!(holds(a, |at| fs::remove_file(at.join("a.txt")).unwrap()), (true, false));
        assert_eq!(holds(a, write("sub/b.txt", "TWO\n")), (true, true), "nobody looked there");
        assert_eq!(holds(a, write("new.txt", "")), (true, true));

        let none = |root: &Root| read(root, "none.txt");
        assert_eq!(holds(none, write("none.txt", "")), (true, false), "it is there now");
        assert_eq!(holds(none, write("a.txt", "")), (true, true));

        let link = |root: &Root| read(root, "link");
        assert_eq!(holds(link, write("sub/b.txt", "TWO\n")), (true, false), "where the link leads");
        let same_text = |at: &Path| {
            fs::write(at.join("c.txt"), "two\n").unwrap();
            fs::remove_file(at.join("link")).unwrap();
            symlink("c.txt", at.join("link")).unwrap();
        };
        assert_eq!(holds(link, same_text), (true, false), "another file with the same content");

        let sub = |root: &Root| walk_all(root, "sub");
        assert_eq!(holds(sub, write("sub/deep/new.txt", "")), (true, false), "a new name");
        assert_eq!(holds(sub, write("sub/b.txt", "another")), (true, true), "only names were seen");
        assert_eq!(
            holds(sub, write(".gitignore", "deep\n")),
            (true, false),
            "above the folder that was named"
        );
        assert_eq!(holds(sub, write("new.txt", "")), (true, true));
    }

    #[test]
    fn no_digest_of_a_content_can_be_guessed_at_and_another_key_holds_nothing() {
        let place = place();
        let root = Root::open(place.path()).unwrap();
        let (watched, watcher) = root.watched().unwrap();
        read(&watched, "a.txt");
        let (key, other) = (MacKey::new([7; 32]), MacKey::new([8; 32]));
        let sight = watcher.sight(&key).unwrap();
        let text = serde_json::to_string(&sight).unwrap();
        assert!(text.contains("a.txt") && !text.contains(&Digest::of("one\n").hex()), "{text}");
        assert!(sight.still_holds(&root, &key, &|| false) && !sight.still_holds(&root, &other, &|| false));
        assert!(!sight.still_holds(&root, &key, &|| true), "nothing is known of what there was no time for");
    }

    #[test]
    fn what_cannot_be_told_is_no_sight() {
        let told = |look: &dyn Fn(&Root, &Path)| {
            let place = place();
            fs::hard_link(place.path().join("a.txt"), place.path().join("twin")).unwrap();
            let (watched, watcher) = Root::open(place.path()).unwrap().watched().unwrap();
            look(&watched, place.path());
            watcher.sight(&MacKey::new([7; 32])).is_some()
        };
        assert!(told(&|root, _| read(root, "sub/b.txt")));
        assert!(!told(&|root, _| read(root, "twin")), "a file with several names");
        assert!(!told(&|root, _| drop(root.facts(&path("sub/b.txt")))));
        assert!(!told(&|root, _| drop(root.folder(&path("sub"), Links::Inside))));
        assert!(!told(&|root, _| drop(root.try_clone())));
        assert!(
            !told(&|root, at| {
                read(root, "sub/b.txt");
                fs::write(at.join("sub/b.txt"), "TWO\n").unwrap();
                read(root, "sub/b.txt");
            }),
            "it changed between two looks"
        );
        assert!(
            !told(&|root, at| {
                let mut file = root.file(&path("sub/b.txt"), Links::Inside).unwrap();
                fs::write(at.join("sub/b.txt"), "longer than before").unwrap();
                let _ = file.read(6);
            }),
            "it grew while it was read"
        );
    }
}
