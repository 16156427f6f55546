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
