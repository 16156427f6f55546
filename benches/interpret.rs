//! The cost of a node: chains, fan-out and join, a loop, without a trace and with its lines in memory. Each figure is of
//! a whole run; divide by the nodes (or turns).

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

#[path = "../tests/plans/mod.rs"]
mod plans;

use std::sync::Arc;

use divan::counter::ItemsCount;
use lgflow::effect::{ToolCall, ToolResult};
use lgflow::plan::Plan;
use serde_json::json;

use plans::drive::{Drive, Random};
use plans::{Builder, Edge, object};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const SIZES: [u32; 3] = [10, 1_000, 10_000];

fn world(_: &ToolCall) -> ToolResult {
    ToolResult::success("exec", json!({}))
}

fn chain(length: u32) -> Arc<Plan> {
    let mut builder = Builder::default();
    let mut nodes = vec![builder.values("n0", object(&[("v", "0")]))];
    for at in 1..length {
        let before = format!("nodes.n{}.output.v + 1", at - 1);
        nodes.push(builder.values(&format!("n{at}"), object(&[("v", &before)])));
    }
    builder.chain(&nodes);
    builder.build("chain")
}

fn fan(width: u32) -> Arc<Plan> {
    let mut builder = Builder::default();
    let start = builder.values("start", object(&[("v", "1")]));
    let end = builder.values("end", object(&[("v", "nodes.start.output.v")]));
    for at in 0..width {
        let middle = builder.values(&format!("m{at}"), object(&[("v", "nodes.start.output.v")]));
        builder.chain(&[start, middle, end]);
    }
    builder.build("fan")
}

fn turns(count: u32) -> Arc<Plan> {
    let mut builder = Builder::default();
    let body = builder.values("body", object(&[("v", "loops.body.iteration")]));
    let when = Some(format!("output.v < {count}"));
    builder.edge(Edge { when, turns: Some((count, false)), ..Edge::plain(body, body) });
    builder.build("turns")
}

fn run(plan: &Arc<Plan>) {
    let mut drive = Drive::new(plan, &world);
    drive.keep = false;
    drive.start(json!({}));
    drive.finish(&mut Random(0));
    assert!(drive.state.outcome().is_some());
}

fn run_traced(plan: &Arc<Plan>) {
    let mut drive = Drive::new(plan, &world).traced();
    drive.keep = false;
    drive.start(json!({}));
    drive.finish(&mut Random(0));
    assert!(drive.state.outcome().is_some());
}

#[divan::bench(args = SIZES, sample_count = 25)]
fn a_chain(bencher: divan::Bencher<'_, '_>, length: u32) {
    let plan = chain(length);
    bencher.counter(ItemsCount::new(length)).bench(|| run(&plan));
}

#[divan::bench(args = SIZES, sample_count = 25)]
fn a_chain_with_its_trace(bencher: divan::Bencher<'_, '_>, length: u32) {
    let plan = chain(length);
    bencher.counter(ItemsCount::new(length)).bench(|| run_traced(&plan));
}

#[divan::bench(args = SIZES, sample_count = 25)]
fn a_fan_out_and_its_join(bencher: divan::Bencher<'_, '_>, width: u32) {
    let plan = fan(width);
    bencher.counter(ItemsCount::new(width)).bench(|| run(&plan));
}

#[divan::bench(args = [10_000], sample_count = 25)]
fn turns_of_a_loop(bencher: divan::Bencher<'_, '_>, count: u32) {
    let plan = turns(count);
    bencher.counter(ItemsCount::new(count)).bench(|| run(&plan));
}
