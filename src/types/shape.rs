//! The parts of a type, one for each kind of values that has parts or can be counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use litemap::LiteMap;
use serde_json::{Map, Number, Value};

use super::ty::{Chance, Type};

/// Enumerated values that are kept one by one.
const FEW: usize = 64;
/// Shapes of objects that are told apart; more become one.
const SHAPES: usize = 8;
/// Parts of a type. Schemas can say in a few lines what has more parts than there is time to look at: of such a list or
/// object no part is known.
const HEAVIEST: usize = 1024;

/// Numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// None.
    None,
    /// One of these.
    Few(Arc<BTreeSet<i64>>),
    /// Whole ones.
    Whole,
    /// Any.
    Any,
}

/// Strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Texts {
    /// None.
    None,
    /// One of these.
    Few(Arc<BTreeSet<String>>),
    /// Any.
    Any,
}

/// Lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lists {
    /// None.
    None,
    /// Of these items.
    Of(Arc<ListOf>),
    /// Any.
    Any,
}

/// The items of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListOf {
    /// Any number of such items.
    Each(Type),
    /// Exactly these.
    Tuple(Vec<Type>),
}

/// Objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objects {
    /// None.
    None,
    /// Of one of these shapes.
    Of(Arc<[Arc<ObjectOf>]>),
    /// Any.
    Any,
}

/// Fields by name. Objects have few: a sorted list of them takes less than a tree.
pub type Fields = LiteMap<String, Field>;

/// A shape of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectOf {
    /// The fields that are known.
    pub fields: Fields,
    /// What any other field holds; never, where there is no other.
    pub rest: Type,
}

/// What a field holds, and whether it can be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its value.
    pub ty: Type,
    /// Can it be missing?
    pub missing: Chance,
}

impl Field {
    /// It is there.
    pub fn sure(ty: Type) -> Self {
        Self { ty, missing: Chance::Never }
    }

    /// Nothing is known.
    pub const ANY: Field = Field { ty: Type::ANY, missing: Chance::Perhaps };

    /// Either.
    #[must_use]
    pub fn or(&self, other: &Field) -> Field {
        Field { ty: self.ty.or(&other.ty), missing: self.missing.max(other.missing) }
    }
}

impl Numbers {
    pub(super) fn or(&self, other: &Numbers) -> Numbers {
        match (self, other) {
            (Numbers::None, one) | (one, Numbers::None) => one.clone(),
            (Numbers::Any, _) | (_, Numbers::Any) => Numbers::Any,
            (Numbers::Few(a), Numbers::Few(b)) if a.len() + b.len() <= FEW => {
                Numbers::Few(Arc::new(a.union(b).copied().collect()))
            }
            _ => Numbers::Whole,
        }
    }

    pub(super) fn admits(&self, number: &Number) -> bool {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let whole = || {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
        };
        #[expect(clippy::cast_possible_truncation, reason = "within what a float holds exactly")]
        let exact = || {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT);
            number.as_i64().or(float.map(|float| float as i64))
        };
        match self {
            Numbers::None => false,
            Numbers::Few(few) => exact().is_some_and(|whole| few.contains(&whole)),
            Numbers::Whole => whole(),
            Numbers::Any => true,
        }
    }
}

impl Texts {
    /// One of these; any, where they are many.
    pub(super) fn few(words: BTreeSet<String>) -> Texts {
        match words.len() {
            0 => Texts::None,
            1..=FEW => Texts::Few(Arc::new(words)),
            _ => Texts::Any,
        }
    }

    pub(super) fn or(&self, other: &Texts) -> Texts {
        match (self, other) {
            (Texts::None, one) | (one, Texts::None) => one.clone(),
            (Texts::Few(a), Texts::Few(b)) => Texts::few(a.union(b).cloned().collect()),
            _ => Texts::Any,
        }
    }

    pub(super) fn admits(&self, text: &str) -> bool {
        match self {
            Texts::None => false,
            Texts::Few(few) => few.contains(text),
            Texts::Any => true,
        }
    }
}

impl ListOf {
    /// What an item holds.
    pub fn item(&self) -> Type {
        match self {
            ListOf::Each(item) => item.clone(),
            ListOf::Tuple(items) => Type::any_of(items),
        }
    }
}

impl Lists {
    pub(super) fn of(list: ListOf) -> Lists {
        let mut left = HEAVIEST;
        let light = match &list {
            ListOf::Each(item) => weighed(item, &mut left),
            ListOf::Tuple(items) => items.iter().all(|item| weighed(item, &mut left)),
        };
        if light { Lists::Of(Arc::new(list)) } else { Lists::Any }
    }

    /// How many items there are, where that is known.
    pub fn length(&self) -> Option<usize> {
        let Lists::Of(list) = self else { return None };
        match &**list {
            ListOf::Tuple(items) => Some(items.len()),
            ListOf::Each(_) => None,
        }
    }

    pub(super) fn or(&self, other: &Lists) -> Lists {
        match (self, other) {
            (Lists::None, one) | (one, Lists::None) => one.clone(),
            (Lists::Any, _) | (_, Lists::Any) => Lists::Any,
            (Lists::Of(a), Lists::Of(b)) => match (&**a, &**b) {
                (ListOf::Tuple(a), ListOf::Tuple(b)) if a.len() == b.len() => {
                    Lists::of(ListOf::Tuple(a.iter().zip(b).map(|(a, b)| a.or(b)).collect()))
                }
                (a, b) => Lists::of(ListOf::Each(a.item().or(&b.item()))),
            },
        }
    }

    pub(super) fn widened(&self) -> Lists {
        let Lists::Of(list) = self else { return self.clone() };
        Lists::of(match &**list {
            ListOf::Each(item) => ListOf::Each(item.widened()),
            ListOf::Tuple(items) => ListOf::Tuple(items.iter().map(Type::widened).collect()),
        })
    }

    pub(super) fn item(&self) -> Type {
        match self {
            Lists::None => Type::NEVER,
            Lists::Of(list) => list.item(),
            Lists::Any => Type::ANY,
        }
    }

    pub(super) fn admits(&self, items: &[Value]) -> bool {
        match self {
            Lists::None => false,
            Lists::Any => true,
            Lists::Of(list) => match &**list {
                ListOf::Each(item) => items.iter().all(|value| item.admits(value)),
                ListOf::Tuple(types) => {
                    types.len() == items.len() && types.iter().zip(items).all(|(ty, value)| ty.admits(value))
                }
            },
        }
    }
}

impl Objects {
    /// One of some shapes, each once. Very many become one shape that says less.
    pub(super) fn of(shapes: Vec<Arc<ObjectOf>>) -> Objects {
        let mut kept: Vec<Arc<ObjectOf>> = Vec::with_capacity(shapes.len());
        for shape in shapes {
            if !kept.contains(&shape) {
                kept.push(shape);
            }
        }
        if kept.len() > SHAPES {
            kept = vec![Arc::new(ObjectOf::merged(&kept))];
        }
        let mut left = HEAVIEST;
        if !kept.iter().all(|shape| shape_weighed(shape, &mut left)) {
            return Objects::Any;
        }
        if kept.is_empty() { Objects::None } else { Objects::Of(kept.into()) }
    }

    pub(super) fn or(&self, other: &Objects) -> Objects {
        match (self, other) {
            (Objects::None, one) | (one, Objects::None) => one.clone(),
            (Objects::Any, _) | (_, Objects::Any) => Objects::Any,
            (Objects::Of(a), Objects::Of(b)) => Objects::of(a.iter().chain(&**b).cloned().collect()),
        }
    }

    pub(super) fn widened(&self) -> Objects {
        let Objects::Of(shapes) = self else { return self.clone() };
        let field = |field: &Field| Field { ty: field.ty.widened(), missing: field.missing };
        let shape = |shape: &Arc<ObjectOf>| {
            let fields = shape.fields.iter().map(|(name, known)| (name.clone(), field(known))).collect();
            Arc::new(ObjectOf { fields, rest: shape.rest.clone() })
        };
        Objects::of(shapes.iter().map(shape).collect())
    }

    pub(super) fn field(&self, name: &str) -> Option<Field> {
        let Objects::Of(shapes) = self else {
            return (*self == Objects::Any).then_some(Field::ANY);
        };
        let mut found: Option<Field> = None;
        let mut lacking = false;
        for shape in shapes.iter() {
            match shape.field(name) {
                Some(field) => found = Some(found.map_or_else(|| field.clone(), |known| known.or(&field))),
                None => lacking = true,
            }
        }
        let missing = |field: Field| Field { missing: Chance::Known, ..field };
        found.map(|field| if lacking { missing(field) } else { field })
    }

    pub(super) fn admits(&self, fields: &Map<String, Value>) -> bool {
        match self {
            Objects::None => false,
            Objects::Any => true,
            Objects::Of(shapes) => shapes.iter().any(|shape| shape.admits(fields)),
        }
    }
}

impl ObjectOf {
    /// An object of which nothing is known.
    pub(super) fn open() -> Self {
        Self { fields: Fields::new(), rest: Type::ANY }
    }

    /// What a field holds: `None` where there is no such field.
    pub fn field(&self, name: &str) -> Option<Field> {
        let other =
            || (!self.rest.is_never()).then(|| Field { ty: self.rest.clone(), missing: Chance::Perhaps });
        self.fields.get(name).cloned().or_else(other)
    }

    fn admits(&self, fields: &Map<String, Value>) -> bool {
        let there =
            |(name, field): (&String, &Field)| field.missing != Chance::Never || fields.contains_key(name);
        let fits = |(name, value): (&String, &Value)| {
            self.fields.get(name).map_or(&self.rest, |field| &field.ty).admits(value)
        };
        self.fields.iter().all(there) && fields.iter().all(fits)
    }

    /// All shapes as one. Which fields go together is lost, so what not all of them have may be missing, and may not.
    fn merged(shapes: &[Arc<ObjectOf>]) -> ObjectOf {
        let names: BTreeSet<&String> = shapes.iter().flat_map(|shape| shape.fields.keys()).collect();
        let field = |name: &String| {
            let found: Vec<Option<Field>> = shapes.iter().map(|shape| shape.field(name)).collect();
            let sure =
                found.iter().all(|field| field.as_ref().is_some_and(|field| field.missing == Chance::Never));
            let ty = found.iter().flatten().fold(Type::NEVER, |ty, field| ty.or(&field.ty));
            Field { ty, missing: if sure { Chance::Never } else { Chance::Perhaps } }
        };
        let fields = names.into_iter().map(|name| (name.clone(), field(name))).collect();
        ObjectOf { fields, rest: Type::any_of(shapes.iter().map(|shape| &shape.rest)) }
    }
}

/// How many parts a type has, as far as that matters.
pub(super) fn weight(ty: &Type) -> usize {
    let mut left = HEAVIEST;
    weighed(ty, &mut left);
    HEAVIEST - left + 1
}

/// Takes the parts of a type from what is left; `false` where that is not enough.
fn weighed(ty: &Type, left: &mut usize) -> bool {
    let Some(less) = left.checked_sub(1) else { return false };
    *left = less;
    let lists = match &ty.lists {
        Lists::Of(list) => match &**list {
            ListOf::Each(item) => weighed(item, left),
            ListOf::Tuple(items) => items.iter().all(|item| weighed(item, left)),
        },
        Lists::None | Lists::Any => true,
    };
    lists
        && match &ty.objects {
            Objects::Of(shapes) => shapes.iter().all(|shape| shape_weighed(shape, left)),
            Objects::None | Objects::Any => true,
        }
}

fn shape_weighed(shape: &ObjectOf, left: &mut usize) -> bool {
    shape.fields.values().all(|field| weighed(&field.ty, left)) && weighed(&shape.rest, left)
}
