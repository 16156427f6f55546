//! What is decided next, where the events are known that come: decisions are taken one by one, and what comes from outside
//! stands where nothing is left to decide.

use std::collections::VecDeque;

use crate::interpret;
use crate::trace::{EventBody, RunState};

/// What is decided and was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Deciding {
    pending: VecDeque<EventBody>,
    /// Is this where a process goes on with the run? What had run out by then comes before anything is decided.
    resumes: bool,
}

impl Deciding {
    /// The event that comes next by the interpreter's word.
    pub(super) fn next(&mut self, state: &RunState) -> Option<EventBody> {
        self.resumes = false;
        self.decide(state);
        self.pending.pop_front()
    }

    /// An event of this kind comes from outside: what should have been decided before it. Where a process died over its
    /// decisions another goes on.
    pub(super) fn left_out(&mut self, state: &RunState, kind: &str) -> Option<&EventBody> {
        if kind == "run.resumed" {
            self.pending.clear();
            self.resumes = true;
        } else if !(self.resumes && kind == "wait.finished") {
            self.resumes = false;
            self.decide(state);
            return self.pending.front();
        }
        None
    }

    fn decide(&mut self, state: &RunState) {
        if self.pending.is_empty() {
            self.pending = interpret::next(state).into_iter().map(|request| request.record).collect();
        }
    }
}
