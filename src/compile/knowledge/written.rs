//! What is written to a `replace` channel: where a doubt about it begins, and where it ends.

use std::collections::BTreeMap;

use crate::expr::{Expression, Root, Subject, ValueTemplate};
use crate::model::Reduce;
use crate::plan::{ChannelIx, NodeIx, Plan};
use crate::types::{Chance, Field, Type};

use super::copied;
use super::doubt::settles;
use super::places::{Facts, Place, Places};
use super::results::skips;

/// A moment of a run in the canonical order; none of them is 0.
pub(super) type Moment = u32;

/// Before anything has run.
pub(super) const START: Moment = 1;

/// Where an iteration begins: behind all that is before the loop, and before what its target writes.
pub(super) fn begun(plan: &Plan, target: NodeIx) -> Moment {
    2 * plan.rank[target.0 as usize] + 2
}

/// Where a node writes.
pub(super) fn ended(plan: &Plan, node: NodeIx) -> Moment {
    2 * plan.rank[node.0 as usize] + 3
}

/// What a node puts in the place of what the channel held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// What leaves no doubt, or of which nothing is known.
    Good,
    /// The same, where it is not skipped, and has an item; or what the channel held.
    Perhaps,
    /// What is known to be null, or to lack the field, perhaps.
    Bad,
}

/// What is written to a channel, as far as a doubt about it goes.
pub(super) struct Written {
    /// By node.
    writes: BTreeMap<NodeIx, Write>,
    /// The channel begins without doubt.
    pub(super) good_at_first: bool,
}

impl Written {
    /// `None`: the doubt is about no channel.
    pub(super) fn of(places: &Places<'_, '_>, subject: &Subject, missing: bool) -> Option<Self> {
        let Root::Channel(name) = &subject.root else { return None };
        let plan = places.plan;
        let mut channels = (0..).map(ChannelIx).zip(&plan.channels);
        let found = channels.find(|(_, channel)| channel.name.as_str() == name);
        // of what is folded nobody takes anything away
        let Some((at, channel)) = found.filter(|(_, channel)| channel.reduce == Reduce::Replace) else {
            return Some(Self { writes: BTreeMap::new(), good_at_first: false });
        };
        let writes = |node: &NodeIx| plan.node(*node).update.iter().any(|(to, _)| *to == at);
        let writers = plan.order.iter().copied().filter(writes);
        let write = |node: NodeIx| (node, written(places, node, at, subject, missing));
        let start = Field::sure(Type::of_value(&channel.start));
        let good_at_first = start.at(&subject.path).is_some() && settles(&start, &subject.path, missing);
        Some(Self { writes: writers.map(write).collect(), good_at_first })
    }

    pub(super) fn by(&self, node: NodeIx) -> Option<Write> {
        self.writes.get(&node).copied()
    }

    /// The nodes that write so.
    pub(super) fn all(&self, wanted: Write) -> impl DoubleEndedIterator<Item = NodeIx> {
        self.writes.iter().filter(move |(_, write)| **write == wanted).map(|(node, _)| *node)
    }
}

fn written(places: &Places<'_, '_>, node: NodeIx, to: ChannelIx, subject: &Subject, missing: bool) -> Write {
    // what has not been looked at is not known
    let ty = places.written.get(&(node, to)).cloned().unwrap_or(Type::ANY);
    let bad = match Field::sure(ty).at(&subject.path) {
        Some(field) if missing => field.missing == Chance::Known,
        Some(field) => field.ty.null == Chance::Known,
        None => missing,
    };
    let writer = places.plan.node(node);
    let value = || writer.update.iter().find(|(written, _)| *written == to).map(|(_, value)| value);
    if bad {
        let copied = |value| copied::is_settled(places, node, value, &subject.path, missing);
        match value().map_or(Some(false), copied) {
            Some(true) => {}
            Some(false) => return Write::Bad,
            None => return Write::Perhaps,
        }
    }
    let writes = match &writer.for_each {
        None => !skips(writer),
        // of no items none writes
        Some(rule) => writer.skip_when.is_none() && has_items(places, node, &rule.items),
    };
    if writes { Write::Good } else { Write::Perhaps }
}

fn has_items(places: &Places<'_, '_>, node: NodeIx, items: &Expression) -> bool {
    let known = &mut |root: &Root| places.known_behind(Place::Node(node), &Facts::new(), root);
    items.infer(known).ty.lists.length().is_some_and(|length| length > 0)
}

/// What a value is, of what it is made from nothing being known but inputs and channels.
pub(super) fn as_written(places: &Places<'_, '_>, node: NodeIx, value: &ValueTemplate) -> Type {
    match value {
        ValueTemplate::Literal(value) => Type::of_value(value),
        ValueTemplate::Expression(expression) => {
            let known = &mut |root: &Root| match root {
                Root::Input(_) | Root::Channel(_) => places.known(Place::Update(node), &Facts::new(), root),
                _ => Field::ANY,
            };
            expression.infer(known).ty
        }
        ValueTemplate::Text(_) | ValueTemplate::List(_) | ValueTemplate::Object(_) => Type::ANY,
    }
}
