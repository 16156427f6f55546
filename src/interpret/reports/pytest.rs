//! pytest's text: `-v` lines where there are some, the short summary, the last line of each session with its counts.

use super::report::{Finding, Outcome, Report, Severity, Test, bounded, place};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut report = Report::default();
    let lines: Vec<&str> = text.lines().collect();
    let (mut from, mut begun, mut ended) = (0, false, 0);
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with('=') && line.contains(" test session starts ") {
            if begun {
                report.broken("a session has no last line with counts");
            }
            (begun, from) = (true, at);
        } else if let Some(counts) = counts(line) {
            session(&lines[from..at], &counts, &mut report)?;
            (begun, from, ended) = (false, at + 1, ended + 1);
        }
        if let Some(why) = said_no(line) {
            report.fails(why);
        }
    }
    if ended == 0 {
        return Err("has no last line with counts (`= 3 passed in 0.10s =`)".to_owned());
    }
    if begun {
        report.broken("the last session has no last line with counts");
    }
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

/// One session: its lines before the last one, and what the last one counts.
fn session(lines: &[&str], counts: &[(u64, &str)], report: &mut Report) -> Result<(), String> {
    let before = report.tests.len();
    report.tests.extend(lines.iter().filter_map(|line| verbose_line(line)));
    let summary = lines.iter().skip_while(|line| !line.contains(" short test summary info "));
    summary.for_each(|line| short_summary(line, before, report));
    fill_up(report, before, counts)?;
    if report.tests.len() == before {
        report.broken("no tests ran");
    }
    Ok(())
}

/// What is no result of a test, and fails the session: `INTERNALERROR>`, `!!! KeyboardInterrupt !!!`, too little covered.
fn said_no(line: &str) -> Option<String> {
    let stopped = line.strip_prefix("!!!").and_then(|rest| rest.strip_suffix("!!!"));
    if let Some(why) = stopped.map(|why| why.trim_matches('!').trim()).filter(|why| !why.is_empty()) {
        return Some(why.to_owned());
    }
    let internal = line.strip_prefix("INTERNALERROR> ");
    if let Some(error) = internal.filter(|rest| !rest.starts_with(' ') && !rest.starts_with("Traceback ")) {
        return Some(format!("internal error: {error}"));
    }
    // what else begins like that can be what a test wrote
    let coverage = [("FAIL ", "Required test coverage"), ("ERROR: ", "Coverage failure")];
    let of_coverage = |(word, rest)| line.strip_prefix(word).filter(|said| said.starts_with(rest));
    coverage.into_iter().find_map(of_coverage).map(str::to_owned)
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
fn short_summary(line: &str, before: usize, report: &mut Report) {
    let found = [("FAILED ", Outcome::Failed), ("ERROR ", Outcome::Error)]
        .into_iter()
        .find_map(|(word, outcome)| Some((line.strip_prefix(word)?, outcome)));
    let Some((rest, outcome)) = found.filter(|(rest, _)| !rest.starts_with(' ')) else { return };
    let (name, message) =
        rest.split_once(" - ").map_or((rest, None), |(name, message)| (name, Some(message)));
    let message = message.map(str::to_owned);
    match report.tests[before..].iter_mut().find(|test| test.name == name) {
        Some(test) => test.message = message,
        None => report.tests.push(Test { message, ..named(name, outcome) }),
    }
}

/// `== 1 failed, 2 passed, 1 skipped in 0.12s ==` → counts by word, none where no tests ran. With `-q` without the bars.
fn counts(line: &str) -> Option<Vec<(u64, &str)>> {
    const WORDS: [&str; 9] =
        ["passed", "failed", "error", "errors", "skipped", "deselected", "warning", "warnings", "rerun"];
    let (counts, time) = line.trim_matches('=').trim().rsplit_once(" in ")?;
    let time = time.split(' ').next().map(|time| time.strip_suffix('s').unwrap_or(time));
    time?.parse::<f64>().ok()?;
    if counts == "no tests ran" {
        return Some(Vec::new());
    }
    let counts: Option<Vec<(u64, &str)>> = counts
        .split(", ")
        .map(|part| {
            let (number, word) = part.split_once(' ')?;
            Some((number.parse().ok()?, word))
        })
        .collect();
    counts.filter(|counts| counts.iter().any(|(_, word)| WORDS.iter().any(|known| word.ends_with(known))))
}

/// Tests that the output does not name are counted all the same. Several words can mean one outcome.
fn fill_up(report: &mut Report, before: usize, counts: &[(u64, &str)]) -> Result<(), String> {
    let outcomes = [Outcome::Passed, Outcome::Skipped, Outcome::Failed, Outcome::Error];
    let mut named = outcomes.map(|outcome| report.listed(before, outcome));
    for (number, word) in counts {
        let outcome = match *word {
            "passed" | "xpassed" => Outcome::Passed,
            "skipped" | "xfailed" => Outcome::Skipped,
            "error" | "errors" => Outcome::Error,
            "warning" | "warnings" => {
                let message = "pytest names it above its summary";
                let warnings = (0..bounded(*number)?).map(|_| Finding::new(Severity::Warning, message));
                report.findings.extend(warnings);
                continue;
            }
            // of subtests as well
            word if word.ends_with("failed") => Outcome::Failed,
            _ => continue,
        };
        let named = &mut named[outcome as usize];
        let known = (*named).min(*number);
        *named -= known;
        report.count_unnamed(word, outcome, known, *number)?;
    }
    Ok(())
}

/// `tests/test_a.py:12: AssertionError`
fn failure_place(line: &str) -> Option<(String, u64)> {
    let (spot, kind) = line.rsplit_once(": ")?;
    let error = !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    let (file, line, column) = place(spot).filter(|_| error)?;
    (column.is_none() && !file.contains(' ')).then_some((file, line))
}
