//! The output of a call while it comes, in pieces without what must not leave.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::effect::OutputStream;
use crate::redact::{Flow, Redaction};

/// Both outputs of one call.
#[derive(Debug)]
pub(super) struct Pieces {
    redaction: Redaction,
    flows: Mutex<[Flow; 2]>,
}

impl Pieces {
    /// Takes out what `redaction` finds.
    pub(super) fn new(redaction: &Redaction) -> Self {
        Self { redaction: redaction.clone(), flows: Mutex::default() }
    }

    /// More of one: what may be told of it by now, which may be nothing.
    pub(super) fn hear(&self, from: OutputStream, part: &[u8]) -> String {
        self.flows()[place(from)].more(&self.redaction, part)
    }

    /// What was held back, where nothing more comes.
    pub(super) fn rest(&self, from: OutputStream) -> String {
        self.flows()[place(from)].rest(&self.redaction)
    }

    fn flows(&self) -> MutexGuard<'_, [Flow; 2]> {
        // a thread that panicked has left what it had taken whole
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(from: OutputStream) -> usize {
    match from {
        OutputStream::Stdout => 0,
        OutputStream::Stderr => 1,
    }
}
