//! Conditions tried with each combination of the few values that they tell apart. Reports nothing.

use std::collections::{BTreeMap, BTreeSet};
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
    /// The combinations for which one of the conditions has no value. Then the node fails, and no edge of its success is taken:
    /// they are no rows.
    pub(super) failed: Vec<Vec<Option<Value>>>,
}

/// One combination of values.
pub(super) struct Row {
    /// By domain; none where the value is missing.
    pub(super) values: Vec<Option<Value>>,
    /// By expression.
    pub(super) holds: Vec<bool>,
}

impl Table {
    /// Do the conditions exclude each other, whatever the values are?
    pub(super) fn exclude(&self, a: usize, b: usize) -> bool {
        self.rows.iter().all(|row| !(row.holds[a] && row.holds[b]))
    }

    /// Has one of the conditions no value, whatever the values are?
    pub(super) fn is_hopeless(&self) -> bool {
        self.rows.is_empty()
    }

    /// Always the same, where there is one condition; `None` where it is not, or has no value somewhere.
    pub(super) fn truth(&self) -> Option<bool> {
        let first = self.rows.first().filter(|_| self.failed.is_empty())?.holds[0];
        self.rows.iter().all(|row| row.holds[0] == first).then_some(first)
    }

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
                let none =
                    ends.entry(doubtful.map(|(_, value)| written(value.as_ref())).collect()).or_default();
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
            let mut values: Vec<u64> =
                self.domains[at].values.iter().filter_map(|value| count(value.as_ref())).collect();
            values.sort_unstable();
            // what lies between two of the values is as the first of them is
            let turns = |value: u64| {
                let mut rows = self.rows.iter().filter(|row| count(row.values[at].as_ref()) == Some(value));
                rows.any(|row| places.iter().any(|place| row.holds[*place]))
            };
            let come = values.iter().take_while(|value| turns(**value)).count() + 1;
            values.truncate(come);
            self.rows
                .retain(|row| count(row.values[at].as_ref()).is_some_and(|value| values.contains(&value)));
            self.counted[at] = true;
        }
    }

    /// `` `inputs.mode` is 'fast' ``
    pub(super) fn values(&self, row: &Row) -> String {
        let parts = self.domains.iter().zip(&row.values).map(|(domain, value)| {
            let shown = match value {
                Some(Value::String(text)) if domain.others.contains(text) => other(domain, text),
                Some(Value::String(text)) => format!("`'{text}'`"),
                Some(Value::Array(items)) => format!("a list of {} items", items.len()),
                Some(Value::Object(fields)) => format!("an object of {} entries", fields.len()),
                value => format!("`{}`", written(value.as_ref())),
            };
            format!("`{}` is {shown}", spelled(&domain.subject))
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { "it runs".to_owned() } else { parts.join(" and ") }
    }
}

/// A string that no condition names.
fn other(domain: &Domain, text: &str) -> String {
    if domain.by_length {
        format!("another string of length {}", text.chars().count())
    } else {
        "another string".to_owned()
    }
}

/// As an author writes it.
pub(super) fn spelled(subject: &Subject) -> String {
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

/// Two conditions that are asked one after the other, of what does not change in between: do they exclude each other?
pub(super) fn exclude(
    places: &Places<'_, '_>,
    one: (Place, &Expression),
    other: (Place, &Expression),
    own: NodeIx,
) -> bool {
    never_all(places, &[one, other], own)
}

/// Conditions that are asked one after the other, of what does not change in between: do they never hold all at once?
pub(super) fn never_all(places: &Places<'_, '_>, conditions: &[(Place, &Expression)], own: NodeIx) -> bool {
    let table = lasting_table(places, conditions, own);
    table.is_some_and(|table| table.rows.iter().all(|row| row.holds.contains(&false)))
}

/// The same of some of them: what is not understood, and what makes the combinations too many, is left out.
pub(super) fn some_never_all(
    places: &Places<'_, '_>,
    conditions: &[(Place, &Expression)],
    own: NodeIx,
) -> bool {
    // those of different groups look at nothing in common, and decide nothing together
    let mut groups: Vec<(BTreeSet<Root>, Vec<_>)> = Vec::new();
    for &(place, when) in conditions {
        let Some(table) = lasting_table(places, &[(place, when)], own) else { continue };
        let count = table.rows.len() + table.failed.len();
        let mut roots: BTreeSet<Root> = table.domains.into_iter().map(|domain| domain.subject.root).collect();
        let mut group = vec![(count, place, when)];
        groups.retain_mut(|(others, beside)| {
            let apart = roots.is_disjoint(others);
            if !apart {
                roots.append(others);
                group.append(beside);
            }
            apart
        });
        groups.push((roots, group));
    }
    groups.into_iter().any(|(_, mut group)| {
        // whatever the order in which they are written
        group.sort_by_key(|(count, place, _)| (*count, *place));
        let mut kept: Vec<(Place, &Expression)> = Vec::new();
        for (_, place, when) in group {
            kept.push((place, when));
            if lasting_table(places, &kept, own).is_none() {
                kept.pop();
            }
        }
        never_all(places, &kept, own)
    })
}

/// Two such conditions: does always one of them hold, where both have a value?
pub(super) fn one_holds(
    places: &Places<'_, '_>,
    one: (Place, &Expression),
    other: (Place, &Expression),
    own: NodeIx,
) -> bool {
    let table = lasting_table(places, &[one, other], own);
    table.is_some_and(|table| table.rows.iter().all(|row| row.holds.contains(&true)))
}

fn lasting_table(places: &Places<'_, '_>, conditions: &[(Place, &Expression)], own: NodeIx) -> Option<Table> {
    let mut subjects = Subjects::default();
    let lasting = |domain: &Domain| matches!(domain.subject.root, Root::Input(_) | Root::Run);
    let understood = conditions.iter().all(|(place, when)| add(places, *place, own, when, &mut subjects));
    if !understood || !subjects.domains().iter().all(lasting) {
        return None;
    }
    let conditions: Vec<&Expression> = conditions.iter().map(|(_, when)| *when).collect();
    try_all(places.plan.node(own).id.as_str(), bounded(places, &subjects), &conditions)
}

/// Each combination of values; nothing, where they are many, or there is none.
fn try_all(own: &str, domains: Vec<Domain>, conditions: &[&Expression]) -> Option<Table> {
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    each(own, &domains, conditions, &mut |values, holds| match holds.into_iter().collect() {
        Some(holds) => rows.push(Row { values, holds }),
        None => failed.push(values),
    })?;
    let counted = vec![false; domains.len()];
    Some(Table { domains, rows, counted, failed })
}

/// Shows each combination of the values that some conditions tell apart, and what the conditions come to with it, if anything;
/// nothing, where they are many, or there is none.
pub(super) fn try_each(
    places: &Places<'_, '_>,
    own: &str,
    subjects: &Subjects,
    conditions: &[&Expression],
    see: &mut dyn FnMut(Vec<Option<Value>>, Vec<Option<bool>>),
) -> Option<()> {
    each(own, &bounded(places, subjects), conditions, see)
}

fn each(
    own: &str,
    domains: &[Domain],
    conditions: &[&Expression],
    see: &mut dyn FnMut(Vec<Option<Value>>, Vec<Option<bool>>),
) -> Option<()> {
    let count = domains.iter().try_fold(1usize, |count, domain| {
        let count = count.checked_mul(domain.values.len())?;
        (count <= TRIED).then_some(count)
    })?;
    for at in 0..count {
        let mut rest = at;
        let values: Vec<Option<Value>> = domains
            .iter()
            .map(|domain| {
                let value = domain.values[rest % domain.values.len()].clone();
                rest /= domain.values.len();
                value
            })
            .collect();
        let roots = roots(domains, &values);
        let mut known = |root: &Root| match root {
            Root::Output => roots.get(&Root::Node(own.to_owned()))?.get("output").cloned().map(Arc::new),
            Root::Error => roots.get(&Root::Node(own.to_owned()))?.get("error").cloned().map(Arc::new),
            root => roots.get(root).cloned().map(Arc::new),
        };
        let holds = conditions.iter().map(|when| when.evaluate_bool(&mut known).ok()).collect();
        see(values, holds);
    }
    // of values that can't be there nothing is known
    (count > 0).then_some(())
}

/// The values to try, within what is known of some of them that a type does not say.
fn bounded(places: &Places<'_, '_>, subjects: &Subjects) -> Vec<Domain> {
    let mut domains = subjects.domains();
    for domain in &mut domains {
        if let Some(turned) = loop_of(places.plan, domain) {
            // `loops.TARGET.iteration` counts from 1 to the `max` of its loop
            within(1, u64::from(turned.max), domain);
        } else if is_exit_code(places, domain) {
            within(0, 255, domain);
            domain.loose = false;
        }
    }
    domains
}

/// Whole numbers of a range alone: its ends with them, where what lies between is all the same.
fn within(least: u64, most: u64, domain: &mut Domain) {
    domain.values.retain(|value| count(value.as_ref()).is_some_and(|at| (least..=most).contains(&at)));
    for end in [least, most].map(|end| Some(Value::from(end))) {
        if !domain.values.contains(&end) {
            domain.values.push(end);
        }
    }
}

fn count(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_u64)
}

/// As JSON.
fn written(value: Option<&Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), Value::to_string)
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

/// Values at their places behind the roots; what is missing has no place.
fn roots(domains: &[Domain], values: &[Option<Value>]) -> BTreeMap<Root, Value> {
    let mut roots: BTreeMap<Root, Value> = BTreeMap::new();
    for (domain, value) in domains.iter().zip(values) {
        let Some((last, around)) = domain.subject.path.split_last() else {
            if let Some(value) = value {
                roots.insert(domain.subject.root.clone(), value.clone());
            }
            continue;
        };
        let mut here = roots.entry(domain.subject.root.clone()).or_insert_with(object);
        for step in around {
            let (Step::Field(name), Value::Object(fields)) = (step, here) else { return roots };
            here = fields.entry(name.clone()).or_insert_with(object);
        }
        if let (Step::Field(name), Value::Object(fields), Some(value)) = (last, here, value) {
            fields.insert(name.clone(), value.clone());
        }
    }
    roots
}

fn object() -> Value {
    Value::Object(Map::new())
}

/// One condition by itself.
pub(super) fn alone(places: &Places<'_, '_>, place: Place, own: NodeIx, when: &Expression) -> Option<Table> {
    let domains = bounded(places, &subjects(places, place, own, when)?);
    try_all(places.plan.node(own).id.as_str(), domains, &[when])
}
