//! The store and what is read back from it: events a second at each durability, what an event takes, how soon a long run is
//! gone on with, and how fast one is decided again. The events are those of real runs, in memory.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a benchmark makes its own files, prints, and stops where it is wrong"
)]

#[path = "../tests/plans/mod.rs"]
mod plans;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::Bencher;
use divan::counter::ItemsCount;
use lgflow::digest::Digest;
use lgflow::effect::{ToolCall, ToolResult};
use lgflow::plan::Plan;
use lgflow::session::{fold, replay, system_clock};
use lgflow::store::{Durability, RunId, Store};
use lgflow::trace::Redaction;
use serde_json::json;

use plans::drive::{Drive, Random};
use plans::{Builder, Edge, object};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    println!("what the store takes");
    for (name, run) in [("a chain of 1,000 nodes", chain(1_000)), ("1,000 turns of a loop", turns(1_000))] {
        let (events, bytes) = (run.lines.len() as u64, run.stored_bytes());
        println!("  {name:24} {events:>6} events  {bytes:>8} bytes  {:>4} an event", bytes / events);
    }
    divan::main();
}

/// A run that was driven in memory.
struct Recorded {
    plan: Arc<Plan>,
    lines: Vec<String>,
}

fn chain(length: u32) -> Recorded {
    let mut builder = Builder::default();
    let mut nodes = vec![builder.values("n0", object(&[("v", "0")]))];
    for at in 1..length {
        let before = format!("nodes.n{}.output.v + 1", at - 1);
        nodes.push(builder.values(&format!("n{at}"), object(&[("v", &before)])));
    }
    builder.chain(&nodes);
    recorded(builder.build("chain"))
}

fn turns(count: u32) -> Recorded {
    let mut builder = Builder::default();
    let body = builder.values("body", object(&[("v", "loops.body.iteration")]));
    let when = Some(format!("output.v < {count}"));
    builder.edge(Edge { when, turns: Some((count, false)), ..Edge::plain(body, body) });
    recorded(builder.build("turns"))
}

fn recorded(plan: Arc<Plan>) -> Recorded {
    let world = |_: &ToolCall| ToolResult::success("exec", json!({}));
    let mut drive = Drive::new(&plan, &world).traced();
    drive.keep = false;
    drive.start(json!({}));
    drive.finish(&mut Random(0));
    assert!(drive.state.outcome().is_some() && drive.blobs.is_empty());
    let lines = std::mem::take(&mut drive.lines);
    Recorded { plan, lines }
}

impl Recorded {
    fn stored_bytes(&self) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Path::new("/bench")).unwrap();
        keep(&store, Durability::Batch, &self.lines, 8);
        std::fs::metadata(store.folder().join("runs.db")).unwrap().len()
    }

    /// The first events, so many: a run that was interrupted.
    fn cut(mut self, events: usize) -> Self {
        assert!(self.lines.len() >= events, "{} events", self.lines.len());
        self.lines.truncate(events);
        self
    }
}

/// Keeps the lines as a run of their own, and commits behind each `at_once` of them.
fn keep(store: &Store, durability: Durability, lines: &[String], at_once: usize) -> RunId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let run = RunId::new(NEXT.fetch_add(1, Ordering::Relaxed), [0; 10]);
    let mut log = store.create(&run, durability).unwrap();
    for part in lines.chunks(at_once) {
        for line in part {
            log.append(line, []);
        }
        log.commit().unwrap();
    }
    log.finish().unwrap();
    run
}

/// Each event in a commit of its own, which is the most that any run does.
#[divan::bench(args = ["sync", "batch", "none"], sample_count = 10, sample_size = 1)]
fn events_are_kept(bencher: Bencher<'_, '_>, durability: &str) {
    let durability = Durability::parse(durability).unwrap();
    let run = turns(1_000);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Path::new("/bench")).unwrap();
    bencher.counter(ItemsCount::new(run.lines.len())).bench_local(|| keep(&store, durability, &run.lines, 1));
}

/// From the file to the state in which it stood, held by this process.
#[divan::bench(sample_count = 25)]
fn a_run_of_10_000_events_is_gone_on_with(bencher: Bencher<'_, '_>) {
    let run = turns(5_000).cut(10_000);
    let folder = tempfile::tempdir().unwrap();
    let id = {
        let store = Store::open(folder.path(), Path::new("/bench")).unwrap();
        keep(&store, Durability::Batch, &run.lines, 8)
    };
    let none = |_: &Digest| None;
    bencher.bench_local(|| {
        let store = Store::open(folder.path(), Path::new("/bench")).unwrap();
        let (log, before) = store.reopen(&id, Durability::Batch).unwrap();
        let stored = fold("run", &run.plan, &before.text, &none, &system_clock()).unwrap();
        assert_eq!(stored.verified.events, 10_000);
        (log, stored)
    });
}

#[divan::bench(sample_count = 25)]
fn a_chain_of_10_000_nodes_is_decided_again(bencher: Bencher<'_, '_>) {
    decided_again(bencher, &chain(10_000));
}

#[divan::bench(sample_count = 25)]
fn a_loop_of_10_000_turns_is_decided_again(bencher: Bencher<'_, '_>) {
    decided_again(bencher, &turns(10_000));
}

fn decided_again(bencher: Bencher<'_, '_>, run: &Recorded) {
    let none = |_: &Digest| None;
    bencher.counter(ItemsCount::new(run.lines.len())).bench_local(|| {
        let lines = run.lines.iter().map(String::as_str);
        let replayed = replay(&run.plan, lines, &none, Redaction::default());
        assert!(replayed.finished && replayed.difference.is_none());
    });
}
