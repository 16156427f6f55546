//! Texts: what becomes a part of them, and their statements.

use crate::expr::ir::{For, Step};
use crate::types::{Kind as ValueKind, Type};

use super::value::item_of;
use super::{Inference, Inferred};

impl Inference<'_> {
    /// The whole of a text.
    pub(in crate::expr) fn whole_text(mut self, steps: &[Step]) -> Inferred {
        self.steps(steps);
        Inferred { ty: Type::TEXT, subject: None, findings: self.findings, open: self.open }
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Text(_) => {}
                Step::Emit(node) => {
                    self.spliced(node);
                }
                Step::If(branches, otherwise) => self.branches(branches, otherwise),
                Step::For(repeat) => self.repeat(repeat),
                Step::Set(local, node) => {
                    let seen = self.needed(node);
                    self.set(*local, seen.ty);
                }
            }
        }
    }

    fn branches(&mut self, branches: &[(crate::expr::ir::Node, Vec<Step>)], otherwise: &[Step]) {
        let before = self.slots.clone();
        for (condition, body) in branches {
            self.condition(condition);
            let outside = (self.slots.clone(), self.locals.clone());
            self.assume_quietly(condition, true);
            self.steps(body);
            (self.slots, self.locals) = outside;
            self.assume_quietly(condition, false);
        }
        self.steps(otherwise);
        self.slots = before;
    }

    fn assume_quietly(&mut self, condition: &crate::expr::ir::Node, truth: bool) {
        self.quiet += 1;
        self.assume(condition, truth);
        self.quiet -= 1;
    }

    fn repeat(&mut self, repeat: &For) {
        let seen = self.needed(&repeat.list);
        let list = self.takes(&repeat.list, &seen, &[ValueKind::List], "`for` takes a list");
        let before = (self.slots.clone(), self.locals.clone());
        self.bind(&repeat.targets, &item_of(&list));
        if let Some(condition) = &repeat.condition {
            self.condition(condition);
            self.assume_quietly(condition, true);
        }
        self.steps(&repeat.body);
        (self.slots, self.locals) = before;
        self.steps(&repeat.otherwise);
    }
}
