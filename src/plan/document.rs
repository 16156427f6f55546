//! A plan as a JSON document, `lgflow.plan/v1`, and the digest of its meaning. A document is for people and other
//! programs; no graph is read back from one.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::digest::{Digest, canonical_json};
use crate::effect::ErrorKind;
use crate::expr::ValueTemplate;
use crate::model::{Join, OnCrash, OnItemError, Reduce, Uses};

use super::{
    Action, Conversation, EdgeOutcome, LoopIx, NodeIx, Plan, PlanEdge, PlanLoop, PlanNode, Rendered,
};

/// The schema id.
const SCHEMA: &str = "lgflow.plan/v1";

/// How a subgraph is told: in full, or by its digest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Children {
    InFull,
    ByDigest,
}

impl Plan {
    /// The whole plan as JSON.
    pub fn document(&self) -> Value {
        let nodes =
            self.nodes.iter().map(|node| (node.id.to_string(), self.node_document(node, Children::InFull)));
        let mut document: Map<String, Value> =
            self.sections().map(|(name, section)| (name.to_owned(), section)).into_iter().collect();
        document.insert("nodes".to_owned(), Value::Object(nodes.collect()));
        document.insert("edges".to_owned(), self.edges.iter().map(|edge| self.edge_document(edge)).collect());
        document.insert("digest".to_owned(), json!(self.digest));
        document.insert("order".to_owned(), self.ids(&self.order));
        Value::Object(document)
    }

    /// One node as it stands in the document, with a subgraph by its digest.
    pub fn node_document_of(&self, at: NodeIx) -> Value {
        self.node_document(self.node(at), Children::ByDigest)
    }

    /// What a node of it is, without its edges: two nodes of which this is the same do the same.
    pub fn definition(&self, id: &str) -> Option<Value> {
        let node = self.nodes.iter().find(|node| node.id.as_str() == id)?;
        Some(self.node_document(node, Children::InFull))
    }

    /// The digest of the plan's meaning: of its canonical JSON without what depends on the order of the file, which
    /// is the canonical order where two nodes are tied, and the order of edges.
    pub fn compute_digest(&self) -> Digest {
        // there may be very many nodes and edges: each becomes a text by itself, so that no tree of all stands in memory
        let mut nodes: Vec<String> = self
            .nodes
            .iter()
            .map(|node| member(node.id.as_str(), &self.node_document(node, Children::ByDigest)))
            .collect();
        nodes.sort_unstable();
        let mut edges: Vec<String> =
            self.edges.iter().map(|edge| canonical_json(&self.edge_document(edge))).collect();
        edges.sort_unstable();
        let mut meaning: Vec<String> = self
            .sections()
            .into_iter()
            .map(|(name, mut section)| {
                if name == "loops" {
                    without_order(&mut section);
                }
                member(name, &section)
            })
            .collect();
        meaning.push(format!("\"nodes\":{{{}}}", nodes.join(",")));
        meaning.push(format!("\"edges\":[{}]", edges.join(",")));
        meaning.sort_unstable();
        Digest::of(format!("{{{}}}", meaning.join(",")))
    }

    /// All but the nodes and edges.
    fn sections(&self) -> [(&'static str, Value); 9] {
        let inputs = self.inputs.iter().map(|input| {
            let mut value = object([("schema", input.schema.clone())]);
            put(&mut value, "default", input.default.clone());
            (input.name.to_string(), value)
        });
        let channels = self.channels.iter().map(|channel| {
            let value = object([
                ("schema", channel.schema.clone()),
                ("start", channel.start.clone()),
                ("reduce", reduce(channel.reduce).into()),
            ]);
            (channel.name.to_string(), value)
        });
        let loops = self.loops.iter().map(|one| (self.id(one.target), self.loop_document(one)));
        let outputs = self.outputs.iter().map(|output| (output.name.to_string(), template(&output.value)));
        let groups = self.groups.iter().map(|(name, max)| (name.to_string(), json!(max)));
        let mut concurrency = object([("groups", Value::Object(groups.collect()))]);
        put(&mut concurrency, "max", self.concurrency.map(Value::from));
        [
            ("schema", SCHEMA.into()),
            ("graph", self.name.as_str().into()),
            ("inputs", Value::Object(inputs.collect())),
            ("channels", Value::Object(channels.collect())),
            ("loops", Value::Object(loops.collect())),
            ("outputs", Value::Object(outputs.collect())),
            ("budgets", self.budgets_document()),
            ("concurrency", concurrency),
            ("policy", self.policy.iter().map(String::as_str).collect()),
        ]
    }

    fn budgets_document(&self) -> Value {
        let mut budgets = json!({ "grace_ms": millis(self.budgets.grace) });
        put(&mut budgets, "wall_ms", self.budgets.wall.map(|wall| millis(wall).into()));
        put(&mut budgets, "tool_calls", self.budgets.tool_calls.map(Value::from));
        put(&mut budgets, "llm_tokens", self.budgets.llm_tokens.map(Value::from));
        put(&mut budgets, "patch_bytes", self.budgets.patch_bytes.map(Value::from));
        budgets
    }

    fn node_document(&self, node: &PlanNode, children: Children) -> Value {
        let retry = object([
            ("attempts", node.retry.attempts.into()),
            ("backoff_ms", millis(node.retry.backoff).into()),
            ("kinds", kinds(&node.retry.kinds)),
        ]);
        let join = match node.join {
            Join::Some => "some",
            Join::All => "all",
        };
        let on_crash = match node.on_crash {
            OnCrash::Retry => "retry",
            OnCrash::Fail => "fail",
            OnCrash::Ask => "ask",
        };
        let mut value = object([
            ("uses", node.uses.as_str().into()),
            ("with", action_document(&node.action, children)),
            ("retry", retry),
            ("join", join.into()),
            ("cache", node.cache.into()),
            ("verify", node.verify.into()),
            ("on_crash", on_crash.into()),
            ("loops", self.targets(&node.loops)),
        ]);
        put(&mut value, "skip_when", node.skip_when.as_ref().map(|when| when.source().into()));
        put(&mut value, "timeout_ms", node.timeout.map(|timeout| millis(timeout).into()));
        put(&mut value, "group", node.group.as_ref().map(|group| group.as_str().into()));
        let for_each = node.for_each.as_ref().map(|rule| {
            json!({
                "in": rule.items.source(),
                "as": rule.binding.as_str(),
                "max": rule.max,
                "parallel": rule.parallel,
                "on_error": match rule.on_error {
                    OnItemError::Stop => "stop",
                    OnItemError::Collect => "collect",
                },
            })
        });
        put(&mut value, "for_each", for_each);
        let update = node
            .update
            .iter()
            .map(|(channel, value)| (self.channels[channel.0 as usize].name.to_string(), template(value)));
        let update: Map<_, _> = update.collect();
        put(&mut value, "update", (!update.is_empty()).then_some(Value::Object(update)));
        value
    }

    fn edge_document(&self, edge: &PlanEdge) -> Value {
        let outcome = match &edge.outcome {
            EdgeOutcome::Success => "success",
            EdgeOutcome::Otherwise => "otherwise",
            EdgeOutcome::Catch(_) => "catch",
            EdgeOutcome::Always => "always",
        };
        let mut value = object([
            ("from", self.id(edge.from).into()),
            ("to", self.id(edge.to).into()),
            ("on", outcome.into()),
            ("leaves", self.targets(&edge.leaves)),
        ]);
        if let EdgeOutcome::Catch(caught) = &edge.outcome {
            put(&mut value, "catch", Some(kinds(caught)));
        }
        put(&mut value, "when", edge.when.as_ref().map(|when| when.source().into()));
        let turned = edge.turns.map(|at| &self.loops[at.0 as usize]);
        put(&mut value, "loop", turned.map(|turned| self.id(turned.target).into()));
        let leaves = turned.and_then(|turned| self.leaves_beside_others(turned, edge));
        put(&mut value, "exhausted_leaves", leaves.map(Value::from));
        value
    }

    /// Does running out leave the loop here, where another loop edge from the same node says otherwise? The loop tells the nodes
    /// whose loop edges do, which says all where they agree.
    fn leaves_beside_others(&self, turned: &PlanLoop, edge: &PlanEdge) -> Option<bool> {
        let beside = || turned.edges.iter().map(|&at| self.edge(at)).zip(&turned.leave);
        let (_, own) = beside().find(|(other, _)| std::ptr::eq(*other, edge))?;
        beside().any(|(other, leave)| other.from == edge.from && leave != own).then_some(*own)
    }

    fn loop_document(&self, one: &PlanLoop) -> Value {
        let left: Vec<Value> = one
            .edges
            .iter()
            .zip(&one.leave)
            .filter(|(_, leave)| **leave)
            .map(|(&edge, _)| self.id(self.edge(edge).from).into())
            .collect();
        object([
            ("body", self.ids(&one.body)),
            ("max", one.max.into()),
            ("delay_ms", millis(one.delay).into()),
            ("outer", self.targets(&one.outer)),
            ("leave", left.into()),
        ])
    }

    fn id(&self, at: NodeIx) -> String {
        self.node(at).id.to_string()
    }

    fn ids(&self, nodes: &[NodeIx]) -> Value {
        nodes.iter().map(|&at| Value::from(self.id(at))).collect()
    }

    fn targets(&self, loops: &[LoopIx]) -> Value {
        loops.iter().map(|at| Value::from(self.id(self.loops[at.0 as usize].target))).collect()
    }
}

fn action_document(action: &Action, children: Children) -> Value {
    match action {
        Action::Call { with } | Action::Values(with) | Action::ParseReport(with) => template(with),
        Action::Llm(conversation) => conversation_document(conversation),
        Action::Batch { calls, tools, max_calls } => {
            json!({ "calls": template(calls), "tools": words(tools), "max_calls": max_calls })
        }
        Action::Graph { plan, inputs } => {
            let graph = match children {
                Children::InFull => plan.document(),
                Children::ByDigest => json!(plan.digest),
            };
            json!({ "graph": graph, "inputs": template(inputs) })
        }
        Action::Approval { show, options, response } => {
            let mut value = json!({ "show": template(show), "options": options });
            put(&mut value, "response", response.clone());
            value
        }
        Action::Render(Rendered { name, prompt, vars }) => {
            json!({ "prompt": name.as_str(), "text": prompt.source(), "vars": template(vars) })
        }
        Action::Fail { kind, message } => json!({ "kind": kind.as_str(), "message": template(message) }),
    }
}

fn conversation_document(conversation: &Conversation) -> Value {
    let messages: Vec<Value> = conversation
        .messages
        .iter()
        .map(|(role, prompt)| json!({ "role": role, "text": prompt.source() }))
        .collect();
    let mut value = json!({
        "model": conversation.model,
        "params": conversation.params,
        "messages": messages,
        "vars": template(&conversation.vars),
        "repairs": conversation.repairs,
        "tools": words(&conversation.tools),
        "max_rounds": conversation.max_rounds,
        "max_calls": conversation.max_calls,
    });
    put(&mut value, "output_schema", conversation.output_schema.clone());
    value
}

/// A part of a document as its author wrote it: `lgflow.plan/v1` has expressions in braces of its own around the
/// author's, and every digest of a plan is made of that.
pub fn as_written(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let own = text.strip_prefix("{{ ").and_then(|rest| rest.strip_suffix(" }}"));
            let own = own.filter(|own| own.starts_with("{{") && own.ends_with("}}"));
            own.unwrap_or(text).into()
        }
        Value::Array(items) => items.iter().map(as_written).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(name, value)| (name.clone(), as_written(value))).collect())
        }
        value => value.clone(),
    }
}

/// A template in its document: an expression within braces, so that it cannot be taken for a literal, in which there
/// are none.
fn template(value: &ValueTemplate) -> Value {
    match value {
        ValueTemplate::Literal(value) => (**value).clone(),
        ValueTemplate::Expression(expression) => format!("{{{{ {} }}}}", expression.source().trim()).into(),
        ValueTemplate::Text(text) => text.source().into(),
        ValueTemplate::List(items) => items.iter().map(template).collect(),
        ValueTemplate::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), template(value))).collect())
        }
    }
}

/// A member of an object, as canonical text. Names are ASCII, so the order of such texts is that of their names.
fn member(name: &str, value: &Value) -> String {
    format!("\"{name}\":{}", canonical_json(value))
}

/// The bodies of loops by name: their canonical order may be that of the file.
fn without_order(loops: &mut Value) {
    for one in loops.as_object_mut().into_iter().flat_map(|loops| loops.values_mut()) {
        if let Some(Value::Array(body)) = one.get_mut("body") {
            body.sort_by_cached_key(Value::to_string);
        }
    }
}

/// An object of values that are moved into it: `json!` would copy each of them.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn put(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), value);
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

fn kinds(kinds: &[ErrorKind]) -> Value {
    kinds.iter().map(|kind| Value::from(kind.as_str())).collect()
}

fn words(tools: &[Uses]) -> Value {
    tools.iter().map(|tool| Value::from(tool.as_str())).collect()
}

fn reduce(reduce: Reduce) -> &'static str {
    match reduce {
        Reduce::Replace => "replace",
        Reduce::Append => "append",
        Reduce::Extend => "extend",
        Reduce::Merge => "merge",
        Reduce::Sum => "sum",
    }
}
