//! Runs every example of `docs/expressions.md`, and holds it to the tables of the language.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::fs;
use std::path::PathBuf;

use lgflow::expr::{EXPRESSION_BYTES, Expression, OUTPUT_BYTES, TEMPLATE_BYTES, Template, names};
use serde_json::Value;

fn page() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/expressions.md");
    fs::read_to_string(path).unwrap()
}

/// The cells of the rows of all tables, headings left out.
fn rows(page: &str) -> Vec<Vec<String>> {
    page.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| {
            let cells = line.replace("\\|", "\u{0}");
            cells
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.replace('\u{0}', "|").trim().to_owned())
                .collect()
        })
        .collect()
}

/// The inside of a cell that is one code span; one with backticks in it stands between two of them.
fn code(cell: &str) -> &str {
    let fence = if cell.starts_with("``") { "``" } else { "`" };
    cell.strip_prefix(fence)
        .and_then(|cell| cell.strip_suffix(fence))
        .unwrap_or_else(|| panic!("no code: {cell}"))
}

#[test]
fn every_example_gives_what_it_says() {
    let mut run = 0;
    for row in rows(&page()) {
        if row[row.len() - 1] == "gives" {
            continue;
        }
        match &row[..] {
            [_, _, example, gives] => {
                let expected: Value = serde_json::from_str(code(gives)).unwrap();
                let expression = Expression::from_source(code(example)).unwrap();
                assert_eq!(expression.evaluate(&mut |_| None), Ok(expected), "{example}");
            }
            [_, example, gives] => {
                let template = Template::from_source(code(example)).unwrap();
                assert_eq!(template.render(&mut |_| None).as_deref(), Ok(code(gives)), "{example}");
            }
            _ => continue,
        }
        run += 1;
    }
    assert!(run > 70, "only {run} examples were found");
}

#[test]
fn every_filter_test_and_function_has_a_row_and_nothing_else_has() {
    let page = page();
    for (heading, known) in
        [("## Filters", names::filters()), ("## Tests", names::tests()), ("## Functions", names::functions())]
    {
        let section = page.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
        let mut listed: Vec<String> = Vec::new();
        for row in rows(section).into_iter().skip(1) {
            for word in row[0].split("`, `").map(|word| word.trim_matches('`')) {
                let name = word.split('(').next().unwrap().to_owned();
                if !listed.contains(&name) {
                    listed.push(name);
                }
            }
        }
        listed.sort();
        let mut known: Vec<String> = known.into_iter().map(str::to_owned).collect();
        known.sort();
        assert_eq!(listed, known, "{heading}");
    }
}

#[test]
fn the_limits_are_those_of_the_page() {
    let page = page();
    let limits = [
        format!("at most {} KiB long, a template {} KiB", EXPRESSION_BYTES >> 10, TEMPLATE_BYTES >> 10),
        format!("a text is at most {} MiB long", OUTPUT_BYTES >> 20),
    ];
    for limit in limits {
        assert!(page.contains(&limit), "{limit}");
    }
}
