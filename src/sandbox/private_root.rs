//! The private root: a file system in memory that shows a command its workspace, the system read-only, and nothing
//! else. Made in a mount namespace of its own by the process that stays the command's first.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, chmodat, chownat, fstat, mkdirat, openat, readlinkat,
    symlinkat,
};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, UnmountFlags, unmount};
use rustix::process::{chdir, fchdir, pivot_root};

use super::mounts::{
    Outside, PLAIN, at, attach, beneath, detached, make_folders, new_mount, parent_and_name,
};
use super::stack::{PRIVATE_HOME, PRIVATE_TMP};
use super::syscalls::add_mount_attributes;

/// The system's own folders, which every command sees.
const SYSTEM: [&str; 10] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/run/current-system",
    "/gnu/store",
];

/// What programs look up there that is nobody's secret.
const SETTINGS: [&str; 17] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/perl",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/python3",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

/// What finds other machines, where there is a network.
const NETWORK: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];

/// Devices that hold nothing and lead nowhere.
pub(super) const DEVICES: [&str; 6] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// What every command sees of the system, but for devices and processes.
pub(super) fn seen_by_all(network: bool) -> impl Iterator<Item = &'static str> {
    let more: &[&'static str] = if network { &NETWORK } else { &[] };
    SYSTEM.iter().chain(&SETTINGS).chain(more).copied()
}

/// Links that programs expect.
const LINKS: [(&str, &str); 5] = [
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("var/tmp", "/tmp"),
];

/// Where the root is made before it is the root, the first that is there: this mount namespace is ours.
const BUILDING_SITES: [&str; 3] = ["/tmp", "/usr", "/proc"];

/// The most links that lead to a file.
const MOST_LINKS: usize = 40;

/// A mount that nothing is written through.
pub(super) const READ_ONLY: MountAttrFlags = PLAIN.union(MountAttrFlags::MOUNT_ATTR_RDONLY);
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How much may be written in it, and who writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) bytes: u64,
    pub(super) inodes: u64,
    pub(super) owner: (Uid, Gid),
}

/// What is to be seen of the machine, each held as it was found.
#[derive(Debug, Default)]
pub(super) struct Sight {
    found: Vec<(PathBuf, Seen)>,
}

#[derive(Debug)]
enum Seen {
    Folder(OwnedFd),
    File(OwnedFd),
    Device(OwnedFd),
    Link(PathBuf),
}

impl Sight {
    /// The system as every command sees it.
    pub(super) fn of_system(outside: &Outside, network: bool) -> io::Result<Self> {
        let mut sight = Self::default();
        for path in seen_by_all(network) {
            sight.add(outside, Path::new(path))?;
        }
        for path in DEVICES {
            let device = outside.open(Path::new(path)).map_err(at(path))?;
            if FileType::from_raw_mode(fstat(&device)?.st_mode) != FileType::CharacterDevice {
                return Err(io::Error::other(format!("{path}: it is no device")));
            }
            let mount = detached(device.as_fd(), MountAttrFlags::MOUNT_ATTR_NOSUID).map_err(at(path))?;
            sight.found.push((PathBuf::from(path), Seen::Device(mount)));
        }
        Ok(sight)
    }

    /// A file or folder, read-only where it lies. Links that lead there are seen as they are; the last one is not
    /// followed, and what is missing is left out.
    pub(super) fn add(&mut self, outside: &Outside, path: &Path) -> io::Result<()> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            if self.covers(&path) {
                return Ok(());
            }
            match outside.open(&path) {
                Ok(found) => return self.add_found(&found, path),
                Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                    match self.first_link(outside, &path)? {
                        Some(next) => path = next,
                        None => return Ok(()),
                    }
                }
                Err(error) => return left_out(error).map_err(at(path.display())),
            }
        }
        Ok(())
    }

    /// Is it in a folder that is seen already?
    fn covers(&self, path: &Path) -> bool {
        self.found.iter().any(|(seen, what)| matches!(what, Seen::Folder(_)) && path.starts_with(seen))
    }

    fn add_found(&mut self, found: &OwnedFd, path: PathBuf) -> io::Result<()> {
        let kind = FileType::from_raw_mode(fstat(found)?.st_mode);
        let seen = match kind {
            FileType::Symlink => Seen::Link(target_of(found)?),
            FileType::Directory => {
                Seen::Folder(detached(found.as_fd(), READ_ONLY).map_err(at(path.display()))?)
            }
            FileType::RegularFile => {
                Seen::File(detached(found.as_fd(), READ_ONLY).map_err(at(path.display()))?)
            }
            _ => return Ok(()),
        };
        self.found.push((path, seen));
        Ok(())
    }

    /// Adds the first link on the way to `path`; gives the path that goes on behind it.
    fn first_link(&mut self, outside: &Outside, path: &Path) -> io::Result<Option<PathBuf>> {
        let mut so_far = PathBuf::from("/");
        let mut parts = inner(path)?.components();
        while let Some(part) = parts.next() {
            let folder = so_far.clone();
            so_far.push(part);
            let found = outside.open(&so_far)?;
            if FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Symlink {
                let target = target_of(&found)?;
                let next = plain(&folder.join(&target).join(parts.as_path()));
                self.found.push((so_far, Seen::Link(target)));
                return Ok(Some(next));
            }
        }
        Ok(None)
    }
}

fn target_of(link: &OwnedFd) -> io::Result<PathBuf> {
    let target = readlinkat(link, "", Vec::new())?;
    Ok(Path::new(OsStr::from_bytes(target.as_bytes())).to_owned())
}

/// What is not there, or not ours to see, is no error.
fn left_out(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied => Ok(()),
        _ => Err(error),
    }
}

/// A private root that is being made.
#[derive(Debug)]
pub(super) struct PrivateRoot {
    /// The file system in memory that holds everything that is written.
    store: OwnedFd,
    root: OwnedFd,
    owner: (Uid, Gid),
}

impl PrivateRoot {
    /// Begins one: empty but for its own folders. What is to be shown must be opened before, since the place where it
    /// is made hides what was there.
    pub(super) fn begin(room: Room) -> io::Result<Self> {
        let (bytes, inodes) = (room.bytes.max(64 << 10).to_string(), room.inodes.to_string());
        let settings = [("size", bytes.as_str()), ("nr_inodes", inodes.as_str()), ("mode", "0755")];
        let store = new_mount("tmpfs", &settings, PLAIN)?;
        let site = BUILDING_SITES.iter().find_map(|path| openat(CWD, *path, FOLDER, Mode::empty()).ok());
        let site = site.ok_or_else(|| io::Error::other("there is no folder to make the private root in"))?;
        attach(store.as_fd(), site.as_fd()).map_err(at("the room for changes"))?;
        mkdirat(&store, "root", Mode::from_raw_mode(0o755))?;
        let place = openat(&store, "root", FOLDER, Mode::empty())?;
        let root = detached(place.as_fd(), PLAIN).map_err(at("the private root"))?;
        attach(root.as_fd(), place.as_fd()).map_err(at("the private root"))?;
        let made = Self { store, root, owner: room.owner };
        made.folder_of_its_own("tmp", PRIVATE_TMP, 0o1777)?;
        made.folder_of_its_own("home", PRIVATE_HOME, 0o700)?;
        made.folder_of_its_own("shm", "/dev/shm", 0o1777)?;
        Ok(made)
    }

    /// The file system that everything is written to.
    pub(super) fn store(&self) -> BorrowedFd<'_> {
        self.store.as_fd()
    }

    /// A new folder in the store, which nobody sees yet.
    pub(super) fn hidden_folder(&self, name: &str) -> io::Result<OwnedFd> {
        mkdirat(&self.store, name, Mode::from_raw_mode(0o755)).map_err(at(name))?;
        chownat(&self.store, name, Some(self.owner.0), Some(self.owner.1), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(at("owner"))?;
        Ok(openat(&self.store, name, FOLDER, Mode::empty())?)
    }

    fn folder_of_its_own(&self, name: &str, path: &str, mode: u32) -> io::Result<()> {
        let folder = self.hidden_folder(name)?;
        chmodat(&self.store, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
        let mount = detached(folder.as_fd(), PLAIN)?;
        self.mount(mount.as_fd(), Path::new(path))
    }

    /// Shows a mount at an absolute path.
    pub(super) fn mount(&self, mount: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
        let place = make_folders(self.root.as_fd(), inner(path)?)?;
        attach(mount, place.as_fd()).map_err(at(path.display()))
    }

    /// Shows a mount at an absolute path where something is already.
    pub(super) fn cover(&self, mount: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
        let place = beneath(self.root.as_fd(), inner(path)?).map_err(at(path.display()))?;
        attach(mount, place.as_fd()).map_err(at(path.display()))
    }

    /// Shows what was looked at, the devices, and who there is.
    pub(super) fn show(&self, sight: &Sight, network: bool) -> io::Result<()> {
        for (path, seen) in &sight.found {
            match seen {
                Seen::Folder(mount) => self.mount(mount.as_fd(), path)?,
                Seen::File(mount) | Seen::Device(mount) => self.mount_file(mount.as_fd(), path)?,
                Seen::Link(target) => self.link(target, inner(path)?)?,
            }
        }
        for (path, target) in LINKS {
            self.link(Path::new(target), Path::new(path))?;
        }
        self.accounts(network)
    }

    fn link(&self, target: &Path, path: &Path) -> io::Result<()> {
        let (parent, name) = parent_and_name(path)?;
        let parent = make_folders(self.root.as_fd(), parent)?;
        match symlinkat(target, &parent, name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(at(path.display())(errno)),
        }
    }

    fn mount_file(&self, mount: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
        let (parent, name) = parent_and_name(inner(path)?)?;
        let parent = make_folders(self.root.as_fd(), parent)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        drop(openat(&parent, name, flags, Mode::from_raw_mode(0o644)).map_err(at(path.display()))?);
        let place = beneath(parent.as_fd(), name).map_err(at(path.display()))?;
        attach(mount, place.as_fd()).map_err(at(path.display()))
    }

    /// Who there is in here: root, the command's user, and nobody.
    fn accounts(&self, network: bool) -> io::Result<()> {
        let (uid, gid) = (self.owner.0.as_raw(), self.owner.1.as_raw());
        let mut passwd = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n".to_owned();
        let mut group = "root:x:0:\nnogroup:x:65534:\n".to_owned();
        if uid != 0 {
            passwd = format!("lgflow:x:{uid}:{gid}:lgflow:{PRIVATE_HOME}:/bin/sh\n{passwd}");
        }
        if gid != 0 {
            group = format!("lgflow:x:{gid}:\n{group}");
        }
        self.file("etc/passwd", &passwd)?;
        self.file("etc/group", &group)?;
        self.file("etc/hostname", "lgflow\n")?;
        if !network {
            self.file("etc/hosts", "127.0.0.1 localhost lgflow\n::1 localhost\n")?;
            self.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")?;
        }
        Ok(())
    }

    fn file(&self, path: &str, text: &str) -> io::Result<()> {
        let (parent, name) = parent_and_name(Path::new(path))?;
        let parent = make_folders(self.root.as_fd(), parent)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&parent, name, flags, Mode::from_raw_mode(0o644)).map_err(at(path))?;
        std::fs::File::from(file).write_all(text.as_bytes())
    }

    /// Shows the processes of this PID namespace, and nothing else that a `/proc` has.
    pub(super) fn show_processes(&self) -> io::Result<()> {
        // not `invisible`: that shows everything to group 0
        let settings = [("subset", "pid"), ("hidepid", "ptraceable")];
        let proc = new_mount("proc", &settings, PLAIN | MountAttrFlags::MOUNT_ATTR_NOEXEC)?;
        self.mount(proc.as_fd(), Path::new("/proc"))
    }

    /// Makes it the root of this process. What was the root before lies hidden beneath it until [`close_off`].
    pub(super) fn enter(self) -> io::Result<OwnedFd> {
        fchdir(&self.root)?;
        pivot_root(".", ".").map_err(at("pivot_root"))?;
        Ok(self.store)
    }
}

/// Takes away what was the root before: from now on nothing of it can be reached, and the root itself can't be written.
/// The kernel waits for all processors before that is done, so the command's own process, which does not begin
/// before, gets ready meanwhile.
pub(super) fn close_off() -> io::Result<()> {
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    // not what is mounted in it: that has attributes of its own
    let root = openat(CWD, "/", FOLDER, Mode::empty())?;
    add_mount_attributes(root.as_fd(), u64::from(READ_ONLY.bits()), false)
}

fn inner(path: &Path) -> io::Result<&Path> {
    path.strip_prefix("/").map_err(|_| io::Error::other(format!("`{}` is not absolute", path.display())))
}

/// Without `.` and `..`; the folders before a `..` are no links.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            std::path::Component::Normal(name) => plain.push(name),
            _ => {}
        }
    }
    plain
}
