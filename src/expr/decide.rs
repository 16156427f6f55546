//! Conditions over few values: which values a condition tells apart, so that all of them can be tried. What tells more
//! apart than that is left alone.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::types::{Chance, Field, Kind as ValueKind, Step, Type};

use super::Root;
use super::infer::{Known, Subject};
use super::ir::{Comparison, Kind, Node};

/// Filters that take next to no time, so that a condition can be tried with many values.
const CHEAP: [&str; 8] = ["abs", "float", "int", "length", "lower", "round", "string", "upper"];

/// What is told apart of some values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subjects(BTreeMap<Subject, Used>);

#[derive(Debug, Clone, PartialEq)]
struct Used {
    ty: Type,
    constants: Vec<Value>,
}

/// The values to try for one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Domain {
    /// The subject.
    pub subject: Subject,
    /// One of each that is told apart.
    pub values: Vec<Value>,
    /// Is it perhaps never one of them?
    pub loose: bool,
}

impl Subjects {
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
        let understood = reading.node(node);
        if understood {
            *self = reading.found;
        }
        understood
    }

    /// The values to try for each subject.
    pub fn domains(&self) -> Vec<Domain> {
        let domain = |(subject, used): (&Subject, &Used)| Domain {
            subject: subject.clone(),
            values: values(used),
            loose: used.ty.loose,
        };
        self.0.iter().map(domain).collect()
    }
}

struct Reading<'r> {
    roots: &'r [Root],
    /// The node whose `output` and `error` are meant.
    own: Option<&'r str>,
    slots: Vec<Field>,
    found: Subjects,
}

impl Reading<'_> {
    fn node(&mut self, node: &Node) -> bool {
        if let Some(subject) = self.subject(node) {
            return self.finite(subject);
        }
        match &node.kind {
            Kind::Const(_) => true,
            Kind::Not(of) | Kind::Negate(of) => self.node(of),
            Kind::And(a, b) | Kind::Or(a, b) | Kind::Concat(a, b) | Kind::Arithmetic(_, a, b) => {
                self.node(a) && self.node(b)
            }
            Kind::If(parts) => parts.iter().all(|part| self.node(part)),
            Kind::List(items) => items.iter().all(|item| self.node(item)),
            Kind::Compare(first, rest) => {
                self.compared(first, rest)
                    || (self.node(first) && rest.iter().all(|(_, node)| self.node(node)))
            }
            Kind::Test(test, of, args) => {
                let comparison = match test.name {
                    "eq" | "none" => Some(Comparison::Equal),
                    "ne" => Some(Comparison::NotEqual),
                    "in" => Some(Comparison::In),
                    "lt" | "le" | "gt" | "ge" => Some(Comparison::Less),
                    _ => None,
                };
                let constants = args.iter().flatten().collect::<Vec<_>>();
                comparison.is_some_and(|comparison| self.pair(of, comparison, &constants))
                    || (self.node(of) && constants.into_iter().all(|arg| self.node(arg)))
            }
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
        let field = self.slots.get(slot)?.at(&path)?;
        Some((Subject { root: self.roots.get(slot)?.clone(), path }.of_node(self.own), field))
    }

    fn finite(&mut self, (subject, field): (Subject, Field)) -> bool {
        let sure = field.missing == Chance::Never && field.ty.null != Chance::Perhaps;
        if !sure || field.ty.values().is_none_or(|values| values.is_empty()) {
            return false;
        }
        self.found.0.entry(subject).or_insert(Used { ty: field.ty, constants: Vec::new() });
        true
    }

    fn compared(&mut self, first: &Node, rest: &[(Comparison, Node)]) -> bool {
        let [(comparison, second)] = rest else { return false };
        let turned = !matches!(comparison, Comparison::In | Comparison::NotIn)
            && self.pair(second, *comparison, &[first]);
        turned || self.pair(first, *comparison, &[second])
    }

    /// A subject that is compared with constants and no more.
    fn pair(&mut self, subject: &Node, comparison: Comparison, with: &[&Node]) -> bool {
        let Some((subject, field)) = self.subject(subject) else { return false };
        let mut constants = Vec::new();
        for node in with {
            match &node.kind {
                Kind::Const(value) => constants.push(value.clone()),
                Kind::List(items) if matches!(comparison, Comparison::In | Comparison::NotIn) => {
                    for item in items {
                        let Kind::Const(value) = &item.kind else { return false };
                        constants.push(value.clone());
                    }
                }
                _ => return false,
            }
        }
        let sure = field.missing == Chance::Never && field.ty.null != Chance::Perhaps;
        let kinds: Vec<ValueKind> = field.ty.kinds().filter(|kind| *kind != ValueKind::Null).collect();
        let tells = match kinds[..] {
            [ValueKind::Text] => {
                matches!(
                    comparison,
                    Comparison::Equal | Comparison::NotEqual | Comparison::In | Comparison::NotIn
                )
            }
            [ValueKind::Number] => true,
            _ => false,
        };
        if !sure || !tells {
            return false;
        }
        let used = self.found.0.entry(subject).or_insert(Used { ty: field.ty, constants: Vec::new() });
        used.constants.extend(constants);
        true
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

/// One of each value that is told apart.
fn values(used: &Used) -> Vec<Value> {
    if let Some(values) = used.ty.values() {
        return values;
    }
    let mut values: Vec<Value> = Vec::new();
    if used.ty.null != Chance::Never {
        values.push(Value::Null);
    }
    if used.ty.has(ValueKind::Text) {
        values.extend(used.constants.iter().filter(|value| value.is_string()).cloned());
        // a string that is none of them
        let longest = used.constants.iter().filter_map(Value::as_str).map(str::len).max().unwrap_or_default();
        values.push(Value::from("~".repeat(longest + 1)));
    } else {
        values.extend(numbers(used));
    }
    let mut told: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if !told.contains(&value) {
            told.push(value);
        }
    }
    told
}

fn numbers(used: &Used) -> Vec<Value> {
    let mut points: Vec<f64> = used.constants.iter().filter_map(Value::as_f64).collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    let whole = used.ty.and(&Type::WHOLE) == used.ty;
    let mut tried: Vec<f64> = Vec::new();
    if whole {
        tried.extend(points.iter().flat_map(|at| [at.floor() - 1.0, at.floor(), at.ceil(), at.ceil() + 1.0]));
    } else {
        tried.extend(points.first().map(|least| least - 1.0));
        tried.extend(points.windows(2).flat_map(|pair| [pair[0], f64::midpoint(pair[0], pair[1])]));
        tried.extend(points.last().iter().flat_map(|most| [**most, **most + 1.0]));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough to be exact")]
    let value = |at: f64| {
        let whole = at.fract() == 0.0 && at.abs() < 9e15;
        if whole { Some(Value::from(at as i64)) } else { Number::from_f64(at).map(Value::Number) }
    };
    tried.into_iter().filter_map(value).collect()
}
