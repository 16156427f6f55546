//! Records of this process, kept until whoever owns the terminal takes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use super::Level;
use super::layer::{LogLayer, Sink};
use super::record::{Field, Record};

/// The most records that are kept; of more, the number is kept.
const MOST: usize = 8192;

/// Records that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Kept {
    records: Mutex<(VecDeque<Record>, i64)>,
}

impl Kept {
    pub(super) fn push(&self, record: Record) {
        let mut kept = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.len() < MOST {
            kept.0.push_back(record);
        } else {
            kept.1 += 1;
        }
    }

    /// Takes all of them, in order; the last one says how many were lost before it.
    pub fn take(&self) -> Vec<Record> {
        let mut kept = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = std::mem::take(&mut kept.1);
        let mut records: Vec<Record> = std::mem::take(&mut kept.0).into();
        if lost > 0
            && let Some(last) = records.last_mut()
        {
            last.put("lost", Field::Number(lost));
        }
        records
    }
}

/// Keeps what this process says from now on. A process can begin once: the level of the first time holds, and whoever
/// begins again takes from the same records.
pub fn begin_here(level: Level) -> Arc<Kept> {
    static KEPT: OnceLock<Arc<Kept>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| {
        let kept = Arc::<Kept>::default();
        let layer = LogLayer::new(level, Sink::Kept(Arc::clone(&kept)));
        // where a program that embeds us has a subscriber of its own, that one hears us
        let _ = tracing::subscriber::set_global_default(registry().with(layer));
        kept
    });
    Arc::clone(kept)
}
