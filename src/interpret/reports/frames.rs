//! Where reports that are lines of text begin and end. What stands between is what tests print, and says nothing of other
//! formats; what stands outside of all of them, somebody has said of its own.

use std::collections::BTreeSet;

use serde_json::Value;

use super::report::Outcome;
use super::{build, cargo, go, go_text, pytest};

/// The formats that are lines of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Cargo,
    Pytest,
    Go,
}

impl Of {
    const ALL: [Self; 3] = [Self::Cargo, Self::Pytest, Self::Go];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Pytest => "pytest",
            Self::Go => "go",
        }
    }

    /// Does this format say something of a run with a line that stands outside?
    fn says(self, line: &str) -> bool {
        let starts = |starts: &[&str]| starts.iter().any(|start| line.starts_with(start));
        match self {
            Self::Cargo => {
                starts(&["test result: ", cargo::FAILED_BUILD])
                    || build::is_said(line)
                    || cargo_failed(line)
                    || has_code(line)
                    || cargo::nextest_ends(line).is_some()
            }
            Self::Pytest => {
                pytest::tells_of_failures(line)
                    || pytest::counts(line).is_some()
                    || line.starts_with("INTERNALERROR> ")
            }
            Self::Go => starts(&["ok  \t", "?   \t", "FAIL\t"]) || has_result(line).is_some(),
        }
    }

    /// Does a line look like one above the end of a report that failed?
    fn begins_within(self, line: &str) -> bool {
        match self {
            Self::Go => {
                let error = !line.starts_with(' ') && go::placed(line).is_some();
                error || line.trim_end() == "FAIL" || has_result(line) == Some(Outcome::Failed)
            }
            Self::Cargo => has_code(line),
            Self::Pytest => false,
        }
    }

    /// Does a line look like the end of a report that failed?
    fn ends_badly(self, line: &str) -> bool {
        match self {
            Self::Cargo => {
                let bad = |counts: Vec<(u64, &str)>| {
                    counts.iter().any(|(_, word)| !matches!(*word, "passed" | "skipped"))
                };
                line.starts_with("test result: FAILED")
                    || cargo_failed(line)
                    || cargo::nextest_ends(line).is_some_and(bad)
            }
            Self::Pytest => {
                let bad = |(_, word): &(u64, &str)| pytest::outcome(word) > Some(Outcome::Skipped);
                pytest::is_bar(line) && pytest::counts(line).is_some_and(|counts| counts.iter().any(bad))
            }
            Self::Go => line.starts_with("FAIL\t"),
        }
    }
}

/// `error: could not compile …`
fn cargo_failed(line: &str) -> bool {
    line.strip_prefix("error: ").is_some_and(cargo::sums_up)
}

/// `error[E0308]: …`
fn has_code(line: &str) -> bool {
    line.strip_prefix("error[").and_then(|rest| rest.split_once("]: ")).is_some()
}

/// `--- FAIL: TestA (0.00s)`, from the begin of the line.
fn has_result(line: &str) -> Option<Outcome> {
    let (_, outcome, _) = go_text::result_line(line).filter(|_| line.starts_with("--- "))?;
    Some(outcome)
}

/// A report that has begun and not ended.
enum Open<'t> {
    /// How many programs run, one within the other; the outermost may be nextest.
    Cargo {
        depth: u32,
        nextest: bool,
    },
    Pytest,
    /// The tests that run.
    Go(BTreeSet<&'t str>),
}

impl<'t> Open<'t> {
    fn begins(line: &'t str) -> Option<Self> {
        let nextest = cargo::nextest_begins(line).is_some();
        if nextest || cargo::begin_line(line).is_some() {
            return Some(Self::Cargo { depth: 1, nextest });
        }
        if pytest::is_bar(line) && line.contains(" test session starts ") {
            return Some(Self::Pytest);
        }
        runs(line).map(|name| Self::Go(BTreeSet::from([name])))
    }

    fn of(&self) -> Of {
        match self {
            Self::Cargo { .. } => Of::Cargo,
            Self::Pytest => Of::Pytest,
            Self::Go(_) => Of::Go,
        }
    }

    /// Takes one line more; has it not ended with that? As the readers see it: what does not end here is not whole for them.
    fn goes_on(&mut self, line: &'t str) -> bool {
        match self {
            Self::Cargo { depth, nextest } => {
                if cargo::begin_line(line).is_some() {
                    *depth += 1;
                } else if line.starts_with("test result: ")
                    || *nextest && *depth == 1 && cargo::nextest_ends(line).is_some()
                {
                    *depth -= 1;
                }
                *depth > 0
            }
            Self::Pytest => !pytest::is_bar(line) || pytest::counts(line).is_none(),
            Self::Go(running) => {
                if let Some(name) = runs(line) {
                    running.insert(name);
                } else if let Some((name, ..)) = go_text::result_line(line) {
                    running.remove(name);
                }
                !running.is_empty()
            }
        }
    }
}

/// `=== RUN   TestA`, of one whose result is to come.
fn runs(line: &str) -> Option<&str> {
    line.strip_prefix("=== RUN   ").filter(|name| go::unended(name).is_some())
}

/// What a text holds.
#[derive(Default)]
pub(super) struct Frames<'t> {
    /// By line, whose frame it stands in.
    lines: Vec<(&'t str, Option<Of>)>,
    /// The formats that have a frame, or say something outside of all, in their order.
    pub(super) seen: Vec<Of>,
    /// One of them is told by more than the last line of `pytest -q`, which others can have written.
    pub(super) sure: bool,
    /// A document begins outside of all frames.
    pub(super) document: Option<&'static str>,
    /// Within the frame of one, a whole report of another that failed: a test has printed it, or both ran side by side.
    pub(super) within: Vec<(Of, Of)>,
}

impl<'t> Frames<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut frames = Self::default();
        let mut open: Option<Open<'t>> = None;
        let mut begun: Vec<Of> = Vec::new();
        for line in text.lines() {
            let was = open.as_ref().map(Open::of);
            if let Some(frame) = &mut open {
                frames.inside(frame.of(), line, &mut begun);
                if !frame.goes_on(line) {
                    open = None;
                }
            } else {
                open = Open::begins(line);
                begun.clear();
                if open.is_none() {
                    frames.outside(line);
                }
            }
            let of = was.or(open.as_ref().map(Open::of));
            frames.lines.push((line, of));
            if let Some(of) = of {
                frames.sees(of, true);
            }
        }
        frames
    }

    fn sees(&mut self, of: Of, sure: bool) {
        self.sure |= sure;
        if !self.seen.contains(&of) {
            self.seen.push(of);
        }
    }

    fn outside(&mut self, line: &str) {
        for of in Of::ALL.into_iter().filter(|of| of.says(line)) {
            self.sees(of, of != Of::Pytest || !line.starts_with(|c: char| c.is_ascii_digit()));
        }
        self.document = self.document.or_else(|| document(line));
    }

    fn inside(&mut self, frame: Of, line: &str, begun: &mut Vec<Of>) {
        for of in Of::ALL.into_iter().filter(|of| *of != frame) {
            let pair = (frame, of);
            if begun.contains(&of) {
                if of.ends_badly(line) && !self.within.contains(&pair) {
                    self.within.push(pair);
                }
            } else if of.begins_within(line) || Open::begins(line).is_some_and(|open| open.of() == of) {
                begun.push(of);
            }
        }
    }

    /// The text of one format: without what stands in the frames of the others.
    pub(super) fn text_of(&self, format: Of) -> String {
        let lines = self.lines.iter().filter(|(_, of)| of.is_none_or(|of| of == format));
        lines.fold(String::new(), |text, (line, _)| text + line + "\n")
    }
}

/// The format of a document that begins with this line, or has its main part there.
fn document(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    if line.starts_with('<') {
        return line.contains("<testsuite").then_some("junit");
    }
    if line.starts_with('{') {
        return serde_json::from_str(line).ok().and_then(|whole| format_of(&whole));
    }
    let main = [("\"testResults\": [", "jest"), ("\"runs\": [", "sarif")];
    main.into_iter().find_map(|(start, format)| line.starts_with(start).then_some(format))
}

/// The format that a document is of.
pub(super) fn format_of(whole: &Value) -> Option<&'static str> {
    let keys = [("Action", "go"), ("runs", "sarif"), ("testResults", "jest")];
    keys.into_iter().find_map(|(key, format)| whole.get(key).map(|_| format))
}
