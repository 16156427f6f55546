//! Evaluates our own form of an expression against the values of its roots.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::filters::{Args, Filter};
use super::ir::{Condition, Frame, Keep, Kind, LoopField, Node};
use super::limits::Budget;
use super::number::Num;
use super::operate;
use super::stop::Stop;
use super::value::Val;

/// A turn of `{% for %}`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turn {
    pub(super) index: usize,
    pub(super) length: usize,
}

/// One evaluation.
pub(super) struct Evaluation<'a> {
    /// By slot; none where the caller has no value.
    slots: &'a [Option<Arc<Value>>],
    pub(super) locals: Vec<Option<Val<'a>>>,
    pub(super) turns: Vec<Turn>,
    pub(super) budget: Budget,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(slots: &'a [Option<Arc<Value>>], frame: Frame) -> Self {
        Self {
            slots,
            locals: vec![None; frame.locals],
            turns: vec![Turn::default(); frame.loops],
            budget: Budget::new(),
        }
    }

    /// The value of `node`, or why there is none and in which part of it.
    pub(super) fn value(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        self.budget.spend(1)?;
        self.kind(&node.kind).map_err(|stop| stop.at(node.at))
    }

    /// A condition is a boolean, and nothing else counts as one.
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<bool, Stop> {
        let value = self.value(node)?;
        value.as_bool().ok_or_else(|| {
            let kind = value.kind();
            Stop::failed(format!("it gives {kind} where true or false is needed; compare it with something"))
                .at(node.at)
        })
    }

    fn kind(&mut self, kind: &'a Kind) -> Result<Val<'a>, Stop> {
        match kind {
            Kind::Const(value) => Ok(Val::Given(value)),
            Kind::Slot(at) => self.slot(*at),
            Kind::Local(at) => self.local(*at),
            Kind::Loop(frame, field) => Ok(self.turn(*frame, *field)),
            Kind::Field(of, name) => operate::field(&self.value(of)?, name),
            Kind::Item(of, key) => {
                let (of, key) = (self.value(of)?, self.value(key)?);
                operate::item(&of, &key)
            }
            Kind::Slice(of, from, to) => self.slice(of, from.as_deref(), to.as_deref()),
            Kind::Not(of) => Ok(Val::Bool(!self.truth(of)?)),
            Kind::Negate(of) => self.negate(of),
            Kind::And(a, b) => Ok(Val::Bool(self.truth(a)? && self.truth(b)?)),
            Kind::Or(a, b) => Ok(Val::Bool(self.truth(a)? || self.truth(b)?)),
            Kind::Compare(first, rest) => self.compare(first, rest),
            Kind::Arithmetic(operation, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                operate::arithmetic(&mut self.budget, *operation, &a, &b)
            }
            Kind::Concat(a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                operate::concat(&mut self.budget, &a, &b)
            }
            Kind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                if self.truth(condition)? { self.value(then) } else { self.value(otherwise) }
            }
            Kind::List(items) => {
                let items = self.values(items)?;
                Val::list(&mut self.budget, items)
            }
            Kind::Object(entries) => self.object(entries),
            Kind::Range(bounds) => self.range(bounds),
            Kind::FirstOf(choices) => self.first_of(choices),
            Kind::Default(of, otherwise) => match self.value(of) {
                Err(stop) if stop.is_missing() => self.value(otherwise),
                result => result,
            },
            Kind::Defined(of) => self.defined(of).map(Val::Bool),
            Kind::Filter(filter, of, args) => {
                let (of, args) = (self.value(of)?, self.args(args)?);
                (filter.run)(&mut self.budget, &of, &args)
            }
            Kind::Test(test, of, args) => {
                let (of, args) = (self.value(of)?, self.args(args)?);
                (test.run)(&mut self.budget, &of, &args).map(Val::Bool)
            }
            Kind::Each(filter, list, args) => self.each(filter, list, args),
            Kind::Keep(keep) => self.keep(keep),
            Kind::Unread(_) => Err(Stop::failed("it could not be read")),
        }
    }

    fn slot(&self, at: usize) -> Result<Val<'a>, Stop> {
        match self.slots.get(at) {
            Some(Some(value)) => Ok(Val::Given(value)),
            _ => Err(Stop::missing("it has no value here")),
        }
    }

    fn local(&self, at: usize) -> Result<Val<'a>, Stop> {
        let value = self.locals.get(at).cloned().flatten();
        value.ok_or_else(|| Stop::missing("it was not set"))
    }

    fn turn(&self, frame: usize, field: LoopField) -> Val<'a> {
        let Turn { index, length } = self.turns.get(frame).copied().unwrap_or_default();
        match field {
            LoopField::Index => Val::count(index + 1),
            LoopField::Index0 => Val::count(index),
            LoopField::RevIndex => Val::count(length.saturating_sub(index)),
            LoopField::RevIndex0 => Val::count(length.saturating_sub(index + 1)),
            LoopField::First => Val::Bool(index == 0),
            LoopField::Last => Val::Bool(index + 1 == length),
            LoopField::Length => Val::count(length),
        }
    }

    fn values(&mut self, nodes: &'a [Node]) -> Result<Vec<Val<'a>>, Stop> {
        nodes.iter().map(|node| self.value(node)).collect()
    }

    fn args(&mut self, nodes: &'a [Option<Node>]) -> Result<Args<'a>, Stop> {
        let values = nodes.iter().map(|node| node.as_ref().map(|node| self.value(node)).transpose());
        values.collect::<Result<_, _>>().map(Args::new)
    }

    fn whole(&mut self, node: &'a Node) -> Result<i64, Stop> {
        let value = self.value(node)?;
        value.as_number().and_then(Num::whole).ok_or_else(|| {
            Stop::failed(format!("it gives {} where a whole number is needed", value.kind())).at(node.at)
        })
    }

    fn slice(&mut self, of: &'a Node, from: Option<&'a Node>, to: Option<&'a Node>) -> Result<Val<'a>, Stop> {
        let of = self.value(of)?;
        let from = from.map(|node| self.whole(node)).transpose()?;
        let to = to.map(|node| self.whole(node)).transpose()?;
        operate::slice(&mut self.budget, &of, from, to)
    }

    fn negate(&mut self, of: &'a Node) -> Result<Val<'a>, Stop> {
        let value = self.value(of)?;
        match value.as_number() {
            Some(number) => number.negate().map(Val::Number),
            None => Err(Stop::failed(format!("`-` does not go with {}", value.kind()))),
        }
    }

    fn compare(
        &mut self,
        first: &'a Node,
        rest: &'a [(super::ir::Comparison, Node)],
    ) -> Result<Val<'a>, Stop> {
        let mut left = self.value(first)?;
        for (operation, node) in rest {
            let right = self.value(node)?;
            if !operate::compare(&mut self.budget, *operation, &left, &right)? {
                return Ok(Val::Bool(false));
            }
            left = right;
        }
        Ok(Val::Bool(true))
    }

    fn object(&mut self, entries: &'a [(Node, Node)]) -> Result<Val<'a>, Stop> {
        let mut made = Vec::with_capacity(entries.len());
        for (key_node, value) in entries {
            let key = self.value(key_node)?;
            let Some(name) = key.as_str() else {
                return Err(Stop::failed(format!("a key is a string, not {}", key.kind())).at(key_node.at));
            };
            made.push((Rc::from(name), self.value(value)?));
        }
        Val::object(&mut self.budget, made)
    }

    fn range(&mut self, bounds: &'a [Node]) -> Result<Val<'a>, Stop> {
        let mut given = Vec::with_capacity(bounds.len());
        for node in bounds {
            given.push(self.whole(node)?);
        }
        let (from, to, by) = match given[..] {
            [to] => (0, to, 1),
            [from, to] => (from, to, 1),
            [from, to, by] => (from, to, by),
            _ => return Err(Stop::failed("`range` takes one to three numbers")),
        };
        if by < 1 {
            return Err(Stop::failed("the step of `range` is at least 1"));
        }
        let count = i128::from(to) - i128::from(from);
        let count =
            usize::try_from((count.max(0) + i128::from(by) - 1) / i128::from(by)).unwrap_or(usize::MAX);
        self.budget.spend(count)?;
        let items = (0..count as i128)
            .map(|step| Val::Number(Num::Int(i128::from(from) + step * i128::from(by))))
            .collect();
        Val::list(&mut self.budget, items)
    }

    fn first_of(&mut self, choices: &'a [Node]) -> Result<Val<'a>, Stop> {
        for choice in choices {
            match self.value(choice) {
                Err(stop) if stop.is_missing() => {}
                result => return result,
            }
        }
        Err(Stop::missing("none of its arguments has a value"))
    }

    fn defined(&mut self, of: &'a Node) -> Result<bool, Stop> {
        match self.value(of) {
            Ok(_) => Ok(true),
            Err(stop) if stop.is_missing() => Ok(false),
            Err(stop) => Err(stop),
        }
    }

    fn each(
        &mut self,
        filter: &'static Filter,
        list: &'a Node,
        args: &'a [Option<Node>],
    ) -> Result<Val<'a>, Stop> {
        let (list, args) = (self.value(list)?, self.args(args)?);
        let Some(items) = list.items() else {
            return Err(Stop::failed(format!("`map` needs a list, not {}", list.kind())));
        };
        let mut made = Vec::new();
        for item in items.iter() {
            self.budget.spend(1)?;
            made.push((filter.run)(&mut self.budget, &item, &args)?);
        }
        Val::list(&mut self.budget, made)
    }

    fn keep(&mut self, keep: &'a Keep) -> Result<Val<'a>, Stop> {
        let list = self.value(&keep.list)?;
        let attribute = keep.attribute.as_ref().map(|node| self.value(node)).transpose()?;
        let args = match &keep.condition {
            Condition::Test(_, args) => self.args(args)?,
            Condition::True | Condition::Defined => Args::new(Vec::new()),
        };
        let Some(items) = list.items() else {
            return Err(Stop::failed(format!("it needs a list, not {}", list.kind())));
        };
        let mut made = Vec::new();
        for item in items.iter() {
            self.budget.spend(1)?;
            let looked_at = match &attribute {
                Some(path) => Args::path(&item, path),
                None => Ok(item.clone()),
            };
            if self.satisfies(&keep.condition, looked_at, &args)? == keep.satisfied {
                made.push(item);
            }
        }
        Val::list(&mut self.budget, made)
    }

    fn satisfies(
        &mut self,
        condition: &'a Condition,
        value: Result<Val<'a>, Stop>,
        args: &Args<'a>,
    ) -> Result<bool, Stop> {
        match condition {
            Condition::Defined => match value {
                Err(stop) if !stop.is_missing() => Err(stop),
                value => Ok(value.is_ok()),
            },
            Condition::True => {
                let value = value?;
                value.as_bool().ok_or_else(|| {
                    Stop::failed(format!("an item gives {} where true or false is needed", value.kind()))
                })
            }
            Condition::Test(test, _) => (test.run)(&mut self.budget, &value?, args),
        }
    }
}
