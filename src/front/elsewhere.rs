//! A run whose runner is elsewhere. The interpreter and the front see the sockets that they always do; behind them a thread
//! of the front carries calls to the one address that the user has named, and answers and questions back. The runner there
//! says at the start who it is, and at the end what it vouches for, under its key.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::approval::shows_what_it_binds;
use crate::client::{
    Caller, FrameReader, FrameWriter, Frames, Lost, RemoteError, RemoteFrames, RunnerUrl, connect,
};
use crate::digest::{PublicKey, hex};
use crate::effect::{
    ApprovalRequest, CallFrame, ControlFrame, FrameBuffer, FrozenLayer, RunFrame, RunLimits, RunOpen,
    RunOpened, RunReceipts, RunWord, Started,
};
use crate::ledger::{ClockThere, ElsewhereRecord, Ledger, LedgerError, moment};
use crate::store::RunId;
use crate::wire::send_frame;

/// So often it is tried to hear the receipts of a run whose connection was lost.
const TRIES: u32 = 5;
/// So long between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// So long the runner may take to open a run.
const OPENING: Duration = Duration::from_mins(2);

/// The runner that the user has named.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// Where it is.
    pub url: RunnerUrl,
    /// What is presented to it. It is never printed.
    pub token: Option<Secret>,
    /// The file that it was read from: a later resume reads it again.
    pub token_file: Option<PathBuf>,
    /// The key that it must have.
    pub key: Option<PublicKey>,
}

impl Elsewhere {
    /// Who speaks with it, and whom it must be.
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller { token: self.token.as_ref().map(|token| token.0.as_str()), key: self.key }
    }

    /// What is kept of it: all but what is presented.
    pub(super) fn record(&self) -> ElsewhereRecord {
        ElsewhereRecord {
            url: self.url.to_string(),
            token_file: self.token_file.clone(),
            key: self.key.map(|key| key.to_string()),
        }
    }
}

/// A text that is never printed.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A run that was not opened there.
#[derive(Debug, thiserror::Error)]
pub enum ElsewhereError {
    /// It cannot be spoken with.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// It does not take the run.
    #[error("the runner at {0} refused the run: {1}")]
    Refused(RunnerUrl, String),
    /// It does not have the key that it names, or has shown.
    #[error(
        "the runner at {0} could not sign with its key that it has opened the run: it was sent the run's id, limits and \
         policies, and no call"
    )]
    Unsigned(RunnerUrl),
    /// It was not understood.
    #[error("the runner at {0} was not understood: {1}")]
    Lost(RunnerUrl, Lost),
    /// What it said of its clock could not be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The machine refused.
    #[error("cannot begin: {0}")]
    Io(#[from] std::io::Error),
}

/// A runner elsewhere that has its task, as the front of a run sees it.
#[derive(Debug)]
pub(super) struct RemoteRunner {
    pub(super) started: Started,
    /// The patterns of its layers: what is taken out of what the interpreter records.
    pub(super) redact: Vec<(String, String)>,
    control: UnixStream,
    relay: JoinHandle<Result<RunReceipts, String>>,
    key: PublicKey,
    run: String,
    url: RunnerUrl,
    pinned: bool,
}

/// What a runner elsewhere vouches for.
#[derive(Debug)]
pub(super) enum Word {
    /// These receipts, signed with its key.
    Given {
        /// Their lines.
        text: String,
        /// What can be said of the key.
        said: String,
    },
    /// None: why there are none, or why they are not believed.
    None(String),
}

/// What a run is opened with.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) run: &'a RunId,
    pub(super) layers: &'a [FrozenLayer],
    pub(super) limits: RunLimits,
}

impl Opening<'_> {
    fn word(&self) -> std::io::Result<RunOpen> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(RunOpen {
            schema: "lgflow.run_open/v1".into(),
            run: self.run.to_string(),
            nonce: hex(&nonce),
            ceilings: self.layers.to_vec(),
            limits: self.limits,
        })
    }
}

impl RemoteRunner {
    /// Opens a run there, and gives back the socket for calls.
    pub(super) fn begin(
        there: &Elsewhere,
        opening: &Opening<'_>,
        ledger: &Ledger,
    ) -> Result<(Self, UnixStream), ElsewhereError> {
        let (control, their_control) = UnixStream::pair()?;
        let (calls, their_calls) = UnixStream::pair()?;
        let (tell, told) = mpsc::channel();
        let (open, ledger, place) = (opening.word()?, ledger.clone(), there.clone());
        let (run, kept) = (open.run.clone(), ledger.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let life = move || {
            runtime.block_on(async {
                match begin(&place, &open).await {
                    Err(error) => {
                        // who asked waits for it
                        let _ = tell.send(Err(error));
                        Err("the run was not opened".to_owned())
                    }
                    Ok((opened, frames)) => {
                        let _ = tell.send(Ok(opened));
                        let relay = Relay { place, open, ledger };
                        relay.carry(frames, their_calls, their_control).await
                    }
                }
            })
        };
        let relay = thread::Builder::new().name("relay".to_owned()).spawn(life)?;
        let opened = told.recv().map_err(|error| std::io::Error::other(error.to_string()))??;
        kept.hear_clock(&run, &ClockThere::heard(&opened.clock, &moment()))?;
        let key = PublicKey::parse(&opened.key).map_err(|_| ElsewhereError::Unsigned(there.url.clone()))?;
        let remote = Self {
            started: opened.started,
            redact: opened.redact,
            control,
            relay,
            key,
            run,
            url: there.url.clone(),
            pinned: there.key.is_some(),
        };
        Ok((remote, calls))
    }

    /// The channel on which its questions come.
    pub(super) fn control(&self) -> std::io::Result<UnixStream> {
        self.control.try_clone()
    }

    /// Lets go of it, and hears what it vouches for.
    pub(super) fn stop(self) -> Word {
        // a relay that has ended already needs no word
        let _ = send_frame(&self.control, &ControlFrame::Stop);
        drop(self.control);
        let receipts = match self.relay.join() {
            Ok(Ok(receipts)) => receipts,
            Ok(Err(why)) => return Word::None(why),
            Err(_) => return Word::None("the relay of the front failed".to_owned()),
        };
        word((&self.run, &self.url), (self.key, self.pinned), receipts)
    }
}

/// The receipts of a run, if they are signed with the key of the runner that has opened it.
fn word((run, url): (&str, &RunnerUrl), (key, pinned): (PublicKey, bool), receipts: RunReceipts) -> Word {
    let message = RunReceipts::message(run, &receipts.text);
    if receipts.key != key.to_string() || !key.checks(&message, &receipts.signature) {
        return Word::None(format!("the receipts of the runner at {url} are not signed with its key"));
    }
    let said = if pinned {
        format!("the receipts are signed with the key that was named: {key}")
    } else {
        format!(
            "the receipts are signed with {key}, which nobody has named: they show that the trace is what this runner says it \
             did, and not who it is; `--runner-key` pins it"
        )
    };
    Word::Given { text: receipts.text, said }
}

/// The receipts of a run whose front was gone before it had heard them: the run is opened there once more, and closed. Its
/// session may be ending still, so it is tried again where the runner refuses.
pub(super) fn hear_receipts(there: &Elsewhere, opening: &Opening<'_>) -> Result<Word, ElsewhereError> {
    let open = opening.word()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match heard_once(there, &open).await {
                Ok((opened, receipts)) => {
                    let key = PublicKey::parse(&opened.key);
                    let key = key.map_err(|_| ElsewhereError::Unsigned(there.url.clone()))?;
                    return Ok(word((&open.run, &there.url), (key, there.key.is_some()), receipts));
                }
                Err(ElsewhereError::Refused(..) | ElsewhereError::Lost(..)) if tries > 0 => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    })
}

/// Opens a run and closes it.
async fn heard_once(there: &Elsewhere, open: &RunOpen) -> Result<(RunOpened, RunReceipts), ElsewhereError> {
    let lost = |lost: Lost| ElsewhereError::Lost(there.url.clone(), lost);
    let (opened, (mut reader, mut writer)) = begin(there, open).await?;
    writer.send(&RunWord::Close).await.map_err(lost)?;
    let frame = tokio::time::timeout(OPENING, reader.next::<RunFrame>()).await;
    match frame.map_err(|_| lost(Lost::Closed))?.map_err(lost)? {
        RunFrame::Receipts(receipts) => Ok((opened, receipts)),
        _ => Err(lost(Lost::Closed)),
    }
}

/// Connects and opens the run. Where a key is demanded the runner has shown it on this connection before the token, or anything
/// of the run, is sent; and it signs with it what it has opened.
async fn begin(there: &Elsewhere, open: &RunOpen) -> Result<(RunOpened, RemoteFrames), ElsewhereError> {
    let (mut reader, mut writer) = connect(&there.url, there.caller()).await?;
    let lost = |lost: Lost| ElsewhereError::Lost(there.url.clone(), lost);
    writer.send(&RunWord::Open(open.clone())).await.map_err(lost)?;
    let frame = tokio::time::timeout(OPENING, reader.next::<RunFrame>()).await;
    let frame = frame.map_err(|_| lost(Lost::Closed))?.map_err(lost)?;
    let opened = match frame {
        RunFrame::Opened(opened) => opened,
        RunFrame::Refused { message } => return Err(ElsewhereError::Refused(there.url.clone(), message)),
        _ => return Err(lost(Lost::Closed)),
    };
    let unsigned = || ElsewhereError::Unsigned(there.url.clone());
    let key = PublicKey::parse(&opened.key).map_err(|_| unsigned())?;
    if there.key.is_some_and(|wants| wants != key) {
        return Err(unsigned());
    }
    let policy = opened.started.policy_digest;
    let message = RunOpened::message(&open.run, &open.nonce, policy, &opened.clock);
    if key.checks(&message, &opened.signature) { Ok((opened, (reader, writer))) } else { Err(unsigned()) }
}

/// What carries calls there and answers back.
struct Relay {
    place: Elsewhere,
    open: RunOpen,
    ledger: Ledger,
}

impl Relay {
    /// Until the front lets go; then the receipts.
    async fn carry(
        self,
        (reader, writer): RemoteFrames,
        calls: UnixStream,
        control: UnixStream,
    ) -> Result<RunReceipts, String> {
        let open = |socket| Frames::new(socket, FrameBuffer::default()).map_err(|error| error.to_string());
        let (calls, replies) = open(calls)?.split();
        let (stop, asks) = open(control)?.split();
        let back = self.carry_back(reader, replies, asks);
        let there = carry_there(calls, stop, writer);
        let (back, there) = tokio::join!(back, there);
        match (back, there) {
            (Ok(receipts), _) => Ok(receipts),
            (Err(lost), _) => self.ask_again().await.ok_or_else(|| {
                format!("the connection to the runner at {} was lost: {lost}", self.place.url)
            }),
        }
    }

    /// Answers to the interpreter and questions to the front; at the end the receipts.
    async fn carry_back(
        &self,
        mut reader: FrameReader<impl AsyncRead + Unpin>,
        mut replies: FrameWriter<impl AsyncWrite + Unpin>,
        mut asks: FrameWriter<impl AsyncWrite + Unpin>,
    ) -> Result<RunReceipts, Lost> {
        loop {
            match reader.next::<RunFrame>().await? {
                // an interpreter or a front that is gone hears nothing more
                RunFrame::Reply(reply) => drop(replies.send(&reply).await),
                RunFrame::Ask(request) => {
                    if self.is_fit(&request) {
                        drop(asks.send(&ControlFrame::Ask(request)).await);
                    }
                }
                RunFrame::Receipts(receipts) => return Ok(receipts),
                RunFrame::Opened(_) | RunFrame::Refused { .. } => return Err(Lost::Closed),
            }
        }
    }

    /// A question of this run that shows what it binds is on record here, so that it can be answered later as well.
    fn is_fit(&self, request: &ApprovalRequest) -> bool {
        let own = request.binding.run == self.open.run && shows_what_it_binds(request);
        let known = || matches!(self.ledger.issued(&request.binding.nonce), Ok(Some(_)));
        own && (known() || self.ledger.issue(request).is_ok())
    }

    /// The receipts of a run whose connection was lost: its session has ended there, and is opened once more for them.
    async fn ask_again(&self) -> Option<RunReceipts> {
        for _ in 0..TRIES {
            tokio::time::sleep(PAUSE).await;
            if let Ok((_, receipts)) = heard_once(&self.place, &self.open).await {
                return Some(receipts);
            }
        }
        None
    }
}

/// The interpreter's requests, until the front says stop; then the last word.
async fn carry_there(
    mut calls: FrameReader<impl AsyncRead + Unpin>,
    mut stop: FrameReader<impl AsyncRead + Unpin>,
    mut writer: FrameWriter<impl AsyncWrite + Unpin>,
) -> Result<(), Lost> {
    let mut hears = true;
    loop {
        tokio::select! {
            call = calls.next::<CallFrame>(), if hears => match call {
                Ok(frame) => writer.send(&RunWord::Call(frame)).await?,
                // the interpreter has ended, or sent what is no request
                Err(_) => hears = false,
            },
            stopped = stop.next::<ControlFrame>() => match stopped {
                Ok(ControlFrame::Stop) | Err(_) => return writer.send(&RunWord::Close).await,
                Ok(_) => {}
            },
        }
    }
}
