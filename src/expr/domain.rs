//! The values to try for what conditions look at: of all those that they don't tell apart, one.

use std::cmp::Ordering;

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
    /// The string among them that stands for each that no condition names.
    pub other: Option<Value>,
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
}

impl Used {
    /// The values to try: whatever the value is, the conditions come to the same for one of these.
    pub(super) fn domain(&self, subject: &Subject) -> Domain {
        let ty = &self.field.ty;
        let mut other = None;
        let values = ty.values().unwrap_or_else(|| {
            other = (ty.texts == Texts::Any).then(|| self.other_text());
            self.samples(other.clone())
        });
        let mut values: Vec<Option<Value>> = values.into_iter().map(Some).collect();
        values.extend((self.field.missing != Chance::Never).then_some(None));
        // a schema's whole numbers reach further than what counts as one, and hardly anybody means those beyond
        let far = self.whole && ty.numbers == Numbers::Whole;
        let perhaps = ty.null == Chance::Perhaps || self.field.missing != Chance::Never;
        Domain { subject: subject.clone(), values, other, loose: ty.loose || far || perhaps }
    }

    fn samples(&self, other: Option<Value>) -> Vec<Value> {
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
                values.extend(other);
            }
        }
        // of lists, and of objects, nothing but their kind is looked at
        values.extend(ty.has(Kind::List).then(|| Value::Array(Vec::new())));
        values.extend(ty.has(Kind::Object).then(|| Value::Object(Map::new())));
        values
    }

    /// A string that none of the constants is.
    fn other_text(&self) -> Value {
        let longest = self.constants.iter().filter_map(Value::as_str).map(str::len).max().unwrap_or_default();
        Value::from("~".repeat(longest + 1))
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
