//! Outputs that read a `replace` channel: may a run that succeeds end with the doubt?

use crate::expr::Subject;
use crate::plan::{EdgeIx, LoopIx, NodeIx};

use super::courses::{Must, Question};
use super::doubt::is_asked_for;
use super::places::Places;
use super::search::may_see;
use super::stands::Stands;
use super::told::Told;
use super::written::{Moment, START, Write, begun, ended};

/// Where a doubt may begin that are looked at.
const FARTHEST: usize = 256;

/// Where a doubt begins.
struct Begins {
    at: Moment,
    /// The node by which it does; none: with the run.
    by: Option<NodeIx>,
}

/// Is each doubt that begins in a run gone before it ends?
pub(super) fn is_settled(places: &Places<'_, '_>, subject: &Subject, missing: bool, stands: &Stands) -> bool {
    let Some(courses) = &places.courses else { return true };
    let plan = places.plan;
    let edges = (0..).map(EdgeIx).take(plan.edges.len());
    let asking: Vec<EdgeIx> =
        edges.clone().filter(|at| is_asked_for(places, *at, subject, missing)).collect();
    let stays = |begins: Begins| {
        let later = |writer: &NodeIx| ended(plan, *writer) > begins.at;
        let sees = |edge: &EdgeIx| {
            let from = plan.edge(*edge).from;
            begins
                .by
                .is_none_or(|by| from == by || (ended(plan, from) > begins.at && may_see(plan, from, by)))
        };
        let writer = begins.by.filter(|by| begins.at == ended(plan, *by));
        let told = writer.map(|by| Told::of(places, by, subject, missing));
        let tells = |edge: &EdgeIx| told.as_ref().is_some_and(|told| told.is_settled_by(places, *edge));
        let asking = asking.iter().copied().chain(edges.clone().filter(tells));
        let question = Question {
            gives: stands.written.sure().filter(later).collect(),
            settles: asking.filter(sees).collect(),
            must: begins.by.map(Must::Give),
            ..Question::default()
        };
        courses.holds(&question) == Some(false)
    };
    !all(places, stands).into_iter().take(FARTHEST).any(stays)
}

/// The last first.
fn all(places: &Places<'_, '_>, stands: &Stands) -> Vec<Begins> {
    let plan = places.plan;
    let writers = stands.written.all(Write::Bad).map(|by| Begins { at: ended(plan, by), by: Some(by) });
    // what an earlier iteration has left
    let turned = (0..).map(LoopIx).zip(&plan.loops).filter(|(turned, _)| stands.carried[turned.0 as usize]);
    let turned = turned.map(|(_, body)| Begins { at: begun(plan, body.target), by: Some(body.target) });
    let start = (!stands.written.good_at_first).then_some(Begins { at: START, by: None });
    let mut all: Vec<Begins> = writers.chain(turned).chain(start).collect();
    all.sort_unstable_by_key(|begins| std::cmp::Reverse(begins.at));
    all
}
