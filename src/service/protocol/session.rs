//! The session of one token: a runner's process of its own, asked over one connection, with the keys that were used on it. Where
//! the process dies, another one goes on with the session.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use crate::client::{Link, Lost, Piece};
use crate::digest::Digest;
use crate::effect::{ErrorKind, ReplyBody, RequestBody, ToolCall, ToolError, ToolResult, part_of};

use super::keys::Keys;
use super::opener::Begun;
use super::room::Room;

/// So long between two looks whether a call that was cancelled has ended.
const LOOK: Duration = Duration::from_millis(20);
/// So long a cancellation waits for its call.
const CANCEL_WAIT: Duration = Duration::from_mins(1);

/// What is a token's, whichever process serves it: one that dies takes none of it along.
pub(super) struct Account {
    pub(super) keys: Arc<Keys>,
    pub(super) share: Share,
    /// Calls that counted.
    calls: AtomicU64,
}

/// What a token's calls may have at once.
pub(super) struct Share {
    /// For those that are made.
    pub(super) places: Arc<Semaphore>,
    /// For those that wait.
    pub(super) waiting: Semaphore,
    /// For what they came to, until it is taken.
    pub(super) answers: Room,
}

/// A session.
pub(super) struct Session {
    id: String,
    link: Link,
    pub(super) keys: Arc<Keys>,
    process: Mutex<Option<Box<dyn Send + Sync>>>,
    account: Arc<Account>,
}

impl Account {
    pub(super) fn new(share: Share) -> Self {
        Self { keys: Arc::default(), share, calls: AtomicU64::new(0) }
    }

    /// The calls that counted until now.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// A call has come to an end; one that was refused before it was made does not count.
    fn count(&self, result: &ToolResult) {
        let refused = result.error.as_ref().is_some_and(|error| {
            matches!(
                error.kind,
                ErrorKind::Denied | ErrorKind::ApprovalRequired | ErrorKind::Rejected | ErrorKind::Budget
            )
        });
        if !refused {
            self.calls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Session {
    /// Goes on with a runner that has its task.
    pub(super) fn new(begun: Begun, account: Arc<Account>) -> Result<Self, String> {
        let Begun { id, calls, process, .. } = begun;
        let link = Link::new(calls).map_err(|error| error.to_string())?;
        let process = Mutex::new(Some(process));
        Ok(Self { id, link, keys: Arc::clone(&account.keys), process, account })
    }

    /// Its id, which its questions name.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// What its calls may have at once.
    pub(super) fn share(&self) -> &Share {
        &self.account.share
    }

    /// Is its runner gone?
    pub(super) fn is_over(&self) -> bool {
        self.link.is_over()
    }

    /// Ends it, with every call that is under way. Waits until all of it is gone.
    pub(super) async fn end(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        // a process that cannot be waited for ends with ours
        let _ = tokio::task::spawn_blocking(move || drop(process)).await;
    }

    /// Makes a call.
    pub(super) async fn call(&self, call: ToolCall) -> ToolResult {
        let (tool, call) = (call.tool.clone(), self.scoped(call));
        self.counted(result(&tool, self.link.ask(RequestBody::Execute { call }).await))
    }

    /// The same, and tells its output while it comes.
    pub(super) async fn stream(&self, call: ToolCall, pieces: mpsc::Sender<Piece>) -> ToolResult {
        let (tool, call) = (call.tool.clone(), self.scoped(call));
        self.counted(result(&tool, self.link.stream(RequestBody::Stream { call }, pieces).await))
    }

    fn counted(&self, result: ToolResult) -> ToolResult {
        self.account.count(&result);
        result
    }

    /// Calls that are decided together, and done in order up to the first failure.
    pub(super) async fn together(&self, calls: Vec<ToolCall>) -> Vec<ToolResult> {
        let tools: Vec<String> = calls.iter().map(|call| call.tool.clone()).collect();
        let calls = calls.into_iter().map(|call| self.scoped(call)).collect();
        match self.link.ask(RequestBody::Batch { calls }).await {
            Ok(ReplyBody::Results { results }) => {
                for result in &results {
                    self.account.count(result);
                }
                results
            }
            other => tools.iter().map(|tool| self.counted(result(tool, Ok(refused(&other))))).collect(),
        }
    }

    /// Anything that is no call.
    pub(super) async fn ask(&self, body: RequestBody) -> Result<ReplyBody, Lost> {
        self.link.ask(body).await
    }

    /// Ends the call with this key, and waits until it has ended. Was it ended before it had done what it was to? None where there
    /// was no such call.
    pub(super) async fn cancel(&self, key: &str) -> Option<bool> {
        let Some(progress) = self.keys.find(key)? else { return Some(false) };
        if progress.is_over() {
            return Some(false);
        }
        progress.cancel();
        let ending = async {
            // it may be on its way to the runner
            while !progress.is_over() {
                let _ = self.link.ask(RequestBody::Cancel { key: key.to_owned() }).await;
                tokio::time::sleep(LOOK).await;
            }
        };
        // what does not end by then is ended by its own limits
        if tokio::time::timeout(CANCEL_WAIT, ending).await.is_err() {
            return Some(false);
        }
        let cancelled = |result: &ToolResult| {
            result.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Cancelled)
        };
        // one that was not made after all has done nothing
        Some(progress.result().await.is_none_or(|result| cancelled(&result)))
    }

    /// A call whose run is this session, or a part of it where its caller names one: what one session has changed no other
    /// one takes back, a later one of the same token neither.
    fn scoped(&self, call: ToolCall) -> ToolCall {
        let run = match call.run.as_str() {
            "" => self.id.clone(),
            name => part_of(&self.id, &Digest::of(name).hex()[..32]),
        };
        ToolCall { run, ..call }
    }
}

fn refused(other: &Result<ReplyBody, Lost>) -> ReplyBody {
    let message = match other {
        Ok(ReplyBody::Problem { message }) => message.clone(),
        Ok(_) => "the runner answered something else than it was asked".to_owned(),
        Err(lost) => lost.to_string(),
    };
    ReplyBody::Problem { message }
}

fn result(tool: &str, reply: Result<ReplyBody, Lost>) -> ToolResult {
    let message = match reply {
        Ok(ReplyBody::Result { result }) => return *result,
        Ok(ReplyBody::Problem { message }) => message,
        Ok(_) => "the runner answered something else than it was asked".to_owned(),
        Err(lost) => format!("{lost}; what the call did until then is not known"),
    };
    ToolResult::failure(tool, ToolError::new(ErrorKind::Internal, message))
}
