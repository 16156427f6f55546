//! A schema that is ready to judge values, within limits: local references, patterns of linear time, bounded depth.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonschema::PatternOptions;
use serde_json::Value;

use super::SchemaError;
use super::fault::{Fault, faults, without_echoes};
use super::weight::{depth, unfolded};

/// Deeper values and schemas are refused before anything recurses over them.
const MAX_DEPTH: usize = 128;
/// What the references of a schema may unfold to, in subschemas.
const MAX_UNFOLDED: u64 = 100_000;
/// More errors than these tell nobody anything.
const MAX_ERRORS: usize = 50;
/// Bytes of one compiled pattern.
const MAX_PATTERN: usize = 1 << 20;

/// A compiled schema.
#[derive(Debug)]
pub struct Validator {
    schema: Value,
    compiled: jsonschema::Validator,
}

/// Why a schema cannot judge anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the JSON Schema cannot be used: {message}")]
pub struct BadSchema {
    /// What is wrong with it.
    pub message: String,
}

impl Validator {
    /// Compiles a schema of draft 2020-12. It can refer to itself alone, and its patterns know neither look-around
    /// nor references to groups.
    pub fn new(schema: &Value) -> Result<Self, BadSchema> {
        let bad = |message: String| BadSchema { message };
        if depth(schema, MAX_DEPTH).is_none() {
            return Err(bad(format!("it is nested more than {MAX_DEPTH} deep")));
        }
        if unfolded(schema) > MAX_UNFOLDED {
            return Err(bad(format!("its references unfold to more than {MAX_UNFOLDED} schemas")));
        }
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN);
        let options = jsonschema::draft202012::options().offline().with_pattern_options(patterns);
        let built =
            catch_unwind(AssertUnwindSafe(|| options.build(schema).map_err(|error| error.to_string())));
        let compiled = built.unwrap_or_else(|_| Err("the validator failed on it".to_owned())).map_err(bad)?;
        Ok(Self { schema: schema.clone(), compiled })
    }

    /// Is there nothing wrong with `value`?
    pub fn accepts(&self, value: &Value) -> bool {
        depth(value, MAX_DEPTH).is_some()
            && catch_unwind(AssertUnwindSafe(|| self.compiled.is_valid(value))).unwrap_or(false)
    }

    /// What is wrong with `value`, by place; the first fifty.
    pub fn errors(&self, value: &Value) -> Vec<SchemaError> {
        if depth(value, MAX_DEPTH).is_none() {
            return vec![whole(format!("is nested more than {MAX_DEPTH} deep"))];
        }
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let mut found = Vec::new();
            for error in self.compiled.iter_errors(value).take(MAX_ERRORS) {
                faults(&error, &self.schema, &mut found);
            }
            found
        }));
        let mut found =
            judged.unwrap_or_else(|_| vec![whole("could not be judged by its schema".to_owned())]);
        without_echoes(&mut found);
        found
    }

    /// The schema as it was given.
    pub fn schema(&self) -> &Value {
        &self.schema
    }
}

/// Judges one value by one schema: an input, the parameters of a tool, an output, the answer of a model. A schema
/// that cannot be used accepts nothing. To judge several values, make a [`Validator`].
pub fn validate_value(schema: &Value, value: &Value) -> Vec<SchemaError> {
    match Validator::new(schema) {
        Ok(validator) => validator.errors(value),
        Err(bad) => vec![whole(format!("cannot be judged: {}", bad.message))],
    }
}

fn whole(message: String) -> SchemaError {
    SchemaError {
        pointer: String::new(),
        fault: Fault::BadValue,
        message,
        help: None,
        keyword: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(schema: &Value, value: &Value) -> Vec<String> {
        validate_value(schema, value).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn says_where_and_what() {
        let schema = json!({
            "type": "object",
            "properties": {
                "path": { "type": "string", "minLength": 1 },
                "mode": { "enum": ["read", "write"] },
                "count": { "type": "integer", "minimum": 1 },
                "who": { "anyOf": [{ "type": "string" }, { "type": "object", "required": ["name"] }] },
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        let cases = [
            (json!({ "path": "a" }), vec![]),
            (json!({ "pth": "a" }), vec!["the value has an unknown key `pth`"]),
            (json!({}), vec!["the value needs the key `path`"]),
            (json!({ "path": 1 }), vec!["`/path` takes a string, not an integer"]),
            (json!({ "path": "" }), vec!["`/path` is empty"]),
            (
                json!({ "path": "a", "mode": "raed" }),
                vec!["`/mode` is `raed`, and must be one of `read`, `write`"],
            ),
            (json!({ "path": "a", "count": 0 }), vec!["`/count` is `0`, and must be at least 1"]),
            (json!({ "path": "a", "who": {} }), vec!["`/who` needs the key `name`"]),
            (
                json!({ "path": "a", "who": 1 }),
                vec![
                    "`/who` fits none of 2 alternatives: it takes a string, not an integer; or it takes an object, not an integer",
                ],
            ),
        ];
        for (value, wanted) in cases {
            assert_eq!(messages(&schema, &value), wanted, "{value}");
        }
        let help = &validate_value(&schema, &json!({ "path": "a", "mode": "raed" }))[0].help;
        assert_eq!(help.as_deref(), Some("write `read`"));
    }

    #[test]
    fn what_could_run_away_is_refused() {
        let mut deep = json!(1);
        for _ in 0..200 {
            deep = json!([deep]);
        }
        assert_eq!(messages(&json!({}), &deep), ["the value is nested more than 128 deep"]);
        let mut defs = serde_json::Map::new();
        for at in 0..60 {
            let next = json!({ "$ref": format!("#/$defs/d{}", at + 1) });
            defs.insert(format!("d{at}"), json!({ "allOf": [next.clone(), next] }));
        }
        defs.insert("d60".to_owned(), json!({ "type": "string" }));
        let laughs = json!({ "$defs": defs, "$ref": "#/$defs/d0" });
        assert!(Validator::new(&laughs).unwrap_err().message.contains("unfold"));
        for schema in [
            json!({ "pattern": "(?=a)b" }),
            json!({ "pattern": "(a{1000}){1000}" }),
            json!({ "$ref": "https://example.com/schema" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "type": "strnig" }),
        ] {
            assert!(Validator::new(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn references_in_a_circle_end() {
        let loops = [
            json!({ "$ref": "#" }),
            json!({ "$defs": { "a": { "allOf": [{ "$ref": "#/$defs/b" }] }, "b": { "anyOf": [{ "$ref": "#/$defs/a" }] } }, "$ref": "#/$defs/a" }),
        ];
        for schema in loops {
            let _ = validate_value(&schema, &json!({ "a": [1] }));
        }
        let tree = json!({ "properties": { "next": { "$ref": "#" } }, "type": "object" });
        assert_eq!(
            messages(&tree, &json!({ "next": { "next": 1 } })),
            ["`/next/next` takes an object, not an integer"]
        );
    }

    #[test]
    fn a_pattern_that_explodes_elsewhere_takes_linear_time_here() {
        let schema = json!({ "pattern": "^(a+)+$" });
        assert_eq!(validate_value(&schema, &json!("a".repeat(50_000) + "b")).len(), 1);
    }
}
