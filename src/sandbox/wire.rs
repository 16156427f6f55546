//! What runner and helper, and the helper's two processes, say to each other: one order, one report. Its types are
//! for this one journey between two executions of the same program, and are stored nowhere.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::layer::{Layer, Standing};

/// The hidden first argument that makes our own program a helper.
pub const HELPER_ARGUMENT: &str = "__sandbox";

/// How many descriptors can travel with an order.
pub(super) const MAX_DESCRIPTORS: usize = 128;
/// The most bytes of an order: the system takes no longer arguments anyway.
pub(super) const MAX_ORDER: usize = 64 << 20;
/// The most bytes of a report.
pub(super) const MAX_REPORT: usize = 256 << 20;

/// What the helper is to run. Descriptors travel beside it: program, standard input, output and error, the workspace,
/// and then those of the caches, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// A variable that marks the processes where they can be found in no other way.
    pub(super) marker: (String, String),
    /// When the command was asked for, by the clock of `moment`.
    pub(super) asked_at: u64,
    pub(super) wall_ms: u64,
    pub(super) cpu_seconds: Option<u64>,
    pub(super) memory: Option<u64>,
    pub(super) processes: Option<u64>,
    pub(super) file_bytes: Option<u64>,
    /// Where the program was found.
    pub(super) program: Text,
    /// Its interpreter opens it again by name.
    pub(super) is_script: bool,
    /// Relative to the workspace.
    pub(super) cwd: Text,
    /// Layers without which the program is not started.
    pub(super) demanded: Vec<String>,
    pub(super) stack: StackOrder,
    /// Put up everything, start nothing, and say how it stands.
    pub(super) only_try: bool,
    /// Files, bytes of one file, and bytes of all files that are read of what the command changed; and whether those that
    /// are no text are wanted.
    pub(super) bounds: (usize, u64, u64, bool),
}

/// The stack, without its descriptors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StackOrder {
    pub(super) path: Text,
    pub(super) view: View,
    pub(super) mask: Vec<Text>,
    pub(super) opaque: Vec<(Text, Vec<Text>)>,
    pub(super) caches: Vec<(Text, Start)>,
    pub(super) binds: Vec<Text>,
    pub(super) unsafe_write: Vec<Text>,
    pub(super) bytes: u64,
    pub(super) inodes: u64,
    pub(super) network: bool,
}

/// What the workspace is mounted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum View {
    Overlay,
    Copy,
    Direct,
}

/// What a cache starts with: how many descriptors are its layers; where changes are kept, two more follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Start {
    Empty,
    Seed(usize),
    Kept(usize),
}

/// A path of any bytes as text: each byte as the character with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn of(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().iter().copied().map(char::from).collect())
    }

    pub(super) fn path(&self) -> PathBuf {
        // nobody but us writes one, and then each character is a byte
        let bytes = self.0.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        PathBuf::from(OsString::from_vec(bytes))
    }
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Report {
    /// The program ended, or was ended.
    Ended(Ended),
    /// Layers that are demanded are not there; nothing was started.
    Refused { missing: Vec<String>, standing: Walls },
    /// The workspace can't be the lower layer of an overlay; nothing was started.
    NoOverlay { why: String },
    /// Everything was put up as far as it could be, and nothing was to be started.
    Tried { standing: Walls },
    /// The program did not start.
    Failed { message: String },
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// Its exit code, if it exited.
    pub(super) code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(super) signal: Option<i32>,
    /// Why.
    pub(super) cause: Cause,
    /// From when it was asked for to when it was the command, in microseconds.
    pub(super) start_us: u64,
    /// Processes that could not be ended.
    pub(super) left: usize,
    /// How the layers stood.
    pub(super) standing: Walls,
    /// What the workspace was.
    pub(super) view: View,
    /// How memory was bounded.
    pub(super) memory: Memory,
    /// What it changed, where its workspace was an overlay.
    pub(super) changes: Option<Changes>,
    /// Where the room ran out: the largest folders with their bytes.
    pub(super) largest: Vec<(String, u64)>,
}

/// Why a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    Itself,
    Timeout,
    Cancelled,
    Processes,
    Memory,
    Room,
}

/// How memory is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Memory {
    /// Not at all: no rule asks for it.
    Free,
    /// By the system.
    Cgroup,
    /// By looking.
    Sampled,
}

/// Layers by name, with why one is not in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Walls(BTreeMap<String, Option<String>>);

impl Walls {
    pub(super) fn of(standing: &Standing) -> Self {
        let owned = |(name, why): (&str, Option<&str>)| (name.to_owned(), why.map(str::to_owned));
        Self(standing.told().map(owned).collect())
    }

    pub(super) fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for (name, why) in &self.0 {
            match (Layer::named(name), why) {
                (Some(layer), None) => standing.stands(layer),
                (Some(layer), Some(why)) => standing.fails(layer, why),
                (None, _) => {}
            }
        }
        standing
    }
}

/// Where the command begins, and how the layers stand that were put up for it: what the process that becomes the command
/// waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ground {
    /// The folder that is its workspace.
    pub(super) workspace: Text,
    /// Is the root a private one?
    pub(super) is_private: bool,
    /// User and group that it becomes, where we may choose.
    pub(super) user: Option<(u32, u32)>,
    /// Folders that it sees and does not write, where the root is not a private one.
    pub(super) seen: Vec<Text>,
    pub(super) standing: Walls,
}

/// What the child that becomes the command says before it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Begun {
    /// It is about to be the command.
    Ready { standing: Walls },
    /// Layers are missing.
    Refused { missing: Vec<String>, standing: Walls },
    /// Something failed.
    Failed { message: String },
}
