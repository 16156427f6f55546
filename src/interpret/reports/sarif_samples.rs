//! As `samples`, of SARIF: what says elsewhere how grave a result is, and who accepted it.

use super::parse;
use super::samples::{bad, well};

fn run(driver: &str, of: &str) -> String {
    format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t",{driver}}}}},{of}}}]}}"#)
}

const RULE: &str = r#""rules":[{"id":"A"},{"id":"B","defaultConfiguration":{"level":"error"}}]"#;

#[test]
fn suppressions() {
    let of = |suppressions: &str| {
        run(RULE, &format!(r#""results":[{{"level":"error","suppressions":[{suppressions}]}}]"#))
    };
    let accepted = r#"{"kind":"inSource"},{"kind":"external","status":"accepted"}"#;
    well("sarif", &[("all are accepted", &of(accepted))]);
    for status in ["rejected", "underReview"] {
        let other = format!(r#"{accepted},{{"kind":"external","status":"{status}"}}"#);
        bad("sarif", &[(status, &of(&other)), ("none", &of(""))]);
    }
}

#[test]
fn levels_that_are_said_elsewhere() {
    let of = |result: &str| run(RULE, &format!(r#""results":[{{{result},"message":{{"text":"x"}}}}]"#));
    let changed = |at: &str, to: &str, result: &str| {
        let descriptor = format!(r#"{{"descriptor":{at},"configuration":{{"level":"{to}"}}}}"#);
        run(
            RULE,
            &format!(
                r#""invocations":[{{"executionSuccessful":true,"ruleConfigurationOverrides":[{descriptor}]}}],"results":[{{{result}}}]"#
            ),
        )
    };
    let invocation = r#""ruleId":"A","provenance":{"invocationIndex":0}"#;
    well(
        "sarif",
        &[
            ("a rule", &of(r#""ruleId":"A""#)),
            ("a rule that is not named", &of(r#""ruleId":"C/sub""#)),
            ("made less of", &changed(r#"{"id":"B"}"#, "note", r#""ruleIndex":1"#)),
            ("of another rule", &changed(r#"{"id":"C"}"#, "error", invocation)),
            ("a mark before it", &format!("\u{feff}{}", run(RULE, r#""results":[]"#))),
        ],
    );
    bad(
        "sarif",
        &[
            ("a part of a rule", &of(r#""ruleId":"B/sub/more""#)),
            ("by its index", &of(r#""ruleIndex":1"#)),
            ("a component that is not there", &of(r#""rule":{"id":"B","toolComponent":{"index":7}}"#)),
            ("changed, by id", &changed(r#"{"id":"A"}"#, "error", invocation)),
            ("changed, by index", &changed(r#"{"index":0}"#, "error", invocation)),
            ("the only invocation", &changed(r#"{"id":"A"}"#, "error", r#""ruleIndex":0"#)),
            ("a rule that is not described", &changed(r#"{"id":"C"}"#, "error", r#""ruleId":"C""#)),
            (
                "rules elsewhere",
                &run(
                    r#""version":"1""#,
                    r#""externalPropertyFileReferences":{"driver":{"location":{"uri":"x"}}},"results":[{"ruleId":"A"}]"#,
                ),
            ),
            (
                "what a notification is by itself",
                &run(
                    r#""notifications":[{"id":"N","defaultConfiguration":{"level":"error"}}]"#,
                    r#""invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"descriptor":{"index":0}}]}],"results":[]"#,
                ),
            ),
        ],
    );
}

#[test]
fn what_stands_outside_of_its_run() {
    let outside = r#""inlineExternalProperties":[{"guid":"g","driver":{"name":"t","rules":[{"id":"A","defaultConfiguration":{"level":"error"}}]},"results":[{"ruleId":"A"}]}]"#;
    let with = |runs: &str| format!(r#"{{"version":"2.1.0","runs":[{runs}],{outside}}}"#);
    let one = r#"{"tool":{"driver":{"name":"t"}},"results":[]}"#;
    let refers =
        r#"{"tool":{"driver":{"name":"t"}},"externalPropertyFileReferences":{"results":[{"guid":"g"}]}}"#;
    let report = parse("sarif", &with(&format!("{one},{refers}"))).unwrap();
    assert_eq!(report["summary"]["errors"], 1, "{report:#}");
    assert_eq!(report["findings"][0]["code"], "A");
    bad(
        "sarif",
        &[("the only run", &with(one)), ("of no run that is known", &with(&format!("{one},{one}")))],
    );
}
