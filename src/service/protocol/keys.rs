//! Idempotency keys of one session: the same key with the same call gets the first result, whether that is there already or
//! still comes; with another call it is a conflict. A call that waits for a person did nothing, and its key is good for it
//! again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::digest::Digest;
use crate::effect::{ToolCall, ToolResult};

/// Keys that are remembered.
const KEYS: usize = 200_000;
/// Results that are kept for them, in bytes of their JSON.
const BYTES: usize = 32 << 20;

/// The keys of a session.
#[derive(Debug, Default)]
pub(super) struct Keys {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_key: BTreeMap<String, Entry>,
    /// The oldest first.
    order: VecDeque<String>,
    /// Those whose results are kept, the oldest first, with their bytes.
    kept: VecDeque<(String, usize)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    call: Digest,
    stage: Stage,
}

/// What has become of a call.
#[derive(Debug)]
enum Stage {
    /// It is under way, or has ended.
    Made(Progress),
    /// It has ended, and its result is not kept any more.
    Gone,
    /// A person is asked, and nothing was done.
    Asked,
}

/// A call as all see it that wait for it.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    result: watch::Receiver<Option<Arc<ToolResult>>>,
    cancelled: Arc<AtomicBool>,
}

/// What a key means for a call that brings it.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is new, or there is none: the call is made.
    First(First),
    /// The call is, or was, under way.
    Again(Progress),
    /// It was another call's.
    Other,
    /// It was this call's, and its result is not kept any more.
    Gone,
}

/// A call that is to be made. Dropped without a result, it is as if it had never come.
#[derive(Debug)]
pub(super) struct First {
    keys: Arc<Keys>,
    key: String,
    told: watch::Sender<Option<Arc<ToolResult>>>,
    cancelled: Arc<AtomicBool>,
    settled: bool,
}

impl Keys {
    /// Takes the key of a call.
    pub(super) fn take(self: &Arc<Self>, call: &ToolCall) -> Taken {
        let key = call.idempotency_key.clone();
        let (told, result) = watch::channel(None);
        let cancelled = Arc::<AtomicBool>::default();
        if !key.is_empty() {
            let of = Digest::of_json(&serde_json::json!([call.tool, call.input, call.run, call.node]));
            let mut table = self.table();
            let fresh = Stage::Made(Progress { result, cancelled: Arc::clone(&cancelled) });
            match table.by_key.get_mut(&key) {
                Some(entry) if entry.call != of => return Taken::Other,
                Some(Entry { stage: Stage::Made(progress), .. }) => return Taken::Again(progress.clone()),
                Some(Entry { stage: Stage::Gone, .. }) => return Taken::Gone,
                Some(entry) => entry.stage = fresh,
                None => table.add(&key, Entry { call: of, stage: fresh }),
            }
        }
        Taken::First(First { keys: Arc::clone(self), key, told, cancelled, settled: false })
    }

    /// The call with this key, if there was one that is remembered.
    pub(super) fn find(&self, key: &str) -> Option<Option<Progress>> {
        self.table().by_key.get(key).map(|entry| match &entry.stage {
            Stage::Made(progress) => Some(progress.clone()),
            Stage::Gone | Stage::Asked => None,
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // nothing in it is ever half done
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, key: &str, entry: Entry) {
        self.by_key.insert(key.to_owned(), entry);
        self.order.push_back(key.to_owned());
        if self.order.len() > KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    fn keep(&mut self, key: &str, bytes: usize) {
        self.kept.push_back((key.to_owned(), bytes));
        self.bytes += bytes;
        while self.bytes > BYTES
            && let Some((oldest, bytes)) = self.kept.pop_front()
        {
            self.bytes -= bytes;
            if let Some(entry) = self.by_key.get_mut(&oldest) {
                entry.stage = Stage::Gone;
            }
        }
    }

    /// The call of a key waits for a person.
    fn ask(&mut self, key: &str) {
        if let Some(entry) = self.by_key.get_mut(key) {
            entry.stage = Stage::Asked;
        }
    }
}

impl Progress {
    /// The result, as soon as it is there; none where the call was not made after all.
    pub(super) async fn result(mut self) -> Option<Arc<ToolResult>> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }

    /// Has it ended?
    pub(super) fn is_over(&self) -> bool {
        self.result.borrow().is_some() || self.result.has_changed().is_err()
    }

    /// It is to end, also where it has not begun yet.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }
}

impl First {
    /// Was it to end before it began?
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// It has ended.
    pub(super) fn settle(mut self, result: ToolResult) -> Arc<ToolResult> {
        self.settled = true;
        let result = Arc::new(result);
        if !self.key.is_empty() {
            if result.wants_approval() {
                self.keys.table().ask(&self.key);
            } else {
                let bytes = serde_json::to_vec(&*result).map_or(0, |text| text.len());
                self.keys.table().keep(&self.key, bytes);
            }
            // nobody may wait for it
            let _ = self.told.send(Some(Arc::clone(&result)));
        }
        result
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.settled && !self.key.is_empty() {
            let mut table = self.keys.table();
            table.by_key.remove(&self.key);
            table.order.retain(|key| *key != self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::effect::{ErrorKind, ToolError};

    fn call(key: &str, path: &str) -> ToolCall {
        ToolCall { idempotency_key: key.into(), ..ToolCall::new("read_file", json!({ "path": path })) }
    }

    fn first(keys: &Arc<Keys>, call: &ToolCall) -> First {
        match keys.take(call) {
            Taken::First(first) => first,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_key_is_one_call_s_whether_it_still_runs_or_not() {
        let keys = Arc::<Keys>::default();
        let running = first(&keys, &call("k", "a"));
        assert!(matches!(keys.take(&call("k", "b")), Taken::Other));
        let Taken::Again(progress) = keys.take(&call("k", "a")) else { panic!() };
        assert!(!progress.is_over());
        let waiting = tokio::spawn(progress.clone().result());
        running.settle(ToolResult::success("read_file", json!(1)));
        assert_eq!(waiting.await.unwrap().unwrap().output, 1);
        assert!(progress.is_over());
        let Taken::Again(after) = keys.take(&call("k", "a")) else { panic!() };
        assert_eq!(after.result().await.unwrap().output, 1);
        // without a key, each is its own
        drop(first(&keys, &call("", "a")));
        drop(first(&keys, &call("", "a")));
    }

    #[tokio::test]
    async fn a_call_that_was_not_made_leaves_its_key_free_and_who_waited_without_a_result() {
        let keys = Arc::<Keys>::default();
        let running = first(&keys, &call("k", "a"));
        let Taken::Again(progress) = keys.take(&call("k", "a")) else { panic!() };
        progress.cancel();
        assert!(running.is_cancelled());
        drop(running);
        assert!(progress.is_over());
        assert!(progress.result().await.is_none());
        drop(first(&keys, &call("k", "b")));
    }

    #[tokio::test]
    async fn a_call_that_waits_for_a_person_may_be_made_again_and_no_other_one_with_its_key() {
        let keys = Arc::<Keys>::default();
        let running = first(&keys, &call("k", "a"));
        let Taken::Again(progress) = keys.take(&call("k", "a")) else { panic!() };
        let error = ToolError::new(ErrorKind::ApprovalRequired, "it asks");
        running.settle(ToolResult::failure("read_file", error));
        assert!(progress.result().await.is_some_and(|result| result.wants_approval()));
        assert!(matches!(keys.take(&call("k", "b")), Taken::Other));
        assert!(matches!(keys.find("k"), Some(None)));
        first(&keys, &call("k", "a")).settle(ToolResult::success("read_file", json!(1)));
        let Taken::Again(after) = keys.take(&call("k", "a")) else { panic!() };
        assert_eq!(after.result().await.unwrap().output, 1);
    }

    #[test]
    fn the_oldest_results_go_first_and_their_keys_still_count() {
        let keys = Arc::<Keys>::default();
        let large = "x".repeat(BYTES / 2);
        for key in ["a", "b", "c"] {
            first(&keys, &call(key, "p")).settle(ToolResult::success("read_file", json!(large)));
        }
        assert!(matches!(keys.take(&call("a", "p")), Taken::Gone));
        assert!(matches!(keys.take(&call("a", "q")), Taken::Other));
        assert!(matches!(keys.take(&call("c", "p")), Taken::Again(_)));
    }
}
