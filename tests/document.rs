//! From text to tree: exact places for every fault, exact offsets into every string, and limits that hold.

#![allow(
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Parsed, Syntax, Tree, Value, decode, parse};
use lgflow::source::{FileId, Sources};
use proptest::prelude::{Strategy, any, proptest};
use proptest::{prop_assert, prop_assert_eq};

struct Read {
    sources: Sources,
    file: FileId,
    parsed: Option<Parsed>,
    found: Diagnostics,
}

fn read_within(text: &str, syntax: Syntax, limits: &Limits) -> Read {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add("f", text);
    let parsed = parse(&sources, file, syntax, limits, &mut found);
    Read { sources, file, parsed, found }
}

fn read(text: &str, syntax: Syntax) -> Read {
    read_within(text, syntax, &Limits::default())
}

impl Read {
    /// `line:column code`, in the order of the file.
    fn places(&self) -> Vec<String> {
        let mut found = self.found.clone();
        found.sort();
        let place = |offset| {
            let position = self.sources.get(self.file).position(offset);
            format!("{}:{}", position.line, position.column)
        };
        found.iter().map(|found| format!("{} {}", place(found.span().start), found.code)).collect()
    }

    fn tree(&self) -> &Tree {
        &self.parsed.as_ref().unwrap_or_else(|| panic!("no tree: {:?}", self.found)).tree
    }

    fn json(&self) -> serde_json::Value {
        self.tree().to_json()
    }
}

#[test]
fn the_three_syntaxes_give_one_tree() {
    let yaml = "a: 1\nb: [x, 2.5, true]\nc:\n  d: |\n    one\n    two\n  e: ~\n";
    let toml = "a = 1\nb = ['x', 2.5, true]\n[c]\nd = '''\none\ntwo\n'''\n";
    let json = r#"{"a": 1, "b": ["x", 2.5, true], "c": {"d": "one\ntwo\n", "e": null}}"#;
    let expected: serde_json::Value = serde_json::from_str(json).unwrap();
    let mut without_null = expected.clone();
    without_null["c"].as_object_mut().unwrap().remove("e");
    for (text, syntax, expected) in [
        (yaml, Syntax::Yaml, &expected),
        (json, Syntax::Yaml, &expected),
        (json, Syntax::Json, &expected),
        (toml, Syntax::Toml, &without_null),
    ] {
        let read = read(text, syntax);
        assert!(read.found.is_empty(), "{:?}", read.found);
        assert_eq!(&read.json(), expected);
        assert!(read.parsed.unwrap().damage.is_empty());
    }
}

#[test]
fn every_yaml_fault_is_at_its_exact_place_and_hides_no_other() {
    let cases: &[(&str, &[&str])] = &[
        ("a: \"foo\nb: 1\n", &["1:4 syntax"]),
        ("a: \"foo\nb: \"y\"\nc: 2\nc: 3\n", &["1:4 syntax", "4:1 duplicate-key"]),
        (
            "n:\n  with: { path: \".\", r: true\n  plan:\n    uses: llm\n    uses: x\n",
            &["2:9 syntax", "5:5 duplicate-key"],
        ),
        ("n:\n  - [a, b\n  - c\nx: 1\nx: 2\n", &["2:5 syntax", "5:1 duplicate-key"]),
        ("n: [a, b}\nx: 1\nx: 2\n", &["1:4 syntax", "3:1 duplicate-key"]),
        ("n: a: b\nx: : b\n", &["1:5 syntax", "2:4 syntax"]),
        ("a:\n\tb: 1\nc: 2\nc: 3\n", &["2:1 syntax", "4:1 duplicate-key"]),
        ("a:\n    b: 1\n  c: 2\nd: 3\nd: 4\n", &["3:3 syntax", "5:1 duplicate-key"]),
        ("a: 1\nfoo\nd: @x\ne: `y\nf: %z\n", &["2:1 syntax", "3:4 syntax", "4:4 syntax", "5:4 syntax"]),
        ("b: 1\n- a\nb: 2\n", &["2:1 syntax", "3:1 duplicate-key"]),
        ("a: \"x\\q\"\nb: 1\nb: 2\n", &["1:6 syntax", "3:1 duplicate-key"]),
        (
            "a: 1\na: 2\na: 3\nb: {c: 1, c: 2}\n",
            &["2:1 duplicate-key", "3:1 duplicate-key", "4:11 duplicate-key"],
        ),
        (
            "<<: {a: 1}\n!!str a: !foo b\n1: x\n[a]: y\n",
            &["1:1 merge-key", "2:1 tag", "2:10 tag", "3:1 key-type", "4:1 key-type"],
        ),
        ("a: 1\n---\nb: 2\n", &["2:1 several-documents"]),
        (
            "a: .inf\nb: -.nan\nc: .NaN\nd: 1e999\ne: 99999999999999999999\n",
            &["1:4 number", "3:4 number", "4:4 number", "5:4 number"],
        ),
        ("a: &x 1\nb: *y\nc: &z [*z]\n", &["2:4 alias", "3:8 alias"]),
        ("a: x\u{1}y\nb: \u{0}\n", &["1:5 encoding", "2:4 encoding"]),
    ];
    for (text, expected) in cases {
        assert_eq!(&read(text, Syntax::Yaml).places(), expected, "{text:?}");
    }
}

#[test]
fn every_toml_fault_is_at_its_exact_place_and_hides_no_other() {
    let cases: &[(&str, &[&str])] = &[
        ("a = \"foo\nb = 1\nb = 2\n", &["1:9 syntax", "3:1 duplicate-key"]),
        ("a = \nb = foo\nc\n", &["1:5 syntax", "2:5 syntax", "3:2 syntax"]),
        ("[a\nb = 1\nb = 2\n[c]\nd = 1\nd = 2\n", &["1:3 syntax", "6:1 duplicate-key"]),
        ("a = [1, 2\nb = 1\n[c]\nd = 1\nd = 2\n", &["1:5 syntax", "5:1 duplicate-key"]),
        ("a = {x = 1, y = 2\nb = 1\nb = 2\n", &["1:5 syntax", "3:1 duplicate-key"]),
        ("a = \"\"\"foo\nb = 1\nb = 2\n", &["1:5 syntax", "3:1 duplicate-key"]),
        ("a = [\n  1,\n  foo,\n]\nb = 1\nb = 2\n", &["3:3 syntax", "6:1 duplicate-key"]),
        (
            "a = 1\na = 2\nb = {x=1, x=2}\n[c]\nd=1\n[c]\ne=2\n",
            &["2:1 duplicate-key", "3:11 duplicate-key", "6:2 duplicate-key"],
        ),
        (
            "a = 1979-05-27\nb = inf\nc = 99999999999999999999\nd = [07:32:00]\n",
            &["1:5 date", "2:5 number", "3:5 number", "4:6 date"],
        ),
        ("a: 1\nb = 1\nb = 2\n", &["1:2 syntax", "3:1 duplicate-key"]),
    ];
    for (text, expected) in cases {
        assert_eq!(&read(text, Syntax::Toml).places(), expected, "{text:?}");
    }
}

#[test]
fn json_is_held_to_its_own_grammar() {
    let cases: &[(&str, &[&str])] = &[
        ("{\"a\": 1,}", &["1:8 syntax"]),
        (
            "{\"a\": 1 \"b\": [1 2], // x\n\"b\": 3}",
            &["1:9 syntax", "1:17 syntax", "1:21 syntax", "2:1 duplicate-key"],
        ),
        ("{a: 1}", &["1:2 syntax"]),
        ("{\"a\": 'x'}", &["1:7 syntax"]),
        ("{\"a\": 01}", &["1:7 syntax"]),
        ("{\"a\": \"x\\q\"}", &["1:9 syntax"]),
        ("{\"a\": [1, 2}", &["1:12 syntax"]),
        ("{\"a\": 1e999, \"b\": 123456789012345678901}", &["1:7 number", "1:19 number"]),
        ("[1] 2", &["1:5 syntax"]),
        ("", &["1:1 syntax"]),
        ("[nul]", &["1:2 syntax"]),
        ("\"\\ud800\"", &["1:2 syntax"]),
    ];
    for (text, expected) in cases {
        assert_eq!(&read(text, Syntax::Json).places(), expected, "{text:?}");
    }
}

#[test]
fn both_places_of_a_duplicate_are_named() {
    for (text, syntax, first) in [
        ("a: 1\nb:\n  a: 1\n  a: 2\n", Syntax::Yaml, (3, 3)),
        ("{\"b\": 1, \"a\": {\"b\": 2,\n\"b\": 3}}", Syntax::Json, (1, 16)),
        ("b = 1\n[n.a]\nb = 1\n[n.b]\n[n.a]\n", Syntax::Toml, (2, 4)),
        ("[[n]]\nb = 1\n[[n]]\nb = 2\nb = 3\n", Syntax::Toml, (4, 1)),
    ] {
        let read = read(text, syntax);
        assert_eq!(read.found.len(), 1, "{:?}", read.found);
        let found = read.found.iter().next().unwrap();
        let at = read.sources.get(read.file).position(found.labels[1].span.start);
        assert_eq!((at.line, at.column), first, "{text:?}");
    }
}

#[test]
fn damage_knows_the_names_that_it_swallowed() {
    let read =
        read("nodes:\n  plan:\n    uses: [llm\n  test:\n    uses: exec\nedges:\n  - @plan\n", Syntax::Yaml);
    assert_eq!(read.places(), ["3:11 syntax", "7:5 syntax"]);
    let damage = &read.parsed.as_ref().unwrap().damage;
    for lost in ["uses", "llm", "edges", "plan"] {
        assert!(damage.lost(lost), "{lost}");
    }
    assert!(!damage.lost("tets") && !damage.lost("exec"));
    // what has lost all of its content is left out rather than turned into null
    assert_eq!(read.json(), serde_json::json!({"nodes": {"test": {"uses": "exec"}}}));
}

/// The source text behind each character of the string at `key`.
fn sources_of(read: &Read, key: &str) -> Vec<(char, String)> {
    let text = read.tree().get(key).and_then(Tree::as_text).unwrap();
    let part = |(at, c): (usize, char)| (c, read.sources.text(text.part(at, at + c.len_utf8())).to_owned());
    text.as_str().char_indices().map(part).collect()
}

#[test]
fn a_part_of_any_string_points_at_what_the_author_wrote() {
    let yaml = "a: 'it''s ü'\nb: \"x\\tü\\u00e4 \\\n   y\"\nc: |\n  one\n    two ü\n\n  three\nd: >-\n  one\n  two\n\n   more\n  end\ne: plain\n  ü folded\nf: |2\n\n   x\n";
    let toml =
        "a = 'it ü'\nb = \"x\\tü\\u00E4\"\nc = '''\none ü\ntwo'''\nd = \"\"\"\none \\\n  two ü\"\"\"\n";
    let json = "{\"a\": \"x\\tü\\u00e4\\ud83d\\ude00z\"}";
    let mut seen = 0;
    for (text, syntax) in [(yaml, Syntax::Yaml), (toml, Syntax::Toml), (json, Syntax::Json)] {
        let read = read(text, syntax);
        assert!(read.found.is_empty(), "{:?}", read.found);
        for entry in read.tree().entries() {
            for (c, written) in sources_of(&read, &entry.key.value) {
                if c.is_alphabetic() && !written.starts_with('\\') {
                    assert_eq!(written, c.to_string(), "{} in {syntax:?}", entry.key.value);
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 67, "letters that were followed to their source");
}

#[test]
fn a_part_that_ends_on_an_escape_holds_all_of_it() {
    let cases = [
        ("a: \"x == \\\"0\\\"\"\n", Syntax::Yaml, "x == \\\"0\\\""),
        ("a: 'x == ''0'''\n", Syntax::Yaml, "x == ''0''"),
        ("a = \"x == \\\"0\\\"\"\n", Syntax::Toml, "x == \\\"0\\\""),
        ("{\"a\": \"x == \\\"0\\u0022\"}", Syntax::Json, "x == \\\"0\\u0022"),
        ("a: \"x\\\n  y\"\n", Syntax::Yaml, "x\\\n  y"),
    ];
    for (text, syntax, written) in cases {
        let read = read(text, syntax);
        let decoded = read.tree().get("a").and_then(Tree::as_text).unwrap();
        assert_eq!(read.sources.text(decoded.part(0, decoded.as_str().len())), written, "{syntax:?}");
        assert_eq!(read.sources.text(decoded.part(0, 1)), "x", "{syntax:?}");
    }
}

#[test]
fn collections_have_exact_spans() {
    let read = read("a:\n  b: [1,\n    2]  # x\n  c:\n    - d\n\n\ne: {}\n", Syntax::Yaml);
    let text = |tree: &Tree| read.sources.text(tree.span).to_owned();
    let a = read.tree().get("a").unwrap();
    assert_eq!(text(a), "b: [1,\n    2]  # x\n  c:\n    - d");
    assert_eq!(text(a.get("b").unwrap()), "[1,\n    2]");
    assert_eq!(text(a.get("c").unwrap()), "- d");
    assert_eq!(text(read.tree().get("e").unwrap()), "{}");
}

#[test]
fn anchors_are_copied_within_the_limits() {
    let text = "a: &x {k: [1, 2]}\nb: *x\n";
    assert_eq!(read(text, Syntax::Yaml).json()["b"], serde_json::json!({"k": [1, 2]}));
    let bomb: String = std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned())
        .chain((1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))))
        .collect();
    assert_eq!(read(&bomb, Syntax::Yaml).places().len(), 1);
    assert!(read(&bomb, Syntax::Yaml).places()[0].ends_with(" limit"));
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 100].join(", "));
    let found = read(&long, Syntax::Yaml);
    assert!(found.found.iter().any(|found| found.message.contains("`string_bytes`")), "{:?}", found.places());
}

#[test]
fn hostile_texts_end_in_one_limit_error() {
    const DEEP: usize = 100_000;
    let nested_lists: String = (0..3000).map(|n| " ".repeat(n) + "-\n").collect();
    let cases = [
        ("[".repeat(DEEP), Syntax::Yaml),
        ("{a: ".repeat(DEEP), Syntax::Yaml),
        ("- ".repeat(DEEP), Syntax::Yaml),
        ("? ".repeat(DEEP), Syntax::Yaml),
        (nested_lists, Syntax::Yaml),
        ("[".repeat(DEEP), Syntax::Json),
        ("{\"a\":".repeat(DEEP), Syntax::Json),
        (format!("a = {}", "[".repeat(DEEP)), Syntax::Toml),
        (format!("a = {}", "{a = ".repeat(DEEP)), Syntax::Toml),
        (format!("{}a = 1", "a.".repeat(DEEP)), Syntax::Toml),
        (format!("[{}a]", "a.".repeat(DEEP)), Syntax::Toml),
        (format!("a = {}", "{a.a.a.a.a.a.a.a = ".repeat(79)), Syntax::Toml),
        (format!("a: [{}]", "1,".repeat(1_000_000)), Syntax::Yaml),
        (format!("[{}1]", "1,".repeat(1_000_000)), Syntax::Json),
        (format!("a = [{}]", "1,".repeat(1_000_000)), Syntax::Toml),
        ("x".repeat(5 << 20), Syntax::Yaml),
    ];
    for (text, syntax) in cases {
        let read = read(&text, syntax);
        assert!(read.parsed.is_none());
        let shown = &text[..20];
        assert_eq!(read.found.len(), 1, "{shown:?} in {syntax:?}: {:?}", read.places());
        assert!(read.places()[0].ends_with(" limit"), "{shown:?} in {syntax:?}: {:?}", read.found);
    }
}

#[test]
fn a_hundred_mebibytes_are_refused_before_they_are_read() {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    assert!(decode(&mut sources, "f", vec![b'a'; 100 << 20], &Limits::default(), &mut found).is_none());
    assert_eq!(found.len(), 1);
}

#[test]
fn long_floods_of_errors_are_bounded() {
    for (text, syntax) in [
        ("a = = 1\n".repeat(200_000), Syntax::Toml),
        ("a: b: c\n".repeat(200_000), Syntax::Yaml),
        ("@\n".repeat(100), Syntax::Yaml),
        ("\u{1}".repeat(100_000), Syntax::Yaml),
        ("\"\"\"".repeat(100_001), Syntax::Toml),
        ("a = \"\"\"\n".repeat(20_001), Syntax::Toml),
    ] {
        let found = read(&text, syntax).found;
        assert!((1..=1001).contains(&found.len()), "{}", found.len());
    }
}

fn scalar_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(vec![
            "a", "ü", " ", "  ", "\n", "'", "\"", "\\", "{{ x }}", "#", ": ", "😀", "\t", "-",
        ]),
        0..24,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_panics_and_every_span_lies_within(text in any::<String>(), syntax in proptest::sample::select(vec![Syntax::Yaml, Syntax::Toml, Syntax::Json])) {
        let read = read(&text, syntax);
        for found in read.found.iter() {
            for label in &found.labels {
                prop_assert!(label.span.end as usize <= text.len());
                prop_assert!(text.is_char_boundary(label.span.start as usize));
            }
        }
        prop_assert!(read.parsed.is_some() || read.found.has_errors());
    }

    #[test]
    fn block_scalars_map_back(text in scalar_text(), folded in any::<bool>(), indent in 1usize..5) {
        let pad = " ".repeat(indent);
        let body: String = text.split('\n').flat_map(|line| [pad.as_str(), line, "\n"]).collect();
        let yaml = format!("k: {}{indent}-\n{body}z: 1\n", if folded { '>' } else { '|' });
        let read = read(&yaml, Syntax::Yaml);
        if let Some(Value::String(text)) = read.parsed.as_ref().and_then(|parsed| parsed.tree.get("k")).map(|tree| &tree.value) {
            for (at, c) in text.as_str().char_indices().filter(|(_, c)| !c.is_whitespace()) {
                prop_assert_eq!(read.sources.text(text.part(at, at + c.len_utf8())), c.to_string());
            }
        }
    }

    #[test]
    fn json_strings_map_back_and_agree_with_serde(text in scalar_text()) {
        let json = serde_json::to_string(&vec![&text]).unwrap();
        for syntax in [Syntax::Json, Syntax::Yaml] {
            let read = read(&json, syntax);
            let items = read.tree().items();
            let decoded = items[0].as_text().unwrap();
            prop_assert_eq!(decoded.as_str(), &text);
            for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphabetic() || *c == '😀') {
                prop_assert_eq!(read.sources.text(decoded.part(at, at + c.len_utf8())), c.to_string());
            }
        }
    }
}

#[test]
fn a_list_begins_at_its_first_dash_wherever_that_stands() {
    let text = "a:\n- x\n- y\nb:\n- # of its own\n  x\nc: &c # d\n-   - -1\n    - 2\nd:\n-\n- k:\n  - v\ne:\n  - - x\nf: [x]\ng:\n-\n";
    let read = read(text, Syntax::Yaml);
    let written = |tree: &Tree| &text[tree.span.start as usize..tree.span.end as usize];
    let of = |key: &str| read.tree().get(key).unwrap();
    assert_eq!(written(of("a")), "- x\n- y");
    assert_eq!(written(of("b")), "- # of its own\n  x");
    assert_eq!(written(of("c")), "-   - -1\n    - 2");
    assert_eq!(written(&of("c").items()[0]), "- -1\n    - 2");
    assert_eq!(written(of("d")), "-\n- k:\n  - v");
    assert_eq!(written(of("d").items()[1].get("k").unwrap()), "- v");
    assert_eq!(written(of("e")), "- - x");
    assert_eq!(written(&of("e").items()[0]), "- x");
    assert_eq!(written(of("f")), "[x]");
    assert_eq!(written(of("g")), "-");
    // a key that is a list is no value
    let keyed = self::read("- ? - x\n  : y\n", Syntax::Yaml);
    assert_eq!(keyed.places(), ["1:5 key-type"]);
}
