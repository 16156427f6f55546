//! Random graphs under random schedules: what a run comes to never depends on which call ends first; each node runs at
//! most once an iteration and never before its ancestors; replay gives the same state; a run goes on from any event.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod plans;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lgflow::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use lgflow::expr::ValueTemplate;
use lgflow::model::{Join, Name, OnItemError, Reduce, Uses};
use lgflow::plan::{Action, EdgeIx, EdgeOutcome, ForEachRule, NodeIx, Plan, cycles, sidesteps};
use lgflow::session::{Difference, Differs};
use lgflow::trace::{
    At, Envelope, EventBody, FrameId, GraphOutcome, RunState, RunStatus, Tampering, apply, read_event, verify,
};
use serde_json::{Value, json};

use plans::drive::{Drive, Open, Random};
use plans::{Builder, Edge, expression, object, value};

const GRAPHS: u64 = 1_200;
const SCHEDULES: u64 = 6;

/// A graph of up to fourteen nodes with everything that the language has.
fn random_plan(seed: u64, depth: u32) -> Arc<Plan> {
    let random = &mut Random(seed);
    let mut builder = Builder::default();
    let sum = builder.channel("sum", Reduce::Sum, json!(0));
    let list = builder.channel("list", Reduce::Append, json!([]));
    let count = 2 + random.below(if depth == 0 { 13 } else { 4 }) as u32;
    for at in 0..count {
        let id = format!("n{at}");
        let node = random_node(&mut builder, &id, at, random, depth);
        let made = &mut builder.nodes[node as usize];
        if random.chance(15) {
            made.join = Join::All;
        }
        if random.chance(12) {
            made.skip_when = Some(expression(["true", "false", "state.sum > 40"][random.below(3) as usize]));
        }
        if random.chance(25) {
            made.retry.attempts = 2 + random.below(2) as u32;
            made.retry.kinds = vec![ErrorKind::Timeout, ErrorKind::Exit];
            made.retry.backoff = Duration::from_secs(random.below(2));
        }
        let writes = made.for_each.is_none() || random.chance(50);
        if writes && random.chance(40) {
            made.update.push((sum, ValueTemplate::literal(json!(at + 1))));
        }
        if writes && random.chance(40) {
            let text = json!(id);
            made.update.push((
                list,
                if random.chance(50) { value("state.list | length") } else { ValueTemplate::literal(text) },
            ));
        }
    }
    forward_edges(&mut builder, count, random);
    loop_edges(&mut builder, count, random);
    builder.output("sum", "state.sum");
    builder.output("list", "state.list");
    for at in 0..count {
        builder.output(&format!("status{at}"), &format!("nodes.n{at}.status"));
        builder.output(&format!("out{at}"), &format!("nodes.n{at}.output | default('none')"));
    }
    if random.chance(40) {
        builder.concurrency = Some(1 + random.below(3) as u32);
    }
    builder.build(&format!("g{seed}"))
}

/// What a node sees of some other one, if it sees it, and of the channels.
fn seen(at: u32, random: &mut Random) -> ValueTemplate {
    let other = random.below(u64::from(at.max(1)) + 1);
    object(&[
        ("other", &format!("nodes.n{other}.output | default('hidden')")),
        ("status", &format!("nodes.n{other}.status | default('hidden')")),
        ("sum", "state.sum"),
        ("list", "state.list"),
    ])
}

fn random_node(builder: &mut Builder, id: &str, at: u32, random: &mut Random, depth: u32) -> u32 {
    match random.below(20) {
        0 => {
            let message = ValueTemplate::literal(json!("on purpose"));
            builder.node(id, Uses::Fail, Action::Fail { kind: ErrorKind::Custom("mine".into()), message })
        }
        1..=5 => builder.values(id, seen(at, random)),
        6..=7 if depth == 0 => {
            let plan = random_plan(random.next(), 1);
            let inputs = ValueTemplate::literal(json!({}));
            builder.node(id, Uses::Graph, Action::Graph { plan, inputs })
        }
        8..=10 => {
            let node =
                builder.call(id, object(&[("item", "item"), ("at", "item_index"), ("sum", "state.sum")]));
            builder.nodes[node as usize].for_each = Some(ForEachRule {
                items: expression(["[]", "[1, 2, 3]", "range(5)"][random.below(3) as usize]),
                binding: Name::parse("item").unwrap(),
                max: 4 + random.below(2) as u32,
                parallel: 1 + random.below(4) as u32,
                on_error: if random.chance(50) { OnItemError::Stop } else { OnItemError::Collect },
            });
            node
        }
        _ => {
            let with = seen(at, random);
            builder.call(id, with)
        }
    }
}

fn random_outcome(random: &mut Random) -> EdgeOutcome {
    match random.below(12) {
        0..=6 => EdgeOutcome::Success,
        7 => EdgeOutcome::Otherwise,
        8..=9 => EdgeOutcome::Catch(
            [
                ErrorKind::ANY.to_vec(),
                vec![ErrorKind::Exhausted, ErrorKind::Expression],
                vec![ErrorKind::Custom("mine".into()), ErrorKind::Exit],
            ][random.below(3) as usize]
                .clone(),
        ),
        _ => EdgeOutcome::Always,
    }
}

fn random_condition(from: u32, random: &mut Random) -> Option<String> {
    match random.below(8) {
        0 => Some("output.v > 4".to_owned()),
        1 => Some("(output.v | default(0)) > 5".to_owned()),
        2 => Some(format!("nodes.n{from}.status == 'succeeded'")),
        3 => Some("state.sum % 2 == 0".to_owned()),
        _ => None,
    }
}

fn forward_edges(builder: &mut Builder, count: u32, random: &mut Random) {
    for to in 1..count {
        let many = if random.chance(8) { 0 } else { 1 + random.below(3) };
        for _ in 0..many {
            // near sources are likelier: long chains, and still wide joins
            let from = if random.chance(60) { to - 1 } else { random.below(u64::from(to)) as u32 };
            let outcome = random_outcome(random);
            let when = match outcome {
                EdgeOutcome::Otherwise => None,
                _ => random_condition(from, random),
            };
            let known = |edge: &Edge| (edge.from, edge.to, &edge.outcome) == (from, to, &outcome);
            if !builder.edges.iter().any(known) {
                builder.edge(Edge { from, to, outcome, when, turns: None });
            }
        }
    }
}

/// Tries back edges, and keeps those whose target dominates their source.
fn loop_edges(builder: &mut Builder, count: u32, random: &mut Random) {
    let mut of_target: BTreeMap<u32, u32> = BTreeMap::new();
    for _ in 0..random.below(7) {
        let from = random.below(u64::from(count)) as u32;
        let to = random.below(u64::from(from) + 1) as u32;
        let max = *of_target.entry(to).or_insert_with(|| 1 + random.below(3) as u32);
        let outcome = match random.below(5) {
            0 => EdgeOutcome::Catch(ErrorKind::ANY.to_vec()),
            _ => EdgeOutcome::Success,
        };
        let target = &builder.nodes[to as usize].id;
        let when = match random.below(4) {
            0 => None,
            1 => Some(format!("loops.{target}.iteration < 3")),
            2 => Some(format!("loops.{target}.iteration < 2")),
            _ => Some("(output.v | default(9)) > 3".to_owned()),
        };
        let leave = when.is_none() || random.chance(60);
        builder.edge(Edge { from, to, outcome, when, turns: Some((max, leave)) });
        let arrows = builder.arrows();
        let sound =
            cycles(count as usize, &arrows).is_empty() && sidesteps(count as usize, &arrows).is_empty();
        if !sound {
            builder.edges.pop();
        }
    }
}

/// The result of a call follows from its key alone.
fn world(call: &ToolCall) -> ToolResult {
    let hash = call
        .idempotency_key
        .bytes()
        .fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let draw = Random(hash).next();
    let kind = match draw % 16 {
        0 => ErrorKind::Exit,
        1 => ErrorKind::Timeout,
        2 if draw % 32 == 2 => ErrorKind::Denied,
        _ => return ToolResult::success("exec", json!({ "v": draw / 16 % 10, "saw": call.input })),
    };
    ToolResult::failure("exec", ToolError::new(kind, "drawn"))
}

fn run<'w>(plan: &Arc<Plan>, schedule: u64) -> Drive<'w> {
    let mut drive = Drive::new(plan, &world);
    drive.start(json!({}));
    drive.finish(&mut Random(schedule));
    drive
}

/// What may not depend on timing: all of a run that succeeded; of one that failed the error, and all up to it.
fn settled_part(plan: &Plan, drive: &Drive<'_>) -> (Option<RunStatus>, String, Vec<String>) {
    let mut summary = drive.state.summary();
    // how far a subgraph that failed came, after its failure, does depend on it
    let failed_inside = |event: &EventBody| {
        matches!(event, EventBody::GraphFinished { outcome: GraphOutcome::Failed(_), .. })
    };
    if drive.events.iter().any(failed_inside) {
        summary.path.retain(|id| !id.contains('/'));
    }
    let all = format!("{:?} {:?} {:?}", summary.outputs, summary.error, summary.status);
    let failed = summary.error.as_ref().and_then(|error| error.node.as_deref());
    let Some(failed) = failed.map(|node| node.split('/').next().unwrap_or(node)) else {
        let nodes = if summary.error.is_none() { format!("{:?}", summary.nodes) } else { String::new() };
        return (summary.status, all + &nodes, summary.path.clone());
    };
    let last = summary.path.iter().rposition(|id| id == failed).expect("what failed ran");
    let place = |id: &str| plan.rank[plan.find(id).unwrap().0 as usize];
    let loops = &plan.node(plan.find(failed).unwrap()).loops;
    // nodes earlier in canonical order that share no loop with the failure
    let earlier: BTreeMap<_, _> = summary
        .nodes
        .iter()
        .filter(|(id, _)| {
            place(id) < place(failed) && plan.node(plan.find(id).unwrap()).loops.first() != loops.first()
                || place(id) < place(failed) && loops.is_empty()
        })
        .collect();
    (summary.status, format!("{all} {earlier:?}"), summary.path[..last].to_vec())
}

#[test]
fn what_a_run_comes_to_does_not_depend_on_timing() {
    let mut statuses: BTreeMap<String, u32> = BTreeMap::new();
    let mut looped = 0;
    for seed in 0..GRAPHS {
        let plan = random_plan(seed, 0);
        let first = run(&plan, 0);
        let summary = first.state.summary();
        assert!(first.state.outcome().is_some(), "graph {seed} does not end: {:?}", first.events.last());
        *statuses.entry(format!("{:?}", summary.status)).or_default() += 1;
        looped += u32::from(first.events.iter().any(|event| matches!(event, EventBody::LoopTurned { .. })));
        let expected = settled_part(&plan, &first);
        for schedule in 1..SCHEDULES {
            let other = run(&plan, seed * 1_000 + schedule);
            let got = settled_part(&plan, &other);
            assert_eq!(expected, got, "graph {seed}, schedule {schedule}");
        }
    }
    // the graphs are worth something: enough of them succeed, fail, and turn
    assert!(statuses["Some(Succeeded)"] > 200 && statuses["Some(Failed)"] > 200, "{statuses:?}");
    assert!(looped > 200, "{looped}");
}

#[test]
fn each_node_runs_once_an_iteration_and_after_its_ancestors() {
    for seed in 0..GRAPHS {
        let plan = random_plan(seed, 0);
        let drive = run(&plan, seed ^ 0x5eed);
        let mut watch =
            Watch { plan: &plan, decided: BTreeSet::new(), began: BTreeSet::new(), over: BTreeSet::new() };
        for event in &drive.events {
            watch.see(event, seed);
        }
    }
}

/// An account of a run that shares nothing with the engine but its events.
struct Watch<'p> {
    plan: &'p Plan,
    decided: BTreeSet<EdgeIx>,
    began: BTreeSet<NodeIx>,
    over: BTreeSet<NodeIx>,
}

impl Watch<'_> {
    fn see(&mut self, event: &EventBody, seed: u64) {
        match event {
            EventBody::NodeStarted { at: At { frame: FrameId::ROOT, node }, .. } => self.begins(*node, seed),
            EventBody::NodeFinished(finished) if finished.at.frame == FrameId::ROOT => {
                assert!(self.over.insert(finished.at.node), "graph {seed}: a node ends twice");
            }
            EventBody::NodeDecided(decided) if decided.at.frame == FrameId::ROOT => {
                assert!(self.over.insert(decided.at.node), "graph {seed}: a node ends twice");
            }
            EventBody::EdgeTaken { frame: FrameId::ROOT, edge }
            | EventBody::EdgeDead { frame: FrameId::ROOT, edge, .. } => {
                let source = self.plan.edge(*edge).from;
                assert!(self.over.contains(&source), "graph {seed}: an edge is decided before its source");
                assert!(
                    self.plan.edge(*edge).turns.is_some() || self.decided.insert(*edge),
                    "graph {seed}: an edge is decided twice"
                );
            }
            EventBody::LoopTurned { frame: FrameId::ROOT, at, .. } => {
                let body: BTreeSet<NodeIx> = self.plan.loops[at.0 as usize].body.iter().copied().collect();
                for node in &body {
                    assert!(self.over.contains(node), "graph {seed}: a loop turns while its body runs");
                }
                self.began.retain(|node| !body.contains(node));
                self.over.retain(|node| !body.contains(node));
                let inside = |edge: &EdgeIx| {
                    let edge = self.plan.edge(*edge);
                    body.contains(&edge.from) && body.contains(&edge.to)
                };
                self.decided.retain(|edge| !inside(edge));
            }
            _ => {}
        }
    }

    fn begins(&mut self, node: NodeIx, seed: u64) {
        assert!(self.began.insert(node), "graph {seed}: a node begins twice in one iteration");
        let mut open = vec![node];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            for edge in &self.plan.node(at).incoming {
                let source = self.plan.edge(*edge).from;
                // the target of a loop that turned runs without asking its join
                assert!(
                    self.over.contains(&source),
                    "graph {seed}: a node begins before an ancestor is over"
                );
                if seen.insert(source) {
                    open.push(source);
                }
            }
        }
    }
}

#[test]
fn replaying_the_stored_events_gives_the_same_state() {
    for seed in 0..GRAPHS / 3 {
        let plan = random_plan(seed, 0);
        let mut drive = Drive::new(&plan, &world).traced();
        drive.start(json!({}));
        drive.finish(&mut Random(seed));
        let verified = verify(drive.lines.iter().map(String::as_str), None);
        assert!(verified.complete && verified.fault.is_none(), "{verified:?}");
        let mut state = RunState::new("run", &plan);
        for (line, event) in drive.lines.iter().zip(&drive.events) {
            let blob = |digest: &lgflow::digest::Digest| drive.blobs.get(&digest.to_string()).cloned();
            let read = read_event(&state, line, blob)
                .unwrap_or_else(|error| panic!("graph {seed}: {error}\n{line}"));
            assert_eq!(&read, event, "graph {seed}");
            apply(&mut state, &read).unwrap();
        }
        assert_eq!(state, drive.state, "graph {seed}");
    }
}

/// The lines with one of them changed, or left out, and every number and hash made again.
fn forged(lines: &[String], at: usize, change: &dyn Fn(&mut Envelope) -> bool) -> Vec<String> {
    let mut forged = Vec::new();
    let mut prev = None;
    for (index, line) in lines.iter().enumerate() {
        let (mut event, _) = Envelope::parse(line).unwrap();
        if index == at && !change(&mut event) {
            continue;
        }
        event.seq = forged.len() as u64 + 1;
        event.prev = prev;
        if event.kind == "run.finished" {
            event.data.insert("events".into(), json!(event.seq));
            event.data.insert("digest".into(), json!(prev));
        }
        let (line, hash) = event.line();
        prev = Some(hash);
        forged.push(line);
    }
    forged
}

#[test]
fn a_replay_shows_no_difference_and_what_was_edited_shows_itself() {
    for seed in 0..GRAPHS / 20 {
        let plan = random_plan(seed, 0);
        let mut drive = Drive::new(&plan, &world).traced();
        drive.start(json!({}));
        drive.finish(&mut Random(seed));
        let replayed = drive.replayed(&drive.lines);
        assert_eq!(replayed.difference, None, "graph {seed}");
        let decided = drive.events.iter().filter(|event| !event.is_from_outside()).count() as u64;
        assert_eq!((replayed.events, replayed.decided), (drive.lines.len() as u64, decided));
        let random = &mut Random(seed);
        for _ in 0..4 {
            let at = random.below(drive.lines.len() as u64) as usize;
            let first = |lines: &[String]| drive.replayed(lines).difference;
            let is_at = |difference: &Difference| difference.seq == at as u64 + 1;
            let from_outside = drive.events[at].is_from_outside();

            // a line alone, with the hash of then
            let mut lines = drive.lines.clone();
            let (mut event, then) = Envelope::parse(&lines[at]).unwrap();
            event.data.insert("more".into(), json!(1));
            let (line, now) = event.line();
            lines[at] = line.replacen(&now.to_string(), &then.to_string(), 1);
            let found = first(&lines).unwrap();
            assert!(is_at(&found), "graph {seed}, event {}: {found:?}", at + 1);
            assert_eq!(found.what, if from_outside { Differs::Edited } else { Differs::OtherDecision });

            // every hash made again: what was decided shows itself, what came from outside by what followed from it
            let edited = forged(&drive.lines, at, &|event| {
                let member = event.data.iter_mut().find(|(name, _)| *name != "digest" && *name != "events");
                let Some((_, value)) = member.filter(|_| !from_outside) else { return true };
                *value = json!("edited");
                true
            });
            if edited[at] != forged(&drive.lines, at, &|_| true)[at] {
                let found = first(&edited).unwrap();
                assert!(is_at(&found) && found.what == Differs::OtherDecision, "graph {seed}: {found:?}");
                assert!(found.places[0].at.starts_with("data."), "{found:?}");
            }

            // a decision that is left out
            if !from_outside && at + 1 < drive.lines.len() {
                let found = first(&forged(&drive.lines, at, &|_| false)).unwrap();
                assert!(is_at(&found), "graph {seed}: {found:?}");
                let outside = drive.events[at + 1].is_from_outside();
                assert_eq!(found.what == Differs::DecisionLeftOut, outside, "{found:?}");
            }
        }
    }
}

#[test]
fn a_result_that_was_edited_shows_by_what_followed_from_it() {
    let mut builder = Builder::default();
    builder.call("a", ValueTemplate::literal(json!({ "argv": ["a"] })));
    builder.output("v", "nodes.a.output.v");
    let plan = builder.build("g");
    let answer = |_: &ToolCall| ToolResult::success("exec", json!({ "v": 1 }));
    let mut drive = Drive::new(&plan, &answer).traced();
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    let at = drive.events.iter().position(|event| event.kind() == "call.finished").unwrap();
    let edited = forged(&drive.lines, at, &|event| {
        event.data["result"]["output"]["v"] = json!(2);
        true
    });
    let found = drive.replayed(&edited).difference.unwrap();
    assert!(found.seq > at as u64 + 1 && found.kind.as_deref() == Some("node.finished"), "{found:?}");
    assert_eq!(
        (found.places[0].at.as_str(), &found.places[0].recorded, &found.places[0].decided),
        ("data.output.v", &Some(json!(1)), &Some(json!(2)))
    );

    // another graph decides otherwise, and says where
    let mut builder = Builder::default();
    builder.call("a", ValueTemplate::literal(json!({ "argv": ["other"] })));
    builder.output("v", "nodes.a.output.v");
    let mut other = Drive::new(&builder.build("g"), &answer).traced();
    other.start(json!({}));
    let found = other.replayed(&drive.lines).difference.unwrap();
    assert_eq!((found.kind.as_deref(), found.what), (Some("call.started"), Differs::OtherDecision));
    assert_eq!(found.places[0].at, "data.input.argv[0]");
}

#[test]
fn a_run_that_died_over_its_decisions_is_replayed_to_its_end() {
    for seed in 0..GRAPHS / 20 {
        let plan = random_plan(seed, 0);
        let mut whole = Drive::new(&plan, &world).traced();
        whole.start(json!({}));
        whole.finish(&mut Random(seed));
        let random = &mut Random(seed);
        for _ in 0..4 {
            let cut = 1 + random.below(whole.events.len() as u64 - 1) as usize;
            let mut drive = Drive::new(&plan, &world).traced();
            for event in &whole.events[..cut] {
                drive.record(event.clone());
            }
            drive.record(EventBody::RunResumed);
            drive.decide();
            let replayed = drive.replayed(&drive.lines);
            assert_eq!(
                (replayed.events, replayed.difference),
                (drive.lines.len() as u64, None),
                "graph {seed}, cut after {cut}"
            );
        }
    }
}

#[test]
fn a_run_goes_on_from_any_event() {
    for seed in 0..GRAPHS / 5 {
        let plan = random_plan(seed, 0);
        let whole = run(&plan, seed);
        let expected = settled_part(&plan, &whole);
        let random = &mut Random(seed);
        for _ in 0..8 {
            let cut = 1 + random.below(whole.events.len() as u64) as usize;
            let mut drive = Drive::new(&plan, &world);
            for event in &whole.events[..cut] {
                drive.record(event.clone());
            }
            let calls: Vec<Open> =
                drive.state.open_calls().map(|(id, order)| Open::Call(id, Arc::clone(order))).collect();
            let waits: Vec<Open> = drive.state.open_waits().map(|(id, ..)| Open::Wait(id)).collect();
            drive.open = calls.into_iter().chain(waits).collect();
            drive.finish(random);
            assert_eq!(expected, settled_part(&plan, &drive), "graph {seed}, event {cut}");
        }
    }
}

#[test]
fn a_changed_trace_is_found_out_at_the_first_event_that_changed() {
    let plan = random_plan(11, 0);
    let mut drive = Drive::new(&plan, &world).traced();
    drive.start(json!({}));
    drive.finish(&mut Random(1));
    let lines = drive.lines;
    assert!(lines.len() > 20, "{}", lines.len());
    let found = |lines: &[String]| {
        let verified = verify(lines.iter().map(String::as_str), None);
        verified.fault.map(|fault| (fault.seq, fault.what))
    };
    for at in 0..lines.len() - 1 {
        let seq = at as u64 + 1;
        let mut edited = lines.clone();
        edited[at] = edited[at].replace("2026-01-01", "2026-01-02");
        assert_eq!(found(&edited), Some((seq, Tampering::Edited)));
        let mut cut = lines.clone();
        cut.remove(at);
        assert_eq!(found(&cut), Some((seq, Tampering::Cut)));
        let mut moved = lines.clone();
        moved.swap(at, at + 1);
        assert_eq!(found(&moved), Some((seq, Tampering::Moved)));
        let mut twice = lines.clone();
        twice.insert(at, lines[at].clone());
        assert_eq!(found(&twice), Some((seq, Tampering::Duplicated)));
        let mut garbled = lines.clone();
        garbled[at].truncate(20);
        assert_eq!(found(&garbled), Some((seq, Tampering::Unreadable)));
    }
    let short = verify(lines[..lines.len() - 1].iter().map(String::as_str), None);
    assert!(short.fault.is_none() && !short.complete);
}

#[test]
fn a_decision_out_of_turn_is_refused() {
    let plan = random_plan(3, 0);
    let whole = run(&plan, 0);
    let mut refused = 0;
    for at in 1..whole.events.len() - 1 {
        let mut state = RunState::new("run", &plan);
        for event in &whole.events[..at] {
            apply(&mut state, event).unwrap();
        }
        // an event again, once it has happened
        assert!(at < 2 || apply(&mut state.clone(), &whole.events[0]).is_err());
        if !whole.events[at + 1].is_from_outside() {
            refused += usize::from(apply(&mut state, &whole.events[at + 1]).is_err());
        }
    }
    assert!(refused * 2 > whole.events.len(), "{refused} of {}", whole.events.len());
    let last: Value = json!(whole.state.outcome().is_some());
    assert_eq!(last, json!(true));
}
