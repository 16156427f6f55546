//! Doubts about channels: what a node writes that comes later in a loop is known when all nodes have been looked at, and then
//! they are decided.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::diag::{Diagnostic, Diagnostics};
use crate::expr::{Doubt, Root, Subject};

use super::doubt;
use super::places::{Facts, Place, Places};
use super::stands::{self, Stands};

/// A finding that holds if the doubt does.
pub(super) struct Later {
    place: Place,
    facts: Facts,
    doubt: Doubt,
    found: Diagnostic,
}

/// A value, and whether it may be missing, or null.
type Asked = (Subject, bool);

/// Doubts about the channels of one graph.
#[derive(Default)]
pub(super) struct Doubts {
    /// What is decided when all nodes have been looked at.
    waiting: RefCell<Vec<Later>>,
    /// By what may be missing, or null: where that is so, as far as it was asked.
    known: RefCell<BTreeMap<Asked, Rc<Stands>>>,
}

impl Places<'_, '_> {
    /// Where a doubt about a channel stands, once all nodes have been looked at; `None`: it is about no channel.
    pub(super) fn stands(&self, subject: &Subject, missing: bool) -> Option<Rc<Stands>> {
        if !matches!(subject.root, Root::Channel(_)) {
            return None;
        }
        if let Some(known) = self.known_to_stand(subject, missing) {
            return Some(known);
        }
        let found = self.work_out(subject, missing);
        let mut known = self.doubts.known.borrow_mut();
        known.extend(found.into_iter().map(|(subject, found)| ((subject, missing), Rc::new(found))));
        known.get(&(subject.clone(), missing)).cloned()
    }

    /// The same, where that was worked out.
    pub(super) fn known_to_stand(&self, subject: &Subject, missing: bool) -> Option<Rc<Stands>> {
        self.doubts.known.borrow().get(&(subject.clone(), missing)).cloned()
    }

    /// What is copied from each other is worked out together.
    fn work_out(&self, subject: &Subject, missing: bool) -> Vec<(Subject, Stands)> {
        let (group, all) = stands::of_group(self, subject, missing);
        // of the others of a group that is cut not all is known
        let most = if group.is_cut { 1 } else { all.len() };
        group.subjects.into_iter().zip(all).take(most).collect()
    }

    /// Reports what is found where a doubt is not settled by what is around its place.
    pub(super) fn report_doubt(
        &self,
        place: Place,
        facts: &Facts,
        doubt: &Doubt,
        found: impl FnOnce() -> Diagnostic,
        diagnostics: &mut Diagnostics,
    ) {
        let channel = |root: &Root| matches!(root, Root::Channel(_));
        let waits = place != Place::Outputs && doubt.subjects.iter().any(|subject| channel(&subject.root));
        if waits {
            let known = doubt.subjects.iter().any(|subject| doubt::known_in(facts, subject, doubt.missing));
            if !known {
                let later = Later { place, facts: facts.clone(), doubt: doubt.clone(), found: found() };
                self.doubts.waiting.borrow_mut().push(later);
            }
        } else if !doubt::is_settled(self, place, facts, doubt) {
            diagnostics.push(found());
        }
    }

    /// Decides what had to wait.
    pub(super) fn decide_doubts(&self, diagnostics: &mut Diagnostics) {
        for later in self.doubts.waiting.take() {
            if !doubt::is_settled(self, later.place, &later.facts, &later.doubt) {
                diagnostics.push(later.found);
            }
        }
    }
}
