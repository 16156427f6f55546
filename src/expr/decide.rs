//! Conditions over few values: which values a condition tells apart, so that one of each can be tried. What tells more
//! apart than that is left alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::types::{Chance, Field, Step, Type};

use super::Root;
use super::domain::{Domain, Used};
use super::infer::{Known, Subject};
use super::ir::{Comparison, Kind, Node};
use super::number::Num;

/// Filters that take next to no time, so that a condition can be tried with many values.
const CHEAP: [&str; 8] = ["abs", "float", "int", "length", "lower", "round", "string", "upper"];

/// Tests that look at nothing but the kind of a value.
const KINDS: [&str; 7] = ["boolean", "integer", "list", "none", "number", "object", "string"];

/// Lengths that are tried, at most.
const LONGEST: f64 = 1000.0;

/// What is told apart of some values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subjects {
    found: BTreeMap<Subject, Used>,
    /// Is what is surely missing a value like others?
    absent: bool,
}

impl Subjects {
    /// For conditions that are asked also where what they look at is surely missing.
    pub fn with_absent() -> Self {
        Self { absent: true, ..Self::default() }
    }

    /// Adds what a condition tells apart; `false` where that can't be told, and then nothing is added.
    pub(super) fn add(
        &mut self,
        node: &Node,
        roots: &[Root],
        own: Option<&str>,
        known: &mut Known<'_>,
    ) -> bool {
        let mut slots = Vec::with_capacity(roots.len());
        slots.extend(roots.iter().map(known));
        let mut reading = Reading { roots, own, slots, found: self.clone() };
        let understood = reading.condition(node) && reading.found.are_apart();
        if understood {
            *self = reading.found;
        }
        understood
    }

    /// The values to try for each subject.
    pub fn domains(&self) -> Vec<Domain> {
        self.found.iter().map(|(subject, used)| used.domain(subject)).collect()
    }

    /// Is none a part of another? Their values go together in any way.
    fn are_apart(&self) -> bool {
        let next = self.found.keys().skip(1);
        self.found.keys().zip(next).all(|(a, b)| a.root != b.root || !b.path.starts_with(&a.path))
    }
}

/// What a part of a condition asks of a value, besides its kind and whether it is there.
enum Asked {
    Kind,
    /// Is it carried as a whole number?
    Whole,
    /// Which of these is it, or between which of them?
    Constants(Vec<Value>),
    /// Of what length is it, told apart by these?
    Length(Vec<usize>),
}

struct Reading<'r> {
    roots: &'r [Root],
    /// The node whose `output` and `error` are meant.
    own: Option<&'r str>,
    slots: Vec<Field>,
    found: Subjects,
}

impl Reading<'_> {
    /// A part that has to come to true or false: anything else there is a failure, whatever it is.
    fn condition(&mut self, node: &Node) -> bool {
        if let Some(found) = self.subject(node) {
            return self.told(found, Asked::Kind);
        }
        match &node.kind {
            Kind::Not(of) => self.condition(of),
            Kind::And(a, b) | Kind::Or(a, b) | Kind::Default(a, b) => self.condition(a) && self.condition(b),
            Kind::If(parts) => parts.iter().all(|part| self.condition(part)),
            Kind::FirstOf(choices) => choices.iter().all(|choice| self.condition(choice)),
            _ => self.node(node),
        }
    }

    fn node(&mut self, node: &Node) -> bool {
        if let Some(found) = self.subject(node) {
            return self.finite(found);
        }
        match &node.kind {
            Kind::Const(_) => true,
            Kind::Negate(of) => self.node(of),
            Kind::Not(_) | Kind::And(..) | Kind::Or(..) => self.condition(node),
            Kind::Concat(a, b) | Kind::Arithmetic(_, a, b) | Kind::Default(a, b) => {
                self.node(a) && self.node(b)
            }
            // is it there?
            Kind::Defined(of) => match self.subject(of) {
                Some(found) => self.told(found, Asked::Kind),
                None => self.node(of),
            },
            Kind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                self.condition(condition) && self.node(then) && self.node(otherwise)
            }
            Kind::List(items) => items.iter().all(|item| self.node(item)),
            Kind::Compare(first, rest) => {
                let left = std::iter::once(&**first).chain(rest.iter().map(|(_, node)| node));
                left.zip(rest).all(|(left, (comparison, right))| self.compared(left, *comparison, right))
            }
            Kind::Test(test, of, args) => self.tested(test.name, of, args),
            Kind::Filter(filter, of, args) => {
                CHEAP.contains(&filter.name)
                    && self.node(of)
                    && args.iter().flatten().all(|arg| self.node(arg))
            }
            _ => false,
        }
    }

    /// The value behind a root that a part does nothing but name.
    fn subject(&self, node: &Node) -> Option<(Subject, Field)> {
        let (slot, path) = path_of(node)?;
        let whole = self.slots.get(slot)?;
        let field = whole.at(&path).or_else(|| self.absent(whole, &path))?;
        Some((Subject { root: self.roots.get(slot)?.clone(), path }.of_node(self.own), field))
    }

    /// What lies behind a part that is surely missing, where that counts.
    fn absent(&self, whole: &Field, path: &[Step]) -> Option<Field> {
        let missing = |to: usize| whole.at(&path[..to]).is_some_and(|part| is_absent(&part));
        let found = self.found.absent && (0..path.len()).any(missing);
        found.then_some(Field { ty: Type::NEVER, missing: Chance::Known })
    }

    /// A value of which anything is looked at: all of its values have to be tried.
    fn finite(&mut self, (subject, field): (Subject, Field)) -> bool {
        let few = field.ty.values().is_some();
        few && self.told((subject, field), Asked::Kind)
    }

    fn tested(&mut self, name: &str, of: &Node, args: &[Option<Node>]) -> bool {
        let comparison = match name {
            "eq" => Some(Comparison::Equal),
            "ne" => Some(Comparison::NotEqual),
            "in" => Some(Comparison::In),
            "lt" | "le" | "gt" | "ge" => Some(Comparison::Less),
            _ => None,
        };
        match (comparison, args) {
            (Some(comparison), [Some(with)]) => self.compared(of, comparison, with),
            (None, []) if KINDS.contains(&name) || name == "empty" => match self.subject(of) {
                Some(found) if name == "integer" => self.told(found, Asked::Whole),
                Some(found) if name == "empty" => self.told(found, Asked::Length(vec![0])),
                Some(found) => self.told(found, Asked::Kind),
                None => self.node(of),
            },
            _ => self.node(of) && args.iter().flatten().all(|arg| self.node(arg)),
        }
    }

    fn compared(&mut self, left: &Node, comparison: Comparison, right: &Node) -> bool {
        // one of the two is compared, and which one is told by whether the first is there
        match (&left.kind, &right.kind) {
            (Kind::Default(a, b), _) => {
                return self.compared(a, comparison, right) && self.compared(b, comparison, right);
            }
            (_, Kind::Default(a, b)) => {
                return self.compared(left, comparison, a) && self.compared(left, comparison, b);
            }
            _ => {}
        }
        let turned =
            !matches!(comparison, Comparison::In | Comparison::NotIn) && self.pair(right, comparison, left);
        turned || self.pair(left, comparison, right) || (self.node(left) && self.node(right))
    }

    /// A subject that is compared with constants and no more.
    fn pair(&mut self, subject: &Node, comparison: Comparison, with: &Node) -> bool {
        let (subject, by_length) = match &subject.kind {
            Kind::Filter(filter, of, _) if filter.name == "length" => (&**of, true),
            _ => (subject, false),
        };
        let Some((found, with)) = self.subject(subject).zip(constant(with)) else { return false };
        let constants = match (comparison, with) {
            (Comparison::In | Comparison::NotIn, Value::Array(items)) => items,
            // the parts of a string are not one value
            (Comparison::In | Comparison::NotIn, _) => return false,
            (_, with) => vec![with],
        };
        let by_order = !matches!(
            comparison,
            Comparison::Equal | Comparison::NotEqual | Comparison::In | Comparison::NotIn
        );
        // which strings lie between two is not tried, and neither is what is in a list or an object
        let simple = constants.iter().all(|value| match value {
            Value::String(_) => !by_order,
            Value::Array(_) | Value::Object(_) => false,
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
        });
        if !simple {
            return false;
        }
        if !by_length {
            return self.told(found, Asked::Constants(constants));
        }
        let lengths: Option<Vec<Vec<usize>>> = constants.iter().map(lengths).collect();
        lengths.is_some_and(|lengths| self.told(found, Asked::Length(lengths.concat())))
    }

    /// Nothing is told apart of the value but by what is asked, and by its kind.
    fn told(&mut self, (subject, field): (Subject, Field), asked: Asked) -> bool {
        if field.ty.is_never() && !(self.found.absent && is_absent(&field)) {
            return false;
        }
        let used = self.found.found.entry(subject).or_insert_with(|| Used::of(field.clone()));
        // where the conditions stand in different places, more may be known of it in one of them
        if used.field != field {
            return false;
        }
        match asked {
            Asked::Kind => {}
            Asked::Whole => used.whole = true,
            Asked::Constants(constants) => used.constants.extend(constants),
            Asked::Length(lengths) => used.lengths.get_or_insert_default().extend(lengths),
        }
        true
    }
}

/// Is there surely nothing?
fn is_absent(field: &Field) -> bool {
    field.ty.is_never() && field.missing != Chance::Never
}

/// The lengths around a constant that lengths are compared with; nothing, where they are too long to be tried.
fn lengths(constant: &Value) -> Option<Vec<usize>> {
    // a length is never what is no number
    let Some(number) = constant.as_number() else { return Some(Vec::new()) };
    let number = number.as_f64()?;
    let ends = [number.floor(), number.ceil()].into_iter().filter(|end| *end >= 0.0);
    ends.map(|end| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within what was asked before"
        )]
        (end <= LONGEST).then_some(end as usize)
    })
    .collect()
}

/// The value of a part that looks at nothing.
fn constant(node: &Node) -> Option<Value> {
    match &node.kind {
        Kind::Const(value) => Some(value.clone()),
        Kind::Negate(of) => {
            let number = constant(of)?;
            Num::from_json(number.as_number()?).negate().ok()?.to_json().ok()
        }
        Kind::List(items) => items.iter().map(constant).collect(),
        _ => None,
    }
}

/// The slot and the steps of a part that does nothing but name a value.
fn path_of(node: &Node) -> Option<(usize, Vec<Step>)> {
    match &node.kind {
        Kind::Slot(slot) => Some((*slot, Vec::new())),
        Kind::Field(of, name) => {
            let (slot, mut path) = path_of(of)?;
            path.push(Step::Field(name.to_string()));
            Some((slot, path))
        }
        _ => None,
    }
}
