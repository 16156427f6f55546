//! Who is let in: tokens, hosts, pages, sizes, times, and sockets.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::program::Workspace;
use crate::served::{POLICY, Served, TOKEN};

const CALL: &str = "{\"tool\":\"exec\",\"input\":{\"argv\":[\"sh\",\"-c\",\"touch done.txt\"]}}";

#[test]
fn nobody_without_a_token_meets_anything_but_health() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let paths = [
        "GET /readyz",
        "GET /metrics",
        "GET /openapi.json",
        "GET /v1/capabilities",
        "GET /other",
        "GET /v1/runs/open",
        "DELETE /v1/calls/x",
    ];
    for line in paths {
        served.bare(line, &[("Host", "localhost")], "").refused(401);
    }
    let bearer = format!("Bearer {TOKEN}");
    for said in
        ["Bearer", "Bearer ", "Bearer wrong", TOKEN, &bearer[..bearer.len() - 1], &format!("Basic {TOKEN}")]
    {
        let headers = [("Host", "localhost"), ("Authorization", said), ("Content-Type", "application/json")];
        let answer = served.bare("POST /v1/tools/execute", &headers, CALL);
        answer.refused(401);
        assert!(answer.head.to_lowercase().contains("www-authenticate: bearer"), "{}", answer.head);
    }
    let twice = [
        ("Host", "localhost"),
        ("Authorization", &bearer),
        ("Authorization", "Bearer x"),
        ("Content-Type", "application/json"),
    ];
    served.bare("POST /v1/tools/execute", &twice, CALL).refused(401);
    assert!(!work.path().join("done.txt").exists());
    // whoever guesses is not heard for long, and whoever knows is
    let guess = || served.ask_as("guess", "GET /readyz", "").status;
    let refused = (0..400).map(|_| guess()).find(|status| *status == 429);
    assert_eq!(refused, Some(429));
    served.ask("GET /readyz", "").result();
}

#[test]
fn no_page_of_a_browser_reaches_it_under_any_name() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let port = served.host().rsplit_once(':').unwrap().1.to_owned();
    let bearer = format!("Bearer {TOKEN}");
    let with = |headers: &[(&str, &str)], line: &str| {
        let base = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        served.bare(line, &[headers, &base].concat(), CALL)
    };
    let post = "POST /v1/tools/execute";
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1.evil.example",
        "",
        "localhost@evil.example",
    ] {
        with(&[("Host", host)], post).refused(403);
        served.bare("GET /healthz", &[("Host", host)], "").refused(403);
    }
    // none at all, and two of them
    assert!([400, 403].contains(&with(&[], post).status));
    assert!([400, 403].contains(&with(&[("Host", "localhost"), ("Host", "evil.example")], post).status));
    with(&[("Host", "localhost")], "POST http://evil.example/v1/tools/execute").refused(403);
    for origin in ["https://evil.example", "null", "http://localhost", &format!("http://127.0.0.1:{port}")] {
        with(&[("Host", "localhost"), ("Origin", origin)], post).refused(403);
        let asked = [("Host", "localhost"), ("Origin", origin), ("Access-Control-Request-Method", "POST")];
        let preflight = served.bare("OPTIONS /v1/tools/execute", &asked, "");
        preflight.refused(403);
        assert!(!preflight.head.to_lowercase().contains("access-control-allow"), "{}", preflight.head);
    }
    // what a form of a page can send without being asked for leave
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonp",
    ] {
        let headers = [("Host", "localhost"), ("Authorization", bearer.as_str()), ("Content-Type", kind)];
        served.bare(post, &headers, CALL).refused(415);
    }
    served.bare(post, &[("Host", "localhost"), ("Authorization", bearer.as_str())], CALL).refused(415);
    assert!(!work.path().join("done.txt").exists());
    for host in ["localhost", "LOCALHOST", &format!("127.0.0.1:{port}"), "[::1]:1"] {
        let answer = with(&[("Host", host)], "GET /readyz");
        assert_eq!(answer.status, 200, "{host}: {}", answer.body);
        let head = answer.head.to_lowercase();
        assert!(head.contains("cache-control: no-store") && head.contains("nosniff"), "{head}");
    }
}

#[test]
fn a_body_is_bounded_in_its_size_whatever_it_says_of_it() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let head = format!(
        "POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    );
    let said = served.raw(format!("{head}Content-Length: 99999999999\r\n\r\n{{"));
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    let chunk = "x".repeat(1 << 20);
    let chunks = format!("100000\r\n{chunk}\r\n").repeat(17);
    let said = served.raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n\"{chunks}0\r\n\r\n"));
    // one that goes on sending may lose the answer with its connection
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    let large = format!("GET /readyz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    let said = served.raw(large);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    let lines = "A: b\r\n".repeat(1000);
    let said = served.raw(format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"));
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    for noise in [
        "\0\0\0\0",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n\r\n\r\n",
    ] {
        let said = served.raw(noise);
        assert!(!said.starts_with("HTTP/1.1 2") && !said.starts_with("HTTP/1.1 5"), "{noise:?}: {said}");
    }
    assert_eq!(served.ask("GET /readyz", "").status, 200);
}

#[test]
fn who_is_slow_loses_the_connection_and_nobody_else_does() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let idle: Vec<_> = (0..200).map(|_| served.connect()).collect();
    thread::scope(|scope| {
        let slow_head = scope.spawn(|| {
            let mut stream = served.connect();
            let mut closed = false;
            for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
                .iter()
                .chain(std::iter::repeat_n(&b'x', 400))
            {
                if stream.write_all(&[*byte]).is_err() {
                    closed = true;
                    break;
                }
                thread::sleep(Duration::from_millis(100));
            }
            let mut rest = Vec::new();
            closed || stream.read_to_end(&mut rest).is_ok_and(|_| !rest.starts_with(b"HTTP/1.1 200"))
        });
        let never_more = scope.spawn(|| {
            let mut stream = served.connect();
            let head = format!("POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{");
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        for _ in 0..20 {
            assert_eq!(served.bare("GET /healthz", &[("Host", "localhost")], "").status, 200);
            thread::sleep(Duration::from_millis(50));
        }
        assert!(slow_head.join().unwrap());
        let answer = never_more.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    });
    for mut stream in idle {
        // all of them are closed, and none waits for the test's own time-out
        let mut nothing = Vec::new();
        let _ = stream.read_to_end(&mut nothing);
        assert!(
            nothing.is_empty() || nothing.starts_with(b"HTTP/1.1 408"),
            "{}",
            String::from_utf8_lossy(&nothing)
        );
    }
}

#[test]
fn a_socket_of_the_users_own_needs_no_token_and_stands_where_nobody_else_comes() {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY).write("a.txt", "a\n");
    let folder = work.outside().join("run");
    let address = format!("unix:{}", folder.join("runner.sock").display());
    let served = Served::with(&work, &["--listen", &address, "--policy", "policy.yaml"], &[]);
    assert_eq!(served.url(), address);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let call = json!({ "tool": "read_file", "input": { "path": "a.txt" } }).to_string();
    let headers = [("Host", "runner"), ("Content-Type", "application/json")];
    assert_eq!(served.bare("POST /v1/tools/execute", &headers, &call).result()["ok"], true);
    served
        .bare("POST /v1/tools/execute", &[&headers[..], &[("Origin", "null")]].concat(), &call)
        .refused(403);
    let second = work.lgflow(&["runner", "--listen", &address]).ended(1);
    assert!(second.stderr.contains("another process listens there"), "{}", second.stderr);
    assert_eq!(served.stop().0, Some(0));
    assert!(!folder.join("runner.sock").exists());
    let open = work.outside().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let refused =
        work.lgflow(&["runner", "--listen", &format!("unix:{}", open.join("s").display())]).ended(2);
    assert!(refused.stderr.contains("others may enter"), "{}", refused.stderr);
}

#[test]
fn an_address_without_a_token_or_without_a_wall_is_wrong_usage() {
    let work = Workspace::git();
    work.lgflow(&["runner", "--listen", "127.0.0.1:0"]).ended(2).says("needs a token");
    work.lgflow(&["runner", "--listen", "nonsense"]).ended(2).says("HOST:PORT");
    work.lgflow(&["runner"]).ended(2);
    let with_token = |address: &str| {
        let mut command = work.command(&["runner", "--listen", address]);
        crate::program::Ran::from(command.env("LGFLOW_RUNNER_TOKEN", TOKEN).output().unwrap())
    };
    with_token("0.0.0.0:0").ended(2).says("--insecure-behind-proxy");
    let mut command = work.command(&["runner", "--listen", "127.0.0.1:0"]);
    let ran = crate::program::Ran::from(command.env("LGFLOW_RUNNER_TOKEN", "two words").output().unwrap());
    ran.ended(2).says("one word");
    work.write("broken.yaml", "schema: lgflow.policy/v1\nname: p\ntools: { exec: sometimes }\n");
    let mut command = work.command(&["runner", "--listen", "127.0.0.1:0", "--policy", "broken.yaml"]);
    crate::program::Ran::from(command.env("LGFLOW_RUNNER_TOKEN", TOKEN).output().unwrap()).ended(3);
}
