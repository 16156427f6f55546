//! Follows a run by its trace: the state that its events lead to, the story that is told of it, and the copy in the
//! workspace. What the interpreter says is read as a trace from elsewhere would be: what does not fit is refused.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use crate::ledger::Head;
use crate::logging::RunSpans;
use crate::receipt::Told;
use crate::store::Blobs;
use crate::trace::{Envelope, EventBody, Phase, RunState, apply, read_event};

use super::{Narrator, Stopped};

/// Follows one run.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    pub(super) state: RunState,
    pub(super) blobs: Blobs,
    pub(super) spans: RunSpans,
    pub(super) narrator: &'a mut Narrator,
    /// The copy, and the path to name it by.
    pub(super) copy: Option<(PathBuf, File)>,
    /// The last line.
    pub(super) last: Option<String>,
    /// What they tell of calls: to be held against the runner's receipts.
    pub(super) told: Told,
}

impl Follower<'_> {
    /// Has the run ended, or does it wait for a person?
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state.phase(), Phase::Finished { .. } | Phase::Suspended)
    }

    /// One more line of the trace.
    pub(super) fn follow(&mut self, line: &str) -> Result<(), Stopped> {
        if let Some((path, file)) = &mut self.copy {
            let written = file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n"));
            written.map_err(|error| Stopped::Copy(path.clone(), error))?;
        }
        let event = read_event(&self.state, line, |digest| self.blobs.get(digest))
            .map_err(|error| Stopped::Unfit(error.to_string()))?;
        self.gather(&event, line);
        self.spans.followed(&self.state, &event);
        self.narrator.tell(&self.state, &event);
        apply(&mut self.state, &event).map_err(|error| Stopped::Unfit(error.to_string()))?;
        self.last = Some(line.to_owned());
        Ok(())
    }

    fn gather(&mut self, event: &EventBody, line: &str) {
        let tells = matches!(
            event,
            EventBody::RunStarted(_)
                | EventBody::CallStarted { .. }
                | EventBody::CallFinished { .. }
                | EventBody::RunSuspended { .. }
                | EventBody::RunFinished { .. }
        );
        match tells.then(|| Envelope::parse(line)).flatten() {
            Some((envelope, _)) => self.told.hear(envelope, &|digest| self.blobs.get(digest)),
            None => self.told.pass(),
        }
    }

    /// How far the run has come.
    pub(super) fn head(&self) -> Option<Head> {
        let (event, hash) = Envelope::parse(self.last.as_deref()?)?;
        Some(Head { events: event.seq, hash, receipts: None, discord: None })
    }
}
