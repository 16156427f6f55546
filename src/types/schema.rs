//! The type that a JSON Schema describes. What a type can't say (patterns, bounds, conditions) is left out: then the type
//! holds more values than the schema, never fewer, and that a field is missing or null is no longer known, only possible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::shape::{Field, ListOf, Lists, ObjectOf, Objects, weight};
use super::ty::{Chance, Type};

/// Keywords that say of strings and numbers what a type does not; `format`, which no value is refused for, apart.
pub(super) const BOUNDS: [&str; 10] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "pattern",
    "minLength",
    "maxLength",
    "not",
    "if",
];

/// Parts that are held against each other: beyond, a type holds more than its schema.
const WORK: usize = 1_000_000;
/// Schemas within schemas, at most.
const DEPTH: usize = 64;

impl Type {
    /// The values that satisfy a schema.
    pub fn of_schema(schema: &Value) -> Type {
        Reading { root: schema, known: BTreeMap::new(), open: BTreeSet::new(), left: WORK }.schema(schema, 0)
    }
}

struct Reading<'s> {
    root: &'s Value,
    /// By reference: each is read once.
    known: BTreeMap<&'s str, Type>,
    /// References that are being read: one that leads to itself is any value.
    open: BTreeSet<&'s str>,
    /// What is left to be spent.
    left: usize,
}

impl<'s> Reading<'s> {
    fn schema(&mut self, schema: &'s Value, depth: usize) -> Type {
        match schema {
            Value::Bool(false) => Type::NEVER,
            Value::Object(words) if depth < DEPTH => self.words(words, depth),
            _ => Type::ANY,
        }
    }

    fn words(&mut self, words: &'s Map<String, Value>, depth: usize) -> Type {
        let mut ty = self.own(words, depth);
        if let Some(Value::String(target)) = words.get("$ref") {
            let target = self.reference(target, depth);
            ty = self.both(&ty, &target);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Value::Array(choices)) = words.get(word) {
                let mut any = Type::NEVER;
                for choice in choices {
                    let choice = self.schema(choice, depth + 1);
                    any = self.either(&any, &choice);
                }
                ty = self.both(&ty, &any);
            }
        }
        if let Some(Value::Array(all)) = words.get("allOf") {
            for part in all {
                let part = self.schema(part, depth + 1);
                ty = self.both(&ty, &part);
            }
        }
        let conditional =
            ["not", "if", "dependentRequired", "dependentSchemas", "minProperties", "$dynamicRef"];
        if conditional.iter().any(|word| words.contains_key(*word)) {
            ty = doubted(&ty);
        }
        ty.loose |= words.keys().any(|word| word == "format" || BOUNDS.contains(&word.as_str()));
        ty
    }

    /// What is of both.
    fn both(&mut self, a: &Type, b: &Type) -> Type {
        let work = if a.is_any() || b.is_any() { 1 } else { weight(a) * weight(b) };
        match self.left.checked_sub(work) {
            Some(left) => {
                self.left = left;
                a.and(b)
            }
            None => a.clone(),
        }
    }

    /// What is of one of them.
    fn either(&mut self, a: &Type, b: &Type) -> Type {
        match self.left.checked_sub(weight(a) + weight(b)) {
            Some(left) => {
                self.left = left;
                a.or(b)
            }
            None => Type::ANY,
        }
    }

    fn reference(&mut self, target: &'s str, depth: usize) -> Type {
        if let Some(known) = self.known.get(target) {
            return known.clone();
        }
        let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(schema) = found.filter(|_| self.open.insert(target)) else { return Type::ANY };
        let ty = self.schema(schema, depth + 1);
        self.open.remove(target);
        self.known.insert(target, ty.clone());
        ty
    }

    /// What its own keywords say.
    fn own(&mut self, words: &'s Map<String, Value>, depth: usize) -> Type {
        let constants = match (words.get("const"), words.get("enum")) {
            (Some(value), _) => Some(std::slice::from_ref(value)),
            (None, Some(Value::Array(values))) => Some(&values[..]),
            _ => None,
        };
        let named = self.named(words);
        let Some(named) = named else {
            let parts =
                Type { lists: self.lists(words, depth), objects: self.objects(words, depth), ..Type::ANY };
            return constants.map_or(parts, any_value);
        };
        let mut ty = Type::NEVER;
        for name in named {
            ty = ty.or(&match name {
                "null" => Type::NULL,
                "boolean" => Type::BOOL,
                "integer" => Type::WHOLE,
                "number" => Type::NUMBER,
                "string" => Type::TEXT,
                "array" => Type { lists: self.lists(words, depth), ..Type::NEVER },
                "object" => Type { objects: self.objects(words, depth), ..Type::NEVER },
                _ => Type::ANY,
            });
        }
        constants.map_or(ty.clone(), |constants| ty.and(&any_value(constants)))
    }

    /// The names under `type`; `None` where it does not say.
    #[expect(clippy::unused_self, reason = "reads as its neighbours do")]
    fn named(&self, words: &'s Map<String, Value>) -> Option<Vec<&'s str>> {
        match words.get("type")? {
            Value::String(name) => Some(vec![name]),
            Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
            _ => None,
        }
    }

    fn lists(&mut self, words: &'s Map<String, Value>, depth: usize) -> Lists {
        match words.get("items") {
            // which items stand first is more than a type says
            Some(items) if !words.contains_key("prefixItems") => {
                Lists::of(ListOf::Each(self.schema(items, depth + 1)))
            }
            _ => Lists::Any,
        }
    }

    fn objects(&mut self, words: &'s Map<String, Value>, depth: usize) -> Objects {
        let named = ["properties", "required", "additionalProperties"];
        if !named.iter().any(|word| words.contains_key(*word)) {
            return Objects::Any;
        }
        let required: BTreeSet<&str> = match words.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => BTreeSet::new(),
        };
        let mut fields = BTreeMap::new();
        if let Some(Value::Object(properties)) = words.get("properties") {
            for (name, schema) in properties {
                let missing = if required.contains(name.as_str()) { Chance::Never } else { Chance::Known };
                let ty = self.schema(schema, depth + 1);
                if ty.is_never() && missing == Chance::Never {
                    return Objects::None;
                }
                fields.insert(name.clone(), Field { ty, missing });
            }
        }
        let rest = self.rest(words, depth);
        for name in required {
            let field = || Field::sure(if rest.is_never() { Type::ANY } else { rest.clone() });
            fields.entry(name.to_owned()).or_insert_with(field);
        }
        Objects::of(vec![Arc::new(ObjectOf { fields: fields.into_iter().collect(), rest })])
    }

    fn rest(&mut self, words: &'s Map<String, Value>, depth: usize) -> Type {
        match words.get("additionalProperties") {
            None => Type::ANY,
            Some(_) if words.contains_key("patternProperties") => Type::ANY,
            Some(schema) => self.schema(schema, depth + 1),
        }
    }
}

fn any_value(values: &[Value]) -> Type {
    let types: Vec<Type> = values.iter().map(Type::of_value).collect();
    Type::any_of(&types)
}

/// The same values, where what can be missing or null may yet be excluded by what the type does not say.
fn doubted(ty: &Type) -> Type {
    let objects = match &ty.objects {
        Objects::Of(shapes) => {
            Objects::Of(shapes.iter().map(|shape| Arc::new(doubted_shape(shape))).collect())
        }
        other => other.clone(),
    };
    Type { null: ty.null.min(Chance::Perhaps), objects, ..ty.clone() }
}

fn doubted_shape(shape: &ObjectOf) -> ObjectOf {
    let field = |field: &Field| Field {
        ty: Type { null: field.ty.null.min(Chance::Perhaps), ..field.ty.clone() },
        missing: field.missing.min(Chance::Perhaps),
    };
    let fields = shape.fields.iter().map(|(name, known)| (name.clone(), field(known))).collect();
    ObjectOf { fields, rest: shape.rest.clone() }
}
