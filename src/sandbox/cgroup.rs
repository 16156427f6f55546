//! Control groups of version 1 or 2: the system itself bounds memory and processes of a command, where we may make a
//! group. Made by the helper outside of every namespace; the command's first process joins by an open file.

#![expect(clippy::disallowed_methods, reason = "control groups are folders and files of the system")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Beginning of the names of groups of ours; the id of the helper follows.
const NAME: &str = "lgflow-";
/// How long it is tried to remove a group whose last process is about to be gone.
const PATIENCE: u32 = 50;

/// A resource that groups bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Memory,
    Pids,
}

impl Controller {
    fn name(self) -> &'static str {
        match self {
            Controller::Memory => "memory",
            Controller::Pids => "pids",
        }
    }
}

/// A group for one command; it goes with this value.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
    controller: Controller,
}

impl Group {
    /// Makes a group that bounds `controller` to `limit`.
    pub(super) fn make(controller: Controller, limit: u64) -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let mut refused = format!("no control group of the kind `{}` is mounted", controller.name());
        for (parent, is_v2) in parents(controller, &mounts, &own) {
            match Self::make_in(&parent, controller, limit, is_v2) {
                Ok(group) => return Ok(group),
                Err(error) => refused = format!("{}: {error}", parent.display()),
            }
        }
        Err(refused)
    }

    fn make_in(parent: &Path, controller: Controller, limit: u64, is_v2: bool) -> io::Result<Self> {
        sweep(parent);
        let folder = parent.join(format!("{NAME}{}", std::process::id()));
        fs::create_dir(&folder)?;
        let group = Self { folder, controller };
        let limit = limit.to_string();
        match (controller, is_v2) {
            (Controller::Pids, _) => group.set("pids.max", &limit)?,
            (Controller::Memory, true) => {
                group.set("memory.max", &limit)?;
                // what is swapped out counts as well; there may be no swap
                let _ = group.set("memory.swap.max", "0");
            }
            (Controller::Memory, false) => {
                group.set("memory.limit_in_bytes", &limit)?;
                // the same with what is swapped out, where that is counted
                let _ = group.set("memory.memsw.limit_in_bytes", &limit);
            }
        }
        Ok(group)
    }

    fn set(&self, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.folder.join(file), value)
    }

    /// The file that a process writes `0` to, to be in the group from then on.
    pub(super) fn door(&self) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.folder.join("cgroup.procs"))
    }

    /// How often the system stopped something because of the limit.
    pub(super) fn stopped(&self) -> u64 {
        let files: &[(&str, &str)] = match self.controller {
            Controller::Memory => &[("memory.events", "oom_kill"), ("memory.oom_control", "oom_kill")],
            Controller::Pids => &[("pids.events", "max")],
        };
        let count = |(file, key): &(&str, &str)| {
            let text = fs::read_to_string(self.folder.join(file)).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
            line.trim().parse::<u64>().ok()
        };
        files.iter().filter_map(count).sum()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..PATIENCE {
            if fs::remove_dir(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Puts this process into the group whose door that is.
pub(super) fn join(mut door: &File) -> io::Result<()> {
    door.write_all(b"0")
}

/// Removes groups of helpers that were killed.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(NAME)) else { continue };
        if !Path::new("/proc").join(pid).exists() {
            // it still has processes in it, or somebody else removed it
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Groups in which one of ours may be made, the likeliest first, each with whether it is of version 2.
fn parents(controller: Controller, mounts: &str, own: &str) -> Vec<(PathBuf, bool)> {
    let mut found = Vec::new();
    for mount in mounts.lines() {
        let mut fields = mount.split(' ').skip(1);
        let (Some(place), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let has = options.split(',').any(|option| option == controller.name());
        let own_path = |wanted: &dyn Fn(&str) -> bool| {
            own.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let names = fields.next()?;
                wanted(names).then(|| fields.next().unwrap_or("/").trim_start_matches('/'))
            })
        };
        let place = Path::new(place);
        match kind {
            "cgroup" if has => {
                let named = |names: &str| names.split(',').any(|name| name == controller.name());
                if let Some(path) = own_path(&named) {
                    found.push((place.join(path), false));
                }
                found.push((place.to_owned(), false));
            }
            "cgroup2" => {
                if let Some(path) = own_path(&str::is_empty) {
                    let path = place.join(path);
                    // a group with processes of its own hands nothing on: the one above it does
                    found.extend(path.parent().map(|above| (above.to_owned(), true)));
                    found.push((path, true));
                }
            }
            _ => {}
        }
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(controller: Controller, mounts: &str, own: &str) -> Vec<(String, bool)> {
        let shown = |(path, v2): (PathBuf, bool)| (path.display().to_string(), v2);
        parents(controller, mounts, own).into_iter().map(shown).collect()
    }

    #[test]
    fn version_1_beneath_our_own_group_then_at_the_top() {
        let mounts = "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n\
                      cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0\n";
        let own = "4:memory:/user/me\n3:pids:/\n0::/\n";
        assert_eq!(
            places(Controller::Memory, mounts, own),
            [
                ("/sys/fs/cgroup/memory/user/me".to_owned(), false),
                ("/sys/fs/cgroup/memory".to_owned(), false)
            ]
        );
        assert_eq!(places(Controller::Pids, mounts, own)[0], ("/sys/fs/cgroup/pids/".to_owned(), false));
    }

    #[test]
    fn version_2_beside_our_own_group_then_in_it() {
        let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n";
        let own = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n";
        let above = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice";
        assert_eq!(
            places(Controller::Pids, mounts, own),
            [(above.to_owned(), true), (format!("{above}/term.scope"), true)]
        );
    }
}
