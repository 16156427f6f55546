//! All that the endpoints share: the sessions, how many calls there may be at once, and what was counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::approval::Signer;
use crate::digest::SecretKey;
use crate::effect::{ErrorKind, RunnerClock, ToolCall, ToolError, ToolResult};
use crate::ledger::{Ledger, moment};
use crate::metrics::{Counts, text};
use crate::service::{Limits, Token, problem};

use super::audience::Audience;
use super::keys::{First, Taken};
use super::opener::{Begun, GoesOn, OpenError, Opener, Order};
use super::room::Room;
use super::session::{Account, Session, Share};

/// Runs that are served at once.
const RUNS: usize = 32;

/// The runner's protocol, served.
pub struct Protocol {
    opener: Arc<Opener>,
    pub(super) limits: Limits,
    /// By the names of the tokens.
    holders: BTreeMap<String, Holder>,
    calls: Arc<Semaphore>,
    waiting: Semaphore,
    runs: Arc<Semaphore>,
    pub(super) answers: Room,
    /// What opened sessions and receipts are signed with.
    pub(super) identity: SecretKey,
    /// Where questions and their answers are on record.
    pub(super) ledger: Ledger,
    /// One answer is recorded at a time: of two keys neither overwrites the other.
    pub(super) answering: Mutex<()>,
    counts: Mutex<Counts>,
    ending: AtomicBool,
    /// Why a remark is not put on record.
    pub(super) refuses: Refuses,
}

/// Why what a person says is not put on record, where it is not.
pub type Refuses = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protocol").finish_non_exhaustive()
    }
}

/// A request that is not answered with a result.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    detail: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    /// The same of a part of what was sent.
    pub(super) fn of(self, part: &str) -> Self {
        Self { detail: format!("{part}: {}", self.detail), ..self }
    }

    pub(super) fn response(&self) -> Response {
        problem(self.status, &self.detail)
    }

    /// The same as the result of one call among others.
    pub(super) fn result(self, tool: &str) -> ToolResult {
        let kind = match self.status {
            StatusCode::CONFLICT => ErrorKind::Conflict,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited,
            _ => ErrorKind::Internal,
        };
        ToolResult::failure(tool, ToolError::new(kind, self.detail))
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

/// A place among the calls that are made, or the runs that are served, at once: among those of its token, and among all.
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _among_all: OwnedSemaphorePermit,
}

/// What is one token's.
struct Holder {
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
    account: Arc<Account>,
    runs: Arc<Semaphore>,
}

impl Holder {
    fn new(tokens: usize, limits: &Limits) -> Self {
        let of = |all: usize| share_of(all, tokens);
        let share = Share {
            places: Arc::new(Semaphore::new(of(limits.calls))),
            waiting: Semaphore::new(of(limits.waiting)),
            answers: Room::of(of(limits.answers)),
        };
        Self {
            session: tokio::sync::Mutex::default(),
            account: Arc::new(Account::new(share)),
            runs: Arc::new(Semaphore::new(of(RUNS))),
        }
    }
}

/// What may be done with a call that brings a key.
pub(super) enum Turn {
    /// It is made; the permit goes with it.
    Mine(First, Place),
    /// It was made already.
    Known(Arc<ToolResult>),
}

impl Protocol {
    /// Serves the tokens with these names, one session for each; without tokens there is one with an empty name.
    pub fn new(
        opener: Opener,
        names: impl IntoIterator<Item = String>,
        (identity, ledger): (SecretKey, Ledger),
        limits: Limits,
    ) -> Self {
        let names: BTreeSet<String> = names.into_iter().collect();
        let tokens = names.len();
        Self {
            opener: Arc::new(opener),
            limits,
            holders: names.into_iter().map(|name| (name, Holder::new(tokens, &limits))).collect(),
            calls: Arc::new(Semaphore::new(limits.calls)),
            waiting: Semaphore::new(limits.waiting),
            runs: Arc::new(Semaphore::new(RUNS)),
            answers: Room::of(limits.answers),
            identity,
            ledger,
            answering: Mutex::default(),
            counts: Mutex::default(),
            ending: AtomicBool::new(false),
            refuses: Box::new(|_| None),
        }
    }

    /// Remarks that `refuses` names a reason for are not put on record.
    #[must_use]
    pub fn refusing(self, refuses: Refuses) -> Self {
        Self { refuses, ..self }
    }

    /// Opens the session of a token ahead of its first call.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn prepare(&self, token: Option<Arc<Token>>) -> Result<(), String> {
        self.session(token).await.map(drop).map_err(|refusal| refusal.detail)
    }

    /// Ends every session, with all calls, and opens no further one.
    pub async fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        self.runs.close();
        for holder in self.holders.values() {
            if let Some(session) = holder.session.lock().await.take() {
                session.end().await;
            }
        }
    }

    /// Does it end?
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// Starts a runner's process.
    pub(super) async fn open(&self, order: Order) -> Result<Begun, OpenError> {
        let opener = Arc::clone(&self.opener);
        let opened = tokio::task::spawn_blocking(move || opener(&order)).await;
        opened.unwrap_or_else(|error| Err(OpenError::Failed(error.to_string())))
    }

    /// The session of a token: the one that there is, else one that is started now.
    pub(super) async fn session(&self, token: Option<Arc<Token>>) -> Result<Arc<Session>, Refusal> {
        let order = Order { token, run: None, goes_on: None };
        let unknown = || Refusal::new(StatusCode::UNAUTHORIZED, "this token has no session here");
        let holder = self.holders.get(order.name()).ok_or_else(unknown)?;
        let mut held = holder.session.lock().await;
        if self.is_ending() {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the service ends"));
        }
        match held.as_ref().filter(|session| !session.is_over()) {
            Some(session) => Ok(Arc::clone(session)),
            None => {
                let account = Arc::clone(&holder.account);
                let mut goes_on = None;
                if let Some(lost) = held.as_ref() {
                    // two processes never serve one session
                    lost.end().await;
                    goes_on = Some(GoesOn { id: lost.id().to_owned(), calls: account.calls() });
                }
                let begun = self.open(Order { goes_on, ..order }).await?;
                let session = Arc::new(Session::new(begun, account).map_err(OpenError::Failed)?);
                *held = Some(Arc::clone(&session));
                Ok(session)
            }
        }
    }

    /// The sessions that there are now: the name of each one's token, and its id.
    pub(super) async fn sessions(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (name, holder) in &self.holders {
            if let Some(session) = holder.session.lock().await.as_ref().filter(|session| !session.is_over()) {
                all.push((name.clone(), session.id().to_owned()));
            }
        }
        all
    }

    /// When it is here, for those who sign elsewhere.
    pub(super) fn clock(&self) -> RunnerClock {
        let now = moment();
        let installation = Signer::Local(self.ledger.key().clone()).key();
        RunnerClock { millis: now.millis, boot: now.boot, installation }
    }

    /// What becomes of a call: it is made when it is its turn, unless its key was used before, or nobody waits for it any
    /// more.
    pub(super) async fn turn(
        &self,
        session: &Session,
        call: &ToolCall,
        audience: &Audience,
    ) -> Result<Turn, Refusal> {
        match session.keys.take(call) {
            Taken::Other => Err(conflict(call, "it named another call")),
            Taken::Gone => Err(conflict(call, "its result is not kept any more")),
            Taken::Again(progress) => match progress.result().await {
                Some(known) => Ok(Turn::Known(known)),
                None => Err(busy()),
            },
            Taken::First(first) => {
                audience.mind(&first, call);
                let place = tokio::select! {
                    biased;
                    () = first.cancelled() => None,
                    place = self.place(session) => Some(place?),
                };
                Ok(match place {
                    Some(place) => Turn::Mine(first, place),
                    None => Turn::Known(first.settle(cancelled(&call.tool))),
                })
            }
        }
    }

    /// A place among the calls that are made at once.
    pub(super) async fn place(&self, session: &Session) -> Result<Place, Refusal> {
        let share = session.share();
        let Share { places, waiting, .. } = share;
        if let (Ok(own), Ok(all)) =
            (Arc::clone(places).try_acquire_owned(), Arc::clone(&self.calls).try_acquire_owned())
        {
            return Ok(Place { _own: own, _among_all: all });
        }
        let _waiting = waiting.try_acquire().map_err(|_| busy())?;
        let _among_all = self.waiting.try_acquire().map_err(|_| busy())?;
        tokio::time::timeout(self.limits.turn, self.turn_of(share)).await.ok().flatten().ok_or_else(busy)
    }

    /// A place among the calls that are made at once, however long that takes; none where there are none any more.
    pub(super) async fn turn_of(&self, share: &Share) -> Option<Place> {
        let own = Arc::clone(&share.places).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.calls).acquire_owned().await.ok()?;
        Some(Place { _own: own, _among_all: all })
    }

    /// What is a token's, whoever serves it.
    pub(super) fn account(&self, order: &Order) -> Option<Arc<Account>> {
        self.holders.get(order.name()).map(|holder| Arc::clone(&holder.account))
    }

    /// A place among the runs that are served at once.
    pub(super) fn place_for_run(&self, order: &Order) -> Result<Place, Refusal> {
        let refused = |_| Refusal::new(StatusCode::TOO_MANY_REQUESTS, "more runs at once than are served");
        let unknown = || Refusal::new(StatusCode::UNAUTHORIZED, "this token has no runs here");
        let own = &self.holders.get(order.name()).ok_or_else(unknown)?.runs;
        let own = Arc::clone(own).try_acquire_owned().map_err(refused)?;
        Ok(Place { _own: own, _among_all: Arc::clone(&self.runs).try_acquire_owned().map_err(refused)? })
    }

    /// Counts a request.
    pub(super) fn count(&self, path: &str, status: StatusCode) {
        let labels = [("path", path), ("status", status.as_str())];
        self.counts().add("lgflow_requests_total", &labels, 1);
    }

    /// Counts what a call came to.
    pub(super) fn count_result(&self, result: &ToolResult) {
        self.counts().result(result);
    }

    /// What was counted, as Prometheus reads it.
    pub(super) fn counted(&self) -> String {
        text(&self.counts())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // each number is whole by itself
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one of so many tokens may have of what all of them share: where there are others, half of it.
fn share_of(all: usize, tokens: usize) -> usize {
    if tokens > 1 { all.div_ceil(2) } else { all }
}

/// The refusal of a call whose key was used before.
pub(super) fn conflict(call: &ToolCall, why: &str) -> Refusal {
    let detail = format!("the idempotency key `{}` was used before, and {why}", call.idempotency_key);
    Refusal::new(StatusCode::CONFLICT, detail)
}

/// What a call comes to that was cancelled before it began.
pub(super) fn cancelled(tool: &str) -> ToolResult {
    ToolResult::failure(tool, ToolError::new(ErrorKind::Cancelled, "the call was cancelled before it began"))
}

fn busy() -> Refusal {
    busy_with("calls at once")
}

/// The refusal of a call, of which nothing was done, because there is too much of something.
pub(super) fn busy_with(what: &str) -> Refusal {
    let detail = format!("too many {what}; the call was not made, so try it again");
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, detail)
}
