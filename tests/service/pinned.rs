//! A runner that must have a key shows it before anything is sent to it: no token, no id of a run, no policy.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::program::{Ran, Workspace};
use crate::runs::{GRAPH, front, there};
use crate::served::{Served, TOKEN, fits};

const OTHER: &str = "ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// Listens on a free port, answers each request of the one client that comes by `answer`, and gives what it heard.
fn fake(answer: impl Fn(&str) -> String + Send + 'static) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let heard = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (mut all, mut bytes) = (String::new(), vec![0; 65536]);
        let mut seen = 0;
        while let Ok(count) = client.read(&mut bytes) {
            if count == 0 {
                break;
            }
            all.push_str(&String::from_utf8_lossy(&bytes[..count]));
            if all[seen..].contains("\r\n\r\n") {
                let said = answer(&all[seen..]);
                seen = all.len();
                if client.write_all(said.as_bytes()).is_err() {
                    break;
                }
            }
        }
        all
    });
    (host, heard)
}

fn run(here: &Workspace, host: &str, key: &str) -> Ran {
    here.write("token", TOKEN);
    let more = ["--runner-token-file", "token", "--runner-key", key, "--runner", &format!("http://{host}")];
    let arguments =
        [&["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"][..], &more].concat();
    Ran::from(here.command(&arguments).output().unwrap())
}

/// Nothing but the question who it is.
fn is_the_question_alone(heard: &str, host: &str) {
    let lines: Vec<&str> = heard.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines[0].starts_with("GET /v1/identity?nonce=") && lines.len() == 2, "{heard:?}");
    assert_eq!(lines[1].to_lowercase(), format!("host: {host}"), "{heard:?}");
}

fn document(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_runner_that_does_not_show_the_key_hears_nothing() {
    let work = there();
    let served = Served::start(&work);
    let key = served.listening["key"].as_str().unwrap().to_owned();
    let upgrade =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: lgflow-frames/1\r\n\r\n";
    let unknown = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let claims = |key: &str| {
        document(&format!(r#"{{"schema":"lgflow.identity/v1","key":"{key}","signature":"AAAA"}}"#))
    };
    for (answer, words) in [
        (upgrade.to_owned(), "did not show its key"),
        (unknown.to_owned(), "it answers 404"),
        (document("{}"), "its answer shows none"),
        (claims(OTHER), "has the key ed25519:"),
        (claims(&key), "what it signed is not what it was asked"),
    ] {
        let (host, heard) = fake(move |_| answer.clone());
        let refused = run(&front(GRAPH), &host, &key).ended(1);
        assert!(
            refused.stdout.contains(words) && refused.stdout.contains("nothing was sent"),
            "{}",
            refused.stdout
        );
        is_the_question_alone(&heard.join().unwrap(), &host);
    }
}

#[test]
fn who_answers_what_calls_ask_has_the_key_shown_first_as_well() {
    let work = there();
    let served = Served::start(&work);
    let key = served.listening["key"].as_str().unwrap();
    work.write("ann.token", TOKEN);
    for (verb, more, variable) in
        [("approve", &["--runner-key", key][..], None), ("reject", &[], Some(("LGFLOW_RUNNER_KEY", key)))]
    {
        let (host, heard) = fake(move |_| {
            document(&format!(r#"{{"schema":"lgflow.identity/v1","key":"{OTHER}","signature":"AAAA"}}"#))
        });
        let there = ["--runner", &format!("http://{host}"), "--runner-token-file", "ann.token"];
        let mut command = work.command(&[&[verb], &there[..], more].concat());
        let refused = Ran::from(command.envs(variable).output().unwrap()).ended(1);
        assert!(refused.stderr.contains("nothing was sent"), "{}", refused.stderr);
        is_the_question_alone(&heard.join().unwrap(), &host);
    }
}

#[test]
fn one_that_hands_on_what_the_right_one_signs_is_not_the_right_one() {
    let work = there();
    let served = Served::start(&work);
    let key = served.listening["key"].as_str().unwrap().to_owned();
    let (real, host_there) = (served.host().to_owned(), served.host().to_owned());
    let (host, heard) = fake(move |request| {
        let path = request.split(' ').nth(1).unwrap();
        let mut there = std::net::TcpStream::connect(&real).unwrap();
        write!(there, "GET {path} HTTP/1.1\r\nHost: {host_there}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        there.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    });
    let refused = run(&front(GRAPH), &host, &key).ended(1);
    assert!(refused.stdout.contains("by the name that it was asked under"), "{}", refused.stdout);
    is_the_question_alone(&heard.join().unwrap(), &host);
    // under its own name it is
    run(&front(GRAPH), served.host(), &key).ended(0);
}

#[test]
fn who_it_is_is_told_to_whoever_asks_and_signs_nothing_else() {
    let work = there();
    let served = Served::start(&work);
    let ask = |query: &str| served.bare(&format!("GET /v1/identity{query}"), &[("Host", "localhost")], "");
    let nonce = "0123456789abcdef".repeat(4);
    let answer = ask(&format!("?nonce={nonce}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let shown = answer.json();
    fits(&shown);
    assert_eq!(shown["key"], served.listening["key"]);
    let key = lgflow::digest::PublicKey::parse(shown["key"].as_str().unwrap()).unwrap();
    let signature = shown["signature"].as_str().unwrap();
    assert!(key.checks(&lgflow::effect::Identity::message("localhost", &nonce), signature));
    for query in [
        "",
        "?nonce=",
        "?nonce=0",
        &format!("?nonce={}", nonce.to_uppercase()),
        &format!("?nonce={nonce}0"),
        &format!("?nonce={nonce}&x=1"),
    ] {
        ask(query).refused(400);
    }
    served.bare(&format!("GET /v1/identity?nonce={nonce}"), &[("Host", "evil.example")], "").refused(403);
}
