//! The runs of one workspace: which there are, what each has recorded, and who executes it.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::holder::{Holder, Life};
use super::pack::unpacked;
use super::recorded::{Of, Recorded};
use super::sql::{Driver, Row, Value, transact};
use super::sqlite::Sqlite;
use super::{Blobs, Durability, RunId, RunLog, StoreAddress, StoreError};
use crate::digest::Digest;
use crate::files::private::make_folder;

/// The file of a workspace's runs, in its folder.
const FILE: &str = "runs.db";

/// The runs of one workspace. Cloned freely: clones share one connection, which is opened when it is first needed.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    id: String,
    address: StoreAddress,
    driver: Mutex<Option<Box<dyn Driver>>>,
}

/// What the store itself knows of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// How many events it has recorded.
    pub events: u64,
    /// When a line of it is safe.
    pub durability: Durability,
    /// When it last recorded something, in milliseconds since 1970.
    pub touched: i64,
    /// Does a process execute it right now?
    pub busy: bool,
}

impl Store {
    /// The runs of `workspace` (a real path) in the user's state folder. The folder must belong to this user and be open to
    /// nobody else; it is made where it is not there.
    pub fn open(state: &Path, workspace: &Path) -> Result<Self, StoreError> {
        Self::open_at(&StoreAddress::Local, state, workspace)
    }

    /// The same, wherever the user keeps runs.
    pub fn open_at(address: &StoreAddress, state: &Path, workspace: &Path) -> Result<Self, StoreError> {
        Self::of_workspace(address, state, &workspace_id(workspace))
    }

    /// The runs of the workspace with this id.
    pub fn of_workspace(address: &StoreAddress, state: &Path, id: &str) -> Result<Self, StoreError> {
        make_folder(state)?;
        let folder = state.join(id);
        make_folder(&folder)?;
        let shared = Shared { folder, id: id.to_owned(), address: address.clone(), driver: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The folder of this workspace in the user's state: for what else belongs to it.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// The workspace's id: the name of its folder.
    pub fn id(&self) -> String {
        self.shared.id.clone()
    }

    /// Where it is, to be shown.
    pub fn place(&self) -> String {
        match &self.shared.address {
            StoreAddress::Local => self.file().display().to_string(),
            address @ StoreAddress::Postgres(_) => address.shown(),
        }
    }

    /// The payloads that runs of this workspace share.
    pub fn blobs(&self) -> Blobs {
        Blobs::of(self.clone())
    }

    /// Starts the log of a new run, and holds it.
    pub fn create(&self, run: &RunId, durability: Durability) -> Result<RunLog, StoreError> {
        RunLog::create(self.clone(), run, durability)
    }

    /// Goes on with the log of a run that nobody executes: holds it, and gives what it has recorded.
    pub fn reopen(&self, run: &RunId, durability: Durability) -> Result<(RunLog, Recorded), StoreError> {
        RunLog::reopen(self.clone(), run, durability)
    }

    /// What a run has recorded: one line for each event.
    pub fn log(&self, run: &RunId) -> Result<String, StoreError> {
        self.recorded(run).map(|recorded| recorded.text)
    }

    /// The same, with the code that stands beside it.
    pub fn recorded(&self, run: &RunId) -> Result<Recorded, StoreError> {
        let rows = self.read(|driver| {
            // where what is kept of all runs cannot be read, it is not this one that is damaged
            if driver.query(FACTS, &self.named(run))?.is_empty() {
                return Ok(Vec::new());
            }
            // in one statement, so that it is of one moment
            driver.query(RECORDED, &self.named(run)).map_err(|error| error.of_run(run))
        })?;
        let rows = rows.unwrap_or_default();
        let Some(first) = rows.first() else { return Err(self.not_there(run)?) };
        let events = u64::try_from(first.int(3)?).unwrap_or_default();
        let code = first.maybe(4).map(str::to_owned);
        let mut text = String::new();
        // a run that has recorded nothing has a row without lines
        for mut row in rows.into_iter().filter(|row| !row.is_null(0)) {
            text.push_str(&self.segment(&mut row).map_err(|error| error.of_run(run))?);
        }
        Ok(Recorded { text, of: Of::new(self, run), events, code })
    }

    /// The first line of a run and its last, without the rest; none where it has recorded nothing.
    pub fn ends(&self, run: &RunId) -> Result<Option<(String, String)>, StoreError> {
        let rows =
            self.read(|driver| driver.query(ENDS, &self.named(run)).map_err(|error| error.of_run(run)))?;
        let rows = rows.unwrap_or_default();
        let mut texts =
            rows.into_iter().map(|mut row| self.segment(&mut row).map_err(|error| error.of_run(run)));
        let Some(first) = texts.next().transpose()? else { return Ok(None) };
        let last = texts.next().transpose()?;
        let last = last.as_ref().unwrap_or(&first);
        let line = |line: Option<&str>| line.unwrap_or_default().to_owned();
        Ok(Some((line(first.lines().next()), line(last.lines().next_back()))))
    }

    /// What the store knows of a run.
    pub fn run(&self, run: &RunId) -> Result<RunFacts, StoreError> {
        let facts = self.read(|driver| {
            let shared = driver.is_shared();
            driver.query(FACTS, &self.named(run))?.first().map(|row| facts(row, shared)).transpose()
        })?;
        match facts.flatten() {
            Some(facts) => Ok(facts),
            None => Err(self.not_there(run)?),
        }
    }

    /// Brings all that is recorded of a run to the disk: somebody else is about to be told that it is there. A store that can
    /// only be read has nobody that writes it.
    pub fn flush(&self, run: &RunId) -> Result<(), StoreError> {
        match self.write(Durability::Sync, |driver| driver.execute(FLUSH, &self.named(run))) {
            Ok(_) | Err(StoreError::ReadOnly(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Has the store anything of a run?
    pub fn knows(&self, run: &RunId) -> Result<bool, StoreError> {
        let rows = self.read(|driver| driver.query(FACTS, &self.named(run)))?;
        Ok(rows.is_some_and(|rows| !rows.is_empty()))
    }

    /// Why there is nothing of a run.
    fn not_there(&self, run: &RunId) -> Result<StoreError, StoreError> {
        if self.queued()?.contains(run) {
            return Ok(StoreError::Waits(run.to_string()));
        }
        Ok(match self.removed(run)? {
            Some((millis, bound)) => StoreError::Removed { run: run.to_string(), day: day_of(millis), bound },
            None => StoreError::NoRun(run.to_string()),
        })
    }

    /// The ids of all runs that have recorded something, oldest first.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        Ok(self.names()?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// What else is kept as a run, under a name that no run has: nobody can ask for it.
    pub fn misnamed(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.names()?;
        names.retain(|name| name.parse::<RunId>().is_err());
        Ok(names)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.read(|driver| driver.query(RUNS, &[self.workspace()]))?.unwrap_or_default();
        rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
    }

    /// A payload, unchecked.
    pub(super) fn payload(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.read(|driver| driver.query(PAYLOAD, &[digest.bytes().to_vec().into()]))?;
        found.unwrap_or_default().into_iter().next().map(|mut row| self.unpack(&mut row)).transpose()
    }

    /// A payload that a run names.
    pub(super) fn payload_of(&self, run: i64, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let values = [digest.bytes().to_vec().into(), run.into()];
        let found = self.read(|driver| driver.query(PAYLOAD_OF, &values))?;
        found.unwrap_or_default().into_iter().next().map(|mut row| self.unpack(&mut row)).transpose()
    }

    /// Lines that are kept together.
    pub(super) fn segment(&self, row: &mut Row) -> Result<String, StoreError> {
        Ok(String::from_utf8_lossy(&self.unpack(row)?).into_owned())
    }

    /// From a row of codec, size and data.
    fn unpack(&self, row: &mut Row) -> Result<Vec<u8>, StoreError> {
        let (codec, size, data) = (row.int(0)?, row.int(1)?, row.bytes(2)?);
        unpacked(codec, size, data).ok_or_else(|| StoreError::Damaged {
            place: self.place(),
            problem: "what is kept of a run is not what was put there".to_owned(),
        })
    }

    pub(super) fn workspace(&self) -> Value {
        self.shared.id.as_str().into()
    }

    /// The two values that name a run.
    pub(super) fn named(&self, run: &RunId) -> [Value; 2] {
        [self.workspace(), run.as_str().into()]
    }

    /// Asks the database; nothing where there is none yet.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Driver) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut driver = self.shared.driver.lock().unwrap_or_else(PoisonError::into_inner);
        if driver.is_none() && self.shared.address == StoreAddress::Local && !is_there(&self.file()) {
            return Ok(None);
        }
        work(&mut **self.opened(&mut driver)?).map(Some)
    }

    /// Writes all of `work`, or nothing of it.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&mut dyn Driver) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut driver = self.shared.driver.lock().unwrap_or_else(PoisonError::into_inner);
        transact(&mut **self.opened(&mut driver)?, durability, work)
    }

    fn opened<'a>(
        &self,
        driver: &'a mut Option<Box<dyn Driver>>,
    ) -> Result<&'a mut Box<dyn Driver>, StoreError> {
        match driver {
            Some(driver) => Ok(driver),
            None => Ok(driver.insert(self.connect()?)),
        }
    }

    fn connect(&self) -> Result<Box<dyn Driver>, StoreError> {
        match &self.shared.address {
            StoreAddress::Local => Ok(Box::new(Sqlite::open(&self.file())?)),
            #[cfg(feature = "postgres")]
            StoreAddress::Postgres(url) => Ok(Box::new(super::postgres::Postgres::open(url)?)),
            #[cfg(not(feature = "postgres"))]
            StoreAddress::Postgres(_) => Err(StoreError::Server {
                place: self.shared.address.shown(),
                problem: "this lgflow was built without PostgreSQL".to_owned(),
            }),
        }
    }

    fn file(&self) -> PathBuf {
        self.shared.folder.join(FILE)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.place()).finish()
    }
}

const FACTS: &str = "SELECT events, durability, touched, holder FROM runs WHERE workspace = ?1 AND run = ?2";
const FLUSH: &str = "UPDATE runs SET touched = touched WHERE workspace = ?1 AND run = ?2";
const RUNS: &str = "SELECT run FROM runs WHERE workspace = ?1 AND events <> 0 ORDER BY run";
const RECORDED: &str = "SELECT s.codec, s.size, s.data, r.events, r.code \
    FROM runs r LEFT JOIN segments s ON s.run = r.id WHERE r.workspace = ?1 AND r.run = ?2 ORDER BY s.first_seq";
const ENDS: &str = "SELECT s.codec, s.size, s.data FROM segments s JOIN runs r ON r.id = s.run \
    WHERE r.workspace = ?1 AND r.run = ?2 AND s.first_seq IN ( \
        (SELECT MIN(first_seq) FROM segments WHERE run = r.id), (SELECT MAX(first_seq) FROM segments WHERE run = r.id)) \
    ORDER BY s.first_seq";
const PAYLOAD: &str = "SELECT codec, size, data FROM blobs WHERE digest = ?1";
const PAYLOAD_OF: &str = "SELECT b.codec, b.size, b.data FROM blobs b JOIN links l ON l.blob = b.id \
    WHERE b.digest = ?1 AND l.run = ?2";

/// `2026-03-01`, in UTC.
fn day_of(millis: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(millis / 1000);
    time.map(|time| time.date().to_string()).unwrap_or_default()
}

fn facts(row: &Row, shared: bool) -> Result<RunFacts, StoreError> {
    Ok(RunFacts {
        events: u64::try_from(row.int(0)?).unwrap_or_default(),
        durability: Durability::parse(row.text(1)?).unwrap_or_default(),
        touched: row.int(2)?,
        busy: row.maybe(3).is_some_and(|holder| Holder::life(holder, shared) != Life::Dead),
    })
}

/// Looked at, and not opened: see how the file is made.
fn is_there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

/// A readable name and enough of the digest of the path to tell workspaces apart.
fn workspace_id(workspace: &Path) -> String {
    let name = workspace.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(32).collect();
    format!("{plain}-{}", &Digest::of(workspace.as_os_str().as_bytes()).hex()[..16])
}
