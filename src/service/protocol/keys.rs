//! Idempotency keys of one session: the same key with the same call gets the first result, whether that is there already or
//! still comes; with another call it is a conflict. A call that waits for a person did nothing, and its key is good for it
//! again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::digest::Digest;
use crate::effect::{ToolCall, ToolResult, is_unrepeated, json_bytes};

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
    cancelled: watch::Sender<bool>,
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
    cancelled: watch::Sender<bool>,
    settled: bool,
}

impl Keys {
    /// Takes the key of a call.
    pub(super) fn take(self: &Arc<Self>, call: &ToolCall) -> Taken {
        let key = call.idempotency_key.clone();
        let (told, result) = watch::channel(None);
        let cancelled = watch::Sender::new(false);
        if !key.is_empty() {
            let of = digest(call);
            let mut table = self.table();
            let fresh = Stage::Made(Progress { result, cancelled: cancelled.clone() });
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

/// What must be the same where a key is repeated: all that decides what is done, and not how long it may take, or what was
/// signed for it.
fn digest(call: &ToolCall) -> Digest {
    let ToolCall { tool, input, run, node, policy_digest, provenance, verify, on_crash, cache, .. } = call;
    Digest::of_json(&serde_json::json!([
        tool,
        input,
        run,
        node,
        policy_digest,
        provenance,
        verify,
        on_crash,
        cache
    ]))
}

impl Table {
    fn add(&mut self, key: &str, entry: Entry) {
        self.by_key.insert(key.to_owned(), entry);
        if is_unrepeated(key) {
            // it goes with its call
            return;
        }
        self.order.push_back(key.to_owned());
        if self.order.len() > KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    /// As if it had never come.
    fn forget(&mut self, key: &str) {
        self.by_key.remove(key);
        if !is_unrepeated(key) {
            self.order.retain(|known| known != key);
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
        self.cancelled.send_replace(true);
    }
}

impl First {
    /// It is to end before it begins.
    pub(super) fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Waits until it is to end.
    pub(super) async fn cancelled(&self) {
        // the sender is ours
        let _ = self.cancelled.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    /// It has ended.
    pub(super) fn settle(mut self, result: ToolResult) -> Arc<ToolResult> {
        self.settled = true;
        let result = Arc::new(result);
        if !self.key.is_empty() {
            if is_unrepeated(&self.key) {
                self.keys.table().forget(&self.key);
            } else if result.wants_approval() {
                self.keys.table().ask(&self.key);
            } else {
                self.keys.table().keep(&self.key, json_bytes(&*result));
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
            self.keys.table().forget(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::effect::{AfterCrash, unrepeated};
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
        // all that decides what is done is part of the call
        for other in [
            ToolCall { verify: true, ..call("k", "a") },
            ToolCall { cache: true, ..call("k", "a") },
            ToolCall { on_crash: AfterCrash::Retry, ..call("k", "a") },
            ToolCall { policy_digest: Some(Digest::of("p")), ..call("k", "a") },
            ToolCall { node: "n".into(), ..call("k", "a") },
            ToolCall { run: "r".into(), ..call("k", "a") },
            ToolCall { tool: "list_files".into(), ..call("k", "a") },
        ] {
            assert!(matches!(keys.take(&other), Taken::Other), "{other:?}");
        }
        let same = ToolCall { deadline_ms: Some(5), approval: Some(json!({})), ..call("k", "a") };
        assert!(matches!(keys.take(&same), Taken::Again(_)));
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
        running.cancelled().await;
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

    #[tokio::test]
    async fn what_is_never_repeated_can_be_ended_and_is_not_kept() {
        let keys = Arc::<Keys>::default();
        let key = unrepeated("1");
        let running = first(&keys, &call(&key, "a"));
        keys.find(&key).unwrap().unwrap().cancel();
        running.cancelled().await;
        running.settle(ToolResult::success("read_file", json!(1)));
        assert!(keys.find(&key).is_none());
        let table = keys.table();
        assert!(table.order.is_empty() && table.kept.is_empty() && table.bytes == 0);
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
