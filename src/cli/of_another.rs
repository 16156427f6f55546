//! Runs of the store that another installation has started. What their events tell is read like that of any run, and marked:
//! nobody here has seen whether it was so. What makes others believe it is left to whoever started it.

use serde_json::Value;

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::trace::Found;

/// Says of what is shown that nobody here vouches for it, if that is so.
pub(super) fn say(found: &Found, output: Output) {
    if found.is_of_another() {
        let run = &found.name;
        output.note(&format!(
            "the run `{run}` was started by another installation: this is what its events tell, and nobody here vouches for it; \
             `lgflow trace verify {run}` says what holds\n"
        ));
    }
}

/// The same in a document, or in its part about a run.
pub(super) fn mark(is_of_another: bool, document: &mut Value) {
    if is_of_another {
        document["started_here"] = false.into();
    }
}

/// What vouches for a trace is made by who has seen that it is true.
pub(super) fn refuse(found: &Found, what: &str) -> Result<(), Problem> {
    if !found.is_of_another() {
        return Ok(());
    }
    let run = &found.name;
    let detail = format!(
        "the run `{run}` was started by another installation, which has its receipts: that its calls were made as it says, nobody \
         here has seen, so {what}; there it can be"
    );
    Err(Problem::with(Exit::Unverified, "not vouched for", detail))
}
