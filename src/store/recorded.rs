//! What a run has recorded, and the code that stands beside it: whoever has the key knows by it whether each line is one that a
//! holder of the key has written, and none is missing.

use super::{RunId, Store};
use crate::digest::{Digesting, MacKey};

/// What a run has recorded, at one moment.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// One line for each event.
    pub text: String,
    pub(super) of: Of,
    pub(super) events: u64,
    pub(super) code: Option<String>,
}

impl Recorded {
    pub(super) fn nothing(of: Of) -> Self {
        Self { text: String::new(), of, events: 0, code: None }
    }

    /// Was all of it written by who has this key, and nothing else?
    pub fn is_vouched_by(&self, key: &MacKey) -> bool {
        let mut lines = Digesting::default();
        lines.add(self.text.as_bytes());
        let message = self.of.message(self.events, lines);
        self.code.as_ref().is_some_and(|code| key.checks(&message, code))
    }
}

/// The run that something is recorded of.
#[derive(Debug, Clone)]
pub(super) struct Of {
    workspace: String,
    run: String,
}

impl Of {
    pub(super) fn new(store: &Store, run: &RunId) -> Self {
        Self { workspace: store.id(), run: run.to_string() }
    }

    /// What a code is of: this run, with so many events in these lines.
    fn message(&self, events: u64, lines: Digesting) -> Vec<u8> {
        let Self { workspace, run } = self;
        [format!("lgflow run\0{workspace}\0{run}\0{events}\0").as_bytes(), lines.finish().bytes()].concat()
    }
}

/// Who vouches for what this process writes of a run.
#[derive(Debug)]
pub(super) struct Vouching {
    of: Of,
    /// None where nobody does.
    key: Option<MacKey>,
    /// The lines that are written.
    written: Digesting,
}

impl Vouching {
    pub(super) fn nobody(of: Of) -> Self {
        Self { of, key: None, written: Digesting::default() }
    }

    pub(super) fn by(&mut self, key: &MacKey) {
        self.key = Some(key.clone());
    }

    /// The written lines with these behind them.
    pub(super) fn with(&self, lines: &str) -> Digesting {
        let mut written = self.written.clone();
        written.add(lines.as_bytes());
        written
    }

    /// The code of so many events in these lines.
    pub(super) fn code(&self, events: u64, lines: &Digesting) -> Option<String> {
        self.key.as_ref().map(|key| key.code(&self.of.message(events, lines.clone())))
    }

    /// These lines are written by now.
    pub(super) fn wrote(&mut self, lines: Digesting) {
        self.written = lines;
    }
}
