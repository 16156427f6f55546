//! The sections of a policy other than commands, read from their trees.

use crate::model::Uses;
use crate::model::decode::{Decoder, OwnKeys, Shape, Slot};
use crate::source::Located;

use super::decode::VERDICTS;
use super::{
    ApprovalRules, FlowRule, LimitRules, McpRules, McpServerTools, OriginRule, PathLists, PathRuleSet,
    RedactRule, SecretRule, Section,
};

const PATHS: Shape =
    Shape { what: "`paths`", keys: &["read", "write", "binary"], required: &[], own: OwnKeys::Refused };
const PATH_LISTS: Shape = Shape {
    what: "the rules of an access",
    keys: &["allow", "ask", "deny"],
    required: &[],
    own: OwnKeys::Refused,
};
const ORIGIN: Shape = Shape {
    what: "a network rule",
    keys: &["origin", "methods", "paths", "headers", "wildcard", "max_out", "max_requests"],
    required: &["origin"],
    own: OwnKeys::Refused,
};
const FLOW: Shape = Shape {
    what: "a flow",
    keys: &["from", "to", "verdict"],
    required: &["from", "to", "verdict"],
    own: OwnKeys::Refused,
};
const MCP: Shape = Shape { what: "`mcp`", keys: &["servers", "tools"], required: &[], own: OwnKeys::Refused };
const REDACT: Shape = Shape {
    what: "a redaction",
    keys: &["name", "pattern"],
    required: &["name", "pattern"],
    own: OwnKeys::Refused,
};
const LIMITS: Shape = Shape {
    what: "`limits`",
    keys: &["tool_calls", "patch_bytes", "patch_files", "read_bytes"],
    required: &[],
    own: OwnKeys::Refused,
};
const APPROVALS: Shape = Shape {
    what: "`approvals`",
    keys: &["ttl", "quorum", "separate", "approvers"],
    required: &[],
    own: OwnKeys::Refused,
};

/// Where values come from.
const SOURCES: [&str; 7] = ["user", "workspace", "exec", "llm", "http", "mcp", "any"];
/// Sources that may have a name behind a colon.
const NAMED_SOURCES: [&str; 4] = ["workspace", "llm", "http", "mcp"];
/// Where values go to, besides tools and their parameters.
const SINKS: [&str; 2] = ["code", "network"];

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(super) fn paths(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<PathRuleSet> {
    let fields = d.fields(slot, &PATHS)?;
    Some(PathRuleSet {
        span: fields.span,
        read: fields.get("read").and_then(|slot| path_lists(d, slot)),
        write: fields.get("write").and_then(|slot| path_lists(d, slot)),
        binary: fields.get("binary").and_then(|slot| path_lists(d, slot)),
    })
}

fn path_lists(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<PathLists> {
    let fields = d.fields(slot, &PATH_LISTS)?;
    let mut list = |key: &str| fields.get(key).and_then(|slot| globs(d, slot));
    Some(PathLists {
        span: fields.span,
        allow: list("allow"),
        ask: list("ask").unwrap_or_default(),
        deny: list("deny").unwrap_or_default(),
    })
}

/// Globs over paths relative to the root.
fn globs(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<Located<String>>> {
    let globs = d.strings(slot)?;
    for glob in &globs {
        let outside = glob.value.starts_with('/') || glob.value.starts_with('~');
        if glob.value.is_empty() || outside || glob.value.split('/').any(|part| part == ".." || part == ".") {
            let message = format!("`{}` can match no path: paths are relative to the workspace", glob.value);
            let help = glob.value.trim_start_matches(['/', '.', '~']).to_owned();
            let help = if help.is_empty() { "**".to_owned() } else { help };
            d.bad_value(glob.span, message, Some(format!("write `{help}`")));
        }
    }
    Some(globs)
}

pub(super) fn network(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Section<OriginRule>> {
    let items = d.items(slot)?;
    let rules = items.into_iter().filter_map(|item| origin_rule(d, item)).collect();
    Some(Section { span: slot.value.span, rules })
}

fn origin_rule(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<OriginRule> {
    let fields = d.fields(slot, &ORIGIN)?;
    let wildcard = fields.get("wildcard").and_then(|slot| d.boolean(slot));
    let origin = fields.get("origin").and_then(|slot| d.filled_string(slot));
    if let Some(origin) = &origin {
        check_origin(d, origin, wildcard.as_ref().is_some_and(|wildcard| wildcard.value));
    }
    let list = |d: &mut Decoder<'_>, key: &str| fields.get(key).and_then(|slot| d.strings(slot));
    let methods = fields.get("methods").and_then(|slot| methods(d, slot));
    Some(OriginRule {
        span: fields.span,
        origin: origin?,
        methods: methods.unwrap_or_default(),
        paths: list(d, "paths").unwrap_or_default(),
        headers: list(d, "headers").unwrap_or_default(),
        wildcard,
        max_out: fields.get("max_out").and_then(|slot| d.size(slot)),
        max_requests: fields.get("max_requests").and_then(|slot| d.integer(slot, 0..=u64::from(u32::MAX))),
    })
}

fn methods(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<Located<String>>> {
    let words = METHODS.map(|method| (method, method));
    let items = d.items(slot)?;
    Some(items.into_iter().filter_map(|item| d.word(item, &words)).map(|w| w.map(str::to_owned)).collect())
}

/// `SCHEME://HOST:PORT`, lowercase, nothing behind it.
fn check_origin(d: &mut Decoder<'_>, origin: &Located<String>, wildcard: bool) {
    let parts = origin.value.strip_prefix("https://").or_else(|| origin.value.strip_prefix("http://"));
    let port = parts.and_then(|rest| rest.rsplit_once(':'));
    let valid = port.is_some_and(|(host, port)| {
        let plain =
            host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-*[]:".contains(&b));
        !host.is_empty() && plain && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !valid {
        let message = format!("`{}` is no exact origin", origin.value);
        let help = "write scheme, host and port in lowercase, like `https://api.example.com:443`".to_owned();
        d.bad_value(origin.span, message, Some(help));
    } else if origin.value.contains('*') && !wildcard {
        let message = format!("`{}` holds a `*`, and origins are exact", origin.value);
        d.bad_value(origin.span, message, Some("name the host, or add `wildcard: true`".to_owned()));
    }
}

pub(super) fn flows(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Section<FlowRule>> {
    let items = d.items(slot)?;
    let rules = items.into_iter().filter_map(|item| flow(d, item)).collect();
    Some(Section { span: slot.value.span, rules })
}

fn flow(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<FlowRule> {
    let fields = d.fields(slot, &FLOW)?;
    let from = fields.get("from").and_then(|slot| source(d, slot));
    let to = fields.get("to").and_then(|slot| sink(d, slot));
    let verdict = fields.get("verdict").and_then(|slot| d.word(slot, VERDICTS));
    Some(FlowRule { span: fields.span, from: from?, to: to?, verdict: verdict? })
}

/// A list of sources.
pub(super) fn sources(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<Located<String>>> {
    let items = d.items(slot)?;
    Some(items.into_iter().filter_map(|item| source(d, item)).collect())
}

/// A source: a word, or a word and a name.
fn source(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Located<String>> {
    let written = d.filled_string(slot)?;
    let parts = written.value.split_once(':');
    let named = parts.is_some_and(|(kind, name)| NAMED_SOURCES.contains(&kind) && !name.is_empty());
    if !named && !SOURCES.contains(&written.value.as_str()) {
        let message = format!("`{}` is no source of values", written.value);
        let help = crate::diag::suggestion(&written.value, SOURCES);
        d.bad_value(written.span, message, help);
    }
    Some(written)
}

/// A sink: `code`, `network`, a tool, or a parameter of a tool.
fn sink(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Located<String>> {
    let written = d.filled_string(slot)?;
    let (tool, parameter) = match written.value.split_once('.') {
        Some((tool, parameter)) => (tool, Some(parameter)),
        None => (written.value.as_str(), None),
    };
    let is_tool = Uses::parse(tool).is_some_and(Uses::is_tool);
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let known = is_tool && parameter.is_none_or(plain);
    if !known && !SINKS.contains(&written.value.as_str()) {
        let tools = Uses::ALL.into_iter().filter(|uses| uses.is_tool()).map(Uses::as_str);
        let help = crate::diag::suggestion(&written.value, tools.chain(SINKS));
        d.bad_value(written.span, format!("`{}` is no place that values flow to", written.value), help);
    }
    Some(written)
}

pub(super) fn secrets(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Section<SecretRule>> {
    let entries = d.entries(slot)?;
    let rules = entries.iter().filter_map(|entry| {
        let verdict = d.word(Slot::of(entry), VERDICTS)?;
        Some(SecretRule { name: entry.key.clone(), verdict })
    });
    Some(Section { span: slot.value.span, rules: rules.collect() })
}

pub(super) fn mcp(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<McpRules> {
    let fields = d.fields(slot, &MCP)?;
    let servers = fields.get("servers").and_then(|slot| d.strings(slot)).unwrap_or_default();
    let mut tools = Vec::new();
    if let Some(slot) = fields.get("tools") {
        for entry in d.entries(slot).unwrap_or_default() {
            let names = d.strings(Slot::of(entry)).unwrap_or_default();
            tools.push(McpServerTools { server: entry.key.clone(), tools: names });
        }
    }
    for listed in &tools {
        if !servers.iter().any(|server| server.value == listed.server.value) {
            let message =
                format!("`tools` names the server `{}`, and `servers` does not", listed.server.value);
            let help =
                crate::diag::suggestion(&listed.server.value, servers.iter().map(|s| s.value.as_str()));
            d.bad_value(listed.server.span, message, help);
        }
    }
    Some(McpRules { span: fields.span, servers, tools })
}

pub(super) fn redact(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Section<RedactRule>> {
    let items = d.items(slot)?;
    let rules = items.into_iter().filter_map(|item| {
        let fields = d.fields(item, &REDACT)?;
        let name = fields.get("name").and_then(|slot| d.filled_string(slot));
        let pattern = fields.get("pattern").and_then(|slot| d.filled_string(slot));
        Some(RedactRule { name: name?, pattern: pattern? })
    });
    Some(Section { span: slot.value.span, rules: rules.collect() })
}

pub(super) fn limits(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<LimitRules> {
    let fields = d.fields(slot, &LIMITS)?;
    let count = |d: &mut Decoder<'_>, key: &str, least: u64| {
        fields.get(key).and_then(|slot| d.integer(slot, least..=u64::from(u32::MAX)))
    };
    let size = |d: &mut Decoder<'_>, key: &str| fields.get(key).and_then(|slot| d.size(slot));
    Some(LimitRules {
        span: fields.span,
        tool_calls: count(d, "tool_calls", 1),
        patch_bytes: size(d, "patch_bytes"),
        patch_files: count(d, "patch_files", 0),
        read_bytes: size(d, "read_bytes"),
    })
}

pub(super) fn approvals(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ApprovalRules> {
    let fields = d.fields(slot, &APPROVALS)?;
    let approvers = fields.get("approvers").and_then(|slot| d.strings(slot));
    for key in approvers.iter().flatten() {
        if key.value != "local" && key.value.strip_prefix("ed25519:").is_none_or(str::is_empty) {
            let message = format!("`{}` is no public key", key.value);
            let help = "write it like `ed25519:…`, or `local` for the key of the installation that runs it";
            d.bad_value(key.span, message, Some(help.to_owned()));
        }
    }
    Some(ApprovalRules {
        span: fields.span,
        ttl: fields.get("ttl").and_then(|slot| d.positive_duration(slot)),
        quorum: fields.get("quorum").and_then(|slot| d.count(slot, 1)),
        separate: fields.get("separate").and_then(|slot| d.boolean(slot)),
        approvers,
    })
}
