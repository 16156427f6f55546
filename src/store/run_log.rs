//! The log of one run that this process executes: lines are gathered, then written in one transaction before anything
//! acts on them. Many small writes become one deflated piece as the log grows.
#![expect(clippy::disallowed_methods, reason = "a run is kept by how long nothing was added to it")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::holder::Hold;
use super::lease::{Held, Reached, first_fence, hold};
use super::pack::{PLAIN, Packed};
use super::recorded::{Of, Recorded, Vouching};
use super::sql::{Driver, Value};
use super::{Durability, RunId, Store, StoreError};
use crate::digest::{Digest, MacKey};

/// Lines are kept as they come until there are so many bytes of them; then they become one piece.
const PIECE: usize = 64 << 10;

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
    vouching: Vouching,
    touched: i64,
    /// A commit has failed, and may have come to the database all the same.
    unsure: bool,
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
            vouching: Vouching::nobody(Of::new(&store, run)),
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
    ) -> Result<(Self, Recorded), StoreError> {
        let mut log = Self::take(store, run, durability)?;
        let before = log.recorded()?;
        Ok((log, before))
    }

    /// Holds the run, and reads nothing of what it has recorded.
    pub(super) fn take(store: Store, run: &RunId, durability: Durability) -> Result<Self, StoreError> {
        let own = Hold::take();
        let (held, Reached { events, touched }) = hold(&store, run, &own)?;
        Ok(Self {
            vouching: Vouching::nobody(Of::new(&store, run)),
            store,
            run: run.clone(),
            durability,
            hold: own,
            held: Some(held),
            events,
            tail: String::new(),
            tail_first: events + 1,
            waiting: Waiting::default(),
            touched,
            unsure: false,
        })
    }

    /// From now on whoever has this key vouches for what is written, and for what was there when this was opened: to be said once
    /// that is known to be so.
    pub fn vouched_by(&mut self, key: &MacKey) {
        self.vouching.by(key);
    }

    /// When something was added to it last, in milliseconds since 1970.
    pub(super) fn touched(&self) -> i64 {
        self.touched
    }

    /// The values that name the row that is held; none before it is written.
    pub(super) fn row(&self) -> Option<[Value; 3]> {
        self.held.map(|held| held.named(&self.run))
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
        let Some(values) = self.row() else { return Ok(()) };
        let beaten = self.store.write(Durability::Batch, |driver| driver.execute(BEAT, &values))?;
        if beaten == 1 { Ok(()) } else { Err(StoreError::TakenOver(self.run.to_string())) }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        let [workspace, run] = self.store.named(&self.run);
        let (durability, holder) = (self.durability.as_str(), self.hold.text());
        let (now, fence) = (self.now(), first_fence()?);
        let values = [workspace, run, durability.into(), now.into(), Value::Text(holder), fence.into()];
        let rows = self.store.write(self.durability, |driver| driver.query(CREATE, &values))?;
        if let Some(row) = rows.first() {
            self.held = Some(Held { id: row.int(0)?, fence });
            return Ok(());
        }
        // a process that has died may have begun it, and recorded nothing
        let (held, Reached { events, .. }) = hold(&self.store, &self.run, &self.hold)?;
        self.held = Some(held);
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
        let whole = self.vouching.with(&self.waiting.lines);
        let code = self.vouching.code(events, &whole).map_or(Value::Null, Value::Text);
        let written = self.store.write(durability, |driver| {
            let [id, run, fence] = held.named(&self.run);
            let values = [id, run, fence, events.into(), touched.into(), self.events.into(), code];
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
        self.vouching.wrote(whole);
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
        let [id, run, fence] = held.named(&self.run);
        let values = [id, run, fence, self.now().into()];
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
    fn recorded(&mut self) -> Result<Recorded, StoreError> {
        let (of, events) = (Of::new(&self.store, &self.run), self.events);
        let Some(values) = self.row() else { return Ok(Recorded::nothing(of)) };
        let rows = self.store.read(|driver| driver.query(RECORDED, &values))?.unwrap_or_default();
        let code = rows.first().and_then(|row| row.maybe(4)).map(str::to_owned);
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
        self.vouching.wrote(self.vouching.with(&text));
        Ok(Recorded { text, of, events, code })
    }

    /// The time, which does not go back.
    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now.as_millis() as i64).max(self.touched)
    }
}

impl Drop for RunLog {
    fn drop(&mut self) {
        let Some(values) = self.row() else { return };
        // a run that cannot be given back is free for this process, and for others as soon as it is gone
        let _ = self.store.write(Durability::Batch, |driver| {
            driver.execute(GIVE_BACK, &values)?;
            driver.execute(FORGET_EMPTY, &values)
        });
    }
}

const CREATE: &str = "INSERT INTO runs (workspace, run, events, durability, touched, holder, fence, beat) \
    VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, 0) ON CONFLICT (workspace, run) DO NOTHING RETURNING id";
const BEAT: &str = "UPDATE runs SET beat = beat + 1 WHERE id = ?1 AND run = ?2 AND fence = ?3";
const ADVANCE: &str = "UPDATE runs SET events = ?4, touched = ?5, code = ?7 \
    WHERE id = ?1 AND run = ?2 AND fence = ?3 AND events = ?6";
const CONFIRM: &str = "UPDATE runs SET touched = ?4 WHERE id = ?1 AND run = ?2 AND fence = ?3";
const GIVE_BACK: &str = "UPDATE runs SET holder = NULL WHERE id = ?1 AND run = ?2 AND fence = ?3";
const FORGET_EMPTY: &str = "DELETE FROM runs WHERE id = ?1 AND run = ?2 AND fence = ?3 AND events = 0";
const DROP_TAIL: &str = "DELETE FROM segments WHERE run = ?1 AND first_seq >= ?2";
const ADD: &str =
    "INSERT INTO segments (run, first_seq, events, codec, size, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const RECORDED: &str = "SELECT s.codec, s.size, s.data, s.first_seq, r.code FROM segments s JOIN runs r ON r.id = s.run \
    WHERE r.id = ?1 AND r.run = ?2 AND r.fence = ?3 ORDER BY s.first_seq";
const HAS_BLOB: &str = "SELECT id FROM blobs WHERE digest = ?1";
const ADD_BLOB: &str = "INSERT INTO blobs (digest, codec, size, data) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (digest) DO NOTHING";
const LINK: &str = "INSERT INTO links (run, blob) SELECT CAST(?1 AS BIGINT), id FROM blobs WHERE digest = ?2 ON CONFLICT DO NOTHING";

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
