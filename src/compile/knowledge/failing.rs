//! Conditions that have no value, so that their node fails: whatever the values are, or for a kind of values that may be
//! given.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::ErrorKind;
use crate::expr::{Expression, Root};
use crate::plan::{EdgeOutcome, NodeIx, Plan};
use crate::source::Span;
use crate::types::{Kind, Type};

use super::misread::Misread;
use super::places::{Place, Places};
use super::tried::{Table, alone, spelled};

/// A condition of a node, and what it comes to by itself, where all values could be tried.
pub(super) struct Tried<'p> {
    place: Place,
    when: &'p Expression,
    pub(super) alone: Option<Table>,
}

impl<'p> Tried<'p> {
    pub(super) fn of(places: &Places<'_, '_>, place: Place, own: NodeIx, when: &'p Expression) -> Self {
        Self { place, when, alone: alone(places, place, own, when) }
    }

    fn never_has_a_value(&self) -> bool {
        self.alone.as_ref().is_some_and(Table::is_hopeless)
    }
}

/// A node that fails whatever the values are.
pub(super) struct Hopeless {
    conditions: Vec<Span>,
    told: Diagnostic,
}

/// The nodes that fail whatever the values are, but for those of whose conditions something else is wrong.
pub(super) fn report(hopeless: &[Hopeless], misread: &Misread, diagnostics: &mut Diagnostics) {
    let within = |part: Span, whole: Span| {
        part.file == whole.file && whole.start <= part.start && part.start < whole.end
    };
    let is_news = |one: &&Hopeless| {
        !one.conditions.iter().any(|whole| {
            misread.within(*whole) || diagnostics.iter().any(|found| within(found.span(), *whole))
        })
    };
    let told: Vec<Diagnostic> = hopeless.iter().filter(is_news).map(|one| one.told.clone()).collect();
    diagnostics.extend(told);
}

/// Conditions of a node that leave it nothing to go on with: one of them that never has a value, or all that decide after
/// its success `together`.
pub(super) fn hopeless(
    places: &Places<'_, '_>,
    at: NodeIx,
    tried: &[Tried<'_>],
    together: Option<&Table>,
) -> Option<Hopeless> {
    if let Some(one) = tried.iter().find(|one| one.never_has_a_value()) {
        let table = one.alone.as_ref()?;
        let id = &places.plan.node(at).id;
        let message = format!("this has no value, whatever {} is: `{id}` fails in any case", subject(table));
        let told = Diagnostic::new(codes::ALWAYS_FAILS, one.when.span(), message);
        return Some(Hopeless {
            conditions: vec![one.when.span()],
            told: told.help("compare values of one kind"),
        });
    }
    let table = together.filter(|table| table.is_hopeless())?;
    let decide: Vec<&Tried<'_>> =
        tried.iter().filter(|one| is_after_success(places.plan, one.place)).collect();
    Some(Hopeless {
        conditions: decide.iter().map(|one| one.when.span()).collect(),
        told: each_of_one(places, at, &decide, table)?,
    })
}

fn is_after_success(plan: &Plan, place: Place) -> bool {
    matches!(place, Place::Edge(edge) if plan.edge(edge).outcome == EdgeOutcome::Success)
}

/// For each value one of the conditions has none.
fn each_of_one(
    places: &Places<'_, '_>,
    at: NodeIx,
    decide: &[&Tried<'_>],
    table: &Table,
) -> Option<Diagnostic> {
    let id = &places.plan.node(at).id;
    let gap = |one: &Tried<'_>| one.alone.as_ref().and_then(|table| gap(table, &|_| true));
    let (last, others) = decide.split_last()?;
    let message = format!("`{id}` fails whatever {} is: this has no value ", subject(table));
    let message = match gap(last) {
        Some(gap) => format!("{message}where it is {}", Type::of_kind(gap.kind)),
        None => format!("{message}where the other conditions have one"),
    };
    let mut found = Diagnostic::new(codes::ALWAYS_FAILS, last.when.span(), message);
    for one in others {
        found = found.label(
            one.when.span(),
            match gap(one) {
                Some(gap) => format!("no value where it is {}", Type::of_kind(gap.kind)),
                None => "another condition".to_owned(),
            },
        );
    }
    let help = gap(last).map_or_else(|| "compare values of one kind".to_owned(), |gap| gap.help());
    Some(found.help(help))
}

fn subject(table: &Table) -> String {
    match &table.domains[..] {
        [domain] => format!("`{}`", spelled(&domain.subject)),
        _ => "each value".to_owned(),
    }
}

/// A kind of values for which a condition has none, and one for which it has.
struct Gap {
    subject: String,
    kind: Kind,
    other: Kind,
}

impl Gap {
    fn help(&self) -> String {
        let word = match self.other {
            Kind::Null => "none",
            Kind::Bool => "boolean",
            Kind::Number => "number",
            Kind::Text => "string",
            Kind::List => "list",
            Kind::Object => "object",
        };
        format!("ask for the kind first: `{} is {word} and …`", self.subject)
    }
}

/// Of null and of what is missing something else is said.
fn gap(table: &Table, concerns: &dyn Fn(usize) -> bool) -> Option<Gap> {
    let kind = |value: Option<&serde_json::Value>| Type::of_value(value?).kinds().next();
    (0..table.domains.len()).filter(|at| concerns(*at)).find_map(|at| {
        let held: BTreeSet<Option<Kind>> =
            table.rows.iter().map(|row| kind(row.values[at].as_ref())).collect();
        let mut failed = table.failed.iter().filter_map(|values| kind(values[at].as_ref()));
        let lacking = failed.find(|kind| *kind != Kind::Null && !held.contains(&Some(*kind)))?;
        let other = held.into_iter().flatten().last()?;
        Some(Gap { subject: spelled(&table.domains[at].subject), kind: lacking, other })
    })
}

/// Nodes that not every run comes to: what is asked there may be asked of some values alone.
pub(super) struct Guarded(Vec<bool>);

impl Guarded {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut guarded = vec![false; plan.nodes.len()];
        for &at in &plan.order {
            guarded[at.0 as usize] = plan.node(at).incoming.iter().map(|edge| plan.edge(*edge)).any(|edge| {
                edge.outcome != EdgeOutcome::Success || edge.when.is_some() || guarded[edge.from.0 as usize]
            });
        }
        Self(guarded)
    }
}

/// Conditions that every run asks, and that have no value for a kind of values that may be given.
pub(super) fn for_a_kind(
    places: &Places<'_, '_>,
    at: NodeIx,
    tried: &[Tried<'_>],
    guarded: &Guarded,
    diagnostics: &mut Diagnostics,
) {
    let node = places.plan.node(at);
    let catches = |outcome: &EdgeOutcome| matches!(outcome, EdgeOutcome::Catch(kinds) if kinds.contains(&ErrorKind::Expression));
    let mut edges = node.outgoing.iter().map(|edge| &places.plan.edge(*edge).outcome);
    if guarded.0[at.0 as usize] || edges.any(catches) {
        return;
    }
    for one in tried {
        if matches!(one.place, Place::Edge(_)) && !is_after_success(places.plan, one.place) {
            continue;
        }
        let Some(table) = &one.alone else { continue };
        let given =
            |at: usize| matches!(table.domains[at].subject.root, Root::Input(_)) && !table.domains[at].loose;
        let Some(gap) = gap(table, &given) else { continue };
        let message = format!(
            "this has no value where `{}` is {}: then `{}` fails",
            gap.subject,
            Type::of_kind(gap.kind),
            node.id
        );
        let found = Diagnostic::new(codes::FAILING_CONDITION, one.when.span(), message);
        diagnostics.push(found.help(gap.help()));
    }
}
