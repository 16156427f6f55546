//! A type in words, for messages.

use std::fmt;

use super::shape::{ListOf, Lists, Numbers, Objects, Texts};
use super::ty::{Kind, Type};

/// Enumerated values that are named one by one.
const NAMED: usize = 6;

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("any value");
        }
        let parts: Vec<String> = self.kinds().map(|kind| self.part(kind)).collect();
        match parts.split_last() {
            None => f.write_str("no value"),
            Some((only, [])) => f.write_str(only),
            Some((last, others)) => write!(f, "{} or {last}", others.join(", ")),
        }
    }
}

impl Type {
    fn part(&self, kind: Kind) -> String {
        match kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool => match self.bools {
                [true, false] => "`false`".to_owned(),
                [false, true] => "`true`".to_owned(),
                _ => "a boolean".to_owned(),
            },
            Kind::Number => match &self.numbers {
                Numbers::Few(few) if few.len() <= NAMED => {
                    one_of("the number", few.iter().map(i64::to_string))
                }
                Numbers::Few(_) | Numbers::Whole => "a whole number".to_owned(),
                Numbers::None | Numbers::Any => "a number".to_owned(),
            },
            Kind::Text => match &self.texts {
                Texts::Few(few) if few.len() <= NAMED && few.iter().all(|text| text.len() <= 40) => {
                    one_of("the string", few.iter().map(|text| format!("'{text}'")))
                }
                _ => "a string".to_owned(),
            },
            Kind::List => self.list_words(),
            Kind::Object => self.object_words(),
        }
    }

    fn list_words(&self) -> String {
        let Lists::Of(list) = &self.lists else { return "a list".to_owned() };
        match &**list {
            ListOf::Tuple(items) if items.is_empty() => "an empty list".to_owned(),
            _ => match plural(&list.item()) {
                Some(items) => format!("a list of {items}"),
                None => "a list".to_owned(),
            },
        }
    }

    fn object_words(&self) -> String {
        let Objects::Of(shapes) = &self.objects else { return "an object".to_owned() };
        let [shape] = &shapes[..] else { return "an object".to_owned() };
        let names: Vec<String> = shape.fields.keys().map(|name| format!("`{name}`")).collect();
        if names.is_empty() || names.len() > NAMED {
            return "an object".to_owned();
        }
        format!("an object with {}", names.join(", "))
    }
}

fn one_of(what: &str, values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.map(|value| format!("`{value}`")).collect();
    match &values[..] {
        [only] => format!("{what} {only}"),
        many => format!("one of {}", many.join(", ")),
    }
}

fn plural(item: &Type) -> Option<&'static str> {
    let mut kinds = item.kinds();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return None };
    Some(match kind {
        Kind::Null => "nulls",
        Kind::Bool => "booleans",
        Kind::Number if item.numbers == Numbers::Any => "numbers",
        Kind::Number => "whole numbers",
        Kind::Text => "strings",
        Kind::List => "lists",
        Kind::Object => "objects",
    })
}
