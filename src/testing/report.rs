//! What the cases of some files came to, for people and as the document `lgflow.tests/v1`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::source::{Sources, Span};
use crate::trace::GraphError;
use crate::view::escaped;

use super::{Covered, Difference, Problem, text_difference};

/// The most untaken nodes or edges that are listed for a person.
const LISTED: usize = 20;

/// What the cases of one file came to.
#[derive(Debug)]
pub struct FileReport {
    /// The file.
    pub name: String,
    /// The graph that it tests.
    pub graph: String,
    /// By case, in the order of the file.
    pub cases: Vec<CaseReport>,
}

/// What one case came to.
#[derive(Debug)]
pub struct CaseReport {
    /// What it shows.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Expectations that were not met.
    pub differences: Vec<Difference>,
    /// What is wrong with the case itself.
    pub problems: Vec<Problem>,
    /// Why the run of the case did not succeed, where it did not.
    pub error: Option<GraphError>,
    /// The nodes whose questions nobody has answered.
    pub waiting: Vec<String>,
}

impl CaseReport {
    /// How the run ended, in a line for a person who looks at what is otherwise than expected: why it did not succeed,
    /// with the rule that refused a call, or what it waits for.
    pub(super) fn why(&self) -> Option<String> {
        if self.is_as_expected() {
            return None;
        }
        let Some(GraphError { node, error }) = &self.error else {
            let nodes: Vec<String> = self.waiting.iter().map(|node| format!("`{}`", escaped(node))).collect();
            return (!nodes.is_empty())
                .then(|| format!("the run waits for an answer of {}", nodes.join(", ")));
        };
        let whose = node.as_ref().map(|node| format!(" at `{}`", escaped(node))).unwrap_or_default();
        let rule =
            error.rule.as_ref().map(|rule| format!(" [{}]", escaped(&rule.place()))).unwrap_or_default();
        Some(format!("the run ended{whose}: {}: {}{rule}", error.kind, escaped(&error.message)))
    }

    /// Did it come to what it expects?
    pub fn is_as_expected(&self) -> bool {
        self.differences.is_empty() && self.problems.is_empty()
    }
}

/// The report for a person; `covered` is by graph.
pub fn tests_text(files: &[FileReport], covered: &[(String, Covered)], sources: &Sources) -> String {
    let mut text = String::new();
    for file in files {
        // writing to a String cannot fail
        let _ = writeln!(text, "{}", escaped(&file.name));
        for case in &file.cases {
            let name = escaped(&case.name);
            if case.is_as_expected() {
                let _ = writeln!(text, "  ok    {name}");
                continue;
            }
            let _ = writeln!(text, "  FAIL  {name}   {}", place(sources, case.span));
            for problem in &case.problems {
                let at = place(sources, problem.span);
                let _ = writeln!(text, "    {at}: {}", escaped(&problem.message));
                let _ = writeln!(text, "      help: {}", escaped(&problem.help));
            }
            for difference in &case.differences {
                let _ = writeln!(text, "    {}:", place(sources, difference.span));
                text.push_str(&text_difference(difference));
            }
            if let Some(why) = case.why() {
                let _ = writeln!(text, "    {why}");
            }
        }
    }
    let _ = writeln!(text, "{}", sum(files));
    for (graph, covered) in covered {
        coverage_text(graph, covered, &mut text);
    }
    text
}

fn place(sources: &Sources, span: Span) -> String {
    let file = sources.get(span.file);
    let at = file.position(span.start);
    format!("{}:{}:{}", escaped(file.name()), at.line, at.column)
}

fn sum(files: &[FileReport]) -> String {
    let cases = files.iter().map(|file| file.cases.len()).sum::<usize>();
    let failed = failed(files);
    let plural = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    format!(
        "{} in {}: {} as expected, {failed} otherwise",
        plural(cases, "case"),
        plural(files.len(), "file"),
        cases - failed
    )
}

fn failed(files: &[FileReport]) -> usize {
    files.iter().flat_map(|file| &file.cases).filter(|case| !case.is_as_expected()).count()
}

fn coverage_text(graph: &str, covered: &Covered, text: &mut String) {
    let of = |all: usize, never: &[String]| format!("{} of {all}", all - never.len());
    let _ = writeln!(
        text,
        "coverage of {}: {} nodes, {} edges, {} catch edges",
        escaped(graph),
        of(covered.nodes, &covered.never_run),
        of(covered.edges, &covered.never_taken),
        of(covered.catches, &covered.never_caught)
    );
    for (what, never) in [("never ran", &covered.never_run), ("never taken", &covered.never_taken)] {
        for one in never.iter().take(LISTED) {
            let _ = writeln!(text, "  {what}: {}", escaped(one));
        }
        if never.len() > LISTED {
            let _ = writeln!(text, "  {what}: {} more", never.len() - LISTED);
        }
    }
}

/// The document `lgflow.tests/v1`.
pub fn tests_document(files: &[FileReport], covered: &[(String, Covered)], sources: &Sources) -> Value {
    let at = |span: Span| {
        let at = sources.get(span.file).position(span.start);
        (at.line, at.column)
    };
    let case = |case: &CaseReport| {
        let (line, column) = at(case.span);
        let differences: Vec<Value> = case
            .differences
            .iter()
            .map(|one| {
                let (line, column) = at(one.span);
                json!({
                    "place": one.place, "line": line, "column": column,
                    "expected": one.expected, "found": one.found,
                })
            })
            .collect();
        let problems: Vec<Value> = case
            .problems
            .iter()
            .map(|one| {
                let (line, column) = at(one.span);
                json!({ "message": one.message, "help": one.help, "line": line, "column": column })
            })
            .collect();
        json!({
            "name": case.name, "line": line, "column": column, "as_expected": case.is_as_expected(),
            "differences": differences, "problems": problems,
            "error": case.error.as_ref().map(|GraphError { node, error }| json!({
                "node": node, "kind": error.kind, "message": error.message, "rule": error.rule,
            })),
            "waiting": case.waiting,
        })
    };
    let files_of = |file: &FileReport| json!({ "file": file.name, "graph": file.graph, "cases": file.cases.iter().map(case).collect::<Vec<_>>() });
    let coverage = |(graph, covered): &(String, Covered)| {
        json!({
            "graph": graph, "nodes": covered.nodes, "edges": covered.edges, "catches": covered.catches,
            "never_run": covered.never_run, "never_taken": covered.never_taken,
            "never_caught": covered.never_caught,
        })
    };
    json!({
        "schema": "lgflow.tests/v1",
        "cases": files.iter().map(|file| file.cases.len()).sum::<usize>(),
        "failed": failed(files),
        "files": files.iter().map(files_of).collect::<Vec<_>>(),
        "coverage": covered.iter().map(coverage).collect::<Vec<_>>(),
    })
}
