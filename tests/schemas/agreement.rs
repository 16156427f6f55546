//! Random documents, and random changes to them: schema and decoder give the same verdict.

use lgflow::schema::document;
use serde_json::Value;

use crate::generator::{Generator, Random, mutate};
use crate::verdict::{decode_graph_json, decode_policy_json, decode_tests_json, validator};

const DOCUMENTS: u64 = 600;
const MUTATIONS: usize = 4;

/// Strings that fit each pattern of the graph's schema.
const GRAPH_SAMPLES: &[(&str, &[&str])] = &[
    ("^[a-z][a-z0-9_]*$", &["a", "plan", "test_1", "b2"]),
    ("^[a-z][a-z0-9_-]*$", &["a", "fix-tests"]),
    (
        "^[ \\t\\n\\f\\r]*[^ \\t\\n\\f\\r>]+([ \\t\\n\\f\\r]*->[ \\t\\n\\f\\r]*[^ \\t\\n\\f\\r>]+)+[ \\t\\n\\f\\r]*$",
        &["a -> b", "a -> plan -> b2", "a->b"],
    ),
    ("^#(/\\$defs/[^/]+)?$", &["#"]),
    (
        "^([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$",
        &["90s", "10m", "1h30m", "500ms", "0s"],
    ),
    ("^([0-9]{1,15}B|[0-9]{1,6}(KiB|MiB|GiB|TiB))$", &["0B", "10MiB", "64KiB"]),
    ("\\{\\{|\\{%", &["{{ inputs.a }}", "a {{ b }} c", "{% if a %}b{% endif %}"]),
    (r"^([^{]|\{[^{%#])*\{?$", &["approve", "stop", "a {b} c", "{"]),
    ("^sha256:[0-9a-f]{64}$", &["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]),
    ("^any$", &["any"]),
    ("^[A-Za-z_][A-Za-z0-9_]*$", &["PATH"]),
];

/// What a JSON Schema cannot say of the schemas that stand in a document: that a pattern is a regular expression,
/// that a reference leads somewhere. Documents with such a fault are left out.
fn beyond_a_schema(document: &Value) -> bool {
    match document {
        Value::Object(map) => map.iter().any(|(key, value)| {
            let bad_pattern =
                key == "pattern" && value.as_str().is_some_and(|text| regex::Regex::new(text).is_err());
            let reference = key == "$ref" && value.as_str().is_some_and(|text| text != "#");
            let bad_name = key == "patternProperties"
                && value.as_object().into_iter().flatten().any(|(name, _)| regex::Regex::new(name).is_err());
            bad_pattern || reference || bad_name || beyond_a_schema(value)
        }),
        Value::Array(items) => items.iter().any(beyond_a_schema),
        _ => false,
    }
}

#[test]
fn graphs() {
    agree("graph", GRAPH_SAMPLES, decode_graph_json);
}

/// Strings that fit each pattern of the policy's schema.
const POLICY_SAMPLES: &[(&str, &[&str])] = &[
    (
        "^([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$",
        &["90s", "10m", "1h30m", "500ms"],
    ),
    ("^([0-9]{1,15}B|[0-9]{1,6}(KiB|MiB|GiB|TiB))$", &["0B", "10MiB", "64KiB"]),
    ("^[A-Za-z_][A-Za-z0-9_]*$", &["RUST_LOG", "CI"]),
    (
        "^(user|workspace|exec|llm|http|mcp|any|(workspace|llm|http|mcp):[\\s\\S]+)$",
        &["llm", "any", "workspace:src/**", "http:https://a.example:443"],
    ),
    (
        "^(code|network|(read_file|list_files|search_files|repo_context|workspace_diff|apply_patch|rollback|exec|http|llm|mcp)(\\.[a-z_]+)?)$",
        &["code", "network", "exec.argv", "apply_patch"],
    ),
    ("^[A-Za-z0-9_+][A-Za-z0-9._+-]*$", &["cargo", "g++", "python3.12"]),
    (
        "^https?://[a-z0-9.*\\[\\]:-]+:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
        &["https://api.example.com:443", "http://[::1]:8080", "https://*.example.com:65535"],
    ),
    ("^(local$|ed25519:[\\s\\S])", &["ed25519:AAAA", "local"]),
];

/// What a JSON Schema cannot say of a policy, by the decoder's words for it.
const BEYOND_A_POLICY_SCHEMA: [&str; 4] = [
    "two commands are named",
    "is any tail, and something follows it",
    "and `servers` does not",
    "is a variable that only the runner sets",
];

#[test]
fn policies() {
    let decode = |document: &Value| {
        let mut found = decode_policy_json(document);
        found.retain(|message| !BEYOND_A_POLICY_SCHEMA.iter().any(|words| message.contains(words)));
        found
    };
    agree("policy", POLICY_SAMPLES, decode);
}

/// Strings that fit each pattern of the schema of graph tests.
const TEST_SAMPLES: &[(&str, &[&str])] = &[("^[a-z][a-z0-9_]*$", &["timeout", "my_own"])];

#[test]
fn graph_tests() {
    agree("test", TEST_SAMPLES, decode_tests_json);
}

fn agree(
    name: &str,
    samples: &[(&'static str, &'static [&'static str])],
    decode: impl Fn(&Value) -> Vec<String>,
) {
    let schema: Value = serde_json::from_str(document(name).unwrap()).unwrap();
    let validator = validator(name);
    let mut generator = Generator::new(&schema, samples);
    let (mut accepted, mut refused) = (0, 0);
    let mut compare = |document: &Value| {
        if beyond_a_schema(document) {
            return;
        }
        let said: Vec<String> = validator.errors(document).iter().map(ToString::to_string).collect();
        let decoded = decode(document);
        assert_eq!(
            said.is_empty(),
            decoded.is_empty(),
            "schema: {said:#?}\ndecoder: {decoded:#?}\n{}",
            serde_json::to_string_pretty(document).unwrap()
        );
        if said.is_empty() { accepted += 1 } else { refused += 1 }
    };
    for seed in 0..DOCUMENTS {
        let mut random = Random::new(seed);
        let document = generator.document(&mut random);
        compare(&document);
        for _ in 0..MUTATIONS {
            let mut changed = document.clone();
            mutate(&mut changed, &mut random);
            compare(&changed);
        }
    }
    assert!(accepted > 500 && refused > 500, "{accepted} accepted, {refused} refused");
}
