//! Hostile expressions and templates end in an error, soon and within a bounded memory, on a thread with the
//! small stack that a server's threads have.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::sync::Arc;

use lgflow::expr::{EXPRESSION_BYTES, Expression, OUTPUT_BYTES, Root, TEMPLATE_BYTES, Template};
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use serde_json::{Value, json};

/// What a hostile model's answer may look like.
fn world(root: &Root) -> Option<Arc<Value>> {
    match root {
        Root::Input(name) if name == "long" => Some(Arc::new(json!("x".repeat(1 << 20)))),
        Root::Input(name) if name == "list" => Some(Arc::new(json!(vec![1; 100_000]))),
        Root::Input(name) if name == "words" => {
            Some(Arc::new((0..100_000).map(|n| format!("w{n}")).collect::<Vec<_>>().into()))
        }
        Root::Input(name) if name == "text" => Some(Arc::new(json!("{{ inputs.secret }} {% for x in 1 %}"))),
        _ => None,
    }
}

fn text(source: &str) -> Result<String, String> {
    let template = Template::from_source(source)
        .map_err(|found| found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; "))?;
    template.render(&mut world).map_err(|error| error.message)
}

fn value(source: &str) -> Result<Value, String> {
    let expression = Expression::from_source(source)
        .map_err(|found| found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; "))?;
    expression.evaluate(&mut world).map_err(|error| error.message)
}

/// The most memory that this process has had, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn explosions_end_within_their_limits() {
    let doubling = "{% set x = inputs.long %}".to_owned() + &"{% set x = x ~ x %}".repeat(40);
    let nested_loops = "{% for a in range(1000) %}".repeat(5) + "x" + &"{% endfor %}".repeat(5);
    let nested_lists = "{% set x = [] %}".to_owned() + &"{% set x = [x] %}".repeat(2_000);
    let cases: &[(&str, &str)] = &[
        (&doubling, "MiB"),
        (&nested_loops, "steps"),
        (&nested_lists, "deep"),
        ("{% for x in range(100000000000) %}x{% endfor %}", "steps"),
        ("{% for x in range(1000000) %}{{ inputs.long }}{% endfor %}", "steps"),
        ("{% for x in range(9) %}{{ inputs.long }}{% endfor %}", "longer than 8 MiB"),
        ("{{ inputs.long | replace('x', inputs.long) }}", "MiB"),
        ("{{ inputs.long | split('x') | join(inputs.long) }}", "MiB"),
        ("{{ inputs.list | product(inputs.list) | length }}", "more than"),
        ("{{ inputs.list | product(inputs.list) | product(inputs.list) | length }}", "more than"),
        ("{{ inputs.words | unique | length }}", "steps"),
        ("{{ inputs.long | indent(100000000) }}", "at most 200"),
        (
            "{{ [inputs.long, inputs.long] | tojson | tojson | tojson | tojson | tojson | tojson | length }}",
            "2097",
        ),
        ("{{ range(9223372036854775807) | length }}", "steps"),
        ("{{ inputs.long * 100000000 }}", "does not go with"),
        ("{{ inputs.long | head(50000) | replace('x', '[') | fromjson }}", "not JSON"),
        ("{{ inputs.long | replace('x', '[],') | fromjson }}", "MiB"),
        ("{{ inputs.text }}", "{{ inputs.secret }}"),
    ];
    for (source, expected) in cases {
        let shown: String = source.chars().take(80).collect();
        let result = text(source).unwrap_or_else(|message| message);
        assert!(result.contains(expected), "{shown}: {}", result.chars().take(200).collect::<String>());
    }
    // The tables of this test's own inputs and the program are in this number.
    assert!(peak() < 200 << 10, "the tests took {} KiB", peak());
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_before_it_is_parsed() {
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + "1" + &close.repeat(n);
    let cases = [
        deep("(", ")", 2_000),
        deep("[", "]", 2_000),
        deep("{'a':", "}", 700),
        "not ".repeat(1_000) + "true",
        "-".repeat(4_000) + "1",
        "1".to_owned() + &"+1".repeat(2_000),
        "inputs.a".to_owned() + &".a".repeat(2_000),
        "inputs.a".to_owned() + &"[0]".repeat(1_300),
        "inputs.a".to_owned() + &"|trim".repeat(800),
        "1".to_owned() + &" if true else 1".repeat(270),
        "1".to_owned() + &" is odd".repeat(580),
        "1".to_owned() + &" < 1".repeat(1_000),
        "first_of(".repeat(450) + &")".repeat(450),
        "'".to_owned() + &"x".repeat(EXPRESSION_BYTES) + "'",
    ];
    for source in &cases {
        let message = value(source).unwrap_err();
        assert!(message.contains("an expression may"), "{}: {message}", &source[..40]);
        let message = text(&format!("a {{{{ {source} }}}}")).unwrap_err();
        assert!(message.contains("an expression may"), "{}: {message}", &source[..40]);
    }
    let blocks = "{% if true %}".repeat(10_000) + &"{% endif %}".repeat(10_000);
    assert!(text(&blocks).unwrap_err().contains("nested"));
    let branches = "{% if true %}".to_owned() + &"{% elif true %}".repeat(10_000) + "{% endif %}";
    assert!(text(&branches).unwrap_err().contains("branches"));
    assert!(text(&"x".repeat(TEMPLATE_BYTES + 1)).unwrap_err().contains("a template may be"));
}

#[test]
fn what_is_just_within_the_limits_works() {
    let cases = [
        "(".repeat(30) + "1" + &")".repeat(30),
        "1".to_owned() + &"+1".repeat(150),
        "true".to_owned() + &" and inputs.long is defined".repeat(140),
        "1".to_owned() + &" if true else 1".repeat(150),
        "[".to_owned() + &"inputs.long | length, ".repeat(90) + "]",
    ];
    for source in &cases {
        assert!(value(source).is_ok(), "{}: {:?}", &source[..40], value(source));
    }
    assert!(text(&("{% if true %}".repeat(16) + "x" + &"{% endif %}".repeat(16))).is_ok());
    assert_eq!(text("{% for x in range(8) %}{{ inputs.long }}{% endfor %}").unwrap().len(), OUTPUT_BYTES);
}

/// Pieces that make trees rather than noise.
const PIECES: &[&str] = &[
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "for ",
    "in ",
    "if ",
    "endif",
    "endfor",
    "else",
    "set ",
    "x",
    "inputs.list",
    "nodes.a.output",
    " | ",
    "length",
    "map(",
    "select(",
    "'odd'",
    "attribute=",
    ")",
    "(",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    ".",
    "1",
    "'s",
    "'",
    "\"",
    "\\",
    " ~ ",
    " + ",
    "**",
    "==",
    " is ",
    "defined",
    "not ",
    "and ",
    "ü",
    "\u{200b}",
    "\n",
    "{#",
    "#}",
    "{% raw %}",
    "-",
];

/// Every span of every finding lies within the text, between its characters.
fn spans_lie_within(source: &str) -> bool {
    let found = [Template::from_source(source).err(), Expression::from_source(source).err()];
    found.into_iter().flatten().all(|found| {
        !found.is_empty()
            && found.iter().all(|found| {
                let (start, end) = (found.span().start as usize, found.span().end as usize);
                source.get(start..end).is_some()
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_parser(source in any::<String>()) {
        prop_assert!(spans_lie_within(&source));
    }

    #[test]
    fn no_mix_of_pieces_breaks_anything(
        picks in proptest::collection::vec(0..PIECES.len(), 0..40)
    ) {
        let source: String = picks.iter().map(|&at| PIECES[at]).collect();
        prop_assert!(spans_lie_within(&source), "{source}");
        if let Ok(template) = Template::from_source(&source) {
            // an error is an answer; what matters is that there is one
            let _answer = template.render(&mut world);
            for reference in template.references() {
                let (start, end) = (reference.span.start as usize, reference.span.end as usize);
                prop_assert!(source.get(start..end).is_some_and(|part| !part.is_empty()), "{source}");
            }
        }
    }
}
