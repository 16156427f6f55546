//! The tools that read, through the gate: what they give, what they refuse, and that a refusal names rule and file.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod support;

use std::os::unix::fs::symlink;

use lgflow::effect::{ErrorKind, ToolResult};
use serde_json::{Value, json};
use support::Bench;

fn kind(result: &ToolResult) -> ErrorKind {
    assert!(!result.ok, "it should fail: {:?}", result.output);
    result.error.as_ref().unwrap().kind.clone()
}

fn paths(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect()
}

#[test]
fn read_file_gives_text_lines_or_base64() {
    let bench = Bench::with(&[("a/b.txt", "one\ntwo\r\nthree"), ("latin", "")]);
    bench.write("latin", b"caf\xe9\n");
    symlink("b.txt", bench.folder.path().join("a/link")).unwrap();
    let whole = bench.output("read_file", json!({ "path": "./a//b.txt" }));
    assert_eq!(whole["content"], "one\ntwo\r\nthree");
    assert_eq!((&whole["bytes"], &whole["encoding"]), (&json!(14), &json!("utf-8")));
    let part = bench.output("read_file", json!({ "path": "a/link", "range": { "start": 2, "end": 2 } }));
    assert_eq!((&part["path"], &part["content"]), (&json!("a/b.txt"), &json!("two\r\n")));
    assert_eq!(part["digest"], whole["digest"]);
    let bytes = bench.output("read_file", json!({ "path": "latin", "encoding": "base64" }));
    assert_eq!(bytes["content"], "Y2Fm6Qo=");
    let refused = bench.call("read_file", json!({ "path": "latin" }));
    assert_eq!(kind(&refused), ErrorKind::InvalidInput);
    assert!(refused.error.unwrap().message.contains("`encoding: base64`"));
}

#[test]
fn read_file_refuses_with_rule_and_file() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "CANARY").unwrap();
    let bench = Bench::with(&[(".env", "KEY=CANARY"), ("sub/.ssh/config", "CANARY"), ("x", "x")]);
    bench.write(".git/config", "CANARY");
    let at = bench.folder.path();
    symlink(".env", at.join("harmless.txt")).unwrap();
    symlink(outside.path().join("secret"), at.join("out")).unwrap();
    symlink("sub", at.join("link")).unwrap();
    for path in [".env", "harmless.txt", "sub/.ssh/config", "link/.ssh/config", ".git/config", ".ENV"] {
        let result = bench.call("read_file", json!({ "path": path }));
        assert_eq!(kind(&result), ErrorKind::Denied, "{path}");
        let error = result.error.unwrap();
        assert!(!error.message.contains("CANARY"));
        let rule = error.rule.unwrap_or_else(|| panic!("{path}: no rule is named: {}", error.message));
        assert!(!rule.rule.is_empty() && !rule.layer.is_empty(), "{path}: {rule:?}");
    }
    assert_eq!(kind(&bench.call("read_file", json!({ "path": "out" }))), ErrorKind::Denied);
    for path in ["../x", "/etc/passwd", "~/x", "file:///etc/passwd", "a\u{0}b", ""] {
        let refused = kind(&bench.call("read_file", json!({ "path": path })));
        assert!(matches!(refused, ErrorKind::Denied | ErrorKind::InvalidInput), "{path}: {refused:?}");
    }
    assert_eq!(kind(&bench.call("read_file", json!({ "path": "none" }))), ErrorKind::NotFound);
    assert_eq!(kind(&bench.call("read_file", json!({ "path": "sub" }))), ErrorKind::InvalidInput);
    for input in [json!({}), json!([]), json!({ "path": 1 }), json!({ "path": "x", "pat": 1 })] {
        assert_eq!(kind(&bench.call("read_file", input)), ErrorKind::InvalidInput);
    }
}

#[test]
fn list_files_is_sorted_honours_ignore_files_and_hides_what_is_denied() {
    let bench = Bench::with(&[
        (".gitignore", "*.log\n"),
        ("a.log", ""),
        ("b/c.rs", ""),
        ("b-c", ""),
        (".env", "CANARY"),
        ("b/.netrc", "CANARY"),
        (".github/x.yml", ""),
    ]);
    bench.write(".git/HEAD", "ref: x");
    let all = bench.output("list_files", json!({ "recursive": true }));
    assert_eq!(paths(&all["files"]), [".github/x.yml", ".gitignore", "b-c", "b/c.rs"]);
    let top = bench.output("list_files", json!({}));
    assert_eq!(paths(&top["files"]), [".gitignore", "b-c"]);
    let ignored = bench.output("list_files", json!({ "glob": "*.log", "ignore": false }));
    assert_eq!(paths(&ignored["files"]), ["a.log"]);
    let cut = bench.call("list_files", json!({ "recursive": true, "max": 2 }));
    assert!(cut.truncated);
    assert_eq!(paths(&cut.output["files"]), [".github/x.yml", ".gitignore"]);
    assert_eq!(kind(&bench.call("list_files", json!({ "path": "none" }))), ErrorKind::NotFound);
    assert_eq!(kind(&bench.call("list_files", json!({ "path": "../" }))), ErrorKind::Denied);
}

#[test]
fn search_files_finds_lines_and_tells_nothing_of_what_is_denied() {
    let bench = Bench::with(&[
        ("a.txt", "no\näö needle here\nneedle needle\nno\n"),
        (".env", "needle=CANARY"),
        ("b/c.txt", "needle"),
    ]);
    bench.write("binary", b"needle\0needle");
    let found = bench.output("search_files", json!({ "pattern": "needle" }));
    assert_eq!(
        found["matches"],
        json!([
            { "path": "a.txt", "line": 2, "column": 4, "text": "äö needle here" },
            { "path": "a.txt", "line": 3, "column": 1, "text": "needle needle" },
            { "path": "b/c.txt", "line": 1, "column": 1, "text": "needle" },
        ])
    );
    let around = bench.output("search_files", json!({ "pattern": "äö", "context": 1 }));
    assert_eq!(around["matches"][0]["before"], json!(["no"]));
    assert_eq!(around["matches"][0]["after"], json!(["needle needle"]));
    let cut = bench.call("search_files", json!({ "pattern": "needle", "max": 1 }));
    assert!(cut.truncated && cut.output["matches"].as_array().unwrap().len() == 1);
    assert_eq!(kind(&bench.call("search_files", json!({ "pattern": "(" }))), ErrorKind::InvalidInput);
    assert_eq!(
        kind(&bench.call("search_files", json!({ "pattern": "(a{1000}){1000}" }))),
        ErrorKind::InvalidInput
    );
    assert!(bench.call("search_files", json!({ "pattern": "(a*)*b" })).ok);
}

#[test]
fn ranges_are_lines_whatever_ends_them_and_never_more_than_there_is() {
    let bench = Bench::with(&[("a", "\u{feff}one\r\ntwo\n\nfour"), ("empty", ""), ("break", "\n")]);
    bench.write("mixed", b"ok\n\xff\xfe\nok\n");
    let read = |path: &str, range: Value, encoding: &str| {
        bench.output("read_file", json!({ "path": path, "range": range, "encoding": encoding }))["content"]
            .clone()
    };
    for (path, range, content) in [
        ("a", json!({ "start": 1, "end": 1 }), "\u{feff}one\r\n"),
        ("a", json!({ "start": 2, "end": 3 }), "two\n\n"),
        ("a", json!({ "start": 4 }), "four"),
        ("a", json!({ "end": 2 }), "\u{feff}one\r\ntwo\n"),
        ("a", json!({}), "\u{feff}one\r\ntwo\n\nfour"),
        ("a", json!({ "start": 5, "end": u64::MAX }), ""),
        ("empty", json!({ "start": 1, "end": 9 }), ""),
        ("break", json!({ "start": 1, "end": 1 }), "\n"),
        ("break", json!({ "start": 2 }), ""),
        // what is wrong elsewhere in the file does not matter for lines that are right
        ("mixed", json!({ "start": 3 }), "ok\n"),
    ] {
        assert_eq!(read(path, range.clone(), "utf-8"), content, "{path} {range}");
    }
    assert_eq!(read("mixed", json!({ "start": 2, "end": 2 }), "base64"), "//4K");
    let wrong = bench.call("read_file", json!({ "path": "mixed", "range": { "start": 2 } }));
    assert!(wrong.error.unwrap().message.contains("`encoding: base64`"));
    for range in [
        json!({ "start": 0 }),
        json!({ "start": 3, "end": 2 }),
        json!({ "start": -1 }),
        json!({ "start": 1.5 }),
        json!({ "begin": 1 }),
        json!([1, 2]),
        json!("1-2"),
    ] {
        let refused = bench.call("read_file", json!({ "path": "a", "range": range }));
        assert_eq!(kind(&refused), ErrorKind::InvalidInput, "{range}");
    }
    let other = bench.call("read_file", json!({ "path": "a", "encoding": "latin-1" }));
    assert_eq!(kind(&other), ErrorKind::InvalidInput);
}

#[test]
fn a_search_ends_at_its_bounds_and_says_so() {
    let bench = Bench::with(&[
        ("a.txt", "needle 1\nneedle 2\n"),
        ("b.txt", "needle 3\n"),
        (".gitignore", "ignored.txt\n"),
        ("ignored.txt", "needle 4\n"),
    ]);
    let call = |input: Value| bench.call("search_files", input);
    let found = |input: Value| {
        let result = call(input);
        (result.output["matches"].as_array().unwrap().len(), result.truncated)
    };
    // as many as there are is not too few
    for (max, expected) in [(1, (1, true)), (2, (2, true)), (3, (3, false)), (4, (3, false))] {
        assert_eq!(found(json!({ "pattern": "needle", "max": max })), expected, "{max}");
    }
    assert_eq!(found(json!({ "pattern": "needle", "ignore": false })), (4, false));
    assert_eq!(found(json!({ "pattern": "needle", "glob": "b*" })), (1, false));
    for max in [json!(0), json!(100_001), json!("3")] {
        assert_eq!(kind(&call(json!({ "pattern": "needle", "max": max }))), ErrorKind::InvalidInput, "{max}");
    }
    assert_eq!(kind(&call(json!({ "pattern": "x".repeat(5000) }))), ErrorKind::InvalidInput);
    // a long line is cut
    bench.write("long.txt", format!("{}haystack\n", "ä".repeat(5000)));
    let long = call(json!({ "pattern": "haystack" }));
    let text = long.output["matches"][0]["text"].as_str().unwrap();
    assert!(text.len() < 4200 && text.ends_with("ä…"), "{}", text.len());
    assert_eq!(long.output["matches"][0]["column"], 5001);
}

#[test]
fn a_search_sees_lines_in_any_encoding_and_no_binary_file() {
    let bench = Bench::with(&[("crlf.txt", "one\r\nneedle\r\nthree\r\n"), ("bom.txt", "\u{feff}needle\n")]);
    bench.write("latin.txt", b"caf\xe9 needle\n");
    bench.write("binary.bin", b"needle\n\0\nneedle\n");
    bench.write("utf16.txt", b"\xff\xfen\0e\0e\0d\0l\0e\0\n\0");
    let found = bench.output("search_files", json!({ "pattern": "needle$", "context": 1 }));
    let texts: Vec<(&str, &str)> = found["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (found["path"].as_str().unwrap(), found["text"].as_str().unwrap()))
        .collect();
    // `$` is before `\n`: with `\r\n`, the pattern says `\r?$`
    assert_eq!(texts, [("bom.txt", "needle"), ("latin.txt", "caf\u{fffd} needle")]);
    let found =
        bench.output("search_files", json!({ "pattern": "needle\\r?$", "glob": "crlf*", "context": 1 }));
    let crlf = json!([{ "path": "crlf.txt", "line": 2, "column": 1, "text": "needle", "before": ["one"], "after": ["three"] }]);
    assert_eq!(found["matches"], crlf);
}

#[test]
fn searches_and_lists_survive_many_entries() {
    let bench = Bench::empty();
    for at in 0..3_000 {
        let name = bench.folder.path().join(format!("f{at:05}"));
        std::fs::write(name, "").unwrap();
    }
    let all = bench.output("list_files", json!({}));
    assert_eq!(all["files"].as_array().unwrap().len(), 3_000);
    assert!(paths(&all["files"]).is_sorted());
    assert_eq!(bench.output("repo_context", json!({}))["totals"]["files"], 3_000);
}

#[test]
fn the_deterministic_model_answers_from_its_messages_and_no_other_is_there() {
    let bench = Bench::empty();
    let call = |model: &str, schema: Option<Value>| {
        let mut input = json!({ "model": model, "messages": [
            { "role": "system", "content": "Choose stone." },
            { "role": "user", "content": "a wooden house" },
        ] });
        if let Some(schema) = schema {
            input["output_schema"] = schema;
        }
        bench.call("llm", input)
    };
    let schema = json!({ "enum": ["stone", "wood"] });
    let chosen = call("deterministic", Some(schema));
    assert_eq!(chosen.output, json!("stone"), "`wooden` and `wood` share fewer than five letters");
    assert_eq!(chosen.llm_tokens, Some(6));
    let schema = json!({ "enum": ["stone", "wooden"] });
    assert_eq!(call("deterministic", Some(schema)).output, "wooden");
    assert_eq!(call("deterministic", None).output, json!({ "text": "a wooden house" }));
    assert!(!call("gpt", None).ok);
    let unfit = json!({ "type": "string", "minLength": 1000 });
    assert_eq!(kind(&call("deterministic", Some(unfit))), ErrorKind::InvalidOutput);
}
