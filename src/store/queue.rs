//! Runs that wait for a worker. A row says that a run is to be executed, and by whom it is; what is to be executed, the
//! ledger of the installation says.

use std::collections::BTreeSet;

use super::holder::Hold;
use super::lease::first_fence;
use super::sql::{Row, Value};
use super::watch::{Sight, Watched, look, until_known};
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

    /// The values that name its row as it was claimed: its number in the table may be another run's by now.
    fn named(&self) -> [Value; 3] {
        [self.id.into(), self.run.as_str().into(), self.fence.into()]
    }

    /// Somebody still holds it: it waits again, as if it had not been claimed.
    pub fn postpone(self) -> Result<(), StoreError> {
        let values = self.named();
        self.store.write(Durability::Batch, |driver| driver.execute(POSTPONE, &values)).map(drop)
    }

    /// It is done with: nobody executes it any more.
    pub fn settle(self) -> Result<(), StoreError> {
        let values = self.named();
        self.store.write(Durability::Sync, |driver| driver.execute(SETTLE, &values)).map(drop)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let values = self.named();
        // what cannot be given back is free for this process, and for others as soon as it is gone; what is settled is not there
        let _ = self.store.write(Durability::Batch, |driver| driver.execute(GIVE_BACK, &values));
    }
}

impl Store {
    /// Puts a run into the queue, behind those that are there.
    pub fn enqueue(&self, run: &RunId) -> Result<(), StoreError> {
        let [workspace, name] = self.named(run);
        let values = [workspace, name, first_fence()?.into()];
        self.write(Durability::Sync, |driver| driver.execute(ENQUEUE, &values)).map(drop)
    }

    /// The runs that wait or are executed for the queue, first come, first.
    pub fn queued(&self) -> Result<Vec<RunId>, StoreError> {
        let (rows, _) = self.waiting()?;
        rows.iter().filter_map(|row| row.text(1).map(|run| run.parse().ok()).transpose()).collect()
    }

    /// Takes a run out of the queue: was it in it? One that is being executed stays; where its process is out of sight, that is
    /// watched.
    pub fn dequeue(&self, run: &RunId) -> Result<bool, StoreError> {
        let (row, alive) = until_known(|| {
            let (rows, shared) = self.waiting()?;
            let row = rows.into_iter().find(|row| row.maybe(1) == Some(run.as_str()));
            let sight = row.as_ref().map_or(Sight::Dead, |row| self.sight(row, run, shared));
            Ok((row, sight))
        })?;
        let Some(row) = row else { return Ok(false) };
        let values = [row.int(0)?.into(), run.as_str().into(), row.int(3)?.into()];
        if alive || self.write(Durability::Sync, |driver| driver.execute(SETTLE, &values))? == 0 {
            return Err(StoreError::Busy(run.to_string()));
        }
        Ok(true)
    }

    /// The first run of the queue that nobody executes, for this process; nothing where there is none.
    pub fn claim(&self) -> Result<Option<Claim>, StoreError> {
        self.claim_beside(&BTreeSet::new())
    }

    /// The same, but none of `left`. One whose process is out of sight is watched from now on, and nothing waits for that: it
    /// is taken up by a later call, when it has been silent for long enough.
    pub fn claim_beside(&self, left: &BTreeSet<RunId>) -> Result<Option<Claim>, StoreError> {
        let (rows, shared) = self.waiting()?;
        let mut free = Vec::new();
        for row in rows {
            let Ok(run) = row.text(1)?.parse::<RunId>() else { continue };
            // all are looked at, so that they are watched side by side
            if !left.contains(&run) && self.sight(&row, &run, shared) == Sight::Dead {
                free.push((row, run));
            }
        }
        for (row, run) in free {
            let (id, fence) = (row.int(0)?, row.int(3)?);
            let hold = Hold::take();
            let values = [id.into(), run.as_str().into(), fence.into(), Value::Text(hold.text())];
            if self.write(Durability::Batch, |driver| driver.execute(CLAIM, &values))? == 1 {
                let tries = row.int(2)? + 1;
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

    /// The rows of the queue, and whether others than this machine write there.
    fn waiting(&self) -> Result<(Vec<Row>, bool), StoreError> {
        let waiting = self.read(|driver| {
            let shared = driver.is_shared();
            driver.query(WAITING, &[self.workspace()]).map(|rows| (rows, shared))
        })?;
        Ok(waiting.unwrap_or_default())
    }

    /// What is known of who has to do with a run of the queue: the worker that has claimed it, which shows that it lives by the
    /// run, and whoever executes that.
    fn sight(&self, row: &Row, run: &RunId, shared: bool) -> Sight {
        let claim = look(Watched::claim(self, run), (row.maybe(4), shared), row.part(3..9));
        claim.max(look(Watched::run(self, run), (row.maybe(8), shared), row.part(5..9)))
    }
}

const ENQUEUE: &str = "INSERT INTO queue (workspace, run, fence, tries) VALUES (?1, ?2, ?3, 0) \
    ON CONFLICT (workspace, run) DO NOTHING";
const WAITING: &str = "SELECT q.id, q.run, q.tries, q.fence, q.holder, \
    COALESCE(r.fence, 0), COALESCE(r.events, 0), COALESCE(r.beat, 0), r.holder \
    FROM queue q LEFT JOIN runs r ON r.workspace = q.workspace AND r.run = q.run WHERE q.workspace = ?1 ORDER BY q.id";
const CLAIM: &str = "UPDATE queue SET holder = ?4, fence = fence + 1, tries = tries + 1 \
    WHERE id = ?1 AND run = ?2 AND fence = ?3";
const SETTLE: &str = "DELETE FROM queue WHERE id = ?1 AND run = ?2 AND fence = ?3";
const POSTPONE: &str =
    "UPDATE queue SET holder = NULL, tries = tries - 1 WHERE id = ?1 AND run = ?2 AND fence = ?3";
const GIVE_BACK: &str = "UPDATE queue SET holder = NULL WHERE id = ?1 AND run = ?2 AND fence = ?3";
