//! What travels on the inherited sockets, one frame each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

use super::{ApprovalRequest, RunnerStart, SandboxLayer, Started, ToolCall, ToolResult};

/// From the front to the runner, and back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "the largest is sent once, and taken apart at once")]
pub enum ControlFrame {
    /// Front → runner, first.
    Start(RunnerStart),
    /// Runner → front: ready.
    Started(Started),
    /// Runner → front: cannot start, and why.
    Refused {
        /// The reason.
        message: String,
    },
    /// Runner → front: a person is asked. In no other way does a question reach the front.
    Ask(Box<ApprovalRequest>),
    /// Runner → front: what a model says at a node while it says it, without what must not leave.
    Said {
        /// The node, as its call names it.
        node: String,
        /// Whole lines, and at the end what is left.
        text: String,
    },
    /// Front → runner: finish running calls' process trees and exit.
    Stop,
}

/// From the interpreter to the runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallFrame {
    /// Chosen by the asker; the reply carries it.
    pub id: u64,
    /// What is asked.
    pub body: RequestBody,
}

/// What the interpreter may ask. What names more than that is not understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestBody {
    /// What can be called.
    Capabilities,
    /// One call.
    Execute {
        /// The call.
        call: ToolCall,
    },
    /// Calls in order, all checked before the first.
    Batch {
        /// The calls.
        calls: Vec<ToolCall>,
    },
    /// One call whose output is told while it comes.
    Stream {
        /// The call.
        call: ToolCall,
    },
    /// What would be decided of a call, without doing it.
    Explain {
        /// The call.
        call: ToolCall,
    },
    /// What would be decided of a call; where the policy asks, a person is asked now, before the call is made.
    Prepare {
        /// The call.
        call: ToolCall,
    },
    /// End the call with this idempotency key; its process tree is gone when this is answered.
    Cancel {
        /// The key.
        key: String,
    },
}

/// From the runner to the interpreter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyFrame {
    /// The id of the request.
    pub id: u64,
    /// The answer.
    pub body: ReplyBody,
}

/// What the runner answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReplyBody {
    /// To `Capabilities`.
    Capabilities {
        /// The document.
        capabilities: Capabilities,
    },
    /// To `Stream`, any number of times before its result: output as it comes.
    Piece {
        /// Which output.
        from: OutputStream,
        /// More of it.
        text: String,
    },
    /// To `Execute`, `Stream`, `Explain` and `Prepare`.
    Result {
        /// The result.
        result: Box<ToolResult>,
    },
    /// To `Batch`, in the order of the calls.
    Results {
        /// The results.
        results: Vec<ToolResult>,
    },
    /// To `Cancel`.
    Cancelled {
        /// Was there such a call?
        found: bool,
    },
    /// There is no answer: the request was not understood, or could not be put on record. No result of a call.
    Problem {
        /// Why.
        message: String,
    },
}

/// An output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl OutputStream {
    /// The word of the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        }
    }
}

/// `lgflow.capabilities/v1`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// `lgflow.capabilities/v1`
    pub schema: String,
    /// The runner's version.
    pub version: String,
    /// Protocol versions.
    pub protocols: Vec<String>,
    /// The tools.
    pub tools: Vec<ToolInfo>,
    /// The sandbox as it was probed.
    pub sandbox: Vec<SandboxLayer>,
    /// The digest of the layers in force.
    pub policy_digest: Digest,
}

/// A tool with its schemas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolInfo {
    /// Its name.
    pub name: String,
    /// What it does, in a line.
    pub description: String,
    /// JSON Schema of its parameters.
    pub input_schema: Value,
    /// JSON Schema of its output.
    pub output_schema: Value,
}
