//! `JUnit` XML as the tools of this world write it: `testsuites`, `testsuite`, `testcase`, with `failure`, `error`,
//! `skipped`.

use std::collections::BTreeMap;

use super::report::{Outcome, Report, Test, millis};
use super::xml::{Piece, pieces};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut report = Report::default();
    let mut reader = Reader { case: None, text: None, suites: 0 };
    for piece in pieces(text)? {
        reader.take(piece, &mut report);
    }
    if reader.suites == 0 {
        return Err("has no `testsuite`".to_owned());
    }
    Ok(report)
}

struct Reader {
    case: Option<Test>,
    /// Inside of a `failure` or an `error`: its text.
    text: Option<String>,
    suites: u32,
}

impl Reader {
    fn take(&mut self, piece: Piece, report: &mut Report) {
        match piece {
            Piece::Start(name, attributes) => self.start(&name, &attributes),
            Piece::Text(text) => {
                if let Some(known) = &mut self.text {
                    known.push_str(&text);
                }
            }
            Piece::End(name) => self.end(&name, report),
        }
    }

    fn start(&mut self, name: &str, attributes: &BTreeMap<String, String>) {
        let outcome = match name {
            "testsuites" | "testsuite" => {
                self.suites += 1;
                return;
            }
            "testcase" => {
                self.case = Some(case(attributes));
                return;
            }
            "failure" => Outcome::Failed,
            "error" => Outcome::Error,
            "skipped" => Outcome::Skipped,
            _ => return,
        };
        if let Some(case) = &mut self.case {
            case.outcome = outcome;
            case.message = attributes.get("message").cloned();
            self.text = Some(String::new());
        }
    }

    fn end(&mut self, name: &str, report: &mut Report) {
        match name {
            "testcase" => report.tests.extend(self.case.take()),
            "failure" | "error" | "skipped" => {
                let text = self.text.take().map(|text| text.trim().to_owned()).unwrap_or_default();
                if let Some(case) = self.case.as_mut().filter(|_| !text.is_empty()) {
                    let before = case.message.take().filter(|before| !text.contains(before.as_str()));
                    case.message = Some(before.map_or(text.clone(), |before| format!("{before}\n{text}")));
                }
            }
            _ => {}
        }
    }
}

fn case(attributes: &BTreeMap<String, String>) -> Test {
    let get = |key: &str| attributes.get(key).filter(|value| !value.is_empty());
    let name = get("name").cloned().unwrap_or_default();
    let full = get("classname").map_or(name.clone(), |class| format!("{class}.{name}"));
    Test {
        file: get("file").cloned(),
        line: get("line").and_then(|line| line.parse().ok()),
        duration_ms: get("time").and_then(|time| time.replace(',', "").parse().ok()).and_then(millis),
        ..Test::new(full, Outcome::Passed)
    }
}
