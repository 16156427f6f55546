//! `lgflow test`: the cases that are kept beside graphs, played by their scripts, with a report of those that came to
//! something else.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::compile::CheckedTests;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::files::write_given;
use crate::model::graph_test::GraphCase;
use crate::policy::{Gate, Machine, PolicySet};
use crate::session::{GraphTestFile, given_graph_tests, own_graph_tests};
use crate::source::{Sources, Span};
use crate::testing::{
    Blessed, CaseReport, Coverage, Covered, Difference, FileReport, Problem as CaseProblem, Rehearsal, bless,
    judge, junit, no_file_holds, rehearse, tests_document, tests_text,
};
use crate::view::escaped;

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::trust::here;
use super::validate::{packs_here, print, unreadable};
use super::watching::{Tests, again_and_again};

/// Arguments of `lgflow test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow test                          every file of graph tests in .lg/\n  lgflow test .lg/tests/fix.yaml       one of them\n  lgflow test --case 'gives up'        cases whose name holds this\n  lgflow test --bless                  write what was found in the place of what was expected\n\nA file of tests begins with `schema: lgflow.test/v1` and lies in `.lg/`, beside the graph or in `tests/`. Nothing is run and nothing is changed: calls come to what the case says, after the policy that the graph names has let them through, on a machine where every wall of the sandbox stands. Exit code 1 if a case comes to something else, 3 if a file is not valid."
)]
pub struct TestArgs {
    /// Files of graph tests; without one, all in `.lg/`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Play only cases whose name holds this text
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Write what was found into the files, in the place of what was expected
    #[arg(long, conflicts_with = "case")]
    bless: bool,
    /// Play them again at each change of their files
    #[arg(long, conflicts_with = "bless")]
    watch: bool,
    /// Write the report as JUnit XML as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// A case that was played.
struct Played<'c> {
    case: &'c GraphCase,
    came_to: Rehearsal,
    differences: Vec<Difference>,
}

pub(super) fn run(args: &TestArgs, output: Output) -> Result<Exit, Problem> {
    if args.watch {
        return again_and_again(&args.files, Tests::Count, &here()?, output, |_| once(args, output));
    }
    once(args, output)
}

/// However it ends, there is a report of this time.
fn once(args: &TestArgs, output: Output) -> Result<Exit, Problem> {
    let (mut sources, mut reports) = (Sources::default(), Vec::new());
    let ended = played(args, output, &mut sources, &mut reports);
    let Some(path) = &args.junit else { return ended };
    let stopped = ended.as_ref().err().map(|problem| problem.detail.as_str());
    // what was found is told also where it cannot be written
    let written = write_junit(path, &reports, stopped, &sources);
    let exit = ended?;
    written.map(|()| exit)
}

fn played(
    args: &TestArgs,
    output: Output,
    sources: &mut Sources,
    reports: &mut Vec<FileReport>,
) -> Result<Exit, Problem> {
    let mut found = Diagnostics::default();
    let files = files(args, sources, &mut found)?;
    if found.has_errors() {
        print(sources, &found, output);
        *reports = invalid(&found, sources);
        return Ok(Exit::Invalid);
    }
    if files.is_empty() {
        let detail = "there is no file of graph tests here; write one that begins with \
                      `schema: lgflow.test/v1` into `.lg/tests/`, or name one";
        return Err(Problem::usage(detail));
    }
    let mut covered = Vec::new();
    for file in &files {
        let set = match PolicySet::compile(&file.layers, sources) {
            Ok(set) => set,
            Err(findings) => {
                print(sources, &findings, output);
                reports.extend(invalid(&findings, sources));
                return Ok(Exit::Invalid);
            }
        };
        let mut played = play(file, &set, args.case.as_deref());
        cover(file, &mut played, &mut covered);
        let blessed = if args.bless { Some(blessed(file, &played, sources, output)?) } else { None };
        reports.push(report(file, played, blessed.as_ref()));
    }
    if reports.iter().all(|report| report.cases.is_empty()) {
        return Err(Problem::usage(no_case(args.case.as_deref(), &files)));
    }
    let covered: Vec<(String, Covered)> = covered
        .into_iter()
        .map(|(file, coverage): (&GraphTestFile, Coverage)| {
            (file.graph.clone(), coverage.of(&file.checked.plan))
        })
        .collect();
    output.either(|| tests_text(reports, &covered, sources), || tests_document(reports, &covered, sources));
    let sound = reports.iter().flat_map(|report| &report.cases).all(CaseReport::is_as_expected);
    Ok(if sound { Exit::Done } else { Exit::Failed })
}

fn files(
    args: &TestArgs,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Vec<GraphTestFile>, Problem> {
    let place = here()?;
    let packs = packs_here()?;
    if args.files.is_empty() {
        let own = place.root.join(".lg");
        if !own.is_dir() {
            return Ok(Vec::new());
        }
        return own_graph_tests(&place.root, &place.shown(&own), &packs, sources, found)
            .map_err(|error| unreadable(&error));
    }
    let mut all = Vec::new();
    for path in &args.files {
        let files = given_graph_tests(path, &place.root, &packs, sources, found)
            .map_err(|error| unreadable(&error))?;
        if files.is_empty() && !found.has_errors() {
            let detail = format!("`{}` holds no graph tests: its `schema` line is another", path.display());
            return Err(Problem::usage(detail));
        }
        all.extend(files);
    }
    Ok(all)
}

/// Why nothing was played.
fn no_case(named: Option<&str>, files: &[GraphTestFile]) -> String {
    if let Some(part) = named {
        return format!("no case has such a name: none holds `{}`", escaped(part));
    }
    let names: Vec<String> = files.iter().map(|file| format!("`{}`", escaped(&file.name))).collect();
    format!("there is no case in {}; write one under `cases`", names.join(", "))
}

fn play<'f>(file: &'f GraphTestFile, set: &PolicySet, named: Option<&str>) -> Vec<Played<'f>> {
    let CheckedTests { tests, plan, .. } = &*file.checked;
    let meant = |case: &&GraphCase| named.is_none_or(|part| case.name.value.contains(part));
    tests
        .cases
        .iter()
        .filter(meant)
        .map(|case| {
            // a case knows nothing of what another one has done
            let gate = Gate::new(set.clone(), Machine::complete());
            let came_to = rehearse(plan, &gate, case);
            let differences = judge(case, &came_to);
            Played { case, came_to, differences }
        })
        .collect()
}

fn cover<'f>(
    file: &'f GraphTestFile,
    played: &mut [Played<'_>],
    covered: &mut Vec<(&'f GraphTestFile, Coverage)>,
) {
    let at = covered.iter().position(|(known, _)| known.graph == file.graph).unwrap_or_else(|| {
        covered.push((file, Coverage::default()));
        covered.len() - 1
    });
    for case in played {
        // what a case only began, until nothing stood for a call, shows nothing of how it goes
        if case.came_to.is_whole {
            covered[at].1.add(std::mem::take(&mut case.came_to.coverage));
        }
    }
}

/// Writes what was found in the place of what was expected.
fn blessed(
    file: &GraphTestFile,
    played: &[Played<'_>],
    sources: &Sources,
    output: Output,
) -> Result<Blessed, Problem> {
    let cases: Vec<(&GraphCase, &Rehearsal, &[Difference])> =
        played.iter().map(|one| (one.case, &one.came_to, &one.differences[..])).collect();
    let blessed = bless(sources, file.checked.file, &cases);
    if let Some(text) = &blessed.text {
        write_given(Path::new(&file.name), text).map_err(|error| Problem::failed("cannot bless", &error))?;
        output.note(&format!("blessed {}\n", escaped(&file.name)));
    }
    Ok(blessed)
}

fn report(file: &GraphTestFile, played: Vec<Played<'_>>, blessed: Option<&Blessed>) -> FileReport {
    let cases = played.into_iter().map(|Played { case, came_to, mut differences }| {
        let is_written = |span| blessed.is_some_and(|blessed| !blessed.unwritten.contains(&span));
        let mut problems = came_to.problems;
        if case.expect.is_empty() && !(is_written(case.expect.span) && came_to.is_whole) {
            problems.push(expects_nothing(case, came_to.is_whole));
        }
        let own: Vec<Span> = differences.iter().map(|one| one.span).chain([case.expect.span]).collect();
        differences.retain(|one| !(one.can_be_blessed && is_written(one.span)));
        let unwritten = blessed.into_iter().flat_map(|blessed| &blessed.unwritten);
        let here = |span: &&Span| own.contains(span);
        problems.extend(unwritten.filter(here).map(|span| {
            let found = differences.iter().find(|one| one.span == *span).and_then(|one| one.found.as_ref());
            cannot_be_written(*span, found.or(came_to.summary.outputs.as_deref()))
        }));
        let summary = came_to.summary;
        CaseReport {
            name: case.name.value.clone(),
            span: case.span,
            differences,
            problems,
            error: summary.error,
            waiting: summary.waiting.into_iter().map(|question| question.node).collect(),
        }
    });
    FileReport { name: file.name.clone(), graph: file.graph.clone(), cases: cases.collect() }
}

fn cannot_be_written(span: Span, found: Option<&Value>) -> CaseProblem {
    let (message, help) = match found.and_then(no_file_holds) {
        Some(number) => (
            format!("what was found holds `{number}`, and a file holds whole numbers up to {}", i64::MAX),
            "let the graph give it out as text (`| string`), and expect that",
        ),
        None => {
            let message = "what was found cannot be written here without changing more than that";
            (message.to_owned(), "edit it by hand")
        }
    };
    CaseProblem { span, message, help: help.to_owned() }
}

fn expects_nothing(case: &GraphCase, is_whole: bool) -> CaseProblem {
    CaseProblem {
        span: case.expect.span,
        message: "the case expects nothing, so it shows nothing".to_owned(),
        help: if is_whole {
            "write what it comes to under `expect`, or let `lgflow test --bless` write it"
        } else {
            "mend what keeps it from being played to its end; then let `lgflow test --bless` write what it comes to"
        }
        .to_owned(),
    }
}

/// The report where a file is not valid and nothing was played, so that none of an earlier time is taken for it.
fn invalid(found: &Diagnostics, sources: &Sources) -> Vec<FileReport> {
    let errors = found.iter().filter(|one| one.severity == Severity::Error);
    let report = |one: &Diagnostic| {
        let name = sources.get(one.span().file).name().to_owned();
        let problem = CaseProblem {
            span: one.span(),
            message: one.message.clone(),
            help: one.help.clone().unwrap_or_default(),
        };
        let case = CaseReport {
            name: format!("is valid ({})", one.code),
            span: one.span(),
            differences: Vec::new(),
            problems: vec![problem],
            error: None,
            waiting: Vec::new(),
        };
        FileReport { name: name.clone(), graph: name, cases: vec![case] }
    };
    errors.map(report).collect()
}

fn write_junit(
    path: &Path,
    reports: &[FileReport],
    stopped: Option<&str>,
    sources: &Sources,
) -> Result<(), Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot write the JUnit report", error);
    let xml = junit(reports, stopped, sources).map_err(|error| failed(&std::io::Error::other(error)))?;
    write_given(path, &xml).map_err(|error| failed(&error))
}
