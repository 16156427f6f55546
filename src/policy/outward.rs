//! Opinions on what leaves the machine: models, origins, servers of tools, and the secrets that are sent there.

use serde_json::{Value, json};

use crate::effect::{DETERMINISTIC, KEY_HEADER, LayerRole, RuleRef, ToolCall, WebAddress};

use super::call::{SecretReference, plain_headers, secrets_of};
use super::change::{Action, Change, Edit, Step, keys};
use super::layer::Layer;
use super::network::WebRequest;
use super::{Decision, Gate, NetworkRules, Reason};

impl Gate {
    /// What is said of each secret that the call refers to: a layer may refuse its use, and only the user or the machine
    /// can declare one, with what it is for.
    pub(super) fn secret_reasons(&self, call: &ToolCall) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for reference in secrets_of(&call.input) {
            reasons.extend(self.set.layers.iter().filter_map(|layer| secret_reason(layer, &reference.name)));
            reasons.extend(self.declared_reason(call, &reference));
        }
        reasons
    }

    /// The denial of a use that nobody declared.
    fn declared_reason(&self, call: &ToolCall, reference: &SecretReference) -> Option<Reason> {
        let name = &reference.name;
        let deny = |message: String, change: String| {
            let reason = Reason::new(Decision::Deny, RuleRef::builtin("secrets"), message);
            Some(reason.altered_by(Change::Elsewhere(change)))
        };
        let Some(declared) = self.machine.declared.secret(name) else {
            let message = format!(
                "the secret `{name}` is not declared in the configuration of the user or the machine; a workspace may \
                 only refer to one that is"
            );
            return deny(message, format!("declare `[secrets.{name}]` in the user's configuration"));
        };
        let url = call.input.get("url").and_then(Value::as_str).unwrap_or_default();
        let origin = WebAddress::parse(url).map(|address| address.origin()).unwrap_or_default();
        if reference.header.as_ref().is_some_and(|header| declared.is_for(&call.tool, &origin, header)) {
            return None;
        }
        let place = match &reference.header {
            Some(header) => format!("the header `{header}`"),
            None => "a place that is no header".to_owned(),
        };
        let message = format!(
            "the secret `{name}` is not declared for `{}` to `{origin}` in {place}: it goes where its declaration says, \
             and nowhere else",
            call.tool
        );
        deny(message, format!("list that use in `for` of `[secrets.{name}]` in the user's configuration"))
    }

    /// What is said of a request.
    pub(super) fn origin_reasons(&self, input: &Value) -> Vec<Reason> {
        let url = input.get("url").and_then(Value::as_str).unwrap_or_default();
        let method = input.get("method").and_then(Value::as_str).unwrap_or("GET");
        let Some(address) = WebAddress::parse(url) else {
            let message = format!("`{url}` is no plain URL with an origin that a rule could name");
            return vec![Reason::new(Decision::Deny, RuleRef::builtin("network"), message)];
        };
        let headers = plain_headers(input);
        let request = WebRequest { method, address: &address, headers: &headers, model: false };
        NetworkRules::of(&self.set.layers).reasons(&request)
    }

    /// What is said of a model: one that needs a network is declared by the user or the machine, at an origin that no layer
    /// with a list of origins leaves out, and its key goes there.
    pub(super) fn model_reasons(&self, input: &Value) -> Vec<Reason> {
        let name = input.get("model").and_then(Value::as_str).unwrap_or_default();
        let declared = &self.machine.declared;
        if declared.is_built_in(name) {
            return Vec::new();
        }
        let model = declared.model(name);
        let Some((model, address)) = model.and_then(|model| Some((model, model.address()?))) else {
            return vec![undeclared_model(name)];
        };
        let request = WebRequest { method: "POST", address: &address, headers: &[], model: true };
        let mut reasons = NetworkRules::of(&self.set.layers).reasons(&request);
        if let Some(key) = &model.key {
            // a grant without the section leaves the key of the user's own model to the user
            let speaks = |layer: &&Layer| layer.secrets.is_some() || layer.role != LayerRole::Grant;
            let layers = self.set.layers.iter().filter(speaks);
            reasons.extend(layers.filter_map(|layer| secret_reason(layer, key)));
            let known = declared.secret(key);
            if !known.is_some_and(|secret| secret.is_for("llm", &address.origin(), KEY_HEADER)) {
                let message = format!(
                    "the secret `{key}` is not declared for `llm` to `{}` in the header `{KEY_HEADER}`",
                    address.origin()
                );
                reasons.push(Reason::new(Decision::Deny, RuleRef::builtin("secrets"), message));
            }
        }
        reasons
    }

    pub(super) fn server_reasons(&self, input: &Value) -> Vec<Reason> {
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

/// The denial of a model that nobody has declared.
fn undeclared_model(model: &str) -> Reason {
    let message = format!(
        "the model `{model}` is not declared in the user's configuration; `{DETERMINISTIC}` is built in and needs no network"
    );
    let declare =
        format!("declare `[models.{model}]` in the user's configuration, or name `{DETERMINISTIC}`");
    Reason::new(Decision::Deny, RuleRef::builtin("network"), message).altered_by(Change::Elsewhere(declare))
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
