//! Channels: who wrote what, and what a reader sees of it, folded in canonical order. Knows no expression.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::expr::sum_of;
use crate::model::Reduce;
use crate::plan::{ChannelIx, LoopIx, NodeIx, PlanChannel};

use super::frame::Frame;

type Log = BTreeMap<Vec<u32>, (NodeIx, Arc<Value>)>;

/// The writes of one channel in one execution.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Writes {
    /// By place in canonical order, index of the item, and place in the node's `update`.
    log: Log,
    /// By loop: the value at the begin of the present iteration. All nodes of a body see the same one, for all ways
    /// into a body pass the loop's target, and earlier iterations are visible to each.
    begin: BTreeMap<LoopIx, Seen>,
}

/// What a reader sees of a channel.
pub(crate) type Seen = Result<Arc<Value>, TooLarge>;

/// The writes to a `sum` come to more than a number can be. It is an error of whoever sees all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sum in the channel `{channel}` is too large")]
pub(crate) struct TooLarge {
    channel: String,
}

/// Why a value cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the channel `{channel}` {wants}, and this is {got}")]
pub struct WriteError {
    channel: String,
    wants: &'static str,
    got: &'static str,
}

/// Can `value` be written to `channel`?
pub(crate) fn writable(channel: &PlanChannel, value: &Value) -> Result<(), WriteError> {
    let wants = match (channel.reduce, value) {
        (Reduce::Extend, value) if !value.is_array() => "takes lists (`extend`)",
        (Reduce::Merge, value) if !value.is_object() => "takes objects (`merge`)",
        (Reduce::Sum, value) if !value.is_number() => "takes numbers (`sum`)",
        _ => return Ok(()),
    };
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Err(WriteError { channel: channel.name.as_str().to_owned(), wants, got })
}

/// Folds one more write into a value.
fn fold(channel: &PlanChannel, into: &mut Value, write: &Value) -> Result<(), TooLarge> {
    let reduce = channel.reduce;
    match (reduce, into, write) {
        (Reduce::Append, Value::Array(list), write) => list.push(write.clone()),
        (Reduce::Extend, Value::Array(list), Value::Array(more)) => list.extend(more.iter().cloned()),
        (Reduce::Merge, Value::Object(object), Value::Object(more)) => merge(object, more),
        (Reduce::Sum, Value::Number(sum), Value::Number(more)) => {
            let too_large = || TooLarge { channel: channel.name.as_str().to_owned() };
            *sum = sum_of(sum, more).ok_or_else(too_large)?;
        }
        (_, into, write) => *into = write.clone(),
    }
    Ok(())
}

fn merge(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    into.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
}

impl Frame {
    /// Keeps the writes of a node that has succeeded.
    pub(crate) fn commit(&mut self, at: NodeIx, writes: Vec<(Option<u32>, ChannelIx, Arc<Value>)>) {
        if writes.is_empty() {
            return;
        }
        let place = self.position(at);
        for (count, (item, channel, value)) in writes.into_iter().enumerate() {
            let mut key = place.clone();
            key.extend([item.unwrap_or_default(), count as u32]);
            self.channels[channel.0 as usize].log.insert(key, (at, value));
        }
    }

    /// What `reader` sees of a channel. `own` adds what it wrote itself, as its own edges see it.
    pub(crate) fn channel_for(&self, reader: NodeIx, channel: ChannelIx, own: &[Arc<Value>]) -> Seen {
        let (start, prefix) = self.region(reader, channel);
        let mut led = BTreeMap::new();
        let seen = within(&self.channels[channel.0 as usize].log, &prefix)
            .filter(|(place, writer, _)| {
                self.plan.index.sees_writes(reader, *writer)
                    || self.came_before(reader, *writer, place, &mut led)
            })
            .map(|(_, _, value)| value);
        self.folded(channel, start, seen.chain(own))
    }

    /// Was it written in an earlier iteration of a loop that has led to the reader? `led` keeps what is known of loops that are not
    /// around it: their last iteration, where they have.
    fn came_before(
        &self,
        reader: NodeIx,
        writer: NodeIx,
        place: &[u32],
        led: &mut BTreeMap<LoopIx, Option<u32>>,
    ) -> bool {
        let (plan, around) = (self.plan(), &self.plan().node(reader).loops);
        for (depth, l) in plan.node(writer).loops.iter().enumerate() {
            // of those around both, only the present iteration is asked about
            if around.get(depth) == Some(l) {
                continue;
            }
            let last = *led.entry(*l).or_insert_with(|| {
                let target = plan.loops[l.0 as usize].target;
                self.plan.index.sees_writes(reader, target).then(|| self.position(target)[2 * depth + 1])
            });
            let (Some(last), Some(iteration)) = (last, place.get(2 * depth + 1)) else { return false };
            if *iteration < last {
                return true;
            }
        }
        false
    }

    /// What a node that is done wrote in its present iteration, as its edges see it.
    pub(crate) fn own_writes(&self, at: NodeIx) -> Vec<(ChannelIx, Arc<Value>)> {
        let place = self.position(at);
        let channels: std::collections::BTreeSet<ChannelIx> =
            self.plan().node(at).update.iter().map(|(channel, _)| *channel).collect();
        let of = |channel: ChannelIx| {
            let log = within(&self.channels[channel.0 as usize].log, &place);
            log.filter(|(_, writer, _)| *writer == at)
                .map(move |(_, _, value)| (channel, Arc::clone(value)))
                .collect::<Vec<_>>()
        };
        channels.into_iter().flat_map(of).collect()
    }

    /// What an output sees of a channel: every write.
    pub(crate) fn channel_at_end(&self, channel: ChannelIx) -> Seen {
        let start = Ok(Arc::new(self.plan().channels[channel.0 as usize].start.clone()));
        self.folded(channel, start, self.channels[channel.0 as usize].log.values().map(|(_, value)| value))
    }

    /// As `channel_at_end`, for people: in place of what is no value, why it is none.
    pub(crate) fn channel_shown(&self, channel: ChannelIx) -> Arc<Value> {
        self.channel_at_end(channel).unwrap_or_else(|error| Arc::new(error.to_string().into()))
    }

    /// An iteration is over: keeps the value that the next begins with. Call it before the iteration is counted.
    pub(crate) fn turn_channels(&mut self, l: LoopIx) {
        let (plan, index) = (Arc::clone(&self.plan.plan), Arc::clone(&self.plan.index));
        let turned = &plan.loops[l.0 as usize];
        let prefix = self.prefix(turned.target, turned.outer.len() + 1);
        for &channel in &index.loops[l.0 as usize].written {
            let kept = self.channels[channel.0 as usize].begin.remove(&l);
            let value = kept.unwrap_or_else(|| self.channel_for(turned.target, channel, &[]));
            let more = within(&self.channels[channel.0 as usize].log, &prefix).map(|(_, _, write)| write);
            let value = self.folded(channel, value, more);
            self.channels[channel.0 as usize].begin.insert(l, value);
        }
        for inner in &index.loops[l.0 as usize].inner_loops {
            self.channels.iter_mut().for_each(|writes| drop(writes.begin.remove(inner)));
        }
    }

    /// Where a reader's view begins: the innermost loop around it that has a value for its present iteration, else
    /// the whole execution.
    fn region(&self, reader: NodeIx, channel: ChannelIx) -> (Seen, Vec<u32>) {
        let around = &self.plan().node(reader).loops;
        let begin = &self.channels[channel.0 as usize].begin;
        let inner = (0..around.len()).rev().find_map(|at| Some((at, begin.get(&around[at])?)));
        match inner {
            Some((at, value)) => (value.clone(), self.prefix(reader, at + 1)),
            None => (Ok(Arc::new(self.plan().channels[channel.0 as usize].start.clone())), Vec::new()),
        }
    }

    /// The place in canonical order that everything in the present iteration of the first `depth` loops around a
    /// node begins with.
    fn prefix(&self, node: NodeIx, depth: usize) -> Vec<u32> {
        let mut place = self.position(node);
        place.truncate(2 * depth);
        place
    }

    fn folded<'a>(
        &self,
        channel: ChannelIx,
        value: Seen,
        writes: impl Iterator<Item = &'a Arc<Value>>,
    ) -> Seen {
        let mut value = value?;
        for write in writes {
            fold(&self.plan().channels[channel.0 as usize], Arc::make_mut(&mut value), write)?;
        }
        Ok(value)
    }
}

fn within<'a>(log: &'a Log, prefix: &'a [u32]) -> impl Iterator<Item = (&'a [u32], NodeIx, &'a Arc<Value>)> {
    log.range(prefix.to_vec()..)
        .take_while(move |(place, _)| place.starts_with(prefix))
        .map(|(place, (writer, value))| (place.as_slice(), *writer, value))
}
