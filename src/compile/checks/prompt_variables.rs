//! `unknown-variable`, `unused-variable`: a prompt sees its `vars` by name and nothing else, and the two must agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::literal;
use crate::diag::{Diagnostic, Diagnostics, codes, nearest};
use crate::document::{Entry, Tree, Value};
use crate::expr::{Readable, Reference, Root, Template};
use crate::model::Uses;
use crate::source::Span;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // a prompt stands there once, and is checked for each node that uses it
    let mut reported = BTreeSet::new();
    for node in &draft.nodes {
        if !matches!(node.uses(), Some(Uses::Llm | Uses::Render)) {
            continue;
        }
        let vars = node.parameter("vars");
        // vars that one expression computes are judged at run time
        if vars.is_some_and(|vars| !matches!(vars.value.value, Value::Map(_))) {
            continue;
        }
        // a prompt that could not be read may use anything
        if let Some(prompts) = prompts(draft, node) {
            let given = vars.map(|vars| vars.value.entries()).unwrap_or_default();
            let place = vars.map_or(node.node.id.span, |vars| vars.name.span);
            let mut found = Diagnostics::default();
            agree(&prompts, given, place, &mut found);
            diagnostics.extend(found.iter().filter(|found| reported.insert(found.span())).cloned());
        }
    }
}

/// The prompts of a node; `None` where one is missing or could not be read.
fn prompts(draft: &Draft<'_>, node: &DraftNode<'_>) -> Option<Vec<Arc<Template>>> {
    let single = ["system", "prompt"].into_iter().filter_map(|name| Some(&node.parameter(name)?.value));
    let listed = node.parameter("messages").map(|field| field.value.items()).unwrap_or_default();
    let named = single.chain(listed.iter().filter_map(|item| item.get("prompt")));
    let find = |tree: &Tree| draft.parts.prompts.get(&literal::word(tree)?.value)?.clone();
    let prompts: Option<Vec<Arc<Template>>> = named.map(find).collect();
    prompts.filter(|prompts| prompts.iter().all(|prompt| prompt.readable() != Readable::Not))
}

fn agree(prompts: &[Arc<Template>], given: &[Entry], place: Span, diagnostics: &mut Diagnostics) {
    let mut used: BTreeMap<&str, Vec<&Reference>> = BTreeMap::new();
    for reference in prompts.iter().flat_map(|prompt| prompt.references()) {
        if let Root::Local(name) = &reference.root {
            used.entry(name).or_default().push(reference);
        }
    }
    let names: BTreeSet<&str> = given.iter().map(|entry| entry.key.value.as_str()).collect();
    let mut missing: BTreeMap<&str, Vec<&Reference>> = used
        .iter()
        .filter(|(name, _)| !names.contains(*name))
        .map(|(name, at)| (*name, at.clone()))
        .collect();
    for entry in given.iter().filter(|entry| !used.contains_key(entry.key.value.as_str())) {
        let written = entry.key.value.as_str();
        // one misspelling is one finding: at the variable, or in the prompt
        match nearest(written, missing.keys().copied()) {
            Some(meant) if !says(&entry.value, written) => {
                let uses = missing.remove(meant).unwrap_or_default();
                diagnostics.push(misspelt(entry, meant, &uses));
            }
            Some(_) => {}
            None => diagnostics.push(unused(entry, used.keys().copied())),
        }
    }
    for (name, references) in missing {
        for reference in references {
            diagnostics.push(unknown(name, reference, names.iter().copied(), place));
        }
    }
}

/// Is the value what the name says: `request: "{{ inputs.request }}"`? Then it is not the name that is misspelt.
fn says(value: &Tree, name: &str) -> bool {
    let last = value.as_str().and_then(|text| text.rsplit('.').next());
    last.is_some_and(|last| last.trim_end_matches(|c: char| c.is_whitespace() || c == '}') == name)
}

fn misspelt(entry: &Entry, meant: &str, uses: &[&Reference]) -> Diagnostic {
    let message = format!("unknown variable `{}`: the prompt uses `{meant}`", entry.key.value);
    let mut found = Diagnostic::new(codes::UNKNOWN_VARIABLE, entry.key.span, message);
    if let Some(reference) = uses.first() {
        found = found.label(reference.span, "the prompt");
    }
    found.help(format!("write `{meant}`"))
}

fn unused<'u>(entry: &Entry, used: impl Iterator<Item = &'u str>) -> Diagnostic {
    let written = entry.key.value.as_str();
    let message = format!("no prompt of this node uses the variable `{written}`");
    let found = Diagnostic::new(codes::UNUSED_VARIABLE, entry.key.span, message);
    let meant = nearest(written, used).map(|name| format!("; the prompt uses `{name}`"));
    found.help(format!("remove `{written}`, or use it in the prompt{}", meant.unwrap_or_default()))
}

fn unknown<'n>(
    name: &str,
    reference: &Reference,
    given: impl Iterator<Item = &'n str>,
    place: Span,
) -> Diagnostic {
    let message = format!("the prompt uses `{name}`, which the node's `vars` do not have");
    let help = nearest(name, given)
        .map_or_else(|| format!("add `{name}` to `vars`"), |meant| format!("write `{meant}`"));
    Diagnostic::new(codes::UNKNOWN_VARIABLE, reference.root_span, message)
        .label(place, "the variables that it sees")
        .help(help)
}
