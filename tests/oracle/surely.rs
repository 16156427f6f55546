//! What the compiler takes for sure is sure: an output that it accepts has its value in every run that succeeds, whatever
//! calls and people come to.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::plans::drive::Random;
use super::told::{Answer, Person, World};
use super::{answer, engine, generate, person, shrink};

const GRAPHS: u64 = 120;
const WORLDS: u64 = 6;

/// The graph with these outputs and no others: each is a node's whole output, without a guard.
fn with_outputs(graph: &Json, nodes: &[String]) -> Json {
    let mut graph = graph.clone();
    let outputs = nodes.iter().map(|id| (format!("all_{id}"), json!(format!("{{{{ nodes.{id}.output }}}}"))));
    graph["outputs"] = outputs.collect();
    graph
}

#[test]
fn an_output_that_is_accepted_is_there_in_every_run_that_succeeds() {
    let (mut sure, mut unsure, mut succeeded) = (0, 0, 0);
    for seed in 1..=GRAPHS {
        let graph = generate::graph(&format!("g{seed}"), &mut Random(seed));
        let all: Vec<String> = graph["nodes"].as_object().unwrap().keys().cloned().collect();
        let count = all.len();
        let is_accepted = |id: &String| {
            engine::compile(&with_outputs(&graph, std::slice::from_ref(id)).to_string()).is_ok()
        };
        let accepted: Vec<String> = all.into_iter().filter(is_accepted).collect();
        sure += accepted.len();
        unsure += count - accepted.len();
        let whole = with_outputs(&graph, &accepted);
        let plan = engine::compile(&whole.to_string()).unwrap_or_else(|found| {
            panic!("seed {seed}: together they are refused: {found:#?}\n{}", shrink::graph_file(&whole))
        });
        for world in 0..WORLDS {
            let call = |key: &str, input: &Json| match world {
                // one in which everything goes well
                0 => Answer::Output(json!({ "exit_code": 0, "stdout": "x" })),
                world => answer(&format!("{world} {key}"), input),
            };
            let says = |node: &str| match world {
                0 => Person::Approves,
                world => person(&format!("{world} {node}")),
            };
            let outside = World { call: &call, person: &says, withdrawn: &BTreeMap::new() };
            let ran = engine::run(&plan, &outside, world).unwrap();
            let error =
                ran.summary.error.as_ref().map(|error| (error.node.clone(), error.error.kind.to_string()));
            succeeded += u32::from(error.is_none());
            assert!(
                error != Some((None, "expression".to_owned())),
                "seed {seed}, world {world}: {:?}\n{}",
                ran.summary.error,
                shrink::graph_file(&whole)
            );
        }
    }
    // the graphs are worth something
    assert!(
        sure > 60 && unsure > 60 && succeeded > 60,
        "{sure} sure, {unsure} not, {succeeded} runs succeeded"
    );
}

/// The graph with one node more, which reads all of another one's output and follows it by one or two edges.
fn with_reader(graph: &Json, random: &mut Random) -> Json {
    let mut graph = graph.clone();
    let ids: Vec<String> = graph["nodes"].as_object().unwrap().keys().cloned().collect();
    let read = &ids[random.below(ids.len() as u64) as usize];
    graph["nodes"]["seen"] = json!({
        "uses": "exec",
        "with": { "argv": ["seen", format!("{{{{ nodes.{read}.output | tojson }}}}")] },
    });
    for _ in 0..=random.below(2) {
        let other = &ids[random.below(ids.len() as u64) as usize];
        let from = if random.chance(80) { read } else { other };
        let mut edge = json!({ "from": from, "to": "seen" });
        let caught = [
            json!(["expression"]),
            json!(["exhausted"]),
            json!(["exhausted", "expression"]),
            json!(["any", "exhausted"]),
        ];
        if let Some(kinds) = caught.get(random.below(7) as usize) {
            edge["catch"] = kinds.clone();
        }
        graph["edges"].as_array_mut().unwrap().push(edge);
    }
    graph["outputs"] = json!({});
    graph
}

#[test]
fn an_output_that_a_node_is_accepted_to_read_is_there_whenever_it_runs() {
    let (mut accepted, mut refused, mut read) = (0, 0, 0);
    for seed in 1..=5 * GRAPHS {
        let random = &mut Random(seed ^ 0x5eed);
        let graph = with_reader(&generate::graph(&format!("g{seed}"), &mut Random(seed)), random);
        let plan = match engine::compile(&graph.to_string()) {
            Ok(plan) => plan,
            Err(found) => {
                refused += u32::from(found.iter().any(|found| found.contains("may be missing")));
                continue;
            }
        };
        accepted += 1;
        for world in 1..=WORLDS {
            let call = |key: &str, input: &Json| answer(&format!("{world} {key}"), input);
            let says = |node: &str| person(&format!("{world} {node}"));
            let outside = World { call: &call, person: &says, withdrawn: &BTreeMap::new() };
            let Some(ran) = engine::run(&plan, &outside, world) else { continue };
            read += u32::from(ran.calls.keys().any(|key| key.contains("/seen")));
            let error = ran.summary.nodes.get("seen").and_then(|seen| seen.error.as_ref());
            assert!(
                error.is_none_or(|error| error.kind.as_str() != "expression"),
                "seed {seed}, world {world}: {error:?}\n{}",
                shrink::graph_file(&graph)
            );
        }
    }
    // the graphs are worth something
    assert!(accepted > 60 && refused > 60 && read > 60, "{accepted} accepted, {refused} not, {read} read");
}

/// The graph with a channel that may be null, some nodes that write it, and one more that needs it.
fn with_nulls(graph: &Json, random: &mut Random) -> Json {
    let mut graph = graph.clone();
    let ids: Vec<String> = graph["nodes"].as_object().unwrap().keys().cloned().collect();
    let any = |random: &mut Random| ids[random.below(ids.len() as u64) as usize].clone();
    let start = [json!("x"), Json::Null][random.below(2) as usize].clone();
    graph["state"]["maybe"] = json!({ "type": ["string", "null"], "default": start, "reduce": "replace" });
    for _ in 0..=random.below(3) {
        let writer = any(random);
        let value = ["{{ none }}", "x"][random.below(2) as usize];
        if graph["nodes"][&writer]["uses"] != json!("fail") {
            graph["nodes"][&writer]["update"]["maybe"] = json!(value);
        }
    }
    graph["nodes"]["seen"] = json!({ "uses": "exec", "with": { "argv": ["seen", "{{ state.maybe }}!"] } });
    for _ in 0..=random.below(3) {
        let mut edge = json!({ "from": any(random), "to": "seen" });
        match random.below(6) {
            0 => edge["catch"] = json!(["any"]),
            1 => edge["catch"] = json!(["exhausted"]),
            2 => edge["otherwise"] = json!(true),
            _ => {}
        }
        graph["edges"].as_array_mut().unwrap().push(edge);
    }
    if random.chance(30) {
        graph["nodes"]["seen"]["join"] = json!("all");
    }
    graph["outputs"] = json!({});
    graph
}

/// The graphs of these seeds are taken, and fail: their reader sees what was written on another way, which ended before it came to where
/// the reader's way begins. What is known does not follow that in each case (decision 0316).
const NOT_KNOWN: &[u64] = &[256, 744];

#[test]
fn a_channel_that_a_node_is_accepted_to_need_is_there_whenever_it_runs() {
    let (mut accepted, mut refused, mut read) = (0, 0, 0);
    let mut missed: BTreeMap<u64, String> = BTreeMap::new();
    for seed in 1..=10 * GRAPHS {
        let random = &mut Random(seed ^ 0x0ff);
        let graph = with_nulls(&generate::graph(&format!("g{seed}"), &mut Random(seed)), random);
        let plan = match engine::compile(&graph.to_string()) {
            Ok(plan) => plan,
            Err(found) => {
                refused += u32::from(found.iter().any(|found| found.contains("may be null")));
                continue;
            }
        };
        accepted += 1;
        for world in 1..=WORLDS {
            let call = |key: &str, input: &Json| answer(&format!("{world} {key}"), input);
            let says = |node: &str| person(&format!("{world} {node}"));
            let outside = World { call: &call, person: &says, withdrawn: &BTreeMap::new() };
            let Some(ran) = engine::run(&plan, &outside, world) else { continue };
            read += u32::from(ran.calls.keys().any(|key| key.contains("/seen")));
            let error = ran.summary.nodes.get("seen").and_then(|seen| seen.error.as_ref());
            if error.is_some_and(|error| error.kind.as_str() == "expression") {
                missed.insert(seed, format!("world {world}: {error:?}\n{}", shrink::graph_file(&graph)));
            }
        }
    }
    let seeds: Vec<u64> = missed.keys().copied().collect();
    assert_eq!(seeds, NOT_KNOWN, "{missed:#?}");
    // the graphs are worth something
    assert!(accepted > 60 && refused > 60 && read > 60, "{accepted} accepted, {refused} not, {read} read");
}
