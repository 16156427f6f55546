//! The examples of `docs/known-before-the-run.md`: what is `ok` has no finding, what `fails` has the code that it names and no other.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops where it is wrong"
)]

use lgflow::compile::{FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::source::Sources;

/// The codes of what is found in a graph.
fn codes(body: &str) -> Vec<String> {
    let text = format!("schema: lgflow.graph/v1\nname: example\n{body}");
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let root =
        Root { path: RelPath::parse("g.yaml").unwrap(), name: "g.yaml".into(), bytes: text.into_bytes() };
    let mut load = |_: &FileRef| Err(LoadProblem::new("nothing is named"));
    check_files(vec![root], &mut load, &mut sources, &mut found);
    found.codes().iter().map(ToString::to_string).collect()
}

#[test]
fn every_example_is_what_it_says() {
    let page = std::fs::read_to_string("docs/known-before-the-run.md").unwrap();
    let mut tried = 0;
    for block in page.split("\n```yaml ").skip(1) {
        let (head, rest) = block.split_once('\n').unwrap();
        let body = rest.split("\n```").next().unwrap();
        let expected: Vec<String> = match head.split_once(' ') {
            Some(("fails", code)) => vec![code.to_owned()],
            _ => {
                assert_eq!(head, "ok", "an example is `ok`, or `fails CODE`");
                Vec::new()
            }
        };
        assert_eq!(codes(&format!("{body}\n")), expected, "{body}");
        tried += 1;
    }
    assert!(tried >= 10, "{tried} examples");
}
