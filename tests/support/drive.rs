//! Runs a graph without processes and without a store: the interpreter is asked, the bench answers.

use std::path::Path;
use std::sync::Arc;

use lgflow::compile::CheckedRoot;
use lgflow::diag::Diagnostics;
use lgflow::interpret::{Effect, bind_inputs, next};
use lgflow::plan::Plan;
use lgflow::policy::Packs;
use lgflow::session::check_paths;
use lgflow::source::Sources;
use lgflow::trace::{
    CallOrder, CallOutcome, EventBody, GraphOutcome, RunStarted, RunState, RunStatus, apply,
};
use lgflow::view::diagnostics::compact;
use serde_json::Value;

use super::Bench;

/// The plan of a graph of this repository; what is wrong with it fails the test.
pub fn plan_of(file: &str) -> Arc<Plan> {
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let folders = check_paths(&[path], &Packs::default(), &mut sources, &mut diagnostics).unwrap();
    assert_eq!(diagnostics.iter().count(), 0, "{file}:\n{}", compact(&sources, &diagnostics));
    match &folders[0].roots[0].1 {
        CheckedRoot::Graph(plan) => Arc::clone(plan),
        other => panic!("{file}: {other:?}"),
    }
}

/// A finished run: its state, and the nodes that finished, in real order.
pub struct Run {
    pub state: RunState,
    pub finished: Vec<String>,
}

/// Runs a graph on a workspace until it is over.
pub fn run(bench: &Bench, root: &Path, plan: &Arc<Plan>, inputs: &Value) -> Run {
    let inputs = bind_inputs(plan, inputs.as_object().unwrap().clone()).expect("the inputs fit");
    let mut state = RunState::new("run", plan);
    let start = RunStarted { inputs: Arc::new(inputs), revision: None, facts: Arc::new(Value::Null) };
    apply(&mut state, &EventBody::RunStarted(Box::new(start))).unwrap();
    let mut finished = Vec::new();
    for _ in 0..10_000 {
        let requests = next(&state);
        if requests.is_empty() {
            return Run { state, finished };
        }
        let mut answers = Vec::new();
        for request in requests {
            if let EventBody::NodeFinished(done) = &request.record {
                finished.push(state.node_path(done.at));
            }
            apply(&mut state, &request.record).unwrap();
            if let Some(Effect::Call(call, order)) = request.effect {
                let CallOrder::Single(asked) = &*order else { panic!("no batch is expected") };
                let result = bench.call_at(root, &asked.tool, asked.input.clone());
                answers
                    .push(EventBody::CallFinished { call, outcome: Arc::new(CallOutcome::Single(result)) });
            }
        }
        for answer in answers {
            apply(&mut state, &answer).unwrap();
        }
    }
    panic!("the run does not end");
}

/// The output `report` of a run that succeeded.
pub fn report(run: &Run) -> String {
    match run.state.outcome() {
        Some((RunStatus::Succeeded, GraphOutcome::Succeeded(outputs))) => {
            outputs["report"].as_str().expect("the report is a text").to_owned()
        }
        other => panic!("{other:?}"),
    }
}
