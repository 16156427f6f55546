//! Two parts of the work on a large graph at the same time.

use std::panic::resume_unwind;
use std::thread;

/// From so many nodes on, a second thread is worth its start.
pub(super) const MANY: usize = 500;

/// Does both, the first in a thread of its own if that is `worth_it` and there can be one.
pub(super) fn beside<A: Send, B>(
    worth_it: bool,
    first: impl Fn() -> A + Sync,
    second: impl FnOnce() -> B,
) -> (A, B) {
    thread::scope(|scope| {
        let ahead = worth_it.then(|| thread::Builder::new().spawn_scoped(scope, &first).ok()).flatten();
        let second = second();
        let first = match ahead {
            Some(ahead) => ahead.join().unwrap_or_else(|panic| resume_unwind(panic)),
            None => first(),
        };
        (first, second)
    })
}
