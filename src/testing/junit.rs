//! The report as JUnit XML: a suite for each file, a test case for each case.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::source::{Sources, Span};
use crate::view::escaped;

use super::{CaseReport, FileReport, text_difference};

/// The report as JUnit XML. `stopped` is why no more was played: a test that failed, for a report of nothing but what
/// succeeded would be taken for a success.
///
/// # Errors
/// The XML could not be written: the reason.
pub fn junit(files: &[FileReport], stopped: Option<&str>, sources: &Sources) -> Result<String, String> {
    let mut report = Report::new("lgflow");
    for file in files {
        let mut suite = TestSuite::new(escaped(&file.name));
        for case in &file.cases {
            let mut one = TestCase::new(escaped(&case.name), status(case, sources));
            one.set_classname(escaped(&file.graph));
            suite.add_test_case(one);
        }
        report.add_test_suite(suite);
    }
    if let Some(why) = stopped {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(escaped(why));
        let mut suite = TestSuite::new("lgflow test");
        suite.add_test_case(TestCase::new("is played", status));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn status(case: &CaseReport, sources: &Sources) -> TestCaseStatus {
    if case.is_as_expected() {
        return TestCaseStatus::success();
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let mut text = String::new();
    for problem in &case.problems {
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "{}: {}
  help: {}",
            place(sources, problem.span),
            escaped(&problem.message),
            escaped(&problem.help)
        );
    }
    for difference in &case.differences {
        let _ = write!(text, "{}:\n{}", place(sources, difference.span), text_difference(difference));
    }
    if let Some(why) = case.why() {
        let _ = writeln!(text, "{why}");
    }
    let first = case.problems.first().map(|problem| problem.message.clone());
    let message = first.or_else(|| case.differences.first().map(|one| format!("{} is otherwise", one.place)));
    status.set_message(escaped(&message.unwrap_or_default()));
    status.set_description(text);
    status
}

fn place(sources: &Sources, span: Span) -> String {
    let file = sources.get(span.file);
    let at = file.position(span.start);
    format!("{}:{}:{}", escaped(file.name()), at.line, at.column)
}
