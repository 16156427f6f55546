//! The keywords of draft 2020-12, and what stands under each: to walk over a schema.

use serde_json::Value;

/// What stands under a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// No schema.
    Plain,
    /// One schema.
    Schema,
    /// A list of schemas.
    List,
    /// Schemas by name.
    Named,
}

pub const KEYWORDS: &[(&str, Under)] = &[
    ("$schema", Under::Plain),
    ("$id", Under::Plain),
    ("$ref", Under::Plain),
    ("$comment", Under::Plain),
    ("title", Under::Plain),
    ("description", Under::Plain),
    ("default", Under::Plain),
    ("examples", Under::Plain),
    ("deprecated", Under::Plain),
    ("type", Under::Plain),
    ("enum", Under::Plain),
    ("const", Under::Plain),
    ("multipleOf", Under::Plain),
    ("minimum", Under::Plain),
    ("maximum", Under::Plain),
    ("exclusiveMinimum", Under::Plain),
    ("exclusiveMaximum", Under::Plain),
    ("minLength", Under::Plain),
    ("maxLength", Under::Plain),
    ("pattern", Under::Plain),
    ("format", Under::Plain),
    ("minItems", Under::Plain),
    ("maxItems", Under::Plain),
    ("uniqueItems", Under::Plain),
    ("minProperties", Under::Plain),
    ("maxProperties", Under::Plain),
    ("required", Under::Plain),
    ("dependentRequired", Under::Plain),
    ("$defs", Under::Named),
    ("properties", Under::Named),
    ("patternProperties", Under::Named),
    ("dependentSchemas", Under::Named),
    ("additionalProperties", Under::Schema),
    ("unevaluatedProperties", Under::Schema),
    ("propertyNames", Under::Schema),
    ("items", Under::Schema),
    ("not", Under::Schema),
    ("if", Under::Schema),
    ("then", Under::Schema),
    ("else", Under::Schema),
    ("prefixItems", Under::List),
    ("allOf", Under::List),
    ("anyOf", Under::List),
    ("oneOf", Under::List),
];

pub fn under(keyword: &str) -> Option<Under> {
    KEYWORDS.iter().find(|(known, _)| *known == keyword).map(|&(_, under)| under)
}

/// Calls `visit` with each subschema and its JSON pointer, the whole first.
pub fn walk(schema: &Value, pointer: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(pointer, schema);
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        let at = format!("{pointer}/{}", escaped(keyword));
        match under(keyword) {
            Some(Under::Schema) => walk(value, &at, visit),
            Some(Under::List) => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    walk(item, &format!("{at}/{index}"), visit);
                }
            }
            Some(Under::Named) => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    walk(item, &format!("{at}/{}", escaped(name)), visit);
                }
            }
            Some(Under::Plain) | None => {}
        }
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
