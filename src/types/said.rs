//! Does a JSON Schema say more of values than the type that is made of it?

use serde_json::{Map, Value};

use super::schema::BOUNDS;

/// What a type can't say, beside its bounds.
const MORE: [&str; 14] = [
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "prefixItems",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
];
/// Words under which one schema stands, a list of them, or some by name.
const ONE: [&str; 2] = ["additionalProperties", "items"];
const LISTS: [&str; 3] = ["anyOf", "oneOf", "allOf"];
const NAMED: [&str; 3] = ["properties", "$defs", "definitions"];

/// May a value be of the type of a schema, and not satisfy it?
pub fn says_more(schema: &Value) -> bool {
    let Value::Object(words) = schema else { return false };
    // of a constant that has parts a type keeps each part by itself
    let has_parts = |value: &Value| value.is_array() || value.is_object();
    let listed = words.get("enum").and_then(Value::as_array).is_some_and(|all| all.iter().any(has_parts));
    let constant = listed || words.get("const").is_some_and(has_parts);
    BOUNDS.iter().chain(&MORE).any(|word| words.contains_key(*word)) || constant || within(words)
}

fn within(words: &Map<String, Value>) -> bool {
    let one = ONE.iter().filter_map(|word| words.get(*word));
    let lists = LISTS.iter().filter_map(|word| words.get(*word)?.as_array()).flatten();
    let named = NAMED.iter().filter_map(|word| words.get(*word)?.as_object()).flat_map(Map::values);
    one.chain(lists).chain(named).any(says_more)
}
