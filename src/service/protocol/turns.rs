//! The turns of a run's calls: each takes a place among all the calls that the service makes at once, and those of its token, until
//! it is answered. Until then it waits here, in the order in which it came.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::Lost;
use crate::effect::{CallFrame, ReplyBody, ReplyFrame, RequestBody};

use super::Protocol;
use super::session::Account;
use super::state::Place;

/// Requests of one run that wait; what comes beyond them is not read.
const MOST: usize = 256;

/// The requests of one run that are being answered.
pub(super) struct Turns<'a> {
    protocol: &'a Protocol,
    account: Arc<Account>,
    begun: Mutex<BTreeMap<u64, Option<Place>>>,
}

/// The requests of one run that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<CallFrame>);

impl<'a> Turns<'a> {
    /// For the run of a token.
    pub(super) fn of(protocol: &'a Protocol, account: Arc<Account>) -> Self {
        Self { protocol, account, begun: Mutex::default() }
    }

    /// Waits for the next turn; none where the service ends.
    pub(super) async fn next(&self) -> Option<Place> {
        self.protocol.turn_of(&self.account.share).await
    }

    /// A request is handed on.
    ///
    /// # Errors
    /// One with its id is being answered: which of them a reply ends could not be told.
    pub(super) fn begin(&self, id: u64, place: Option<Place>) -> Result<(), Lost> {
        let mut begun = self.begun();
        if begun.contains_key(&id) {
            return Err(Lost::Closed);
        }
        begun.insert(id, place);
        Ok(())
    }

    /// A reply came: its request's place is free, unless it is only a part of what comes.
    pub(super) fn answered(&self, reply: &ReplyFrame) {
        if !matches!(reply.body, ReplyBody::Piece { .. }) {
            self.begun().remove(&reply.id);
        }
    }

    fn begun(&self) -> MutexGuard<'_, BTreeMap<u64, Option<Place>>> {
        // an entry is whole by itself
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Must a request wait? One that makes calls waits for its turn, and what is kept in one order with calls, or ends one that
    /// waits, behind them.
    pub(super) fn is_to_wait(&self, body: &RequestBody) -> bool {
        match body {
            RequestBody::Prepare { .. } => !self.0.is_empty(),
            RequestBody::Cancel { key } => self.0.iter().any(|frame| has_key(&frame.body, key)),
            body => makes_calls(body),
        }
    }

    pub(super) fn add(&mut self, frame: CallFrame) {
        self.0.push_back(frame);
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.len() < MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first one.
    pub(super) fn next(&mut self) -> Option<CallFrame> {
        self.0.pop_front()
    }

    /// The first one, where it has waited for those before it alone.
    pub(super) fn next_without_a_place(&mut self) -> Option<CallFrame> {
        self.0.pop_front_if(|frame| !makes_calls(&frame.body))
    }
}

fn makes_calls(body: &RequestBody) -> bool {
    match body {
        RequestBody::Execute { .. } | RequestBody::Stream { .. } | RequestBody::Batch { .. } => true,
        RequestBody::Capabilities
        | RequestBody::Explain { .. }
        | RequestBody::Prepare { .. }
        | RequestBody::Cancel { .. } => false,
    }
}

fn has_key(body: &RequestBody, key: &str) -> bool {
    match body {
        RequestBody::Execute { call } | RequestBody::Stream { call } => call.idempotency_key == key,
        RequestBody::Batch { calls } => calls.iter().any(|call| call.idempotency_key == key),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::effect::ToolCall;

    use super::*;

    fn call(key: &str) -> ToolCall {
        ToolCall { idempotency_key: key.into(), ..ToolCall::new("exec", json!({})) }
    }

    #[test]
    fn calls_wait_in_their_order_and_what_ends_one_does_not_overtake_it() {
        let mut waiting = Waiting::default();
        let prepare = RequestBody::Prepare { call: call("p") };
        let cancel = |key: &str| RequestBody::Cancel { key: key.to_owned() };
        for passes in [&prepare, &cancel("a"), &RequestBody::Capabilities] {
            assert!(!waiting.is_to_wait(passes), "{passes:?}");
        }
        let bodies =
            [RequestBody::Execute { call: call("a") }, RequestBody::Batch { calls: vec![call("b")] }];
        for (id, body) in bodies.into_iter().chain([cancel("b"), prepare]).enumerate() {
            assert!(waiting.is_to_wait(&body), "{body:?}");
            waiting.add(CallFrame { id: id as u64, body });
        }
        assert!(
            !waiting.is_to_wait(&cancel("c"))
                && !waiting.is_to_wait(&RequestBody::Explain { call: call("e") })
        );
        assert!(waiting.next_without_a_place().is_none());
        assert_eq!([waiting.next(), waiting.next()].map(|frame| frame.unwrap().id), [0, 1]);
        let rest = std::iter::from_fn(|| waiting.next_without_a_place());
        assert_eq!(rest.map(|frame| frame.id).collect::<Vec<_>>(), [2, 3]);
        (0..MOST as u64).for_each(|id| waiting.add(CallFrame { id, body: cancel("x") }));
        assert!(!waiting.has_room());
    }
}
