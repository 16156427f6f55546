//! The layers of a run and what they say together, as text and as the document `lgflow.policy_check/v1`; and the
//! difference of two policies, `lgflow.policy_diff/v1`. Judges nothing itself.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{FrozenLayer, LayerRole};
use crate::policy::{Decision, Gate, LayerOutline, Widening};

use super::escaped;

/// The layers of a run, composed.
#[derive(Debug, Clone, Copy)]
pub struct LayersFacts<'a> {
    /// As they were read.
    pub frozen: &'a [FrozenLayer],
    /// The gate that they make.
    pub gate: &'a Gate,
    /// The tools that there are.
    pub tools: &'a [&'a str],
    /// Why a run under them would be refused before it starts.
    pub refusal: Option<&'a str>,
}

/// For a program.
pub fn layers_document(facts: &LayersFacts<'_>) -> Value {
    let set = facts.gate.policy();
    let outlines = set.outline();
    let layers = facts.frozen.iter().zip(outlines).map(|(layer, outline)| {
        let mut document = json!({
            "name": outline.name,
            "role": outline.role,
            "complete": outline.complete,
            "digest": Digest::of(&layer.text),
            "includes": include_names(layer),
            "sections": outline.sections,
            "commands": outline.commands.iter().map(|(name, program)| json!({ "name": name, "program": program })).collect::<Vec<_>>(),
        });
        if !outline.within.is_empty() {
            document["within"] = json!(outline.within);
        }
        document
    });
    let limits = set.limits();
    let tools = facts
        .tools
        .iter()
        .map(|tool| ((*tool).to_owned(), Value::from(facts.gate.explain_tool(tool).decision.as_str())));
    json!({
        "schema": "lgflow.policy_check/v1",
        "layers": layers.collect::<Vec<_>>(),
        "policy_digest": set.digest(),
        "tools": tools.collect::<serde_json::Map<_, _>>(),
        "limits": {
            "tool_calls": set.tool_calls(),
            "patch_bytes": limits.patch_bytes,
            "patch_files": limits.patch_files,
            "read_bytes": limits.read_bytes,
        },
        "refusal": facts.refusal,
    })
}

/// For a person.
pub fn layers_text(facts: &LayersFacts<'_>) -> String {
    let set = facts.gate.policy();
    let mut text = String::new();
    for (at, (layer, outline)) in facts.frozen.iter().zip(set.outline()).enumerate() {
        layer_text(at + 1, layer, outline, &mut text);
    }
    text.push_str("\nwhat they say together; what a call names decides as well\n");
    for word in [Decision::Allow, Decision::Ask, Decision::Deny] {
        let said = facts.tools.iter().filter(|tool| facts.gate.explain_tool(tool).decision == word);
        let tools: Vec<&str> = said.copied().collect();
        if !tools.is_empty() {
            // writing to a string can't fail
            let _ = writeln!(text, "  {:5}  {}", word.as_str(), tools.join(", "));
        }
    }
    let limits = set.limits();
    let bounds = [
        ("calls of a run", set.tool_calls()),
        ("bytes of a patch", limits.patch_bytes),
        ("files of a patch", limits.patch_files),
        ("bytes that are read", limits.read_bytes),
    ];
    for (name, most) in bounds {
        if let Some(most) = most {
            let _ = writeln!(text, "  {name}: at most {most}");
        }
    }
    let _ = writeln!(text, "policy {}", set.digest());
    text
}

fn layer_text(number: usize, layer: &FrozenLayer, outline: &LayerOutline, text: &mut String) {
    let role = if outline.role == LayerRole::Grant { "grant" } else { "ceiling" };
    let whole = if outline.role != LayerRole::Grant && outline.complete { ", complete" } else { "" };
    let name = escaped(&outline.name);
    let _ =
        writeln!(text, "{number}. {role:7}  {name}{whole}{}  {}", beneath(layer), Digest::of(&layer.text));
    let includes = include_names(layer);
    if !includes.is_empty() {
        let _ = writeln!(text, "     includes {}", escaped(&includes.join(", ")));
    }
    let sections =
        if outline.sections.is_empty() { "nothing".to_owned() } else { outline.sections.join(", ") };
    let _ = writeln!(text, "     speaks of {sections}");
    for (name, program) in &outline.commands {
        let _ = writeln!(text, "     command `{}` runs `{}`", escaped(name), escaped(program));
    }
}

/// Whose calls a layer binds, where it is not everybody's.
pub(super) fn beneath(layer: &FrozenLayer) -> String {
    if layer.within.is_empty() {
        return String::new();
    }
    let nodes: Vec<String> = layer.within.iter().map(|node| format!("`{}`", escaped(node))).collect();
    format!(", for what {} runs", nodes.join(", "))
}

/// What a layer includes, at any depth.
fn include_names(layer: &FrozenLayer) -> Vec<String> {
    let inner = layer.includes.iter();
    inner.flat_map(|include| std::iter::once(include.name.clone()).chain(include_names(include))).collect()
}

/// Two policies and how the second differs.
#[derive(Debug, Clone, Copy)]
pub struct DifferenceFacts<'a> {
    /// The name of the old one.
    pub old: &'a str,
    /// The name of the new one.
    pub new: &'a str,
    /// In what the new one is wider.
    pub wider: &'a [Widening],
    /// In what the old one is wider.
    pub narrower: &'a [Widening],
}

impl DifferenceFacts<'_> {
    /// What the new one says where the old one did not, strictest last.
    fn rows(&self) -> Vec<(Decision, String)> {
        let wider = self.wider.iter().filter(|fact| !is_part_of_another(fact, self.wider));
        let wider = wider.map(|fact| (fact.allows(), fact.widened()));
        let narrower = self.narrower.iter().filter(|fact| !is_echo(fact, self));
        let mut rows: Vec<_> = wider.chain(narrower.map(|fact| (fact.denies(), fact.narrowed()))).collect();
        rows.sort();
        rows.dedup();
        rows
    }
}

/// `X: ask` says nothing new beside `X: allow`, and no more does the denial that is gone.
fn is_part_of_another(fact: &Widening, all: &[Widening]) -> bool {
    let allowed = |stem: &str| all.contains(&Widening::Opens(format!("{stem}: allow")));
    match fact {
        Widening::Opens(text) => text.strip_suffix(": ask").is_some_and(allowed),
        Widening::NotClosed(text) => {
            let stem = text.strip_suffix(": deny").or_else(|| text.strip_suffix(": ask"));
            let denied = |stem: &str| all.contains(&Widening::NotClosed(format!("{stem}: deny")));
            text.strip_suffix(": ask").is_some_and(denied)
                || stem.is_some_and(|stem| {
                    allowed(stem) || all.contains(&Widening::Opens(format!("{stem}: ask")))
                })
        }
        _ => false,
    }
}

/// What became an `ask` is told once, and so is what became a denial.
fn is_echo(fact: &Widening, difference: &DifferenceFacts<'_>) -> bool {
    let closes = |text: String| difference.narrower.contains(&Widening::NotClosed(text));
    match fact {
        Widening::Opens(text) => {
            let stem = text.strip_suffix(": allow").or_else(|| text.strip_suffix(": ask"));
            stem.is_some_and(|stem| closes(format!("{stem}: ask")) || closes(format!("{stem}: deny")))
                || text.strip_suffix(": ask").is_some_and(|stem| {
                    difference.narrower.contains(&Widening::Opens(format!("{stem}: allow")))
                })
        }
        Widening::NotClosed(text) => {
            text.strip_suffix(": ask").is_some_and(|stem| closes(format!("{stem}: deny")))
        }
        _ => false,
    }
}

/// For a program.
pub fn difference_document(facts: &DifferenceFacts<'_>) -> Value {
    let changes = facts.rows().into_iter().map(|(says, what)| json!({ "says": says.as_str(), "what": what }));
    json!({
        "schema": "lgflow.policy_diff/v1",
        "old": facts.old,
        "new": facts.new,
        "widens": !facts.wider.is_empty(),
        "narrows": !facts.narrower.is_empty(),
        "changes": changes.collect::<Vec<_>>(),
    })
}

/// For a person.
pub fn difference_text(facts: &DifferenceFacts<'_>) -> String {
    let mut text = format!("--- {}\n+++ {}\n", escaped(facts.old), escaped(facts.new));
    let rows = facts.rows();
    if rows.is_empty() {
        text.push_str("they say the same\n");
    }
    for word in [Decision::Allow, Decision::Ask, Decision::Deny] {
        let said: Vec<&String> =
            rows.iter().filter(|(says, _)| *says == word).map(|(_, what)| what).collect();
        if !said.is_empty() {
            let _ = writeln!(text, "{}", heading(word));
        }
        let sign = if word == Decision::Allow { '+' } else { '-' };
        for what in said {
            let _ = writeln!(text, "  {sign} {}", escaped(what));
        }
    }
    text
}

fn heading(word: Decision) -> &'static str {
    match word {
        Decision::Allow => "allows what the old one did not",
        Decision::Ask => "asks where the old one did not",
        Decision::Deny => "denies or bounds what the old one did not",
    }
}
