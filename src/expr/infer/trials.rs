//! Parts of a text that look at nothing, each asked for its value before the run.

use crate::expr::evaluate::Evaluation;
use crate::expr::ir::{Frame, Kind, Node};
use crate::expr::limits::Budget;
use crate::expr::stop::Stop;

use super::path::visit;

/// Parts of one text without a value that are told.
const FLAWS: u8 = 16;

/// What may still be spent on the parts of one text, together as much as a run may spend on it; and flaws still to be told.
#[derive(Debug)]
pub(super) struct Trials(Option<(Budget, u8)>);

impl Trials {
    pub(super) fn new() -> Self {
        Self(Some((Budget::new(), FLAWS)))
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Why a part never has a value.
    pub(super) fn flaw(&mut self, node: &Node) -> Option<Stop> {
        let mut evaluation = Evaluation::new(&[], Frame::default());
        let (budget, flaws) = self.0.take()?;
        evaluation.budget = budget;
        let tried = evaluation.value(node).map(drop);
        if tried.is_ok() {
            self.0 = Some((evaluation.budget, flaws));
            return None;
        }
        // by itself, and not by what others have spent
        let mut alone = Evaluation::new(&[], Frame::default());
        let flaw = alone.value(node).map(drop).err();
        if flaw.is_some() && flaws > 1 {
            self.0 = Some((evaluation.budget, flaws - 1));
        }
        flaw
    }
}

/// Does a part look at nothing, and is there something to be asked?
pub(super) fn is_constant(node: &Node) -> bool {
    let mut looks = matches!(node.kind, Kind::Const(_));
    visit(node, &mut |part| {
        looks |= matches!(part.kind, Kind::Slot(_) | Kind::Local(_) | Kind::Loop(..) | Kind::Unread(_));
    });
    !looks
}
