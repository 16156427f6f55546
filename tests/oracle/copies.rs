//! What the compiler takes for sure of channels that are copied from each other, written by items, asked about on edges, and carried
//! by loops with several edges: it is so in every run.
//!
//! `LGFLOW_SEED` begins at another seed.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::plans::drive::Random;
use super::told::World;
use super::{answer, engine, generate, person, shrink};

const GRAPHS: u64 = 400;
const WORLDS: u64 = 6;

/// The graph with two channels that may be null, nodes that write and copy them, edges that ask about them, and one node more.
fn with_copies(graph: &Json, random: &mut Random) -> Json {
    let mut graph = graph.clone();
    let ids: Vec<String> = graph["nodes"].as_object().unwrap().keys().cloned().collect();
    let any = |random: &mut Random| ids[random.below(ids.len() as u64) as usize].clone();
    for channel in ["one", "two"] {
        let start = if random.chance(75) { json!("x") } else { Json::Null };
        graph["state"][channel] =
            json!({ "type": ["string", "null"], "default": start, "reduce": "replace" });
    }
    for _ in 0..2 + random.below(4) {
        let writer = any(random);
        let values = ["{{ none }}", "x", "{{ state.one }}", "{{ state.two }}"];
        let value = values[random.below(4) as usize];
        let to = ["one", "two"][random.below(2) as usize];
        if graph["nodes"][&writer]["uses"] != json!("fail") {
            graph["nodes"][&writer]["update"][to] = json!(value);
        }
    }
    let edges = graph["edges"].as_array_mut().unwrap();
    for edge in edges.iter_mut().filter(|edge| edge.is_object()) {
        let bare = edge.get("when").is_none() && edge.get("otherwise").is_none();
        if bare && random.chance(15) {
            edge["when"] = json!("state.one is not none");
        }
    }
    for _ in 0..=random.below(3) {
        let mut edge = json!({ "from": any(random), "to": "seen" });
        let caught =
            [json!(["any"]), json!(["exhausted"]), json!(["any", "exhausted"]), json!(["exit", "exhausted"])];
        match random.below(10) {
            at @ 0..=3 => edge["catch"] = caught[at as usize].clone(),
            4 => edge["otherwise"] = json!(true),
            5 => edge["when"] = json!("state.one is not none"),
            _ => {}
        }
        edges.push(edge);
    }
    graph["nodes"]["seen"] = json!({ "uses": "exec", "with": { "argv": ["seen"] } });
    if random.chance(40) {
        graph["nodes"]["seen"]["join"] = json!("all");
    }
    graph["outputs"] = json!({});
    graph
}

/// What the last node is given.
fn reading(graph: &Json, text: &str) -> Json {
    let mut graph = graph.clone();
    graph["nodes"]["seen"]["with"]["argv"] = json!(["seen", text]);
    graph
}

/// In which of some worlds the node fails, for it has read null; and in how many it runs.
fn fails(graph: &engine::Compiled) -> (Option<u64>, u32) {
    let (mut failed, mut read) = (None, 0);
    for world in 1..=WORLDS {
        let call = |key: &str, input: &Json| answer(&format!("{world} {key}"), input);
        let says = |node: &str| person(&format!("{world} {node}"));
        let outside = World { call: &call, person: &says, withdrawn: &BTreeMap::new() };
        let Some(ran) = engine::run(graph, &outside, world) else { continue };
        read += u32::from(ran.calls.keys().any(|key| key.contains("/seen")));
        let error = ran.summary.nodes.get("seen").and_then(|seen| seen.error.as_ref());
        if error.is_some_and(|error| error.kind.as_str() == "expression") {
            failed = failed.or(Some(world));
        }
    }
    (failed, read)
}

/// The graphs of these seeds, of the first 2,400, are taken, and fail: what is written on another way, which leads nowhere then, is not
/// followed (decision 0316).
const NOT_KNOWN: &[u64] = &[1245, 1591, 1897];

#[test]
fn a_channel_that_is_copied_and_asked_about_is_there_surely_where_a_node_needs_it() {
    let first = std::env::var("LGFLOW_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut accepted, mut refused, mut rightly, mut read) = (0, 0, 0, 0);
    let mut missed: BTreeMap<u64, String> = BTreeMap::new();
    for seed in first..first + GRAPHS {
        let random = &mut Random(seed ^ 0xc0_91e5);
        let graph = with_copies(&generate::graph(&format!("g{seed}"), &mut Random(seed)), random);
        let strict = reading(&graph, "{{ state.one }}!");
        match engine::compile(&strict.to_string()) {
            Ok(plan) => {
                accepted += 1;
                let (failed, seen) = fails(&plan);
                read += seen;
                if let Some(world) = failed {
                    missed.insert(seed, format!("world {world}\n{}", shrink::graph_file(&strict)));
                }
            }
            Err(found) if found.iter().any(|found| found.contains("may be null")) => {
                refused += 1;
                // the same expression in any case, where nothing is known of the value
                let late = reading(
                    &graph,
                    "{{ ((state.list | tojson) | int | string) if state.one is none else 'x' }}",
                );
                let late = engine::compile(&late.to_string());
                rightly += u32::from(late.is_ok_and(|plan| fails(&plan).0.is_some()));
            }
            Err(_) => {}
        }
    }
    println!("{first}: {accepted} accepted, {read} read, {refused} refused, {rightly} of these fail");
    let seeds: Vec<u64> = missed.keys().copied().collect();
    let tried = first..first + GRAPHS;
    let not_known: Vec<u64> = NOT_KNOWN.iter().copied().filter(|seed| tried.contains(seed)).collect();
    assert_eq!(seeds, not_known, "{}", missed.values().next().map_or("", String::as_str));
    // the graphs are worth something
    assert!(
        accepted > 60 && refused > 20 && rightly > 2 && read > 60,
        "{accepted} accepted, {refused} not, {read} read"
    );
}
