//! All of the world that a tool may touch. What it may do there is not written here: a granted call carries it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::files::{RelPath, Root};
use crate::redact::Redaction;
use crate::sandbox::{MaskMemory, ProgramDigests};

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
}

/// What was found out for one command and holds for the next, as long as nothing changes.
#[derive(Debug, Default)]
pub struct CommandMemory {
    /// What may not be seen of the workspace.
    pub masks: Mutex<MaskMemory>,
    /// What programs are made of.
    pub programs: ProgramDigests,
}

/// One call's end from outside: cancelled, or its deadline is over.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Cancel {
    /// Ends by itself at `deadline`.
    pub fn at(deadline: Option<Instant>) -> Self {
        Self { asked: Arc::default(), deadline }
    }

    /// Asks the call to end.
    pub fn cancel(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Was it asked to end?
    pub fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// When its time is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
