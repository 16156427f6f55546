//! Models over a network: what is asked again and when, what is no answer, where a key goes, and what is told of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::llmock::Llmock;
use crate::places::{KEY, Place, secret};
use crate::program::Ran;
use crate::server::{Part, Server, ok, redirect};

pub const GRANT: &str = "schema: lgflow.policy/v1\nname: p\ntools: { llm: allow, read_file: allow }\npaths: { read: { allow: ['**'], deny: [secret.txt] } }\n";

/// A model `default` at an origin, with the key, and with this besides.
pub fn model(origin: &str, more: &str) -> String {
    format!(
        "{}[models.default]\nbase_url = \"{origin}/v1\"\nmodel = \"test-model\"\nkey = \"API_KEY\"\n{more}\n",
        secret("llm", origin)
    )
}

pub fn graph(with: &str) -> String {
    format!(
        "schema: lgflow.graph/v1\nname: g\nprompts: {{ ask: {{ text: 'Name a colour.' }} }}\nnodes:\n  ask:\n    uses: llm\n    with: {{ model: default, prompt: ask{with} }}\n  say: {{ uses: values, with: {{ kind: '{{{{ nodes.ask.error.kind }}}}', message: '{{{{ nodes.ask.error.message }}}}' }} }}\nedges:\n  - {{ from: ask, to: say, catch: [any] }}\noutputs:\n  answer: \"{{{{ nodes.ask.output | default('none') }}}}\"\n  kind: \"{{{{ nodes.say.output.kind | default('none') }}}}\"\n  message: \"{{{{ nodes.say.output.message | default('none') }}}}\"\n"
    )
}

const COLOUR: &str = ", repairs: 1, output_schema: { type: object, required: [colour], properties: { colour: { enum: [red, blue] } }, additionalProperties: false }";

/// A run of a graph; the outputs, and what was printed. The key is in nothing that the run has left anywhere.
pub fn run(place: &Place, graph: &str) -> (Value, Ran) {
    place.workspace.write("g.yaml", graph);
    let policy = place.workspace.outside().join("policy.yaml");
    if !policy.exists() {
        fs::write(&policy, GRANT).unwrap();
    }
    let arguments =
        ["run", "-g", "g.yaml", "--policy", &policy.display().to_string(), "--trace", "--format", "json"];
    let mut command = place.workspace.command(&arguments);
    command.env("API_KEY", KEY).env("LGFLOW_LOG", "trace");
    let ran = Ran::from(command.output().unwrap());
    assert!(
        !ran.stdout.contains(KEY) && !ran.stderr.contains(KEY),
        "the key is told:\n{}\n{}",
        ran.stdout,
        ran.stderr
    );
    assert_nowhere(place.workspace.outside());
    let document: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}\n{}", ran.stdout, ran.stderr));
    (document, ran)
}

/// Every byte of every file: the key under no form that is looked for.
fn assert_nowhere(folder: &Path) {
    let hex: String = KEY.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            for form in [KEY, hex.as_str()] {
                assert!(
                    !bytes.windows(form.len()).any(|window| window == form.as_bytes()),
                    "{} holds the key",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn a_provider_that_is_busy_then_wrong_is_asked_again_until_it_is_right() {
    let provider = Llmock::start();
    let place = Place::new(&model(&provider.origin(), ""));
    provider.script(&json!([
        { "type": "fail", "status": 429, "retry_after": 1 },
        { "type": "reply", "text": "{\"colour\": \"green\"}" },
        { "type": "reply", "text": "```json\n{\"colour\": \"blue\"}\n```" },
    ]));
    let (document, ran) = run(&place, &graph(COLOUR));
    assert_eq!(document["outputs"]["answer"], json!({ "colour": "blue" }), "{document:#}\n{}", ran.stderr);
    let asked = provider.requests();
    assert_eq!(asked.len(), 3, "{asked:#?}");
    assert_eq!(provider.findings(), Vec::<String>::new());
    // the wait was as long as it was asked for
    let moment = |at: usize| asked[at]["started_at"].as_f64().unwrap_or_else(|| panic!("when? {asked:#?}"));
    assert!(moment(1) - moment(0) >= 1.0, "{asked:#?}");
    assert!(document["nodes"]["ask"]["status"] == "succeeded", "{document:#}");
    assert!(ran.stderr.contains("ask"), "{}", ran.stderr);
}

#[test]
fn what_stays_busy_or_breaks_off_is_no_answer() {
    let provider = Llmock::start();
    let place = Place::new(&model(
        &provider.origin(),
        "retries = 1\ntimeouts = { first_token = \"2s\", total = \"20s\" }",
    ));
    let kind = |behaviors: Value| {
        provider.reset().script(&behaviors);
        let (document, _) = run(&place, &graph(""));
        let told = (
            document["outputs"]["kind"].as_str().unwrap_or("-").to_owned(),
            document["outputs"]["message"].to_string(),
        );
        assert!(
            !provider
                .findings()
                .iter()
                .any(|code| code == "retry_after_ignored" || code == "retried_non_retryable"),
            "{:?}",
            provider.findings()
        );
        (told.0, told.1, provider.requests().len())
    };
    let (busy, _, requests) =
        kind(json!([{ "type": "fail", "status": 429, "retry_after": 0.2, "times": 2 }]));
    assert_eq!((busy.as_str(), requests), ("rate_limited", 2));
    let (far, message, requests) = kind(json!([{ "type": "fail", "status": 429, "retry_after": 4000 }]));
    assert!(far == "rate_limited" && requests == 1 && message.contains("4000 s"), "{message}");
    let (down, _, requests) = kind(json!([{ "type": "fail", "status": 503, "times": 2 }]));
    assert_eq!((down.as_str(), requests), ("upstream", 2));
    for status in [400, 401, 403, 422] {
        let (refused, message, requests) =
            kind(json!([{ "type": "fail", "status": status, "message": "no such luck" }]));
        assert!(
            refused == "invalid_input" && requests == 1 && message.contains("no such luck"),
            "{status}: {refused} {message}"
        );
    }
    for fault in ["truncate", "disconnect", "malformed"] {
        let (cut, message, requests) = kind(json!([
            { "type": "reply", "text": "red, as far as one can see from here and from there" },
            { "type": "stream_fault", "kind": fault, "after_chunks": 3 },
        ]));
        assert_eq!((cut.as_str(), requests), ("upstream", 1), "{fault}: {message}");
    }
    let (slow, message, _) = kind(json!([{ "type": "slow_first_token", "seconds": 30 }]));
    assert!(slow == "timeout" && message.contains("within 2 s"), "{slow} {message}");
    let (short, message, _) = kind(json!([{ "type": "reply", "text": "red", "finish_reason": "length" }]));
    assert!(short == "limit" && message.contains("max_tokens"), "{short} {message}");
    // the node's own retry begins anew, and who cut the stream sees that half an answer was not taken for one
    provider.reset().script(&json!([
        { "type": "reply", "text": "red, as far as one can see from here", "times": 2 },
        { "type": "stream_fault", "kind": "truncate", "after_chunks": 2 },
    ]));
    let (document, _) = run(
        &place,
        &graph("")
            .replace("    with: { model", "    retry: { attempts: 2, backoff: 100ms }\n    with: { model"),
    );
    assert_eq!(document["outputs"]["answer"]["text"], "red, as far as one can see from here", "{document:#}");
    assert_eq!(provider.findings(), Vec::<String>::new());
    // and after all of it, an answer
    provider.reset().script(&json!([{ "type": "reply", "text": "red" }]));
    assert_eq!(run(&place, &graph("")).0["outputs"]["answer"], json!({ "text": "red" }));
}

#[test]
fn a_key_goes_to_its_provider_and_nowhere_else() {
    let thief = Server::saying("thanks");
    let led = thief.origin();
    let event = |said: &str| {
        format!(
            "data: {}\n\n",
            json!({ "choices": [{ "delta": { "content": said }, "finish_reason": "stop" }] })
        )
    };
    let provider = Server::start(move |request| {
        let key = request.header("authorization").unwrap_or("nothing").to_owned();
        match request.json()["messages"][0]["content"].as_str().unwrap_or_default() {
            text if text.contains("lead") => {
                redirect("307 Temporary Redirect", &format!("{led}/v1/chat/completions"))
            }
            text if text.contains("refuse") => crate::server::reply(
                "400 Bad Request",
                "content-type: application/json\r\n",
                json!({ "error": { "message": format!("bad key {key}") } }).to_string().as_bytes(),
            ),
            _ => {
                ok("text/event-stream", &format!("{}data: [DONE]\n\n", event(&format!("your key is {key}"))))
            }
        }
    });
    let place = Place::new(&model(&provider.origin(), ""));
    let asking = |word: &str| graph("").replace("Name a colour.", word);
    let (document, _) = run(&place, &asking("repeat"));
    assert_eq!(
        document["outputs"]["answer"]["text"], "your key is Bearer [redacted:API_KEY]",
        "{document:#}"
    );
    let (document, _) = run(&place, &asking("refuse"));
    assert!(
        document["outputs"]["message"].as_str().unwrap().contains("bad key Bearer [redacted:API_KEY]"),
        "{document:#}"
    );
    let (document, _) = run(&place, &asking("lead"));
    assert_eq!(document["outputs"]["kind"], "invalid_input", "{document:#}");
    assert!(thief.requests().is_empty(), "{:?}", thief.requests());
    let sent = provider.requests();
    assert!(sent.iter().all(|request| request.header("authorization") == Some(&format!("Bearer {KEY}"))));
    assert_eq!(
        (sent[0].target.as_str(), &sent[0].json()["model"]),
        ("/v1/chat/completions", &json!("test-model"))
    );
    assert!(!String::from_utf8_lossy(&sent[0].body).contains(KEY));

    // a key that is declared for another origin stays where it is, and so does one that is for another tool
    for config in [
        model(&provider.origin(), "").replacen(&provider.origin(), &thief.origin(), 1),
        model(&provider.origin(), "").replace("tool = \"llm\"", "tool = \"http\""),
    ] {
        let place = Place::new(&config);
        place.workspace.write("g.yaml", graph(""));
        let ran = place.workspace.lgflow(&["run", "-g", "g.yaml"]);
        assert!(ran.code == Some(3) && ran.stderr.contains("is not declared for `llm`"), "{}", ran.stderr);
    }
    assert_eq!((sent.len(), thief.requests().len()), (provider.requests().len(), 0));
}

#[test]
fn who_leaves_out_what_others_say_is_understood() {
    let answers = [
        // nothing in the middle, no count, no last word but a reason
        "data: {\"choices\":[]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":null}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"red\"}}]}\n\n: still here\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"red\"},\"finish_reason\":null}]}\r\n\r\ndata: [DONE]\r\n\r\n",
    ];
    for answer in answers {
        let provider = Server::start(move |_| ok("text/event-stream; charset=utf-8", answer));
        let place = Place::new(&model(&provider.origin(), ""));
        let (document, _) = run(&place, &graph(""));
        assert_eq!(document["outputs"]["answer"]["text"], "red", "{document:#}");
    }
    let whole = r#"{"choices":[{"message":{"content":"red"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#;
    let provider = Server::start(move |_| ok("application/json", whole));
    let place = Place::new(&model(&provider.origin(), ""));
    assert_eq!(run(&place, &graph("")).0["outputs"]["answer"]["text"], "red");
    // words without an end, and an end without words
    for (answer, kind) in [
        ("data: {\"choices\":[{\"delta\":{\"content\":\"red\"}}]}\n\n", "upstream"),
        ("", "upstream"),
        ("data: {\"error\":{\"message\":\"overloaded\"}}\n\n", "upstream"),
    ] {
        let provider = Server::start(move |_| ok("text/event-stream", answer));
        let place = Place::new(&model(&provider.origin(), ""));
        assert_eq!(run(&place, &graph("")).0["outputs"]["kind"], kind, "{answer}");
    }
}

#[test]
fn an_answer_of_nothing_is_none() {
    let said = |answer: &Value, end: &str| format!("data: {answer}\n\n{end}");
    let piece =
        |delta: Value, finish: Value| json!({ "choices": [{ "delta": delta, "finish_reason": finish }] });
    let tool = json!([{ "index": 0, "id": "c", "function": { "name": "read_file", "arguments": "{}" } }]);
    let done = "data: [DONE]\n\n";
    for (answer, kind, words) in [
        (done.to_owned(), "upstream", "answered with nothing"),
        (said(&piece(json!({ "content": "" }), json!("stop")), done), "upstream", "answered with nothing"),
        (said(&piece(json!({ "content": null }), json!("length")), done), "limit", "max_tokens"),
        (said(&piece(json!({}), json!("content_filter")), done), "upstream", "withheld its answer"),
        (said(&piece(json!({ "content": "I look." }), json!("tool_calls")), done), "upstream", "names none"),
        (
            said(&piece(json!({ "content": null, "tool_calls": tool }), json!("tool_calls")), done),
            "upstream",
            "asks for the tool `read_file`, and none was offered",
        ),
        (
            said(&piece(json!({ "content": "red", "tool_calls": tool }), json!("stop")), done),
            "upstream",
            "none was offered",
        ),
    ] {
        let told = answer.clone();
        let provider = Server::start(move |_| ok("text/event-stream", &answer));
        let place = Place::new(&model(&provider.origin(), "retries = 2"));
        let (document, _) = run(&place, &graph(""));
        let outputs = &document["outputs"];
        assert_eq!(outputs["kind"], kind, "{told}: {document:#}");
        assert!(outputs["message"].as_str().unwrap().contains(words), "{told}: {document:#}");
        // it was answered, so only the node asks again
        assert_eq!(provider.requests().len(), 1, "{told}");
    }
    // nothing in place of a value goes back, as anything else does that is none
    let provider = Server::start(|request| {
        let again = request.json()["messages"].as_array().unwrap().len() > 2;
        let text = if again { "{\"colour\": \"red\"}" } else { "" };
        let piece = json!({ "choices": [{ "delta": { "content": text }, "finish_reason": "stop" }] });
        ok("text/event-stream", &format!("data: {piece}\n\n"))
    });
    let place = Place::new(&model(&provider.origin(), ""));
    let (document, _) = run(&place, &graph(COLOUR));
    assert_eq!(document["outputs"]["answer"], json!({ "colour": "red" }), "{document:#}");
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn tokens_are_counted_against_the_budget() {
    let provider = Llmock::start();
    let place = Place::new(&model(&provider.origin(), "max_tokens = 50"));
    let budget = "schema: lgflow.graph/v1\nname: g\nbudgets: { llm_tokens: 3 }\nprompts: { ask: { text: 'Name a colour.' } }\nnodes:\n  a: { uses: llm, with: { model: default, prompt: ask } }\n  b: { uses: llm, with: { model: default, prompt: ask } }\nedges: [a -> b]\n";
    provider.script(&json!([{ "type": "reply", "text": "red and blue", "times": 2 }]));
    let (document, ran) = run(&place, budget);
    assert_eq!((document["status"].as_str(), ran.code), (Some("out_of_budget"), Some(6)), "{document:#}");
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_model_is_asked_where_the_user_and_the_policy_let_it_be() {
    let provider = Server::start(|_| {
        ok(
            "text/event-stream",
            "data: {\"choices\":[{\"delta\":{\"content\":\"red\"},\"finish_reason\":\"stop\"}]}\n\n",
        )
    });
    let origin = provider.origin();
    let verdict = |config: &str, policy: &str, trusted: bool| {
        let place = Place::new(config);
        place.workspace.write(
            ".lg/policy.yaml",
            format!("schema: lgflow.policy/v1\nname: p\ntools: {{ llm: allow }}\n{policy}\n"),
        );
        place
            .workspace
            .write(".lg/graph.yaml", graph("").replace("name: g\n", "name: g\npolicy: [policy.yaml]\n"));
        let mut arguments = vec!["run", "--format", "json"];
        arguments.extend(trusted.then_some("--trust"));
        let mut command = place.workspace.command(&arguments);
        command.env("API_KEY", KEY);
        let ran = Ran::from(command.output().unwrap());
        let document: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}\n{}", ran.stdout, ran.stderr));
        let told = format!("{}{}", document["error"]["message"], ran.stderr);
        (ran.code.unwrap(), told, document["outputs"]["answer"]["text"].clone())
    };
    let declared = model(&origin, "");
    let (code, told, answer) = verdict(&declared, "", true);
    assert_eq!((code, &answer), (0, &json!("red")), "{told}");
    // nobody has trusted the workspace
    let (code, told, _) = verdict(&declared, "", false);
    assert!(code == 4 && told.contains("network"), "{code}: {told}");
    // a list of origins bounds models as well
    let (code, told, _) = verdict(&declared, "network: [{ origin: 'https://other.example:443' }]", true);
    assert!(code == 4 && told.contains(&origin), "{code}: {told}");
    let listed =
        format!("network: [{{ origin: '{origin}', methods: [POST], paths: ['/v1/**'], max_requests: 1 }}]");
    assert_eq!(verdict(&declared, &listed, true).0, 0);
    // and so does a list of secrets
    let (code, told, _) = verdict(&declared, "secrets: {}", true);
    assert!(code == 4 && told.contains("API_KEY"), "{code}: {told}");
    let asked = provider.requests().len();
    assert_eq!(asked, 2);
    // without a declaration `default` is the built-in model, which needs no network
    let (code, told, answer) = verdict("", "", false);
    assert!(code == 0 && answer == json!("Name a colour."), "{code}: {told}");
    assert_eq!(provider.requests().len(), asked);
}

#[test]
fn a_call_that_is_ended_ends_its_request() {
    let provider = Server::start(|_| {
        vec![Part::Bytes(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"re\"}}]}\n\n".to_vec()), Part::Pause(Duration::from_mins(2))]
    });
    let place = Place::new(&model(&provider.origin(), ""));
    let timed = graph("").replace("    with: { model", "    timeout: 1s\n    with: { model");
    let (document, _) = run(&place, &timed);
    assert_eq!(document["outputs"]["kind"], "timeout", "{document:#}");
}

#[test]
fn doctor_looks_at_models_and_asks_their_providers_where_it_is_told_to() {
    let provider = Server::start(|request| match request.header("authorization") {
        Some(key) if key == format!("Bearer {KEY}") => {
            ok("application/json", r#"{"data":[{"id":"other"},{"id":"test-model"}]}"#)
        }
        _ => crate::server::reply("401 Unauthorized", "", b"no"),
    });
    let elsewhere = Server::saying("no list");
    let more = format!(
        "[models.plain]\nbase_url = \"{}/v1\"\nmodel = \"m\"\n[models.gone]\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"",
        elsewhere.origin()
    );
    let place = Place::new(&model(&provider.origin(), &more));
    let doctor = |arguments: &[&str], key: &str| {
        let mut command = place.workspace.command(&[&["doctor"], arguments].concat());
        let ran = Ran::from(command.env("API_KEY", key).output().unwrap()).ended(0);
        assert!(!ran.stdout.contains(KEY) && !ran.stderr.contains(KEY), "{}{}", ran.stdout, ran.stderr);
        ran
    };
    let models = |arguments: &[&str], key: &str| {
        let document = doctor(&[arguments, &["--format", "json"]].concat(), key).json();
        let of = |name: &str| {
            let models = document["models"].as_array().unwrap();
            models.iter().find(|model| model["name"] == name).unwrap().clone()
        };
        ["default", "plain", "gone"].map(of)
    };
    let [default, plain, gone] = models(&[], KEY);
    assert_eq!((&default["ready"], &default["online"]), (&json!(true), &Value::Null), "{default}");
    assert_eq!(default["key"], "its key `API_KEY` has a value");
    assert_eq!(
        (&plain["ready"], &plain["key"], &gone["ready"]),
        (&json!(true), &json!("it needs no key"), &json!(true))
    );
    let [default, ..] = models(&[], "");
    assert_eq!(default["ready"], false, "{default}");
    assert!(default["key"].as_str().unwrap().contains("the variable `API_KEY` is not set"), "{default}");
    assert!(provider.requests().is_empty() && elsewhere.requests().is_empty(), "nobody is asked by itself");

    let [default, plain, gone] = models(&["--online"], KEY);
    assert_eq!(default["online"], json!({ "status": 200, "lists_it": true, "error": null }));
    assert_eq!(plain["online"], json!({ "status": 200, "lists_it": null, "error": null }));
    assert!(
        gone["ready"] == false && gone["online"]["error"].as_str().unwrap().contains("cannot be reached")
    );
    let asked = provider.requests().remove(0);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/v1/models"));
    assert_eq!(elsewhere.requests()[0].header("authorization"), None);
    let said = doctor(&["--online"], "another-key-than-that").stdout;
    assert!(said.contains("it answers, and does not take the key"), "{said}");
    let said = doctor(&[], KEY).stdout;
    assert!(said.contains("`lgflow doctor --online` asks the providers"), "{said}");
}
