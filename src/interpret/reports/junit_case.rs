//! A `testcase` of `JUnit` XML: what its attributes say of it, and what the elements in it do.

use std::collections::BTreeMap;

use super::report::{Outcome, Test, millis};

pub(super) type Attributes = BTreeMap<String, String>;

/// A case that is being read.
pub(super) struct Case {
    test: Test,
    /// What is said of how it ended.
    pub(super) message: Option<String>,
    /// Known to fail: what it comes to does not count.
    todo: bool,
    run: Run,
}

/// Was it run, and if not, did somebody want that?
enum Run {
    Yes,
    Excused,
    /// By its name, where nothing else says why.
    ExcusedByName,
    No,
}

impl Case {
    pub(super) fn new(attributes: &Attributes) -> Self {
        let get = |key: &str| attributes.get(key).filter(|value| !value.is_empty());
        let name = get("name").cloned().unwrap_or_default();
        let full = get("classname").map_or(name.clone(), |class| format!("{class}.{name}"));
        let said = Said::new(attributes);
        let test = Test {
            file: get("file").cloned(),
            line: get("line").and_then(|line| line.parse().ok()),
            duration_ms: get("time").and_then(|time| time.replace(',', "").parse().ok()).and_then(millis),
            ..Test::new(full, said.outcome())
        };
        let run = if !said.is(&["notrun", "untested"]) {
            Run::Yes
        } else if said.is(&SKIPPED) {
            Run::Excused
        } else if test.name.contains("DISABLED_") {
            // googletest names a test so that is not to run, and some of its versions say no more of it
            Run::ExcusedByName
        } else {
            Run::No
        };
        Self { test, message: None, todo: false, run }
    }

    /// An element in it says what it came to, the worst of which counts.
    pub(super) fn is(&mut self, outcome: Outcome, message: Option<String>, attributes: &Attributes) {
        if outcome == Outcome::Skipped {
            self.todo |= attributes.get("type").is_some_and(|kind| kind == "todo");
            if matches!(self.run, Run::ExcusedByName | Run::No) {
                // of all that was not run, `ctest` calls this alone well
                let well = message.as_ref().is_some_and(|why| why.starts_with("SKIP_"));
                self.run = if well { Run::Excused } else { Run::No };
            }
        }
        if outcome >= self.test.outcome || self.message.is_none() {
            self.message = message;
        }
        self.test.outcome = outcome.max(self.test.outcome);
    }

    pub(super) fn into_test(self) -> Test {
        let mut test = Test { message: self.message, ..self.test };
        if self.todo {
            test.outcome = Outcome::Skipped;
        } else if test.outcome < Outcome::Failed {
            test.outcome = match self.run {
                Run::Yes => return test,
                Run::Excused | Run::ExcusedByName => Outcome::Skipped,
                Run::No => Outcome::Error,
            };
            test.message.get_or_insert_with(|| "it was not run".to_owned());
        }
        test
    }
}

const SKIPPED: [&str; 7] = ["skipped", "skip", "suppressed", "disabled", "ignored", "pending", "todo"];

/// Some say what a case came to in an attribute as well, and some there alone.
struct Said(Vec<String>);

impl Said {
    fn new(attributes: &Attributes) -> Self {
        let plain = |said: &String| said.to_ascii_lowercase().replace([' ', '_', '-'], "");
        let mut words: Vec<String> =
            ["status", "result"].iter().filter_map(|key| attributes.get(*key)).map(plain).collect();
        if attributes.get("success").is_some_and(|success| success.eq_ignore_ascii_case("false")) {
            words.push("failed".to_owned());
        }
        Self(words)
    }

    fn is(&self, any: &[&str]) -> bool {
        self.0.iter().any(|word| any.contains(&word.as_str()))
    }

    fn outcome(&self) -> Outcome {
        const ERROR: [&str; 11] = [
            "error",
            "errored",
            "crash",
            "crashed",
            "timeout",
            "timedout",
            "aborted",
            "interrupted",
            "panicked",
            "killed",
            "undefined",
        ];
        if self.is(&ERROR) {
            Outcome::Error
        } else if self.is(&["fail", "failed", "failure"]) {
            Outcome::Failed
        } else if self.is(&SKIPPED) {
            Outcome::Skipped
        } else {
            Outcome::Passed
        }
    }
}
