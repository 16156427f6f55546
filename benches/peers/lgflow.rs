//! lgflow's side of `compare.py` without persistence: the graph of a file, run by the library in this process, again and
//! again. Prints the seconds of processor time that one run took, compilation left out.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a benchmark reads its file, prints, and stops where it is wrong"
)]

#[path = "../../tests/plans/mod.rs"]
mod plans;

use std::sync::Arc;
use std::time::Duration;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::effect::{ToolCall, ToolResult};
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::source::Sources;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use plans::drive::{Drive, Random};

/// Long enough for the clock to tell.
const SECONDS: f64 = 0.5;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(file) = arguments.next() else {
        println!("give it a graph file; benches/peers/run does");
        return;
    };
    let plan = compile(std::fs::read(file).unwrap());
    run(&plan);
    let (begun, mut runs) = (processor_time(), 0_u32);
    while processor_time() - begun < SECONDS {
        run(&plan);
        runs += 1;
    }
    println!("{}", (processor_time() - begun) / f64::from(runs));
}

fn compile(bytes: Vec<u8>) -> Arc<Plan> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let root = Root { path: RelPath::parse("graph.yaml").unwrap(), name: "graph.yaml".to_owned(), bytes };
    let mut load = |_: &FileRef| Err(LoadProblem::new("nothing is named"));
    let checked = check_files(vec![root], &mut load, &mut sources, &mut found);
    match &checked.roots[0] {
        CheckedRoot::Graph(plan) => Arc::clone(plan),
        _ => panic!("{found:#?}"),
    }
}

fn run(plan: &Arc<Plan>) {
    let world = |_: &ToolCall| ToolResult::success("exec", json!({}));
    let mut drive = Drive::new(plan, &world);
    drive.keep = false;
    drive.start(json!({}));
    drive.finish(&mut Random(0));
    assert!(drive.state.outcome().is_some());
}

/// User and system time of this process, in seconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let whole = |part: i64| u64::try_from(part).unwrap_or_default();
    (Duration::from_secs(whole(time.tv_sec)) + Duration::from_nanos(whole(time.tv_nsec))).as_secs_f64()
}
