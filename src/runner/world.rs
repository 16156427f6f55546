//! All of the world that a tool may touch. What it may do there is not written here: a granted call carries it.
#![expect(clippy::disallowed_methods, reason = "a call ends at its deadline")]

use std::fmt;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::digest::Digest;
use crate::effect::{
    ControlFrame, Declared, HeldPlan, OutputStream, PlannedProgram, ToolError, encode_frame,
};
use crate::files::{RelPath, Root};
use crate::redact::Redaction;
use crate::sandbox::{Helper, MaskMemory, ProgramDigests};

use super::tools::RunCaches;
use super::{Keyring, Room, Traffic};

/// What the tools of one session work on.
#[derive(Debug)]
pub struct ToolWorld {
    /// The workspace.
    pub root: Root,
    /// Where the workspace was opened, for messages and for what a command sees as its folder.
    pub root_path: PathBuf,
    /// A folder of the user's state, outside the workspace, for journals.
    pub state: Root,
    /// Folders of ours beneath the root: neither read nor written, like `.git`.
    pub protected: Vec<RelPath>,
    /// What must not leave this process.
    pub redaction: Arc<Redaction>,
    /// What commands of the session teach about the machine.
    pub memory: CommandMemory,
    /// What lies beyond the machine.
    pub outside: Outside,
    /// How much is read at once.
    pub room: Room,
}

/// What a session may reach over a network, and what it has sent.
#[derive(Debug, Default)]
pub struct Outside {
    /// What the user or the machine declares.
    pub declared: Declared,
    /// The values of the declared secrets.
    pub keys: Keyring,
    /// What was sent.
    pub traffic: Traffic,
    /// Who is told what a model says while it says it; nobody, where nobody wants to know.
    pub teller: Option<Teller>,
}

/// Tells the front what a model says. What it is told is shown and kept nowhere.
#[derive(Debug, Clone)]
pub struct Teller(Arc<Mutex<UnixStream>>);

impl Teller {
    /// Tells it over the control channel, which others write to as well.
    pub fn new(front: Arc<Mutex<UnixStream>>) -> Self {
        Self(front)
    }

    /// `node` has these words, which must be fit to leave.
    pub(super) fn tell(&self, node: &str, text: &str) {
        let said = ControlFrame::Said { node: node.to_owned(), text: text.to_owned() };
        if let Ok(bytes) = encode_frame(&said) {
            // a front that is gone hears nothing: the control channel ends us
            let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes);
        }
    }
}

/// What was found out or started for one command and holds for the next, as long as nothing changes.
#[derive(Debug, Default)]
pub struct CommandMemory {
    /// What may not be seen of the workspace.
    pub masks: Mutex<MaskMemory>,
    /// What programs are made of.
    pub programs: ProgramDigests,
    /// What runs them.
    pub helper: Helper,
    /// The policy of the session, by its digest.
    policy: String,
    /// The programs that the session's plan saw; without a plan, any.
    planned: Option<Vec<PlannedProgram>>,
    /// The earlier run whose changes may be taken back.
    undoes: Option<String>,
    /// Caches that last as long as the session.
    caches: Mutex<Option<RunCaches>>,
    /// When a command first worked on the workspace itself.
    first_direct: Mutex<Option<(i64, i64)>>,
}

impl CommandMemory {
    /// Nothing is known yet; the session's policy has this digest.
    pub fn of(policy: Digest) -> Self {
        Self { policy: policy.to_string(), ..Self::default() }
    }

    /// The same, where the session is held to a plan.
    #[must_use]
    pub fn held_to(self, plan: Option<&HeldPlan>) -> Self {
        Self { planned: plan.map(|plan| plan.programs.clone()), ..self }
    }

    /// The same, where the user has an earlier run's changes taken back.
    #[must_use]
    pub fn undoing(self, run: Option<String>) -> Self {
        Self { undoes: run, ..self }
    }

    /// The earlier run whose changes may be taken back; without one, no other run's.
    pub(super) fn undoes(&self) -> Option<&str> {
        self.undoes.as_deref()
    }

    /// The programs that the session's plan saw; without a plan, any.
    pub(super) fn planned(&self) -> Option<&[PlannedProgram]> {
        self.planned.as_deref()
    }

    /// The digest of the policy.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    /// Where caches lie that last as long as the session.
    pub(super) fn run_caches(&self, world: &ToolWorld) -> Result<PathBuf, ToolError> {
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match caches.take() {
            Some(made) => made,
            None => RunCaches::make(world)?,
        };
        Ok(caches.insert(made).path().to_owned())
    }

    /// When a command first worked on the workspace itself, in seconds and nanoseconds since 1970.
    pub(super) fn first_direct(&self) -> Option<(i64, i64)> {
        *self.first_direct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command is about to work on the workspace itself.
    pub(super) fn works_directly(&self, now: (i64, i64)) {
        self.first_direct.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
    }
}

/// What is done with more of an output.
type Hear = dyn Fn(OutputStream, &[u8]) + Send + Sync;

/// Hears the output of a call as it comes.
#[derive(Clone)]
pub struct Hearing(Arc<Hear>);

impl Hearing {
    /// Hears by calling `hear`, from the thread of the call.
    pub fn new(hear: impl Fn(OutputStream, &[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }
}

impl fmt::Debug for Hearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hearing")
    }
}

/// What ties a call to who made it: it ends when it is cancelled or its deadline is over, and its output may be heard.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
    hearing: Option<Hearing>,
}

impl Cancel {
    /// Ends by itself at `deadline`.
    pub fn at(deadline: Option<Instant>) -> Self {
        Self { asked: Arc::default(), deadline, hearing: None }
    }

    /// The same, where somebody hears the output as it comes.
    #[must_use]
    pub fn heard_by(self, hearing: Option<Hearing>) -> Self {
        Self { hearing, ..self }
    }

    /// The call has put out more; nobody may hear it.
    pub(super) fn heard(&self, from: OutputStream, part: &[u8]) {
        if let Some(Hearing(hear)) = &self.hearing {
            hear(from, part);
        }
    }

    /// Asks the call to end.
    pub fn cancel(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Was it asked to end?
    pub fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Was it asked to end, or is its time over?
    pub fn is_over(&self) -> bool {
        self.is_cancelled() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// When its time is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
