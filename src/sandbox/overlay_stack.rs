//! The workspace as a command sees it: `mask : cache seed : workspace`, mounted in its private root; and afterwards
//! what the command left in the upper layers.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Gid, Mode, OFlags, Uid, fstat, openat};

use super::layer::{Layer, Standing};
use super::mask_layer::{MaskLayer, look_like};
use super::mounts::{Outside, PLAIN, at, beneath, detached, overlay};
use super::private_root::{PrivateRoot, READ_ONLY};
use super::wire::{StackOrder, Start, Text, View};

/// The sources of a stack, opened in this mount namespace.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) workspace: OwnedFd,
    caches: Vec<CacheSource>,
    unsafe_write: Vec<(PathBuf, OwnedFd)>,
}

#[derive(Debug)]
struct CacheSource {
    folder: PathBuf,
    lower: Vec<OwnedFd>,
    /// Where changes are kept, with overlayfs' own folder beside it.
    kept: Option<(OwnedFd, OwnedFd)>,
}

/// An upper layer: where it goes over the workspace, and the layer itself.
#[derive(Debug)]
pub(super) struct Upper {
    pub(super) place: PathBuf,
    pub(super) folder: OwnedFd,
}

/// What was mounted.
#[derive(Debug, Default)]
pub(super) struct Mounted {
    /// Upper layers of the workspace and of the parts of it that are shown.
    pub(super) uppers: Vec<Upper>,
    /// Those of caches, whose content is no change.
    pub(super) caches: Vec<Upper>,
    /// Of these: the ones on a disk.
    pub(super) on_disk: Vec<OwnedFd>,
}

/// Why the workspace is not mounted.
#[derive(Debug)]
pub(super) enum Unmountable {
    /// It can't be the lower layer of an overlay.
    Lower(String),
    /// Anything else.
    Other(Layer, String),
}

impl Sources {
    /// Opens everything again that `descriptors` hold: the workspace, then what the caches start with.
    pub(super) fn open(
        outside: &Outside,
        order: &StackOrder,
        descriptors: &mut dyn Iterator<Item = OwnedFd>,
    ) -> io::Result<Self> {
        let mut next = || {
            let held = descriptors.next().ok_or_else(|| io::Error::other("the order lacks a descriptor"))?;
            outside.again(held.as_fd())
        };
        let workspace = next()?;
        let mut caches = Vec::new();
        for (folder, start) in &order.caches {
            let layers = match start {
                Start::Empty => 0,
                Start::Seed(layers) | Start::Kept(layers) => *layers,
            };
            let lower = (0..layers).map(|_| next()).collect::<io::Result<_>>()?;
            let kept = matches!(start, Start::Kept(_)).then(|| Ok::<_, io::Error>((next()?, next()?)));
            caches.push(CacheSource { folder: folder.path(), lower, kept: kept.transpose()? });
        }
        let mut unsafe_write = Vec::new();
        for folder in order.unsafe_write.iter().map(Text::path) {
            let found = beneath(workspace.as_fd(), &folder).map_err(at(folder.display()))?;
            unsafe_write.push((folder, found));
        }
        Ok(Self { workspace, caches, unsafe_write })
    }

    /// Who owns the workspace, as this user namespace has it.
    pub(super) fn owner(&self) -> io::Result<(Uid, Gid)> {
        let facts = fstat(&self.workspace)?;
        Ok((Uid::from_raw(facts.st_uid), Gid::from_raw(facts.st_gid)))
    }
}

/// Mounts the workspace of `order` in `root`.
pub(super) fn mount(
    root: &PrivateRoot,
    order: &StackOrder,
    sources: &Sources,
    owner: (Uid, Gid),
    standing: &mut Standing,
) -> Result<Mounted, Unmountable> {
    let other = |layer| move |error: io::Error| Unmountable::Other(layer, error.to_string());
    let mut mounted = Mounted::default();
    if order.view == View::Overlay {
        let masked = mask(root, order, sources, owner);
        standing.record(Layer::Masks, masked.as_ref().map(drop));
        // without a mask it is only looked whether an overlay could be had
        let (mask, failed) = match masked {
            Ok(mask) => (mask, None),
            Err(error) => {
                let folder = root.hidden_folder("unmasked").map_err(other(Layer::PrivateRoot))?;
                let none = MaskLayer::begin(folder, sources.workspace.as_fd(), owner);
                (none, Some(Unmountable::Other(Layer::Masks, error.to_string())))
            }
        };
        mounted.uppers.push(mount_overlay(root, order, sources, &mask)?);
        standing.stands(Layer::OverlayWorkspace);
        if let Some(failed) = failed {
            return Err(failed);
        }
        mount_parts(root, order, sources, &mut mounted)?;
    } else {
        let mount = detached(sources.workspace.as_fd(), PLAIN).map_err(other(Layer::PrivateRoot))?;
        root.mount(mount.as_fd(), &order.path.path()).map_err(other(Layer::PrivateRoot))?;
        if order.view == View::Direct {
            hold(root, order, sources).map_err(other(Layer::PrivateRoot))?;
        }
        let why =
            if order.view == View::Copy { "it is a copy" } else { "the rule shows the workspace itself" };
        standing.fails(Layer::OverlayWorkspace, why);
        match order.view {
            // what may not be read was not copied
            View::Copy => standing.stands(Layer::Masks),
            _ => standing.fails(Layer::Masks, why),
        }
    }
    let workspace = order.path.path();
    mount_caches(root, order, sources, owner, &mut mounted).map_err(other(Layer::OverlayWorkspace))?;
    for (folder, source) in &sources.unsafe_write {
        let mount = detached(source.as_fd(), PLAIN).map_err(other(Layer::PrivateRoot))?;
        root.mount(mount.as_fd(), &workspace.join(folder)).map_err(other(Layer::PrivateRoot))?;
    }
    Ok(mounted)
}

/// Holds entries of the workspace read-only where they are, and their names with them: what something is mounted on is
/// neither renamed nor deleted.
fn hold(root: &PrivateRoot, order: &StackOrder, sources: &Sources) -> io::Result<()> {
    for path in order.mask.iter().map(Text::path) {
        let source = beneath(sources.workspace.as_fd(), &path).map_err(at(path.display()))?;
        let mount = detached(source.as_fd(), READ_ONLY).map_err(at(path.display()))?;
        root.cover(mount.as_fd(), &order.path.path().join(&path))?;
    }
    Ok(())
}

fn mask<'a>(
    root: &PrivateRoot,
    order: &StackOrder,
    sources: &'a Sources,
    owner: (Uid, Gid),
) -> io::Result<MaskLayer<'a>> {
    let mut mask = MaskLayer::begin(root.hidden_folder("mask")?, sources.workspace.as_fd(), owner);
    for (folder, shown) in &order.opaque {
        let folder = folder.path();
        if !folder.as_os_str().is_empty() {
            mask.empty(&folder)?;
        }
        for path in shown.iter().map(Text::path) {
            if is_folder(sources, &path) {
                mask.place(&path)?;
            } else {
                mask.show_file(&path)?;
            }
        }
    }
    for cache in &sources.caches {
        mask.place(&cache.folder)?;
    }
    let mut parts = parts(order, sources);
    parts.extend(sources.caches.iter().map(|cache| cache.folder.clone()));
    for path in order.mask.iter().map(Text::path) {
        // what is hidden in a part or a cache is hidden there
        if !parts.iter().any(|part| path.starts_with(part)) {
            mask.hide(&path)?;
        }
    }
    Ok(mask)
}

fn is_folder(sources: &Sources, path: &Path) -> bool {
    let found = beneath(sources.workspace.as_fd(), path).and_then(|found| fstat(&found));
    found.is_ok_and(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::Directory)
}

/// The folders that are shown of emptied ones: each is an overlay of its own.
fn parts(order: &StackOrder, sources: &Sources) -> Vec<PathBuf> {
    let shown = order.opaque.iter().flat_map(|(_, shown)| shown.iter().map(Text::path));
    shown.filter(|path| is_folder(sources, path)).collect()
}

fn mount_overlay(
    root: &PrivateRoot,
    order: &StackOrder,
    sources: &Sources,
    mask: &MaskLayer<'_>,
) -> Result<Upper, Unmountable> {
    let mut lower = Vec::new();
    if !mask.is_empty() {
        lower.push(mask.folder());
    }
    if order.opaque.iter().all(|(folder, _)| !folder.path().as_os_str().is_empty()) {
        lower.push(sources.workspace.as_fd());
    } else if lower.is_empty() {
        lower.push(mask.folder());
    }
    let made = layer(root, "upper", &lower, sources.workspace.as_fd());
    let (mount, upper) = made.map_err(|error| Unmountable::Lower(error.to_string()))?;
    let shown = root.mount(mount.as_fd(), &order.path.path());
    shown.map_err(|error| Unmountable::Other(Layer::OverlayWorkspace, error.to_string()))?;
    Ok(Upper { place: PathBuf::new(), folder: upper })
}

fn mount_parts(
    root: &PrivateRoot,
    order: &StackOrder,
    sources: &Sources,
    mounted: &mut Mounted,
) -> Result<(), Unmountable> {
    for (index, part) in parts(order, sources).into_iter().enumerate() {
        let done = || -> io::Result<Upper> {
            let below = beneath(sources.workspace.as_fd(), &part)?;
            let name = format!("part{index}");
            let facts = fstat(&below)?;
            let owner = (Uid::from_raw(facts.st_uid), Gid::from_raw(facts.st_gid));
            let mut mask =
                MaskLayer::begin(root.hidden_folder(&format!("{name}.mask"))?, below.as_fd(), owner);
            for path in order.mask.iter().map(Text::path) {
                if let Ok(inner) = path.strip_prefix(&part) {
                    mask.hide(inner)?;
                }
            }
            let mut lower = vec![below.as_fd()];
            if !mask.is_empty() {
                lower.insert(0, mask.folder());
            }
            let (mount, upper) = layer(root, &name, &lower, below.as_fd())?;
            root.mount(mount.as_fd(), &order.path.path().join(&part))?;
            Ok(Upper { place: part.clone(), folder: upper })
        };
        let upper = done().map_err(|error| {
            Unmountable::Other(Layer::OverlayWorkspace, format!("{}: {error}", part.display()))
        })?;
        mounted.uppers.push(upper);
    }
    Ok(())
}

fn mount_caches(
    root: &PrivateRoot,
    order: &StackOrder,
    sources: &Sources,
    owner: (Uid, Gid),
    mounted: &mut Mounted,
) -> io::Result<()> {
    for (index, cache) in sources.caches.iter().enumerate() {
        let name = format!("cache{index}");
        let place = order.path.path().join(&cache.folder);
        let mut lower: Vec<BorrowedFd<'_>> = cache.lower.iter().map(OwnedFd::as_fd).collect();
        let hidden = order.mask.iter().map(Text::path);
        let mut hidden = hidden.filter_map(|path| Some(path.strip_prefix(&cache.folder).ok()?.to_owned()));
        let mask = match lower.last() {
            Some(seed) => {
                let mut mask = MaskLayer::begin(root.hidden_folder(&format!("{name}.mask"))?, *seed, owner);
                hidden.try_for_each(|path| mask.hide(&path))?;
                Some(mask).filter(|mask| !mask.is_empty())
            }
            None => None,
        };
        if let Some(mask) = &mask {
            lower.insert(0, mask.folder());
        }
        let (mount, upper) = match &cache.kept {
            None if lower.is_empty() => {
                let folder = root.hidden_folder(&name)?;
                (detached(folder.as_fd(), PLAIN)?, folder)
            }
            None => layer(root, &name, &lower, cache.lower[0].as_fd()).map_err(at(cache.folder.display()))?,
            Some((upper, _)) if lower.is_empty() => (detached(upper.as_fd(), PLAIN)?, upper.try_clone()?),
            Some((upper, work)) => (
                overlay(&lower, upper.as_fd(), work.as_fd()).map_err(at(cache.folder.display()))?,
                upper.try_clone()?,
            ),
        };
        root.mount(mount.as_fd(), &place)?;
        if cache.kept.is_some() {
            mounted.on_disk.push(upper.try_clone()?);
        }
        mounted.caches.push(Upper { place: cache.folder.clone(), folder: upper });
    }
    Ok(())
}

/// An overlay with an upper layer in the store, whose root looks like `like`.
fn layer(
    root: &PrivateRoot,
    name: &str,
    lower: &[BorrowedFd<'_>],
    like: BorrowedFd<'_>,
) -> io::Result<(OwnedFd, OwnedFd)> {
    let upper = root.hidden_folder(name)?;
    let work = root.hidden_folder(&format!("{name}.work"))?;
    look_like(root.store(), Path::new(name), &fstat(like)?)?;
    Ok((overlay(lower, upper.as_fd(), work.as_fd())?, upper))
}

/// A folder of the workspace as the command sees it, by no link.
pub(super) fn folder_inside(workspace: &Path, cwd: &Path) -> io::Result<OwnedFd> {
    let root = openat(CWD, workspace, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    if cwd.as_os_str().is_empty() {
        return Ok(root);
    }
    let found = beneath(root.as_fd(), cwd)?;
    match FileType::from_raw_mode(fstat(&found)?.st_mode) {
        FileType::Directory => Ok(found),
        _ => Err(io::Error::from(rustix::io::Errno::NOTDIR)),
    }
}
