//! What cargo says of a build: that it begins, that it is finished, and that programs are to run.

use serde_json::Value;

/// What is known of the builds of a text.
#[derive(Default)]
pub(super) struct Builds {
    /// One has begun and is not finished.
    begun: bool,
    finished: bool,
    /// Programs were built for tests, or run, and none of them has said how it ended.
    awaits: bool,
}

impl Builds {
    /// A line of its own, outside of what tests print.
    pub(super) fn line(&mut self, line: &str) {
        if begins(line) {
            self.begun = true;
        } else if let Some(rest) = finished(line) {
            (self.begun, self.finished) = (false, true);
            self.awaits |= ["`test` ", "`bench` ", "test ", "bench "].iter().any(|of| rest.starts_with(of));
        } else if let Some(event) = event(line) {
            match event.get("reason").and_then(Value::as_str) {
                Some("build-finished") if event["success"] == true => {
                    (self.begun, self.finished) = (false, true);
                }
                Some("compiler-artifact") => self.artifact(&event),
                _ => {}
            }
        } else if runs(line) {
            // with `-v` cargo names what it runs to build as well: until the build is finished, no test is among it
            self.awaits |= !self.begun || is_of_tests(line);
        } else if line.trim_start().starts_with("Executable ") {
            // of `--no-run`
            self.awaits = false;
        }
    }

    /// What is compiled is not yet a build; a program of tests is made to be run.
    fn artifact(&mut self, event: &Value) {
        self.begun = true;
        self.awaits |= event["profile"]["test"] == true && event["executable"].is_string();
    }

    /// A program of tests has ended.
    pub(super) fn has_run(&mut self) {
        self.awaits = false;
    }

    /// Has one begun that is not finished?
    pub(super) fn is_cut(&self) -> bool {
        self.begun
    }

    /// Is something built, and is that all that was to be done?
    pub(super) fn is_whole(&self) -> bool {
        self.finished && !self.begun && !self.awaits
    }

    pub(super) fn are_there(&self) -> bool {
        self.begun || self.finished
    }
}

/// Does cargo say with this line that a build begins, or is finished?
pub(super) fn is_said(line: &str) -> bool {
    let says = |event: Value| event.get("reason").is_some_and(|reason| reason == "build-finished");
    begins(line) || finished(line).is_some() || event(line).is_some_and(says)
}

/// `   Compiling x v0.1.0 (/x)`
fn begins(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let versioned = |word: &str| {
        word.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    matches!(words.next(), Some("Compiling" | "Checking" | "Documenting"))
        && words.nth(1).is_some_and(versioned)
}

/// ``    Finished `dev` profile [unoptimized + debuginfo] target(s) in 0.10s``, and what stands behind the word.
fn finished(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("Finished ")?;
    (rest.starts_with('`') || rest.contains(" target(s) in ")).then_some(rest)
}

/// A program: one of tests, or, with `-v`, whatever cargo runs: ``     Running `target/debug/deps/x-1` ``
fn runs(line: &str) -> bool {
    is_of_tests(line) || line.trim_start().starts_with("Running `")
}

/// `     Running unittests src/lib.rs (target/debug/deps/x-1)`
fn is_of_tests(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Doc-tests ")
        || line.strip_prefix("Running ").is_some_and(|rest| !rest.starts_with('`') && rest.ends_with(')'))
}

/// `{"reason":"build-finished","success":true}`
fn event(line: &str) -> Option<Value> {
    line.starts_with(r#"{"reason":""#).then(|| serde_json::from_str(line).ok()).flatten()
}
