//! What a node does, by kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::compile::draft::DraftNode;
use crate::compile::scope::Local;
use crate::compile::{expressions, kinds, literal};
use crate::diag::{codes, suggestion};
use crate::document::Tree;
use crate::effect::{DETERMINISTIC, ErrorKind};
use crate::expr::ValueTemplate;
use crate::model::{Field, Uses};
use crate::plan::{Action, Conversation, Rendered};

use super::Builder;

/// Another name of the built-in model, where the user has declared none of this name.
const DEFAULT: &str = "default";
/// How often an answer that does not satisfy its schema goes back.
const REPAIRS: u32 = 1;
/// Rounds and calls of a model's tools where the node names none.
const ROUNDS: u32 = 8;
const CALLS: u32 = 32;

impl Builder<'_, '_> {
    pub(super) fn action(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Action> {
        let Some(uses) = node.uses() else {
            // nothing is known of its parameters, but their expressions are checked
            self.object(node.with.iter().copied(), locals);
            return None;
        };
        match uses {
            Uses::Llm => self.conversation(node, locals),
            Uses::Batch => self.batch(node, locals),
            Uses::Graph => self.subgraph(node, locals),
            Uses::Approval => self.approval(node, locals),
            Uses::Render => self.render(node, locals),
            Uses::Values => Some(Action::Values(self.object(node.with.iter().copied(), locals))),
            Uses::ParseReport => Some(Action::ParseReport(self.object(node.with.iter().copied(), locals))),
            Uses::Fail => self.fail(node, locals),
            Uses::Rollback => {
                self.rollback_target(node);
                Some(self.call(node, locals))
            }
            Uses::ReadFile
            | Uses::ListFiles
            | Uses::SearchFiles
            | Uses::RepoContext
            | Uses::WorkspaceDiff
            | Uses::ApplyPatch
            | Uses::Exec
            | Uses::Http
            | Uses::Mcp => Some(self.call(node, locals)),
        }
    }

    fn call(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Action {
        Action::Call { with: self.object(node.with.iter().copied(), locals) }
    }

    fn object<'f>(&mut self, fields: impl IntoIterator<Item = &'f Field>, locals: &[Local]) -> ValueTemplate {
        let place = self.place(locals);
        expressions::object(fields, &place, self.diagnostics)
    }

    /// A parameter that may hold templates; an absent one is an empty object.
    fn value(&mut self, node: &DraftNode<'_>, name: &str, locals: &[Local]) -> ValueTemplate {
        let place = self.place(locals);
        match node.parameter(name) {
            Some(field) => expressions::value(&field.value, &place, self.diagnostics),
            None => ValueTemplate::Literal(Arc::new(json!({}))),
        }
    }

    fn conversation(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Action> {
        let model = self.model(node);
        let messages = self.messages(node);
        let vars = self.value(node, "vars", locals);
        let tools = tools(node);
        let output_schema = self.schema(node, "output_schema");
        let (model, by_default, params) = model?;
        let count = |name: &str, default| {
            node.parameter(name).map_or(Some(default), |field| literal::count(&field.value))
        };
        Some(Action::Llm(Box::new(Conversation {
            model,
            by_default,
            params,
            messages: messages?,
            vars,
            output_schema: output_schema?,
            repairs: count("repairs", REPAIRS)?,
            tools: tools?,
            max_rounds: count("max_rounds", ROUNDS)?,
            max_calls: count("max_calls", CALLS)?,
        })))
    }

    fn model(&mut self, node: &DraftNode<'_>) -> Option<(String, bool, BTreeMap<String, Value>)> {
        let written = literal::word(&node.parameter("model")?.value)?;
        let models = &self.draft.graph.models;
        if let Some(model) = models.iter().find(|model| model.name.value.as_str() == written.value) {
            let params = model.params.iter().map(|param| (param.name.value.clone(), param.value.to_json()));
            let (name, by_default) = configured(&model.uses.value);
            return Some((name, by_default, params.collect()));
        }
        if written.value == DEFAULT {
            let (name, by_default) = configured(DEFAULT);
            return Some((name, by_default, BTreeMap::new()));
        }
        let known = models.iter().map(|model| model.name.value.as_str()).chain([DEFAULT]);
        self.unknown(codes::UNKNOWN_MODEL, "models", "model", &written, suggestion(&written.value, known));
        None
    }

    /// `system` and `prompt`, or the list of `messages`: role and prompt.
    fn messages(&mut self, node: &DraftNode<'_>) -> Option<Vec<(String, Arc<crate::expr::Template>)>> {
        let mut named: Vec<(String, &Tree)> = Vec::new();
        for (parameter, role) in [("system", "system"), ("prompt", "user")] {
            named.extend(node.parameter(parameter).map(|field| (role.to_owned(), &field.value)));
        }
        for item in node.parameter("messages").map(|field| field.value.items()).unwrap_or_default() {
            let role = item.get("role").and_then(Tree::as_str).unwrap_or_default();
            named.extend(item.get("prompt").map(|prompt| (role.to_owned(), prompt)));
        }
        let found: Vec<_> =
            named.into_iter().map(|(role, prompt)| Some((role, self.prompt(prompt)?.1))).collect();
        found.into_iter().collect()
    }

    /// The name and the text of a prompt.
    fn prompt(&mut self, tree: &Tree) -> Option<(crate::model::Name, Arc<crate::expr::Template>)> {
        let written = literal::word(tree)?;
        if let Some(text) = self.draft.parts.prompts.get(&written.value) {
            return Some((crate::model::Name::parse(&written.value)?, text.clone()?));
        }
        let sound = self.draft.parts.prompts.keys().map(String::as_str);
        // one with a fault is declared all the same, and may be the one that is meant
        let mut known: Vec<&str> =
            self.draft.declared("prompts").map(|(name, _)| name).chain(sound).collect();
        known.sort_unstable();
        known.dedup();
        let help = text_of_prompt(&written.value).or_else(|| suggestion(&written.value, known));
        self.unknown(codes::UNKNOWN_PROMPT, "prompts", "prompt", &written, help);
        None
    }

    fn schema(&mut self, node: &DraftNode<'_>, name: &str) -> Option<Option<Value>> {
        let Some(field) = node.parameter(name) else { return Some(None) };
        let schema = self.draft.parts.schema(&literal::schema_source(&field.value)?)?;
        Some(Some((*schema).clone()))
    }

    fn batch(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Action> {
        let calls = self.value(node, "calls", locals);
        let tools = tools(node);
        let max_calls = literal::count(&node.parameter("max_calls")?.value)?;
        Some(Action::Batch { calls, tools: tools?, max_calls })
    }

    fn subgraph(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Action> {
        let inputs = self.value(node, "inputs", locals);
        let written = literal::word(&node.parameter("graph")?.value)?;
        let Some(plan) = self.draft.parts.subgraphs.get(&written.value) else {
            let mut known: Vec<&str> = self.draft.declared("graphs").map(|(name, _)| name).collect();
            known.extend(self.draft.parts.subgraphs.keys().map(String::as_str));
            known.sort_unstable();
            known.dedup();
            let help = file_of_graph(&written.value).or_else(|| suggestion(&written.value, known));
            self.unknown(codes::UNKNOWN_GRAPH, "graphs", "graph", &written, help);
            return None;
        };
        Some(Action::Graph { plan: plan.clone()?, inputs })
    }

    fn approval(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Action> {
        let show = self.value(node, "show", locals);
        if let Some(call) = node.parameter("show").and_then(|field| field.value.get("call")) {
            self.node_name(call, &[]);
        }
        let options = node.parameter("options").map(|field| literal::words(&field.value)).unwrap_or_default();
        let response = self.schema(node, "response")?;
        let options = options.into_iter().map(|option| option.value).collect();
        Some(Action::Approval { show, options, response })
    }

    fn render(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Action> {
        let vars = self.value(node, "vars", locals);
        let (name, prompt) = self.prompt(&node.parameter("prompt")?.value)?;
        Some(Action::Render(Rendered { name, prompt, vars }))
    }

    fn fail(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Action> {
        let message = self.value(node, "message", locals);
        let kind = match node.parameter("kind") {
            Some(field) => literal::word(&field.value)?.value,
            None => kinds::FAILED.to_owned(),
        };
        Some(Action::Fail { kind: ErrorKind::parse(&kind), message })
    }

    /// `to` is the start of the run, or a node.
    fn rollback_target(&mut self, node: &DraftNode<'_>) {
        if let Some(field) = node.parameter("to") {
            self.node_name(&field.value, &["start"]);
        }
    }

    /// A literal that has to be a node's id, or one of some `words`.
    fn node_name(&mut self, tree: &Tree, words: &[&str]) {
        let Some(written) = literal::word(tree) else { return };
        if words.contains(&written.value.as_str()) || self.draft.find(&written.value).is_some() {
            return;
        }
        let known: Vec<&str> = self.draft.ids().collect();
        let help = suggestion(&written.value, known.into_iter().chain(words.iter().copied()));
        self.unknown(codes::UNKNOWN_NODE, "nodes", "node", &written, help);
    }
}

/// The name that the model is looked up by when it is called, and whether the user may say that it is another.
fn configured(name: &str) -> (String, bool) {
    if name == DEFAULT { (DETERMINISTIC.to_owned(), true) } else { (name.to_owned(), false) }
}

/// A literal list; what is no tool in it was reported against the schema.
fn tools(node: &DraftNode<'_>) -> Option<Vec<Uses>> {
    let Some(field) = node.parameter("tools") else { return Some(Vec::new()) };
    literal::words(&field.value).iter().map(|word| Uses::parse(&word.value)).collect()
}

/// A file where the name of a graph belongs: how it gets one.
fn file_of_graph(written: &str) -> Option<String> {
    let (path, extension) = written.rsplit_once('.')?;
    if !matches!(extension, "yaml" | "yml" | "toml" | "json") {
        return None;
    }
    let stem = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace('-', "_");
    let name = crate::model::Name::parse(&stem).map_or("other", |_| stem.as_str());
    Some(format!("declare it under `graphs`, `{name}: {{ file: {written} }}`, and write `graph: {name}`"))
}

/// A text where the name of a prompt belongs: how it gets one.
fn text_of_prompt(written: &str) -> Option<String> {
    let is_text = written.trim().contains(char::is_whitespace);
    is_text.then(|| "declare it under `prompts`, `ask: { text: … }`, and write `prompt: ask`".to_owned())
}
