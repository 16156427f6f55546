//! The shipped graph: what it compiles to, where it routes, and what it reports.

mod support;

use std::path::Path;

use lgflow::trace::RunStatus;
use serde_json::json;
use support::Bench;
use support::drive::{plan_of, run};

#[test]
fn show() {
    let plan = plan_of("graphs/coding.yaml");
    let bench = Bench::empty();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for request in ["summarize repo", "where is the swap race tested?"] {
        let done = run(&bench, root, &plan, &json!({ "request": request }));
        eprintln!("{:?} {:?}", done.finished, done.state.outcome().map(|o| o.0));
        let (status, outcome) = done.state.outcome().unwrap();
        if status != RunStatus::Succeeded {
            eprintln!("{outcome:?}");
        }
        if let lgflow::trace::GraphOutcome::Succeeded(outputs) = outcome {
            eprintln!("{}", outputs["report"].as_str().unwrap());
        }
    }
}
