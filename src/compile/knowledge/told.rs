//! What is asked of a value holds of the channel as well that a node has put exactly that value into.

use crate::expr::Subject;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx};

use super::copied::other_names;
use super::doubt::{is_asked_for, known_in};
use super::places::{Facts, Places};
use super::view::View;
use super::written::writer_at;

/// A doubt that a node begins by what it writes to a channel, by the other names of what it writes.
pub(super) struct Told {
    names: Vec<Subject>,
    missing: bool,
}

impl Told {
    pub(super) fn of(places: &Places<'_, '_>, writer: NodeIx, subject: &Subject, missing: bool) -> Self {
        Self { names: other_names(places, writer, subject), missing }
    }

    /// Of the only doubt that is seen; none, where there may be others.
    pub(super) fn of_view(
        places: &Places<'_, '_>,
        seen: View,
        subject: &Subject,
        missing: bool,
    ) -> Option<Self> {
        // all that was there before was written over
        let only = seen.bad > 0 && seen.since + 1 == seen.bad;
        let writer = writer_at(places.plan, seen.bad).filter(|_| only)?;
        Some(Self::of(places, writer, subject, missing))
    }

    /// Does what an edge asks settle it?
    pub(super) fn is_settled_by(&self, places: &Places<'_, '_>, at: EdgeIx) -> bool {
        let edge = places.plan.edge(at);
        // an `always` edge is followed also where its source never started
        let asks = edge.outcome != EdgeOutcome::Always
            && (edge.when.is_some() || edge.outcome == EdgeOutcome::Otherwise);
        asks && self.names.iter().any(|name| is_asked_for(places, at, name, self.missing))
    }

    /// Is it settled by what is known at a place?
    pub(super) fn is_known_in(&self, facts: &Facts) -> bool {
        self.names.iter().any(|name| known_in(facts, name, self.missing))
    }
}
