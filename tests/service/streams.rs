//! Output while it comes: in pieces without what must not leave, and the result last.

use std::io::{BufRead as _, BufReader, Write as _};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::program::Workspace;
use crate::served::{POLICY, Served, TOKEN};

/// Events of a stream, in their order.
fn events(text: &str) -> Vec<(String, Value)> {
    let one = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Some((field("event:")?.to_owned(), serde_json::from_str(field("data:")?).ok()?))
    };
    text.split("\n\n").filter_map(one).collect()
}

fn sh(script: &str) -> String {
    json!({ "tool": "exec", "input": { "argv": ["sh", "-c", script] } }).to_string()
}

#[test]
fn output_comes_while_the_command_runs_and_the_result_last() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let mut stream = served.connect();
    // the command waits for what the test does when it has heard of it
    let body = sh("echo one; echo two >&2; while [ ! -e go ]; do sleep 0.05; done; echo three");
    let head = format!(
        "POST /v1/tools/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (mut all, mut lines) = (String::new(), BufReader::new(stream));
    let mut gone_on = false;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 {
            break;
        }
        all += &line;
        if !gone_on && all.contains("one") && all.contains("two") {
            assert!(!all.contains("three"));
            fs::write(work.path().join("go"), "").unwrap();
            gone_on = true;
        }
    }
    let answer = crate::served::Answer::read(&all);
    assert!(answer.head.contains("text/event-stream"), "{}", answer.head);
    let told = events(&answer.body);
    let text = |name: &str| -> String {
        told.iter()
            .filter(|(event, _)| event == name)
            .map(|(_, data)| data["text"].as_str().unwrap())
            .collect()
    };
    assert_eq!((text("stdout").as_str(), text("stderr").as_str()), ("one\nthree\n", "two\n"));
    let (last, result) = told.last().unwrap();
    assert_eq!(
        (last.as_str(), &result["ok"], &result["stdout"]),
        ("result", &true.into(), &"one\nthree\n".into())
    );
}

#[test]
fn a_secret_that_comes_in_pieces_leaves_in_none() {
    let work = Workspace::git();
    let key = "correct-horse-battery-staple";
    let config = work.outside().join("home/.config/lgflow");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("config.toml"),
        "[secrets.KEY]\nenv = \"KEY\"\nfor = [{ tool = \"http\", origin = \"https://a.example:443\", as = \"header Authorization\" }]\n",
    )
    .unwrap();
    work.write("policy.yaml", format!("{POLICY}redact: [{{ name: card, pattern: 'card-[0-9]{{6}}' }}]\n"));
    let variables = [("LGFLOW_RUNNER_TOKEN", TOKEN), ("KEY", key)];
    let served = Served::with(&work, &["--listen", "127.0.0.1:0", "--policy", "policy.yaml"], &variables);
    let script = "printf before; for part in correct- horse-ba ttery -staple; do printf %s $part; sleep 0.05; done; \
                  echo; printf card-12; sleep 0.05; echo 3456; printf %s \"$KEY\" | base64 >&2";
    let answer = served.ask("POST /v1/tools/stream", &sh(script));
    let told = events(&answer.body);
    let text: String = told
        .iter()
        .filter(|(event, _)| event == "stdout")
        .map(|(_, data)| data["text"].as_str().unwrap())
        .collect();
    assert_eq!(text, "before[redacted:KEY]\n[redacted:card]\n", "{}", answer.body);
    for piece in ["correct-", "horse", "staple", "123456", "Y29ycmVj"] {
        assert!(!answer.body.contains(piece), "`{piece}` is in {}", answer.body);
    }
    assert_eq!(told.last().unwrap().1["stdout"], "before[redacted:KEY]\n[redacted:card]\n");
}

#[test]
fn a_stream_of_a_call_that_was_made_before_or_is_refused_is_its_result() {
    let work = Workspace::git();
    work.write("secret.txt", "x");
    let served = Served::start(&work);
    let call = json!({ "tool": "exec", "input": { "argv": ["sh", "-c", "echo x >> n.txt; cat n.txt"] }, "idempotency_key": "k" });
    let first = events(&served.ask("POST /v1/tools/stream", &call.to_string()).body);
    let again = events(&served.ask("POST /v1/tools/stream", &call.to_string()).body);
    assert_eq!((again.len(), &again[0]), (1, first.last().unwrap()));
    assert_eq!(served.execute(&call).result(), again[0].1);
    assert_eq!(work.read("n.txt"), "x\n");
    let refused = json!({ "tool": "read_file", "input": { "path": "secret.txt" } });
    let told = events(&served.ask("POST /v1/tools/stream", &refused.to_string()).body);
    assert_eq!((told.len(), &told[0].1["error"]["kind"]), (1, &"denied".into()));
    let other = json!({ "tool": "read_file", "input": { "path": "a" }, "idempotency_key": "k" });
    served.ask("POST /v1/tools/stream", &other.to_string()).refused(409);
    served.ask("POST /v1/tools/stream", "{}").refused(400);
}

#[test]
fn a_client_that_reads_nothing_holds_nobody_up() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let body = sh("yes | head -c 3000000; touch done.txt");
    let head = format!(
        "POST /v1/tools/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut deaf: Vec<_> = (0..8).map(|_| served.connect()).collect();
    for stream in &mut deaf {
        stream.write_all(head.as_bytes()).unwrap();
    }
    crate::program::processes::wait_until(
        || work.path().join("done.txt").exists(),
        "a command waits for its reader",
    );
    thread::scope(|scope| {
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(|| served.ask("GET /readyz", "").status)).collect();
        assert!(asked.into_iter().all(|asked| asked.join().unwrap() == 200));
    });
}
