//! When a model is waited for, and how long; how much of it is read; and what it may leave out.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::models::{graph, model, run};
use crate::places::Place;
use crate::server::{Part, Server, ok, reply};

const RED: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"red\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn head() -> Part {
    Part::Bytes(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec())
}

fn word(said: &str) -> Part {
    let piece = json!({ "choices": [{ "delta": { "content": said } }] });
    Part::Bytes(format!("data: {piece}\n\n").into_bytes())
}

/// The kind and the message of what a run with a model at `origin` fails with; `none` where it does not.
fn failure(origin: &str, more: &str) -> (String, String) {
    let (document, _) = run(&Place::new(&model(origin, more)), &graph(""));
    let told = |name: &str| document["outputs"][name].as_str().unwrap().to_owned();
    (told("kind"), told("message"))
}

/// A place where a connection is never made: as many wait there as may.
struct Full {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let waiting: Vec<TcpStream> = std::iter::from_fn(connect).take(64).collect();
        assert!(waiting.len() < 64, "the queue is never full");
        Self { address, _listener: listener, _waiting: waiting }
    }
}

#[test]
fn each_time_of_a_model_ends_by_itself() {
    let full = Full::new();
    let times = "retries = 0\ntimeouts = { connect = \"300ms\", first_token = \"30s\", total = \"60s\" }";
    let (kind, message) = failure(&format!("http://{}", full.address), times);
    assert!(kind == "timeout" && message.contains("a connection within 300 ms"), "{kind}: {message}");

    // it has answered, and says no word
    let silent = Server::start(|_| {
        vec![head(), Part::Bytes(b": one moment\n\n".to_vec()), Part::Pause(Duration::from_mins(2))]
    });
    let times = "retries = 0\ntimeouts = { connect = \"10s\", first_token = \"1s\", total = \"60s\" }";
    let (kind, message) = failure(&silent.origin(), times);
    assert!(kind == "timeout" && message.contains("a first word within 1 s"), "{kind}: {message}");

    // it speaks, and does not come to an end
    let slow = Server::start(|_| {
        let drops = (0..400).flat_map(|_| [word("drop "), Part::Pause(Duration::from_millis(200))]);
        [head()].into_iter().chain(drops).collect()
    });
    let times = "retries = 0\ntimeouts = { connect = \"10s\", first_token = \"20s\", total = \"2s\" }";
    let (kind, message) = failure(&slow.origin(), times);
    assert!(kind == "timeout" && message.contains("the whole answer within 2 s"), "{kind}: {message}");
}

/// A provider that refuses once, with these headers, and then answers.
fn refusing_once(status: &'static str, headers: &'static str) -> Server {
    let asked = Arc::new(AtomicUsize::new(0));
    Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => reply(status, headers, b""),
        _ => ok("text/event-stream", RED),
    })
}

#[test]
fn it_is_asked_again_when_it_wants_to_be_by_seconds_or_by_a_date() {
    for (status, headers) in [
        ("429 Too Many Requests", "retry-after: 1\r\n"),
        ("503 Service Unavailable", "retry-after: 0\r\n"),
        (
            "429 Too Many Requests",
            "date: Wed, 21 Oct 2026 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2026 07:28:01 GMT\r\n",
        ),
        // a time that is past by its own clock, and by ours
        (
            "500 Internal Server Error",
            "date: Wed, 21 Oct 2026 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2026 07:27:00 GMT\r\n",
        ),
        ("429 Too Many Requests", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n"),
        // what says nothing is answered with a wait of our own
        ("429 Too Many Requests", "retry-after: soon\r\n"),
        ("502 Bad Gateway", ""),
    ] {
        let provider = refusing_once(status, headers);
        let (kind, message) = failure(&provider.origin(), "");
        assert_eq!(kind, "none", "{status} {headers}: {message}");
        assert_eq!(provider.requests().len(), 2, "{status} {headers}");
    }
    for (headers, said) in [
        ("retry-after: 3600\r\n", "3600 s"),
        ("date: Wed, 21 Oct 2026 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2026 08:28:00 GMT\r\n", "3600 s"),
        ("retry-after: Wed, 21 Oct 2099 07:28:00 GMT\r\n", "more than 60 s is not waited for"),
    ] {
        let provider = refusing_once("429 Too Many Requests", headers);
        let (kind, message) = failure(&provider.origin(), "");
        assert!(kind == "rate_limited" && message.contains(said), "{headers}: {kind}: {message}");
        assert_eq!(provider.requests().len(), 1, "{headers}");
    }
}

#[test]
fn what_says_too_much_is_not_read_to_its_end() {
    let long = json!({ "choices": [{ "delta": { "content": "x".repeat(64 << 10) } }] });
    let text = format!("data: {long}\n\n").into_bytes();
    let provider = Server::start(move |_| vec![head(), Part::Endless(text.clone())]);
    let (kind, message) = failure(&provider.origin(), "retries = 0");
    assert!(kind == "upstream" && message.contains("more than 8388608 bytes"), "{kind}: {message}");

    let line = Server::start(|_| vec![head(), Part::Endless(vec![b'x'; 64 << 10])]);
    let (kind, message) = failure(&line.origin(), "retries = 0");
    assert!(kind == "upstream" && message.contains("no events"), "{kind}: {message}");

    let headers = Server::start(|_| {
        vec![Part::Bytes(b"HTTP/1.1 200 OK\r\n".to_vec()), Part::Endless(b"x-more: and more\r\n".to_vec())]
    });
    assert_eq!(failure(&headers.origin(), "retries = 0").0, "upstream");
}

#[test]
fn what_a_provider_leaves_out_is_nothing_and_an_answer_of_nothing_or_without_an_end_is_none() {
    let answered = |answer: &'static str| {
        let provider = Server::start(move |_| ok("application/json", answer));
        let (document, _) = run(&Place::new(&model(&provider.origin(), "retries = 0")), &graph(""));
        match document["outputs"]["kind"].as_str().unwrap() {
            "none" => document["outputs"]["answer"]["text"].clone(),
            kind => Value::from(format!("!{kind}")),
        }
    };
    for (answer, expected) in [
        (r#"{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}"#, "!upstream"),
        (r#"{"choices":[{"message":null,"finish_reason":"stop"}]}"#, "!upstream"),
        (
            r#"{"choices":[{"message":{"content":"red","tool_calls":null},"finish_reason":"stop"}],"usage":null}"#,
            "red",
        ),
        (r#"{"choices":[]}"#, "!upstream"),
        (r#"{"choices":null}"#, "!upstream"),
        (r#"{"choices":[{"message":{"content":"red"}}]}"#, "!upstream"),
        ("{}", "!upstream"),
        ("[]", "!upstream"),
    ] {
        assert_eq!(answered(answer), expected, "{answer}");
    }
}
