//! `unknown-input`, `missing-input`, `wrong-input`: what a `graph` node gives to its graph.

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::{literal, pointer};
use crate::diag::{Diagnostic, Diagnostics, codes, nearest, suggestion};
use crate::document::{Entry, Tree, Value};
use crate::model::Uses;
use crate::plan::{Plan, PlanInput};
use crate::schema;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in draft.nodes.iter().filter(|node| node.uses() == Some(Uses::Graph)) {
        let name = node.parameter("graph").and_then(|field| field.value.as_str());
        let plan = name.and_then(|name| draft.parts.subgraphs.get(name)).and_then(Option::as_ref);
        let given = node.parameter("inputs").map(|field| &field.value);
        // inputs that one expression computes are judged at run time
        let literal = given.is_none_or(|given| matches!(given.value, Value::Map(_)));
        if let (Some(plan), true) = (plan, literal) {
            check_inputs(node, plan, given.map(Tree::entries).unwrap_or_default(), diagnostics);
        }
    }
}

fn check_inputs(node: &DraftNode<'_>, plan: &Plan, given: &[Entry], diagnostics: &mut Diagnostics) {
    let is_given = |name: &str| given.iter().any(|entry| entry.key.value == name);
    let known = || plan.inputs.iter().map(|input| input.name.as_str());
    let mut meant = Vec::new();
    for entry in given {
        let written = entry.key.value.as_str();
        if let Some(input) = plan.inputs.iter().find(|input| input.name.as_str() == written) {
            check_value(plan, input, entry, diagnostics);
            continue;
        }
        meant.extend(nearest(written, known().filter(|name| !is_given(name))));
        let message = format!("the graph `{}` has no input `{written}`", plan.name);
        let help = suggestion(written, known())
            .unwrap_or_else(|| format!("remove `{written}`, or declare it under `inputs` of that graph"));
        diagnostics.push(Diagnostic::new(codes::UNKNOWN_INPUT, entry.key.span, message).help(help));
    }
    for input in plan.inputs.iter().filter(|input| input.default.is_none()) {
        let name = input.name.as_str();
        if is_given(name) || meant.contains(&name) {
            continue;
        }
        let span = node.parameter("inputs").or_else(|| node.parameter("graph")).map(|field| field.name.span);
        let message = format!("the graph `{}` needs the input `{name}`", plan.name);
        let found = Diagnostic::new(codes::MISSING_INPUT, span.unwrap_or(node.node.id.span), message);
        diagnostics.push(found.help(format!("add `{name}: …` under `inputs`")));
    }
}

fn check_value(plan: &Plan, input: &PlanInput, entry: &Entry, diagnostics: &mut Diagnostics) {
    for error in schema::validate_value(&input.schema, &entry.value.to_json()) {
        let place = pointer::find(&entry.value, &error.pointer).unwrap_or(&entry.value);
        if place.as_str().is_some_and(literal::is_template) {
            continue;
        }
        let message = format!(
            "the input `{}` of the graph `{}` does not accept this: it {}",
            input.name, plan.name, error.message
        );
        let found = Diagnostic::new(codes::WRONG_INPUT, place.span, message);
        diagnostics.push(found.maybe_help(error.help.clone()));
    }
}
