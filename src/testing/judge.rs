//! What a case came to against what it expects.

use serde_json::{Value, json};

use crate::expr::in_one_form;
use crate::model::graph_test::{ExpectedCall, ExpectedDenial, ExpectedError, GraphCase, Which};
use crate::source::{Located, Span};

use super::{Difference, MadeCall, Rehearsal};

/// Everything in which what a case came to parts from what it expects.
pub fn judge(case: &GraphCase, came_to: &Rehearsal) -> Vec<Difference> {
    let mut judgement = Judgement { came_to, found: Vec::new() };
    let expect = &case.expect;
    judgement.status(expect.status.as_ref());
    if let Some(error) = &expect.error {
        judgement.error(error, expect.span);
    }
    for (name, value) in &expect.outputs {
        let found = came_to.summary.outputs.as_ref().and_then(|outputs| outputs.get(&name.value)).cloned();
        judgement.compare(format!("outputs.{}", name.value), value, found);
    }
    if let Some(path) = &expect.path {
        judgement.compare("path".to_owned(), path, Some(json!(came_to.summary.path)));
    }
    for (name, status) in &expect.nodes {
        let found = came_to.summary.nodes.get(&name.value).and_then(|node| node.status);
        let expected = Located::new(json!(status.value), status.span);
        judgement.compare(
            format!("nodes.{}", name.value),
            &expected,
            found.map(|status| json!(status.as_str())),
        );
    }
    for (name, value) in &expect.channels {
        let found = came_to.channels.iter().find(|(known, _)| *known == name.value);
        judgement.compare(
            format!("channels.{}", name.value),
            value,
            found.map(|(_, value)| (**value).clone()),
        );
    }
    for (name, times) in &expect.iterations {
        let found = came_to.summary.nodes.get(&name.value).map(|node| json!(node.iterations));
        judgement.compare(
            format!("iterations.{}", name.value),
            &Located::new(json!(times.value), times.span),
            found,
        );
    }
    expect.calls.iter().for_each(|call| judgement.made(call));
    expect.never.iter().for_each(|call| judgement.never(call));
    expect.denied.iter().for_each(|denial| judgement.denied(denial));
    if let Some(waiting) = &expect.waiting {
        // which of several is asked first says nothing
        let mut found: Vec<&str> =
            came_to.summary.waiting.iter().map(|question| question.node.as_str()).collect();
        let named = waiting.value.as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut named: Vec<&str> = named.collect();
        named.sort_unstable();
        found.sort_unstable();
        if named != found {
            judgement.compare("waiting".to_owned(), waiting, Some(json!(found)));
        }
    }
    judgement.found
}

struct Judgement<'j> {
    came_to: &'j Rehearsal,
    found: Vec<Difference>,
}

impl Judgement<'_> {
    fn compare(&mut self, place: String, expected: &Located<Value>, found: Option<Value>) {
        if !found.as_ref().is_some_and(|found| same(found, &expected.value)) {
            self.found.push(Difference {
                place,
                span: expected.span,
                expected: expected.value.clone(),
                can_be_blessed: found.is_some(),
                found,
            });
        }
    }

    fn status(&mut self, expected: Option<&Located<&'static str>>) {
        let Some(expected) = expected else { return };
        let found = self.came_to.summary.status.map(|status| json!(status.as_str()));
        self.compare("status".to_owned(), &Located::new(json!(expected.value), expected.span), found);
    }

    fn error(&mut self, expected: &ExpectedError, span: Span) {
        let error = self.came_to.summary.error.clone();
        let Some(error) = error else {
            let node = expected.node.as_ref().map(|node| &node.value);
            let wanted = json!({ "node": node, "kind": expected.kind.as_ref().map(|kind| &kind.value) });
            self.found.push(Difference {
                place: "error".to_owned(),
                span,
                expected: wanted,
                found: None,
                can_be_blessed: false,
            });
            return;
        };
        let mut word = |name: &str, expected: &Option<Located<String>>, found: Option<String>| {
            if let Some(expected) = expected {
                let expected = Located::new(json!(expected.value), expected.span);
                self.compare(format!("error.{name}"), &expected, found.map(Value::from));
            }
        };
        word("node", &expected.node, error.node.as_deref().map(str::to_owned));
        word("kind", &expected.kind, Some(error.error.kind.to_string()));
        let message = error.error.message.clone();
        let holds = expected.message.as_ref().is_some_and(|part| message.contains(&part.value));
        if !holds {
            word("message", &expected.message, Some(message));
        }
    }

    fn fitting(&self, expected: &ExpectedCall) -> Vec<&MadeCall> {
        let fits = |call: &&MadeCall| {
            meant(&expected.which, call)
                && call.refused_by.is_none()
                && expected.input.as_ref().is_none_or(|input| holds(&call.input, &input.value))
        };
        self.came_to.calls.iter().filter(fits).collect()
    }

    fn made(&mut self, expected: &ExpectedCall) {
        let fitting = self.fitting(expected).len();
        let place = format!("calls of {}", shown(&expected.which));
        match &expected.times {
            Some(times) => {
                let times = Located::new(json!(times.value), times.span);
                self.compare(format!("{place}: times"), &times, Some(json!(fitting)));
            }
            None if fitting > 0 => {}
            None => {
                let made = self.came_to.calls.iter().filter(|call| meant(&expected.which, call));
                let inputs: Vec<&Value> = made.map(|call| &call.input).collect();
                let wanted =
                    expected.input.as_ref().map_or_else(|| json!("a call"), |input| input.value.clone());
                self.found.push(Difference {
                    place,
                    span: expected.span,
                    expected: wanted,
                    found: (!inputs.is_empty()).then(|| json!(inputs)),
                    can_be_blessed: false,
                });
            }
        }
    }

    fn never(&mut self, expected: &ExpectedCall) {
        let fitting: Vec<Value> = self.fitting(expected).iter().map(|call| call.input.clone()).collect();
        if !fitting.is_empty() {
            self.found.push(Difference {
                place: format!("calls of {}", shown(&expected.which)),
                span: expected.span,
                expected: json!("never"),
                found: Some(json!(fitting)),
                can_be_blessed: false,
            });
        }
    }

    fn denied(&mut self, expected: &ExpectedDenial) {
        let refusals: Vec<&Vec<String>> = self
            .came_to
            .calls
            .iter()
            .filter(|call| meant(&expected.which, call))
            .filter_map(|call| call.refused_by.as_ref())
            .collect();
        let rule = expected.rule.as_ref().map(|rule| &rule.value);
        if refusals.iter().any(|rules| rule.is_none_or(|rule| rules.contains(rule))) {
            return;
        }
        self.found.push(Difference {
            place: format!("refusals of {}", shown(&expected.which)),
            span: expected.span,
            expected: rule.map_or_else(|| json!("a refusal"), |rule| json!(rule)),
            found: (!refusals.is_empty()).then(|| json!(refusals)),
            can_be_blessed: false,
        });
    }
}

fn meant(which: &Which, call: &MadeCall) -> bool {
    which.node.as_ref().is_none_or(|node| node.value == call.node)
        && which.tool.as_ref().is_none_or(|tool| tool.value.as_str() == call.tool)
}

fn shown(which: &Which) -> String {
    match (&which.node, &which.tool) {
        (Some(node), Some(tool)) => format!("`{}` by `{}`", tool.value.as_str(), node.value),
        (Some(node), None) => format!("`{}`", node.value),
        (None, Some(tool)) => format!("`{}`", tool.value.as_str()),
        (None, None) => "anything".to_owned(),
    }
}

/// Does a value hold at least what another one does? Objects may have more keys; everything else is equal.
fn holds(value: &Value, least: &Value) -> bool {
    match (value, least) {
        (Value::Object(value), Value::Object(least)) => {
            least.iter().all(|(name, least)| value.get(name).is_some_and(|value| holds(value, least)))
        }
        (value, least) => same(value, least),
    }
}

/// Are two values the same? A number is, however it is written.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    one == other || in_one_form(one) == in_one_form(other)
}
