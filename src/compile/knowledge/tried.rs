//! Conditions tried with each combination of the few values that they tell apart. Reports nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::expr::{Domain, Expression, Root, Subject, Subjects};
use crate::model::Uses;
use crate::plan::{EdgeIx, NodeIx, Plan, PlanLoop, PlanNode};
use crate::types::Step;

use super::places::{Facts, Place, Places};
use super::report;

/// Combinations of values that are tried.
const TRIED: usize = 256;

/// The conditions of some expressions, for each combination of values.
pub(super) struct Table {
    pub(super) domains: Vec<Domain>,
    pub(super) rows: Vec<Row>,
    /// By domain: are its values those of iterations that come?
    counted: Vec<bool>,
}

/// One combination of values.
pub(super) struct Row {
    /// By domain.
    pub(super) values: Vec<Value>,
    /// By expression.
    pub(super) holds: Vec<bool>,
}

impl Table {
    /// May there be fewer values than were tried?
    pub(super) fn is_loose(&self) -> bool {
        self.domains.iter().any(|domain| domain.loose)
    }

    /// Does none of the conditions hold somewhere, whichever of the values there are that are perhaps never there? Where one
    /// of those holds that `turns` names, nothing has ended yet.
    pub(super) fn surely_leaves_out(&self, turns: &[bool]) -> bool {
        let mut ends: BTreeMap<Vec<String>, bool> = BTreeMap::new();
        for row in &self.rows {
            let turning = row.holds.iter().zip(turns).any(|(holds, turns)| *holds && *turns);
            if !turning {
                let values = self.domains.iter().zip(&self.counted).zip(&row.values);
                let doubtful = values.filter(|((domain, counted), _)| domain.loose && !**counted);
                let none = ends.entry(doubtful.map(|(_, value)| value.to_string()).collect()).or_default();
                *none |= !row.holds.contains(&true);
            }
        }
        !ends.is_empty() && ends.values().all(|none| *none)
    }

    /// Leaves out iterations that never come, where all edges that turn the loop are among these.
    fn count_iterations(&mut self, plan: &Plan, edges: &[EdgeIx]) {
        for at in 0..self.domains.len() {
            let Some(turned) = loop_of(plan, &self.domains[at]) else { continue };
            let places: Option<Vec<usize>> =
                turned.edges.iter().map(|edge| edges.iter().position(|known| known == edge)).collect();
            let Some(places) = places else { continue };
            let mut values: Vec<u64> = self.domains[at].values.iter().filter_map(Value::as_u64).collect();
            values.sort_unstable();
            // what lies between two of the values is as the first of them is
            let turns = |value: u64| {
                let mut rows = self.rows.iter().filter(|row| row.values[at].as_u64() == Some(value));
                rows.any(|row| places.iter().any(|place| row.holds[*place]))
            };
            let come = values.iter().take_while(|value| turns(**value)).count() + 1;
            values.truncate(come);
            self.rows.retain(|row| row.values[at].as_u64().is_some_and(|value| values.contains(&value)));
            self.counted[at] = true;
        }
    }

    /// `` `inputs.mode` is 'fast' ``
    pub(super) fn values(&self, row: &Row) -> String {
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

/// What a condition tells apart.
pub(super) fn subjects(
    places: &Places<'_, '_>,
    place: Place,
    own: NodeIx,
    when: &Expression,
) -> Option<Subjects> {
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
    when.tells_apart(subjects, Some(own), &mut |root| places.known_behind(place, &Facts::new(), root))
}

/// The conditions of edges of one node; nothing, where they tell apart what is not few values.
pub(super) fn table(places: &Places<'_, '_>, edges: &[EdgeIx]) -> Option<Table> {
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
    let mut table = try_all(plan.node(own).id.as_str(), bounded(places, &subjects), &conditions)?;
    table.count_iterations(plan, edges);
    Some(table)
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
    let counted = vec![false; domains.len()];
    // of values that can't be there nothing is known
    (!rows.is_empty()).then_some(Table { domains, rows, counted })
}

/// The values to try, within what is known of some of them that a type does not say.
fn bounded(places: &Places<'_, '_>, subjects: &Subjects) -> Vec<Domain> {
    let mut domains = subjects.domains();
    for domain in &mut domains {
        if let Some(turned) = loop_of(places.plan, domain) {
            count_iterations(u64::from(turned.max), domain);
        } else if is_exit_code(places, domain) {
            domain.values.retain(|value| value.as_u64().is_some_and(|code| code <= 255));
            domain.loose = false;
        }
    }
    domains
}

/// `loops.TARGET.iteration` counts from 1 to the `max` of its loop.
fn count_iterations(max: u64, domain: &mut Domain) {
    domain.values.retain(|value| value.as_u64().is_some_and(|at| (1..=max).contains(&at)));
    for end in [1, max].map(Value::from) {
        if !domain.values.contains(&end) {
            domain.values.push(end);
        }
    }
}

fn loop_of<'p>(plan: &'p Plan, domain: &Domain) -> Option<&'p PlanLoop> {
    let Root::Loop(target) = &domain.subject.root else { return None };
    plan.loops.iter().find(|turned| plan.node(turned.target).id.as_str() == target)
}

/// Any code that a process may end with: `exit_code` of a command that takes all of them.
fn is_exit_code(places: &Places<'_, '_>, domain: &Domain) -> bool {
    let Root::Node(id) = &domain.subject.root else { return false };
    let of_one_command = |node: &PlanNode| node.uses == Uses::Exec && node.for_each.is_none();
    let is_command = places.index.get(id.as_str()).is_some_and(|at| of_one_command(places.plan.node(*at)));
    let path: Vec<&str> =
        domain.subject.path.iter().map(|step| if let Step::Field(name) = step { name } else { "" }).collect();
    is_command && domain.loose && path == ["output", "exit_code"]
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
pub(super) fn truth(places: &Places<'_, '_>, place: Place, own: NodeIx, when: &Expression) -> Option<bool> {
    let domains = bounded(places, &subjects(places, place, own, when)?);
    let table = try_all(places.plan.node(own).id.as_str(), domains, &[when])?;
    let first = table.rows.first()?.holds[0];
    table.rows.iter().all(|row| row.holds[0] == first).then_some(first)
}
