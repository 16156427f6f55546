//! Who executes a run, by its row: taken by one process, watched where it is out of sight, and given up where it is dead.

use std::collections::{BTreeMap, BTreeSet};

use super::holder::Hold;
use super::sql::{Row, Value};
use super::watch::{Sight, Watched, look, pause, until_known};
use super::{Durability, RunId, Store, StoreError};

/// A run's row while this process holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) id: i64,
    /// The number under which it is held: each hold has the next one.
    pub(super) fence: i64,
}

impl Held {
    /// The values that name the row as it is held: its number in the table may be another run's by now.
    pub(super) fn named(self, run: &RunId) -> [Value; 3] {
        [self.id.into(), run.as_str().into(), self.fence.into()]
    }
}

/// How far a run had come when it was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub(super) events: u64,
    pub(super) touched: i64,
}

/// The first of the numbers that something is held under. No row that comes later has it again, whichever place it takes.
pub(super) fn first_fence() -> Result<i64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        StoreError::io("read", std::path::Path::new("/dev/urandom"))(std::io::Error::other(error.to_string()))
    })?;
    // with room for those that follow
    Ok((u64::from_le_bytes(bytes) >> 2).cast_signed())
}

/// Takes a run that nobody executes.
pub(super) fn hold(store: &Store, run: &RunId, own: &Hold) -> Result<(Held, Reached), StoreError> {
    let (seen, alive) = until_known(|| glance(store, run))?;
    if alive {
        return Err(StoreError::Busy(run.to_string()));
    }
    store.write(Durability::Batch, |driver| {
        let rows = driver.query(ROW, &store.named(run))?;
        let row = rows.first().ok_or_else(|| StoreError::NoRun(run.to_string()))?;
        let held = Held { id: row.int(0)?, fence: row.int(2)? };
        let [id, name, fence] = held.named(run);
        // a sign of life in the last moment is one
        let free = signs(row) == signs(&seen);
        if !free || driver.execute(HOLD, &[id, name, fence, Value::Text(own.text())])? != 1 {
            return Err(StoreError::Busy(run.to_string()));
        }
        let reached =
            Reached { events: u64::try_from(row.int(3)?).unwrap_or_default(), touched: row.int(1)? };
        Ok((Held { fence: held.fence + 1, ..held }, reached))
    })
}

impl Store {
    /// The runs that a process executes right now, oldest first, as far as can be seen: also those that have recorded nothing
    /// yet, and those whose process may be dead.
    pub fn executed(&self) -> Result<Vec<RunId>, StoreError> {
        let held = self.read(|driver| {
            let shared = driver.is_shared();
            driver.query(HELD, &[self.workspace()]).map(|rows| (rows, shared))
        })?;
        let (rows, shared) = held.unwrap_or_default();
        let mut found = Vec::new();
        for row in &rows {
            let Ok(run) = row.text(0)?.parse::<RunId>() else { continue };
            // all are watched from now on
            if look(Watched::run(self, &run), (row.maybe(5), shared), signs(row)) != Sight::Dead {
                found.push(run);
            }
        }
        Ok(found)
    }

    /// Those of `runs` that a process executes right now. One whose process is out of sight is watched until it is known
    /// whether that lives, all side by side; what a dead one held is free from then on.
    pub fn still_executed(&self, runs: BTreeSet<RunId>) -> Result<BTreeSet<RunId>, StoreError> {
        let (mut open, mut alive) = (runs, BTreeSet::new());
        let mut first = BTreeMap::new();
        while !open.is_empty() {
            for run in std::mem::take(&mut open) {
                let (row, sight) = match glance(self, &run) {
                    Err(StoreError::NoRun(_)) => continue,
                    seen => seen?,
                };
                match sight {
                    Sight::Dead => self.free(&run, &row)?,
                    Sight::Silent(since) if *first.entry(run.clone()).or_insert(since) == since => {
                        open.insert(run);
                    }
                    Sight::Silent(_) | Sight::Alive => drop(alive.insert(run)),
                }
            }
            if !open.is_empty() {
                pause();
            }
        }
        Ok(alive)
    }

    /// What a process held that is dead, nobody holds, for all to see.
    fn free(&self, run: &RunId, seen: &Row) -> Result<(), StoreError> {
        if seen.maybe(5).is_none() {
            return Ok(());
        }
        let values = [seen.int(0)?.into(), run.as_str().into(), seen.int(2)?.into(), seen.int(4)?.into()];
        match self.write(Durability::Batch, |driver| driver.execute(FREE, &values)) {
            Ok(_) | Err(StoreError::ReadOnly(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A run's row, and what is known of who holds it.
fn glance(store: &Store, run: &RunId) -> Result<(Row, Sight), StoreError> {
    let found = store.read(|driver| {
        let shared = driver.is_shared();
        driver.query(ROW, &store.named(run)).map(|rows| (rows, shared))
    })?;
    let (rows, shared) = found.unwrap_or_default();
    let row = rows.into_iter().next().ok_or_else(|| StoreError::NoRun(run.to_string()))?;
    let sight = look(Watched::run(store, run), (row.maybe(5), shared), signs(&row));
    Ok((row, sight))
}

/// What changes as long as a process executes a run: the number that it is held under, its events, its beat, its holder.
fn signs(row: &Row) -> &[Value] {
    row.part(2..6)
}

const ROW: &str =
    "SELECT id, touched, fence, events, beat, holder FROM runs WHERE workspace = ?1 AND run = ?2";
const HELD: &str = "SELECT run, touched, fence, events, beat, holder FROM runs \
    WHERE workspace = ?1 AND holder IS NOT NULL ORDER BY run";
const HOLD: &str = "UPDATE runs SET holder = ?4, fence = fence + 1 WHERE id = ?1 AND run = ?2 AND fence = ?3";
const FREE: &str = "UPDATE runs SET holder = NULL, fence = fence + 1 \
    WHERE id = ?1 AND run = ?2 AND fence = ?3 AND beat = ?4";
