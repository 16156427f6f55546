//! The oracle: a slow interpreter of the language, written separately from `docs/language.md`, that shares no function
//! with the engine, and random graphs on which the two have to agree, whatever the order in which calls end.
//!
//! `LGFLOW_SEED` begins at another seed. What they disagree about is made as small as it gets, and printed as a graph file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    unreachable_pub,
    clippy::print_stdout,
    reason = "a test stops where it is wrong, and says where it began"
)]

mod copies;
mod edges;
mod engine;
mod expression;
mod generate;
mod loops;
#[path = "../plans/mod.rs"]
mod plans;
mod reading;
mod run;
mod seen;
mod shrink;
mod slots;
mod surely;
mod told;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, parse};
use lgflow::model::{Graph, decode_graph};
use lgflow::source::Sources;
use lgflow::trace::{RunStatus, Status};
use serde_json::{Value as Json, json};

use engine::Ran;
use generate::Draw;
use plans::drive::Random;
use reading::Reading;
use told::{Answer, Person, Told, World};

const GRAPHS: u64 = 10_000;
/// Orders in which the calls of a graph end: of each, and of one in so many, which the time of a test allows.
const SCHEDULES: u64 = 4;
const MANY_SCHEDULES: u64 = 64;
const ONE_IN: u64 = 101;

/// How often a graph is run.
fn schedules_of(seed: u64) -> u64 {
    if seed.is_multiple_of(ONE_IN) { MANY_SCHEDULES } else { SCHEDULES }
}

/// Both sides on one graph: what the oracle tells, or what they disagree about.
fn verdict(graph: &Json, schedules: u64) -> Result<Told, Trouble> {
    let text = graph.to_string();
    let compiled = engine::compile(&text).map_err(Trouble::Refused)?;
    let reading = Reading::of(&model(&text));
    let asked = BTreeMap::new();
    let world = World { call: &answer, person: &person, withdrawn: &asked };
    let inputs = graph["inputs"].as_object().into_iter().flatten();
    let inputs: Json = inputs.map(|(name, schema)| (name.clone(), schema["default"].clone())).collect();
    let tell = |world: &World<'_>| run::tell(&reading, inputs.clone(), world);
    let mut told = tell(&world);
    let exact = graph["x-exact"] == json!(true);
    let schedules = if exact { 1 } else { schedules };
    for schedule in 0..schedules {
        let ran = engine::run(&compiled, &world, schedule).ok_or(Trouble::Stuck)?;
        let withdrawn = (!ran.withdrawn.is_empty())
            .then(|| Told { withdrawn: true, ..tell(&World { withdrawn: &ran.withdrawn, ..world }) });
        let differs = difference(withdrawn.as_ref().unwrap_or(&told), &ran, exact);
        if let Some(what) = differs {
            return Err(Trouble::Differs(format!("schedule {schedule}: {what}")));
        }
        told.withdrawn |= withdrawn.is_some();
        if ran.shared {
            told.met.insert("a group of several executions");
        }
        if ran.beside {
            told.met.insert("calls beside each other");
        }
    }
    Ok(told)
}

impl Draw for Random {
    fn next(&mut self) -> u64 {
        Random::next(self)
    }
}

#[derive(Debug)]
enum Trouble {
    /// The compiler refuses it.
    Refused(Vec<String>),
    Differs(String),
    /// It waits for what never comes.
    Stuck,
}

/// The model of a graph file: what its author wrote, typed.
fn model(text: &str) -> Graph {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add("g.json", text);
    let parsed = parse(&sources, file, Syntax::Json, &Limits::default(), &mut found).expect("it is JSON");
    decode_graph(&parsed, &mut found).expect("it is a graph")
}

/// What of a run may not depend on timing, and does not agree.
fn difference(told: &Told, ran: &Ran, exact: bool) -> Option<String> {
    let summary = &ran.summary;
    let differs = |what: &str, told: &dyn std::fmt::Debug, ran: &dyn std::fmt::Debug| {
        Some(format!("{what}\n  oracle: {told:?}\n  engine: {ran:?}"))
    };
    let status = summary.status.map_or(ran.status, RunStatus::as_str);
    let error = summary.error.as_ref().map(|error| (error.node.clone(), error.error.kind.to_string()));
    let outputs = summary.outputs.as_deref().cloned();
    if (told.status, &told.error, &told.outputs) != (status, &error, &outputs) {
        return differs("the end", &(told.status, &told.error, &told.outputs), &(status, error, outputs));
    }
    let says = summary.error.as_ref().map(|error| &error.error.message);
    if told.message.is_some() && told.message.as_ref() != says {
        return differs("what the error says", &told.message, &says);
    }
    let until = if exact { usize::MAX } else { told.until };
    let is_loose = |path: &str| {
        !exact
            && told.loose.iter().any(|node| path.strip_prefix(node).is_some_and(|rest| rest.starts_with('/')))
    };
    let told_path: Vec<&String> =
        told.path.iter().filter(|(name, at)| *at <= until && !is_loose(name)).map(|(name, _)| name).collect();
    let mut path: Vec<&String> = summary.path.iter().filter(|name| !is_loose(name)).collect();
    if until != usize::MAX {
        path.truncate(told_path.len());
    }
    if told_path != path {
        return differs("the path", &told_path, &path);
    }
    for (id, (status, at)) in told.nodes.iter().filter(|(_, (_, at))| *at <= until) {
        let ended = summary.nodes[id].status.map_or("-", Status::as_str);
        if ended != *status {
            return differs(&format!("the status of `{id}`, at {at}"), status, &ended);
        }
    }
    for (name, value) in &told.channels {
        if ran.channels.get(name) != Some(value) {
            return differs(&format!("the channel `{name}`"), value, &ran.channels.get(name));
        }
    }
    if let Some(what) = children_differ(told, ran, until, exact, &is_loose) {
        return Some(what);
    }
    calls_differ(told, ran, until, &|key| {
        let node = node_of(key);
        is_loose(&node) || (!exact && told.loose.contains(&node))
    })
}

/// Every execution of a subgraph that does not depend on timing has come to its end, with the same channels.
fn children_differ(
    told: &Told,
    ran: &Ran,
    until: usize,
    exact: bool,
    is_loose: &dyn Fn(&str) -> bool,
) -> Option<String> {
    for child in told.children.iter().filter(|child| child.at <= until && !is_loose(&child.names)) {
        // how far other items came depends on timing, where one ends them
        if child.of_item && !exact && told.loose.contains(&child.names) {
            continue;
        }
        let Some(ended) = ran.children.get(&child.address) else {
            return Some(format!(
                "the graph of {}\n  oracle: it is over\n  engine: it is not",
                child.address
            ));
        };
        for (name, value) in &child.channels {
            if ended.get(name) != Some(value) {
                let of = &child.address;
                return Some(format!(
                    "the channel `{name}` of {of}\n  oracle: {value:?}\n  engine: {:?}",
                    ended.get(name)
                ));
            }
        }
    }
    None
}

/// Every call that does not depend on timing was made, with the same input; and no others.
fn calls_differ(told: &Told, ran: &Ran, until: usize, is_loose: &dyn Fn(&str) -> bool) -> Option<String> {
    let settled = || told.calls.iter().filter(|call| call.at <= until && !is_loose(&call.key));
    for call in settled() {
        let made = ran.calls.get(&call.key);
        if made != Some(&call.input) {
            return Some(format!("the call {}\n  oracle: {}\n  engine: {made:?}", call.key, call.input));
        }
    }
    let known: BTreeSet<&String> = settled().map(|call| &call.key).collect();
    let more = ran.calls.keys().find(|key| until == usize::MAX && !is_loose(key) && !known.contains(key));
    more.map(|key| format!("the engine makes the call {key}, the oracle does not"))
}

/// `run/outer#2[3]!1/inner!1/0` is a call of `outer/inner`.
fn node_of(key: &str) -> String {
    let steps = key.split('/').skip(1).filter(|step| step.starts_with(|c: char| c.is_ascii_lowercase()));
    let names = steps.map(|step| step.split(['#', '[', '!']).next().unwrap_or_default());
    names.collect::<Vec<_>>().join("/")
}

/// What a call comes to follows from its key and from all that it is given.
fn answer(key: &str, input: &Json) -> Answer {
    let draw = hash(&format!("{key} {input}"));
    let timed = key.split('/').skip(1).any(|step| step.starts_with('t'));
    let kind = match draw % 23 {
        0 | 1 => "exit",
        2 => "timeout",
        3 => "conflict",
        4 if (draw / 23).is_multiple_of(3) => "denied",
        5 | 6 if timed => return Answer::Never,
        _ => {
            let text = if (draw / 23).is_multiple_of(4) {
                format!("x{draw}")
            } else {
                format!("{}", draw / 92 % 40)
            };
            return Answer::Output(json!({ "exit_code": draw / 400 % 6, "stdout": text }));
        }
    };
    Answer::Failure(kind.to_owned())
}

fn person(node: &str) -> Person {
    match hash(node) % 5 {
        0 => Person::Rejects,
        1 => Person::Chooses(1),
        2 => Person::Silent,
        // what is timed, and what is inside of it, is ended by its clock
        _ if hash(&format!("{node}?")).is_multiple_of(3)
            && !node.split('/').any(|step| step.starts_with('t')) =>
        {
            Person::Absent
        }
        _ => Person::Approves,
    }
}

fn hash(text: &str) -> u64 {
    let folded = text.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Random(folded).next() >> 8
}

/// One of `SHARDS` parts of the graphs, so that each processor has some.
fn shard(part: u64) {
    let first = std::env::var("LGFLOW_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    println!("seeds {first} to {}, part {part} of {SHARDS}", first + GRAPHS - 1);
    let mut met: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in (first..first + GRAPHS).filter(|seed| seed % SHARDS == part) {
        let graph = generate::graph(&format!("g{seed}"), &mut Random(seed));
        let schedules = schedules_of(seed);
        match verdict(&graph, schedules) {
            Ok(told) => {
                *met.entry(told.status).or_default() += 1;
                let again = told.path.windows(2).any(|two| two[0].1 < two[1].1 && two[0].0 == two[1].0);
                *met.entry("turned").or_default() += u64::from(again);
                *met.entry("withdrawn").or_default() += u64::from(told.withdrawn);
                told.met.iter().for_each(|what| *met.entry(what).or_default() += 1);
                let mut count = |what, is_met: bool| *met.entry(what).or_default() += u64::from(is_met);
                let failed = told.outputs.is_none() && told.status != "suspended";
                count("channels of a failure", failed && !told.channels.is_empty());
                count("channels of a suspended run", told.status == "suspended" && !told.channels.is_empty());
                let inside = || told.children.iter().filter(|child| !child.channels.is_empty());
                count("channels of a subgraph", inside().any(|child| !child.failed));
                count("channels of a subgraph that failed", inside().any(|child| child.failed));
                *met.entry("a message").or_default() += u64::from(told.message.is_some());
            }
            Err(Trouble::Refused(found)) => panic!("seed {seed}: {found:#?}\n{}", shrink::graph_file(&graph)),
            Err(Trouble::Stuck) => panic!("seed {seed} never ends\n{}", shrink::graph_file(&graph)),
            Err(Trouble::Differs(whole)) => {
                println!("seed {seed}: {whole}, made small:");
                let differs = |graph: &Json| matches!(verdict(graph, schedules), Err(Trouble::Differs(_)));
                let small = shrink::shrink(&graph, &differs);
                let Err(Trouble::Differs(what)) = verdict(&small, schedules) else {
                    unreachable!("it differed")
                };
                panic!("seed {seed}: {what}\n{}", shrink::graph_file(&small));
            }
        }
    }
    println!("part {part}: {met:?}");
    // the graphs are worth something: enough of them end in each way, turn, and come by each part of the language
    let ways = ["succeeded", "failed", "denied", "out_of_budget", "suspended", "turned"];
    let parts = [
        "a map that stops",
        "a map that collects",
        "a join of some",
        "a join of all",
        "catch",
        "always",
        "channels of a failure",
        "channels of a suspended run",
        "channels of a subgraph",
        "channels of a subgraph that failed",
        "a message",
        "calls beside each other",
        "a loop within a loop",
    ];
    // sources in an inner loop, with edges that leave one or both
    let nested = [
        "exhausted by a loop around",
        "exhausted, caught further out",
        "a failure that only a loop edge caught, which ran out",
        "otherwise, beside a loop that was left further in",
    ];
    let ways = ways.into_iter().chain(parts).map(|way| (way, 20));
    let few = [
        ("withdrawn", 5),
        ("a group of several executions", 5),
        ("a failure, and beside it a condition without a value", 10),
        ("a sum that is too large", 10),
    ];
    for (way, least) in ways.into_iter().chain(few).chain(nested.map(|way| (way, 5))) {
        assert!(met.get(way).copied().unwrap_or_default() >= least, "{met:?}");
    }
}

macro_rules! shards {
    ($($name:ident $part:literal),*) => {
        $(#[test]
        fn $name() {
            shard($part);
        })*
    };
}

const SHARDS: u64 = 4;
shards!(
    engine_and_oracle_agree_first_part 0,
    engine_and_oracle_agree_second_part 1,
    engine_and_oracle_agree_third_part 2,
    engine_and_oracle_agree_fourth_part 3
);

#[test]
fn the_oracle_shares_nothing_with_the_engine_but_the_model() {
    for text in [
        include_str!("expression.rs"),
        include_str!("reading.rs"),
        include_str!("run.rs"),
        include_str!("edges.rs"),
        include_str!("loops.rs"),
        include_str!("seen.rs"),
        include_str!("slots.rs"),
        include_str!("units.rs"),
        include_str!("told.rs"),
    ] {
        for line in text.lines().filter(|line| line.contains("lgflow::")) {
            let alone = line.matches("lgflow::").count() == line.matches("lgflow::model").count();
            assert!(alone, "the oracle imports `model` alone: {line}");
        }
    }
}
