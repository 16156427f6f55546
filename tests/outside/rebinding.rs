//! Names that stand for something else the second time, and servers that cannot prove who they are.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::places::{Place, network, private};

/// Ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_lookup_is_judged_and_no_other_is_made() {
    let place = Place::new("");
    let policy = place.workspace.outside().join("policy.yaml");
    fs::write(
        &policy,
        format!(
            "schema: lgflow.policy/v1\nname: p\ntools: {{ http: allow }}\n{}\n",
            network(&["http://rebind.example:80"])
        ),
    )
    .unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/rebinding.py");
    let ask = |path: &str| -> Value {
        let input = json!({ "url": format!("http://rebind.example{path}") }).to_string();
        let lgflow = place.workspace.command(&[
            "tool",
            "call",
            "http",
            &input,
            "--policy",
            &policy.display().to_string(),
            "--format",
            "json",
        ]);
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "--net", "python3"])
            .arg(&script)
            .arg(lgflow.get_program())
            .args(lgflow.get_args());
        command.current_dir(place.workspace.path()).stdin(Stdio::null()).env_clear();
        command.envs(lgflow.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "namespaces for a network and mounts are needed for this test:\n{err}"
        );
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let result = |told: &Value| -> Value {
        serde_json::from_str(told["out"].as_str().unwrap()).unwrap_or_else(|_| panic!("{told:#}"))
    };
    // one request looks the name up once, and goes to what was found
    let told = ask("/plain");
    assert_eq!(
        (&told["names"], &told["public"], &told["loopback"]),
        (&json!(1), &json!(["GET /plain HTTP/1.1"]), &json!([])),
        "{told:#}"
    );
    assert_eq!(result(&told)["output"]["body"], "here");
    // what its answer leads to is a request of its own, and its name stands for loopback by then
    let told = ask("/first");
    assert_eq!(
        (&told["names"], &told["public"], &told["loopback"]),
        (&json!(2), &json!(["GET /first HTTP/1.1"]), &json!([])),
        "{told:#}"
    );
    let error = &result(&told)["error"];
    assert!(
        error["kind"] == "denied" && error["message"].as_str().unwrap().contains("127.0.0.1"),
        "{error:#}"
    );
}

#[test]
fn who_cannot_prove_who_they_are_is_not_spoken_with() {
    let place = Place::new("");
    let folder = place.workspace.outside().join("tls");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("hello"), "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nproven").unwrap();
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(&folder).output();
        let output = output.expect("openssl is needed for this test");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=test-ca -days 2");
    openssl("req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost");
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile names",
    );
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem", "-HTTP"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let _server = Ended(server);
    let port = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some(place) = line.strip_prefix("ACCEPT ") {
            break place.rsplit(':').next().unwrap().to_owned();
        }
    };
    std::thread::spawn(move || lines.count());
    let origins = [format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}")];
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    let place = Place::new(&private(&origins));
    let policy = network(&origins);
    let ask = |origin: &str, trusted: bool| {
        let authorities =
            if trusted { folder.join("ca.pem") } else { "/etc/ssl/certs/ca-certificates.crt".into() };
        let authorities = authorities.display().to_string();
        place
            .call_with(
                "http",
                &policy,
                &json!({ "url": format!("{origin}/hello") }),
                &[("SSL_CERT_FILE", &authorities)],
            )
            .1
    };
    assert_eq!(ask(origins[0], true)["output"]["body"], "proven", "{:#}", ask(origins[0], true));
    // an authority that nobody trusts, and a name that the certificate does not have
    for (origin, trusted) in [(origins[0], false), (origins[1], true)] {
        let error = &ask(origin, trusted)["error"];
        assert!(
            error["kind"] == "upstream" && error["message"].as_str().unwrap().contains("certificate"),
            "{origin}: {error:#}"
        );
    }
}
