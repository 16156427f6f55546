//! `lgflow run --plan FILE`: reads the plan, and refuses to begin where something is not as it was when it was made.

use std::path::Path;

use crate::effect::HeldPlan;
use crate::front::{Beginning, Foresight, ForesightError, PlanFile, PlanFileError};
use crate::policy::PolicySet;
use crate::source::Sources;
use crate::view::escaped;

use super::Exit;
use super::problem::Problem;

/// What a run is held to, where it begins as its plan says.
pub(super) fn held(file: &Path, beginning: &Beginning<'_>) -> Result<HeldPlan, Problem> {
    let plan = PlanFile::read(file).map_err(|error| unfit(&error))?;
    // the layers were read without a finding before
    let set = PolicySet::compile(beginning.layers, &mut Sources::default())
        .map_err(|_| Problem::bug("a policy that was valid is not valid any more"))?;
    let foresight = Foresight::of(beginning, set);
    let now = foresight.bindings(beginning, Some(file)).map_err(|error| unbound(&error))?;
    let differ = plan.differences(&now);
    if differ.is_empty() {
        return Ok(plan.held());
    }
    let shown = escaped(&file.display().to_string());
    let lines: Vec<String> = differ.iter().map(|line| format!("  {line}")).collect();
    let detail = format!(
        "the plan `{shown}` was made for something else, so nothing was begun:\n{}\nput it back as it was, or make a new \
         plan with `lgflow plan -o {shown}`, read it, and run that",
        lines.join("\n")
    );
    Err(Problem::with(Exit::Denied, "denied: not what the plan was made for", detail))
}

/// A file of a plan that cannot be used.
pub(super) fn unfit(error: &PlanFileError) -> Problem {
    match error {
        PlanFileError::Damaged { .. } => {
            Problem::with(Exit::Unverified, "the plan failed verification", error.to_string())
        }
        PlanFileError::File(error) => super::validate::unreadable(error),
        _ => Problem::usage(error.to_string()),
    }
}

/// What a plan is bound to could not be found out.
pub(super) fn unbound(error: &ForesightError) -> Problem {
    Problem::failed("cannot tell what a plan would be bound to", error)
}
