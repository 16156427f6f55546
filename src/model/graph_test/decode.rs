//! The tree of a file of graph tests, read.

use serde_json::Value;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::{Damage, Tree};
use crate::model::decode::{Decoder, Fields, OwnKeys, Shape, Slot};
use crate::source::{Located, Span};

use super::{
    Expectations, ExpectedCall, ExpectedDenial, ExpectedError, GivenAnswer, GraphCase, GraphTests, Reply,
    Scripted, ScriptedAnswer, ScriptedAsk, ScriptedOutcome, Which,
};
use crate::model::Uses;

/// The schema id of a file of graph tests.
pub const GRAPH_TEST_SCHEMA: &str = "lgflow.test/v1";

const fn shape(
    what: &'static str,
    keys: &'static [&'static str],
    required: &'static [&'static str],
) -> Shape {
    Shape { what, keys, required, own: OwnKeys::Refused }
}

const TESTS: Shape =
    shape("a file of graph tests", &["schema", "graph", "cases"], &["schema", "graph", "cases"]);
const CASE: Shape = shape("a case", &["name", "inputs", "results", "answers", "expect"], &["name", "expect"]);
const RESULT: Shape =
    shape("a scripted result", &["node", "tool", "call", "output", "error", "hangs", "asks", "tokens"], &[]);
const ASK: Shape = shape("a tool that a model asks for", &["tool", "input"], &["tool"]);
const ERROR: Shape = shape("a scripted error", &["kind", "message", "output"], &["kind"]);
const ANSWER: Shape =
    shape("a scripted answer", &["node", "question", "choice", "response", "comment", "late"], &["node"]);
const EXPECT: Shape = shape(
    "what a case expects",
    &[
        "status",
        "error",
        "outputs",
        "path",
        "nodes",
        "channels",
        "iterations",
        "calls",
        "never",
        "denied",
        "waiting",
    ],
    &[],
);
const EXPECTED_ERROR: Shape = shape("an expected error", &["node", "kind", "message"], &[]);
const EXPECTED_CALL: Shape = shape("an expected call", &["node", "tool", "input", "times"], &[]);
const NEVER: Shape = shape("a call that is never made", &["node", "tool", "input"], &[]);
const DENIED: Shape = shape("a refused call", &["node", "tool", "rule"], &[]);

/// How a run can end in a test.
const STATUSES: &[(&str, &str)] = &[
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("denied", "denied"),
    ("suspended", "suspended"),
    ("cancelled", "cancelled"),
    ("out_of_budget", "out_of_budget"),
];
/// How a node can end.
const NODE_STATUSES: &[(&str, &str)] = &[
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("skipped", "skipped"),
    ("not_reached", "not_reached"),
    ("cancelled", "cancelled"),
];

/// Reads a file of graph tests; `None` where it is no mapping, or names no graph.
pub fn decode_graph_tests(tree: &Tree, damage: &Damage, diagnostics: &mut Diagnostics) -> Option<GraphTests> {
    let mut decoder = Decoder::new(diagnostics, damage);
    let d = &mut decoder;
    let start = Span { end: tree.span.start, ..tree.span };
    if !d.knows_schema(tree, "a file of graph tests", &[GRAPH_TEST_SCHEMA]) {
        return None;
    }
    let fields = d.fields(Slot { key: "tests", key_span: start, value: tree }, &TESTS)?;
    let graph = fields.get("graph").and_then(|slot| d.filled_string(slot));
    let cases = fields.get("cases").and_then(|slot| d.items(slot)).unwrap_or_default();
    let cases = cases.into_iter().filter_map(|slot| case(d, slot)).collect();
    Some(GraphTests { graph: graph?, cases })
}

fn case(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<GraphCase> {
    let fields = d.fields(slot, &CASE)?;
    let name = fields.get("name").and_then(|slot| d.filled_string(slot));
    let inputs = fields.get("inputs").and_then(|slot| {
        let names = d.entries(slot)?.iter().map(|entry| entry.key.clone()).collect();
        Some((located(slot), names))
    });
    let none = || (Located::new(Value::Object(serde_json::Map::new()), fields.span), Vec::new());
    let (inputs, given) = inputs.unwrap_or_else(none);
    let results = list(d, &fields, "results", scripted);
    let answers = list(d, &fields, "answers", answer);
    let expect = fields.get("expect").and_then(|slot| expectations(d, slot));
    Some(GraphCase { span: fields.span, name: name?, inputs, given, results, answers, expect: expect? })
}

fn list<T>(
    d: &mut Decoder<'_>,
    fields: &Fields<'_>,
    key: &str,
    read: fn(&mut Decoder<'_>, Slot<'_>) -> Option<T>,
) -> Vec<T> {
    let items = fields.get(key).and_then(|slot| d.items(slot)).unwrap_or_default();
    items.into_iter().filter_map(|slot| read(d, slot)).collect()
}

fn located(slot: Slot<'_>) -> Located<Value> {
    Located::new(slot.value.to_json(), slot.value.span)
}

/// `node`, `tool`, or both.
fn which(d: &mut Decoder<'_>, fields: &Fields<'_>, what: &str) -> Option<Which> {
    let node = fields.get("node").and_then(|slot| d.filled_string(slot));
    let tool = fields.get("tool").and_then(|slot| tool(d, slot));
    if fields.get("node").is_none() && fields.get("tool").is_none() {
        let message = format!("{what} says of which calls it is");
        let found = Diagnostic::new(codes::MISSING_KEY, fields.span, message);
        d.report(found.help("add `node: …`, `tool: …`, or both"));
        return None;
    }
    Some(Which { node, tool })
}

fn tool(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Located<Uses>> {
    let words: Vec<(&'static str, Uses)> =
        Uses::ALL.iter().filter(|uses| uses.is_tool()).map(|uses| (uses.as_str(), *uses)).collect();
    d.word(slot, &words)
}

fn scripted(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Scripted> {
    let fields = d.fields(slot, &RESULT)?;
    let which = which(d, &fields, "a scripted result");
    let call = fields.get("call").and_then(|slot| d.count(slot, 1));
    let tokens = fields.get("tokens").and_then(|slot| d.count(slot, 0)).map(|count| u64::from(count.value));
    let outcome = outcome(d, &fields);
    let written = fields.get("output").map(|slot| slot.value.clone());
    // whichever call was meant: it is not each of them
    if fields.get("call").is_some() && call.is_none() {
        return None;
    }
    Some(Scripted { span: fields.span, which: which?, call, outcome: outcome?, written, tokens })
}

/// One of `output`, `error`, `hangs` and `asks`.
fn outcome(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<ScriptedOutcome> {
    let given: Vec<Slot<'_>> =
        ["output", "error", "hangs", "asks"].iter().filter_map(|key| fields.get(key)).collect();
    let [one] = given[..] else {
        match given[..] {
            [] => {
                let found = Diagnostic::new(
                    codes::MISSING_KEY,
                    fields.span,
                    "a scripted result says what the call comes to",
                );
                d.report(found.help(
                    "add `output: …`, `error: {kind: …}` or `hangs: true`; of a model, `asks: [{tool: …}]`",
                ));
            }
            [first, second, ..] => {
                d.conflict(second.key_span, second.key, first.key_span, first.key, "a scripted result");
            }
            [_] => {}
        }
        return None;
    };
    match one.key {
        "output" => Some(ScriptedOutcome::Output(located(one))),
        "error" => error(d, one),
        "asks" => asks(d, one),
        _ => {
            let hangs = d.boolean(one)?;
            if !hangs.value {
                let help = "write `hangs: true`; or what it comes to: `output: …`".to_owned();
                d.bad_value(hangs.span, "a call that does not hang comes to something", Some(help));
                return None;
            }
            Some(ScriptedOutcome::Hangs)
        }
    }
}

fn error(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ScriptedOutcome> {
    let fields = d.fields(slot, &ERROR)?;
    let kind = fields.get("kind").and_then(|slot| d.filled_string(slot));
    if let Some(kind) = &kind {
        d.kind_shape(kind);
    }
    let message = fields.get("message").and_then(|slot| d.string(slot));
    Some(ScriptedOutcome::Error {
        kind: kind?,
        message: message.map_or_else(|| "as the test says".to_owned(), |message| message.value),
        output: fields.get("output").map(|slot| slot.value.to_json()),
    })
}

/// The tools that a model asks for: one at least.
fn asks(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ScriptedOutcome> {
    let items = d.items(slot)?;
    if items.is_empty() {
        let help = "name a tool: `[{ tool: read_file, input: { path: … } }]`".to_owned();
        d.bad_value(slot.value.span, "a model that asks for tools asks for one at least", Some(help));
        return None;
    }
    let asked: Vec<ScriptedAsk> = items.into_iter().filter_map(|item| ask(d, item)).collect();
    Some(ScriptedOutcome::Asks(Located::new(asked, slot.value.span)))
}

fn ask(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ScriptedAsk> {
    let fields = d.fields(slot, &ASK)?;
    let tool = fields.get("tool").and_then(|slot| d.filled_string(slot));
    let arguments = match fields.get("input").map(|slot| slot.value.to_json()) {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(input) => input.to_string(),
    };
    Some(ScriptedAsk { tool: tool?.value, arguments })
}

fn answer(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ScriptedAnswer> {
    let fields = d.fields(slot, &ANSWER)?;
    let node = fields.get("node").and_then(|slot| d.filled_string(slot));
    let question = fields.get("question").and_then(|slot| d.count(slot, 1));
    let reply = reply(d, &fields);
    Some(ScriptedAnswer { span: fields.span, node: node?, question, reply: reply? })
}

/// `choice` with what belongs to it, or `late`.
fn reply(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Reply> {
    if let Some(late) = fields.get("late") {
        let beside = ["choice", "response", "comment"].into_iter().find_map(|key| fields.get(key));
        if let Some(beside) = beside {
            d.conflict(late.key_span, late.key, beside.key_span, beside.key, "a scripted answer");
            return None;
        }
        let is_late = d.boolean(late)?;
        if !is_late.value {
            let help = "write `late: true`; or what is chosen: `choice: …`".to_owned();
            d.bad_value(is_late.span, "an answer that is not late says what is chosen", Some(help));
            return None;
        }
        return Some(Reply::Late(is_late.span));
    }
    let Some(choice) = fields.get("choice") else {
        let message = "a scripted answer says what is chosen";
        let found = Diagnostic::new(codes::MISSING_KEY, fields.span, message);
        d.report(found.help("add `choice: …`; or `late: true`, where nobody answers in time"));
        return None;
    };
    let choice = d.filled_string(choice);
    let comment = fields.get("comment").and_then(|slot| d.string(slot));
    Some(Reply::Given(GivenAnswer {
        choice: choice?,
        response: fields.get("response").map(located),
        comment: comment.map(|comment| comment.value).unwrap_or_default(),
    }))
}

fn expectations(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Expectations> {
    let fields = d.fields(slot, &EXPECT)?;
    let mut named_nodes = Vec::new();
    let (path, waiting) =
        (names(d, &fields, "path", &mut named_nodes), names(d, &fields, "waiting", &mut named_nodes));
    Some(Expectations {
        span: fields.span,
        status: fields.get("status").and_then(|slot| d.word(slot, STATUSES)),
        error: fields.get("error").and_then(|slot| expected_error(d, slot)),
        outputs: named(d, &fields, "outputs", |_, slot| Some(located(slot))),
        path,
        nodes: named(d, &fields, "nodes", |d, slot| d.word(slot, NODE_STATUSES)),
        channels: named(d, &fields, "channels", |_, slot| Some(located(slot))),
        iterations: named(d, &fields, "iterations", |d, slot| d.count(slot, 0)),
        calls: list(d, &fields, "calls", |d, slot| expected_call(d, slot, &EXPECTED_CALL)),
        never: list(d, &fields, "never", |d, slot| expected_call(d, slot, &NEVER)),
        denied: list(d, &fields, "denied", denied),
        waiting,
        named: named_nodes,
    })
}

/// A mapping from names to something.
fn named<T>(
    d: &mut Decoder<'_>,
    fields: &Fields<'_>,
    key: &str,
    read: fn(&mut Decoder<'_>, Slot<'_>) -> Option<T>,
) -> Vec<(Located<String>, T)> {
    let entries = fields.get(key).and_then(|slot| d.entries(slot)).unwrap_or_default();
    let read = entries.iter().filter_map(|entry| Some((entry.key.clone(), read(d, Slot::of(entry))?)));
    read.collect()
}

/// A list of strings, as a value; each of them goes to `all`.
fn names(
    d: &mut Decoder<'_>,
    fields: &Fields<'_>,
    key: &str,
    all: &mut Vec<Located<String>>,
) -> Option<Located<Value>> {
    let slot = fields.get(key)?;
    all.extend(d.strings(slot)?);
    Some(located(slot))
}

fn expected_error(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ExpectedError> {
    let fields = d.fields(slot, &EXPECTED_ERROR)?;
    Some(ExpectedError {
        node: fields.get("node").and_then(|slot| d.filled_string(slot)),
        kind: fields.get("kind").and_then(|slot| d.filled_string(slot)),
        message: fields.get("message").and_then(|slot| d.filled_string(slot)),
    })
}

fn expected_call(d: &mut Decoder<'_>, slot: Slot<'_>, shape: &Shape) -> Option<ExpectedCall> {
    let fields = d.fields(slot, shape)?;
    let input = fields.get("input").and_then(|slot| {
        d.entries(slot)?;
        Some(located(slot))
    });
    let times = fields.get("times").and_then(|slot| d.count(slot, 0));
    let written = fields.get("input").map(|slot| slot.value.clone());
    Some(ExpectedCall { span: fields.span, which: which(d, &fields, shape.what)?, input, written, times })
}

fn denied(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ExpectedDenial> {
    let fields = d.fields(slot, &DENIED)?;
    let rule = fields.get("rule").and_then(|slot| d.filled_string(slot));
    Some(ExpectedDenial { span: fields.span, which: which(d, &fields, DENIED.what)?, rule })
}
