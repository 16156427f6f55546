//! What the schema says of a document, and what the decoder says.

use std::sync::LazyLock;

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, parse};
use lgflow::model::graph_test::decode_graph_tests;
use lgflow::model::policy::decode_policy;
use lgflow::model::{Graph, SubgraphSource, decode_graph};
use lgflow::schema::{Validator, check_parameters, document};
use lgflow::source::Sources;
use serde_json::Value;

pub fn validator(name: &str) -> Validator {
    Validator::new(&serde_json::from_str(document(name).unwrap()).unwrap()).unwrap()
}

pub static GRAPH: LazyLock<Validator> = LazyLock::new(|| validator("graph"));

/// What is said of a graph while it is decoded, the values of its parameters included.
pub fn decode(text: &str, syntax: Syntax) -> (Option<Graph>, Diagnostics) {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add("graph", text);
    let Some(parsed) = parse(&sources, file, syntax, &Limits::default(), &mut found) else {
        return (None, found);
    };
    let graph = decode_graph(&parsed, &mut found);
    if let Some(graph) = &graph {
        parameters(graph, &mut found);
    }
    (graph, found)
}

fn parameters(graph: &Graph, found: &mut Diagnostics) {
    for defaults in &graph.defaults {
        let fields = defaults.with.iter().map(|field| (&field.name, &field.value));
        check_parameters(defaults.uses.value.as_str(), fields, found);
    }
    for node in &graph.nodes {
        let Some(uses) = &node.uses else { continue };
        check_parameters(
            uses.value.as_str(),
            node.with.iter().map(|field| (&field.name, &field.value)),
            found,
        );
    }
    for subgraph in &graph.graphs {
        if let SubgraphSource::Inline(graph) = &subgraph.source {
            parameters(graph, found);
        }
    }
}

/// What the decoder says of a graph that is given as JSON.
pub fn decode_graph_json(value: &Value) -> Vec<String> {
    messages(&decode(&serde_json::to_string_pretty(value).unwrap(), Syntax::Json).1)
}

/// What the decoder says of a policy that is given as JSON.
pub fn decode_policy_json(value: &Value) -> Vec<String> {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add("policy", serde_json::to_string_pretty(value).unwrap());
    if let Some(parsed) = parse(&sources, file, Syntax::Json, &Limits::default(), &mut found) {
        decode_policy(&parsed.tree, &parsed.damage, &mut found);
    }
    messages(&found)
}

/// What the decoder says of a file of graph tests that is given as JSON.
pub fn decode_tests_json(value: &Value) -> Vec<String> {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add("tests", serde_json::to_string_pretty(value).unwrap());
    if let Some(parsed) = parse(&sources, file, Syntax::Json, &Limits::default(), &mut found) {
        decode_graph_tests(&parsed.tree, &parsed.damage, &mut found);
    }
    messages(&found)
}

fn messages(found: &Diagnostics) -> Vec<String> {
    found.iter().map(|found| found.message.clone()).collect()
}
