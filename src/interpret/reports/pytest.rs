//! pytest's text: `-v` lines where there are some, the short summary, the last line of each session with its counts.

use super::report::{Finding, Outcome, Report, Severity, Test, bounded, place};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut report = Report::default();
    let lines: Vec<&str> = text.lines().collect();
    let (mut from, mut begun, mut ended) = (0, false, 0);
    // what failed in a session that did not say where it begins
    let (mut crash, mut loose) = (None, false);
    for (at, line) in lines.iter().enumerate() {
        if is_bar(line) && line.contains(" test session starts ") {
            if begun || loose {
                report.broken("a session has no last line with counts");
            }
            crash.take().into_iter().for_each(|crash: &str| report.broken(crash));
            (begun, from, loose) = (true, at, false);
        // one that begins with a bar ends with one: what else looks like its end is what a test wrote
        } else if let Some(counts) = counts(line).filter(|_| !begun || is_bar(line)) {
            session(&lines[from..at], line, &counts, &mut report)?;
            (begun, from, ended, crash, loose) = (false, at + 1, ended + 1, None, false);
        } else if ended > 0 && !begun && line.starts_with("Fatal Python error: ") {
            // no test runs any more, unless another session follows that does not say where it begins
            crash = Some(*line);
        }
        loose |= !begun && tells_of_failures(line);
        if let Some(why) = said_no(line) {
            report.fails(why);
        }
    }
    if let Some(crash) = crash {
        report.broken(crash);
    }
    if ended == 0 {
        return Err("has no last line with counts (`= 3 passed in 0.10s =`)".to_owned());
    }
    if begun || loose {
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

/// One session: its lines before the last one, the last one, and what that counts.
fn session(lines: &[&str], end: &str, counts: &[(u64, &str)], report: &mut Report) -> Result<(), String> {
    const OF_TESTS: [&str; 5] = [" FAILURES ", " ERRORS ", " PASSES ", " XFAILURES ", " XPASSES "];
    let before = report.tests.len();
    // below such a bar stands what tests wrote
    let running =
        lines.iter().take_while(|line| !is_bar(line) || !OF_TESTS.iter().any(|of| line.contains(of)));
    report.tests.extend(running.filter_map(|line| verbose_line(line)));
    let is_summary = |line: &&&str| is_bar(line) && line.contains(" short test summary info ");
    let summary = lines.iter().skip_while(|line| !is_summary(line));
    summary.for_each(|line| short_summary(line, before, counts, report));
    let closing = lines.iter().rev().take_while(|line| !is_bar(line));
    closing.filter_map(|line| stopped(line, end)).for_each(|why| report.fails(why));
    fill_up(report, before, counts)?;
    if report.tests.len() == before {
        report.broken("no tests ran");
    }
    Ok(())
}

/// `==== FAILURES ====`
pub(super) fn is_bar(line: &str) -> bool {
    line.starts_with('=') && line.ends_with('=')
}

/// A bar above what failed, which stands there without the last line as well (`-qq`).
pub(super) fn tells_of_failures(line: &str) -> bool {
    const BARS: [&str; 3] = [" FAILURES ", " ERRORS ", " short test summary info "];
    is_bar(line) && BARS.iter().any(|bar| line.contains(bar))
}

/// `!!!! KeyboardInterrupt !!!!`, above the last line of a session. What pytest says there of its own it says in words
/// that are known, or across the whole width; a long reason leaves little of the signs, or stands on several lines.
fn stopped(line: &str, end: &str) -> Option<String> {
    const WORDS: [&str; 5] = ["Interrupted: ", "stopping after ", "KeyboardInterrupt", "_pytest.", "xdist."];
    let why = line.strip_prefix('!')?.trim_matches('!').trim();
    let width = if is_bar(end) { end.len().saturating_sub(1) } else { 60 };
    let across = line.starts_with("!!!") && line.ends_with("!!!") && line.len() >= width;
    let known = WORDS.iter().any(|word| why.starts_with(word));
    (known || across && !why.is_empty()).then(|| why.to_owned())
}

/// What is no result of a test, and fails the session: `INTERNALERROR>`, too little covered.
fn said_no(line: &str) -> Option<String> {
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
    let (word, behind) = rest.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
    let outcome = match word {
        "PASSED" | "XPASS" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "SKIPPED" | "XFAIL" => Outcome::Skipped,
        "ERROR" => Outcome::Error,
        _ => return None,
    };
    // what else is written like that is no file, or more than a result
    let of_file = name.split_once("::").is_some_and(|(file, _)| file.contains('.'));
    let behind = behind.trim_start();
    let ends = behind.is_empty() || behind.starts_with(['[', '(']);
    (of_file && ends).then(|| named(name, outcome))
}

fn named(name: &str, outcome: Outcome) -> Test {
    let file = name.split("::").next().map(str::to_owned);
    Test { file, ..Test::new(name, outcome) }
}

/// `FAILED tests/test_a.py::test_b - AssertionError: …`
fn short_summary(line: &str, before: usize, counts: &[(u64, &str)], report: &mut Report) {
    // a message can go on over several lines
    let counted = |word: Outcome| counts.iter().any(|(count, of)| *count > 0 && outcome(of) == Some(word));
    let found = [("FAILED ", Outcome::Failed), ("ERROR ", Outcome::Error)]
        .into_iter()
        .find_map(|(word, outcome)| Some((line.strip_prefix(word)?, outcome)))
        .filter(|(_, outcome)| counted(*outcome));
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
pub(super) fn counts(line: &str) -> Option<Vec<(u64, &str)>> {
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

/// What a word of the last line counts, if it is tests.
pub(super) fn outcome(word: &str) -> Option<Outcome> {
    Some(match word {
        "passed" | "xpassed" => Outcome::Passed,
        "skipped" | "xfailed" => Outcome::Skipped,
        "error" | "errors" => Outcome::Error,
        // of subtests as well
        word if word.ends_with("failed") => Outcome::Failed,
        _ => return None,
    })
}

/// Tests that the output does not name are counted all the same. Several words can mean one outcome.
fn fill_up(report: &mut Report, before: usize, counts: &[(u64, &str)]) -> Result<(), String> {
    let outcomes = [Outcome::Passed, Outcome::Skipped, Outcome::Failed, Outcome::Error];
    let mut named = outcomes.map(|outcome| report.listed(before, outcome));
    for (number, word) in counts {
        if word.starts_with("warning") {
            let message = "pytest names it above its summary";
            let warnings = (0..bounded(*number)?).map(|_| Finding::new(Severity::Warning, message));
            report.findings.extend(warnings);
        }
        let Some(outcome) = outcome(word) else { continue };
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
