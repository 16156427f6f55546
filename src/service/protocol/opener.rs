//! How a session is had: who starts the runner's process is told what for, and gives back the ends of it.

use std::fmt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::effect::{RunOpen, Started};
use crate::service::Token;

/// What a session is for.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whose it is; nobody's in particular where no token is asked for.
    pub token: Option<Arc<Token>>,
    /// The run that it serves; without one, calls that belong to none.
    pub run: Option<RunOpen>,
    /// The session that is gone on with, where its process was lost.
    pub goes_on: Option<GoesOn>,
}

/// What is known of a session whose process was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoesOn {
    /// Its id.
    pub id: String,
    /// The calls that were counted in it.
    pub calls: u64,
}

impl Order {
    /// The name of its token.
    pub fn name(&self) -> &str {
        self.token.as_ref().map_or("", |token| &token.name)
    }

    /// What a run is known by as this token's: a later token of the same name is another one.
    pub fn holder(&self) -> String {
        self.token.as_ref().map_or_else(String::new, |token| token.hash.to_string())
    }
}

/// A runner's process that has its task.
pub struct Begun {
    /// The id of the session, which its questions name; of a run, the run's.
    pub id: String,
    /// What it said when it was ready.
    pub started: Started,
    /// The patterns of its layers, each with its name.
    pub redact: Vec<(String, String)>,
    /// Where calls go, and answers come from.
    pub calls: UnixStream,
    /// Where it asks; of a session, somebody listens there already.
    pub control: UnixStream,
    /// Ends it when it is dropped, which may take a while.
    pub process: Box<dyn Send + Sync>,
    /// What it has put on record of its run, once it has ended.
    pub receipts: Box<dyn FnOnce() -> Result<String, String> + Send + Sync>,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("started", &self.started).finish_non_exhaustive()
    }
}

/// A session that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// What was asked for is refused.
    #[error("{0}")]
    Refused(String),
    /// The machine failed.
    #[error("the runner did not start: {0}")]
    Failed(String),
}

/// Starts a runner's process and gives it its task; waits until it is ready.
pub type Opener = Box<dyn Fn(&Order) -> Result<Begun, OpenError> + Send + Sync>;
