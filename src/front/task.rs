//! What is to be run: all that a run is begun with, or gone on with. Starts nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::config::Retention;
use crate::effect::{Declared, FrozenLayer, GraphBundle, HeldPlan, KeptWords, RunLimits};
use crate::plan::Plan;
use crate::store::{Durability, RunId};
use crate::trace::{RunState, Verified};

use super::{Elsewhere, Fork, Place, Watching};

/// What is to be run.
#[derive(Debug)]
pub struct Task<'a> {
    /// Where.
    pub place: &'a Place,
    /// The graph, lowered to `limits`.
    pub plan: Arc<Plan>,
    /// The texts that it was compiled from.
    pub bundle: GraphBundle,
    /// The user's own limits.
    pub limits: RunLimits,
    /// The layers that bind it, the grant first.
    pub layers: Vec<FrozenLayer>,
    /// What the user or the machine declares.
    pub declared: Declared,
    /// The plan that it is held to.
    pub held: Option<HeldPlan>,
    /// The earlier run whose changes it takes back.
    pub undoes: Option<RunId>,
    /// The earlier run that it takes results over from.
    pub fork: Option<Fork>,
    /// Its inputs, defaults put in.
    pub inputs: Value,
    /// When a line of the trace is safe.
    pub durability: Durability,
    /// How long the user keeps runs.
    pub retention: Retention,
    /// Is the trace written into the workspace as well?
    pub trace: bool,
    /// The program that becomes the runner and the interpreter: our own.
    pub program: &'a Path,
    /// What the command line named: what a later resume begins with.
    pub named: Named,
    /// The secret key that the user answers with, where the settings name one.
    pub signing_key: Option<PathBuf>,
    /// Are questions shown in colour?
    pub color: bool,
    /// Is somebody there to be asked?
    pub attended: bool,
    /// The run of the queue that this is: its id was given out, and a first request to end waits for its end.
    pub serving: Option<RunId>,
    /// A run of the store that is gone on with.
    pub resume: Option<Resume>,
    /// The runner that makes its calls, where that is not one of our own.
    pub elsewhere: Option<Elsewhere>,
    /// What is told beside its story.
    pub watching: Watching,
}

impl<'a> Task<'a> {
    /// A run of a graph under these layers, and nothing that a user would have said of it: no inputs, nobody to be asked.
    pub fn new(
        place: &'a Place,
        (plan, bundle): (Arc<Plan>, GraphBundle),
        layers: Vec<FrozenLayer>,
        program: &'a Path,
    ) -> Self {
        Self {
            place,
            plan,
            bundle,
            limits: RunLimits::default(),
            layers,
            declared: Declared::default(),
            held: None,
            undoes: None,
            fork: None,
            inputs: json!({}),
            durability: Durability::default(),
            retention: Retention::default(),
            trace: false,
            program,
            named: Named::default(),
            signing_key: None,
            color: false,
            attended: false,
            serving: None,
            resume: None,
            elsewhere: None,
            watching: Watching::default(),
        }
    }
}

/// What the command line of a run named.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The graph file.
    pub graph: Option<PathBuf>,
    /// Policy files.
    pub policies: Vec<PathBuf>,
    /// Was the workspace trusted for this run alone?
    pub trusted: bool,
    /// The profile.
    pub profile: Option<String>,
}

/// A stored run.
#[derive(Debug)]
pub struct Resume {
    /// Its id.
    pub run: RunId,
    /// Where it stands.
    pub state: RunState,
    /// The trace up to there.
    pub verified: Verified,
    /// What patterns took out of it, where they did.
    pub kept: Option<KeptWords>,
}
