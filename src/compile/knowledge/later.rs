//! Doubts about channels: what a node writes that comes later in a loop is known when all nodes have been looked at, and then
//! they are decided.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::diag::{Diagnostic, Diagnostics};
use crate::expr::{Doubt, Root, Subject};

use super::doubt;
use super::places::{Facts, Place, Places};
use super::stands::Stands;

/// Channels that are copied from each other, of which it is asked.
const DEEPEST: usize = 16;

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
    /// By what may be missing, or null: where that is so, as far as it was asked; `None` while it is being worked out.
    known: RefCell<BTreeMap<Asked, Option<Rc<Stands>>>>,
    /// How many of them are being worked out.
    open: Cell<usize>,
}

impl Places<'_, '_> {
    /// Where a doubt about a channel stands, once all nodes have been looked at; `None`: it is about no channel.
    pub(super) fn stands(&self, subject: &Subject, missing: bool) -> Option<Rc<Stands>> {
        if !matches!(subject.root, Root::Channel(_)) {
            return None;
        }
        let Doubts { known, open, .. } = &self.doubts;
        let key = (subject.clone(), missing);
        if let Some(known) = known.borrow().get(&key) {
            return known.clone();
        }
        known.borrow_mut().insert(key.clone(), None);
        open.set(open.get() + 1);
        let found = Stands::of(self, subject, missing).map(Rc::new);
        open.set(open.get() - 1);
        known.borrow_mut().insert(key, found.clone());
        found
    }

    /// Is that being worked out, or too far to be?
    pub(super) fn asking(&self, subject: &Subject, missing: bool) -> bool {
        self.doubts.open.get() > DEEPEST
            || matches!(self.doubts.known.borrow().get(&(subject.clone(), missing)), Some(None))
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
