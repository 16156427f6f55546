//! The examples of `docs/known-before-the-run.md`, and those of `tests/known_before/`: what is `ok` has no finding, what `fails` has the
//! codes that it names and no other.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops where it is wrong"
)]

mod far_ways;

use std::fs;
use std::path::Path;

use lgflow::compile::{FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::schema::validate_value;
use lgflow::source::Sources;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{BoxedStrategy, Just, Strategy};
use proptest::test_runner::Config;
use proptest::{prop_assert, proptest};
use serde_json::{Value, json};

/// The codes of what is found in a graph.
fn codes(body: &str) -> Vec<String> {
    codes_of("g.yaml", format!("schema: lgflow.graph/v1\nname: example\n{body}"))
}

/// The codes of what is found in a file.
fn codes_of(name: &str, text: String) -> Vec<String> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let root = Root { path: RelPath::parse(name).unwrap(), name: name.into(), bytes: text.into_bytes() };
    let mut load = |_: &FileRef| Err(LoadProblem::new("nothing is named"));
    check_files(vec![root], &mut load, &mut sources, &mut found);
    found.codes().iter().map(ToString::to_string).collect()
}

/// An example: the heading that it stands under, the codes that are found in it, in order, and the graph.
struct Example {
    heading: String,
    expected: Vec<String>,
    body: String,
}

/// The examples of a page: what stands behind ```` ```yaml ok ```` or ```` ```yaml fails CODE … ````.
fn examples(path: &Path) -> Vec<Example> {
    let page = fs::read_to_string(path).unwrap();
    let (mut examples, mut heading) = (Vec::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix('#') {
            text.trim_start_matches('#').trim().clone_into(&mut heading);
        }
        let Some(head) = line.strip_prefix("```yaml ") else { continue };
        let expected = match head.split_once(' ') {
            Some(("fails", codes)) => codes.split(' ').map(str::to_owned).collect(),
            _ => {
                assert_eq!(head, "ok", "{}: an example is `ok`, or `fails CODE`", path.display());
                Vec::new()
            }
        };
        let body = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .fold(String::new(), |body, line| body + line + "\n");
        examples.push(Example { heading: heading.clone(), expected, body });
    }
    examples
}

/// The examples of the page for users.
fn of_the_page() -> Vec<Example> {
    examples(Path::new("docs/known-before-the-run.md"))
}

/// The examples of the pages beside this test: each was once judged otherwise.
fn of_the_tests() -> Vec<Example> {
    let mut pages: Vec<_> =
        fs::read_dir("tests/known_before").unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages.iter().flat_map(|page| examples(page)).collect()
}

/// Those of the examples in which something else is found than they say.
fn wrong(examples: &[Example]) -> Vec<String> {
    let wrong = examples.iter().map(|example| (example, codes(&example.body)));
    wrong
        .filter(|(example, found)| *found != example.expected)
        .map(|(Example { heading, expected, body }, found)| {
            format!("{heading}: {found:?} and not {expected:?}\n{body}")
        })
        .collect()
}

#[test]
fn every_example_is_what_it_says() {
    let examples = of_the_page();
    assert!(examples.len() >= 26, "{} examples", examples.len());
    let wrong = wrong(&examples);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_known_of_a_shape_holds_for_each_graph_that_has_it() {
    let examples = of_the_tests();
    assert!(examples.len() >= 85, "{} examples", examples.len());
    let wrong = wrong(&examples);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_more_is_told_of_a_graph_that_is_drawn_out() {
    let (mut drawn, mut wrong) = (0, Vec::new());
    for Example { body, .. } in of_the_page().into_iter().chain(of_the_tests()) {
        let short = codes(&body);
        let longs = [far_ways::behind(&body), far_ways::drawn_out(&body)];
        for (how, text) in longs.into_iter().enumerate() {
            let Some(text) = text else { continue };
            let long = codes_of("g.json", text);
            drawn += 1;
            if !far_ways::says_no_more(&long, &short) {
                let how = ["behind a long way", "with long ways in it"][how];
                wrong.push(format!("{how}: {long:?}, and {short:?} of the short one\n{body}"));
            }
        }
    }
    assert!(drawn > 100, "{drawn} graphs were drawn out");
    assert!(wrong.is_empty(), "{} of {drawn}:\n{}", wrong.len(), wrong.join("\n"));
}

/// One bound of a schema as likely as not to hold of small values.
fn bound(reduce: &str) -> BoxedStrategy<(String, Value)> {
    let words: &[(&str, Value)] = match reduce {
        "sum" => &[
            ("minimum", json!(0)),
            ("minimum", json!(-2)),
            ("maximum", json!(4)),
            ("maximum", json!(0)),
            ("exclusiveMinimum", json!(-1)),
            ("exclusiveMaximum", json!(3)),
            ("multipleOf", json!(2)),
            ("multipleOf", json!(0.5)),
            ("enum", json!([0, 2])),
            ("not", json!({ "const": 4 })),
        ],
        "merge" => &[
            ("required", json!(["a"])),
            ("minProperties", json!(1)),
            ("maxProperties", json!(1)),
            ("additionalProperties", json!({ "maximum": 2 })),
            ("properties", json!({ "a": { "minimum": 1 } })),
            ("propertyNames", json!({ "pattern": "^[ab]$" })),
            ("dependentRequired", json!({ "b": ["a"] })),
            ("oneOf", json!([{ "required": ["a"] }, { "required": ["b"] }])),
        ],
        _ => &[
            ("items", json!({ "maximum": 2 })),
            ("minItems", json!(1)),
            ("maxItems", json!(2)),
            ("uniqueItems", json!(true)),
            ("uniqueItems", json!(false)),
            ("contains", json!({ "const": 1 })),
            ("prefixItems", json!([{ "const": 1 }])),
            ("allOf", json!([{ "maxItems": 2 }])),
        ],
    };
    let owned: Vec<(String, Value)> =
        words.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    select(owned).boxed()
}

/// A value of the kind that a channel holds.
fn held(reduce: &str) -> BoxedStrategy<Value> {
    let number = -3..4_i64;
    match reduce {
        "sum" => number.prop_map(Value::from).boxed(),
        "merge" => {
            let entry = (select(vec!["a", "b", "c"]), number);
            vec(entry, 0..3)
                .prop_map(|entries| {
                    entries.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
                })
                .boxed()
        }
        _ => vec(number, 0..3).prop_map(Value::from).boxed(),
    }
}

/// A channel: how it folds, its schema and its start; and what is written to it.
fn channel() -> impl Strategy<Value = (String, Value, Value, Vec<Value>)> {
    select(vec!["append", "extend", "merge", "sum"]).prop_flat_map(|reduce| {
        let write = if reduce == "append" { (-3..4_i64).prop_map(Value::from).boxed() } else { held(reduce) };
        (Just(reduce.to_owned()), vec(bound(reduce), 0..3), held(reduce), vec(write, 1..4)).prop_map(
            |(reduce, bounds, start, writes)| {
                let kind = match reduce.as_str() {
                    "sum" => "integer",
                    "merge" => "object",
                    _ => "array",
                };
                let mut schema = Value::Object(bounds.into_iter().collect());
                schema["type"] = json!(kind);
                (reduce, schema, start, writes)
            },
        )
    })
}

fn folded(reduce: &str, held: Value, write: &Value) -> Value {
    match (reduce, held, write) {
        ("sum", held, write) => json!(held.as_i64().unwrap() + write.as_i64().unwrap()),
        ("merge", Value::Object(mut held), Value::Object(write)) => {
            held.extend(write.clone());
            Value::Object(held)
        }
        ("extend", Value::Array(held), Value::Array(write)) => [held, write.clone()].concat().into(),
        (_, Value::Array(held), write) => [held, vec![write.clone()]].concat().into(),
        (_, held, _) => held,
    }
}

proptest! {
    #![proptest_config(Config { cases: 3000, ..Config::default() })]

    /// What may stand in the schema of a channel that folds holds of what it holds, whatever is written in whatever order.
    #[test]
    fn what_a_channel_may_say_is_kept_by_folding((reduce, schema, start, writes) in channel()) {
        let holds = |schema: &Value, value: &Value| validate_value(schema, value).is_empty();
        let mut declared = schema.clone();
        declared["reduce"] = json!(reduce);
        declared["default"] = start.clone();
        let graph = json!({ "state": { "c": declared }, "nodes": { "a": { "uses": "values" } } });
        let found = codes(&format!("state: {}\nnodes: {}\n", graph["state"], graph["nodes"]));
        prop_assert!(found.iter().all(|code| code == "bad-value" || code == "bad-default"), "{found:?}: {graph}");
        if found.is_empty() {
            let anything = json!(true);
            let of_write = if reduce == "append" { schema.get("items").unwrap_or(&anything) } else { &schema };
            let mut value = start;
            for write in writes.iter().filter(|write| holds(of_write, write)) {
                value = folded(&reduce, value, write);
                prop_assert!(holds(&schema, &value), "{value} by {writes:?}: {graph}");
            }
        }
    }
}
