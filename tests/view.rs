//! Findings in every form: exact places, valid documents, and nothing of a file that could deceive a reader.

use lgflow::diag::{Diagnostic, Diagnostics, codes};
use lgflow::source::{Sources, Span};
use lgflow::view::diagnostics::{Style, compact, github, human, json, sarif};
use lgflow::view::{is_unsafe_to_show, json_text};
use serde_json::json;

/// A finding with labels in two files, whose texts and names are hostile.
fn hostile() -> (Sources, Diagnostics) {
    let mut sources = Sources::default();
    let graph = sources.add("a\u{1b}[31m,b:c%.yaml", "\u{feff}ü: \u{202e}x\r\nname: \u{1b}]0;evil\u{7}y\n");
    let policy = sources.add("policy.yaml", "tools:\n  exec: deny\n");
    let mut found = Diagnostics::default();
    let help = "write `ok`\n::error::injected";
    let found_here =
        Diagnostic::new(codes::UNKNOWN_KEY, Span::new(graph, 22, 26), "bad `\u{1b}[2J%0A` value")
            .here("here\u{202e}")
            .help(help)
            .label(Span::new(policy, 9, 13), "denied here")
            .label(Span::new(graph, 3, 5), "and here");
    found.push(found_here);
    (sources, found)
}

fn plain() -> (Sources, Diagnostics) {
    let mut sources = Sources::default();
    let file = sources.add("graph.yaml", "name: x\nnodes:\n  tets: 1\n");
    let mut found = Diagnostics::default();
    let finding = Diagnostic::new(codes::UNKNOWN_KEY, Span::new(file, 17, 21), "`tets` means nothing here");
    found.push(finding.help("write `test`").label(Span::new(file, 8, 13), "in this mapping"));
    (sources, found)
}

#[test]
fn people_see_the_line_the_mark_and_the_help() {
    let (sources, found) = plain();
    let text = human(&sources, &found, Style { color: false, width: 80 });
    let expected = "\
unknown-key

  × `tets` means nothing here
   ╭─[graph.yaml:3:3]
 1 │ name: x
 2 │ nodes:
   · ──┬──
   ·   ╰── in this mapping
 3 │   tets: 1
   ·   ────
   ╰────
  help: write `test`

1 error
";
    assert_eq!(text, expected);
    assert!(human(&sources, &found, Style { color: true, width: 80 }).contains("\u{1b}["));
}

#[test]
fn no_form_lets_a_deceiving_character_through() {
    let (sources, found) = hostile();
    let forms = [
        human(&sources, &found, Style { color: false, width: 80 }),
        compact(&sources, &found),
        github(&sources, &found),
        json_text(&json(&sources, &found)),
        json_text(&sarif(&sources, &found)),
    ];
    for form in forms {
        let bad: Vec<char> = form.chars().filter(|&c| c != '\n' && is_unsafe_to_show(c)).collect();
        assert!(bad.is_empty(), "{bad:?} in {form}");
    }
}

#[test]
fn json_is_as_scripts_may_rely_on() {
    let (sources, found) = plain();
    assert_eq!(
        json(&sources, &found),
        json!({ "schema": "lgflow.diagnostics/v1", "diagnostics": [{
            "code": "unknown-key", "severity": "error", "message": "`tets` means nothing here", "help": "write `test`",
            "labels": [
                { "file": "graph.yaml", "line": 3, "column": 3, "end_line": 3, "end_column": 7, "primary": true },
                { "file": "graph.yaml", "line": 2, "column": 1, "end_line": 2, "end_column": 6, "primary": false,
                  "text": "in this mapping" },
            ],
        }] })
    );
    assert_eq!(
        json(&sources, &Diagnostics::default()),
        json!({ "schema": "lgflow.diagnostics/v1", "diagnostics": [] })
    );
}

#[test]
fn columns_count_characters_and_neither_mark_nor_carriage_return() {
    let (sources, found) = hostile();
    let labels = &json(&sources, &found)["diagnostics"][0]["labels"];
    let at =
        |label: usize| (labels[label]["line"].as_u64().unwrap(), labels[label]["column"].as_u64().unwrap());
    assert_eq!(at(0), (2, 10));
    assert_eq!(at(2), (1, 1));
}

#[test]
fn github_commands_are_one_line_each_and_cannot_be_broken_out_of() {
    let (sources, found) = hostile();
    let text = github(&sources, &found);
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("::error file=a\\u{1b}[31m%2Cb%3Ac%25.yaml,line=2,"), "{text}");
    assert!(text.contains("value%0Ahelp: write `ok`%0A::error::injected"), "{text}");
    assert!(text.contains("%250A"), "{text}");
}

#[test]
fn sarif_has_its_rules_regions_and_related_places() {
    let (sources, found) = plain();
    let log = sarif(&sources, &found);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "unknown-key");
    let result = &run["results"][0];
    assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&json!("unknown-key"), &json!(0)));
    assert_eq!(
        result["locations"][0]["physicalLocation"],
        json!({ "artifactLocation": { "uri": "graph.yaml" },
                "region": { "startLine": 3, "startColumn": 3, "endLine": 3, "endColumn": 7 } })
    );
    assert_eq!(result["relatedLocations"][0]["message"]["text"], "in this mapping");
}

#[test]
fn a_long_line_is_cut_and_a_far_label_is_drawn_apart() {
    let mut sources = Sources::default();
    let text = format!("a: [{}]\n{}b: 1\n", "x, ".repeat(100_000), "c: 2\n".repeat(5000));
    let file = sources.add("long.yaml", text.clone());
    let at = text.find("b: 1").unwrap();
    let mut found = Diagnostics::default();
    found.push(
        Diagnostic::new(codes::DUPLICATE_KEY, Span::new(file, at, at + 1), "twice")
            .label(Span::new(file, 100_003, 100_004), "first"),
    );
    let drawn = human(&sources, &found, Style { color: false, width: 100 });
    assert!(drawn.len() < 3000, "{} bytes", drawn.len());
    assert!(drawn.contains("long.yaml:5002:1") && drawn.contains("first"), "{drawn}");
}

#[test]
fn a_finding_about_a_whole_long_file_has_its_name_and_how_it_begins() {
    let mut sources = Sources::default();
    for text in ["ü".repeat(100_000), "\n".repeat(100_000), String::new()] {
        let span = Span::new(sources.add("whole.md", text.clone()), 0, text.len());
        let mut found = Diagnostics::default();
        found.push(Diagnostic::new(codes::LIMIT, span, "too long"));
        let drawn = human(&sources, &found, Style { color: false, width: 100 });
        assert!(drawn.len() < 3000 && drawn.contains("whole.md:1:1"), "{drawn}");
    }
}

#[test]
fn what_is_left_out_is_said_in_every_form() {
    let mut sources = Sources::default();
    let file = sources.add("graph.yaml", "name: x\n");
    let mut found = Diagnostics::default();
    for _ in 0..2003 {
        found.push(Diagnostic::new(codes::UNKNOWN_KEY, Span::new(file, 0, 4), "`name` means nothing here"));
    }
    let listed = github(&sources, &found);
    assert_eq!(listed.lines().count(), 2001);
    assert_eq!(
        listed.lines().last(),
        Some("::error title=lgflow::3 further findings are not listed; mend these first")
    );
    let log = sarif(&sources, &found);
    let notification = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(notification["message"]["text"], "3 further findings are not listed; mend these first");
    assert_eq!(
        (&notification["level"], &notification["properties"]["left_out"]),
        (&json!("error"), &json!(3))
    );
    assert_eq!(json(&sources, &found)["left_out"], 3);
    assert!(human(&sources, &found, Style { color: false, width: 80 }).contains("the first 2000 are shown"));
    let (sources, few) = plain();
    assert!(sarif(&sources, &few)["runs"][0].get("invocations").is_none());
    assert_eq!(github(&sources, &few).lines().count(), 1);
}
