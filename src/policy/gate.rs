//! The gate: a call becomes a [`Granted`], a question or a denial. The only place that makes a [`Granted`].

use serde_json::{Value, json};

use crate::approval::{Spent, call_digest};
use crate::effect::{RuleRef, ToolCall, ToolError};
use crate::model::Uses;

use super::call::{literal_paths, origin_and_path, secrets_of};
use super::change::{Action, Change, Edit, Step, keys};
use super::layer::Layer;
use super::outside::plain_path;
use super::paths::only;
use super::{
    Asked, Decision, ExecGrant, Granted, Guard, Machine, Obligations, PathRules, PolicySet, Protected,
    Reason, Verdict,
};

/// The model that is built in and needs no network.
const DETERMINISTIC: &str = "deterministic";

/// Decides about calls, under layers that were frozen before the first of them.
#[derive(Debug, Clone)]
pub struct Gate {
    pub(super) set: PolicySet,
    pub(super) machine: Machine,
    read: PathRules,
    write: PathRules,
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
        Self { set, machine, read, write }
    }

    /// The layers in force.
    pub fn policy(&self) -> &PolicySet {
        &self.set
    }

    /// What it was told about the machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
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
        let (verdict, exec) = self.judge(call);
        match verdict.decision {
            Decision::Deny => GateDecision::Denied(verdict),
            Decision::Ask => GateDecision::Ask(Box::new(self.asked(call, exec, verdict))),
            Decision::Allow => {
                let obligations = self.obligations(exec, &verdict);
                GateDecision::Granted(Box::new(Granted::new(call.clone(), obligations)))
            }
        }
    }

    /// A call that was granted, as a question: because its tool met a path that asks, or because it is one of a list
    /// that is asked about. `None` where the policy denies it.
    pub fn ask_after(&self, call: &ToolCall, met: Option<&ToolError>) -> Option<Asked<ToolCall>> {
        let (mut verdict, exec) = self.judge(call);
        if verdict.decision == Decision::Deny {
            return None;
        }
        if let Some(met) = met {
            let rule = met.rule.clone().unwrap_or_else(|| self.grant_rule("paths"));
            verdict.reasons.insert(0, Reason::new(Decision::Ask, rule, met.message.clone()));
            verdict.decision = Decision::Ask;
        }
        Some(self.asked(call, exec, verdict))
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
        }
        Asked::new(call.clone(), obligations, verdict)
    }

    fn obligations(&self, exec: Option<ExecGrant>, verdict: &Verdict) -> Obligations {
        Obligations {
            read: self.read.clone(),
            write: self.write.clone(),
            limits: self.set.limits(),
            exec,
            approved: None,
            rules: verdict.rules(),
        }
    }

    /// What every layer says of a call, without granting it.
    pub fn explain(&self, call: &ToolCall) -> Verdict {
        self.judge(call).0
    }

    /// What every layer says of a tool, whatever it is asked.
    pub fn explain_tool(&self, tool: &str) -> Verdict {
        let layers = self.set.layers.iter();
        Verdict::of(layers.filter_map(|layer| tool_reason(layer, tool)).collect())
    }

    pub(super) fn judge(&self, call: &ToolCall) -> (Verdict, Option<ExecGrant>) {
        let mut reasons: Vec<Reason> =
            self.set.layers.iter().filter_map(|layer| tool_reason(layer, &call.tool)).collect();
        reasons.extend(self.path_reasons(call));
        reasons.extend(self.secret_reasons(call));
        let mut exec = None;
        match Uses::parse(&call.tool) {
            Some(Uses::Exec) => match self.exec(call) {
                Ok((grant, allowed)) => {
                    exec = Some(grant);
                    reasons.extend(allowed);
                }
                Err(denied) => reasons.extend(denied),
            },
            Some(Uses::Llm) => reasons.extend(self.model_reason(&call.input)),
            Some(Uses::Http) => reasons.extend(self.origin_reasons(&call.input)),
            Some(Uses::Mcp) => reasons.extend(self.server_reasons(&call.input)),
            Some(uses) if uses.is_tool() => {}
            _ => reasons.push(Reason::new(
                Decision::Deny,
                self.grant_rule("tools"),
                format!("there is no tool `{}`; no policy can allow it", call.tool),
            )),
        }
        (Verdict::of(reasons), exec)
    }

    /// The rule to name for what only the grant could open.
    pub(super) fn grant_rule(&self, section: &str) -> RuleRef {
        self.set.layers.first().map_or_else(
            || RuleRef {
                layer: String::new(),
                rule: section.to_owned(),
                file: String::new(),
                line: 0,
                column: 0,
            },
            |layer| layer.silence(section),
        )
    }

    /// The early word about paths that stand in the call; the last word is had when the file is opened.
    fn path_reasons(&self, call: &ToolCall) -> Vec<Reason> {
        let (reads, writes) = literal_paths(&call.tool, &call.input);
        let read = reads.iter().flat_map(|path| self.path_verdict(&self.read, path, "paths.read"));
        let write = writes.iter().flat_map(|path| self.path_verdict(&self.write, path, "paths.write"));
        read.chain(write).collect()
    }

    pub(super) fn path_verdict(&self, rules: &PathRules, path: &str, section: &str) -> Vec<Reason> {
        match plain_path(path) {
            Some(path) => rules.check(&path).reasons,
            None => vec![Reason::new(
                Decision::Deny,
                self.grant_rule(section),
                format!(
                    "`{path}` leads out of the workspace; no policy can allow it, name a path beneath it"
                ),
            )],
        }
    }

    /// A layer may refuse the use of a secret; none can declare one, and this version reads no declaration.
    fn secret_reasons(&self, call: &ToolCall) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for name in secrets_of(&call.input) {
            reasons.extend(self.set.layers.iter().filter_map(|layer| secret_reason(layer, &name)));
            let message = format!(
                "the secret `{name}` is not declared in the configuration of the user or the machine; a workspace may \
                 only refer to one that is"
            );
            let declare = format!("declare `[secrets.{name}]` in the user's configuration");
            let reason = Reason::new(Decision::Deny, self.grant_rule("secrets"), message);
            reasons.push(reason.altered_by(Change::Elsewhere(declare)));
        }
        reasons
    }

    fn model_reason(&self, input: &Value) -> Option<Reason> {
        let model = input.get("model").and_then(Value::as_str).unwrap_or_default();
        (model != DETERMINISTIC).then(|| {
            let message = format!(
                "the model `{model}` is not declared in the user's configuration; `{DETERMINISTIC}` is built in and \
                 needs no network"
            );
            let declare = format!("declare the model in the user's configuration, or name `{DETERMINISTIC}`");
            Reason::new(Decision::Deny, self.grant_rule("network"), message)
                .altered_by(Change::Elsewhere(declare))
        })
    }

    fn origin_reasons(&self, input: &Value) -> Vec<Reason> {
        let url = input.get("url").and_then(Value::as_str).unwrap_or_default();
        let method = input.get("method").and_then(Value::as_str).unwrap_or("GET");
        let Some((origin, path)) = origin_and_path(url) else {
            let message = format!("`{url}` is no plain URL with an origin that a rule could name");
            return vec![Reason::new(Decision::Deny, self.grant_rule("network"), message)];
        };
        let layer_reason = |layer: &Layer| {
            let rule = json!({ "origin": origin, "methods": [method], "paths": [only(&path)] });
            let change = Change::edit(&layer.file, 0, keys("network"), Action::Append(rule));
            let Some(rules) = &layer.network else {
                return layer.absence("network", &format!("`{origin}`"), change);
            };
            let found = rules.iter().find(|rule| {
                rule.origin == origin
                    && (rule.methods.is_empty() || rule.methods.iter().any(|listed| listed == method))
                    && rule.paths.as_ref().is_none_or(|paths| paths.is_match(&path))
            });
            Some(match found {
                Some(rule) => {
                    Reason::new(Decision::Allow, rule.rule.clone(), format!("`{method} {url}` is listed"))
                }
                None => Reason::new(
                    Decision::Deny,
                    layer.silence("network"),
                    format!(
                        "no rule of `network` in `{}` lists `{method} {origin}{path}`; to allow it, add one",
                        layer.name
                    ),
                )
                .altered_by(change),
            })
        };
        self.set.layers.iter().filter_map(layer_reason).collect()
    }

    fn server_reasons(&self, input: &Value) -> Vec<Reason> {
        let text = |key| input.get(key).and_then(Value::as_str).unwrap_or_default();
        let (server, tool) = (text("server"), text("tool"));
        let layer_reason = |layer: &Layer| {
            let what = format!("`{tool}` of `{server}`");
            let change = list_tool(layer, server, tool);
            let Some(servers) = &layer.mcp else { return layer.absence("mcp", &what, change) };
            if servers.get(server).is_some_and(|tools| tools.iter().any(|listed| listed == tool)) {
                return Some(Reason::new(Decision::Allow, layer.silence("mcp"), format!("{what} is listed")));
            }
            let message =
                format!("`mcp` of `{}` does not list {what}; to allow it, add it to `mcp.tools`", layer.name);
            Some(Reason::new(Decision::Deny, layer.silence("mcp"), message).altered_by(change))
        };
        self.set.layers.iter().filter_map(layer_reason).collect()
    }
}

/// The edits that list a tool of a server.
fn list_tool(layer: &Layer, server: &str, tool: &str) -> Change {
    let edit = |at: &str, action| Edit { file: layer.file.clone(), line: 0, at: keys(at), action };
    let known = layer.mcp.as_ref().is_some_and(|servers| servers.contains_key(server));
    let mut edits = Vec::new();
    if known {
        let mut at = keys("mcp.tools");
        at.push(Step::Key(server.to_owned()));
        edits.push(Edit { file: layer.file.clone(), line: 0, at, action: Action::Append(tool.into()) });
    } else {
        edits.push(edit("mcp.servers", Action::Append(server.into())));
        edits.push(edit("mcp.tools", Action::Set(server.to_owned(), json!([tool]))));
    }
    Change::edits(edits)
}

/// What a layer says of the use of a secret.
fn secret_reason(layer: &Layer, name: &str) -> Option<Reason> {
    let allow = Action::Set(name.to_owned(), "allow".into());
    let change = Change::edit(&layer.file, 0, keys("secrets"), allow);
    let Some(secrets) = &layer.secrets else {
        return layer.absence("secrets", &format!("`{name}`"), change);
    };
    let decision = secrets.get(name).copied().unwrap_or(Decision::Deny);
    let message = format!("`secrets` of `{}`: {} `{name}`", layer.name, decision.as_str());
    Some(Reason::new(decision, layer.silence("secrets"), message).altered_by(change))
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
    let message = match decision {
        Decision::Allow => format!("`{tool}` is allowed"),
        Decision::Ask => format!("`{tool}` asks first; to alter that, write `{tool}: allow`"),
        Decision::Deny => {
            format!("`{tool}` is denied; to alter that, write `{tool}: ask` or `{tool}: allow`")
        }
    };
    let reason = Reason::new(*decision, rule.clone(), message);
    Some(reason.altered_by(Change::of_rule(rule, keys("tools"), allow())))
}
