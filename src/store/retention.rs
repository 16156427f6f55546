//! Which runs are kept, and what becomes of the others.
#![expect(clippy::disallowed_methods, reason = "a run is kept by how long nothing was added to it")]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::holder::{Holder, Life};
use super::{Durability, RunId, RunLog, Store, StoreError};

/// How long runs are kept. What is not bounded is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Those to which nothing was added for longer are removed.
    pub older_than: Option<Duration>,
    /// So many of the latest are kept.
    pub keep: Option<u64>,
    /// The oldest are removed until the rest takes so many bytes.
    pub max_size: Option<u64>,
}

/// A run that may be removed, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removable {
    /// Its id.
    pub run: RunId,
    /// When something was added to it last, in milliseconds since 1970.
    pub touched: i64,
    /// What it takes in the store, with the payloads that it names, and beside it.
    pub bytes: u64,
    /// Which bound it is beyond.
    pub why: Bound,
}

/// A bound of a retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Of age.
    Age,
    /// Of number.
    Count,
    /// Of size.
    Size,
}

impl Bound {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Bound::Age => "age",
            Bound::Count => "count",
            Bound::Size => "size",
        }
    }
}

impl Retention {
    /// The bound that something is beyond to which nothing was added for `age` milliseconds, which is the `place`th, counted
    /// from the latest on, and takes `total` bytes with those before it.
    pub fn beyond(&self, age: u128, place: u64, total: u64) -> Option<Bound> {
        let beyond = |bound: Option<u64>, found: u64| bound.is_some_and(|bound| found > bound);
        if self.older_than.is_some_and(|most| age > most.as_millis()) {
            Some(Bound::Age)
        } else if beyond(self.keep, place) {
            Some(Bound::Count)
        } else {
            beyond(self.max_size, total).then_some(Bound::Size)
        }
    }
}

impl Store {
    /// Those of the runs `own` that are beyond the bounds of `retention`, oldest first. One that is being executed, waits in
    /// the queue, or is one of `kept` is none, and counts all the same; what is not `own` does not count. `beside` says what
    /// is kept of a run elsewhere, in bytes.
    pub fn removable(
        &self,
        retention: &Retention,
        (own, kept): (&BTreeSet<RunId>, &BTreeSet<RunId>),
        beside: &dyn Fn(&RunId) -> u64,
    ) -> Result<Vec<Removable>, StoreError> {
        let held: BTreeSet<RunId> = self.queued()?.into_iter().collect();
        let rows = self.read(|driver| {
            let shared = driver.is_shared();
            driver.query(SIZES, &[self.workspace()]).map(|rows| (rows, shared))
        })?;
        let (rows, shared) = rows.unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let (mut place, mut total) = (0, 0);
        let mut found = Vec::new();
        for row in &rows {
            let Some(run) = row.text(0)?.parse::<RunId>().ok().filter(|run| own.contains(run)) else {
                continue;
            };
            place += 1;
            let (touched, bytes) = (row.int(1)?, u64::try_from(row.int(2)?).unwrap_or_default());
            let bytes = bytes + beside(&run);
            total += bytes;
            let age = now.saturating_sub(u128::try_from(touched).unwrap_or_default());
            let Some(why) = retention.beyond(age, place, total) else { continue };
            let busy = row.maybe(3).is_some_and(|holder| Holder::life(holder, shared) != Life::Dead);
            if busy || held.contains(&run) || kept.contains(&run) {
                continue;
            }
            found.push(Removable { run, touched, bytes, why });
        }
        found.reverse();
        Ok(found)
    }

    /// Holds a run that is to be removed, so that nobody goes on with it or makes anything of it: nothing where it was taken up,
    /// went on, or was put into the queue, since it was found to be old. What it takes to decide is decided under this.
    pub fn take_to_remove(&self, old: &Removable) -> Result<Option<Doomed>, StoreError> {
        let log = match RunLog::take(self.clone(), &old.run, Durability::Sync) {
            Ok(log) => log,
            Err(StoreError::Busy(_) | StoreError::NoRun(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_old = log.touched() == old.touched && !self.queued()?.contains(&old.run);
        Ok(is_old.then(|| Doomed { store: self.clone(), log, old: old.clone() }))
    }

    /// Removes payloads that no run names any more, and gives their space back.
    pub fn sweep(&self) -> Result<u64, StoreError> {
        let swept = self.write(Durability::Sync, |driver| {
            driver.hold_payloads(true)?;
            driver.execute(SWEEP, &[])
        })?;
        self.read(|driver| driver.give_back_space())?;
        Ok(swept)
    }

    /// Did this run begin longer ago than that? Its id tells.
    pub fn began_before(run: &RunId, age: Duration) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(Duration::from_millis(run.millis())) > age
    }

    /// When a run was removed, in milliseconds since 1970, and beyond which bound it was; nothing where none was.
    pub fn removed(&self, run: &RunId) -> Result<Option<(i64, String)>, StoreError> {
        let rows = self.read(|driver| driver.query(REMOVED, &self.named(run)))?.unwrap_or_default();
        rows.first().map(|row| Ok((row.int(0)?, row.text(1)?.to_owned()))).transpose()
    }
}

/// A run that is about to be removed. Dropped, it is given back as it was.
#[derive(Debug)]
pub struct Doomed {
    store: Store,
    log: RunLog,
    old: Removable,
}

impl Doomed {
    /// Removes it, unless it was taken over meanwhile: was it removed? That it was stays on record.
    pub fn remove(self) -> Result<bool, StoreError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let Some(row) = self.log.row() else { return Ok(false) };
        let [workspace, run] = self.store.named(&self.old.run);
        self.store.write(Durability::Sync, |driver| {
            if driver.execute(REMOVE, &row)? == 0 {
                return Ok(false);
            }
            let values = [workspace, run, now.into(), self.old.why.as_str().into()];
            driver.execute(RECORD, &values)?;
            Ok(true)
        })
    }
}

const SIZES: &str = "SELECT r.run, r.touched, CAST( \
        COALESCE((SELECT SUM(LENGTH(s.data)) FROM segments s WHERE s.run = r.id), 0) + \
        COALESCE((SELECT SUM(LENGTH(b.data)) FROM links l JOIN blobs b ON b.id = l.blob WHERE l.run = r.id), 0) \
    AS BIGINT), r.holder FROM runs r WHERE r.workspace = ?1 ORDER BY r.run DESC";
const REMOVE: &str = "DELETE FROM runs WHERE id = ?1 AND run = ?2 AND fence = ?3";
const RECORD: &str = "INSERT INTO removals (workspace, run, removed, bound) VALUES (?1, ?2, ?3, ?4)";
const REMOVED: &str =
    "SELECT removed, bound FROM removals WHERE workspace = ?1 AND run = ?2 ORDER BY removed DESC";
const SWEEP: &str = "DELETE FROM blobs WHERE NOT EXISTS (SELECT 1 FROM links WHERE links.blob = blobs.id)";
