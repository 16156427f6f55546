//! Holders of which nobody here can say whether they live are watched: one that shows no sign of life for a minute is dead.
//! Signs are counted, and no clock of anybody's is read. What was seen is remembered by this process, so that many are
//! watched side by side, and whoever has other work meanwhile need not stand and wait.
#![expect(clippy::disallowed_methods, reason = "silence takes time")]

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::holder::{Holder, Life};
use super::sql::Value;
use super::{RunId, Store, StoreError};

/// A process that shows no sign of life for so long is dead; it shows one every quarter of that.
#[cfg(not(test))]
const SILENCE: Duration = Duration::from_mins(1);
/// So often is looked.
#[cfg(not(test))]
const GLANCE: Duration = Duration::from_millis(500);
/// Tests have signs more often.
#[cfg(test)]
const SILENCE: Duration = Duration::from_secs(2);
#[cfg(test)]
const GLANCE: Duration = Duration::from_millis(20);

/// What this process has seen last of what is out of sight, and since when.
static SEEN: Mutex<BTreeMap<Watched, (Vec<Value>, Instant)>> = Mutex::new(BTreeMap::new());

/// Something that a process holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Watched {
    store: String,
    workspace: String,
    run: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The run itself.
    Run,
    /// Its place in the queue.
    Claim,
}

impl Watched {
    pub(super) fn run(store: &Store, run: &RunId) -> Self {
        Self { store: store.place(), workspace: store.id(), run: run.to_string(), what: What::Run }
    }

    pub(super) fn claim(store: &Store, run: &RunId) -> Self {
        Self { what: What::Claim, ..Self::run(store, run) }
    }
}

/// What is known of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// It has ended, or nobody holds it.
    Dead,
    /// It has shown no sign since then; nobody knows.
    Silent(Instant),
    /// It lives.
    Alive,
}

/// Looks at what `holder` holds, once. Where the process is out of sight, each change of `signs` shows that it lives.
pub(super) fn look(what: Watched, (holder, shared): (Option<&str>, bool), signs: &[Value]) -> Sight {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    match holder.map_or(Life::Dead, |holder| Holder::life(holder, shared)) {
        Life::Unknown => {
            let (before, since) = seen.entry(what).or_insert_with(|| (signs.to_vec(), Instant::now()));
            if before != signs {
                (*before, *since) = (signs.to_vec(), Instant::now());
            }
            if since.elapsed() >= SILENCE { Sight::Dead } else { Sight::Silent(*since) }
        }
        known => {
            seen.remove(&what);
            if known == Life::Alive { Sight::Alive } else { Sight::Dead }
        }
    }
}

/// Looks again and again until it is known whether the holder lives, and says whether it does, with what was seen last.
pub(super) fn until_known<T>(
    mut glance: impl FnMut() -> Result<(T, Sight), StoreError>,
) -> Result<(T, bool), StoreError> {
    let mut before = None;
    loop {
        let (seen, sight) = glance()?;
        match sight {
            Sight::Dead => return Ok((seen, false)),
            Sight::Alive => return Ok((seen, true)),
            // a sign that came before this began says nothing of now
            Sight::Silent(since) if before.is_some_and(|before| before != since) => return Ok((seen, true)),
            Sight::Silent(since) => before = Some(since),
        }
        pause();
    }
}

/// Between two looks.
pub(super) fn pause() {
    thread::sleep(GLANCE);
}
