//! A value of a JSON Schema, taken from a text by rules. What the schema lists is chosen from; all else is copied.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Number, Value};

use crate::effect::{ErrorKind, ToolError};
use crate::runner::tools::words::{matches, telling_words, words};

use super::choice::{best, candidates, score};
use super::material::Material;

/// The deepest schema.
const MAX_DEPTH: u32 = 32;
/// Items of a list whose schema has no `maxItems`.
const MAX_ITEMS: u64 = 16;

/// A value for `schema`.
pub(super) fn value_for(schema: &Value, material: &Material) -> Result<Value, ToolError> {
    Builder { root: schema }.value("", schema, material, 0)
}

struct Builder<'a> {
    root: &'a Value,
}

impl Builder<'_> {
    fn value(&self, name: &str, schema: &Value, material: &Material, depth: u32) -> Result<Value, ToolError> {
        if depth > MAX_DEPTH {
            let message = format!("the schema is nested more than {MAX_DEPTH} deep");
            return Err(ToolError::new(ErrorKind::InvalidInput, message));
        }
        let schema = self.resolved(schema)?;
        if let Some(value) = schema.get("const") {
            return Ok(value.clone());
        }
        if let Some(list) = candidates(schema) {
            let first = || list.first().map(|candidate| candidate.value);
            let chosen = best(&list, material).or_else(|| schema.get("default")).or_else(first);
            return Ok(chosen.cloned().unwrap_or(Value::Null));
        }
        match kind(schema) {
            "object" => self.object(schema, material, depth),
            "array" => self.array(schema, material, depth),
            "integer" => Ok(number(name, schema, material, true)),
            "number" => Ok(number(name, schema, material, false)),
            "boolean" => Ok(Value::Bool(boolean(name, schema, material))),
            "null" => Ok(Value::Null),
            "branches" => {
                let branch = ["oneOf", "anyOf", "allOf"].into_iter().find_map(|key| schema.get(key)?.get(0));
                self.value(name, branch.unwrap_or(&Value::Bool(true)), material, depth + 1)
            }
            _ => Ok(text(name, schema, material).into()),
        }
    }

    /// Behind `$ref`s of the same document.
    fn resolved<'s>(&'s self, mut schema: &'s Value) -> Result<&'s Value, ToolError> {
        for _ in 0..MAX_DEPTH {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return Ok(schema) };
            let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            schema = target.ok_or_else(|| {
                let message = format!("`{reference}` is not in the schema itself");
                ToolError::new(ErrorKind::InvalidInput, message)
            })?;
        }
        Ok(schema)
    }

    /// Every property that is named, the optional ones as well.
    fn object(&self, schema: &Value, material: &Material, depth: u32) -> Result<Value, ToolError> {
        let mut object = Map::new();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            object.insert(name.clone(), self.value(name, property, material, depth + 1)?);
        }
        Ok(Value::Object(object))
    }

    fn array(&self, schema: &Value, material: &Material, depth: u32) -> Result<Value, ToolError> {
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(MAX_ITEMS) as usize;
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
        let Some(items) = schema.get("items") else { return Ok(Value::Array(Vec::new())) };
        let items = self.resolved(items)?;
        let mut found = match (candidates(items), pattern(items)) {
            (Some(list), _) => {
                let fitting = list.iter().filter(|candidate| score(candidate, material).0 > 0);
                let mut chosen: Vec<Value> = fitting.map(|candidate| candidate.value.clone()).collect();
                if chosen.is_empty() {
                    let default = schema.get("default").and_then(Value::as_array).cloned();
                    chosen = default.unwrap_or_else(|| {
                        list.iter().take(least).map(|candidate| candidate.value.clone()).collect()
                    });
                }
                chosen
            }
            (None, Some(pattern)) => terms(material, &pattern).into_iter().map(Value::from).collect(),
            (None, None) => {
                let listed = material.items();
                let parts = if listed.is_empty() { vec![material.text.as_str()] } else { listed };
                let parts = parts.into_iter().take(most).map(Material::new);
                parts.map(|part| self.value("", items, &part, depth + 1)).collect::<Result<_, _>>()?
            }
        };
        found.truncate(most);
        Ok(Value::Array(found))
    }
}

fn kind(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    };
    named.unwrap_or_else(|| {
        let has = |key| schema.get(key).is_some();
        match () {
            () if has("properties") => "object",
            () if has("items") => "array",
            () if has("oneOf") || has("anyOf") || has("allOf") => "branches",
            () => "string",
        }
    })
}

/// A pattern of ours would be linear in time; one that can't be compiled counts as none.
fn pattern(schema: &Value) -> Option<Regex> {
    let text = schema.get("pattern")?.as_str()?;
    RegexBuilder::new(text).size_limit(1 << 20).build().ok()
}

/// The distinct words of a text that match, the longest first: long words say more.
fn terms(material: &Material, pattern: &Regex) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in material.text.split_whitespace() {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '_');
        let says_something = !telling_words(word).is_empty();
        if says_something && pattern.is_match(word) && !found.iter().any(|other| other == word) {
            found.push(word.to_owned());
        }
    }
    found.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    found
}

/// What is said behind the name; else the first word that matches the pattern; else the default; else the first line.
fn text(name: &str, schema: &Value, material: &Material) -> String {
    let most = schema.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let default = || schema.get("default").and_then(Value::as_str).map(str::to_owned);
    let matching = || pattern(schema).and_then(|pattern| terms(material, &pattern).into_iter().next());
    let first_line = || material.lines().next().unwrap_or_default().to_owned();
    let said = material.named(name).map(str::to_owned);
    let text = said.or_else(matching).or_else(default).unwrap_or_else(first_line);
    text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect()
}

/// What is said behind the name; else the default; else the first number of the text within the bounds; else the
/// least.
fn number(name: &str, schema: &Value, material: &Material, whole: bool) -> Value {
    let bound = |key| schema.get(key).and_then(Value::as_f64);
    let fits = |number: &f64| {
        bound("minimum").is_none_or(|least| *number >= least)
            && bound("maximum").is_none_or(|most| *number <= most)
    };
    let parse = |text: &str| {
        text.trim_matches(|c: char| !c.is_ascii_digit() && c != '-')
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
    };
    let is_kind = |number: &f64| !whole || number.fract() == 0.0;
    let said = material.named(name).and_then(parse);
    let in_text = || material.text.split_whitespace().filter_map(parse).filter(is_kind).find(fits);
    let chosen = said
        .filter(is_kind)
        .filter(fits)
        .or_else(|| schema.get("default").and_then(Value::as_f64))
        .or_else(in_text)
        .or_else(|| bound("minimum"))
        .unwrap_or(0.0);
    if whole {
        Value::from(chosen as i64)
    } else {
        Number::from_f64(chosen).map_or(Value::Null, Value::Number)
    }
}

/// What is said behind the name; else the default; else whether a word of the name or description is in the text.
fn boolean(name: &str, schema: &Value, material: &Material) -> bool {
    let said = material.named(name).and_then(|text| match text.to_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    });
    let about = format!("{name} {}", schema.get("description").and_then(Value::as_str).unwrap_or_default());
    let mentioned = || {
        let about = words(&about);
        material.words.iter().any(|word| about.iter().any(|other| matches(word, other)))
    };
    said.or_else(|| schema.get("default").and_then(Value::as_bool)).unwrap_or_else(mentioned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runner::tools::llm::excerpt::excerpt;

    fn answer(schema: &Value, text: &str) -> Value {
        let value = value_for(schema, &Material::new(text)).unwrap();
        assert_eq!(crate::schema::validate_value(schema, &value).len(), 0, "{value} for {schema}");
        value
    }

    #[test]
    fn chooses_by_shared_words() {
        let schema = json!({ "oneOf": [
            { "const": "buy", "description": "purchase, order goods" },
            { "const": "sell", "description": "offer, auction" },
            { "const": "look_around" },
        ] });
        assert_eq!(answer(&schema, "I want to order a house"), "buy");
        assert_eq!(answer(&schema, "auctions and offers"), "sell");
        assert_eq!(answer(&schema, "let me look"), "look_around");
        // equal: the word that comes first
        assert_eq!(answer(&schema, "auction, or order?"), "sell");
        assert_eq!(answer(&schema, "nothing fits"), "buy");
        let with_default = json!({ "enum": ["a1", "b2"], "default": "b2" });
        assert_eq!(answer(&with_default, "nothing"), "b2");
    }

    #[test]
    fn fills_objects_from_the_text() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": { "type": "string", "maxLength": 12 },
                "colour": { "type": "string" },
                "count": { "type": "integer", "minimum": 1, "maximum": 9 },
                "share": { "type": "number" },
                "urgent": { "type": "boolean" },
                "terms": { "type": "array", "maxItems": 2,
                           "items": { "type": "string", "pattern": "^[a-z]{4,}$" } },
                "steps": { "type": "array", "items": { "$ref": "#/$defs/step" } },
                "tags": { "type": "array", "items": { "enum": ["red", "green", "blue"] } },
            },
            "required": ["title", "colour", "count", "steps"],
            "additionalProperties": false,
            "$defs": { "step": {
                "type": "object",
                "properties": { "what": { "type": "string" } },
                "required": ["what"],
            } },
        });
        let text = "Paint the fence urgently\ncolour: blue and green\n\n- buy 3 cans\n2. paint\n";
        assert_eq!(
            answer(&schema, text),
            json!({
                "title": "Paint the fe", "colour": "blue and green", "count": 3, "share": 3.0, "urgent": true,
                "terms": ["urgently", "colour"],
                "steps": [{ "what": "buy 3 cans" }, { "what": "paint" }], "tags": ["green", "blue"],
            })
        );
        let empty = answer(&schema, "");
        assert_eq!(empty["steps"], json!([{ "what": "" }]));
        assert_eq!(empty["count"], 1);
    }

    #[test]
    fn deep_and_foreign_schemas_are_refused() {
        let recursive = json!({ "$defs": { "a": { "properties": { "b": { "$ref": "#/$defs/a" } } } },
                                "$ref": "#/$defs/a" });
        assert!(value_for(&recursive, &Material::new("x")).is_err());
        assert!(value_for(&json!({ "$ref": "https://x/y" }), &Material::new("x")).is_err());
        assert!(value_for(&json!({ "$ref": "#" }), &Material::new("x")).is_ok());
    }

    #[test]
    fn excerpts_are_parts_of_the_text() {
        let text = "Which engine is used?\n\nThe car is red.\n\nThe engine is a V8.\n\nEngines are loud.";
        assert_eq!(excerpt(&Material::new(text)), "The engine is a V8.\n\nEngines are loud.");
        assert_eq!(excerpt(&Material::new("Only this")), "Only this");
        assert_eq!(excerpt(&Material::new("Q?\n\nFirst.\n\nSecond.")), "First.");
        assert_eq!(excerpt(&Material::new("")), "");
    }
}
