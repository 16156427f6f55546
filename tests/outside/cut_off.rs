//! Requests that are open when their runner dies: what they have changed nobody knows, so they are made again only where the node's
//! `on_crash` or a person says so; what only asks is asked again.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::places::{Place, network, private};
use crate::program::Ran;
use crate::program::processes::{children, command_line, signal};
use crate::server::{Part, Server, ok};

/// Answers nothing to the first request, and all others.
fn silent_at_first() -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => vec![Part::Pause(Duration::from_mins(10))],
        _ => ok("text/plain", "done"),
    })
}

/// A run whose runner was killed while its request was open.
fn killed_in_the_middle(server: &Server, method: &str, modifier: &str) -> (Place, String) {
    let origin = server.origin();
    let place = Place::new(&private(&[&origin]));
    place.workspace.write(
        "policy.yaml",
        format!("schema: lgflow.policy/v1\nname: p\ntools: {{ http: allow }}\n{}\n", network(&[&origin])),
    );
    place.workspace.write(
        "graph.yaml",
        format!("schema: lgflow.graph/v1\nname: g\nnodes:\n  send: {{ uses: http, with: {{ url: '{origin}/a', method: {method} }}{modifier} }}\n"),
    );
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let front =
        place.workspace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let runner = children(front.id()).into_iter().find(|id| command_line(*id).contains("__runner")).unwrap();
    signal(runner, "KILL");
    let ran = Ran::from(front.wait_with_output().unwrap()).ended(1).json();
    let run = ran["run"].as_str().unwrap().to_owned();
    (place, run)
}

fn resumed(place: &Place, run: &str, code: i32) -> Value {
    let ran = place.workspace.lgflow(&["runs", "resume", run, "--format", "json"]).ended(code).json();
    if code != 5 {
        place.workspace.lgflow(&["trace", "verify", run]).ended(0);
        place.workspace.lgflow(&["replay", run]).ended(0);
    }
    ran
}

#[test]
fn one_that_changes_something_is_made_again_where_its_author_says_so() {
    let server = silent_at_first();
    let (place, run) = killed_in_the_middle(&server, "POST", ", on_crash: retry");
    let ran = resumed(&place, &run, 0);
    assert_eq!((ran["status"].as_str(), server.requests().len()), (Some("succeeded"), 2), "{ran:#}");
}

#[test]
fn one_that_changes_something_has_failed_where_its_author_says_so() {
    let server = silent_at_first();
    let (place, run) = killed_in_the_middle(&server, "PUT", ", on_crash: fail");
    let ran = resumed(&place, &run, 1);
    assert_eq!(ran["error"]["kind"], "upstream", "{ran:#}");
    assert!(ran["error"]["message"].as_str().unwrap().contains("had begun when its runner died"), "{ran:#}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn one_that_changes_something_is_a_persons_where_nobody_says_so() {
    let server = silent_at_first();
    let (place, run) = killed_in_the_middle(&server, "POST", "");
    resumed(&place, &run, 5);
    assert_eq!(server.requests().len(), 1);
    place.workspace.approve(&run);
    let ran = resumed(&place, &run, 0);
    assert_eq!((ran["status"].as_str(), server.requests().len()), (Some("succeeded"), 2), "{ran:#}");
}

#[test]
fn one_that_only_asks_is_asked_again() {
    let server = silent_at_first();
    let (place, run) = killed_in_the_middle(&server, "GET", "");
    let ran = resumed(&place, &run, 0);
    assert_eq!((ran["status"].as_str(), server.requests().len()), (Some("succeeded"), 2), "{ran:#}");
}
