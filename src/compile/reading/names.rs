//! The names of references: inputs, nodes, channels, loops, and names from around.

use std::collections::BTreeMap;

use crate::compile::scope::{LoopFacts, Place};
use crate::diag::{Code, Diagnostic, Diagnostics, codes, nearest, suggestion, worth_guessing};
use crate::expr::{Reference, Root, Segment};
use crate::source::Span;

use super::fields;

/// Reports what is wrong with one reference; at most one finding, that of its first wrong word.
pub(in crate::compile) fn check(reference: &Reference, place: &Place<'_>, diagnostics: &mut Diagnostics) {
    if let Some(found) = finding(reference, place) {
        diagnostics.push(found);
    }
}

fn finding(reference: &Reference, place: &Place<'_>) -> Option<Diagnostic> {
    let names = place.names;
    if is_lost(&reference.root, place) {
        return None;
    }
    let path = &reference.path[..];
    match &reference.root {
        Root::Input(name) => match names.inputs.get(name) {
            None => Some(unknown(
                codes::UNKNOWN_INPUT,
                "input",
                name,
                (reference, place),
                (&names.inputs, |known| known.span),
            )),
            Some(known) => fields::in_schema(known.schema.as_deref(), path, name),
        },
        Root::Channel(name) => match names.channels.get(name) {
            None => Some(unknown(
                codes::UNKNOWN_CHANNEL,
                "channel",
                name,
                (reference, place),
                (&names.channels, |known| known.span),
            )),
            Some(known) => fields::in_schema(known.schema.as_deref(), path, name),
        },
        Root::Node(id) => match names.nodes.get(id) {
            None => Some(unknown(
                codes::UNKNOWN_NODE,
                "node",
                id,
                (reference, place),
                (&names.nodes, |node| node.span),
            )),
            Some(node) => fields::of_node(node, path, id),
        },
        Root::Loop(target) => loop_finding(target, reference, place),
        Root::Run => fields::among(&["graph_digest", "revision"], path, "run"),
        Root::Output => match place.output {
            None => Some(out_of_scope(reference, "output", "in the node's `update` and in its edges")),
            Some(facts) => fields::in_schema(facts.output.as_deref(), path, "output"),
        },
        Root::Error if !place.error => Some(out_of_scope(reference, "error", "in the node's edges")),
        Root::Error => fields::of_error(path),
        Root::Local(name) => match place.locals.iter().find(|local| local.name == *name) {
            None => Some(unknown_variable(name, reference.name_span, place)),
            Some(local) => fields::in_schema(local.schema.as_deref(), path, name),
        },
    }
}

/// May the name be declared in a part of the file that could not be read?
fn is_lost(root: &Root, place: &Place<'_>) -> bool {
    let names = place.names;
    match root {
        Root::Input(name) => !names.inputs.contains_key(name) && names.damage.lost(name),
        Root::Channel(name) => !names.channels.contains_key(name) && names.damage.lost(name),
        Root::Node(name) => !names.nodes.contains_key(name) && names.damage.lost(name),
        Root::Loop(name) => !names.loops.contains_key(name) && names.damage.lost(name),
        Root::Local(name) => names.damage.lost(name),
        Root::Run | Root::Output | Root::Error => false,
    }
}

fn unknown<T>(
    code: Code,
    what: &str,
    name: &str,
    (reference, place): (&Reference, &Place<'_>),
    (known, span): (&BTreeMap<String, T>, impl Fn(&T) -> Span),
) -> Diagnostic {
    let found = Diagnostic::new(code, reference.name_span, format!("unknown {what} `{name}`"));
    if !worth_guessing(place.met, known.len()) {
        return found;
    }
    let near = nearest(name, known.keys().map(String::as_str));
    // the nearest name is what is suggested; without one, a short list is
    let candidates = near.map_or_else(|| known.keys().map(String::as_str).collect(), |near| vec![near]);
    let found = found.maybe_help(suggestion(name, candidates)).maybe_help(declaration(code, name));
    match near.and_then(|near| known.get_key_value(near)) {
        Some((name, facts)) => found.label(span(facts), format!("`{name}` is declared here")),
        None => found,
    }
}

/// Where nothing of the kind is declared, or too much to be listed: how it would be.
fn declaration(code: Code, name: &str) -> Option<String> {
    let (section, value) = match code {
        codes::UNKNOWN_INPUT => ("inputs", "{ type: … }"),
        codes::UNKNOWN_CHANNEL => ("state", "{ type: …, reduce: … }"),
        codes::UNKNOWN_NODE => ("nodes", "{ uses: … }"),
        codes::UNKNOWN_LOOP => {
            return Some(format!("make one: `loop: {{ max: … }}` on an edge that leads back to `{name}`"));
        }
        _ => return None,
    };
    Some(format!("declare it under `{section}`: `{name}: {value}`"))
}

fn loop_finding(target: &str, reference: &Reference, place: &Place<'_>) -> Option<Diagnostic> {
    let Some(declared) = place.names.loops.get(target) else {
        let known = (&place.names.loops, |facts: &LoopFacts| facts.span);
        let found = unknown(codes::UNKNOWN_LOOP, "loop", target, (reference, place), known);
        return Some(if place.names.nodes.contains_key(target) {
            found
                .maybe_help(Some(format!("name the target of a loop edge: no loop edge leads to `{target}`")))
        } else {
            found
        });
    };
    let outside =
        declared.body.as_ref().is_some_and(|body| !place.reader.is_some_and(|id| body.contains(id)));
    if outside {
        let message = format!("`loops.{target}` is known only in the body of that loop");
        let found = Diagnostic::new(codes::OUT_OF_SCOPE, reference.name_span, message);
        let found = found.help("count in a channel: `{ type: integer, reduce: sum }`");
        return Some(found.label(declared.span, "the loop is declared here"));
    }
    fields::among(&["iteration"], &reference.path, &format!("loops.{target}"))
}

fn out_of_scope(reference: &Reference, word: &str, where_known: &str) -> Diagnostic {
    let message = format!("`{word}` is known only {where_known}");
    let found = Diagnostic::new(codes::OUT_OF_SCOPE, reference.root_span, message);
    found.help(format!("write `nodes.ID.{word}` with the node that is meant"))
}

/// A bare name that nothing around defines: often a name that stands behind a root.
fn unknown_variable(name: &str, span: Span, place: &Place<'_>) -> Diagnostic {
    let names = place.names;
    let behind = [
        ("inputs", names.inputs.contains_key(name)),
        ("state", names.channels.contains_key(name)),
        ("nodes", names.nodes.contains_key(name)),
    ];
    let help = match behind.iter().find(|(_, known)| *known) {
        Some((root, _)) => Some(format!("write `{root}.{name}`")),
        None => {
            let roots = ["inputs", "nodes", "state", "loops", "run"];
            let locals = place.locals.iter().map(|local| local.name.as_str());
            let here = [("output", place.output.is_some()), ("error", place.error)];
            let here = here.into_iter().filter_map(|(root, known)| known.then_some(root));
            suggestion(name, locals.chain(roots).chain(here))
        }
    };
    Diagnostic::new(codes::UNKNOWN_VARIABLE, span, format!("unknown variable `{name}`")).maybe_help(help)
}

/// The span and the name of a step, where it is one.
pub(super) fn field(segment: &Segment) -> Option<(&str, Span)> {
    match segment {
        Segment::Field(name, span) => Some((name, *span)),
        Segment::Index(..) | Segment::Computed(_) => None,
    }
}
