//! The log of one run that this process executes: lines are gathered, then written in one transaction before anything
//! acts on them. Many small writes become one deflated piece as the log grows.
#![expect(clippy::disallowed_methods, reason = "a run is kept by how long nothing was added to it")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::holder::{Hold, Holder, Life};
use super::pack::{PLAIN, Packed};
use super::sql::{Driver, Row, Value};
use super::{Durability, RunId, Store, StoreError};
use crate::digest::Digest;

/// Lines are kept as they come until there are so many bytes of them; then they become one piece.
const PIECE: usize = 64 << 10;

/// A process that shows no sign of life for so long is dead; it shows one every quarter of that.
#[cfg(not(test))]
const SILENCE: Duration = Duration::from_mins(1);
/// Tests have signs more often.
#[cfg(test)]
const SILENCE: Duration = Duration::from_secs(2);

/// An append-only log of lines, held by this process. Dropping it gives the run back.
#[derive(Debug)]
pub struct RunLog {
    store: Store,
    run: RunId,
    durability: Durability,
    /// That this process executes it.
    hold: Hold,
    /// Its row, and the number under which this process holds it; none before it is written.
    held: Option<Held>,
    /// Events that are written.
    events: u64,
    /// Lines that are written one by one, from event `tail_first` on.
    tail: String,
    tail_first: u64,
    waiting: Waiting,
    touched: i64,
    /// A commit has failed, and may have come to the database all the same.
    unsure: bool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    id: i64,
    fence: i64,
}

/// What is not written yet.
#[derive(Debug, Default)]
struct Waiting {
    lines: String,
    events: u64,
    blobs: Vec<(Digest, Vec<u8>)>,
}

impl RunLog {
    pub(super) fn create(store: Store, run: &RunId, durability: Durability) -> Result<Self, StoreError> {
        let mut log = Self {
            store,
            run: run.clone(),
            durability,
            hold: Hold::take(),
            held: None,
            events: 0,
            tail: String::new(),
            tail_first: 1,
            waiting: Waiting::default(),
            touched: 0,
            unsure: false,
        };
        if durability != Durability::None {
            log.begin()?;
        }
        Ok(log)
    }

    pub(super) fn reopen(
        store: Store,
        run: &RunId,
        durability: Durability,
    ) -> Result<(Self, String), StoreError> {
        let own = Hold::take();
        let (id, fence, events, touched) = hold(&store, run, &own)?;
        let mut log = Self {
            store,
            run: run.clone(),
            durability,
            hold: own,
            held: Some(Held { id, fence }),
            events,
            tail: String::new(),
            tail_first: events + 1,
            waiting: Waiting::default(),
            touched,
            unsure: false,
        };
        let before = log.recorded(id)?;
        Ok((log, before))
    }

    /// Adds a line, without its line break, and the payloads that it names. Nothing is written before
    /// [`commit`](Self::commit).
    pub fn append(&mut self, line: &str, blobs: impl IntoIterator<Item = (Digest, Vec<u8>)>) {
        self.waiting.lines.push_str(line);
        self.waiting.lines.push('\n');
        self.waiting.events += 1;
        self.waiting.blobs.extend(blobs);
    }

    /// Writes what was added, as durable as was asked for. What cannot be written was not recorded, and is given up.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.commit_as(self.durability)
    }

    /// The same, and with everything before it on the disk when this returns, unless the run is kept in memory: something
    /// is done, or kept elsewhere, that says it is there.
    pub fn commit_to_disk(&mut self) -> Result<(), StoreError> {
        self.commit_as(Durability::Sync)
    }

    fn commit_as(&mut self, durability: Durability) -> Result<(), StoreError> {
        if self.is_in_memory() || self.waiting.events == 0 {
            return Ok(());
        }
        if self.unsure {
            return Err(StoreError::Behind(self.run.to_string()));
        }
        self.write(durability, false)
    }

    /// Is nothing of it written before its end?
    pub fn is_in_memory(&self) -> bool {
        self.durability == Durability::None
    }

    /// Writes what was added, whatever the durability, and is sure that all of it is on the disk and this process still
    /// holds the run: nothing follows. The run is held until this is dropped.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        if self.held.is_none() && self.waiting.events > 0 {
            self.begin()?;
        }
        match self.held {
            Some(held) if self.unsure => self.confirm(held),
            Some(_) => self.write(Durability::Sync, true),
            None => Ok(()),
        }
    }

    /// How many events this process knows to be written.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A payload that the run has named, unchecked.
    pub fn payload(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some((_, bytes)) = self.waiting.blobs.iter().find(|(known, _)| known == digest) {
            return Ok(Some(bytes.clone()));
        }
        self.held.map_or(Ok(None), |held| self.store.payload_of(held.id, digest))
    }

    /// How often others are shown that this process still executes the run.
    pub const PULSE: Duration = Duration::from_secs(15);

    /// Shows others that this process still executes the run, where they cannot look.
    pub fn beat(&mut self) -> Result<(), StoreError> {
        let Some(Held { id, fence }) = self.held else { return Ok(()) };
        let values = [id.into(), fence.into()];
        let beaten = self.store.write(Durability::Batch, |driver| driver.execute(BEAT, &values))?;
        if beaten == 1 { Ok(()) } else { Err(StoreError::TakenOver(self.run.to_string())) }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        let [workspace, run] = self.store.named(&self.run);
        let (durability, holder) = (self.durability.as_str(), self.hold.text());
        let values = [workspace, run, durability.into(), self.now().into(), Value::Text(holder)];
        let rows = self.store.write(self.durability, |driver| driver.query(CREATE, &values))?;
        if let Some(row) = rows.first() {
            self.held = Some(Held { id: row.int(0)?, fence: 1 });
            return Ok(());
        }
        // a process that has died may have begun it, and recorded nothing
        let (id, fence, events, _) = hold(&self.store, &self.run, &self.hold)?;
        self.held = Some(Held { id, fence });
        if events == 0 { Ok(()) } else { Err(StoreError::Busy(self.run.to_string())) }
    }

    fn write(&mut self, durability: Durability, last: bool) -> Result<(), StoreError> {
        let Some(held) = self.held else { return Ok(()) };
        // two that write the same payloads do not wait for each other
        self.waiting.blobs.sort_by_key(|(digest, _)| *digest);
        let touched = self.now();
        let events = self.events + self.waiting.events;
        let grown = self.tail.len() + self.waiting.lines.len() >= PIECE;
        let piece = grown || last && self.tail_first <= events;
        let written = self.store.write(durability, |driver| {
            let values =
                [events.into(), touched.into(), held.id.into(), held.fence.into(), self.events.into()];
            if driver.execute(ADVANCE, &values)? != 1 {
                return Err(StoreError::TakenOver(self.run.to_string()));
            }
            if !self.waiting.blobs.is_empty() {
                driver.hold_payloads(false)?;
            }
            for (digest, bytes) in &self.waiting.blobs {
                keep_blob(driver, held.id, digest, bytes)?;
            }
            if piece {
                self.write_piece(driver, held.id, events)
            } else if self.waiting.events > 0 {
                self.write_lines(driver, held.id)
            } else {
                Ok(())
            }
        });
        let Waiting { lines, .. } = std::mem::take(&mut self.waiting);
        self.unsure = written.is_err();
        written?;
        (self.events, self.touched) = (events, touched);
        if piece {
            self.tail.clear();
            self.tail_first = events + 1;
        } else {
            self.tail.push_str(&lines);
        }
        Ok(())
    }

    /// After a commit of which nobody knows what became: is the run still held, and what is known of it on the disk?
    fn confirm(&self, held: Held) -> Result<(), StoreError> {
        let values = [self.now().into(), held.id.into(), held.fence.into()];
        match self.store.write(Durability::Sync, |driver| driver.execute(CONFIRM, &values))? {
            1 => Ok(()),
            _ => Err(StoreError::TakenOver(self.run.to_string())),
        }
    }

    fn write_lines(&self, driver: &mut dyn Driver, id: i64) -> Result<(), StoreError> {
        let packed = Packed::plain(self.waiting.lines.as_bytes());
        write_segment(driver, id, self.events + 1, self.waiting.events, packed)
    }

    /// The lines that were written one by one, and those that wait, as one piece.
    fn write_piece(&self, driver: &mut dyn Driver, id: i64, events: u64) -> Result<(), StoreError> {
        driver.execute(DROP_TAIL, &[id.into(), self.tail_first.into()])?;
        let whole = [self.tail.as_bytes(), self.waiting.lines.as_bytes()].concat();
        write_segment(driver, id, self.tail_first, events + 1 - self.tail_first, Packed::of(&whole))
    }

    /// What is written already. What of it stands line by line at the end will be part of the next piece.
    fn recorded(&mut self, id: i64) -> Result<String, StoreError> {
        let rows = self.store.read(|driver| driver.query(RECORDED, &[id.into()]))?.unwrap_or_default();
        let mut text = String::new();
        let mut plain = String::new();
        for mut row in rows {
            let (codec, first) = (row.int(0)?, row.int(3)?);
            let lines = self.store.segment(&mut row)?;
            if codec != PLAIN {
                plain.clear();
            } else if plain.is_empty() {
                self.tail_first = u64::try_from(first).unwrap_or(u64::MAX);
            }
            if codec == PLAIN {
                plain.push_str(&lines);
            }
            text.push_str(&lines);
        }
        if plain.is_empty() {
            self.tail_first = self.events + 1;
        }
        self.tail = plain;
        Ok(text)
    }

    /// The time, which does not go back.
    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now.as_millis() as i64).max(self.touched)
    }
}

impl Drop for RunLog {
    fn drop(&mut self) {
        let Some(Held { id, fence }) = self.held else { return };
        let values = [id.into(), fence.into()];
        // a run that cannot be given back is free for this process, and for others as soon as it is gone
        let _ = self.store.write(Durability::Batch, |driver| {
            driver.execute(GIVE_BACK, &values)?;
            driver.execute(FORGET_EMPTY, &values)
        });
    }
}

const CREATE: &str = "INSERT INTO runs (workspace, run, events, durability, touched, holder, fence, beat) \
    VALUES (?1, ?2, 0, ?3, ?4, ?5, 1, 0) ON CONFLICT (workspace, run) DO NOTHING RETURNING id";
const HELD_BY: &str =
    "SELECT id, fence, holder, events, touched, beat FROM runs WHERE workspace = ?1 AND run = ?2";
const HOLD: &str = "UPDATE runs SET holder = ?3, fence = fence + 1 WHERE id = ?1 AND fence = ?2";
const BEAT: &str = "UPDATE runs SET beat = beat + 1 WHERE id = ?1 AND fence = ?2";
const ADVANCE: &str =
    "UPDATE runs SET events = ?1, touched = ?2 WHERE id = ?3 AND fence = ?4 AND events = ?5";
const CONFIRM: &str = "UPDATE runs SET touched = ?1 WHERE id = ?2 AND fence = ?3";
const GIVE_BACK: &str = "UPDATE runs SET holder = NULL WHERE id = ?1 AND fence = ?2";
const FORGET_EMPTY: &str = "DELETE FROM runs WHERE id = ?1 AND fence = ?2 AND events = 0";
const DROP_TAIL: &str = "DELETE FROM segments WHERE run = ?1 AND first_seq >= ?2";
const ADD: &str =
    "INSERT INTO segments (run, first_seq, events, codec, size, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const RECORDED: &str = "SELECT codec, size, data, first_seq FROM segments WHERE run = ?1 ORDER BY first_seq";
const HAS_BLOB: &str = "SELECT id FROM blobs WHERE digest = ?1";
const ADD_BLOB: &str = "INSERT INTO blobs (digest, codec, size, data) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (digest) DO NOTHING";
const LINK: &str = "INSERT INTO links (run, blob) SELECT CAST(?1 AS BIGINT), id FROM blobs WHERE digest = ?2 ON CONFLICT DO NOTHING";

/// Takes a run that nobody executes: its row, the number under which it is held, and how far it has come.
fn hold(store: &Store, run: &RunId, own: &Hold) -> Result<(i64, i64, u64, i64), StoreError> {
    let named = store.named(run);
    let known = store.read(|driver| driver.query(HELD_BY, &named))?.unwrap_or_default();
    if known.is_empty() {
        return Err(StoreError::NoRun(run.to_string()));
    }
    if let [row] = &known[..]
        && is_out_of_sight(store, row)?
    {
        watch(store, run, row)?;
    }
    let seen = known.first().map(|row| row.int(1)).transpose()?;
    store.write(Durability::Batch, |driver| {
        let rows = driver.query(HELD_BY, &named)?;
        let row = rows.first().ok_or_else(|| StoreError::NoRun(run.to_string()))?;
        let (id, fence) = (row.int(0)?, row.int(1)?);
        let shared = driver.is_shared();
        // one that is out of sight was watched
        let alive = row.maybe(2).is_some_and(|holder| Holder::life(holder, shared) == Life::Alive);
        if alive || seen != Some(fence) {
            return Err(StoreError::Busy(run.to_string()));
        }
        let values = [id.into(), fence.into(), Value::Text(own.text())];
        if driver.execute(HOLD, &values)? != 1 {
            return Err(StoreError::Busy(run.to_string()));
        }
        Ok((id, fence + 1, u64::try_from(row.int(3)?).unwrap_or_default(), row.int(4)?))
    })
}

/// Does a process hold it of which nobody here can say whether it lives?
fn is_out_of_sight(store: &Store, row: &Row) -> Result<bool, StoreError> {
    let shared = store.read(|driver| Ok(driver.is_shared()))?.unwrap_or_default();
    Ok(row.maybe(2).is_some_and(|holder| Holder::life(holder, shared) == Life::Unknown))
}

/// Watches a run that somebody elsewhere holds: one that shows no sign of life for so long is dead. Counts signs, and reads
/// no clock of anybody's.
fn watch(store: &Store, run: &RunId, before: &Row) -> Result<(), StoreError> {
    std::thread::sleep(SILENCE);
    let now = store.read(|driver| driver.query(HELD_BY, &store.named(run)))?.unwrap_or_default();
    let now = now.first().ok_or_else(|| StoreError::NoRun(run.to_string()))?;
    for sign in [1, 3, 5] {
        if now.int(sign)? != before.int(sign)? {
            return Err(StoreError::Busy(run.to_string()));
        }
    }
    Ok(())
}

fn write_segment(
    driver: &mut dyn Driver,
    id: i64,
    first: u64,
    events: u64,
    packed: Packed,
) -> Result<(), StoreError> {
    let Packed { codec, size, data } = packed;
    let values = [id.into(), first.into(), events.into(), codec.into(), size.into(), Value::Bytes(data)];
    driver.execute(ADD, &values).map(drop)
}

fn keep_blob(driver: &mut dyn Driver, id: i64, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
    let name = Value::Bytes(digest.bytes().to_vec());
    if driver.query(HAS_BLOB, std::slice::from_ref(&name))?.is_empty() {
        let Packed { codec, size, data } = Packed::of(bytes);
        driver.execute(ADD_BLOB, &[name.clone(), codec.into(), size.into(), Value::Bytes(data)])?;
    }
    driver.execute(LINK, &[id.into(), name]).map(drop)
}
