//! The folder of one workspace's runs: `<state>/<workspace id>/runs/<run>/events.jsonl`, and their blobs.
#![expect(clippy::disallowed_methods, reason = "the store keeps its own files in the user's state folder")]

use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::digest::Digest;
use crate::files::private::make_folder;

use super::{Blobs, Durability, RunId, RunLog, StoreError};

/// The runs of one workspace.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// Where a run's files are.
#[derive(Debug, Clone)]
pub struct RunFiles {
    /// The log.
    pub events: PathBuf,
    /// Does another process hold the run's lock right now?
    pub busy: bool,
}

impl Store {
    /// Opens the folder of `workspace` (a real path) in the user's state folder, and makes it where it is not there.
    /// It must belong to this user and be open to nobody else.
    pub fn open(state: &Path, workspace: &Path) -> Result<Self, StoreError> {
        make_folder(state)?;
        let folder = state.join(workspace_id(workspace));
        make_folder(&folder)?;
        Ok(Self { folder })
    }

    /// The folder itself, for what else belongs to this workspace.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The workspace's id: the name of its folder.
    pub fn id(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The blobs that runs of this workspace share.
    pub fn blobs(&self) -> Blobs {
        Blobs::new(self.folder.join("blobs"))
    }

    /// Starts the log of a new run, and locks it.
    pub fn create(&self, run: &RunId, durability: Durability) -> Result<RunLog, StoreError> {
        let folder = self.run_folder(run);
        make_folder(&self.folder.join("runs"))?;
        make_folder(&folder)?;
        let lock = self.lock(run)?.ok_or_else(|| StoreError::Busy(run.to_string()))?;
        RunLog::create(folder.join("events.jsonl"), lock, durability)
    }

    /// The two folders that a run writes in, its own and that of the blobs, made where they are not there.
    pub fn folders_of(&self, run: &RunId) -> Result<[PathBuf; 2], StoreError> {
        let folders = [self.run_folder(run), self.folder.join("blobs")];
        for folder in &folders {
            make_folder(folder)?;
        }
        Ok(folders)
    }

    /// Goes on with the log of a run that nobody executes: locks it, and gives what it holds.
    pub fn reopen(&self, run: &RunId, durability: Durability) -> Result<(RunLog, String), StoreError> {
        let events = self.run(run)?.events;
        let lock = self.lock(run)?.ok_or_else(|| StoreError::Busy(run.to_string()))?;
        let text = read_log(&events)?;
        let file = OpenOptions::new().write(true).open(&events);
        // what follows must not stand behind the beginning of a line
        file.and_then(|file| file.set_len(text.len() as u64)).map_err(StoreError::io("write", &events))?;
        Ok((RunLog::create(events, lock, durability)?, text))
    }

    /// What the log of a run holds.
    pub fn log(&self, run: &RunId) -> Result<String, StoreError> {
        read_log(&self.run(run)?.events)
    }

    /// The files of a run.
    pub fn run(&self, run: &RunId) -> Result<RunFiles, StoreError> {
        let events = self.run_folder(run).join("events.jsonl");
        if !events.exists() {
            return Err(StoreError::NoRun(run.to_string()));
        }
        Ok(RunFiles { events, busy: self.lock(run)?.is_none() })
    }

    /// The ids of all runs, oldest first.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let folder = self.folder.join("runs");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("read", &folder)(error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut runs: Vec<RunId> = names.collect();
        runs.sort();
        Ok(runs)
    }

    fn run_folder(&self, run: &RunId) -> PathBuf {
        self.folder.join("runs").join(run.as_str())
    }

    /// Takes the run's lock; `None` while another process has it. The system gives it back when the process dies.
    fn lock(&self, run: &RunId) -> Result<Option<File>, StoreError> {
        let path = self.run_folder(run).join("lock");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(StoreError::io("create", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(StoreError::io("lock", &path)(error.into())),
        }
    }
}

/// The lines that were written to their end: a machine that stops, or a process that dies, may leave the beginning of one
/// more, because of which nothing was done.
fn read_log(events: &Path) -> Result<String, StoreError> {
    let mut text = fs::read_to_string(events).map_err(StoreError::io("read", events))?;
    text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
    Ok(text)
}

/// A readable name and enough of the digest of the path to tell workspaces apart.
fn workspace_id(workspace: &Path) -> String {
    let name = workspace.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(32).collect();
    format!("{plain}-{}", &Digest::of(workspace.as_os_str().as_bytes()).hex()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_log_is_read_back_and_locked_while_it_is_open() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(&state.path().join("lgflow"), Path::new("/some/where")).unwrap();
        let run = RunId::new(1, [2; 10]);
        let mut log = store.create(&run, Durability::Sync).unwrap();
        log.append("one");
        log.append("two");
        log.commit().unwrap();
        assert!(store.run(&run).unwrap().busy);
        assert!(matches!(store.create(&run, Durability::Batch), Err(StoreError::Busy(_))));
        drop(log);
        let files = store.run(&run).unwrap();
        assert!(!files.busy);
        assert_eq!(fs::read_to_string(files.events).unwrap(), "one\ntwo\n");
        assert_eq!(store.runs().unwrap(), [run]);
    }

    #[test]
    fn without_durability_lines_are_written_at_the_end() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(&state.path().join("lgflow"), Path::new("/some/where")).unwrap();
        let run = RunId::new(1, [2; 10]);
        let mut log = store.create(&run, Durability::None).unwrap();
        log.append("one");
        log.commit().unwrap();
        let events = store.run(&run).unwrap().events;
        assert_eq!(fs::read_to_string(&events).unwrap(), "");
        log.finish().unwrap();
        assert_eq!(fs::read_to_string(&events).unwrap(), "one\n");
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("lgflow");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = Store::open(&folder, Path::new("/w")).unwrap_err().to_string();
        assert!(refused.contains("may be written by others"), "{refused}");
    }

    #[test]
    fn blobs_are_kept_once_and_checked() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(&state.path().join("lgflow"), Path::new("/w")).unwrap();
        let digest = store.blobs().put(b"large", false).unwrap();
        assert_eq!(store.blobs().put(b"large", true).unwrap(), digest);
        assert_eq!(store.blobs().get(&digest).as_deref(), Some(&b"large"[..]));
        let file = store.folder().join("blobs").join(&digest.hex()[..2]).join(digest.hex());
        fs::write(file, "other").unwrap();
        assert_eq!(store.blobs().get(&digest), None);
    }
}
