//! Values while they are evaluated: parts of what the caller gave, looked at in place, and what was made from
//! them. A large output is never copied because an expression looks at a part of it.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::limits::{Budget, MADE_DEPTH};
use super::number::{Num, in_one_form};
use super::stop::Stop;

/// What a value costs beside its text.
const CELL: usize = 32;
/// What an entry of an object costs beside its key and value, the tree's own nodes included.
const ENTRY: usize = 96;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    Given(&'a Value),
    Null,
    Bool(bool),
    Number(Num),
    Text(Rc<str>),
    List(Rc<Made<Val<'a>>>),
    Object(Rc<Made<(Rc<str>, Val<'a>)>>),
}

/// The items of a list or an object that was made, and how deep it is nested.
#[derive(Debug)]
pub(super) struct Made<T> {
    items: Vec<T>,
    depth: u32,
}

/// The same for every value, wherever it is kept.
pub(super) enum View<'v, 'a> {
    Null,
    Bool(bool),
    Number(Num),
    Text(&'v str),
    List(Items<'v, 'a>),
    Object(Fields<'v, 'a>),
}

/// The items of a list.
#[derive(Clone, Copy)]
pub(super) enum Items<'v, 'a> {
    Given(&'a [Value]),
    Made(&'v [Val<'a>]),
}

/// The entries of an object.
#[derive(Clone, Copy)]
pub(super) enum Fields<'v, 'a> {
    Given(&'a Map<String, Value>),
    Made(&'v [(Rc<str>, Val<'a>)]),
}

impl<'a> Val<'a> {
    pub(super) fn text(budget: &mut Budget, text: &str) -> Result<Self, Stop> {
        budget.make(text.len() + CELL)?;
        Ok(Self::Text(text.into()))
    }

    pub(super) fn list(budget: &mut Budget, items: Vec<Val<'a>>) -> Result<Self, Stop> {
        budget.make(items.len() * CELL + CELL)?;
        let depth = deeper(items.iter())?;
        Ok(Self::List(Rc::new(Made { items, depth })))
    }

    /// The last of several equal keys stays, at the first one's place.
    pub(super) fn object(budget: &mut Budget, entries: Vec<(Rc<str>, Val<'a>)>) -> Result<Self, Stop> {
        budget.make(entries.iter().map(|(key, _)| key.len() + ENTRY).sum())?;
        let depth = deeper(entries.iter().map(|(_, value)| value))?;
        let mut items: Vec<(Rc<str>, Val<'a>)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match items.iter_mut().find(|(known, _)| *known == key) {
                Some((_, old)) => *old = value,
                None => items.push((key, value)),
            }
        }
        Ok(Self::Object(Rc::new(Made { items, depth })))
    }

    pub(super) fn count(count: usize) -> Self {
        Self::Number(Num::Int(count as i128))
    }

    pub(super) fn view(&self) -> View<'_, 'a> {
        match self {
            Val::Given(value) => match value {
                Value::Null => View::Null,
                Value::Bool(value) => View::Bool(*value),
                Value::Number(number) => View::Number(Num::from_json(number)),
                Value::String(text) => View::Text(text),
                Value::Array(items) => View::List(Items::Given(items)),
                Value::Object(fields) => View::Object(Fields::Given(fields)),
            },
            Val::Null => View::Null,
            Val::Bool(value) => View::Bool(*value),
            Val::Number(number) => View::Number(*number),
            Val::Text(text) => View::Text(text),
            Val::List(made) => View::List(Items::Made(&made.items)),
            Val::Object(made) => View::Object(Fields::Made(&made.items)),
        }
    }

    /// What kind of value it is, in the words of an error.
    pub(super) fn kind(&self) -> &'static str {
        match self.view() {
            View::Null => "null",
            View::Bool(_) => "a boolean",
            View::Number(_) => "a number",
            View::Text(_) => "a string",
            View::List(_) => "a list",
            View::Object(_) => "an object",
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let View::Text(text) = self.view() { Some(text) } else { None }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        if let View::Bool(value) = self.view() { Some(value) } else { None }
    }

    pub(super) fn as_number(&self) -> Option<Num> {
        if let View::Number(number) = self.view() { Some(number) } else { None }
    }

    pub(super) fn items(&self) -> Option<Items<'_, 'a>> {
        if let View::List(items) = self.view() { Some(items) } else { None }
    }

    pub(super) fn fields(&self) -> Option<Fields<'_, 'a>> {
        if let View::Object(fields) = self.view() { Some(fields) } else { None }
    }

    /// The same as JSON, paid for.
    pub(super) fn to_json(&self, budget: &mut Budget) -> Result<Value, Stop> {
        budget.spend(1)?;
        Ok(match self {
            Val::Given(value) => {
                pay(budget, value)?;
                in_one_form(value)
            }
            Val::Null => Value::Null,
            Val::Bool(value) => Value::Bool(*value),
            Val::Number(number) => number.to_json()?,
            Val::Text(text) => {
                budget.make(text.len() + CELL)?;
                Value::from(&**text)
            }
            Val::List(made) => {
                budget.make(made.items.len() * CELL)?;
                Value::Array(made.items.iter().map(|item| item.to_json(budget)).collect::<Result<_, _>>()?)
            }
            Val::Object(made) => {
                let mut object = Map::new();
                for (key, value) in &made.items {
                    budget.make(key.len() + ENTRY)?;
                    object.insert(key.to_string(), value.to_json(budget)?);
                }
                Value::Object(object)
            }
        })
    }
}

/// Pays for a copy of `value`.
fn pay(budget: &mut Budget, value: &Value) -> Result<(), Stop> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => budget.make(text.len() + CELL),
        Value::Array(items) => {
            budget.make(items.len() * CELL)?;
            items.iter().try_for_each(|item| pay(budget, item))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            budget.make(key.len() + ENTRY)?;
            pay(budget, value)
        }),
    }
}

fn deeper<'v, 'a: 'v>(values: impl Iterator<Item = &'v Val<'a>>) -> Result<u32, Stop> {
    let inner = values.map(|value| match value {
        Val::List(made) => made.depth,
        Val::Object(made) => made.depth,
        _ => 0,
    });
    let depth = inner.max().unwrap_or(0) + 1;
    if depth > MADE_DEPTH {
        return Err(Stop::failed(format!("it nests lists and objects more than {MADE_DEPTH} deep")));
    }
    Ok(depth)
}

impl<'v, 'a> Items<'v, 'a> {
    pub(super) fn len(self) -> usize {
        match self {
            Items::Given(items) => items.len(),
            Items::Made(items) => items.len(),
        }
    }

    pub(super) fn get(self, at: usize) -> Option<Val<'a>> {
        match self {
            Items::Given(items) => items.get(at).map(Val::Given),
            Items::Made(items) => items.get(at).cloned(),
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Val<'a>> + use<'v, 'a> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }
}

impl<'a> Fields<'_, 'a> {
    pub(super) fn len(self) -> usize {
        match self {
            Fields::Given(fields) => fields.len(),
            Fields::Made(fields) => fields.len(),
        }
    }

    pub(super) fn get(self, key: &str) -> Option<Val<'a>> {
        match self {
            Fields::Given(fields) => fields.get(key).map(Val::Given),
            Fields::Made(fields) => {
                fields.iter().find(|(name, _)| &**name == key).map(|(_, value)| value.clone())
            }
        }
    }

    /// The entries by name.
    pub(super) fn entries(self) -> Vec<(Rc<str>, Val<'a>)> {
        match self {
            Fields::Given(fields) => {
                fields.iter().map(|(key, value)| (key.as_str().into(), Val::Given(value))).collect()
            }
            Fields::Made(fields) => {
                let mut entries = fields.to_vec();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                entries
            }
        }
    }
}
