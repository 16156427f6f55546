//! Runs that wait for a worker. A row says that a run is to be executed, and by whom it is; what is to be executed, the
//! ledger of the installation says.

use std::collections::BTreeSet;

use super::holder::{Hold, Holder, Life};
use super::sql::Value;
use super::{Durability, RunId, Store, StoreError};

/// A run that this process is to execute. Dropping it gives it back.
#[derive(Debug)]
pub struct Claim {
    store: Store,
    run: RunId,
    id: i64,
    fence: i64,
    tries: i64,
    /// Told of as long as this is there.
    _hold: Hold,
}

impl Claim {
    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// How often it was claimed, this time counted.
    pub fn tries(&self) -> u64 {
        u64::try_from(self.tries).unwrap_or_default()
    }

    /// Somebody still holds it: it waits again, as if it had not been claimed.
    pub fn postpone(self) -> Result<(), StoreError> {
        let values = [self.id.into(), self.fence.into()];
        self.store.write(Durability::Batch, |driver| driver.execute(POSTPONE, &values)).map(drop)
    }

    /// It is done with: nobody executes it any more.
    pub fn settle(self) -> Result<(), StoreError> {
        let values = [self.id.into(), self.fence.into()];
        self.store.write(Durability::Sync, |driver| driver.execute(SETTLE, &values)).map(drop)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let values = [self.id.into(), self.fence.into()];
        // what cannot be given back is free for this process, and for others as soon as it is gone; what is settled is not there
        let _ = self.store.write(Durability::Batch, |driver| driver.execute(GIVE_BACK, &values));
    }
}

impl Store {
    /// Puts a run into the queue, behind those that are there.
    pub fn enqueue(&self, run: &RunId) -> Result<(), StoreError> {
        self.write(Durability::Sync, |driver| driver.execute(ENQUEUE, &self.named(run))).map(drop)
    }

    /// The runs that wait or are executed for the queue, first come, first.
    pub fn queued(&self) -> Result<Vec<RunId>, StoreError> {
        let rows = self.read(|driver| driver.query(WAITING, &[self.workspace()]))?.unwrap_or_default();
        rows.iter().filter_map(|row| row.text(1).map(|run| run.parse().ok()).transpose()).collect()
    }

    /// Takes a run out of the queue: was it in it? One that is being executed stays.
    pub fn dequeue(&self, run: &RunId) -> Result<bool, StoreError> {
        let waiting = self.read(|driver| {
            let shared = driver.is_shared();
            driver.query(WAITING, &[self.workspace()]).map(|rows| (rows, shared))
        })?;
        let (rows, shared) = waiting.unwrap_or_default();
        for row in rows {
            if row.text(1)? != run.as_str() {
                continue;
            }
            let values = [row.int(0)?.into(), row.int(2)?.into()];
            let held = row.maybe(3).is_some_and(|holder| Holder::life(holder, shared) != Life::Dead);
            if held || self.write(Durability::Sync, |driver| driver.execute(SETTLE, &values))? == 0 {
                return Err(StoreError::Busy(run.to_string()));
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The first run of the queue that nobody executes, for this process; nothing where there is none.
    pub fn claim(&self) -> Result<Option<Claim>, StoreError> {
        self.claim_beside(&BTreeSet::new())
    }

    /// The same, but none of `left`.
    pub fn claim_beside(&self, left: &BTreeSet<RunId>) -> Result<Option<Claim>, StoreError> {
        let waiting = self.read(|driver| {
            let shared = driver.is_shared();
            driver.query(WAITING, &[self.workspace()]).map(|rows| (rows, shared))
        })?;
        let (rows, shared) = waiting.unwrap_or_default();
        for row in rows {
            let (id, fence) = (row.int(0)?, row.int(2)?);
            let Ok(run) = row.text(1)?.parse::<RunId>() else { continue };
            if left.contains(&run) {
                continue;
            }
            if row.maybe(3).is_some_and(|holder| Holder::life(holder, shared) != Life::Dead) {
                continue;
            }
            let hold = Hold::take();
            let values = [id.into(), fence.into(), Value::Text(hold.text())];
            if self.write(Durability::Batch, |driver| driver.execute(CLAIM, &values))? == 1 {
                let tries = row.int(4)? + 1;
                return Ok(Some(Claim {
                    store: self.clone(),
                    run,
                    id,
                    fence: fence + 1,
                    tries,
                    _hold: hold,
                }));
            }
        }
        Ok(None)
    }
}

const ENQUEUE: &str = "INSERT INTO queue (workspace, run, fence, tries) VALUES (?1, ?2, 0, 0) \
    ON CONFLICT (workspace, run) DO NOTHING";
const WAITING: &str = "SELECT id, run, fence, holder, tries FROM queue WHERE workspace = ?1 ORDER BY id";
const CLAIM: &str =
    "UPDATE queue SET holder = ?3, fence = fence + 1, tries = tries + 1 WHERE id = ?1 AND fence = ?2";
const SETTLE: &str = "DELETE FROM queue WHERE id = ?1 AND fence = ?2";
const POSTPONE: &str = "UPDATE queue SET holder = NULL, tries = tries - 1 WHERE id = ?1 AND fence = ?2";
const GIVE_BACK: &str = "UPDATE queue SET holder = NULL WHERE id = ?1 AND fence = ?2";
