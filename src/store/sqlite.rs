//! A database file of the user's state folder. Read as a hostile file would have to be: nothing in it is executed, and
//! what is not exactly of our making is refused before it is used.
#![expect(clippy::disallowed_methods, reason = "the store keeps its own files in the user's state folder")]

use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, Value as Cell, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};
use rustix::fs::{Access, access};

use super::schema::{APPLICATION, Dialect, STEPS};
use super::sql::{Driver, Row, Value};
use super::{Durability, StoreError};
use crate::files::private::check_mine;

/// So long a process that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest value, and so the largest payload.
const LONGEST: i32 = 512 << 20;
/// The write-ahead log is cut to this when it is written back.
const LOG_LIMIT: i64 = 4 << 20;

/// One open database file.
#[derive(Debug)]
pub(super) struct Sqlite {
    connection: Connection,
    path: PathBuf,
    /// What stood in the way of writing it when it was opened.
    hindrance: Option<PathBuf>,
    /// What transactions are made safe as, now.
    durability: Option<Durability>,
    /// Which file it is, by device and number: its name may come to mean another one.
    file: Option<(u64, u64)>,
}

impl Sqlite {
    /// Opens the file, makes it where it is not there, and brings it to the form of today.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        // looked for before: SQLite takes away a file beside the database that it could not use
        let hindrance = if is_there(path) { unwritable(path) } else { None };
        match (Self::open_to_write(path), hindrance) {
            (Err(error), Some(hindrance)) if !error.is_damage() => Self::open_to_read(path, hindrance),
            (opened, hindrance) => opened.map(|opened| Self { hindrance, ..opened }),
        }
    }

    fn open_to_write(path: &Path) -> Result<Self, StoreError> {
        make_file(path)?;
        // SQLite refuses a link anywhere in the path, and the way to the state folder may have one
        let path = path.canonicalize().map_err(StoreError::io("open", path))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = Connection::open_with_flags(&path, flags);
        Self::checked(connection.map_err(|error| understood(&error, &path))?, path)
    }

    /// Opens a file that can't be written, or lies where nothing can: to look at it. What writes says so.
    fn open_to_read(path: &Path, hindrance: PathBuf) -> Result<Self, StoreError> {
        make_file(path)?;
        let path = path.canonicalize().map_err(StoreError::io("open", path))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let has_log = beside(&path, "-wal").metadata().is_ok_and(|found| found.len() > 0);
        // without a log nothing is missing in the file, and nobody can write it while it is read; the memory that readers of a log
        // share is a file of its own, which may have to be made
        let how = if has_log { "mode=ro" } else { "immutable=1" };
        let connection = Connection::open_with_flags(format!("file:{}?{how}", in_an_address(&path)), flags);
        let opened = Self::checked(connection.map_err(|error| understood(&error, &path))?, path)?;
        Ok(Self { hindrance: Some(hindrance), ..opened })
    }

    fn checked(connection: Connection, path: PathBuf) -> Result<Self, StoreError> {
        let file = identity(&path);
        let mut opened = Self { connection, path, hindrance: None, durability: None, file };
        opened.harden().map_err(|error| opened.said(&error))?;
        opened.migrate()?;
        opened.recognise()?;
        opened.set_up().map_err(|error| opened.said(&error))?;
        Ok(opened)
    }

    /// Before the first statement.
    fn harden(&self) -> rusqlite::Result<()> {
        let own = &self.connection;
        own.busy_timeout(PATIENCE)?;
        own.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
        own.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 64 << 10)?;
        own.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        ] {
            own.set_db_config(setting, on)?;
        }
        own.pragma_update(None, "cell_size_check", true)?;
        own.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
        own.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    fn set_up(&self) -> rusqlite::Result<()> {
        self.connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))
    }

    /// Makes the tables that are not there yet. Another database than ours is not touched.
    fn migrate(&mut self) -> Result<(), StoreError> {
        let known = STEPS.len().cast_signed() as i64;
        let (application, version) = self.marks()?;
        let place = || self.path.display().to_string();
        match (application, version) {
            (APPLICATION, version) if version == known => return Ok(()),
            (APPLICATION, found) if found > known => {
                return Err(StoreError::Newer { place: place(), found, known });
            }
            (APPLICATION, _) => {}
            (0, 0) if self.objects()?.is_empty() => {}
            _ => return Err(StoreError::Foreign(place())),
        }
        self.write_ahead()?;
        self.raw("BEGIN IMMEDIATE")?;
        let done = self.steps();
        self.raw(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done
    }

    fn steps(&self) -> Result<(), StoreError> {
        // another process may have been faster
        let (_, version) = self.marks()?;
        for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
            self.raw(&Dialect::Sqlite.render(step))?;
        }
        self.raw(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {}", STEPS.len()))
    }

    /// Readers and one writer at a time. Only one process can turn that on, and it does not wait for another.
    fn write_ahead(&self) -> Result<(), StoreError> {
        let turn_on = || {
            // space that a removed run leaves can be given back; to be said before the first table
            self.connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            self.connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        };
        let mut tried = turn_on();
        for _ in 0..100 {
            match &tried {
                Err(error) if code(error) == Some(ErrorCode::DatabaseBusy) => {
                    thread::sleep(Duration::from_millis(20));
                    tried = turn_on();
                }
                _ => break,
            }
        }
        tried.map_err(|error| self.said(&error))
    }

    fn marks(&self) -> Result<(i64, i64), StoreError> {
        let mark = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get(0));
        let marks = mark("application_id").and_then(|application| Ok((application, mark("user_version")?)));
        marks.map_err(|error| self.said(&error))
    }

    /// The tables and indexes must be those that we make, letter by letter: a database that carries our mark may still
    /// have been made by somebody else.
    fn recognise(&self) -> Result<(), StoreError> {
        let own = Connection::open_in_memory().and_then(|memory| {
            for step in STEPS {
                memory.execute_batch(&Dialect::Sqlite.render(step))?;
            }
            objects(&memory)
        });
        let own = own.map_err(|error| self.said(&error))?;
        if self.objects()? == own {
            Ok(())
        } else {
            Err(StoreError::Foreign(self.path.display().to_string()))
        }
    }

    fn objects(&self) -> Result<Vec<[Option<String>; 3]>, StoreError> {
        objects(&self.connection).map_err(|error| self.said(&error))
    }

    /// What SQLite says, in our words, with the file that stands in the way.
    fn said(&self, error: &rusqlite::Error) -> StoreError {
        match understood(error, &self.path) {
            StoreError::ReadOnly(place) => {
                let file = self.hindrance.clone().or_else(|| unwritable(&self.path));
                StoreError::ReadOnly(file.map_or(place, |file| file.display().to_string()))
            }
            other => other,
        }
    }

    fn raw(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(|error| self.said(&error))
    }
}

fn objects(connection: &Connection) -> rusqlite::Result<Vec<[Option<String>; 3]>> {
    let mut statement =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    rows.collect()
}

impl Driver for Sqlite {
    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        let done = self.connection.prepare_cached(sql);
        let done = done.and_then(|mut statement| statement.execute(params_from_iter(values)));
        done.map(|count| count as u64).map_err(|error| self.said(&error))
    }

    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let rows = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let read = |row: &rusqlite::Row<'_>| {
                let cells = (0..columns).map(|at| row.get::<_, Cell>(at).map(value));
                cells.collect::<rusqlite::Result<Vec<Value>>>().map(Row)
            };
            statement.query_map(params_from_iter(values), read)?.collect::<rusqlite::Result<Vec<Row>>>()
        };
        rows().map_err(|error| self.said(&error))
    }

    fn begin(&mut self, durability: Durability) -> Result<(), StoreError> {
        if identity(&self.path) != self.file {
            return Err(StoreError::Moved(self.path.display().to_string()));
        }
        if self.durability != Some(durability) {
            // the log is flushed with each transaction, or when it is written back: what is there is whole either way
            let flushed = if durability == Durability::Sync { "FULL" } else { "NORMAL" };
            let set = self.connection.pragma_update(None, "synchronous", flushed);
            set.map_err(|error| self.said(&error))?;
            self.durability = Some(durability);
        }
        self.raw("BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.raw("COMMIT")
    }

    fn rollback(&mut self) {
        // an error may have rolled it back already
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn give_back_space(&mut self) -> Result<(), StoreError> {
        let done = self.connection.prepare("PRAGMA incremental_vacuum").and_then(|mut vacuum| {
            // a page for each step
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            Ok(())
        });
        let cut =
            done.and_then(|()| self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        cut.map_err(|error| self.said(&error))
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Integer(value) => Value::Int(value),
        Cell::Text(value) => Value::Text(value),
        Cell::Blob(value) => Value::Bytes(value),
        // no column of ours is one
        Cell::Null | Cell::Real(_) => Value::Null,
    }
}

/// Makes the file where it is not there, and refuses what is not this user's alone to write. A file that is there is not
/// opened here: closing it would give up the locks that this process has on it elsewhere.
fn make_file(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refused(error, path)),
    }
    for end in ENDS {
        let file = beside(path, end);
        match file.symlink_metadata() {
            Err(_) if !end.is_empty() => {}
            Ok(found) if !found.is_file() && !found.is_symlink() => {
                return Err(StoreError::Untrusted { path: file, problem: "is not a file" });
            }
            _ => check_mine(&file)?,
        }
    }
    Ok(())
}

/// The database, and what SQLite keeps beside it.
const ENDS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.symlink_metadata().ok().map(|found| (found.dev(), found.ino()))
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// What keeps this process from writing the database: the folder, the file, or one beside it.
fn unwritable(path: &Path) -> Option<PathBuf> {
    let files = ENDS.iter().map(|end| beside(path, end)).filter(|file| is_there(file));
    let mut all = path.parent().map(Path::to_owned).into_iter().chain(files);
    all.find(|file| access(file, Access::WRITE_OK).is_err())
}

/// A path as it stands in an address of SQLite's.
fn in_an_address(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let one = |byte: &u8| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    path.as_os_str().as_bytes().iter().map(one).collect()
}

fn refused(error: std::io::Error, path: &Path) -> StoreError {
    let place = path.display().to_string();
    match error.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(place),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full(place),
        _ => StoreError::io("create", path)(error),
    }
}

fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

/// What SQLite says, in our words.
fn understood(error: &rusqlite::Error, path: &Path) -> StoreError {
    let place = path.display().to_string();
    match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked(place),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly(place),
        Some(ErrorCode::DiskFull) => StoreError::Full(place),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_full(path) => StoreError::Full(place),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
            StoreError::io("use", path)(std::io::Error::other(error.to_string()))
        }
        _ => StoreError::Damaged { place, problem: error.to_string() },
    }
}

/// Is there no room for another page where the file lies?
fn is_full(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(path);
    rustix::fs::statvfs(folder).is_ok_and(|found| found.f_bavail * found.f_frsize < 64 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_flushed_where_it_is_to_be_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Sqlite::open(&folder.path().join("runs.db")).unwrap();
        // 2 flushes the log with each transaction, 1 when it is written back
        for (durability, flushed) in [(Durability::Batch, 1), (Durability::Sync, 2), (Durability::Batch, 1)] {
            store.begin(durability).unwrap();
            let set: i64 =
                store.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!(set, flushed, "{durability:?}");
            store.rollback();
        }
    }
}
