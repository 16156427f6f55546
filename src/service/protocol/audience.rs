//! Who waits for what a call comes to. A call with a key is made to its end, and found by its key; of one without, nobody could
//! ever hear once its client is gone, so it ends with its connection, with every process that it started.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::effect::{ToolCall, is_unrepeated};

use super::keys::First;
use super::session::Session;

/// Is there anybody who waits for calls?
#[derive(Debug, Clone, Default)]
pub(super) struct Audience {
    gone: Arc<AtomicBool>,
}

/// A client that waits for the answer. Dropped before that is there, it has gone.
pub(super) struct Waiting {
    session: Arc<Session>,
    audience: Audience,
    keys: Vec<String>,
}

impl Audience {
    /// A call that is taken up after its client has gone does not begin.
    pub(super) fn mind(&self, first: &First, call: &ToolCall) {
        if is_unrepeated(&call.idempotency_key) && self.gone.load(Ordering::SeqCst) {
            first.cancel();
        }
    }
}

impl Waiting {
    /// For these calls.
    pub(super) fn with<'a>(session: &Arc<Session>, calls: impl IntoIterator<Item = &'a ToolCall>) -> Self {
        let keys = calls.into_iter().map(|call| call.idempotency_key.clone());
        let keys = keys.filter(|key| is_unrepeated(key)).collect();
        Self { session: Arc::clone(session), audience: Audience::default(), keys }
    }

    /// What those that make the calls look at.
    pub(super) fn audience(&self) -> Audience {
        self.audience.clone()
    }

    /// The answer is there.
    pub(super) fn answered(mut self) {
        self.keys.clear();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        // first, so that of a call that is taken up now one of both sees the other
        self.audience.gone.store(true, Ordering::SeqCst);
        for key in std::mem::take(&mut self.keys) {
            let session = Arc::clone(&self.session);
            tokio::spawn(async move { session.cancel(&key).await });
        }
    }
}
