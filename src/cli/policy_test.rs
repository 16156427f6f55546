//! `lgflow policy test`: the cases that are kept beside policies, tried, with a report of those that came out otherwise.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::diag::Diagnostics;
use crate::model::policy::PolicyCase;
use crate::policy::{CaseFailure, Gate, Machine, PolicySet, try_case};
use crate::session::{TestFile, given_policy_tests, own_policy_tests};
use crate::source::Sources;
use crate::view::{escaped, reason_document};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::trust::here;
use super::validate::{packs_here, print, unreadable};

/// Arguments of `lgflow policy test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow policy test                         every file of policy tests in .lg/\n  lgflow policy test .lg/tests/policy.yaml\n\nA file of tests begins with `schema: lgflow.policy_test/v1` and lies in `.lg/`, beside the policies or in `tests/`. The layers that it names are all that counts, on a machine where every wall of the sandbox stands. Exit code 1 if a case comes out otherwise, 3 if a file is not valid."
)]
pub(super) struct TestArgs {
    /// Files of policy tests; without one, all in `.lg/`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// A case that came out otherwise.
struct Failed<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    case: &'a PolicyCase,
    failure: Box<CaseFailure>,
}

pub(super) fn run(args: &TestArgs, output: Output) -> Result<Exit, Problem> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let files = files(args, &mut sources, &mut found)?;
    if found.has_errors() {
        print(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    if files.is_empty() {
        let detail = "there is no file of policy tests here; write one that begins with \
                      `schema: lgflow.policy_test/v1` into `.lg/tests/`, or name one";
        return Err(Problem::usage(detail));
    }
    let mut failed = Vec::new();
    for file in &files {
        match PolicySet::compile(&file.layers, &mut sources) {
            Ok(set) => try_all(file, &Gate::new(set, Machine::complete()), &sources, &mut failed),
            Err(findings) => {
                print(&sources, &findings, output);
                return Ok(Exit::Invalid);
            }
        }
    }
    output.either(|| report_text(&files, &failed), || report_document(&files, &failed));
    Ok(if failed.is_empty() { Exit::Done } else { Exit::Failed })
}

fn files(args: &TestArgs, sources: &mut Sources, found: &mut Diagnostics) -> Result<Vec<TestFile>, Problem> {
    let place = here()?;
    if args.files.is_empty() {
        if !place.root.join(".lg").is_dir() {
            return Ok(Vec::new());
        }
        let shown = place.shown(&place.root.join(".lg"));
        return own_policy_tests(&place.root, &shown, &packs_here()?, sources, found)
            .map_err(|error| unreadable(&error));
    }
    let mut all = Vec::new();
    for path in &args.files {
        all.extend(given(path, &place.root, sources, found)?);
    }
    Ok(all)
}

fn given(
    path: &Path,
    root: &Path,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Vec<TestFile>, Problem> {
    let files =
        given_policy_tests(path, root, &packs_here()?, sources, found).map_err(|error| unreadable(&error))?;
    if files.is_empty() && !found.has_errors() {
        let detail = format!("`{}` holds no policy tests: its `schema` line is another", path.display());
        return Err(Problem::usage(detail));
    }
    Ok(files)
}

fn try_all<'a>(file: &'a TestFile, gate: &Gate, sources: &Sources, failed: &mut Vec<Failed<'a>>) {
    for case in &file.cases {
        if let Err(failure) = try_case(gate, case) {
            let at = sources.get(case.span.file).position(case.span.start);
            failed.push(Failed { file: &file.name, line: at.line, column: at.column, case, failure });
        }
    }
}

fn count(files: &[TestFile]) -> usize {
    files.iter().map(|file| file.cases.len()).sum()
}

/// As a difference: what was expected, then what was found.
fn report_text(files: &[TestFile], failed: &[Failed<'_>]) -> String {
    let mut text = String::new();
    for one in failed {
        let (tool, input) = (&one.case.tool.value, one.case.input.to_string());
        // writing to a string can't fail
        let _ = writeln!(
            text,
            "{}:{}:{}: {} {}",
            escaped(one.file),
            one.line,
            one.column,
            escaped(tool),
            escaped(&input)
        );
        let rule = one.failure.rule.as_ref().map(|rule| format!(" by `{rule}`")).unwrap_or_default();
        let _ = writeln!(text, "  - {}{}", one.failure.expected.as_str(), escaped(&rule));
        let verdict = &one.failure.verdict;
        let deciders = verdict.reasons.iter().filter(|reason| reason.decision == verdict.decision);
        for reason in deciders {
            let place = escaped(&reason.place());
            let _ =
                writeln!(text, "  + {} by {place}: {}", verdict.decision.as_str(), escaped(&reason.message));
        }
    }
    let cases = count(files);
    let plural = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let _ = writeln!(
        text,
        "{} in {}: {} as expected, {} otherwise",
        plural(cases, "case"),
        plural(files.len(), "file"),
        cases - failed.len(),
        failed.len()
    );
    text
}

fn report_document(files: &[TestFile], failed: &[Failed<'_>]) -> Value {
    let rows: Vec<Value> = failed
        .iter()
        .map(|one| {
            let verdict = &one.failure.verdict;
            json!({
                "file": one.file,
                "line": one.line,
                "column": one.column,
                "tool": one.case.tool.value,
                "input": one.case.input,
                "expected": one.failure.expected.as_str(),
                "expected_rule": one.failure.rule,
                "found": verdict.decision.as_str(),
                "reasons": verdict.reasons.iter().map(reason_document).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "schema": "lgflow.policy_tests/v1",
        "files": files.iter().map(|file| json!({ "file": file.name, "cases": file.cases.len() })).collect::<Vec<_>>(),
        "cases": count(files),
        "failed": rows,
    })
}
