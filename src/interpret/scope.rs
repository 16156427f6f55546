//! What an expression sees at its place in a run: the reader's ancestors, its channels, its loops. Never timing.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::expr::Root;
use crate::plan::{ChannelIx, NodeIx};
use crate::trace::{Frame, NodeResult, RunState};

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
    /// The value behind a root, if there is one.
    pub(super) fn value(&self, root: &Root) -> Option<Arc<Value>> {
        match root {
            Root::Input(name) => self.frame.inputs.get(name).cloned(),
            Root::Node(name) => self.node_value(name),
            Root::Channel(name) => self.channel_value(name),
            Root::Loop(name) => self.loop_value(name),
            Root::Run => Some(Arc::clone(&self.state.run_view)),
            Root::Output => self.own?.output().cloned().map(Arc::new),
            Root::Error => self.own?.error().map(|error| Arc::new(error.view())),
            Root::Local(name) => self.local(name),
        }
    }

    fn node_value(&self, name: &str) -> Option<Arc<Value>> {
        let seen = self.frame.plan.index.sees(self.node, name)?;
        let result = if seen == self.node { self.own } else { self.frame.node(seen).result.as_ref() };
        result.map(|result| Arc::clone(result.view()))
    }

    fn channel_value(&self, name: &str) -> Option<Arc<Value>> {
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
    /// The value behind a root, if there is one.
    pub(super) fn value(&self, root: &Root) -> Option<Arc<Value>> {
        match root {
            Root::Input(name) => self.frame.inputs.get(name).cloned(),
            Root::Node(name) => {
                let node = self.frame.plan.index.node(name)?;
                self.frame.node(node).result.as_ref().map(|result| Arc::clone(result.view()))
            }
            Root::Channel(name) => Some(self.frame.channel_at_end(self.frame.plan.index.channel(name)?)),
            Root::Run => Some(Arc::clone(&self.state.run_view)),
            Root::Loop(_) | Root::Output | Root::Error | Root::Local(_) => None,
        }
    }
}
