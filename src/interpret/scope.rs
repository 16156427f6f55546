//! What an expression sees at its place in a run: the reader's ancestors, its channels, its loops. Never timing.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::expr::{EvalError, Root, Values};
use crate::plan::{ChannelIx, NodeIx};
use crate::trace::{Frame, NodeResult, RunState, Seen, TooLarge};

/// The value behind a root, if there is one; an error that nothing in an expression forgives.
type Found = Result<Option<Arc<Value>>, TooLarge>;

fn read<T>(
    value: impl Fn(&Root) -> Found,
    evaluate: impl FnOnce(&mut Values<'_>) -> Result<T, EvalError>,
) -> Result<T, EvalError> {
    let mut flaw = None;
    let came = evaluate(&mut |root| {
        value(root).unwrap_or_else(|error| {
            flaw.get_or_insert(error);
            None
        })
    });
    match flaw {
        Some(error) => Err(EvalError { message: error.to_string() }),
        None => came,
    }
}

/// The place of a node: its parameters, its `update`, its edges.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) state: &'a RunState,
    pub(super) frame: &'a Frame,
    pub(super) node: NodeIx,
    /// Of a `for_each`: the item and its index.
    pub(super) item: Option<(Arc<Value>, u32)>,
    /// In its `update` and its edges: what it came to.
    pub(super) own: Option<&'a NodeResult>,
    /// In its edges: what it wrote.
    pub(super) writes: &'a [(ChannelIx, Arc<Value>)],
}

impl Scope<'_> {
    /// What an expression comes to here.
    pub(super) fn read<T>(
        &self,
        evaluate: impl FnOnce(&mut Values<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        read(|root| self.value(root), evaluate)
    }

    fn value(&self, root: &Root) -> Found {
        Ok(match root {
            Root::Input(name) => self.frame.inputs.get(name).cloned(),
            Root::Node(name) => self.node_value(name),
            Root::Channel(name) => self.channel_value(name).transpose()?,
            Root::Loop(name) => self.loop_value(name),
            Root::Run => Some(Arc::clone(&self.state.run_view)),
            Root::Output => self.own.and_then(NodeResult::output).cloned().map(Arc::new),
            Root::Error => self.own.and_then(NodeResult::error).map(|error| Arc::new(error.view())),
            Root::Local(name) => self.local(name),
        })
    }

    fn node_value(&self, name: &str) -> Option<Arc<Value>> {
        let seen = self.frame.plan.index.sees(self.node, name)?;
        let result = if seen == self.node { self.own } else { self.frame.node(seen).result.as_ref() };
        result.map(|result| Arc::clone(result.view()))
    }

    fn channel_value(&self, name: &str) -> Option<Seen> {
        let channel = self.frame.plan.index.channel(name)?;
        let own = self.writes.iter().filter(|(written, _)| *written == channel);
        let own: Vec<Arc<Value>> = own.map(|(_, value)| Arc::clone(value)).collect();
        Some(self.frame.channel_for(self.node, channel, &own))
    }

    fn loop_value(&self, name: &str) -> Option<Arc<Value>> {
        let plan = self.frame.plan();
        let target = |l: &&crate::plan::LoopIx| plan.loops[l.0 as usize].target;
        let around = &plan.node(self.node).loops;
        let found = around.iter().find(|l| plan.node(target(l)).id.as_str() == name)?;
        Some(Arc::new(json!({ "iteration": self.frame.loops[found.0 as usize].iteration })))
    }

    fn local(&self, name: &str) -> Option<Arc<Value>> {
        let (item, index) = self.item.as_ref()?;
        let binding = self.frame.plan().node(self.node).for_each.as_ref()?.binding.as_str();
        match name.strip_prefix(binding)? {
            "" => Some(Arc::clone(item)),
            "_index" => Some(Arc::new(json!(index))),
            _ => None,
        }
    }
}

/// The place of a graph's outputs: they see everything, as a node after every sink would.
pub(super) struct OutputScope<'a> {
    pub(super) state: &'a RunState,
    pub(super) frame: &'a Frame,
}

impl OutputScope<'_> {
    /// What an expression comes to here.
    pub(super) fn read<T>(
        &self,
        evaluate: impl FnOnce(&mut Values<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        read(|root| self.value(root), evaluate)
    }

    fn value(&self, root: &Root) -> Found {
        let index = &self.frame.plan.index;
        Ok(match root {
            Root::Input(name) => self.frame.inputs.get(name).cloned(),
            Root::Node(name) => index.node(name).and_then(|node| {
                self.frame.node(node).result.as_ref().map(|result| Arc::clone(result.view()))
            }),
            Root::Channel(name) => {
                index.channel(name).map(|channel| self.frame.channel_at_end(channel)).transpose()?
            }
            Root::Run => Some(Arc::clone(&self.state.run_view)),
            Root::Loop(_) | Root::Output | Root::Error | Root::Local(_) => None,
        })
    }
}
