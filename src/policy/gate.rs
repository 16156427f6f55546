//! The gate: a call becomes a [`Granted`], a question or a denial. The only place that makes a [`Granted`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use crate::approval::{Spent, call_digest};
use crate::effect::{RuleRef, SandboxLayer, Source, ToolCall, ToolError};
use crate::model::Uses;

use super::builtin::ASK_MUTATIONS;
use super::call::{literal_paths, looked_through};
use super::change::{Action, Change, keys};
use super::flows::Marks;
use super::layer::Layer;
use super::outside::plain_path;
use super::{
    Asked, Decision, ExecGrant, Granted, Guard, Machine, NetworkRules, Obligations, PathRules, PolicySet,
    Protected, Reason, Verdict,
};

/// Decides about calls, under layers that were frozen before the first of them.
#[derive(Debug, Clone)]
pub struct Gate {
    pub(super) set: PolicySet,
    pub(super) machine: Machine,
    read: PathRules,
    write: PathRules,
    binary: PathRules,
    pub(super) marks: Marks,
    /// Gates of nodes within subgraphs that have layers of their own, by which of those bind them: each is made when
    /// its first call comes.
    inner: Arc<Mutex<BTreeMap<Vec<usize>, Arc<Gate>>>>,
}

/// The gate of a node's calls.
#[derive(Debug)]
pub enum NodeGate<'g> {
    /// No layer of a subgraph binds them.
    Whole(&'g Gate),
    /// Layers of the subgraphs around it do.
    Inner(Arc<Gate>),
}

impl Deref for NodeGate<'_> {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        match self {
            NodeGate::Whole(gate) => gate,
            NodeGate::Inner(gate) => gate,
        }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone)]
pub enum GateDecision {
    /// It goes ahead, bound by its obligations.
    Granted(Box<Granted<ToolCall>>),
    /// It wants an approval.
    Ask(Box<Asked<ToolCall>>),
    /// It is refused.
    Denied(Verdict),
}

impl Gate {
    /// A gate for `set` on a machine.
    pub fn new(set: PolicySet, machine: Machine) -> Self {
        let read = set.read().protecting(Protected::new(Guard::Folders, &machine.protected));
        let write = set.write().protecting(Protected::new(Guard::Names, &machine.protected));
        let binary = set.binary();
        Self { set, machine, read, write, binary, marks: Marks::default(), inner: Arc::default() }
    }

    /// The gate of a node's calls: of one within a subgraph, with the layers that the subgraph names.
    pub fn at(&self, node: &str) -> NodeGate<'_> {
        let binding = self.set.binding(node);
        if binding.is_empty() {
            return NodeGate::Whole(self);
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let gate = Self::new(self.set.with_inner(&binding), self.machine.clone());
            Arc::new(Self { marks: self.marks.clone(), ..gate })
        };
        NodeGate::Inner(Arc::clone(inner.entry(binding.clone()).or_insert_with(make)))
    }

    /// The layers in force.
    pub fn policy(&self) -> &PolicySet {
        &self.set
    }

    /// What it was told about the machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Tells it which walls stand, before the first call.
    pub fn found_walls(&mut self, walls: Vec<SandboxLayer>) {
        self.machine.walls = walls;
        self.inner = Arc::default();
    }

    /// What may be read.
    pub fn read(&self) -> &PathRules {
        &self.read
    }

    /// What may be written.
    pub fn write(&self) -> &PathRules {
        &self.write
    }

    /// Decides about a call.
    pub fn decide(&self, call: &ToolCall) -> GateDecision {
        let gate = self.at(&call.node);
        let (verdict, exec) = gate.judge(call);
        match verdict.decision {
            Decision::Deny => GateDecision::Denied(verdict),
            Decision::Ask => GateDecision::Ask(Box::new(gate.asked(call, exec, verdict))),
            Decision::Allow => {
                let obligations = gate.obligations(exec, &verdict);
                GateDecision::Granted(Box::new(Granted::new(call.clone(), obligations)))
            }
        }
    }

    /// A call that was granted, as a question: because its tool met a path that asks, or because it is one of a list
    /// that is asked about. `None` where the policy denies it.
    pub fn ask_after(&self, call: &ToolCall, met: Option<&ToolError>) -> Option<Asked<ToolCall>> {
        let gate = self.at(&call.node);
        let (mut verdict, exec) = gate.judge(call);
        if verdict.decision == Decision::Deny {
            return None;
        }
        if let Some(met) = met {
            let rule = met.rule.clone().unwrap_or_else(|| RuleRef::builtin("paths"));
            verdict.reasons.insert(0, Reason::new(Decision::Ask, rule, met.message.clone()));
            verdict.decision = Decision::Ask;
        }
        Some(gate.asked(call, exec, verdict))
    }

    /// A call that wants an approval goes ahead with one that was spent on it. `None` where it was spent on another.
    #[expect(clippy::needless_pass_by_value, reason = "what was spent is used up")]
    pub fn grant(&self, asked: Asked<ToolCall>, spent: Spent) -> Option<Granted<ToolCall>> {
        let call = asked.request();
        (call_digest(&call.tool, &call.input) == spent.call()).then(|| asked.granted(&spent))
    }

    /// What an answer would open: what asks about paths. A command is not its files: those that ask stay out of its sight.
    fn asked(&self, call: &ToolCall, exec: Option<ExecGrant>, verdict: Verdict) -> Asked<ToolCall> {
        let mut obligations = self.obligations(exec, &verdict);
        if obligations.exec.is_none() {
            obligations.read = obligations.read.answered();
            obligations.write = obligations.write.answered();
            obligations.binary = obligations.binary.answered();
        }
        Asked::new(call.clone(), obligations, verdict)
    }

    fn obligations(&self, exec: Option<ExecGrant>, verdict: &Verdict) -> Obligations {
        Obligations {
            read: self.read.clone(),
            write: self.write.clone(),
            binary: self.binary.clone(),
            limits: self.set.limits(),
            network: NetworkRules::of(&self.set.layers),
            exec,
            approved: None,
            rules: verdict.rules(),
        }
    }

    /// What every layer says of a call, without granting it.
    pub fn explain(&self, call: &ToolCall) -> Verdict {
        self.at(&call.node).judge(call).0
    }

    /// What every layer says of a tool, whatever it is asked: of subgraphs those that bind the node, where this is the
    /// gate [`at`](Self::at) it.
    pub fn explain_tool(&self, tool: &str) -> Verdict {
        let layers = self.set.layers.iter();
        Verdict::of(layers.filter_map(|layer| tool_reason(layer, tool)).collect())
    }

    pub(super) fn judge(&self, call: &ToolCall) -> (Verdict, Option<ExecGrant>) {
        self.judge_in(call, &self.marks.now())
    }

    /// The same in a workspace into which `marks` have written.
    pub(super) fn judge_in(&self, call: &ToolCall, marks: &BTreeSet<Source>) -> (Verdict, Option<ExecGrant>) {
        let tool = Uses::parse(&call.tool).filter(|uses| uses.is_tool());
        // of what is no tool no layer says how it could be allowed
        let layers = self.set.layers.iter().filter(|_| tool.is_some());
        let mut reasons: Vec<Reason> = layers.filter_map(|layer| tool_reason(layer, &call.tool)).collect();
        reasons.extend(self.path_reasons(call));
        reasons.extend(self.secret_reasons(call));
        let mut exec = None;
        match tool {
            Some(Uses::Exec) => match self.exec(call) {
                Ok((grant, allowed)) => {
                    exec = Some(grant);
                    reasons.extend(allowed);
                }
                Err(denied) => reasons.extend(denied),
            },
            Some(Uses::Llm) => reasons.extend(self.model_reasons(&call.input)),
            Some(Uses::Http) => reasons.extend(self.origin_reasons(&call.input)),
            Some(Uses::Mcp) => reasons.extend(self.server_reasons(&call.input)),
            Some(_) => {}
            None => reasons.push(Reason::new(
                Decision::Deny,
                RuleRef::builtin("tools"),
                format!("there is no tool `{}`; no policy can allow it", call.tool),
            )),
        }
        reasons.extend(self.flow_reasons(call, exec.as_ref(), marks));
        (Verdict::of(reasons), exec)
    }

    /// The early word about paths that stand in the call; the last word is had when the file is opened.
    fn path_reasons(&self, call: &ToolCall) -> Vec<Reason> {
        let named = literal_paths(&call.tool, &call.input);
        let read = named.read.iter().flat_map(|path| path_verdict(&self.read, path, "paths.read"));
        let write = named.changed.iter().flat_map(|path| path_verdict(&self.write, path, "paths.write"));
        let binary = named.binary.iter().flat_map(|path| path_verdict(&self.binary, path, "paths.binary"));
        let outside = looked_through(&call.tool, &call.input).filter(|path| plain_path(path).is_none());
        let outside = outside.map(|path| outside_of_all(path, "paths.read"));
        read.chain(write).chain(binary).chain(outside).collect()
    }
}

/// What is said of a path that stands in a call.
pub(super) fn path_verdict(rules: &PathRules, path: &str, section: &str) -> Vec<Reason> {
    match plain_path(path) {
        Some(path) => rules.check(&path).reasons,
        None => vec![outside_of_all(path, section)],
    }
}

fn outside_of_all(path: &str, section: &str) -> Reason {
    let message =
        format!("`{path}` leads out of the workspace; no policy can allow it, name a path beneath it");
    Reason::new(Decision::Deny, RuleRef::builtin(section), message)
}

/// What a layer's `tools` say.
fn tool_reason(layer: &Layer, tool: &str) -> Option<Reason> {
    let allow = || Action::Set(tool.to_owned(), "allow".into());
    let list = Change::edit(&layer.file, 0, keys("tools"), allow());
    let Some(tools) = &layer.tools else { return layer.absence("tools", &format!("`{tool}`"), list) };
    let Some((decision, rule)) =
        tools.get(tool).and_then(|rules| rules.iter().max_by_key(|(decision, _)| *decision))
    else {
        let message = format!(
            "`tools` of `{}` does not list `{tool}`, and what is not listed is denied; to allow it, add `{tool}: allow`",
            layer.name
        );
        return Some(Reason::new(Decision::Deny, layer.silence("tools"), message).altered_by(list));
    };
    // what is part of the program is edited by nobody
    let own = if rule.file.starts_with("builtin:") { " in a policy of your own, in its place" } else { "" };
    let message = match decision {
        Decision::Allow => format!("`{tool}` is allowed"),
        Decision::Ask if rule.file == ASK_MUTATIONS => {
            format!("`{tool}` may change something, and `approvals.mutations` is `ask`: that asks first")
        }
        Decision::Ask => format!("`{tool}` asks first; to alter that, write `{tool}: allow`{own}"),
        Decision::Deny => {
            format!("`{tool}` is denied; to alter that, write `{tool}: ask` or `{tool}: allow`{own}")
        }
    };
    let reason = Reason::new(*decision, rule.clone(), message);
    Some(reason.altered_by(Change::of_rule(rule, keys("tools"), allow())))
}
