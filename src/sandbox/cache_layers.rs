//! Layers of a build cache that outlive a command: a stack of upper layers in a folder of ours, added to by one command
//! at a time, never changed while one looks through them. Knows what overlayfs means by its marks; whether a layer may
//! be kept is decided elsewhere.

#![expect(clippy::disallowed_methods, reason = "the layers lie in a folder of ours, by paths of ours")]

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{
    CWD, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fgetxattr, flock, fstatfs, openat,
    utimensat,
};

/// How the system calls an overlay.
const OVERLAY: rustix::fs::FsWord = 0x794c_7630;
/// The most layers on each other.
const MAX_LAYERS: usize = 16;
/// The most bytes of one cache; when it has more, it begins anew.
const MAX_BYTES: u64 = 8 << 30;
/// Says that a merge was begun: if it is found, it was not ended, and the layers are worth nothing.
const MERGING: &str = "merging";

/// The layers of one cache.
#[derive(Debug)]
pub struct CacheLayers {
    folder: PathBuf,
    /// Held shared by who looks through the layers, and alone by who changes them.
    in_use: File,
}

/// The room for a new layer, on top of those that were there when it was begun. Gone with this value unless kept.
#[derive(Debug)]
pub struct NewLayer {
    layers: CacheLayers,
    top: Option<PathBuf>,
    folder: PathBuf,
}

impl CacheLayers {
    /// The layers in `folder`, which is made if it is not there, for this user alone.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let facts = fs::symlink_metadata(folder)?;
        if !facts.is_dir() || facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o022 != 0
        {
            let message = format!("`{}` is not a folder that you alone can write", folder.display());
            return Err(io::Error::other(message));
        }
        let open = || File::options().create(true).truncate(false).write(true).open(folder.join("in_use"));
        let layers = Self { folder: folder.to_owned(), in_use: open()? };
        flock(&layers.in_use, FlockOperation::LockShared)?;
        if layers.folder.join(MERGING).exists() {
            if layers.alone() {
                layers.clear()?;
            }
            // asking for it alone has given it up
            flock(&layers.in_use, FlockOperation::LockShared)?;
        }
        Ok(layers)
    }

    /// Can what lies there be a layer that is written? Not where the folder itself lies in an overlay, as in a container.
    pub fn can_be_written(&self) -> bool {
        fstatfs(&self.in_use).is_ok_and(|facts| facts.f_type != OVERLAY)
    }

    /// Room for a layer on top.
    pub fn begin(self) -> io::Result<NewLayer> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let folder = self.folder.join(format!("new-{:016x}", u64::from_be_bytes(random)));
        let top = self.kept()?.into_iter().next();
        let new = NewLayer { layers: self, top, folder };
        for name in ["", "upper", "work"] {
            fs::DirBuilder::new().mode(0o755).create(new.folder.join(name))?;
        }
        Ok(new)
    }

    /// The layers that are there, the uppermost first. Ones that a merge left half done are none.
    fn kept(&self) -> io::Result<Vec<PathBuf>> {
        if self.folder.join(MERGING).exists() {
            return Ok(Vec::new());
        }
        let names =
            fs::read_dir(&self.folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut numbers: Vec<u64> = names.filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers.into_iter().map(|number| self.folder.join(number.to_string())).collect())
    }

    /// Takes the layers for this user alone, where nobody else looks through them.
    fn alone(&self) -> bool {
        flock(&self.in_use, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                remove_folder(&entry.path());
            }
        }
        fs::remove_file(self.folder.join(MERGING))
    }
}

impl NewLayer {
    /// The layers below it, the uppermost first.
    pub fn below(&self) -> io::Result<Vec<OwnedFd>> {
        self.layers.kept()?.iter().map(|layer| hold(layer)).collect()
    }

    /// Where the command's changes go, and what overlayfs needs beside it.
    pub fn upper_and_work(&self) -> io::Result<(OwnedFd, OwnedFd)> {
        Ok((hold(&self.folder.join("upper"))?, hold(&self.folder.join("work"))?))
    }

    /// Keeps what the command left, unless somebody else has kept something meanwhile, or there is too much of it. Says
    /// whether it was kept. Every process of the command must be gone.
    pub fn keep(self) -> io::Result<bool> {
        let turn =
            File::options().create(true).truncate(false).write(true).open(self.layers.folder.join("turn"))?;
        flock(&turn, FlockOperation::LockExclusive)?;
        let kept = self.layers.kept()?;
        if kept.first() != self.top.as_ref() {
            return Ok(false);
        }
        let upper = self.folder.join("upper");
        if is_empty(&upper)? {
            return Ok(true);
        }
        let bytes = kept.iter().chain([&upper]).map(|layer| size_of(layer)).sum::<u64>();
        if bytes > MAX_BYTES {
            if self.layers.alone() {
                for layer in &kept {
                    remove_folder(layer);
                }
            }
            return Ok(false);
        }
        match kept.first() {
            Some(top) if self.layers.alone() => {
                let merging = self.layers.folder.join(MERGING);
                File::create(&merging)?;
                merge(&upper, top)?;
                fs::remove_file(merging)?;
                Ok(true)
            }
            _ if kept.len() >= MAX_LAYERS => Ok(false),
            top => {
                let number = top.and_then(|top| top.file_name()?.to_str()?.parse().ok()).unwrap_or(0_u64) + 1;
                fs::rename(&upper, self.layers.folder.join(number.to_string()))?;
                Ok(true)
            }
        }
    }
}

impl Drop for NewLayer {
    fn drop(&mut self) {
        remove_folder(&self.folder);
    }
}

/// Holds a folder of ours.
fn hold(folder: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(CWD, folder, flags, Mode::empty())?)
}

/// The bytes that a folder takes on its disk. No link is followed.
fn size_of(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(facts) = entry.metadata() else { continue };
        bytes +=
            if facts.is_dir() { size_of(&entry.path()) } else { facts.blocks() * 512 / facts.nlink().max(1) };
    }
    bytes
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

/// Moves what is in `upper` onto `lower`, so that `lower` alone looks as both did on each other. No link is followed,
/// and nothing else changes either of them.
fn merge(upper: &Path, lower: &Path) -> io::Result<()> {
    for entry in fs::read_dir(upper)? {
        let from = entry?.path();
        let Some(name) = from.file_name() else { continue };
        let to = lower.join(name);
        let above = fs::symlink_metadata(&from)?;
        let below = fs::symlink_metadata(&to).ok();
        let both = above.is_dir() && below.as_ref().is_some_and(fs::Metadata::is_dir);
        if both && !is_opaque(&from)? {
            merge(&from, &to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(above.mode() & 0o7777))?;
            set_times(&to, &above)?;
            continue;
        }
        match below {
            Some(below) if below.is_dir() => remove_folder(&to),
            Some(_) => fs::remove_file(&to)?,
            None => {}
        }
        fs::rename(&from, &to)?;
    }
    Ok(())
}

fn is_opaque(folder: &Path) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(CWD, folder, flags, Mode::empty())?;
    let mut value = [0; 4];
    Ok(fgetxattr(&folder, "user.overlay.opaque", &mut value[..]).is_ok_and(|length| &value[..length] == b"y"))
}

fn set_times(path: &Path, like: &fs::Metadata) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: like.mtime(), tv_nsec: like.mtime_nsec() },
    };
    Ok(utimensat(CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Removes a folder of ours with all in it; what a command made unreadable is made readable first.
pub fn remove_folder(path: &Path) {
    if fs::remove_dir_all(path).is_err() {
        open_up(path);
        // what is left is taken away by who comes next
        let _ = fs::remove_dir_all(path);
    }
}

/// Gives the owner every right on the folders below `path`. No link is followed.
fn open_up(path: &Path) {
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{FileType, XattrFlags, mknodat, setxattr};

    use super::*;

    fn write(folder: &OwnedFd, path: &str, text: &str) {
        let path = at(folder).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn at(folder: &OwnedFd) -> PathBuf {
        fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).unwrap()
    }

    fn whiteout(folder: &OwnedFd, path: &str) {
        mknodat(CWD, at(folder).join(path), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    }

    fn opaque(folder: &OwnedFd, path: &str) {
        setxattr(at(folder).join(path), "user.overlay.opaque", b"y", XattrFlags::empty()).unwrap();
    }

    fn begin(place: &Path) -> NewLayer {
        CacheLayers::open(place).unwrap().begin().unwrap()
    }

    /// The names in a layer, with the text of files; `-` is a whiteout.
    fn listed(layer: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut ahead = vec![layer.to_owned()];
        while let Some(folder) = ahead.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let name = path.strip_prefix(layer).unwrap().display().to_string();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    found.push(format!("{name}/{}", if is_opaque(&path).unwrap() { "!" } else { "" }));
                    ahead.push(path);
                } else if kind.is_file() {
                    found.push(format!("{name}={}", fs::read_to_string(path).unwrap()));
                } else {
                    found.push(format!("{name}-"));
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn layers_pile_up_into_one_that_looks_like_both() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("cache");
        let first = begin(&folder);
        let (upper, _work) = first.upper_and_work().unwrap();
        for (path, text) in
            [("a", "1"), ("b", "1"), ("d/x", "1"), ("d/y", "1"), ("e/old", "1"), ("f/in", "1")]
        {
            write(&upper, path, text);
        }
        whiteout(&upper, "seeded");
        assert!(first.keep().unwrap());
        let second = begin(&folder);
        assert_eq!(second.below().unwrap().len(), 1);
        let (upper, _work) = second.upper_and_work().unwrap();
        write(&upper, "a", "2");
        write(&upper, "d/x", "2");
        write(&upper, "new/z", "2");
        write(&upper, "e/fresh", "2");
        opaque(&upper, "e");
        whiteout(&upper, "b");
        whiteout(&upper, "d/y");
        whiteout(&upper, "f");
        write(&upper, "seeded", "2");
        assert!(second.keep().unwrap());
        assert_eq!(
            listed(&folder.join("1")),
            ["a=2", "b-", "d/", "d/x=2", "d/y-", "e/!", "e/fresh=2", "f-", "new/", "new/z=2", "seeded=2"]
        );
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "one layer and two locks: {names:?}");
    }

    #[test]
    fn what_is_not_kept_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let new = begin(place.path());
        write(&new.upper_and_work().unwrap().0, "x", "1");
        let folder = new.folder.clone();
        fs::set_permissions(folder.join("upper"), fs::Permissions::from_mode(0o0)).unwrap();
        drop(new);
        assert!(!folder.exists());
        assert!(begin(place.path()).below().unwrap().is_empty());
    }

    #[test]
    fn of_two_at_the_same_time_the_second_is_not_kept() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (begin(place.path()), begin(place.path()));
        write(&one.upper_and_work().unwrap().0, "x", "one");
        write(&two.upper_and_work().unwrap().0, "x", "two");
        assert!(one.keep().unwrap());
        assert!(!two.keep().unwrap());
        assert_eq!(listed(&place.path().join("1")), ["x=one"]);
    }

    #[test]
    fn a_layer_that_is_looked_through_is_not_changed() {
        let place = tempfile::tempdir().unwrap();
        let first = begin(place.path());
        write(&first.upper_and_work().unwrap().0, "x", "1");
        assert!(first.keep().unwrap());
        let (second, reader) = (begin(place.path()), begin(place.path()));
        write(&second.upper_and_work().unwrap().0, "x", "2");
        assert!(second.keep().unwrap());
        assert_eq!(
            (listed(&place.path().join("1")), listed(&place.path().join("2"))),
            (vec!["x=1".into()], vec!["x=2".into()])
        );
        drop(reader);
        assert_eq!(begin(place.path()).below().unwrap().len(), 2);
    }

    #[test]
    fn layers_of_a_merge_that_was_not_ended_are_worth_nothing() {
        let place = tempfile::tempdir().unwrap();
        let first = begin(place.path());
        write(&first.upper_and_work().unwrap().0, "x", "1");
        assert!(first.keep().unwrap());
        File::create(place.path().join(MERGING)).unwrap();
        assert!(begin(place.path()).below().unwrap().is_empty());
        assert!(!place.path().join("1").exists());
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(CacheLayers::open(place.path()).is_err());
    }
}
