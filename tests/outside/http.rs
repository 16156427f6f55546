//! `http`: what the policy lists, where an answer leads, what is sent along, and how it ends.

use std::time::Duration;

use serde_json::json;

use crate::places::{KEY, Place, network, private, secret};
use crate::server::{Part, Server, ok, redirect, reply};

#[test]
fn a_request_and_its_answer() {
    let server = Server::start(|request| match request.target.as_str() {
        "/items?q=a%20b" => reply(
            "201 Created",
            "Content-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\n",
            br#"{"n": [1]}"#,
        ),
        "/text" => ok("text/plain; charset=utf-8", "grüß"),
        "/odd" => ok("application/json", "not json"),
        "/none" => reply("404 Not Found", "", b"no"),
        "/busy" => reply("429 Too Many Requests", "retry-after: 1\r\n", b""),
        "/broken" => reply("500 Internal Server Error", "", b"oh"),
        "/bytes" => reply("200 OK", "content-type: image/png\r\n", &[0xff, 0xfe, 0]),
        _ => reply("400 Bad Request", "", b""),
    });
    let origin = server.origin();
    let place = Place::new(&private(&[&origin]));
    let policy = network(&[&origin]);
    let output = place.fetch(
        &policy,
        &json!({ "url": format!("{origin}/items?q=a%20b"), "method": "POST", "headers": { "Accept": "application/json" }, "body": { "a": 1 } }),
    );
    assert_eq!((&output["status"], &output["body"]), (&json!(201), &json!({ "n": [1] })));
    assert_eq!(output["headers"]["x-two"], "a, b");
    let sent = server.requests().remove(0);
    assert_eq!((sent.method.as_str(), sent.json()), ("POST", json!({ "a": 1 })));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("accept"), Some("application/json"));
    assert_eq!(sent.header("host"), Some(format!("127.0.0.1:{}", server.port()).as_str()));

    let get = |path: &str| json!({ "url": format!("{origin}{path}") });
    assert_eq!(place.fetch(&policy, &get("/text"))["body"], "grüß");
    assert_eq!(place.fetch(&policy, &get("/odd"))["body"], "not json");
    for (path, kind) in [
        ("/none", "not_found"),
        ("/busy", "rate_limited"),
        ("/broken", "upstream"),
        ("/other", "invalid_input"),
        ("/bytes", "invalid_output"),
    ] {
        let (code, result) = place.call("http", &policy, &get(path));
        assert_eq!((code, result["error"]["kind"].as_str()), (1, Some(kind)), "{path}: {result:#}");
        assert!(result["error"]["output"]["status"].is_u64(), "{path}: {result:#}");
    }
    let mut listed = get("/none");
    listed["ok_status"] = json!([200, 404]);
    assert_eq!(place.fetch(&policy, &listed)["status"], 404);
    listed["ok_status"] = json!("any");
    assert_eq!(place.fetch(&policy, &listed)["body"], "no");
}

#[test]
fn only_what_a_rule_lists_is_asked() {
    let server = Server::saying("hello");
    let origin = server.origin();
    let place = Place::new(&private(&[&origin]));
    let rules = format!(
        "network: [{{ origin: '{origin}', methods: [GET], paths: ['/v1/**'], headers: [X-Mine], max_requests: 2 }}]"
    );
    let get = |path: &str| json!({ "url": format!("{origin}{path}") });
    let with = |name: &str| json!({ "url": format!("{origin}/v1/a"), "headers": { name: "x" } });
    assert_eq!(place.fetch(&rules, &get("/v1/a"))["body"], "hello");
    assert_eq!(place.fetch(&rules, &with("x-mine"))["body"], "hello");
    assert_eq!(place.fetch(&rules, &with("Accept-Language"))["body"], "hello");
    let asked = server.requests().len();
    let mut post = get("/v1/a");
    post["method"] = json!("POST");
    for (input, named) in [
        (post, "POST"),
        (get("/v2/a"), "/v2/a"),
        (get("/v1/../v2"), "no plain URL"),
        (get("/v1/%2e%2e/v2"), "no plain URL"),
        (with("Authorization"), "`authorization`"),
        (with("Cookie"), "`cookie`"),
        (json!({ "url": format!("http://127.0.0.2:{}/v1/a", server.port()) }), "lists"),
        (json!({ "url": format!("http://u@127.0.0.1:{}/v1/a", server.port()) }), "no plain URL"),
        (json!({ "url": format!("http://2130706433:{}/v1/a", server.port()) }), "lists"),
    ] {
        let (kind, message) = place.refused(&rules, &input);
        assert!(kind == "denied" && message.contains(named), "{input}: {kind}: {message}");
    }
    for header in ["Host", "Content-Length", "Transfer-Encoding", "Proxy-Authorization", "Connection"] {
        let (kind, message) = place
            .refused(&format!("network: [{{ origin: '{origin}', headers: ['{header}'] }}]"), &with(header));
        assert!(kind == "invalid_input" && message.contains(header), "{header}: {kind}: {message}");
    }
    let (kind, _) = place.refused(
        &format!("network: [{{ origin: '{origin}', headers: [X-Mine] }}]"),
        &json!({ "url": format!("{origin}/v1/a"), "headers": { "x-mine": "a\r\nHost: evil" } }),
    );
    assert_eq!(kind, "invalid_input");
    assert_eq!(server.requests().len(), asked, "what was refused was not sent");
}

#[test]
fn what_a_rule_bounds_is_counted_over_the_whole_run() {
    let server = Server::saying("hello");
    let origin = server.origin();
    let place = Place::new(&private(&[&origin]));
    place.workspace.write(
        "g.yaml",
        format!(
            "schema: lgflow.graph/v1\nname: g\nnodes:\n  one: {{ uses: http, with: {{ url: '{origin}/1' }} }}\n  wait: {{ uses: approval, with: {{ show: go on? }} }}\n  two: {{ uses: http, with: {{ url: '{origin}/2' }} }}\n  three: {{ uses: http, with: {{ url: '{origin}/3' }} }}\nedges: [one -> wait -> two -> three]\n"
        ),
    );
    let policy = place.workspace.outside().join("policy.yaml");
    let after_two = |bound: &str| {
        let before = server.requests().len();
        let rules = format!("network: [{{ origin: '{origin}', {bound} }}]");
        let text = format!("schema: lgflow.policy/v1\nname: p\ntools: {{ http: allow }}\n{rules}\n");
        std::fs::write(&policy, text).unwrap();
        let policy = policy.display().to_string();
        let run = place.workspace.lgflow(&["run", "-g", "g.yaml", "--policy", &policy, "--format", "json"]);
        let run = run.ended(5).json()["run"].as_str().unwrap().to_owned();
        place.workspace.lgflow(&["approve", &run, "wait"]).ended(0);
        let resumed = place.workspace.lgflow(&["runs", "resume", &run, "--format", "json"]);
        let document = resumed.json();
        let told = (document["error"]["kind"].clone(), document["error"]["message"].to_string());
        assert_eq!(place.workspace.lgflow(&["trace", "verify", &run]).code, Some(0), "{document:#}");
        (told, server.requests().len() - before)
    };
    let ((kind, message), sent) = after_two("max_requests: 2");
    assert!(kind == "budget" && message.contains("max_requests"), "{kind}: {message}");
    assert_eq!(sent, 2, "the one of before it was gone on with counts");
    let ((kind, message), sent) = after_two("max_out: 200");
    assert!(kind == "budget" && message.contains("max_out"), "{kind}: {message}");
    assert_eq!(sent, 2);
    assert_eq!(after_two("max_requests: 3").1, 3);
}

#[test]
fn an_address_that_is_not_public_is_named_by_the_user_or_not_asked() {
    let server = Server::saying("internal");
    let place = Place::new("");
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
    ] {
        let origin = format!("http://{host}:{}", server.port());
        let policy = format!("network: [{{ origin: '{origin}' }}]");
        let (kind, message) = place.refused(&policy, &json!({ "url": format!("{origin}/") }));
        assert!(
            kind == "denied" && message.contains("no public address") && message.contains("private"),
            "{host}: {kind}: {message}"
        );
    }
    assert!(server.requests().is_empty());
    // a name that stands for loopback, named
    let origin = format!("http://localhost:{}", server.port());
    let place = Place::new(&private(&[&origin]));
    assert_eq!(
        place.fetch(&network(&[&origin]), &json!({ "url": format!("{origin}/") }))["body"],
        "internal"
    );
    // and what was named is that origin alone
    let (kind, _) =
        place.refused(&network(&[&server.origin()]), &json!({ "url": format!("{}/", server.origin()) }));
    assert_eq!((kind.as_str(), server.requests().len()), ("denied", 1));
}

#[test]
fn where_an_answer_leads_is_judged_again() {
    let elsewhere = Server::saying("elsewhere");
    let unlisted = Server::saying("unlisted");
    let (to, not) = (elsewhere.origin(), unlisted.origin());
    let (there, nowhere) = (to.clone(), not.clone());
    let server = Server::start(move |request| match request.target.as_str() {
        "/v1/moved" => redirect("301 Moved Permanently", "/v1/here"),
        "/v1/here" => ok("text/plain", "here"),
        "/v1/out" => redirect("302 Found", "/v2/secret"),
        "/v1/to" => redirect("307 Temporary Redirect", &format!("{there}/x")),
        "/v1/not" => redirect("302 Found", &format!("{nowhere}/x")),
        "/v1/meta" => redirect("302 Found", "http://169.254.169.254/latest/meta-data"),
        "/v1/file" => redirect("302 Found", "file:///etc/passwd"),
        "/v1/round" => redirect("302 Found", "/v1/round"),
        _ => ok("text/plain", "what should not be read"),
    });
    let origin = server.origin();
    let place = Place::new(&format!("{}{}", private(&[&origin, &to, &not]), secret("http", &origin)));
    let policy = format!(
        "network: [{{ origin: '{origin}', paths: ['/v1/**'], headers: [x-own] }}, {{ origin: '{to}' }}, {{ origin: 'http://169.254.169.254:80' }}]\nsecrets: {{ API_KEY: allow }}"
    );
    let get = |path: &str| json!({ "url": format!("{origin}{path}"), "headers": { "authorization": { "$secret": "API_KEY", "prefix": "Bearer " }, "x-own": "1" } });
    let own = |path: &str| json!({ "url": format!("{origin}{path}"), "headers": { "x-own": "1" } });
    assert_eq!(place.fetch(&policy, &get("/v1/moved"))["body"], "here");
    let last = server.requests().pop().unwrap();
    assert_eq!(
        last.header("authorization"),
        Some(format!("Bearer {KEY}").as_str()),
        "within the origin it goes along"
    );
    assert_eq!(place.fetch(&policy, &get("/v1/to"))["body"], "elsewhere");
    let led = elsewhere.requests().pop().unwrap();
    assert_eq!((led.header("authorization"), led.header("x-own")), (None, None), "{led:?}");
    for (path, named) in [
        ("/v1/out", "/v2/secret"),
        ("/v1/not", not.as_str()),
        ("/v1/meta", "no public address"),
        ("/v1/file", "no plain address"),
    ] {
        let (kind, message) = place.refused(&policy, &own(path));
        assert!(kind == "denied" && message.contains(named), "{path}: {kind}: {message}");
    }
    let (kind, _) = place.refused(&policy, &own("/v1/round"));
    assert_eq!(kind, "upstream");
    // what changes something is not made a second time
    let mut post = own("/v1/moved");
    post["method"] = json!("POST");
    let before = server.requests().len();
    let (kind, _) = place.refused(&policy, &post);
    assert_eq!((kind.as_str(), server.requests().len()), ("upstream", before + 1));
    assert!(unlisted.requests().is_empty());
    assert!(!server.requests().iter().any(|request| request.target.starts_with("/v2")));
}

#[test]
fn a_secret_goes_to_its_origin_and_into_nothing_that_is_told() {
    let echo = |request: &crate::server::Request| {
        let said = request.header("authorization").unwrap_or("nothing").to_owned();
        reply("401 Unauthorized", &format!("x-echo: {said}\r\n"), format!("you said {said}").as_bytes())
    };
    let (server, other) = (Server::start(echo), Server::start(echo));
    let origin = server.origin();
    let place = Place::new(&format!("{}{}", private(&[&origin, &other.origin()]), secret("http", &origin)));
    let policy = format!("{}\nsecrets: {{ API_KEY: allow }}", network(&[&origin, &other.origin()]));
    let with = |origin: &str| json!({ "url": format!("{origin}/"), "headers": { "Authorization": { "$secret": "API_KEY", "prefix": "Bearer " } } });
    let (_, result) = place.call("http", &policy, &with(&origin));
    assert_eq!(server.requests()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(result["error"]["output"]["body"], "you said Bearer [redacted:API_KEY]");
    assert_eq!(result["error"]["output"]["headers"]["x-echo"], "Bearer [redacted:API_KEY]");
    let (kind, _) = place.refused(&policy, &with(&other.origin()));
    assert_eq!((kind.as_str(), other.requests().len()), ("denied", 0));
    // without a value nothing is asked
    let (_, result) = place.call_with("http", &policy, &with(&origin), &[("API_KEY", "")]);
    assert!(result["error"]["message"].as_str().unwrap().contains("`API_KEY` is not set"), "{result:#}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_answer_ends_in_time_and_in_size() {
    let server = Server::start(|request| {
        let head = |more: &str| Part::Bytes(format!("HTTP/1.1 200 OK\r\n{more}\r\n").into_bytes());
        match request.target.as_str() {
            "/endless" => vec![head(""), Part::Endless(vec![b'x'; 64 << 10])],
            "/headers" => vec![
                Part::Bytes(b"HTTP/1.1 200 OK\r\n".to_vec()),
                Part::Endless(b"x-more: and more\r\n".to_vec()),
            ],
            "/slow" => vec![
                head("content-length: 9\r\n"),
                Part::Bytes(b"a".to_vec()),
                Part::Pause(Duration::from_mins(1)),
            ],
            "/silent" => vec![Part::Pause(Duration::from_mins(1))],
            "/short" => vec![head("content-length: 9\r\n"), Part::Bytes(b"four".to_vec())],
            "/chunks" => vec![head("transfer-encoding: chunked\r\n"), Part::Bytes(b"4\r\nfour\r\n".to_vec())],
            "/bomb" => vec![
                head("content-encoding: gzip\r\ncontent-length: 4\r\n"),
                Part::Bytes(b"\x1f\x8b\x08\x00".to_vec()),
            ],
            _ => vec![Part::Bytes(b"SSH-2.0-OpenSSH\r\n".to_vec())],
        }
    });
    let origin = server.origin();
    let place = Place::new(&private(&[&origin]));
    let graph = |path: &str| {
        format!(
            "schema: lgflow.graph/v1\nname: g\nnodes:\n  get: {{ uses: http, with: {{ url: '{origin}{path}' }}, timeout: 500ms }}\n  say: {{ uses: values, with: {{ kind: '{{{{ nodes.get.error.kind }}}}' }} }}\nedges:\n  - {{ from: get, to: say, catch: [any] }}\noutputs: {{ kind: '{{{{ nodes.say.output.kind | default(\"none\") }}}}' }}\n"
        )
    };
    let policy = place.workspace.outside().join("policy.yaml");
    std::fs::write(
        &policy,
        format!("schema: lgflow.policy/v1\nname: p\ntools: {{ http: allow }}\n{}\n", network(&[&origin])),
    )
    .unwrap();
    for path in ["/slow", "/silent"] {
        place.workspace.write("g.yaml", graph(path));
        let ran = place.workspace.lgflow(&["run", "-g", "g.yaml", "--policy", &policy.display().to_string()]);
        assert_eq!(ran.stdout.trim(), "timeout", "{path}: {}", ran.stderr);
    }
    let rules = network(&[&origin]);
    for (path, kind) in [
        ("/endless", "limit"),
        ("/headers", "upstream"),
        ("/short", "upstream"),
        ("/chunks", "upstream"),
        ("/bomb", "upstream"),
        ("/none", "upstream"),
    ] {
        let (found, message) = place.refused(&rules, &json!({ "url": format!("{origin}{path}") }));
        assert_eq!(found, kind, "{path}: {message}");
    }
    let (kind, message) = place.refused(
        &format!("{rules}\nlimits: {{ read_bytes: 3 }}"),
        &json!({ "url": format!("{origin}/chunks") }),
    );
    assert!(kind == "limit" && message.contains("3 bytes"), "{kind}: {message}");
}
