//! What is written to a `replace` channel: where a doubt about it begins, and where it ends.

use std::collections::BTreeMap;

use crate::expr::{Expression, Root, Subject, ValueTemplate};
use crate::model::{OnItemError, Reduce};
use crate::plan::{Action, ChannelIx, NodeIx, Plan};
use crate::types::{Chance, Field, Type};

use super::copied::{self, Source};
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

/// The node that writes at a moment.
pub(super) fn writer_at(plan: &Plan, at: Moment) -> Option<NodeIx> {
    let twice = at.checked_sub(3).filter(|twice| twice.is_multiple_of(2))?;
    plan.order.get(twice as usize / 2).copied()
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

impl Write {
    pub(super) fn of(bad: bool, surely: bool) -> Self {
        match (bad, surely) {
            (true, _) => Self::Bad,
            (false, true) => Self::Good,
            (false, false) => Self::Perhaps,
        }
    }
}

/// What leaves a doubt, or leaves none.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaves {
    Doubt(bool),
    /// That which there was where a channel was read: the value that was read, by its place in its group, and the node.
    Copied(usize, NodeIx),
}

#[derive(Debug, Clone, Copy)]
struct Writer {
    leaves: Leaves,
    /// It writes wherever it succeeds.
    surely: bool,
}

/// What is written to a channel, as far as a doubt about it goes.
pub(super) struct Written {
    /// By node.
    writes: BTreeMap<NodeIx, Writer>,
    /// The channel begins without doubt.
    pub(super) good_at_first: bool,
}

impl Written {
    /// `None`: the doubt is about no channel.
    pub(super) fn of(places: &Places<'_, '_>, subject: &Subject, group: &mut Group) -> Option<Self> {
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
        let missing = group.missing;
        let write = |node: NodeIx| {
            let leaves = leaves(places, node, at, subject, group);
            (node, Writer { leaves, surely: surely(places, node) })
        };
        let start = Field::sure(Type::of_value(&channel.start));
        let good_at_first = start.at(&subject.path).is_some() && settles(&start, &subject.path, missing);
        Some(Self { writes: writers.map(write).collect(), good_at_first })
    }

    /// What a node leaves, and whether it does so wherever it succeeds.
    pub(super) fn leaves(&self, node: NodeIx) -> Option<(Leaves, bool)> {
        self.writes.get(&node).map(|writer| (writer.leaves, writer.surely))
    }

    /// What copies leave is known.
    pub(super) fn decide(&mut self, leaves: impl Fn(usize, NodeIx) -> bool) {
        for writer in self.writes.values_mut() {
            if let Leaves::Copied(of, at) = writer.leaves {
                writer.leaves = Leaves::Doubt(leaves(of, at));
            }
        }
    }

    /// The nodes that write to it.
    pub(super) fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeIx> {
        self.writes.keys().copied()
    }

    /// The nodes that write wherever they succeed: what was there before is gone.
    pub(super) fn sure(&self) -> impl DoubleEndedIterator<Item = NodeIx> {
        self.writes.iter().filter(|(_, writer)| writer.surely).map(|(node, _)| *node)
    }

    /// The nodes that write so, once that is known of all.
    pub(super) fn all(&self, wanted: Write) -> impl DoubleEndedIterator<Item = NodeIx> {
        let write = |writer: &Writer| match writer.leaves {
            Leaves::Doubt(bad) => Write::of(bad, writer.surely),
            Leaves::Copied(..) => Write::Perhaps,
        };
        self.writes.iter().filter(move |(_, writer)| write(writer) == wanted).map(|(node, _)| *node)
    }
}

/// Values of channels that are copied from each other, and whether they may be missing, or null.
pub(super) struct Group {
    pub(super) subjects: Vec<Subject>,
    pub(super) missing: bool,
    /// There are more.
    pub(super) is_cut: bool,
}

/// Values of one group.
const MOST: usize = 32;

impl Group {
    pub(super) fn of(subject: &Subject, missing: bool) -> Self {
        Self { subjects: vec![subject.clone()], missing, is_cut: false }
    }

    fn place(&mut self, subject: Subject) -> Option<usize> {
        let known = self.subjects.iter().position(|known| *known == subject);
        if known.is_none() && self.subjects.len() == MOST {
            self.is_cut = true;
            return None;
        }
        Some(known.unwrap_or_else(|| {
            self.subjects.push(subject);
            self.subjects.len() - 1
        }))
    }
}

fn leaves(
    places: &Places<'_, '_>,
    node: NodeIx,
    to: ChannelIx,
    subject: &Subject,
    group: &mut Group,
) -> Leaves {
    let missing = group.missing;
    // what has not been looked at is not known
    let ty = places.written.get(&(node, to)).cloned().unwrap_or(Type::ANY);
    let bad = match Field::sure(ty).at(&subject.path) {
        Some(field) if missing => field.missing == Chance::Known,
        Some(field) => field.ty.null == Chance::Known,
        None => missing,
    };
    let writer = places.plan.node(node);
    let value = || writer.update.iter().find(|(written, _)| *written == to).map(|(_, value)| value);
    if !bad {
        return Leaves::Doubt(false);
    }
    match value().map_or(Source::Made, |value| copied::source(places, node, value, &subject.path)) {
        Source::Made => Leaves::Doubt(true),
        Source::TooFar => Leaves::Doubt(false),
        Source::Channel(at, _) if places.misread.is_around(places.plan, at) => Leaves::Doubt(false),
        Source::Channel(at, read) => {
            if let Some(known) = places.known_to_stand(&read, missing) {
                return Leaves::Doubt(!known.is_settled(places, at));
            }
            match (at, group.place(read)) {
                (Place::Node(at) | Place::Update(at), Some(of)) => Leaves::Copied(of, at),
                // too far to tell
                _ => Leaves::Doubt(false),
            }
        }
    }
}

/// Does a node write wherever it succeeds?
fn surely(places: &Places<'_, '_>, node: NodeIx) -> bool {
    let writer = places.plan.node(node);
    match &writer.for_each {
        None => !skips(writer),
        // of no items none writes, and none of those that failed
        Some(rule) => {
            let fails = || {
                let steady = places.shaky(node).is_steady() && writer.timeout.is_none();
                !(steady && matches!(writer.action, Action::Values(_)))
            };
            writer.skip_when.is_none()
                && has_items(places, node, &rule.items)
                && (rule.on_error == OnItemError::Stop || !fails())
        }
    }
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
