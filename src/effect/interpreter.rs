//! What the front and the interpreter tell each other. The interpreter gets everything that it may know with the first
//! message; nothing that it says is shown to a person as a question, or answers one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

use super::{RunLimits, SandboxLayer};

/// From the front to the interpreter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FrontFrame {
    /// First: run this. The runner's call socket travels with it.
    Start(Box<InterpreterStart>),
    /// First, instead: put up the walls, test them, and end.
    Probe,
    /// The user wants the run to end: the first time in order, the second at once.
    Interrupt,
    /// A person has answered a question of the run. Where the policy asks, the approval in it is what the runner
    /// believes, and not this frame.
    Answer(Box<PersonsAnswer>),
    /// Nobody answers now: a suspended run is left as it is.
    Leave,
    /// Behind `Start`, of a run that is gone on with: what it has recorded, in parts.
    Recorded {
        /// Lines, or the part of one.
        text: String,
        /// Is that all?
        last: bool,
    },
    /// The answer to `Fetch`, in parts.
    Payload {
        /// Its text, or a part of it; nothing where the run has named no such payload.
        part: Option<String>,
        /// Is that all?
        last: bool,
    },
    /// The answer to an `Append` that is awaited: the lines up to there are on the disk, unless the run is kept in memory.
    Stored,
}

/// A person's answer to a question of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonsAnswer {
    /// The number of the question.
    pub question: u32,
    /// Agreed, or chosen?
    pub granted: bool,
    /// One of the options.
    pub choice: Option<String>,
    /// The further answer.
    pub response: Option<Value>,
    /// A remark.
    pub comment: String,
    /// Which key.
    pub by: String,
    /// The signed approval that a call will carry.
    pub approval: Option<Value>,
}

/// From the interpreter to the front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InterpreterFrame {
    /// The walls stand as described, and the run begins.
    Ready {
        /// The walls.
        confinement: Confinement,
    },
    /// It cannot begin.
    Refused {
        /// Why.
        message: String,
    },
    /// A payload that the next lines name, in parts.
    Payload {
        /// Its text, or a part of it.
        part: String,
        /// Is that all?
        last: bool,
    },
    /// Something happened: lines of the trace, to be stored before anything is done because of them.
    Append {
        /// The lines.
        lines: Vec<String>,
        /// Is the answer waited for?
        awaited: bool,
    },
    /// A payload of the run that is gone on with is needed.
    Fetch {
        /// Its digest.
        digest: Digest,
    },
    /// The last frame of a run.
    Ended {
        /// Why it stopped before its end, if it did.
        interrupted: Option<String>,
    },
}

/// The task of an interpreter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterpreterStart {
    /// `lgflow.interpreter_start/v1`
    pub schema: String,
    /// The run's id.
    pub run: String,
    /// The graph with everything that it names, as the front has read it.
    pub graph: GraphBundle,
    /// What the user's settings lower.
    pub limits: RunLimits,
    /// The digest of the document of the plan that the front has shown.
    pub plan: Digest,
    /// The inputs, defaults put in.
    pub inputs: Value,
    /// The commit that the workspace stands on.
    pub revision: Option<String>,
    /// What is kept out of the trace: a name and a regular expression each.
    #[serde(default)]
    pub redact: Vec<(String, String)>,
    /// Facts for the first event.
    pub facts: serde_json::Map<String, Value>,
    /// Go on with a run that is in the store, instead of beginning it.
    #[serde(default)]
    pub resume: bool,
    /// What patterns took out of the trace of the run that is gone on with, where they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptWords>,
}

/// What patterns took out of the trace of a run, as it was kept: the run itself has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptWords {
    /// Its inputs.
    pub inputs: Option<Value>,
    /// What people have answered.
    pub answers: Vec<PersonsAnswer>,
    /// The patterns that were in force when it began: a name and a regular expression each.
    pub patterns: Vec<(String, String)>,
}

/// The texts of a graph and of all that it names: the interpreter compiles them again and opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphBundle {
    /// The path of the graph itself, among those of `files`.
    pub root: String,
    /// By path beneath the graph's folder.
    pub files: Vec<BundledFile>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledFile {
    /// Relative to the folder that all of them share.
    pub path: String,
    /// The name to show it by.
    pub name: String,
    /// The text.
    pub text: String,
}

/// The walls around an interpreter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Each wall, in force or not.
    pub layers: Vec<SandboxLayer>,
    /// Why those that it must have are not in force; empty if they all are.
    pub missing: Vec<String>,
}

impl Confinement {
    /// Does everything stand that it must have?
    pub fn is_whole(&self) -> bool {
        !self.layers.is_empty() && self.missing.is_empty()
    }

    /// `confined`, or `unconfined` with the reasons.
    pub fn sentence(&self) -> String {
        if self.is_whole() {
            "confined".to_owned()
        } else {
            format!("unconfined ({})", self.missing.join("; "))
        }
    }
}
