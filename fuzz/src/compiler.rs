//! The compiler: a text, with the files that it names, → findings or a plan. Each finding can be shown; a plan can be
//! drawn and begun; the same text gives the same plan.

use lgflow::plan::Plan;
use lgflow::view::diagnostics::{json, sarif};
use lgflow::view::graph::{Embedding, Letters, Picture, dot, html, mermaid, svg, text};

use super::document::shown;
use super::draws::Draws;
use super::files::{Files, plan_of};
use super::run::Run;

/// Steps of a run that is only tried.
const STEPS: usize = 200;

/// Text → findings, or a plan that runs.
pub fn compiler(bytes: &[u8]) {
    let Ok(given) = std::str::from_utf8(bytes) else { return };
    let files = Files::of(given);
    let (checked, sources, found) = files.check();
    shown(&sources, &found);
    json(&sources, &found);
    sarif(&sources, &found);
    let Some(plan) = plan_of(&checked) else { return };
    let (again, ..) = files.check();
    let again = plan_of(&again).expect("it was a graph before");
    assert_eq!(plan.digest, again.digest, "the digest of the same text");
    drawn(&plan);
    if let Some(mut run) = Run::begin(&plan, Draws::new(bytes)) {
        run.go_on(STEPS);
        run.hold();
    }
}

/// Draws a plan in each form.
fn drawn(plan: &Plan) {
    mermaid(plan);
    dot(plan);
    let picture = Picture::of(plan);
    html(&picture);
    // what is too large for one picture says so
    _ = svg(&picture, Embedding::Alone);
    for letters in [Letters::Ascii, Letters::Unicode] {
        for width in [20, 80] {
            text(&picture, width, letters);
        }
    }
}
