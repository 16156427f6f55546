//! A policy's tree → [`Policy`]: keys, types and words. Patterns and examples are compiled by the room of policies.

use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::{Damage, Tree};
use crate::model::Uses;
use crate::model::decode::{Decoder, OwnKeys, Shape, Slot};
use crate::source::{Located, Span};

use super::decode_command::{commands, sandbox_of_all};
use super::decode_sections::{approvals, flows, limits, mcp, network, paths, redact, secrets};
use super::{Policy, RuleVerdict, Section, ToolRule};

/// The schema id of a policy file.
pub const POLICY_SCHEMA: &str = "lgflow.policy/v1";

/// The toolchains that have a built-in manifest.
pub const TOOLCHAINS: [&str; 4] = ["rust", "python", "node", "go"];

pub(super) const VERDICTS: &[(&str, RuleVerdict)] =
    &[("allow", RuleVerdict::Allow), ("ask", RuleVerdict::Ask), ("deny", RuleVerdict::Deny)];

const POLICY: Shape = Shape {
    what: "a policy",
    keys: &[
        "schema",
        "name",
        "description",
        "include",
        "ceilings",
        "complete",
        "tools",
        "paths",
        "toolchains",
        "commands",
        "network",
        "flows",
        "secrets",
        "mcp",
        "redact",
        "limits",
        "approvals",
        "sandbox",
    ],
    required: &["schema", "name"],
    own: OwnKeys::Refused,
};

/// Reads a policy. `damage` is what the parser had to skip. `None` where the tree is no mapping; a
/// policy that was read with errors must not be used, and the errors are in `diagnostics`.
pub fn decode_policy(tree: &Tree, damage: &Damage, diagnostics: &mut Diagnostics) -> Option<Policy> {
    let mut decoder = Decoder::new(diagnostics, damage);
    let d = &mut decoder;
    let start = Span { end: tree.span.start, ..tree.span };
    if !d.knows_schema(tree, "a policy", &[POLICY_SCHEMA]) {
        return None;
    }
    let fields = d.fields(Slot { key: "policy", key_span: start, value: tree }, &POLICY)?;
    let text = |d: &mut Decoder<'_>, key: &str| fields.get(key).and_then(|slot| d.filled_string(slot));
    let list = |d: &mut Decoder<'_>, key: &str| fields.get(key).and_then(|slot| layers(d, slot));
    Some(Policy {
        span: tree.span,
        name: text(d, "name").unwrap_or_else(|| Located::new(String::new(), start)),
        description: text(d, "description"),
        include: list(d, "include").unwrap_or_default(),
        ceilings: list(d, "ceilings").unwrap_or_default(),
        complete: fields.get("complete").and_then(|slot| d.boolean(slot)),
        tools: fields.get("tools").and_then(|slot| tools(d, slot)),
        paths: fields.get("paths").and_then(|slot| paths(d, slot)),
        toolchains: fields.get("toolchains").and_then(|slot| toolchains(d, slot)),
        commands: fields.get("commands").and_then(|slot| commands(d, slot)),
        network: fields.get("network").and_then(|slot| network(d, slot)),
        flows: fields.get("flows").and_then(|slot| flows(d, slot)),
        secrets: fields.get("secrets").and_then(|slot| secrets(d, slot)),
        mcp: fields.get("mcp").and_then(|slot| mcp(d, slot)),
        redact: fields.get("redact").and_then(|slot| redact(d, slot)),
        limits: fields.get("limits").and_then(|slot| limits(d, slot)),
        approvals: fields.get("approvals").and_then(|slot| approvals(d, slot)),
        sandbox: fields.get("sandbox").and_then(|slot| sandbox_of_all(d, slot)),
    })
}

/// `include` and `ceilings`: names of layers, each once.
fn layers(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<Located<String>>> {
    let names = d.strings(slot)?;
    for (at, name) in names.iter().enumerate() {
        if name.value.is_empty() {
            d.bad_value(name.span, format!("`{}` names an empty layer", slot.key), None);
        } else if names[..at].contains(name) {
            let message = format!("`{}` names `{}` twice", slot.key, name.value);
            d.bad_value(name.span, message, Some("remove one of the two".to_owned()));
        }
    }
    Some(names)
}

fn tools(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Section<ToolRule>> {
    let known: Vec<&str> = Uses::ALL.into_iter().filter(|uses| uses.is_tool()).map(Uses::as_str).collect();
    let mut rules = Vec::new();
    for entry in d.entries(slot)? {
        let tool = entry.key.clone();
        if !known.contains(&tool.value.as_str()) {
            let message = format!("unknown tool `{}`", tool.value);
            let help = suggestion(&tool.value, known.iter().copied());
            d.report(Diagnostic::new(codes::UNKNOWN_KEY, tool.span, message).maybe_help(help));
        }
        if let Some(verdict) = d.word(Slot::of(entry), VERDICTS) {
            rules.push(ToolRule { tool, verdict });
        }
    }
    Some(Section { span: slot.value.span, rules })
}

fn toolchains(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Section<Located<String>>> {
    let words = TOOLCHAINS.map(|name| (name, name));
    let items = d.items(slot)?;
    let rules = items.into_iter().filter_map(|item| d.word(item, &words)).map(|word| word.map(str::to_owned));
    Some(Section { span: slot.value.span, rules: rules.collect() })
}
