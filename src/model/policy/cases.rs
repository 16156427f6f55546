//! Tests of policies: calls with the verdicts that are expected. They lie beside the policy that they test.

use serde_json::Value;

use crate::diag::Diagnostics;
use crate::document::{Damage, Tree};
use crate::model::decode::{Decoder, OwnKeys, Shape, Slot};
use crate::source::{Located, Span};

use super::RuleVerdict;
use super::decode::VERDICTS;

/// The schema id of a file of policy tests.
pub const POLICY_TEST_SCHEMA: &str = "lgflow.policy_test/v1";

/// A file of policy tests.
#[derive(Debug, Clone)]
pub struct PolicyTests {
    /// Builtins, or files relative to this one: the first is the grant, the rest are ceilings.
    pub policy: Vec<Located<String>>,
    /// The cases, in the order of the file.
    pub cases: Vec<PolicyCase>,
}

/// A call with the verdict that is expected of it.
#[derive(Debug, Clone)]
pub struct PolicyCase {
    /// All of it.
    pub span: Span,
    /// The tool.
    pub tool: Located<String>,
    /// Its parameters.
    pub input: Value,
    /// The verdict.
    pub expect: Located<RuleVerdict>,
    /// Where its parameters come from; from the user, where it does not say.
    pub from: Vec<Located<String>>,
    /// The rule that decides, where the case cares.
    pub rule: Option<Located<String>>,
}

const TESTS: Shape = Shape {
    what: "a file of policy tests",
    keys: &["schema", "policy", "cases"],
    required: &["schema", "policy", "cases"],
    own: OwnKeys::Refused,
};
const CASE: Shape = Shape {
    what: "a case",
    keys: &["tool", "input", "expect", "rule", "from"],
    required: &["tool", "input", "expect"],
    own: OwnKeys::Refused,
};

/// Reads a file of policy tests; `None` where it is no mapping.
pub fn decode_policy_tests(
    tree: &Tree,
    damage: &Damage,
    diagnostics: &mut Diagnostics,
) -> Option<PolicyTests> {
    let mut decoder = Decoder::new(diagnostics, damage);
    let d = &mut decoder;
    let start = Span { end: tree.span.start, ..tree.span };
    if !d.knows_schema(tree, "a file of policy tests", &[POLICY_TEST_SCHEMA]) {
        return None;
    }
    let fields = d.fields(Slot { key: "tests", key_span: start, value: tree }, &TESTS)?;
    let cases = fields.get("cases").and_then(|slot| d.items(slot)).unwrap_or_default();
    Some(PolicyTests {
        policy: fields.get("policy").and_then(|slot| d.strings(slot)).unwrap_or_default(),
        cases: cases.into_iter().filter_map(|slot| case(d, slot)).collect(),
    })
}

fn case(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<PolicyCase> {
    let fields = d.fields(slot, &CASE)?;
    let from = fields.get("from").and_then(|slot| super::decode_sections::sources(d, slot));
    let tool = fields.get("tool").and_then(|slot| d.filled_string(slot));
    let expect = fields.get("expect").and_then(|slot| d.word(slot, VERDICTS));
    Some(PolicyCase {
        span: fields.span,
        tool: tool?,
        input: fields.get("input")?.value.to_json(),
        expect: expect?,
        from: from.unwrap_or_default(),
        rule: fields.get("rule").and_then(|slot| d.string(slot)),
    })
}
