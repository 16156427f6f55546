//! What is known of a graph before it runs: the types of all values, which results are surely there, which conditions
//! can hold together, and what may happen at the same time. Says nothing where it does not know.

mod apart;
mod behind;
mod choices;
mod conditions;
mod constant;
mod copied;
mod courses;
mod doubt;
mod endings;
mod endless;
mod failing;
mod flow;
mod given;
mod in_the_end;
mod joins;
mod kept;
mod late;
mod later;
mod left_behind;
mod lengths;
mod lost;
mod merged;
mod misread;
mod one_of;
mod outcome;
mod outputs;
mod passing;
mod places;
mod prompts;
mod races;
mod remainder;
mod report;
mod results;
mod search;
mod shown;
mod stands;
mod together;
mod told;
mod tried;
mod view;
mod writes;
mod written;

use std::rc::Rc;

use crate::diag::Diagnostics;
use crate::plan::{Apart, Plan};
use crate::types::Type;

use super::draft::Draft;

use conditions::Decisions;
use flow::Flow;
use misread::Misread;
use places::Places;

pub(super) use misread::is_possible;
pub use together::{MOST_AT_ONCE, Sides, at_once};

/// What the plan is told of itself. It follows from the rest of the plan, and is no part of its digest.
pub(super) struct Learned {
    /// Of the outputs, in their order.
    types: Vec<Type>,
    apart: Apart,
}

impl Learned {
    /// Writes it down in the plan that it was learned of.
    pub(super) fn tell(self, plan: &mut Plan) {
        for (output, ty) in plan.outputs.iter_mut().zip(self.types) {
            output.ty = ty;
        }
        plan.apart = self.apart;
    }
}

/// Checks a graph that has no fault but names that are not there.
pub(super) fn check(draft: &Draft<'_>, plan: &Plan, diagnostics: &mut Diagnostics) -> Learned {
    let flow = Flow::of(plan);
    let misread = Misread::of(plan, diagnostics);
    let mut found = Diagnostics::default();
    let mut places = Places::new(draft, plan, &flow, &misread);
    places.check(&mut found);
    let mut news = Diagnostics::default();
    let decisions = Rc::new(Decisions::of(&places, &mut news));
    places.check_later(&decisions, &mut found);
    let dead = joins::check(&places, &decisions, &mut news);
    // what a wrong condition decides is no news
    if !found.has_errors() && misread.is_empty() {
        found.append(news);
    }
    failing::report(&decisions.hopeless, &misread, &mut found);
    places.check_outputs(&decisions, &mut found);
    if !misread.has_conditions() {
        races::check(&places, &decisions, &mut found);
        lost::check(&places, &dead, &mut found);
        late::check(&places, &mut found);
        endless::check(&places, &decisions, &mut found);
    }
    shown::check(&places, &mut found);
    kept::check(draft, plan, &mut found);
    let types = places.output_types();
    // a plan is made of a graph without faults
    let apart = if found.has_errors() || !misread.is_empty() {
        Apart::default()
    } else {
        apart::of(&places, &decisions)
    };
    misread.report(found, diagnostics);
    Learned { types, apart }
}
