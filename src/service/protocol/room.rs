//! Room for answers: what was made is held until its client has taken it, so there is a bound on the bytes of all of that at
//! once, and on those of one list. What is beyond is left out, and says so.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::effect::{ErrorKind, ToolError, ToolResult, json_bytes};

use super::session::Session;
use super::state::{Protocol, Refusal, busy_with};

/// What has to be free for a call to be made.
const FREE: usize = 64 << 10;

/// Room for so many bytes.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// A part of the room, and of that of a token, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<OwnedSemaphorePermit>);

impl Room {
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    fn is_full(&self) -> bool {
        self.0.available_permits() < FREE
    }
}

impl Held {
    /// This as well.
    pub(super) fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }
}

/// The results of one list, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    so_far: Mutex<(usize, Held)>,
}

impl Protocol {
    /// Is a call taken up, or do too many answers wait to be taken?
    pub(super) fn demand_room(&self, session: &Session) -> Result<(), Refusal> {
        if self.answers.is_full() || session.share().answers.is_full() {
            return Err(busy_with("answers that nobody has taken yet"));
        }
        Ok(())
    }

    /// A result with the room that it takes; where there is none, that it is left out.
    pub(super) fn hold(&self, session: &Session, result: Arc<ToolResult>) -> (Arc<ToolResult>, Held) {
        hold(&[&session.share().answers, &self.answers], result)
    }

    /// The same for one of a list.
    pub(super) fn gather(
        &self,
        session: &Session,
        list: &Gathered,
        result: Arc<ToolResult>,
    ) -> Arc<ToolResult> {
        list.take(&[&session.share().answers, &self.answers], self.limits.list, result)
    }
}

fn hold(rooms: &[&Room], result: Arc<ToolResult>) -> (Arc<ToolResult>, Held) {
    let bytes = json_bytes(&*result);
    match rooms.iter().map(|room| room.hold(bytes)).collect() {
        Some(permits) => (result, Held(permits)),
        None => {
            (left_out(&result, bytes, "too many answers wait to be taken by their clients"), Held::default())
        }
    }
}

impl Gathered {
    /// A result, where the list has room for it.
    fn take(&self, rooms: &[&Room], most: usize, result: Arc<ToolResult>) -> Arc<ToolResult> {
        let bytes = json_bytes(&*result);
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        if so_far.0 + bytes > most {
            let why = format!("the results of this list have more than {most} bytes together");
            return left_out(&result, bytes, &why);
        }
        let (result, held) = hold(rooms, result);
        // what was left out takes nothing of the list
        if !held.0.is_empty() {
            so_far.0 += bytes;
        }
        so_far.1.add(held);
        result
    }

    /// What all of them hold.
    pub(super) fn held(self) -> Held {
        self.so_far.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// What is said in place of a result. The call was made, and its key still has the result where that is kept.
fn left_out(result: &ToolResult, bytes: usize, why: &str) -> Arc<ToolResult> {
    let message = format!(
        "the call was made, and its result of {bytes} bytes is left out: {why}; send it alone (with the same idempotency key it is \
         not made a second time)"
    );
    let error =
        ToolError { limit: Some("answer_bytes".to_owned()), ..ToolError::new(ErrorKind::Limit, message) };
    Arc::new(ToolResult { rules: result.rules.clone(), ..ToolResult::failure(&result.tool, error) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_held_is_free_again_when_it_is_dropped() {
        let room = Room::of(FREE + 10);
        let held = Held(vec![room.hold(10).unwrap(), room.hold(FREE).unwrap()]);
        assert!(room.hold(1).is_none() && room.is_full());
        drop(held);
        assert!(!room.is_full() && room.hold(FREE + 11).is_none() && room.hold(FREE + 10).is_some());
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out_and_says_so() {
        let result = Arc::new(ToolResult::success("read_file", json!("x".repeat(1000))));
        let bytes = json_bytes(&*result);
        let (own, all) = (Room::of(3 * bytes), Room::of(2 * bytes));
        let is_left_out = |result: &ToolResult| {
            let limit = result.error.as_ref().and_then(|error| error.limit.clone());
            limit.as_deref() == Some("answer_bytes") && json_bytes(result) < bytes
        };
        let first = hold(&[&own, &all], Arc::clone(&result));
        let second = hold(&[&own, &all], Arc::clone(&result));
        let third = hold(&[&own, &all], Arc::clone(&result));
        assert_eq!([&first.0, &second.0, &third.0].map(|result| is_left_out(result)), [false, false, true]);
        // what was refused by one holds nothing of the other
        drop((first, second));
        let list = Gathered::default();
        let most = bytes * 3 / 2;
        let [first, second] = [0; 2].map(|_| list.take(&[&own, &all], most, Arc::clone(&result)));
        assert!(!is_left_out(&first) && is_left_out(&second));
        let held = list.held();
        assert!(own.hold(2 * bytes).is_some() && own.hold(2 * bytes + 1).is_none());
        drop(held);
        assert!(own.hold(3 * bytes).is_some() && all.hold(2 * bytes).is_some());
        // what was left out takes nothing of its list
        let (list, full) = (Gathered::default(), Room::of(0));
        assert!(is_left_out(&list.take(&[&full], most, Arc::clone(&result))));
        assert!(!is_left_out(&list.take(&[&own], most, result)));
    }
}
