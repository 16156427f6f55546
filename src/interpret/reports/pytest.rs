//! pytest's text: `-v` lines where there are some, the short summary, the last line with its counts.

use super::report::{Finding, Outcome, Report, Severity, Test, place};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut report = Report::default();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines {
        if let Some(test) = verbose_line(line) {
            report.tests.push(test);
        }
    }
    for line in &lines {
        short_summary(line, &mut report);
    }
    let counts = lines.iter().rev().find_map(|line| counts(line));
    let counts = counts.ok_or("has no last line with counts (`= 3 passed in 0.10s =`)")?;
    fill_up(&mut report, &counts);
    for (file, line) in lines.iter().filter_map(|line| failure_place(line)) {
        let bare = |test: &&mut Test| {
            test.outcome == Outcome::Failed && test.line.is_none() && test.file.as_deref() == Some(&file)
        };
        if let Some(test) = report.tests.iter_mut().find(bare) {
            test.line = Some(line);
        }
    }
    Ok(report)
}

/// `tests/test_a.py::test_b PASSED   [ 50%]`
fn verbose_line(line: &str) -> Option<Test> {
    let (name, rest) = line.split_once(' ')?;
    let outcome = match rest.split_whitespace().next()? {
        "PASSED" | "XPASS" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "SKIPPED" | "XFAIL" => Outcome::Skipped,
        "ERROR" => Outcome::Error,
        _ => return None,
    };
    name.contains("::").then(|| named(name, outcome))
}

fn named(name: &str, outcome: Outcome) -> Test {
    let file = name.split("::").next().map(str::to_owned);
    Test { file, ..Test::new(name, outcome) }
}

/// `FAILED tests/test_a.py::test_b - AssertionError: …`
fn short_summary(line: &str, report: &mut Report) {
    let found = [("FAILED ", Outcome::Failed), ("ERROR ", Outcome::Error)]
        .into_iter()
        .find_map(|(word, outcome)| Some((line.strip_prefix(word)?, outcome)));
    let Some((rest, outcome)) = found else { return };
    let (name, message) =
        rest.split_once(" - ").map_or((rest, None), |(name, message)| (name, Some(message)));
    let message = message.map(str::to_owned);
    match report.tests.iter_mut().find(|test| test.name == name) {
        Some(test) => test.message = message,
        None => report.tests.push(Test { message, ..named(name, outcome) }),
    }
}

/// `== 1 failed, 2 passed, 1 skipped in 0.12s ==` → counts by word. With `-q` without the bars.
fn counts(line: &str) -> Option<Vec<(u64, String)>> {
    let (counts, _) = line.trim_matches('=').trim().rsplit_once(" in ")?;
    let counts = counts.split(", ").map(|part| {
        let (number, word) = part.split_once(' ')?;
        Some((number.parse().ok()?, word.to_owned()))
    });
    counts.collect()
}

/// Tests that the output does not name are counted all the same.
fn fill_up(report: &mut Report, counts: &[(u64, String)]) {
    for (number, word) in counts {
        let outcome = match word.as_str() {
            "passed" | "xpassed" => Outcome::Passed,
            "failed" => Outcome::Failed,
            "skipped" | "xfailed" | "deselected" => Outcome::Skipped,
            "error" | "errors" => Outcome::Error,
            "warning" | "warnings" => {
                let message = "pytest names it above its summary";
                report.findings.extend((0..*number).map(|_| Finding::new(Severity::Warning, message)));
                continue;
            }
            _ => continue,
        };
        if word == "deselected" {
            continue;
        }
        let known = report.tests.iter().filter(|test| test.outcome == outcome).count() as u64;
        for at in known..*number {
            report.tests.push(Test::new(format!("{word} test {}", at + 1), outcome));
        }
    }
}

/// `tests/test_a.py:12: AssertionError`
fn failure_place(line: &str) -> Option<(String, u64)> {
    let (spot, kind) = line.rsplit_once(": ")?;
    let error = !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    let (file, line, column) = place(spot).filter(|_| error)?;
    (column.is_none() && !file.contains(' ')).then_some((file, line))
}
