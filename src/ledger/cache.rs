//! Results of calls, kept for later runs: `<state>/cache/<workspace id>/`, a file each, sealed for its name and its
//! workspace. Bounded; the oldest go first. What cannot be kept is lost and nothing else. Knows no tool.
#![expect(
    clippy::disallowed_methods,
    reason = "the cache lies outside of every workspace, in the user's own folder"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{Digest, MacKey};
use crate::files::Sight;
use crate::files::private::{check_secret, make_folder, names_in, read, remove, replace_unsynced};

use super::LedgerError;
use super::installation_key;
use super::records::{seal, unseal};

/// The most files of a workspace's cache.
const MOST_FILES: usize = 2_000;
/// The most bytes of them.
const MOST_BYTES: u64 = 256 << 20;
/// A larger result is not kept.
const LARGEST: usize = 16 << 20;

/// A result with all that must be as it was for it to be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CachedResult {
    /// The run that it was made in.
    pub run: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What the call saw of the workspace.
    pub sight: Sight,
    /// The result.
    pub result: Value,
}

/// What stands under a key.
#[derive(Debug)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// A result.
    Result(Box<CachedResult>),
    /// What is not to be believed, and why.
    NotBelieved(String),
}

/// The results that are kept of one workspace.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    workspace: String,
    key: MacKey,
}

impl Cache {
    /// The cache of the workspace with the id `workspace`. Nothing is made yet.
    pub fn of(state: &Path, workspace: &str) -> Result<Self, LedgerError> {
        let (folder, workspace) = (state.join("cache").join(workspace), workspace.to_owned());
        Ok(Self { folder, workspace, key: installation_key(state)? })
    }

    /// The key that what is kept was made with.
    pub fn key(&self) -> &MacKey {
        &self.key
    }

    /// What is kept under `key`.
    pub fn get(&self, key: &Digest) -> Kept {
        let path = self.path(key);
        let text = match read(&path) {
            Ok(None) => return Kept::Nothing,
            Ok(Some(text)) => text,
            Err(error) => return Kept::NotBelieved(error.to_string()),
        };
        if let Err(error) = check_secret(&path) {
            return Kept::NotBelieved(error.to_string());
        }
        match unseal(&self.key, &self.place(key), &text) {
            Some(kept) => Kept::Result(Box::new(kept)),
            None => Kept::NotBelieved(LedgerError::Altered(path).to_string()),
        }
    }

    /// Keeps a result under `key`, in the place of one that is there. A result that is too large is not kept.
    pub fn put(&self, key: &Digest, kept: &CachedResult) -> Result<(), LedgerError> {
        let text = seal(&self.key, &self.place(key), kept);
        if text.len() > LARGEST {
            return Ok(());
        }
        make_folder(&self.folder)?;
        replace_unsynced(&self.path(key), &text)?;
        self.evict(MOST_FILES, MOST_BYTES);
        Ok(())
    }

    /// The bytes that are kept, by the run that they were made in.
    pub fn bytes_by_run(&self) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        for (path, kept) in self.entries() {
            let bytes = fs::metadata(path).map_or(0, |facts| facts.len());
            *found.entry(kept.run).or_default() += bytes;
        }
        found
    }

    /// Takes away what was made in runs that are not kept.
    pub fn keep(&self, is_kept: &dyn Fn(&str) -> bool) {
        for (path, kept) in self.entries() {
            if !is_kept(&kept.run) {
                // one that another run has taken away is gone as well
                let _ = remove(&path);
            }
        }
    }

    /// What is kept and believed. The rest is replaced, or goes when it is the oldest.
    fn entries(&self) -> impl Iterator<Item = (PathBuf, CachedResult)> + '_ {
        let names = names_in(&self.folder).unwrap_or_default();
        names.into_iter().filter_map(|name| {
            let path = self.folder.join(&name);
            let place = format!("cache/{}/{name}", self.workspace);
            let kept = unseal(&self.key, &place, &read(&path).ok()??)?;
            Some((path, kept))
        })
    }

    /// Takes the oldest away until what is left is within the bounds.
    fn evict(&self, most_files: usize, most_bytes: u64) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let facts = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let facts = entry.metadata().ok()?;
            let written = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            Some((written, entry.path(), facts.len()))
        });
        let mut found: Vec<(SystemTime, PathBuf, u64)> = facts.collect();
        found.sort();
        let mut bytes: u64 = found.iter().map(|(.., size)| size).sum();
        let mut files = found.len();
        for (_, path, size) in found {
            if files <= most_files && bytes <= most_bytes {
                break;
            }
            // one that another run has taken away is gone as well
            let _ = remove(&path);
            files -= 1;
            bytes = bytes.saturating_sub(size);
        }
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(key.hex())
    }

    /// What an entry is sealed for: it can stand in no other place.
    fn place(&self, key: &Digest) -> String {
        format!("cache/{}/{}", self.workspace, key.hex())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn kept(text: &str) -> CachedResult {
        CachedResult { run: "r".into(), at: 7, sight: Sight::default(), result: text.into() }
    }

    fn found(cache: &Cache, key: &Digest) -> Option<String> {
        match cache.get(key) {
            Kept::Result(kept) => Some(kept.result.as_str().unwrap().to_owned()),
            Kept::Nothing => None,
            Kept::NotBelieved(why) => Some(format!("not believed: {why}")),
        }
    }

    #[test]
    fn a_result_stands_in_its_own_place_alone() {
        let state = tempfile::tempdir().unwrap();
        let cache = Cache::of(state.path(), "w").unwrap();
        let (one, two) = (Digest::of("one"), Digest::of("two"));
        assert_eq!(found(&cache, &one), None);
        cache.put(&one, &kept("first")).unwrap();
        cache.put(&one, &kept("second")).unwrap();
        assert_eq!(found(&cache, &one).as_deref(), Some("second"));

        let not_believed = |cache: &Cache, key: &Digest| {
            assert!(found(cache, key).unwrap().starts_with("not believed: "), "{:?}", found(cache, key));
        };
        fs::copy(cache.path(&one), cache.path(&two)).unwrap();
        not_believed(&cache, &two);
        let elsewhere = Cache::of(state.path(), "other").unwrap();
        make_folder(&elsewhere.folder).unwrap();
        fs::copy(cache.path(&one), elsewhere.path(&one)).unwrap();
        not_believed(&elsewhere, &one);
        let text = fs::read_to_string(cache.path(&one)).unwrap();
        fs::write(cache.path(&one), text.replace("second", "SECOND")).unwrap();
        not_believed(&cache, &one);
        fs::write(cache.path(&one), &text).unwrap();
        assert_eq!(found(&cache, &one).as_deref(), Some("second"));
        fs::set_permissions(cache.path(&one), fs::Permissions::from_mode(0o644)).unwrap();
        not_believed(&cache, &one);
        fs::write(cache.path(&two), [0xff, 0xfe]).unwrap();
        not_believed(&cache, &two);
        fs::remove_file(cache.path(&two)).unwrap();
        std::os::unix::fs::symlink(cache.path(&one), cache.path(&two)).unwrap();
        not_believed(&cache, &two);
    }

    #[test]
    fn another_installations_result_is_not_believed() {
        let (mine, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mine, theirs) = (Cache::of(mine.path(), "w").unwrap(), Cache::of(theirs.path(), "w").unwrap());
        let key = Digest::of("one");
        theirs.put(&key, &kept("theirs")).unwrap();
        make_folder(&mine.folder).unwrap();
        fs::copy(theirs.path(&key), mine.path(&key)).unwrap();
        assert!(matches!(mine.get(&key), Kept::NotBelieved(_)));
        mine.put(&key, &kept("mine")).unwrap();
        assert_eq!(found(&mine, &key).as_deref(), Some("mine"), "what was not believed is replaced");
    }

    #[test]
    fn the_oldest_go_first() {
        let state = tempfile::tempdir().unwrap();
        let cache = Cache::of(state.path(), "w").unwrap();
        let keys: Vec<Digest> = (0..4u8).map(|at| Digest::of([at])).collect();
        for (at, key) in keys.iter().enumerate() {
            cache.put(key, &kept("x")).unwrap();
            let file = fs::File::options().append(true).open(cache.path(key)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9 - at as u64))
                .unwrap();
        }
        let there = || keys.iter().map(|key| found(&cache, key).is_some()).collect::<Vec<_>>();
        cache.evict(3, u64::MAX);
        assert_eq!(there(), [true, true, true, false]);
        let size = fs::metadata(cache.path(&keys[0])).unwrap().len();
        cache.evict(9, 2 * size);
        assert_eq!(there(), [true, true, false, false]);
        cache.evict(9, 0);
        assert_eq!(there(), [false; 4]);
    }

    #[test]
    fn what_was_made_in_a_run_goes_with_it() {
        let state = tempfile::tempdir().unwrap();
        let cache = Cache::of(state.path(), "w").unwrap();
        let of = |run: &str| CachedResult { run: run.into(), ..kept("x") };
        let keys: Vec<Digest> = (0..3u8).map(|at| Digest::of([at])).collect();
        for (key, run) in keys.iter().zip(["a", "b", "a"]) {
            cache.put(key, &of(run)).unwrap();
        }
        fs::write(cache.folder.join("odd"), "no entry").unwrap();
        let bytes = cache.bytes_by_run();
        let one = fs::metadata(cache.path(&keys[1])).unwrap().len();
        assert_eq!(bytes, BTreeMap::from([("a".to_owned(), 2 * one), ("b".to_owned(), one)]));
        cache.keep(&|run| run == "b");
        let there: Vec<bool> = keys.iter().map(|key| found(&cache, key).is_some()).collect();
        assert_eq!(there, [false, true, false]);
    }

    #[test]
    fn what_is_too_large_and_what_cannot_be_written_is_not_kept() {
        let state = tempfile::tempdir().unwrap();
        let cache = Cache::of(state.path(), "w").unwrap();
        let key = Digest::of("one");
        cache.put(&key, &kept(&"x".repeat(LARGEST))).unwrap();
        assert_eq!(found(&cache, &key), None);
        fs::write(state.path().join("cache"), "no folder").unwrap();
        assert!(cache.put(&key, &kept("x")).is_err());
    }
}
