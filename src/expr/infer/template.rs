//! Texts: what becomes a part of them, and their statements.

use crate::diag::codes;
use crate::expr::ir::{For, Node, Step};
use crate::types::{Field, Kind as ValueKind, Type};

use super::trials::is_constant;
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
                Step::Emit(node) => self.trying(node, |of| {
                    of.spliced(node);
                }),
                Step::If(branches, otherwise) => self.branches(branches, otherwise),
                Step::For(repeat) => self.repeat(repeat),
                Step::Set(local, node) => {
                    let seen = self.trying(node, |of| of.needed(node));
                    self.set(*local, seen.ty);
                }
            }
        }
    }

    /// Judges a part. One that looks at nothing can be asked before the run: without a value then, it never has one.
    fn trying<T>(&mut self, node: &Node, judge: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.faults;
        let judged = judge(self);
        if self.faults == before
            && self.quiet == 0
            && self.trials.is_open()
            && is_constant(node)
            && let Some(stop) = self.trials.flaw(node)
        {
            let message = format!("this never has a value: {}", stop.message(self.text.as_str()));
            self.report(codes::WRONG_OPERAND, node.at, node, message, None);
        }
        judged
    }

    fn branches(&mut self, branches: &[(Node, Vec<Step>)], otherwise: &[Step]) {
        let before = (self.slots.clone(), self.locals.clone());
        let idle = self.idle;
        let mut reached = true;
        // what was set where each branch ends
        let mut ends: Vec<Vec<Field>> = Vec::new();
        for (condition, body) in branches {
            let (_, faulty) = self.trying(condition, |of| of.asked(condition));
            let outside = (self.slots.clone(), self.locals.clone());
            let possible = self.assume_quietly(condition, true);
            // what is never come to is not looked at, unless that is by a fault
            if possible || faulty {
                self.deciding(!possible, |of| of.steps(body));
                ends.push(std::mem::take(&mut self.locals));
            }
            (self.slots, self.locals) = outside;
            let possible = self.assume_quietly(condition, false);
            reached = possible || faulty;
            if !reached {
                break;
            }
            self.idle += usize::from(!possible);
        }
        if reached {
            self.steps(otherwise);
            ends.push(std::mem::take(&mut self.locals));
        }
        self.idle = idle;
        let either = |one: Vec<Field>, other: Vec<Field>| {
            one.iter().zip(&other).map(|(one, other)| one.or(other)).collect()
        };
        self.slots = before.0;
        self.locals = ends.into_iter().reduce(either).unwrap_or(before.1);
    }

    fn repeat(&mut self, repeat: &For) {
        let seen = self.trying(&repeat.list, |of| of.needed(&repeat.list));
        let list = self.takes(&repeat.list, &seen, &[ValueKind::List], "`for` takes a list");
        let before = (self.slots.clone(), self.locals.clone());
        self.bind(&repeat.targets, &item_of(&list));
        match &repeat.condition {
            Some(condition) => {
                let (_, faulty) = self.asked(condition);
                self.where_asked(condition, true, faulty, |of| of.steps(&repeat.body));
            }
            None => self.steps(&repeat.body),
        }
        (self.slots, self.locals) = before;
        self.steps(&repeat.otherwise);
    }
}
