//! A runner that others use over HTTP: the policy is put together and frozen before the first of them is listened to, and
//! each session is a runner's process that this one owns, with the control channel, as the front of a run does.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::digest::{PublicKey, SecretKey};
use crate::effect::{
    ApprovalRequest, Declared, FrozenLayer, LayerRole, LedgerPlace, RunLimits, RunOpen, RunnerStart,
};
use crate::files::Root;
use crate::ledger::{Ledger, LedgerError, SessionRecord, moment, runner_key};
use crate::service::{
    Begun, Bound, GoesOn, Guard, Limits, OPEN, OpenError, Opener, Order, Protocol, Role, Tokens, guarded,
    router, serve,
};
use crate::store::{RunId, Store, StoreError, own_holder};

use super::calling::Questions;
use super::execute::new_run_id;
use super::keep_out::{patterns, refuse_said};
use super::{Place, RunnerProcess, StartError, Word};

/// Layers that a run of elsewhere may bring.
const CEILINGS: usize = 64;

/// By which protocol the calls of a session come.
const PROTOCOL: &str = "http";

/// Who is told what waits for a person.
#[derive(Clone)]
pub struct Announcer(Arc<dyn Fn(&ApprovalRequest) + Send + Sync>);

impl Announcer {
    /// Tells `hear` of each question once.
    pub fn new(hear: impl Fn(&ApprovalRequest) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Listens to a session's questions, until its runner is gone.
    fn listen(&self, questions: Questions) -> io::Result<()> {
        let Self(hear) = self.clone();
        let listening = move || {
            let mut known = BTreeSet::new();
            for request in questions {
                if known.insert(request.binding.nonce.clone()) {
                    hear(&request);
                }
            }
        };
        thread::Builder::new().name("questions".to_owned()).spawn(listening).map(drop)
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}

/// What every session begins with.
#[derive(Debug)]
pub struct Serving {
    /// Where.
    pub place: Place,
    /// The layers, the grant first.
    pub layers: Vec<FrozenLayer>,
    /// What the user or the machine declares.
    pub declared: Declared,
    /// The user's own limits on each run.
    pub limits: RunLimits,
    /// The program that becomes the runner: our own.
    pub program: PathBuf,
    /// Who hears what calls ask.
    pub announcer: Announcer,
}

/// The service did not come up, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The key that it signs with, or where it keeps what is asked.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The state of the workspace.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No session could be had.
    #[error("{0}")]
    Session(String),
    /// The machine refused.
    #[error("the service failed: {0}")]
    Io(#[from] io::Error),
}

/// A service that is about to begin.
#[derive(Debug)]
pub struct Service {
    protocol: Arc<Protocol>,
    guard: Arc<Guard>,
    bound: Bound,
    limits: Limits,
    tokens: Option<Tokens>,
    key: PublicKey,
}

impl Service {
    /// Serves what `serving` has to those who present one of `tokens`.
    pub fn new(
        serving: Serving,
        bound: Bound,
        tokens: Option<Tokens>,
        limits: Limits,
    ) -> Result<Self, ServingError> {
        let identity: SecretKey = runner_key(&serving.place.state)?;
        let key = identity.public();
        let ledger = Ledger::open(&serving.place.state, &serving.place.runs()?.id())?;
        let names: Vec<String> = match &tokens {
            Some(tokens) => tokens.good().map(|token| token.name.clone()).collect(),
            None => vec![String::new()],
        };
        let guard = Guard::new(bound.hosts().cloned(), tokens.clone(), OPEN, &limits);
        let secrets = serving.declared.secrets.clone();
        let protocol = Protocol::new(serving.opener(), names, (identity, ledger), limits);
        let protocol = protocol.refusing(Box::new(move |comment| {
            let word = Word { comment: comment.to_owned(), ..Word::default() };
            refuse_said(&secrets, &word).err().map(|error| error.to_string())
        }));
        Ok(Self { protocol: Arc::new(protocol), guard: Arc::new(guard), bound, limits, tokens, key })
    }

    /// What a client names.
    pub fn url(&self) -> &str {
        self.bound.url()
    }

    /// The key of this runner.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Serves until this process is asked to end; `ready` is told when calls are taken.
    pub fn run(self, ready: impl FnOnce()) -> Result<(), ServingError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let (mut interrupt, mut terminate) =
                (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            self.prepare().await?;
            ready();
            let Self { protocol, guard, bound, limits, .. } = self;
            let app = guarded(router(Arc::clone(&protocol)), guard);
            let end = async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                protocol.end().await;
            };
            Ok(serve(bound, app, &limits, end).await?)
        })
    }

    /// Opens the first session: who cannot have one is told before anybody is listened to.
    async fn prepare(&self) -> Result<(), ServingError> {
        let token = match &self.tokens {
            None => None,
            Some(tokens) => match tokens.good().find(|token| token.role == Role::Call) {
                Some(token) => Some(Arc::clone(token)),
                None => return Ok(()),
            },
        };
        self.protocol.prepare(token).await.map_err(ServingError::Session)
    }
}

impl Serving {
    fn opener(self) -> Opener {
        Box::new(move |order| self.open(order))
    }

    fn open(&self, order: &Order) -> Result<Begun, OpenError> {
        let failed = |error: &dyn std::error::Error| OpenError::Failed(error.to_string());
        let root = Root::open(&self.place.root).map_err(|error| failed(&error))?;
        let store = self.place.runs().map_err(|error| failed(&error))?;
        let ledger = Ledger::open(&self.place.state, &store.id()).map_err(|error| failed(&error))?;
        let start = match &order.run {
            None => self.of_session(self.start(&store), order, &ledger)?,
            Some(open) => self.of_run(self.start(&store), order, open, &ledger)?,
        };
        let patterns = if order.run.is_some() { patterns(&start.layers) } else { Vec::new() };
        let redact = patterns.into_iter().map(|(name, regex)| (name, regex.as_str().to_owned())).collect();
        let id = start.run.clone();
        let (process, calls) =
            RunnerProcess::start(&self.program, start, root.as_fd()).map_err(|error| match error {
                StartError::Refused(_, message) => OpenError::Refused(message),
                error => failed(&error),
            })?;
        let control = process.control().map_err(|error| failed(&error))?;
        let control = control.ok_or_else(|| OpenError::Failed("it has let go of its front".to_owned()))?;
        let receipts = order.run.is_some().then(|| (ledger, id.clone()));
        if order.run.is_none() {
            let questions = Questions::on(&control).map_err(|error| failed(&error))?;
            self.announcer.listen(questions).map_err(|error| failed(&error))?;
        }
        Ok(Begun {
            id,
            started: process.started().clone(),
            redact,
            calls,
            control,
            process: Box::new(Ending(Some(process))),
            receipts: Box::new(move || {
                let Some((ledger, run)) = receipts else { return Ok(String::new()) };
                let text = ledger.receipts_of(&run).map_err(|error| error.to_string())?;
                Ok(text.unwrap_or_default())
            }),
        })
    }

    /// What every runner begins with.
    fn start(&self, store: &Store) -> RunnerStart {
        RunnerStart {
            schema: "lgflow.runner_start/v1".into(),
            run: String::new(),
            root: self.place.root.display().to_string(),
            state: store.folder().display().to_string(),
            layers: self.layers.clone(),
            protected: self.place.protected(),
            starter: None,
            declared: self.declared.clone(),
            ledger: Some(LedgerPlace {
                state: self.place.state.display().to_string(),
                workspace: store.id(),
            }),
            limits: RunLimits::default(),
            plan: None,
            undoes: None,
            reuse: None,
            live: false,
            counted_calls: 0,
            answers_on_record: false,
            keeps_records: false,
        }
    }

    /// The same for calls that belong to no run: what they ask is on record under an id that is drawn now, unless a session is gone on with, and
    /// answers are looked up there.
    fn of_session(
        &self,
        start: RunnerStart,
        order: &Order,
        ledger: &Ledger,
    ) -> Result<RunnerStart, OpenError> {
        let failed = |error: &dyn std::error::Error| OpenError::Failed(error.to_string());
        let on_record = |start| RunnerStart { answers_on_record: true, ..start };
        if let Some(GoesOn { id, calls }) = order.goes_on.clone() {
            return Ok(on_record(RunnerStart { run: id, counted_calls: calls, ..start }));
        }
        let id = new_run_id().map_err(|error| failed(&error))?;
        let record = SessionRecord {
            protocol: PROTOCOL.to_owned(),
            starter: starter(order),
            opened: moment().millis,
            layers: self.layers.clone(),
            holder: Some(own_holder()),
        };
        ledger.open_session(id.as_str(), &record).map_err(|error| failed(&error))?;
        Ok(on_record(RunnerStart { run: id.to_string(), ..start }))
    }

    /// The same for a run of elsewhere: what binds it there binds it here as well, and it is on record whose it is.
    fn of_run(
        &self,
        start: RunnerStart,
        order: &Order,
        open: &RunOpen,
        ledger: &Ledger,
    ) -> Result<RunnerStart, OpenError> {
        let refused = |message: String| Err(OpenError::Refused(message));
        if open.run.parse::<RunId>().is_err() {
            return refused(format!("`{}` is no id of a run", open.run.escape_debug()));
        }
        if open.ceilings.len() > CEILINGS {
            return refused(format!("more than {CEILINGS} layers bind the run"));
        }
        let failed = |error: LedgerError| OpenError::Failed(error.to_string());
        if !ledger.serve(&open.run, &order.holder()).map_err(failed)? {
            return refused(format!("the run `{}` is known here, and is not one of this token", open.run));
        }
        // where the front is of this installation, it has put on record who started the run
        let begun = ledger.begun(&open.run).map_err(failed)?.map(|record| record.starter);
        let starter = key_of(order).or(begun).unwrap_or_else(|| starter(order));
        let ceilings = open.ceilings.iter().cloned();
        let ceilings = ceilings.map(|layer| FrozenLayer { role: LayerRole::Ceiling, ..layer });
        Ok(RunnerStart {
            run: open.run.clone(),
            layers: start.layers.into_iter().chain(ceilings).collect(),
            starter: Some(starter),
            keeps_records: true,
            limits: lower(self.limits, open.limits),
            ..start
        })
    }
}

/// Who asks: the key of the token's holder, where it is known.
fn starter(order: &Order) -> String {
    key_of(order).unwrap_or_else(|| format!("token:{}", order.name()))
}

/// The key of the token's holder.
fn key_of(order: &Order) -> Option<String> {
    order.token.as_ref()?.key.clone()
}

/// Of each limit the lower one.
fn lower(a: RunLimits, b: RunLimits) -> RunLimits {
    fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
        a.into_iter().chain(b).min()
    }
    RunLimits {
        concurrency: least(a.concurrency, b.concurrency),
        wall_ms: least(a.wall_ms, b.wall_ms),
        tool_calls: least(a.tool_calls, b.tool_calls),
        patch_bytes: least(a.patch_bytes, b.patch_bytes),
        // what is declared is declared here
        default_model: a.default_model,
    }
}

/// A runner's process that is ended in order.
struct Ending(Option<RunnerProcess>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            process.stop();
        }
    }
}
