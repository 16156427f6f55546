//! Room for what is read to be answered: a file lies in memory several times over until its answer has been sent, so there is a
//! bound on the bytes of all files that `read_file` reads at once, and of what one list reads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::effect::{ErrorKind, ToolError};

use super::Cancel;

/// Bytes of files that are read at once; a larger one is read alone. What a list reads is answered in one frame, which holds a
/// file twice.
const ROOM: u64 = 30 << 20;
/// Smaller ones do not count.
const SMALL: u64 = 64 << 10;
/// So long between two looks whether a call that waits is to end.
const LOOK: Duration = Duration::from_millis(20);

/// Who reads how much. Who has not entered is not counted.
#[derive(Debug, Default)]
pub struct Room {
    inside: Mutex<Vec<Place>>,
    left: Condvar,
}

/// What is there for one request: it is answered on a thread of its own.
#[derive(Debug, Clone, Copy)]
struct Place {
    thread: ThreadId,
    is_list: bool,
    held: u64,
    used: u64,
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Inside<'a>(&'a Room);

impl Room {
    /// What this thread reads is counted from now on, until what is returned is dropped.
    pub fn enter(&self, is_list: bool) -> Inside<'_> {
        self.inside().push(Place { thread: thread::current().id(), is_list, held: 0, used: 0 });
        Inside(self)
    }

    /// Waits until so much may be read.
    ///
    /// # Errors
    /// A list reads too much, or the call is to end.
    pub(super) fn take(&self, bytes: u64, cancel: &Cancel) -> Result<(), ToolError> {
        let here = thread::current().id();
        let mut inside = self.inside();
        let own = inside.iter_mut().find(|place| place.thread == here);
        let Some(place) = own.filter(|_| bytes > SMALL) else { return Ok(()) };
        if place.held > 0 {
            // who holds some does not wait for more: two that did would wait for each other
            place.used += bytes;
            return if place.used <= place.held { Ok(()) } else { Err(too_much()) };
        }
        let wants = if place.is_list { bytes.max(ROOM) } else { bytes };
        loop {
            let all: u64 = inside.iter().map(|place| place.held).sum();
            if all == 0 || all + wants <= ROOM {
                break;
            }
            if cancel.is_cancelled() {
                let message = "the call was cancelled while it waited for room to read";
                return Err(ToolError::new(ErrorKind::Cancelled, message));
            }
            if cancel.is_over() {
                let message = "the time of the call was over while it waited for room to read";
                return Err(ToolError::new(ErrorKind::Timeout, message));
            }
            let waited = self.left.wait_timeout(inside, LOOK);
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let own = inside.iter_mut().find(|place| place.thread == here);
        if let Some(place) = own {
            (place.held, place.used) = (wants, bytes);
        }
        Ok(())
    }

    fn inside(&self) -> MutexGuard<'_, Vec<Place>> {
        // each place is whole by itself
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let here = thread::current().id();
        self.0.inside().retain(|place| place.thread != here);
        self.0.left.notify_all();
    }
}

fn too_much() -> ToolError {
    let message = format!(
        "the files that this list reads have more than {ROOM} bytes together; read this one in another list"
    );
    ToolError { limit: Some("answer_bytes".to_owned()), ..ToolError::new(ErrorKind::Limit, message) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn what_is_read_at_once_is_bounded_and_all_of_it_is_read() {
        let (room, at_once, most) = (Room::default(), AtomicU64::new(0), AtomicU64::new(0));
        let read = |bytes: u64| {
            let inside = room.enter(false);
            room.take(bytes, &Cancel::default()).unwrap();
            most.fetch_max(at_once.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
            thread::yield_now();
            at_once.fetch_sub(bytes, Ordering::SeqCst);
            drop(inside);
        };
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| (0..20).for_each(|_| read(ROOM / 3)));
            }
        });
        assert!((ROOM / 3..=ROOM).contains(&most.load(Ordering::SeqCst)));
        assert!(room.inside().is_empty());
        // a larger one is read all the same
        read(3 * ROOM);
    }

    #[test]
    fn a_list_reads_so_much_and_no_more_and_small_ones_beside_it() {
        let room = Room::default();
        let cancel = Cancel::default();
        let inside = room.enter(true);
        assert!(room.take(ROOM / 2, &cancel).is_ok() && room.take(ROOM / 2, &cancel).is_ok());
        let refused = room.take(ROOM / 2, &cancel).unwrap_err();
        assert_eq!((refused.kind, refused.limit.as_deref()), (ErrorKind::Limit, Some("answer_bytes")));
        assert!(room.take(SMALL, &cancel).is_ok());
        drop(inside);
        // who has not entered is not counted
        (0..9).for_each(|_| room.take(ROOM, &cancel).unwrap());
    }

    #[test]
    fn a_call_that_waits_can_be_ended() {
        let room = Room::default();
        let _inside = room.enter(false);
        room.take(ROOM, &Cancel::default()).unwrap();
        let cancel = Cancel::default();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let _inside = room.enter(false);
                room.take(ROOM, &cancel)
            });
            cancel.cancel();
            assert_eq!(waiting.join().unwrap().unwrap_err().kind, ErrorKind::Cancelled);
        });
    }
}
