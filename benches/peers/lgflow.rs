//! lgflow's side of `compare.py`: the graph of a file, run by the library in this process, again and again. With a folder
//! behind it each run is kept in a store there, as a session keeps it. Prints the seconds of processor time that one run
//! took, compilation left out.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a benchmark reads its file, prints, and stops where it is wrong"
)]

#[path = "../../tests/plans/mod.rs"]
mod plans;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::effect::{ToolCall, ToolResult};
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::source::Sources;
use lgflow::store::{Durability, RunId, Store};
use lgflow::trace::{Envelope, RunStatus};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use plans::drive::{Drive, Random};

/// Long enough for the clock to tell.
const SECONDS: f64 = 0.5;
/// So many events a session hands on together, where none of them asks for anything to be done.
const AT_ONCE: usize = 64;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(file) = arguments.next() else {
        println!("give it a graph file; benches/peers/run does");
        return;
    };
    let folder = arguments.next().map(PathBuf::from);
    let plan = compile(std::fs::read(file).unwrap());
    let store = folder.map(|folder| Store::open(&folder, Path::new("/bench")).unwrap());
    let mut runs = 0_u32;
    let mut once = || {
        match &store {
            Some(store) => kept(&plan, store, u64::from(runs) + 1),
            None => run(&plan),
        }
        runs += 1;
    };
    once();
    let begun = processor_time();
    while processor_time() - begun < SECONDS {
        once();
    }
    println!("{}", (processor_time() - begun) / f64::from(runs - 1));
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
    assert_eq!(drive.state.outcome().map(|(status, _)| status), Some(RunStatus::Succeeded));
}

/// The same with its trace, and that in the store.
fn kept(plan: &Arc<Plan>, store: &Store, number: u64) {
    let world = |_: &ToolCall| ToolResult::success("exec", json!({}));
    let mut drive = Drive::new(plan, &world).traced();
    drive.keep = false;
    drive.start(json!({}));
    drive.finish(&mut Random(0));
    assert_eq!(drive.state.outcome().map(|(status, _)| status), Some(RunStatus::Succeeded));
    let mut payloads = std::mem::take(&mut drive.blobs);
    let mut log = store.create(&RunId::new(number, [0; 10]), Durability::Batch).unwrap();
    for lines in drive.lines.chunks(AT_ONCE) {
        for line in lines {
            let (event, _) = Envelope::parse(line).unwrap();
            let named =
                event.blobs().filter_map(|digest| Some((digest, payloads.remove(&digest.to_string())?)));
            log.append(line, named);
        }
        log.commit().unwrap();
    }
    assert!(payloads.is_empty());
    log.finish().unwrap();
}

/// User and system time of this process, in seconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let whole = |part: i64| u64::try_from(part).unwrap_or_default();
    (Duration::from_secs(whole(time.tv_sec)) + Duration::from_nanos(whole(time.tv_nsec))).as_secs_f64()
}
