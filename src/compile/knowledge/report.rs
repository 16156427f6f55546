//! Findings of expressions at their place in the file, each with the other side of it.

use std::fmt::Write as _;

use crate::compile::draft::DraftNode;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::{Finding, Reference, Root};
use crate::model::Uses;
use crate::plan::NodeIx;
use crate::source::Span;
use crate::types::{Kind, Step, Type};

use super::places::{Facts, Place, Places};
use super::search::{Done, Ways as _, on_every_way};

/// What to write where a command never ends with what is asked for.
pub(super) const OK_EXIT: &str =
    "add `ok_exit: any` to the command: with an exit code that it does not take, it fails with `exit`";
/// Other sides that are shown with one finding.
pub(super) const SIDES: usize = 2;

/// Reports what was found in an expression (at `whole`), but for doubts that are settled around it.
pub(super) fn findings(
    places: &Places<'_, '_>,
    place: Place,
    facts: &Facts,
    whole: Span,
    found: Vec<Finding>,
    diagnostics: &mut Diagnostics,
) {
    // one mistake is one finding: a misspelt guard guards nothing
    let sure = places.misread.within(whole) || found.iter().any(|finding| finding.doubt.is_none());
    for finding in found {
        if let Some(doubt) = &finding.doubt {
            if sure {
                continue;
            }
            let doubt = doubt.clone();
            let told = || told(places, place, finding);
            places.report_doubt(place, facts, &doubt, told, diagnostics);
        } else {
            diagnostics.push(told(places, place, finding));
        }
    }
}

fn told(places: &Places<'_, '_>, place: Place, finding: Finding) -> Diagnostic {
    if let Some((span, text)) = way_past(places, place, &finding) {
        return diagnostic(places, finding).label(span, text);
    }
    let command = exit_of(places, place, &finding);
    let found = diagnostic(places, finding);
    match command {
        Some(node) if found.labels.len() == 1 => {
            found.label(node.node.id.span, format!("`{}`, which uses `exec`", node.id())).help(OK_EXIT)
        }
        Some(_) => found.help(OK_EXIT),
        None => found,
    }
}

/// A `for_each` over more items than it may have: it fails in every run.
pub(super) fn too_many_items(
    places: &Places<'_, '_>,
    at: NodeIx,
    items: &crate::expr::Expression,
    length: usize,
) -> Diagnostic {
    let node = &places.draft.nodes[at.0 as usize];
    let message = format!("`{}` runs for {length} items, which is more than its `max`", node.id());
    let found = Diagnostic::new(codes::BAD_VALUE, items.span(), message);
    let most = node.modifiers.for_each.as_ref().and_then(|rule| rule.max.as_ref());
    let found = match most {
        Some(most) => found.label(most.span, "its `max`"),
        None => found,
    };
    found.help(format!("write `max: {length}`"))
}

/// One finding, with where its other side is declared.
pub(super) fn finding(places: &Places<'_, '_>, found: Finding, declared: Option<Span>) -> Diagnostic {
    let found = diagnostic(places, found);
    match declared {
        Some(span) => found.label(span, "what takes it"),
        None => found,
    }
}

/// The command of whose exit code a finding says that it never has this value: it fails with it.
fn exit_of<'p>(places: &'p Places<'_, '_>, place: Place, finding: &Finding) -> Option<&'p DraftNode<'p>> {
    if finding.code != codes::UNKNOWN_VALUE || !finding.message.contains("exit_code") {
        return None;
    }
    let at = finding.about.iter().find_map(|root| match (root, place) {
        (Root::Node(id), _) => places.index.get(id.as_str()).copied(),
        (Root::Output, Place::Edge(edge)) => Some(places.plan.edge(edge).from),
        (Root::Output, Place::Update(at)) => Some(at),
        _ => None,
    })?;
    (places.plan.node(at).uses == Uses::Exec).then(|| &places.draft.nodes[at.0 as usize])
}

fn diagnostic(places: &Places<'_, '_>, found: Finding) -> Diagnostic {
    let span = found.span;
    let mut diagnostic = Diagnostic::new(found.code, span, found.message).maybe_help(found.help);
    let sides = found.about.iter().filter_map(|root| declared(places, root));
    for (span, text) in sides.filter(|(side, _)| *side != span).take(SIDES) {
        diagnostic = diagnostic.label(span, text);
    }
    diagnostic
}

/// Where a root is declared.
fn declared(places: &Places<'_, '_>, root: &Root) -> Option<(Span, String)> {
    let graph = places.draft.graph;
    match root {
        Root::Input(name) => {
            let input = graph.inputs.iter().find(|input| input.name.value.as_str() == name)?;
            Some((input.name.span, format!("the input `{name}`")))
        }
        Root::Channel(name) => {
            let channel = graph.state.iter().find(|channel| channel.name.value.as_str() == name)?;
            Some((channel.name.span, format!("the channel `{name}`")))
        }
        Root::Node(id) => {
            let at = places.draft.find(id)?;
            let node = &places.draft.nodes[at as usize];
            let uses = node.uses().map_or("node", |uses| uses.as_str());
            Some((node.node.id.span, format!("`{id}`, which uses `{uses}`")))
        }
        Root::Loop(_) | Root::Run | Root::Output | Root::Error | Root::Local(_) => None,
    }
}

/// An edge by which a way leads here past what is doubted.
fn way_past(places: &Places<'_, '_>, place: Place, finding: &Finding) -> Option<(Span, String)> {
    let doubt = finding.doubt.as_ref().filter(|doubt| doubt.missing)?;
    let [subject] = &doubt.subjects[..] else { return None };
    let Root::Node(id) = &subject.root else { return None };
    let (Place::Node(at) | Place::Update(at)) = place else { return None };
    let target = *places.index.get(id.as_str())?;
    let plan = places.plan;
    let past = plan.node(at).incoming.iter().copied().find(|&edge| {
        let from = plan.edge(edge).from;
        let done = Done::succeeded(plan, places.flow, at, &[target]);
        let mut done = done.or_taken(places.keeping(&[target]));
        let holds = done.edge(edge).or_else(|| on_every_way(plan, from, &mut done));
        holds == Some(false)
    })?;
    let link = places.draft.links.get(past.0 as usize)?;
    let text = format!("`{}` leads here without the success of `{id}`", places.draft.name_of(link));
    Some((places.draft.span_of(link.edge), text))
}

/// Reports a node that is never seen where it is read.
pub(super) fn not_before(
    places: &Places<'_, '_>,
    place: Place,
    references: &[Reference],
    diagnostics: &mut Diagnostics,
) {
    let mut told: Vec<&str> = Vec::new();
    for reference in references {
        let Root::Node(id) = &reference.root else { continue };
        let Some(&node) = places.index.get(id.as_str()) else { continue };
        if told.contains(&id.as_str()) || places.outcomes(place, node).is_some() {
            continue;
        }
        told.push(id);
        diagnostics.push(never_seen(places, place, node, reference));
    }
}

fn never_seen(places: &Places<'_, '_>, place: Place, node: NodeIx, reference: &Reference) -> Diagnostic {
    let plan = places.plan;
    let reader = match place {
        Place::Node(at) | Place::Update(at) => at,
        Place::Edge(edge) => plan.edge(edge).from,
        Place::Outputs => node,
    };
    let (id, reader_id) = (&plan.node(node).id, &plan.node(reader).id);
    let shared = plan.node(node).loops.iter().any(|l| plan.node(reader).loops.contains(l));
    let (message, help) = if node == reader {
        let message = format!("`{id}` reads its own result, which is not there before it has run");
        (
            message,
            "write `output` in its `update`, or carry it in a channel: `update: { CHANNEL: … }`".to_owned(),
        )
    } else if shared {
        let message =
            format!("`{id}` comes after `{reader_id}` in each iteration, so its result is never seen here");
        (
            message,
            format!("carry it in a channel: `update: {{ CHANNEL: … }}` in `{id}`, and read `state.CHANNEL`"),
        )
    } else {
        let message = format!("no way leads from `{id}` to `{reader_id}`, so its result is never seen here");
        let entry = plan.node(reader).incoming.is_empty();
        let edge = format!("add `{id} -> {reader_id}`");
        (message, if entry { edge } else { format!("{edge}, or to a node before `{reader_id}`") })
    };
    let found = Diagnostic::new(codes::NOT_BEFORE, reference.span, message).help(help);
    let declared = &places.draft.nodes[node.0 as usize].node.id;
    found.label(declared.span, format!("`{id}`"))
}

/// Steps, as an author writes them.
pub(super) fn spelled(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        // writing to a string can't fail
        let _ = match step {
            Step::Field(name) if text.is_empty() => write!(text, "{name}"),
            Step::Field(name) => write!(text, ".{name}"),
            Step::Item(at) => write!(text, "[{at}]"),
        };
    }
    text
}

/// An expression on one line, cut where it is long.
pub(super) fn excerpt(source: &str) -> String {
    const LONGEST: usize = 60;
    let source = source.trim();
    let source = source.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(source);
    let words = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().take(LONGEST).collect();
    if cut.len() < words.len() { format!("{cut}…") } else { cut }
}

/// The edit that makes one kind of value of another.
pub(super) fn conversion(given: &Type, wanted: &Type) -> Option<String> {
    let from = |kind| given.has(kind);
    let to = |kind| wanted.has(kind);
    let help = if to(Kind::List) && (from(Kind::Text) || from(Kind::Number) || from(Kind::Bool)) {
        "write `[…]` for a list of one"
    } else if to(Kind::Text) && (from(Kind::Number) || from(Kind::Bool)) {
        "write `… | string`"
    } else if to(Kind::Text) && from(Kind::List) {
        "write `… | join(', ')` or `… | tojson`"
    } else if to(Kind::Text) && from(Kind::Object) {
        "write `… | tojson`"
    } else if to(Kind::Number) && from(Kind::Text) {
        "write `… | int` or `… | float`"
    } else if to(Kind::Number) && from(Kind::List) {
        "write `… | length`"
    } else if to(Kind::List) && from(Kind::Object) {
        "write `… | values`, `… | keys` or `… | items`"
    } else if to(Kind::Object) && !from(Kind::Object) {
        "write `{ KEY: … }` around it"
    } else if to(Kind::Bool) {
        "compare it with something: `… == …`"
    } else {
        return None;
    };
    Some(help.to_owned())
}
