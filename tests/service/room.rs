//! What is answered has a bound, whatever a client asks for.

use std::fs;

use serde_json::{Value, json};

use crate::program::Workspace;
use crate::program::processes::children;
use crate::served::Served;

/// Bytes of the file; a result holds it twice.
const FILE: usize = 7_000_000;

fn list(served: &Served, calls: usize, mode: &str) -> Vec<Value> {
    let call = json!({ "tool": "read_file", "input": { "path": "large.txt" } });
    let body = json!({ "calls": vec![call; calls], "mode": mode }).to_string();
    let answer = served.ask("POST /v1/tools/batch_execute", &body);
    assert!(answer.body.len() < 65 << 20, "{}", answer.body.len());
    let results = answer.result()["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), calls);
    results
}

/// How many of them are whole, and how many were left out.
fn told(results: &[Value]) -> (usize, usize) {
    let whole = |result: &&Value| result["output"]["content"].as_str().is_some_and(|text| text.len() == FILE);
    let left_out = |result: &&Value| result["error"]["limit"] == "answer_bytes";
    (results.iter().filter(whole).count(), results.iter().filter(left_out).count())
}

/// The most memory that a process ever had, in MiB.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn a_list_is_answered_up_to_a_bound_and_costs_no_more_memory_than_that() {
    let work = Workspace::git();
    work.write("large.txt", "seven b".repeat(FILE / 7)).write("small.txt", "small");
    let served = Served::start(&work);
    assert_eq!(told(&list(&served, 6, "parallel")), (4, 2));
    // decided and made together, they stop at the first that is too much
    let results = list(&served, 6, "together");
    assert_eq!(told(&results), (4, 1));
    assert!(
        results[5..].iter().all(|result| result["error"]["kind"] == "cancelled"),
        "{:?}",
        results[5]["error"]
    );
    let small = json!({ "tool": "read_file", "input": { "path": "small.txt" } });
    assert_eq!(served.execute(&small).result()["output"]["content"], "small");
    let processes: Vec<u32> = children(served.id()).into_iter().chain([served.id()]).collect();
    assert!(processes.len() > 1);
    for id in processes {
        assert!(peak(id) < 512, "the process {id} has had {} MiB", peak(id));
    }
}
