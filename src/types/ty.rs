//! A type: for each kind of values, which of them there can be. So a union is always in its simplest form, and joining
//! two types takes no search.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::shape::{Field, ListOf, Lists, Numbers, ObjectOf, Objects, Texts};

/// Can something be? What is not known is never reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chance {
    /// It can't.
    Never,
    /// Nobody says so, and nobody says not.
    Perhaps,
    /// It can.
    Known,
}

/// A kind of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the kinds of JSON")]
pub enum Kind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Object,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [Kind::Null, Kind::Bool, Kind::Number, Kind::Text, Kind::List, Kind::Object];
}

/// Which values there can be, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Null.
    pub null: Chance,
    /// `false` and `true`.
    pub bools: [bool; 2],
    /// Numbers.
    pub numbers: Numbers,
    /// Strings.
    pub texts: Texts,
    /// Lists.
    pub lists: Lists,
    /// Objects.
    pub objects: Objects,
    /// Are there perhaps fewer values than these, because something is said of them that a type can't say?
    pub loose: bool,
}

impl Type {
    /// No value at all.
    pub const NEVER: Type = Type {
        null: Chance::Never,
        bools: [false; 2],
        numbers: Numbers::None,
        texts: Texts::None,
        lists: Lists::None,
        objects: Objects::None,
        loose: false,
    };

    /// Any value: nothing is known.
    pub const ANY: Type = Type {
        null: Chance::Perhaps,
        bools: [true; 2],
        numbers: Numbers::Any,
        texts: Texts::Any,
        lists: Lists::Any,
        objects: Objects::Any,
        loose: true,
    };

    /// Null alone.
    pub const NULL: Type = Type { null: Chance::Known, ..Type::NEVER };
    /// True or false.
    pub const BOOL: Type = Type { bools: [true; 2], ..Type::NEVER };
    /// A whole number.
    pub const WHOLE: Type = Type { numbers: Numbers::Whole, ..Type::NEVER };
    /// A number.
    pub const NUMBER: Type = Type { numbers: Numbers::Any, ..Type::NEVER };
    /// A string.
    pub const TEXT: Type = Type { texts: Texts::Any, ..Type::NEVER };
    /// A list of anything.
    pub const LIST: Type = Type { lists: Lists::Any, ..Type::NEVER };
    /// An object with any fields.
    pub const OBJECT: Type = Type { objects: Objects::Any, ..Type::NEVER };

    /// One of these strings.
    pub fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        Type { texts: Texts::few(words.into_iter().map(str::to_owned).collect()), ..Type::NEVER }
    }

    /// A list of such items.
    pub fn list(items: Type) -> Self {
        Type { lists: Lists::of(ListOf::Each(items)), ..Type::NEVER }
    }

    /// A list of exactly these items.
    pub fn tuple(items: Vec<Type>) -> Self {
        Type { lists: Lists::of(ListOf::Tuple(items)), ..Type::NEVER }
    }

    /// An object.
    pub fn object(object: ObjectOf) -> Self {
        Type { objects: Objects::of(vec![Arc::new(object)]), ..Type::NEVER }
    }

    /// An object with exactly these fields.
    pub fn record<'n>(fields: impl IntoIterator<Item = (&'n str, Type)>) -> Self {
        let fields = fields.into_iter().map(|(name, ty)| (name.to_owned(), Field::sure(ty)));
        Self::object(ObjectOf { fields: fields.collect(), rest: Type::NEVER })
    }

    /// All of one kind.
    pub fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Null => Type::NULL,
            Kind::Bool => Type::BOOL,
            Kind::Number => Type::NUMBER,
            Kind::Text => Type::TEXT,
            Kind::List => Type::LIST,
            Kind::Object => Type::OBJECT,
        }
    }

    /// Exactly one value.
    pub fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Type::NULL,
            Value::Bool(value) => Type { bools: [!value, *value], ..Type::NEVER },
            Value::Number(number) => Type {
                numbers: match number.as_i64() {
                    Some(whole) => Numbers::Few(Arc::new(BTreeSet::from([whole]))),
                    None if number.is_u64() => Numbers::Whole,
                    None => Numbers::Any,
                },
                ..Type::NEVER
            },
            Value::String(text) => Type::words([text.as_str()]),
            Value::Array(items) => Type::tuple(items.iter().map(Type::of_value).collect()),
            Value::Object(fields) => {
                Type::record(fields.iter().map(|(name, value)| (name.as_str(), Type::of_value(value))))
            }
        }
    }

    /// Either.
    #[must_use]
    pub fn or(&self, other: &Type) -> Type {
        if self == other {
            return self.clone();
        }
        Type {
            null: self.null.max(other.null),
            bools: [self.bools[0] || other.bools[0], self.bools[1] || other.bools[1]],
            numbers: self.numbers.or(&other.numbers),
            texts: self.texts.or(&other.texts),
            lists: self.lists.or(&other.lists),
            objects: self.objects.or(&other.objects),
            loose: self.loose || other.loose,
        }
    }

    /// Any of them.
    pub fn any_of<'t>(types: impl IntoIterator<Item = &'t Type>) -> Type {
        types.into_iter().fold(Type::NEVER, |all, ty| all.or(ty))
    }

    /// The same without what only one value says: a value that is written down once is there to be changed.
    #[must_use]
    pub fn widened(&self) -> Type {
        let one = |few: usize| few == 1;
        Type {
            null: self.null,
            bools: if self.has(Kind::Bool) { [true; 2] } else { [false; 2] },
            numbers: match &self.numbers {
                Numbers::Few(few) if one(few.len()) => Numbers::Whole,
                other => other.clone(),
            },
            texts: match &self.texts {
                Texts::Few(few) if one(few.len()) => Texts::Any,
                other => other.clone(),
            },
            lists: self.lists.widened(),
            objects: self.objects.widened(),
            loose: self.loose,
        }
    }

    /// Is there a value of this kind?
    pub fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Null => self.null != Chance::Never,
            Kind::Bool => self.bools != [false; 2],
            Kind::Number => self.numbers != Numbers::None,
            Kind::Text => self.texts != Texts::None,
            Kind::List => self.lists != Lists::None,
            Kind::Object => self.objects != Objects::None,
        }
    }

    /// The kinds that there are values of.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        Kind::ALL.into_iter().filter(|kind| self.has(*kind))
    }

    /// Is there no value at all?
    pub fn is_never(&self) -> bool {
        self.kinds().next().is_none()
    }

    /// Is nothing known?
    pub fn is_any(&self) -> bool {
        self.null == Chance::Perhaps
            && self.bools == [true; 2]
            && self.numbers == Numbers::Any
            && self.texts == Texts::Any
            && self.lists == Lists::Any
            && self.objects == Objects::Any
    }

    /// Without the values of a kind.
    #[must_use]
    pub fn without(&self, kind: Kind) -> Type {
        let mut rest = self.clone();
        match kind {
            Kind::Null => rest.null = Chance::Never,
            Kind::Bool => rest.bools = [false; 2],
            Kind::Number => rest.numbers = Numbers::None,
            Kind::Text => rest.texts = Texts::None,
            Kind::List => rest.lists = Lists::None,
            Kind::Object => rest.objects = Objects::None,
        }
        rest
    }

    /// The values of some kinds alone.
    #[must_use]
    pub fn only(&self, kinds: &[Kind]) -> Type {
        let others = Kind::ALL.into_iter().filter(|kind| !kinds.contains(kind));
        others.fold(self.clone(), |rest, kind| rest.without(kind))
    }

    /// Is a value of this type? Whole numbers include those that are written with a fraction of zero.
    pub fn admits(&self, value: &Value) -> bool {
        match value {
            Value::Null => self.has(Kind::Null),
            Value::Bool(value) => self.bools[usize::from(*value)],
            Value::Number(number) => self.numbers.admits(number),
            Value::String(text) => self.texts.admits(text),
            Value::Array(items) => self.lists.admits(items),
            Value::Object(fields) => self.objects.admits(fields),
        }
    }

    /// Its values one by one, where they are few: booleans, null, and enumerated strings and numbers.
    pub fn values(&self) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        if self.null != Chance::Never {
            values.push(Value::Null);
        }
        values.extend(
            [false, true].into_iter().filter(|value| self.bools[usize::from(*value)]).map(Value::from),
        );
        match &self.numbers {
            Numbers::None => {}
            Numbers::Few(few) => values.extend(few.iter().copied().map(Value::from)),
            Numbers::Whole | Numbers::Any => return None,
        }
        match &self.texts {
            Texts::None => {}
            Texts::Few(few) => values.extend(few.iter().map(|text| Value::from(text.as_str()))),
            Texts::Any => return None,
        }
        let endless = self.has(Kind::List) || self.has(Kind::Object);
        (!endless).then_some(values)
    }

    /// What a field of its objects holds: `None` where none of them can have it.
    pub fn field(&self, name: &str) -> Option<Field> {
        self.objects.field(name)
    }

    /// What an item of its lists holds.
    #[must_use]
    pub fn item(&self) -> Type {
        self.lists.item()
    }
}
