//! What a run would do and what that stands on, found out before it: the calls that may come, and the state of the world
//! that a plan is bound to. Starts no process and changes nothing.

use std::path::Path;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{Declared, FrozenLayer, PlanBindings};
use crate::files::{FileError, RelPath, Root};
use crate::plan::Plan;
use crate::policy::{Foreseen, Gate, Machine, PolicySet};
use crate::runner::{machine, planned_programs, planned_toolchains, planned_workspace};

use super::Place;
use super::keep_out::{KeepOutError, recorded_inputs};

/// A run that has not begun.
#[derive(Debug)]
pub struct Foresight {
    /// What decides about its calls.
    pub gate: Gate,
    /// The calls that may come.
    pub calls: Vec<Foreseen>,
}

/// What a run begins with, as far as a plan is bound to it.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    /// Where.
    pub place: &'a Place,
    /// The graph, lowered to the user's own limits.
    pub plan: &'a Plan,
    /// The layers that bind it.
    pub layers: &'a [FrozenLayer],
    /// What the user or the machine declares.
    pub declared: &'a Declared,
    /// Its inputs, defaults put in; none where a plan leaves them open.
    pub inputs: Option<&'a Value>,
}

/// What a plan is bound to could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum ForesightError {
    /// The workspace cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// It would carry a secret.
    #[error(transparent)]
    KeepOut(#[from] KeepOutError),
}

impl Foresight {
    /// Of a run under the compiled layers `set`.
    pub fn of(beginning: &Beginning<'_>, set: PolicySet) -> Self {
        let machine = machine(beginning.place.protected());
        let gate = Gate::new(set, Machine { declared: beginning.declared.clone(), ..machine });
        let calls = gate.foresee(beginning.plan, beginning.inputs);
        Self { gate, calls }
    }

    /// What a plan of it is bound to. `own` is the file of the plan itself, which does not count where it lies in the
    /// workspace.
    pub fn bindings(
        &self,
        beginning: &Beginning<'_>,
        own: Option<&Path>,
    ) -> Result<PlanBindings, ForesightError> {
        let Beginning { place, plan, layers, declared, inputs } = *beginning;
        let root = Root::open(&place.root)?;
        let own = own.and_then(|path| beneath(&place.root, path));
        let footing = self.gate.footing(&self.calls);
        let inputs = match inputs {
            Some(inputs) => Some(Digest::of_json(&recorded_inputs(&declared.secrets, layers, inputs)?)),
            None => None,
        };
        Ok(PlanBindings {
            lgflow: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Digest::of_json(&plan.document()),
            policy: self.gate.policy().digest(),
            secrets: Digest::of_json(&json!(declared.secrets)),
            models: Digest::of_json(&json!([declared.models, declared.private])),
            programs: planned_programs(&footing, &place.root),
            toolchains: planned_toolchains(&footing),
            workspace: planned_workspace(&root, &place.root, &place.protected(), own.as_ref()),
            inputs,
        })
    }
}

/// The path of a file from the root, where it lies beneath it.
fn beneath(root: &Path, file: &Path) -> Option<RelPath> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let whole = folder.canonicalize().ok()?.join(file.file_name()?);
    RelPath::parse(whole.strip_prefix(root).ok()?.to_str()?).ok()
}
