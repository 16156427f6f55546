//! A runner that others use over HTTP: the policy is put together and frozen before the first of them is listened to, and
//! each session is a runner's process that this one owns, with the control channel, as the front of a run does.

use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::digest::{PublicKey, SecretKey};
use crate::effect::{Declared, FrozenLayer, LayerRole, LedgerPlace, RunLimits, RunOpen, RunnerStart};
use crate::files::Root;
use crate::ledger::{Ledger, LedgerError, runner_key};
use crate::service::{
    Begun, Bound, Guard, Limits, OPEN, OpenError, Opener, Order, Protocol, Role, TokenBook, guarded, router,
    serve,
};
use crate::store::RunId;

use super::keep_out::patterns;
use super::{Place, RunnerProcess, StartError};

/// Layers that a run of elsewhere may bring.
const CEILINGS: usize = 64;

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
}

/// The service did not come up, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The key that it signs with.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
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
    tokens: Option<TokenBook>,
    key: PublicKey,
}

impl Service {
    /// Serves what `serving` has to those who present one of `tokens`.
    pub fn new(
        serving: Serving,
        bound: Bound,
        tokens: Option<TokenBook>,
        limits: Limits,
    ) -> Result<Self, ServingError> {
        let identity: SecretKey = runner_key(&serving.place.state)?;
        let key = identity.public();
        let names: Vec<String> = match &tokens {
            Some(book) => book.tokens().iter().map(|token| token.name.clone()).collect(),
            None => vec![String::new()],
        };
        let guard = Guard::new(bound.hosts().cloned(), tokens.clone(), OPEN, &limits);
        let protocol = Protocol::new(serving.opener(), names, identity, limits);
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
            Some(book) => match book.tokens().iter().find(|token| token.role == Role::Call) {
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
        let id = store.id();
        let start = RunnerStart {
            schema: "lgflow.runner_start/v1".into(),
            run: String::new(),
            root: self.place.root.display().to_string(),
            state: store.folder().display().to_string(),
            layers: self.layers.clone(),
            protected: self.place.protected(),
            starter: None,
            declared: self.declared.clone(),
            ledger: None,
            limits: RunLimits::default(),
            plan: None,
            undoes: None,
            reuse: None,
            live: false,
            answers_on_record: false,
        };
        let (start, receipts) = match &order.run {
            None => (start, None),
            Some(open) => {
                let ledger = Ledger::open(&self.place.state, &id).map_err(|error| failed(&error))?;
                (self.of_run(start, order, open, &ledger, &id)?, Some((ledger, open.run.clone())))
            }
        };
        let patterns = if order.run.is_some() { patterns(&start.layers) } else { Vec::new() };
        let redact = patterns.into_iter().map(|(name, regex)| (name, regex.as_str().to_owned())).collect();
        let (process, calls) =
            RunnerProcess::start(&self.program, start, root.as_fd()).map_err(|error| match error {
                StartError::Refused(_, message) => OpenError::Refused(message),
                error => failed(&error),
            })?;
        let control = process.control().map_err(|error| failed(&error))?;
        let control = control.ok_or_else(|| OpenError::Failed("it has let go of its front".to_owned()))?;
        Ok(Begun {
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

    /// The same for a run of elsewhere: what binds it there binds it here as well, and it is on record whose it is.
    fn of_run(
        &self,
        start: RunnerStart,
        order: &Order,
        open: &RunOpen,
        ledger: &Ledger,
        workspace: &str,
    ) -> Result<RunnerStart, OpenError> {
        let refused = |message: String| Err(OpenError::Refused(message));
        if open.run.parse::<RunId>().is_err() {
            return refused(format!("`{}` is no id of a run", open.run.escape_debug()));
        }
        if open.ceilings.len() > CEILINGS {
            return refused(format!("more than {CEILINGS} layers bind the run"));
        }
        let mine =
            ledger.serve(&open.run, order.name()).map_err(|error| OpenError::Failed(error.to_string()))?;
        if !mine {
            return refused(format!("the run `{}` is known here, and is not one of this token", open.run));
        }
        let ceilings = open.ceilings.iter().cloned();
        let ceilings = ceilings.map(|layer| FrozenLayer { role: LayerRole::Ceiling, ..layer });
        let key = order.token.as_ref().and_then(|token| token.key.clone());
        Ok(RunnerStart {
            run: open.run.clone(),
            layers: start.layers.into_iter().chain(ceilings).collect(),
            starter: Some(key.unwrap_or_else(|| format!("token:{}", order.name()))),
            ledger: Some(LedgerPlace {
                state: self.place.state.display().to_string(),
                workspace: workspace.to_owned(),
            }),
            limits: lower(self.limits, open.limits),
            ..start
        })
    }
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
