//! `cargo test` as text: libtest's lines, panics, and what the compiler and cargo said; and the counts of nextest. Knows
//! no other harness.

use std::collections::BTreeMap;

use super::build::Builds;
use super::report::{Finding, Outcome, Report, Severity, Test, place};

/// How the event begins of a build that failed.
pub(super) const FAILED_BUILD: &str = r#"{"reason":"build-finished","success":false"#;

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = Reader::default();
    for at in 0..lines.len() {
        reader.line(&lines, at)?;
    }
    let mut report = reader.into_report()?;
    let mut messages = messages(&lines);
    for test in &mut report.tests {
        let Some(message) = messages.remove(&test.name) else { continue };
        if let Some((file, line, _)) = message.lines().find_map(panic_place) {
            (test.file, test.line) = (Some(file), Some(line));
        }
        test.message = Some(message);
    }
    Ok(report)
}

#[derive(Default)]
struct Reader {
    report: Report,
    /// The programs that have begun and not ended: how many tests each said it runs, and how many were known before.
    running: Vec<(u64, usize)>,
    /// What looks like a message of the compiler while a program runs: a test printed it, if the program ends.
    printed: Vec<Finding>,
    /// The one that runs is nextest.
    nextest: bool,
    /// A program of tests has ended.
    results: bool,
    builds: Builds,
    /// What cargo says of what is said elsewhere as well.
    sums: Vec<String>,
}

impl Reader {
    fn line(&mut self, lines: &[&str], at: usize) -> Result<(), String> {
        let line = lines[at];
        if let Some(test) = test_line(line) {
            self.report.tests.push(test);
        } else if let Some(finding) = compiler_line(lines, at) {
            let to = if self.running.is_empty() { &mut self.report.findings } else { &mut self.printed };
            to.push(finding);
        } else if let Some(count) = begin_line(line) {
            self.running.push((count, self.report.tests.len()));
        } else if let Some(count) = nextest_begins(line).filter(|_| self.running.is_empty()) {
            self.nextest = true;
            self.running.push((count, self.report.tests.len()));
        } else if let Some(counts) = nextest_ends(line).filter(|_| self.nextest && self.running.len() == 1) {
            self.nextest(&counts)?;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.end(result)?;
        } else if let Some(message) = line.strip_prefix("error: ").filter(|_| self.running.is_empty()) {
            // between programs it is cargo that speaks; within one, whatever a test wrote
            if sums_up(message) {
                self.sums.push(message.to_owned());
            } else {
                self.report.broken(message);
            }
        } else if line.starts_with(FAILED_BUILD) {
            self.sums.push("the build failed".to_owned());
        } else if self.running.is_empty() {
            self.builds.line(line);
        }
        Ok(())
    }

    /// `ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
    fn end(&mut self, result: &str) -> Result<(), String> {
        self.results = true;
        self.builds.has_run();
        let count = |word: &str| -> u64 {
            let mut parts = result.split(['.', ';']).filter_map(|part| part.trim().split_once(' '));
            parts.find(|(_, of)| *of == word).and_then(|(count, _)| count.parse().ok()).unwrap_or_default()
        };
        if !result.starts_with("ok") {
            self.report.fails("a program of tests failed");
        }
        let (tests, known) = self.ended();
        let came_to = [
            ("passed", Outcome::Passed, count("passed").saturating_add(count("measured"))),
            ("failed", Outcome::Failed, count("failed")),
            ("ignored", Outcome::Skipped, count("ignored")),
        ];
        for (word, outcome, count) in came_to {
            self.report.count_unnamed(word, outcome, self.report.listed(known, outcome), count)?;
        }
        self.all_ended(tests, came_to.iter().map(|(_, _, count)| *count));
        Ok(())
    }

    /// What was known of the program that ends.
    fn ended(&mut self) -> (u64, usize) {
        let ended = self.running.pop().unwrap_or_default();
        if self.running.is_empty() {
            self.printed.clear();
        }
        ended
    }

    fn all_ended(&mut self, tests: u64, counts: impl Iterator<Item = u64>) {
        let ended = counts.fold(0, u64::saturating_add);
        if ended < tests {
            self.report.broken(format!("of {tests} tests that began {ended} have a result"));
        }
    }

    /// What nextest counts at its end. The tests that it skips are none of those that it says it starts.
    fn nextest(&mut self, counts: &[(u64, &str)]) -> Result<(), String> {
        (self.results, self.nextest) = (true, false);
        self.builds.has_run();
        let (tests, known) = self.ended();
        for (count, word) in counts {
            let outcome = match *word {
                "passed" => Outcome::Passed,
                "skipped" => Outcome::Skipped,
                "failed" => Outcome::Failed,
                _ => Outcome::Error,
            };
            let listed = self.report.listed(known, outcome);
            self.report.count_unnamed(word, outcome, listed, *count)?;
        }
        self.all_ended(tests, counts.iter().filter(|(_, word)| *word != "skipped").map(|(count, _)| *count));
        Ok(())
    }

    fn into_report(mut self) -> Result<Report, String> {
        self.report.findings.append(&mut self.printed);
        for (tests, _) in self.running {
            let these = if tests == 1 { "1 test".to_owned() } else { format!("{tests} tests") };
            self.report
                .broken(format!("`running {these}` has no `test result`: the program did not end by itself"));
        }
        self.sums.into_iter().for_each(|sum| self.report.fails(sum));
        if self.builds.is_cut() {
            self.report.fails("a build has begun, and has no `Finished`");
        }
        if self.results || self.report.failed.is_some() {
            return Ok(self.report);
        }
        if self.report.tests.is_empty() && self.report.findings.is_empty() && !self.builds.are_there() {
            return Err("has neither a test result nor a build, nor a message of the compiler".to_owned());
        }
        if !self.builds.is_whole() || !self.report.tests.is_empty() {
            self.report.fails("the report ends before a `test result` or `Finished`");
        }
        Ok(self.report)
    }
}

/// `running 3 tests`
pub(super) fn begin_line(line: &str) -> Option<u64> {
    let (count, word) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(word, "test" | "tests").then(|| count.parse().ok()).flatten()
}

/// `    Starting 5 tests across 1 binary (1 test skipped)`
pub(super) fn nextest_begins(line: &str) -> Option<u64> {
    let (count, rest) = line.trim_start().strip_prefix("Starting ")?.split_once(" test")?;
    rest.trim_start_matches('s').starts_with(" across ").then(|| count.parse().ok()).flatten()
}

/// `     Summary [   2.034s] 5 tests run: 2 passed (1 flaky), 2 failed, 1 timed out, 1 skipped`
pub(super) fn nextest_ends(line: &str) -> Option<Vec<(u64, &str)>> {
    let (_, said) = line.trim_start().strip_prefix("Summary [")?.split_once("] ")?;
    let (_, mut rest) = said.split_once(" run: ")?;
    let mut counts = Vec::new();
    while !rest.is_empty() {
        let (count, after) = rest.split_once(' ')?;
        let end = after.find([',', '(']).unwrap_or(after.len());
        counts.push((count.parse().ok()?, after[..end].trim()));
        rest = &after[end..];
        if rest.starts_with('(') {
            rest = rest.split_once(')')?.1;
        }
        rest = rest.trim_start_matches([',', ' ']);
    }
    Some(counts)
}

/// `error: could not compile …`, `error: test failed, …`: they sum up what is most often said elsewhere.
pub(super) fn sums_up(message: &str) -> bool {
    let of_targets =
        |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(" target");
    ["could not compile", "test failed", "doctest failed", "bench failed", "aborting due to", "build failed"]
        .iter()
        .any(|start| message.starts_with(start))
        || of_targets(message)
}

/// `test a::b ... ok`, `FAILED`, `ignored, REASON`, with `- should panic` before it.
fn test_line(line: &str) -> Option<Test> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match result.split([',', ' ', '(']).next()? {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Skipped,
        _ => return None,
    };
    let name = name.trim_end_matches(" - should panic");
    let reason = result.strip_prefix("ignored, ").map(str::to_owned);
    Some(Test { message: reason, ..Test::new(name, outcome) })
}

/// `error[E0308]: mismatched types`, with ` --> file:line:column` within the next lines.
fn compiler_line(lines: &[&str], at: usize) -> Option<Finding> {
    let line = lines[at];
    let (head, message) = line.split_once(": ")?;
    let (severity, code) = match head.split_once('[') {
        Some((word, code)) => (word, Some(code.strip_suffix(']')?.to_owned())),
        None => (head, None),
    };
    let severity = match severity {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => return None,
    };
    let spot = lines[at + 1..].iter().take(3).find_map(|line| place(line.trim_start().strip_prefix("--> ")?));
    let (file, line, column) = spot.or_else(|| code.is_some().then(|| (String::new(), 0, None)))?;
    let file = Some(file).filter(|file| !file.is_empty());
    Some(Finding { code, file, line: Some(line), column, ..Finding::new(severity, message) })
}

/// By test, what stands below `---- NAME stdout ----`.
fn messages(lines: &[&str]) -> BTreeMap<String, String> {
    let mut messages: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<(String, Vec<&str>)> = None;
    for line in lines {
        let head = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
        let over = *line == "failures:" || line.starts_with("test result: ");
        if (head.is_some() || over)
            && let Some((name, body)) = current.take()
        {
            messages.insert(name, body.join("\n").trim().to_owned());
        }
        if let Some(name) = head {
            current = Some((name.to_owned(), Vec::new()));
        } else if let Some((_, body)) = &mut current {
            body.push(line);
        }
    }
    messages
}

/// `thread 'a::b' panicked at src/lib.rs:12:5:`, with or without a thread id.
fn panic_place(line: &str) -> Option<(String, u64, Option<u64>)> {
    place(line.split_once("panicked at ")?.1)
}
