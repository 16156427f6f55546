//! What is known of a sound graph before it runs: the types of all values, which results are surely there, which
//! conditions can hold together, and what may happen at the same time. Says nothing where it does not know.

mod behind;
mod choices;
mod conditions;
mod constant;
mod courses;
mod doubt;
mod flow;
mod given;
mod lost;
mod outcome;
mod outputs;
mod places;
mod races;
mod report;
mod results;
mod search;
mod shown;
mod tried;
mod writes;

use crate::diag::Diagnostics;
use crate::plan::Plan;

use super::draft::Draft;

use conditions::Decisions;
use flow::Flow;
use places::Places;

/// Checks a graph that has no other fault, and tells the plan the types of its outputs.
pub(super) fn check(draft: &Draft<'_>, plan: &mut Plan, diagnostics: &mut Diagnostics) {
    let flow = Flow::of(plan);
    let mut places = Places::new(draft, plan, &flow);
    places.check(diagnostics);
    // what a wrong condition decides is no news
    let mut unsaid = Diagnostics::default();
    let told = if diagnostics.has_errors() { &mut unsaid } else { &mut *diagnostics };
    let decisions = Decisions::of(&places, told);
    places.check_outputs(&decisions, diagnostics);
    races::check(&places, &decisions, diagnostics);
    shown::check(&places, diagnostics);
    lost::check(&places, diagnostics);
    let types = places.output_types();
    for (output, ty) in plan.outputs.iter_mut().zip(types) {
        output.ty = ty;
    }
}
