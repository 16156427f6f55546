//! Changes, told once they are over: a burst of them is one.
#![expect(clippy::disallowed_methods, reason = "how long a burst goes on is read from the clock")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::Places;

/// So long nothing changes before a burst is over.
const QUIET: Duration = Duration::from_millis(40);
/// A burst that does not end is told after this time.
const LONGEST: Duration = Duration::from_secs(3);

/// Why nothing can be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system refused.
    #[error(
        "cannot watch for changes: {0}; on Linux `fs.inotify.max_user_watches` and `max_user_instances` bound what can be watched"
    )]
    System(#[from] notify::Error),
    /// There is no such folder.
    #[error("none of the folders that would be watched exists")]
    Nothing,
}

/// A watch over folders.
pub struct Changes {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    places: Arc<Mutex<Places>>,
    bell: Receiver<()>,
}

impl Changes {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no watch left, or none at all.
    pub fn new() -> Result<Self, WatchError> {
        // one ring is enough, however many changes there are before it is heard
        let (ring, bell) = sync_channel(1);
        let places = Arc::new(Mutex::new(Places::default()));
        let known = Arc::clone(&places);
        let watcher = notify::recommended_watcher(move |event| hear(event, &known, &ring))?;
        Ok(Self { watcher, watched: BTreeSet::new(), places, bell })
    }

    /// Watches these places from here on, and no others. What changes after this is told by [`wait`](Self::wait), so
    /// read the files afterwards. A folder that was replaced meanwhile is watched anew.
    ///
    /// # Errors
    /// None of the folders can be watched.
    pub fn watch(&mut self, places: Places) -> Result<(), WatchError> {
        for folder in std::mem::take(&mut self.watched) {
            // one that is gone is not watched any more
            let _ = self.watcher.unwatch(&folder);
        }
        let mut refused = None;
        for folder in &places.folders {
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(folder.clone())),
                // it may be gone by now; the one around it tells when it is back
                Err(error) => refused = Some(error),
            }
        }
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = places;
        match refused {
            _ if !self.watched.is_empty() => Ok(()),
            Some(error) => Err(error.into()),
            None => Err(WatchError::Nothing),
        }
    }

    /// Waits until something has changed and is quiet again; false where `most` has passed before.
    pub fn wait(&self, most: Option<Duration>) -> bool {
        let rung = match most {
            Some(most) => self.bell.recv_timeout(most).is_ok(),
            None => self.bell.recv().is_ok(),
        };
        if !rung {
            return false;
        }
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            match self.bell.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        true
    }
}

/// A change rings; that somebody reads does not. What could not be told apart, rings.
fn hear(event: notify::Result<Event>, places: &Mutex<Places>, ring: &SyncSender<()>) {
    let counts = match event {
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
        Ok(event) => {
            let places = places.lock().unwrap_or_else(PoisonError::into_inner);
            event.need_rescan()
                || event.paths.is_empty()
                || event.paths.iter().any(|path| places.concern(path))
        }
        Err(_) => true,
    };
    if counts {
        // it rings already, or nobody listens any more
        let _ = ring.try_send(());
    }
}
