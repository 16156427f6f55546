//! Each published schema is a schema: valid against the meta-schema, every keyword known, every reference local and
//! leading somewhere, every word that an editor shows described.

use lgflow::schema::{Validator, call_input, document, names, tool_input, tool_names, tool_output};
use serde_json::Value;

use crate::keywords::{under, walk};

/// An annotation of ours: the parameter must be known before the run.
const LITERAL: &str = "x-literal";

/// Conditions narrow properties that are declared and described elsewhere.
const CONDITIONS: [&str; 8] =
    ["/if", "/then", "/else", "/not", "/allOf", "/anyOf", "/oneOf", "/dependentSchemas"];

fn all() -> Vec<(String, Value)> {
    let documents = names().map(|name| (name.to_owned(), document(name).unwrap()));
    let inputs = tool_names().map(|name| (format!("tools/{name}.input"), tool_input(name).unwrap()));
    let outputs = tool_names().map(|name| (format!("tools/{name}.output"), tool_output(name).unwrap()));
    let call = [("tools/llm.call".to_owned(), call_input("llm").unwrap())];
    let texts = documents.chain(inputs).chain(outputs).chain(call);
    texts.map(|(name, text)| (name, serde_json::from_str(text).unwrap())).collect()
}

#[test]
fn every_file_is_published_and_every_name_is_known() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    // the description of the service stands beside them, and is held by its own tests
    for (sub, count) in [("", names().count() + 1), ("tools", 2 * tool_names().count() + 1)] {
        let entries = std::fs::read_dir(folder.join(sub)).unwrap();
        let files = entries.filter(|entry| entry.as_ref().unwrap().path().is_file()).count();
        assert_eq!(files, count, "files in schemas/{sub} that nothing embeds, or the reverse");
    }
    let kinds: Vec<&str> = lgflow::model::Uses::ALL.into_iter().map(lgflow::model::Uses::as_str).collect();
    assert_eq!(tool_names().collect::<Vec<_>>(), kinds);
}

#[test]
fn every_schema_is_valid_and_knows_its_keywords() {
    for (name, schema) in all() {
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            panic!("{name}: {error} at {}", error.instance_path());
        }
        Validator::new(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(schema["$id"].as_str().unwrap().starts_with("https://lgflow.dev/schemas/"), "{name}");
        walk(&schema, "", &mut |at, part| {
            for (keyword, value) in part.as_object().into_iter().flatten() {
                assert!(under(keyword).is_some() || keyword == LITERAL, "{name}: `{keyword}` at {at}");
                if keyword == "$ref" {
                    let target = value.as_str().and_then(|target| target.strip_prefix('#'));
                    let found = target.and_then(|target| schema.pointer(target));
                    assert!(found.is_some(), "{name}: {value} at {at} leads nowhere");
                }
                if let ("pattern", Some(pattern)) = (keyword.as_str(), value.as_str()) {
                    assert!(regex::Regex::new(pattern).is_ok(), "{name}: `{pattern}` at {at}");
                }
            }
        });
    }
}

#[test]
fn required_names_are_properties() {
    for (name, schema) in all() {
        walk(&schema, "", &mut |at, part| {
            if CONDITIONS.iter().any(|step| at.contains(step)) {
                return;
            }
            let (Some(required), Some(properties)) = (part.get("required"), part.get("properties")) else {
                return;
            };
            for key in required.as_array().unwrap() {
                let key = key.as_str().unwrap();
                assert!(properties.get(key).is_some(), "{name}: `{key}` is required at {at} and no property");
            }
        });
    }
}

/// The places whose descriptions an editor shows when the cursor stands on a key.
#[test]
fn every_property_is_described() {
    for (name, schema) in all() {
        let mut bare = Vec::new();
        walk(&schema, "", &mut |at, part| {
            if CONDITIONS.iter().any(|step| at.contains(step)) || at.starts_with("/$defs/requirements") {
                return;
            }
            for (key, property) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let target =
                    property.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
                let referred = target.and_then(|target| schema.pointer(target));
                let described = |schema: &Value| schema.get("description").is_some();
                if property.is_object() && !described(property) && !referred.is_some_and(described) {
                    bare.push(format!("{at}/{key}"));
                }
            }
        });
        bare.retain(|at| !at.contains("/$defs/defaults/"));
        assert!(bare.is_empty(), "{name}: no description at {bare:?}");
    }
}

#[test]
fn parameters_of_the_model_and_of_the_schemas_are_the_same() {
    for uses in lgflow::model::Uses::ALL {
        let schema: Value = serde_json::from_str(tool_input(uses.as_str()).unwrap()).unwrap();
        let parameters = uses.parameters();
        let Some(names) = parameters.names else {
            assert_ne!(schema["additionalProperties"], false, "{}", uses.as_str());
            continue;
        };
        let mut names = names.to_vec();
        names.sort_unstable();
        let mut properties: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        properties.sort_unstable();
        assert_eq!(names, properties, "{}", uses.as_str());
        assert_eq!(schema["additionalProperties"], false, "{}", uses.as_str());
        let mut required: Vec<Vec<&str>> = parameters.required.iter().map(|group| group.to_vec()).collect();
        let strings = |list: &Value| -> Vec<String> {
            list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let single = strings(&schema["required"]).into_iter().map(|name| vec![name]);
        let either: Vec<String> = schema["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|one| strings(&one["required"]))
            .collect();
        let mut wanted: Vec<Vec<String>> = single.chain((!either.is_empty()).then_some(either)).collect();
        required.sort();
        wanted.sort();
        assert_eq!(required, wanted, "{}", uses.as_str());
    }
}

#[test]
fn a_parsed_report_is_a_verifier_report() {
    let strip = |text: &str| {
        let mut schema: Value = serde_json::from_str(text).unwrap();
        let map = schema.as_object_mut().unwrap();
        map.remove("$id");
        map.remove("title");
        schema
    };
    assert_eq!(strip(document("verifier-report").unwrap()), strip(tool_output("parse_report").unwrap()));
}
