//! The part of the graph's schema that follows from the schemas of the tools: what may stand under `with`, and what
//! must. An editor wants one file, so it is kept there; `LGFLOW_BLESS=1` writes it again.

use std::fs;
use std::path::PathBuf;

use lgflow::model::Uses;
use lgflow::schema::tool_input;
use serde_json::{Map, Value, json};

/// The first derived definition; all that follow it are derived as well.
const FIRST: &str = "    \"requirements\": {";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas/graph.schema.json")
}

#[test]
fn the_graph_schema_knows_the_parameters_of_the_tools() {
    let text = fs::read_to_string(path()).unwrap();
    let head = match text.find(FIRST) {
        Some(at) => text[..at].to_owned(),
        // not derived before: behind the last definition
        None => format!(
            "{},\n",
            text.trim_end().trim_end_matches('}').trim_end().trim_end_matches('}').trim_end()
        ),
    };
    let wanted = format!("{head}{}\n  }}\n}}\n", derived());
    if std::env::var_os("LGFLOW_BLESS").is_some() {
        fs::write(path(), &wanted).unwrap();
        return;
    }
    assert!(
        text == wanted,
        "schemas/graph.schema.json is behind schemas/tools/: run this test with LGFLOW_BLESS=1"
    );
}

/// The text of the derived definitions, as they stand under `$defs`.
fn derived() -> String {
    let mut definitions = vec![("requirements".to_owned(), json!({ "allOf": requirements() }))];
    for uses in Uses::ALL {
        let schema: Value = serde_json::from_str(tool_input(uses.as_str()).unwrap()).unwrap();
        definitions.push((format!("with_{}", uses.as_str()), with(uses, &schema)));
    }
    let texts = definitions.iter().map(|(name, schema)| {
        let text = serde_json::to_string_pretty(schema).unwrap().replace('\n', "\n    ");
        format!("    \"{name}\": {text}")
    });
    texts.collect::<Vec<_>>().join(",\n")
}

/// Parameters that a node must have, unless the defaults of its kind have them.
fn requirements() -> Vec<Value> {
    let mut all = Vec::new();
    for uses in Uses::ALL {
        for group in uses.parameters().required {
            let one_of: Vec<Value> = group.iter().map(|name| json!({ "required": [name] })).collect();
            let one_of = if one_of.len() == 1 { one_of[0].clone() } else { json!({ "anyOf": one_of }) };
            let has_them =
                |key: &str, with: &Value| json!({ "properties": { key: with }, "required": [key] });
            let defaults = has_them("defaults", &has_them(uses.as_str(), &has_them("with", &one_of)));
            let is_kind =
                json!({ "properties": { "uses": { "const": uses.as_str() } }, "required": ["uses"] });
            all.push(json!({
                "if": { "not": defaults },
                "then": { "properties": { "nodes": { "additionalProperties": {
                    "if": is_kind, "then": has_them("with", &one_of),
                } } } },
            }));
        }
    }
    all
}

/// What may stand under `with`: each parameter, or a template of it.
fn with(uses: Uses, schema: &Value) -> Value {
    let mut relaxed = relaxed(schema);
    let map = relaxed.as_object_mut().unwrap();
    for key in ["$schema", "$id", "title", "required", "oneOf"] {
        map.remove(key);
    }
    for group in uses.parameters().required.iter().filter(|group| group.len() > 1) {
        map.insert("not".to_owned(), json!({ "required": group }));
    }
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        for name in ["output_schema", "response"] {
            if let Some(property) = properties.get_mut(name) {
                let description = property["description"].clone();
                *property = json!({ "description": description, "$ref": "#/$defs/schema_or_file" });
            }
        }
    }
    relaxed
}

/// A schema whose parts accept templates.
fn relaxed(schema: &Value) -> Value {
    let Some(map) = schema.as_object() else { return schema.clone() };
    let mut out = Map::new();
    for (keyword, value) in map {
        let value = match keyword.as_str() {
            "properties" => {
                let each = value.as_object().unwrap().iter();
                Value::Object(each.map(|(name, part)| (name.clone(), or_template(part))).collect())
            }
            "items" | "additionalProperties" => or_template(value),
            "allOf" => Value::Array(value.as_array().unwrap().iter().map(relaxed).collect()),
            "then" => relaxed(value),
            _ => value.clone(),
        };
        out.insert(keyword.clone(), value);
    }
    let has = |word: &str| types(schema).contains(&word);
    if has("object") && !map.contains_key("additionalProperties") {
        out.insert("additionalProperties".to_owned(), json!({ "$ref": "#/$defs/data" }));
    }
    if has("array") && !map.contains_key("items") {
        out.insert("items".to_owned(), json!({ "$ref": "#/$defs/data" }));
    }
    Value::Object(out)
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A part of a schema, or a template in its place.
fn or_template(schema: &Value) -> Value {
    let Some(map) = schema.as_object() else { return schema.clone() };
    if map.contains_key("x-literal") {
        return schema.clone();
    }
    let kinds = types(schema);
    let conditions = ["enum", "const", "pattern", "maxLength", "not", "if", "properties"];
    if kinds.is_empty() && !conditions.iter().any(|word| map.contains_key(*word)) {
        let mut any = map.clone();
        any.insert("$ref".to_owned(), json!("#/$defs/data"));
        return Value::Object(any);
    }
    let free = ["enum", "const", "pattern", "maxLength", "not"].iter().all(|word| !map.contains_key(*word));
    if kinds.is_empty() || (kinds.contains(&"string") && free) {
        return relaxed(schema);
    }
    let mut inner = relaxed(schema);
    let mut outer = Map::new();
    let inner_map = inner.as_object_mut().unwrap();
    for annotation in ["description", "default"] {
        if let Some(value) = inner_map.remove(annotation) {
            outer.insert(annotation.to_owned(), value);
        }
    }
    outer.insert("anyOf".to_owned(), json!([inner, { "$ref": "#/$defs/template" }]));
    Value::Object(outer)
}
