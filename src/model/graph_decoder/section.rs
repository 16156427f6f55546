//! The sections around the nodes: inputs, policy, models, prompts, graphs, channels, budgets, concurrency,
//! defaults, outputs.
use crate::diag::{Diagnostic, codes};
use crate::document::{Tree, Value};
use crate::model::decode::{OwnKeys, Shape, Slot};
use crate::model::{
    Budgets, Channel, Concurrency, Defaults, Field, Group, Input, Model, Prompt, PromptSource, Reduce,
    Section, Subgraph, SubgraphSource, Uses,
};
use crate::source::Located;

use super::Reader;
use super::modifiers::DEFAULT_KEYS;
use super::root::{INLINE_KEYS, INLINE_OR_FILE_KEYS};

const MODEL: Shape = Shape {
    what: "a model",
    keys: &["use", "temperature", "max_tokens", "top_p", "seed", "stop"],
    required: &["use"],
    own: OwnKeys::Extensions,
};

const PROMPT: Shape =
    Shape { what: "a prompt", keys: &["file", "text"], required: &[], own: OwnKeys::Extensions };

const SUBGRAPH: Shape = Shape {
    what: "a graph within a graph",
    keys: INLINE_OR_FILE_KEYS,
    required: &[],
    own: OwnKeys::Extensions,
};

/// The keys of `budgets`.
pub(super) const BUDGET_KEYS: [&str; 5] = ["wall", "tool_calls", "llm_tokens", "patch_bytes", "grace"];

const BUDGETS: Shape = Shape { what: "`budgets`", keys: &BUDGET_KEYS, required: &[], own: OwnKeys::Refused };

const CONCURRENCY: Shape =
    Shape { what: "`concurrency`", keys: &["max", "groups"], required: &[], own: OwnKeys::Refused };

const REDUCERS: [(&str, Reduce); 5] = [
    ("replace", Reduce::Replace),
    ("append", Reduce::Append),
    ("extend", Reduce::Extend),
    ("merge", Reduce::Merge),
    ("sum", Reduce::Sum),
];

impl Reader<'_, '_> {
    pub(super) fn inputs(&mut self, slot: Slot<'_>) -> Vec<Input> {
        let read = |reader: &mut Self, slot: Slot<'_>| {
            let name = reader.decoder.name(slot, "an input");
            let schema = reader.schema(slot, &[]);
            Some(Input { name: name?, schema: schema? })
        };
        self.section(Section::Inputs, slot, read).unwrap_or_default()
    }

    pub(super) fn policy(&mut self, slot: Slot<'_>) -> Vec<Located<String>> {
        let Some(items) = self.decoder.items(slot) else {
            self.lost.insert(Section::Policy);
            return Vec::new();
        };
        if items.is_empty() {
            let help = Some("name a policy, or remove `policy`".to_owned());
            self.decoder.bad_value(slot.value.span, "`policy` names no policy", help);
        }
        items.into_iter().filter_map(|item| self.decoder.filled_string(item)).collect()
    }

    pub(super) fn models(&mut self, slot: Slot<'_>) -> Vec<Model> {
        self.section(Section::Models, slot, Self::model).unwrap_or_default()
    }

    fn model(&mut self, slot: Slot<'_>) -> Option<Model> {
        let name = self.decoder.name(slot, "a model");
        let fields = self.decoder.fields(slot, &MODEL)?;
        let uses = fields.get("use").and_then(|slot| self.decoder.filled_string(slot));
        let mut params = Vec::new();
        for key in &MODEL.keys[1..] {
            let Some(slot) = fields.get(key) else { continue };
            self.model_parameter(slot);
            let name = Located::new((*key).to_owned(), slot.key_span);
            params.push(Field { name, value: slot.value.clone() });
        }
        let uses = uses.unwrap_or_else(|| {
            self.decoder.damage(slot.key_span);
            Located::new(String::new(), slot.key_span)
        });
        Some(Model { name: name?, uses, params })
    }

    fn model_parameter(&mut self, slot: Slot<'_>) {
        match slot.key {
            "temperature" => self.decoder.number(slot, 0.0, 2.0),
            "top_p" => self.decoder.number(slot, 0.0, 1.0),
            "max_tokens" => {
                self.decoder.count(slot, 1);
            }
            "seed" => {
                self.decoder.integer(slot, 0..=i64::MAX as u64);
            }
            _ => {
                self.decoder.strings(slot);
            }
        }
    }

    pub(super) fn prompts(&mut self, slot: Slot<'_>) -> Vec<Prompt> {
        self.section(Section::Prompts, slot, Self::prompt).unwrap_or_default()
    }

    fn prompt(&mut self, slot: Slot<'_>) -> Option<Prompt> {
        let name = self.decoder.name(slot, "a prompt");
        let fields = self.decoder.fields(slot, &PROMPT)?;
        let file = fields.get("file");
        let text = fields.get("text");
        let source = match (file, text) {
            (Some(file), Some(text)) => {
                self.decoder.conflict(text.key_span, "text", file.key_span, "file", "a prompt");
                None
            }
            (Some(file), None) => self.decoder.filled_string(file).map(PromptSource::File),
            (None, Some(text)) => self.decoder.text(text).map(PromptSource::Text),
            (None, None) => {
                if !self.decoder.lost(&["text", "file"]) {
                    let message = "a prompt needs the key `text` or the key `file`";
                    let help = "add `text: …` or `file: …`";
                    self.decoder
                        .report(Diagnostic::new(codes::MISSING_KEY, slot.key_span, message).help(help));
                }
                None
            }
        };
        if source.is_none() {
            self.lost.insert(Section::Prompts);
        }
        Some(Prompt { name: name?, source: source? })
    }

    pub(super) fn subgraphs(&mut self, slot: Slot<'_>) -> Vec<Subgraph> {
        self.section(Section::Graphs, slot, Self::subgraph).unwrap_or_default()
    }

    fn subgraph(&mut self, slot: Slot<'_>) -> Option<Subgraph> {
        let name = self.decoder.name(slot, "a graph");
        let fields = self.decoder.fields(slot, &SUBGRAPH)?;
        if let Some(file) = fields.get("file") {
            for key in INLINE_KEYS {
                if let Some(other) = fields.get(key) {
                    self.decoder.conflict(other.key_span, key, file.key_span, "file", "a graph");
                }
            }
            let file = self.decoder.filled_string(file)?;
            return Some(Subgraph { name: name?, source: SubgraphSource::File(file) });
        }
        if fields.get("nodes").is_none() && !self.decoder.lost(&["nodes", "file"]) {
            let message = "a graph needs the key `nodes` or the key `file`";
            let help = "add `nodes: …` or `file: …`";
            self.decoder.report(Diagnostic::new(codes::MISSING_KEY, slot.key_span, message).help(help));
        }
        let outer = std::mem::take(&mut self.lost);
        let title = Located::new(slot.key.to_owned(), slot.key_span);
        let graph = self.graph(&fields, title);
        self.lost = outer;
        Some(Subgraph { name: name?, source: SubgraphSource::Inline(Box::new(graph?)) })
    }

    pub(super) fn channels(&mut self, slot: Slot<'_>) -> Vec<Channel> {
        self.section(Section::State, slot, Self::channel).unwrap_or_default()
    }

    fn channel(&mut self, slot: Slot<'_>) -> Option<Channel> {
        let name = self.decoder.name(slot, "a channel");
        let schema = self.schema(slot, &["reduce"])?;
        let find = |key: &str| {
            let entry = schema.tree.entries().iter().find(|entry| entry.key.value == key)?;
            Some((entry.key.clone(), entry.value.clone()))
        };
        let reduce = match find("reduce") {
            Some((key, value)) => {
                let slot = Slot { key: "reduce", key_span: key.span, value: &value };
                self.decoder.word(slot, &REDUCERS)
            }
            None => {
                if !self.decoder.lost(&["reduce"]) {
                    let message = "a channel needs the key `reduce`";
                    let help = "add `reduce: …`, one of `replace`, `append`, `extend`, `merge`, `sum`";
                    self.decoder
                        .report(Diagnostic::new(codes::MISSING_KEY, slot.key_span, message).help(help));
                }
                None
            }
        };
        let default = find("default").map(|(_, value)| value);
        let is_sure = |word: &str| find("reduce").is_some_and(|(_, value)| value.as_str() == Some(word));
        if let Some(reduce) = &reduce
            && REDUCERS.iter().any(|(word, _)| is_sure(word))
        {
            self.reducer_fits(slot, reduce, &schema.tree, default.is_some());
        }
        let mut tree = schema.tree;
        if let Value::Map(entries) = &mut tree.value {
            entries.retain(|entry| !matches!(entry.key.value.as_str(), "reduce" | "default"));
        }
        let reduce = reduce.unwrap_or_else(|| {
            self.decoder.damage(slot.key_span);
            Located::new(Reduce::Replace, slot.key_span)
        });
        Some(Channel { name: name?, schema: crate::model::JsonSchema { tree }, default, reduce })
    }

    /// A reducer starts from something, and works on one kind of values.
    fn reducer_fits(&mut self, slot: Slot<'_>, reduce: &Located<Reduce>, schema: &Tree, default: bool) {
        let (word, types): (&str, &[&str]) = match reduce.value {
            Reduce::Replace => ("replace", &[]),
            Reduce::Append => ("append", &["array"]),
            Reduce::Extend => ("extend", &["array"]),
            Reduce::Merge => ("merge", &["object"]),
            Reduce::Sum => ("sum", &["integer", "number"]),
        };
        if reduce.value == Reduce::Replace && !default && !self.decoder.lost(&["default"]) {
            let message =
                "a channel with `reduce: replace` needs the key `default`: nothing else is its start";
            let diagnostic = Diagnostic::new(codes::MISSING_KEY, slot.key_span, message);
            self.decoder.report(diagnostic.help("add `default: …`").label(reduce.span, "this reducer"));
        }
        let Some(written) = schema.get("type") else { return };
        let Some(kind) = written.as_str() else { return };
        if crate::model::graph_decoder::json_schema::TYPES.contains(&kind)
            && !types.is_empty()
            && !types.contains(&kind)
        {
            let message = format!("`{word}` cannot fold values of type `{kind}`");
            let fits = types.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(" or ");
            let diagnostic = Diagnostic::new(codes::BAD_VALUE, reduce.span, message);
            let help = format!("make the type {fits}, or choose another reducer");
            self.decoder.report(diagnostic.help(help).label(written.span, "the channel's type"));
        }
    }

    pub(super) fn budgets(&mut self, slot: Slot<'_>) -> Option<Budgets> {
        let fields = self.decoder.fields(slot, &BUDGETS)?;
        let most = i64::MAX as u64;
        Some(Budgets {
            wall: fields.get("wall").and_then(|slot| self.decoder.positive_duration(slot)),
            tool_calls: fields.get("tool_calls").and_then(|slot| self.decoder.integer(slot, 0..=most)),
            llm_tokens: fields.get("llm_tokens").and_then(|slot| self.decoder.integer(slot, 0..=most)),
            patch_bytes: fields.get("patch_bytes").and_then(|slot| self.decoder.size(slot)),
            grace: fields.get("grace").and_then(|slot| self.decoder.duration(slot)),
        })
    }

    pub(super) fn concurrency(&mut self, slot: Slot<'_>) -> Option<Concurrency> {
        let fields = self.decoder.fields(slot, &CONCURRENCY);
        if fields.is_none() {
            self.lost.insert(Section::Groups);
        }
        let fields = fields?;
        let group = |reader: &mut Self, slot: Slot<'_>| {
            let name = reader.decoder.name(slot, "a group");
            let max = reader.decoder.count(slot, 1).unwrap_or_else(|| Located::new(1, slot.value.span));
            Some(Group { name: name?, max })
        };
        let groups = fields.get("groups").and_then(|slot| self.section(Section::Groups, slot, group));
        Some(Concurrency {
            max: fields.get("max").and_then(|slot| self.decoder.count(slot, 1)),
            groups: groups.unwrap_or_default(),
        })
    }

    pub(super) fn defaults(&mut self, slot: Slot<'_>) -> Vec<Defaults> {
        let Some(entries) = self.decoder.entries(slot) else { return Vec::new() };
        entries.iter().filter_map(|entry| self.default_of(Slot::of(entry))).collect()
    }

    fn default_of(&mut self, slot: Slot<'_>) -> Option<Defaults> {
        let written = Located::new(slot.key.to_owned(), slot.key_span);
        let uses = self.uses(&written)?;
        let shape =
            Shape { what: "a node's defaults", keys: DEFAULT_KEYS, required: &[], own: OwnKeys::Refused };
        let fields = self.decoder.fields(slot, &shape)?;
        let with = fields.get("with").map(|slot| self.parameters(uses, slot)).unwrap_or_default();
        let modifiers = self.modifiers(&fields, Some(uses));
        Some(Defaults { uses: Located::new(uses, written.span), with, modifiers })
    }

    pub(super) fn outputs(&mut self, slot: Slot<'_>) -> Vec<Field> {
        let read = |reader: &mut Self, slot: Slot<'_>| {
            reader.decoder.name(slot, "an output");
            reader.no_null(slot.value);
            let name = Located::new(slot.key.to_owned(), slot.key_span);
            Some(Field { name, value: slot.value.clone() })
        };
        self.section(Section::Outputs, slot, read).unwrap_or_default()
    }

    /// The kind of node that a word names, or is a misspelling of.
    pub(super) fn uses(&mut self, written: &Located<String>) -> Option<Uses> {
        if let Some(uses) = Uses::parse(&written.value) {
            return Some(uses);
        }
        let known = Uses::ALL.map(Uses::as_str);
        let message = format!("unknown node kind `{}`", written.value);
        if let Some(ours) = kind_elsewhere(&written.value) {
            let found = Diagnostic::new(codes::UNKNOWN_USES, written.span, message);
            self.decoder.report(found.help(format!("write `{ours}`")));
            return None;
        }
        self.decoder.unknown_word(codes::UNKNOWN_USES, written.span, &written.value, message, &known);
        crate::diag::nearest(&written.value, known).and_then(Uses::parse)
    }
}

/// What a kind of node of other engines is called here.
fn kind_elsewhere(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "shell" | "bash" | "sh" | "run" | "command" | "cmd" | "script" | "process" => "exec",
        "agent" | "chat" | "completion" | "model" => "llm",
        "subgraph" | "workflow" | "subworkflow" | "sub_workflow" => "graph",
        "request" | "fetch" | "curl" => "http",
        "human" | "confirm" | "manual" | "interrupt" => "approval",
        "set" | "assign" | "const" => "values",
        "template" => "render",
        "grep" => "search_files",
        "write_file" | "edit_file" | "write" | "edit" | "patch" => "apply_patch",
        "diff" | "git_diff" => "workspace_diff",
        "throw" | "raise" => "fail",
        _ => return None,
    })
}
