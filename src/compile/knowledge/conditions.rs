//! Conditions over few values, tried one by one: which are always or never true, which overlap, what they leave out.
//! Where the values are many, or not known, nothing is said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::{Domain, Expression, Root, Subject, Subjects};
use crate::model::Uses;
use crate::plan::{EdgeIx, EdgeOutcome, LoopIx, NodeIx, Plan};
use crate::source::Span;
use crate::types::Step;

use super::places::{Facts, Place, Places};
use super::report;

/// Combinations of values that are tried.
const TRIED: usize = 256;

/// What was found out of the edges of each node that decide by conditions.
pub(super) struct Decisions(BTreeMap<NodeIx, Decision>);

/// The edges, and by combination of values which of them hold.
pub(super) type Conditional<'d> = (&'d [EdgeIx], Option<(Vec<&'d [bool]>, bool)>);

/// The conditional edges of one node.
struct Decision {
    edges: Vec<EdgeIx>,
    /// Where all values could be tried.
    table: Option<Table>,
}

/// The conditions of some expressions, for each combination of values.
struct Table {
    domains: Vec<Domain>,
    rows: Vec<Row>,
}

struct Row {
    /// By domain.
    values: Vec<Value>,
    /// By expression.
    holds: Vec<bool>,
}

impl Decisions {
    pub(super) fn of(places: &Places<'_, '_>, diagnostics: &mut Diagnostics) -> Self {
        let plan = places.plan;
        let mut decisions = BTreeMap::new();
        for &at in &plan.order {
            if let Some(when) = &plan.node(at).skip_when {
                skip_condition(places, at, when, diagnostics);
            }
            let conditional = |edge: &&EdgeIx| plan.edge(**edge).when.is_some();
            let edges: Vec<EdgeIx> = plan.node(at).outgoing.iter().filter(conditional).copied().collect();
            if edges.is_empty() {
                continue;
            }
            let constant: Vec<bool> = edges.iter().map(|edge| constant(places, *edge, diagnostics)).collect();
            let success = |edge: &EdgeIx| plan.edge(*edge).outcome == EdgeOutcome::Success;
            let edges: Vec<EdgeIx> = edges.into_iter().filter(success).collect();
            let table = table(places, &edges);
            let decision = Decision { edges, table };
            if constant.iter().all(|constant| !constant) {
                decision.report(places, at, diagnostics);
            }
            decisions.insert(at, decision);
        }
        Self(decisions)
    }

    /// The edges of a node that decide by conditions, after success; and, where that could be tried, which of them hold
    /// together, and whether there may be fewer values than were tried.
    pub(super) fn conditional(&self, at: NodeIx) -> Option<Conditional<'_>> {
        let decision = self.0.get(&at).filter(|decision| !decision.edges.is_empty())?;
        let table = decision.table.as_ref().map(|table| {
            let rows = table.rows.iter().map(|row| &row.holds[..]).collect();
            (rows, table.is_loose())
        });
        Some((&decision.edges, table))
    }

    /// Can two edges of one node never be taken together?
    pub(super) fn exclude(&self, places: &Places<'_, '_>, a: EdgeIx, b: EdgeIx) -> bool {
        let plan = places.plan;
        let (one, other) = (plan.edge(a), plan.edge(b));
        if one.from != other.from || a == b {
            return false;
        }
        match (&one.outcome, &other.outcome) {
            (EdgeOutcome::Always, _) | (_, EdgeOutcome::Always) => {
                let (ends, others) = (ends(places, a), ends(places, b));
                ends.zip(others).is_some_and(|(ends, others)| ends.is_disjoint(&others))
            }
            (EdgeOutcome::Otherwise, EdgeOutcome::Otherwise) => false,
            (EdgeOutcome::Catch(kinds), EdgeOutcome::Catch(others)) => {
                kinds.iter().all(|kind| !others.contains(kind))
            }
            (EdgeOutcome::Catch(_) | EdgeOutcome::Otherwise, _)
            | (_, EdgeOutcome::Catch(_) | EdgeOutcome::Otherwise) => true,
            (EdgeOutcome::Success, EdgeOutcome::Success) => self.never_both(places, one.from, (a, b)),
        }
    }

    fn never_both(&self, places: &Places<'_, '_>, at: NodeIx, (a, b): (EdgeIx, EdgeIx)) -> bool {
        let Some(decision) = self.0.get(&at) else { return false };
        let place = |edge| decision.edges.iter().position(|known| *known == edge);
        match (&decision.table, place(a), place(b)) {
            (Some(table), Some(a), Some(b)) => table.rows.iter().all(|row| !(row.holds[a] && row.holds[b])),
            // all conditions of the node are too many to be tried together; these two are not
            (None, Some(_), Some(_)) => {
                let pair = table(places, &[a, b]);
                pair.is_some_and(|table| table.rows.iter().all(|row| !(row.holds[0] && row.holds[1])))
            }
            _ => false,
        }
    }
}

impl Decision {
    /// Conditions that overlap, and values that they leave out.
    fn report(&self, places: &Places<'_, '_>, at: NodeIx, diagnostics: &mut Diagnostics) {
        let Some(table) = &self.table else { return };
        if self.edges.len() < 2 || table.is_loose() {
            return;
        }
        let plan = places.plan;
        let own = |edge: EdgeIx| {
            let when = plan.edge(edge).when.as_ref();
            when.and_then(|when| subjects(places, Place::Edge(edge), at, when))
                .map(|subjects| subjects.domains().len())
        };
        let one_subject = table.domains.len() == 1 && self.edges.iter().all(|edge| own(*edge) == Some(1));
        if one_subject && let Some((row, a, b)) = self.overlap(plan, table) {
            diagnostics.push(overlapping(places, table, row, a, b));
        }
        let outgoing = plan.node(at).outgoing.iter().map(|edge| plan.edge(*edge));
        let mut in_any_case = outgoing.filter(|edge| {
            edge.outcome == EdgeOutcome::Otherwise
                || (edge.outcome == EdgeOutcome::Success && edge.when.is_none())
        });
        if in_any_case.next().is_none()
            && self.are_about_one_thing(places, at)
            && let Some(row) = table.rows.iter().find(|row| !row.holds.contains(&true))
        {
            diagnostics.push(self.incomplete(places, at, table, row));
        }
    }

    /// Does each condition look at something that another one looks at? Steps that are optional for reasons of their own
    /// leave nothing out.
    fn are_about_one_thing(&self, places: &Places<'_, '_>, at: NodeIx) -> bool {
        let mut open: Vec<BTreeSet<Subject>> = Vec::with_capacity(self.edges.len());
        for &edge in &self.edges {
            let when = places.plan.edge(edge).when.as_ref();
            let Some(found) = when.and_then(|when| subjects(places, Place::Edge(edge), at, when)) else {
                return false;
            };
            let mut joined: BTreeSet<Subject> =
                found.domains().into_iter().map(|domain| domain.subject).collect();
            open.retain(|group| {
                let apart = group.is_disjoint(&joined);
                if !apart {
                    joined.extend(group.iter().cloned());
                }
                apart
            });
            open.push(joined);
        }
        open.len() == 1
    }

    fn overlap<'t>(&self, plan: &Plan, table: &'t Table) -> Option<(&'t Row, EdgeIx, EdgeIx)> {
        let source = |edge: EdgeIx| plan.edge(edge).when.as_ref().map(Expression::source);
        table.rows.iter().find_map(|row| {
            let mut holding =
                self.edges.iter().zip(&row.holds).filter(|(_, holds)| **holds).map(|(edge, _)| *edge);
            let first = holding.next()?;
            // the same words twice are meant so
            let second = holding.find(|edge| source(*edge) != source(first))?;
            Some((row, first, second))
        })
    }

    fn incomplete(&self, places: &Places<'_, '_>, at: NodeIx, table: &Table, row: &Row) -> Diagnostic {
        let id = &places.plan.node(at).id;
        let message = format!("no edge of `{id}` is taken where {}", table.values(row));
        let spans = self.edges.iter().filter_map(|edge| span(places, *edge));
        let mut found = Diagnostic::new(
            codes::INCOMPLETE_CONDITIONS,
            places.draft.nodes[at.0 as usize].node.id.span,
            message,
        );
        for span in spans.take(3) {
            found = found.label(span, "one of its conditions");
        }
        found.help(format!("add `{{ from: {id}, to: …, otherwise: true }}`"))
    }
}

/// The statuses of its source with which an edge may be taken; `None` where that is not known.
fn ends(places: &Places<'_, '_>, at: EdgeIx) -> Option<BTreeSet<String>> {
    let edge = places.plan.edge(at);
    let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
    match &edge.outcome {
        EdgeOutcome::Success | EdgeOutcome::Otherwise => words(&["succeeded", "skipped"]),
        EdgeOutcome::Catch(_) => words(&["failed"]),
        EdgeOutcome::Always => {
            let when = edge.when.as_ref()?;
            let mut facts = Facts::new();
            places.learn(Place::Edge(at), &mut facts, when, &|known| when.assume(true, known));
            let source = facts.get(&Root::Node(places.plan.node(edge.from).id.to_string()))?;
            let statuses = source.at(&[Step::Field("status".to_owned())])?.ty.values()?;
            statuses.iter().map(|status| status.as_str().map(str::to_owned)).collect()
        }
    }
}

fn overlapping(places: &Places<'_, '_>, table: &Table, row: &Row, a: EdgeIx, b: EdgeIx) -> Diagnostic {
    let name = |edge: EdgeIx| {
        places.draft.links.get(edge.0 as usize).map_or_else(String::new, |link| places.draft.name_of(link))
    };
    let message = format!("`{}` and `{}` are both taken where {}", name(a), name(b), table.values(row));
    let place = span(places, b).unwrap_or(places.draft.graph.span);
    let found = Diagnostic::new(codes::OVERLAPPING_CONDITIONS, place, message);
    let found = match span(places, a) {
        Some(span) => found.label(span, "the other condition"),
        None => found,
    };
    found
        .help("change one of the conditions so that they exclude each other, or give both edges the same one")
}

impl Table {
    /// May there be fewer values than were tried?
    fn is_loose(&self) -> bool {
        self.domains.iter().any(|domain| domain.loose)
    }

    /// `` `inputs.mode` is 'fast' ``
    fn values(&self, row: &Row) -> String {
        let parts = self.domains.iter().zip(&row.values).map(|(domain, value)| {
            let shown = match value.as_str() {
                Some(text) if text.starts_with('~') => "another string".to_owned(),
                Some(text) => format!("`'{text}'`"),
                None => format!("`{value}`"),
            };
            format!("`{}` is {shown}", spelled(&domain.subject))
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { "it runs".to_owned() } else { parts.join(" and ") }
    }
}

fn spelled(subject: &Subject) -> String {
    let root = match &subject.root {
        Root::Input(name) => format!("inputs.{name}"),
        Root::Node(id) => format!("nodes.{id}"),
        Root::Channel(name) => format!("state.{name}"),
        Root::Loop(target) => format!("loops.{target}"),
        Root::Run => "run".to_owned(),
        Root::Output => "output".to_owned(),
        Root::Error => "error".to_owned(),
        Root::Local(name) => name.clone(),
    };
    if subject.path.is_empty() { root } else { format!("{root}.{}", report::spelled(&subject.path)) }
}

fn span(places: &Places<'_, '_>, edge: EdgeIx) -> Option<Span> {
    places.plan.edge(edge).when.as_ref().map(Expression::span)
}

/// What a condition tells apart.
fn subjects(places: &Places<'_, '_>, place: Place, own: NodeIx, when: &Expression) -> Option<Subjects> {
    let mut subjects = Subjects::default();
    add(places, place, own, when, &mut subjects).then_some(subjects)
}

fn add(
    places: &Places<'_, '_>,
    place: Place,
    own: NodeIx,
    when: &Expression,
    subjects: &mut Subjects,
) -> bool {
    let own = places.plan.node(own).id.as_str();
    when.tells_apart(subjects, Some(own), &mut |root| places.known(place, &Facts::new(), root))
}

fn table(places: &Places<'_, '_>, edges: &[EdgeIx]) -> Option<Table> {
    let plan = places.plan;
    let mut subjects = Subjects::default();
    let mut conditions = Vec::with_capacity(edges.len());
    for &edge in edges {
        let when = plan.edge(edge).when.as_ref()?;
        if !add(places, Place::Edge(edge), plan.edge(edge).from, when, &mut subjects) {
            return None;
        }
        conditions.push(when);
    }
    let own = edges.first().map(|edge| plan.edge(*edge).from)?;
    try_all(plan.node(own).id.as_str(), subjects.domains(), &conditions)
}

/// Each combination of values; nothing, where they are many, or a condition has no value for one of them.
fn try_all(own: &str, domains: Vec<Domain>, conditions: &[&Expression]) -> Option<Table> {
    let count = domains.iter().try_fold(1usize, |count, domain| {
        let count = count.checked_mul(domain.values.len())?;
        (count <= TRIED).then_some(count)
    })?;
    let mut rows = Vec::with_capacity(count);
    for at in 0..count {
        let mut rest = at;
        let values: Vec<Value> = domains
            .iter()
            .map(|domain| {
                let value = domain.values[rest % domain.values.len()].clone();
                rest /= domain.values.len();
                value
            })
            .collect();
        let roots = roots(&domains, &values);
        let mut known = |root: &Root| match root {
            Root::Output => roots.get(&Root::Node(own.to_owned()))?.get("output").cloned().map(Arc::new),
            Root::Error => roots.get(&Root::Node(own.to_owned()))?.get("error").cloned().map(Arc::new),
            root => roots.get(root).cloned().map(Arc::new),
        };
        let holds: Result<Vec<bool>, _> =
            conditions.iter().map(|when| when.evaluate_bool(&mut known)).collect();
        rows.push(Row { values, holds: holds.ok()? });
    }
    Some(Table { domains, rows })
}

/// `loops.TARGET.iteration` counts from 1 to the `max` of its loop.
fn count_iterations(plan: &Plan, domain: &mut Domain) {
    let Root::Loop(target) = &domain.subject.root else { return };
    let turned = plan.loops.iter().find(|turned| plan.node(turned.target).id.as_str() == target);
    let Some(max) = turned.map(|turned| u64::from(turned.max)) else { return };
    domain.values.retain(|value| value.as_u64().is_some_and(|at| (1..=max).contains(&at)));
    for end in [1, max].map(Value::from) {
        if !domain.values.contains(&end) {
            domain.values.push(end);
        }
    }
}

/// Values at their places behind the roots.
fn roots(domains: &[Domain], values: &[Value]) -> BTreeMap<Root, Value> {
    let mut roots: BTreeMap<Root, Value> = BTreeMap::new();
    for (domain, value) in domains.iter().zip(values) {
        let mut here = roots.entry(domain.subject.root.clone()).or_insert(Value::Null);
        for step in &domain.subject.path {
            let Step::Field(name) = step else { break };
            if !here.is_object() {
                *here = Value::Object(Map::new());
            }
            let Value::Object(fields) = here else { break };
            here = fields.entry(name.clone()).or_insert(Value::Null);
        }
        *here = value.clone();
    }
    roots
}

/// Always true, never true, or neither.
fn truth(places: &Places<'_, '_>, place: Place, own: NodeIx, when: &Expression) -> Option<bool> {
    let mut domains = subjects(places, place, own, when)?.domains();
    for domain in &mut domains {
        count_iterations(places.plan, domain);
    }
    let table = try_all(places.plan.node(own).id.as_str(), domains, &[when])?;
    let first = table.rows.first()?.holds[0];
    table.rows.iter().all(|row| row.holds[0] == first).then_some(first)
}

fn skip_condition(places: &Places<'_, '_>, at: NodeIx, when: &Expression, diagnostics: &mut Diagnostics) {
    let Some(truth) = truth(places, Place::Node(at), at, when) else { return };
    let id = &places.plan.node(at).id;
    let (message, help) = if truth {
        (
            format!("this is always true, so `{id}` never runs"),
            format!("remove `{id}`, or change the condition"),
        )
    } else {
        (
            format!("this is never true, so `{id}` is never skipped"),
            "remove `skip_when`, or change the condition".to_owned(),
        )
    };
    diagnostics.push(Diagnostic::new(codes::CONSTANT_CONDITION, when.span(), message).help(help));
}

/// Is the condition of an edge the same whatever happens?
fn constant(places: &Places<'_, '_>, edge: EdgeIx, diagnostics: &mut Diagnostics) -> bool {
    let plan = places.plan;
    let found = plan.edge(edge);
    let Some(when) = &found.when else { return false };
    let truth = truth(places, Place::Edge(edge), found.from, when);
    if let Some(l) = found.turns
        && let Some(finding) = endless(places, edge, l, when, truth)
    {
        diagnostics.push(finding);
        return true;
    }
    let Some(truth) = truth else { return false };
    let name =
        places.draft.links.get(edge.0 as usize).map_or_else(String::new, |link| places.draft.name_of(link));
    let (message, help) = if truth {
        (
            format!("this is always true, so it decides nothing for `{name}`"),
            "remove `when`, or change the condition",
        )
    } else {
        (
            format!("this is never true, so `{name}` is never taken"),
            "remove the edge, or change the condition",
        )
    };
    let command = plan.node(found.from).uses == Uses::Exec && when.source().contains("exit_code");
    let help = if command {
        "add `ok_exit: any` to the command: with an exit code that it does not take, it fails with `exit`"
    } else {
        help
    };
    let mut diagnostic = Diagnostic::new(codes::CONSTANT_CONDITION, when.span(), message).help(help);
    let target = plan.node(found.to);
    if !truth && target.incoming[..] == [edge] {
        let place = places.draft.nodes[found.to.0 as usize].node.id.span;
        diagnostic = diagnostic.label(place, format!("so `{}` never starts", target.id));
    }
    diagnostics.push(diagnostic);
    true
}

/// A loop edge whose condition holds in every iteration, if it does in one.
fn endless(
    places: &Places<'_, '_>,
    edge: EdgeIx,
    l: LoopIx,
    when: &Expression,
    truth: Option<bool>,
) -> Option<Diagnostic> {
    let plan = places.plan;
    let turned = &plan.loops[l.0 as usize];
    let target = &plan.node(turned.target).id;
    let why = match truth {
        Some(true) => "this is always true".to_owned(),
        None if is_the_same(places, edge, l, when) => {
            format!("nothing in the loop changes what `{}` looks at", report::excerpt(when.source()))
        }
        Some(false) | None => return None,
    };
    let message = format!("{why}, so the loop `{target}` is never left before iteration {}", turned.max);
    let place = places.draft.nodes[turned.target.0 as usize].node.id.span;
    let found =
        Diagnostic::new(codes::ENDLESS_LOOP, when.span(), message).label(place, "the loop begins here");
    Some(found.help(
        "ask about something that the loop changes, or write `loop: { …, exhausted: leave }` without `when`",
    ))
}

fn is_the_same(places: &Places<'_, '_>, edge: EdgeIx, l: LoopIx, when: &Expression) -> bool {
    let plan = places.plan;
    let body = &plan.loops[l.0 as usize].body;
    let inside = |node: &NodeIx| plan.node(*node).loops.contains(&l);
    let written = |name: &str| {
        let channel = plan.channels.iter().position(|channel| channel.name.as_str() == name);
        let writes =
            |node: &NodeIx| plan.node(*node).update.iter().any(|(to, _)| Some(to.0 as usize) == channel);
        body.iter().any(writes)
    };
    let own = plan.edge(edge).from;
    !when.roots().is_empty()
        && when.roots().iter().all(|root| match root {
            Root::Input(_) | Root::Run => true,
            Root::Node(id) => places.index.get(id.as_str()).is_some_and(|node| !inside(node)),
            Root::Channel(name) => !written(name),
            Root::Loop(target) => places
                .index
                .get(target.as_str())
                .is_some_and(|node| *node != plan.loops[l.0 as usize].target && !inside(node)),
            Root::Output | Root::Error => !inside(&own),
            Root::Local(_) => false,
        })
}
