//! The values to try for what conditions look at: of all those that they don't tell apart, one.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::types::{Chance, Field, Kind, Numbers, Texts};

use super::infer::Subject;
use super::number::Num;

/// The values to try for one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Domain {
    /// The subject.
    pub subject: Subject,
    /// One of each that is told apart; none at all stands for a value that is missing.
    pub values: Vec<Option<Value>>,
    /// The strings among them that stand for those that no condition names.
    pub others: Vec<String>,
    /// Are lengths told apart?
    pub by_length: bool,
    /// Is it perhaps never one of them?
    pub loose: bool,
}

/// What conditions do with a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Used {
    pub(super) field: Field,
    /// What it is compared with.
    pub(super) constants: Vec<Value>,
    /// Is it asked whether it is a whole number?
    pub(super) whole: bool,
    /// What its length is compared with, where that is asked for.
    pub(super) lengths: Option<Vec<usize>>,
}

impl Used {
    /// Nothing is asked yet.
    pub(super) fn of(field: Field) -> Self {
        Self { field, constants: Vec::new(), whole: false, lengths: None }
    }

    /// The values to try: whatever the value is, the conditions come to the same for one of these.
    pub(super) fn domain(&self, subject: &Subject) -> Domain {
        let ty = &self.field.ty;
        let mut others = Vec::new();
        let values = ty.values().unwrap_or_else(|| {
            if ty.texts == Texts::Any {
                others = self.other_texts();
            }
            self.samples(&others)
        });
        let mut values: Vec<Option<Value>> = values.into_iter().map(Some).collect();
        values.extend((self.field.missing != Chance::Never).then_some(None));
        // a schema's whole numbers reach further than what counts as one, and hardly anybody means those beyond
        let far = self.whole && ty.numbers == Numbers::Whole;
        let perhaps = ty.null == Chance::Perhaps || self.field.missing != Chance::Never;
        // which of its fields an object has is not told apart, and so neither is how many there can be
        let counted = self.lengths.is_some() && ty.has(Kind::Object);
        let loose = ty.loose || far || perhaps || counted;
        Domain { subject: subject.clone(), values, others, by_length: self.lengths.is_some(), loose }
    }

    fn samples(&self, others: &[String]) -> Vec<Value> {
        let ty = &self.field.ty;
        let mut values = Vec::new();
        if ty.has(Kind::Null) {
            values.push(Value::Null);
        }
        values
            .extend([false, true].into_iter().filter(|value| ty.bools[usize::from(*value)]).map(Value::from));
        match &ty.numbers {
            Numbers::None => {}
            Numbers::Few(few) => values.extend(few.iter().copied().map(Value::from)),
            Numbers::Whole => values.extend(self.numbers(true)),
            Numbers::Any => values.extend(self.numbers(false)),
        }
        match &ty.texts {
            Texts::None => {}
            Texts::Few(few) => values.extend(few.iter().map(|text| Value::from(text.as_str()))),
            Texts::Any => {
                let mut named: Vec<Value> =
                    self.constants.iter().filter(|value| value.is_string()).cloned().collect();
                named.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                named.dedup();
                values.extend(named);
                values.extend(others.iter().map(|text| Value::from(text.as_str())));
            }
        }
        // of lists, and of objects, nothing but their kind and their length is looked at
        if ty.has(Kind::List) {
            let known = ty.lists.length();
            let lengths = known.map_or_else(|| self.lengths(), |length| vec![length]);
            values.extend(lengths.into_iter().map(|length| Value::Array(vec![Value::Null; length])));
        }
        if ty.has(Kind::Object) {
            let object =
                |length| (0..length).map(|at| (format!("~{at}"), Value::Null)).collect::<Map<_, _>>();
            values.extend(self.lengths().into_iter().map(|length| Value::Object(object(length))));
        }
        values
    }

    /// Of those lengths that are not told apart, one; one alone, where none is asked for.
    fn lengths(&self) -> Vec<usize> {
        let asked = self.lengths.iter().flatten();
        let around = asked.flat_map(|length| [length.saturating_sub(1), *length, length + 1]);
        let lengths: BTreeSet<usize> = around.chain([0]).collect();
        lengths.into_iter().collect()
    }

    /// Strings that none of the constants is: one, or one of each length.
    fn other_texts(&self) -> Vec<String> {
        let named: BTreeSet<&str> = self.constants.iter().filter_map(Value::as_str).collect();
        if self.lengths.is_none() {
            let longest = named.iter().map(|text| text.len()).max().unwrap_or_default();
            return vec!["~".repeat(longest + 1)];
        }
        let of_length = |length: usize| {
            let signs = ('!'..='~').rev().chain('\u{a1}'..='\u{24f}');
            signs.map(|sign| sign.to_string().repeat(length)).find(|text| !named.contains(text.as_str()))
        };
        self.lengths().into_iter().filter_map(of_length).collect()
    }

    /// The numbers that it is compared with, and some of those between each two of them.
    fn numbers(&self, integral: bool) -> Vec<Value> {
        let number = |value: &Value| value.as_number().map(Num::from_json);
        let mut points: Vec<Num> = self.constants.iter().filter_map(number).collect();
        points.sort_by(|a, b| a.compare(*b));
        points.dedup_by(|a, b| a.compare(*b) == Ordering::Equal);
        let fits = |number: &Num| !integral || number.is_integral();
        let mut tried: Vec<Num> = Vec::new();
        for at in 0..=points.len() {
            let low = at.checked_sub(1).map(|before| points[before]);
            tried.extend(low.filter(fits));
            let found = between(low, points.get(at).copied(), fits);
            let first = found.first().copied();
            // of numbers that are carried as whole ones, and of the others
            let is_int = |number: &Num| matches!(number, Num::Int(_));
            let second = first.and_then(|first| {
                found.iter().copied().find(|number| self.whole && is_int(number) != is_int(&first))
            });
            tried.extend(first.into_iter().chain(second));
        }
        tried.into_iter().filter_map(|number| number.to_json().ok()).collect()
    }
}

/// Numbers between two, one at least where there are any; and where there are both, one that is carried as a whole number
/// and one that is not.
fn between(low: Option<Num>, high: Option<Num>, fits: impl Fn(&Num) -> bool) -> Vec<Num> {
    let mut found: Vec<Num> = Vec::new();
    found.extend(low.and_then(Num::whole_above));
    found.extend(high.and_then(Num::whole_below));
    found.push(Num::Int(0));
    found.extend([i128::from(i64::MIN), i128::from(u64::MAX)].map(Num::Int));
    let floats = [low, high].into_iter().flatten().flat_map(|end| {
        let float = end.as_f64();
        [float, float.next_up(), float.next_down()]
    });
    let middle = low.zip(high).map(|(low, high)| f64::midpoint(low.as_f64(), high.as_f64()));
    let floats = middle.into_iter().chain(floats).chain([0.5, f64::MAX, f64::MIN]);
    found.extend(floats.filter(|float| float.is_finite()).map(Num::of_float));
    let above = |number: &Num| low.is_none_or(|low| number.compare(low) == Ordering::Greater);
    let below = |number: &Num| high.is_none_or(|high| number.compare(high) == Ordering::Less);
    found.retain(|number| above(number) && below(number) && fits(number));
    found
}
