//! A session of calls that another program makes one by one, and no run behind them: a runner of its own, and a place in
//! the ledger for its receipts, its questions and their answers.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::effect::{
    ApprovalRequest, ControlFrame, Declared, FrameBuffer, FrozenLayer, LedgerPlace, RunLimits, RunnerStart,
    Started,
};
use crate::files::Root;
use crate::ledger::{Ledger, SessionRecord, moment};
use crate::store::{RunId, own_holder};
use crate::wire::next_frame;

use super::execute::{BeginError, new_run_id};
use super::keys::signer;
use super::{Place, RunnerProcess};

/// What is to be opened.
#[derive(Debug)]
pub struct Calling<'a> {
    /// Where.
    pub place: &'a Place,
    /// By which protocol the calls come.
    pub protocol: &'a str,
    /// The layers that bind them, the grant first.
    pub layers: Vec<FrozenLayer>,
    /// What the user or the machine declares.
    pub declared: Declared,
    /// The user's own limits.
    pub limits: RunLimits,
    /// The key of whoever makes the calls, where that is known to be somebody else than the user.
    pub starter: Option<String>,
    /// The secret key that the user answers with, where the settings name one.
    pub signing_key: Option<&'a Path>,
    /// The program that becomes the runner: our own.
    pub program: &'a Path,
}

/// An open session. Dropping it ends its runner, with everything that it started.
#[derive(Debug)]
pub struct CallSession {
    id: RunId,
    runner: RunnerProcess,
    control: UnixStream,
}

impl CallSession {
    /// Opens it: on record first, then with a runner. Gives the socket for calls.
    pub fn open(calling: Calling<'_>) -> Result<(Self, UnixStream), BeginError> {
        let place = calling.place;
        let (root, store, id) = (Root::open(&place.root)?, place.runs()?, new_run_id()?);
        let ledger = Ledger::open(&place.state, &store.id())?;
        let starter = match calling.starter {
            Some(key) => key,
            None => signer(calling.signing_key, &ledger)?.key(),
        };
        let record = SessionRecord {
            protocol: calling.protocol.to_owned(),
            starter,
            opened: moment().millis,
            layers: calling.layers.clone(),
            holder: Some(own_holder()),
        };
        ledger.open_session(id.as_str(), &record)?;
        let start = RunnerStart {
            schema: "lgflow.runner_start/v1".into(),
            run: id.to_string(),
            root: place.root.display().to_string(),
            state: store.folder().display().to_string(),
            layers: calling.layers,
            protected: place.protected(),
            starter: None,
            ledger: Some(LedgerPlace { state: place.state.display().to_string(), workspace: store.id() }),
            declared: calling.declared,
            limits: calling.limits,
            plan: None,
            undoes: None,
            live: false,
            reuse: None,
            counted_calls: 0,
            answers_on_record: true,
            keeps_records: true,
        };
        let (runner, calls) = RunnerProcess::start(calling.program, start, root.as_fd())?;
        let control = runner.control()?.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        Ok((Self { id, runner, control }, calls))
    }

    /// Its id: the run that its calls name.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// What the runner said when it was ready.
    pub fn started(&self) -> &Started {
        self.runner.started()
    }

    /// Where the runner's questions arrive.
    pub fn questions(&self) -> io::Result<Questions> {
        Questions::on(&self.control)
    }

    /// Asks the runner to end the calls that still run.
    pub fn stop(self) {
        self.runner.stop();
    }
}

/// The runner's questions, as it puts them. They have to be listened to: a runner waits until one is heard.
#[derive(Debug)]
pub struct Questions {
    control: UnixStream,
    arrived: FrameBuffer,
}

impl Questions {
    /// Those that a runner puts on its control channel.
    pub(super) fn on(control: &UnixStream) -> io::Result<Self> {
        Ok(Self { control: control.try_clone()?, arrived: FrameBuffer::default() })
    }
}

impl Iterator for Questions {
    type Item = ApprovalRequest;

    /// The next one; none once the runner is gone.
    fn next(&mut self) -> Option<ApprovalRequest> {
        loop {
            match next_frame(&self.control, &mut self.arrived) {
                Ok(Some(ControlFrame::Ask(request))) => return Some(*request),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}
