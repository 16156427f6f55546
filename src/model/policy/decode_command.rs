//! `commands` and `sandbox`, read from their trees.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, codes};
use crate::document::{Entry, Value};
use crate::model::decode::{Decoder, Fields, OwnKeys, Shape, Slot};
use crate::source::Located;

use super::{
    ArgPattern, CacheMode, CacheRule, CommandRule, EnvRule, Examples, ExecLimitRules, FlagRule, FlagValue,
    GitAccess, NetworkRule, SandboxModeRule, SandboxRule, Section, WorkspaceRule,
};

const COMMAND: Shape = Shape {
    what: "a command",
    keys: &[
        "name",
        "description",
        "program",
        "args",
        "flags",
        "passthrough",
        "examples",
        "runs_workspace_code",
        "sandbox",
    ],
    required: &["name", "program", "args"],
    own: OwnKeys::Refused,
};
const EXAMPLES: Shape =
    Shape { what: "`examples`", keys: &["match", "not_match"], required: &[], own: OwnKeys::Refused };
const SANDBOX: Shape = Shape {
    what: "the sandbox of a command",
    keys: &["workspace", "cache", "unsafe_write", "network", "git", "env", "limits"],
    required: &[],
    own: OwnKeys::Refused,
};
const SANDBOX_OF_ALL: Shape = Shape {
    what: "`sandbox`",
    keys: &["mode", "require", "workspace", "cache", "unsafe_write", "network", "git", "env", "limits"],
    required: &[],
    own: OwnKeys::Refused,
};
const CACHE: Shape =
    Shape { what: "`cache`", keys: &["folders", "mode"], required: &[], own: OwnKeys::Refused };
const ENV: Shape = Shape { what: "`env`", keys: &["pass", "set"], required: &[], own: OwnKeys::Refused };
const LIMITS: Shape = Shape {
    what: "the limits of a command",
    keys: &["wall", "cpu", "memory", "processes", "output", "workspace_bytes"],
    required: &[],
    own: OwnKeys::Refused,
};

/// What may be required beyond the walls of `strict`.
const REQUIRABLE: [&str; 3] = ["memory_cgroup", "pids_cgroup", "landlock_net"];

const FLAG_VALUES: &[(&str, ValueKind)] = &[
    ("none", ValueKind::None),
    ("string", ValueKind::String),
    ("path", ValueKind::Path),
    ("int", ValueKind::Int),
];

#[derive(Debug, Clone, Copy)]
enum ValueKind {
    None,
    String,
    Path,
    Int,
}

pub(super) fn commands(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Section<CommandRule>> {
    let items = d.items(slot)?;
    let rules: Vec<CommandRule> = items.into_iter().filter_map(|item| command(d, item)).collect();
    for (at, rule) in rules.iter().enumerate() {
        if let Some(first) = rules[..at].iter().find(|first| first.name == rule.name) {
            let message = format!("two commands are named `{}`", rule.name.value);
            let found = Diagnostic::new(codes::BAD_VALUE, rule.name.span, message);
            d.report(found.label(first.name.span, "the first").help("rename one of the two"));
        }
    }
    Some(Section { span: slot.value.span, rules })
}

fn command(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<CommandRule> {
    let fields = d.fields(slot, &COMMAND)?;
    let name = fields.get("name").and_then(|slot| d.filled_string(slot));
    let program = fields.get("program").and_then(|slot| program(d, slot));
    let args = fields.get("args").and_then(|slot| args(d, slot)).unwrap_or_default();
    let flags = fields.get("flags").and_then(|slot| flag_rules(d, slot)).unwrap_or_default();
    let passthrough = fields.get("passthrough").and_then(|slot| flag_rules(d, slot)).unwrap_or_default();
    Some(CommandRule {
        span: fields.span,
        description: fields.get("description").and_then(|slot| d.string(slot)),
        args,
        flags,
        passthrough,
        examples: fields.get("examples").and_then(|slot| examples(d, slot)).unwrap_or_default(),
        runs_workspace_code: fields.get("runs_workspace_code").and_then(|slot| d.boolean(slot)),
        sandbox: fields.get("sandbox").and_then(|slot| sandbox(d, slot, &SANDBOX)).unwrap_or_default(),
        name: name?,
        program: program?,
    })
}

/// A bare name: what is looked up in toolchains and system folders.
fn program(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Located<String>> {
    let program = d.filled_string(slot)?;
    let plain = program.value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    if !plain || program.value.starts_with(['.', '-']) {
        let last = program.value.rsplit('/').next().unwrap_or_default();
        let help = if last.is_empty() { None } else { Some(format!("write `{last}`")) };
        let message = format!("`{}` is not the bare name of a program", program.value);
        d.bad_value(program.span, message, help);
        return None;
    }
    Some(program)
}

fn args(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<ArgPattern>> {
    let items = d.items(slot)?;
    Some(items.into_iter().filter_map(|item| arg_pattern(d, item)).collect())
}

fn arg_pattern(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ArgPattern> {
    let elements = d.strings(slot)?;
    let last = elements.len().saturating_sub(1);
    for (at, element) in elements.iter().enumerate() {
        if element.value == "..." && at != last {
            let message = "`...` is any tail, and something follows it";
            d.bad_value(element.span, message, Some("move `...` to the end, or write `*`".to_owned()));
        } else if element.value.is_empty() || element.value == "--" {
            let message = format!("`{}` cannot be an element of a pattern", element.value);
            let help = "name the flags that may follow `--` in `passthrough`".to_owned();
            d.bad_value(element.span, message, Some(help));
        }
    }
    Some(ArgPattern { span: slot.value.span, elements })
}

fn flag_rules(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<FlagRule>> {
    let entries = d.entries(slot)?;
    Some(entries.iter().filter_map(|entry| flag(d, entry)).collect())
}

fn flag(d: &mut Decoder<'_>, entry: &Entry) -> Option<FlagRule> {
    let flag = &entry.key;
    let bare = flag.value.trim_start_matches('-');
    if !flag.value.starts_with('-') || bare.is_empty() || flag.value.contains(['=', ' ']) {
        let message = format!("`{}` is no flag", flag.value);
        let name = bare.split(['=', ' ']).next().unwrap_or_default();
        let dashes = if name.chars().count() == 1 { "-" } else { "--" };
        let help = (!name.is_empty()).then(|| format!("write `{dashes}{name}`"));
        d.bad_value(flag.span, message, help);
    }
    let value = flag_value(d, entry)?;
    Some(FlagRule { flag: flag.clone(), value })
}

fn flag_value(d: &mut Decoder<'_>, entry: &Entry) -> Option<Located<FlagValue>> {
    let slot = Slot::of(entry);
    if let Value::List(_) = slot.value.value {
        let words = d.strings(slot)?;
        let words = words.into_iter().map(|word| word.value).collect();
        return Some(Located::new(FlagValue::OneOf(words), slot.value.span));
    }
    let kind = d.word(slot, FLAG_VALUES)?;
    Some(kind.map(|kind| match kind {
        ValueKind::None => FlagValue::None,
        ValueKind::String => FlagValue::String,
        ValueKind::Path => FlagValue::Path,
        ValueKind::Int => FlagValue::Int,
    }))
}

fn examples(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Examples> {
    let fields = d.fields(slot, &EXAMPLES)?;
    Some(Examples {
        matching: fields.get("match").and_then(|slot| command_lines(d, slot)).unwrap_or_default(),
        not_matching: fields.get("not_match").and_then(|slot| command_lines(d, slot)).unwrap_or_default(),
    })
}

/// Command lines: a string is split at white space, a list is taken as it is.
fn command_lines(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<Located<Vec<String>>>> {
    let items = d.items(slot)?;
    let lines = items.into_iter().filter_map(|item| {
        if let Value::List(_) = item.value.value {
            let words = d.strings(item)?.into_iter().map(|word| word.value).collect();
            return Some(Located::new(words, item.value.span));
        }
        let line = d.filled_string(item)?;
        Some(line.map(|line| line.split_whitespace().map(str::to_owned).collect()))
    });
    Some(lines.collect())
}

pub(super) fn sandbox_of_all(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<SandboxRule> {
    sandbox(d, slot, &SANDBOX_OF_ALL)
}

fn sandbox(d: &mut Decoder<'_>, slot: Slot<'_>, shape: &Shape) -> Option<SandboxRule> {
    let fields = d.fields(slot, shape)?;
    let word = |key| fields.get(key);
    Some(SandboxRule {
        span: Some(fields.span),
        mode: word("mode").and_then(|slot| {
            d.word(slot, &[("strict", SandboxModeRule::Strict), ("best_effort", SandboxModeRule::BestEffort)])
        }),
        require: required_layers(d, &fields),
        workspace: word("workspace").and_then(|slot| {
            let words = [
                ("overlay", WorkspaceRule::Overlay),
                ("copy", WorkspaceRule::Copy),
                ("direct", WorkspaceRule::Direct),
            ];
            d.word(slot, &words)
        }),
        cache: word("cache").and_then(|slot| cache(d, slot)),
        unsafe_write: word("unsafe_write").and_then(|slot| folders(d, slot)),
        network: word("network")
            .and_then(|slot| d.word(slot, &[("deny", NetworkRule::Deny), ("allow", NetworkRule::Allow)])),
        git: word("git")
            .and_then(|slot| d.word(slot, &[("hidden", GitAccess::Hidden), ("read", GitAccess::Read)])),
        env: word("env").and_then(|slot| env(d, slot)),
        limits: word("limits").and_then(|slot| exec_limits(d, slot)),
    })
}

fn required_layers(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Vec<Located<String>> {
    let words = REQUIRABLE.map(|layer| (layer, layer));
    let Some(items) = fields.get("require").and_then(|slot| d.items(slot)) else { return Vec::new() };
    items.into_iter().filter_map(|item| d.word(item, &words)).map(|w| w.map(str::to_owned)).collect()
}

fn cache(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<CacheRule> {
    let fields = d.fields(slot, &CACHE)?;
    let words = [("seed", CacheMode::Seed), ("run", CacheMode::Run), ("shared", CacheMode::Shared)];
    Some(CacheRule {
        span: fields.span,
        folders: fields.get("folders").and_then(|slot| folders(d, slot)),
        mode: fields.get("mode").and_then(|slot| d.word(slot, &words)),
    })
}

/// Literal folders beneath the workspace.
fn folders(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<Vec<Located<String>>> {
    let folders = d.strings(slot)?;
    for folder in &folders {
        let name = folder.value.as_str();
        let parts_plain = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !parts_plain || name.starts_with('~') || name.contains(['*', '?', '[', '{']) {
            let message = format!("`{name}` is not a literal folder of the workspace");
            let help = "write its path without globs, `..` and a leading `/`".to_owned();
            d.bad_value(folder.span, message, Some(help));
        }
    }
    Some(folders)
}

fn env(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<EnvRule> {
    let fields = d.fields(slot, &ENV)?;
    let pass = fields.get("pass").and_then(|slot| d.strings(slot));
    for name in pass.iter().flatten() {
        check_variable(d, name);
    }
    let mut set = BTreeMap::new();
    if let Some(slot) = fields.get("set") {
        for entry in d.entries(slot).unwrap_or_default() {
            check_variable(d, &entry.key);
            if let Some(value) = d.string(Slot::of(entry)) {
                set.insert(entry.key.value.clone(), value);
            }
        }
    }
    Some(EnvRule { span: fields.span, pass, set })
}

fn check_variable(d: &mut Decoder<'_>, name: &Located<String>) {
    let text = name.value.as_str();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if text.is_empty() || !plain || text.starts_with(|c: char| c.is_ascii_digit()) {
        d.bad_value(name.span, format!("`{text}` is no name of a variable"), None);
    } else if is_reserved_variable(text) {
        let message = format!("`{text}` is a variable that only the runner sets: it can run other code");
        d.bad_value(name.span, message, Some("remove it".to_owned()));
    }
}

/// Variables that choose what is run, loaded or read: no rule and no call sets them.
pub fn is_reserved_variable(name: &str) -> bool {
    const PREFIXES: [&str; 5] = ["LD_", "DYLD_", "GIT_", "LGFLOW_", "BASH_FUNC_"];
    const NAMES: [&str; 28] = [
        "PATH",
        "HOME",
        "SHELL",
        "IFS",
        "ENV",
        "BASH_ENV",
        "PYTHONSTARTUP",
        "PYTHONPATH",
        "PYTHONHOME",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5OPT",
        "PERL5LIB",
        "RUBYOPT",
        "RUBYLIB",
        "JAVA_TOOL_OPTIONS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "GOFLAGS",
        "GOTOOLCHAIN",
        "GOROOT",
        "RIPGREP_CONFIG_PATH",
        "GCONV_PATH",
    ];
    let upper = name.to_ascii_uppercase();
    NAMES.contains(&upper.as_str()) || PREFIXES.iter().any(|prefix| upper.starts_with(prefix))
}

fn exec_limits(d: &mut Decoder<'_>, slot: Slot<'_>) -> Option<ExecLimitRules> {
    let fields = d.fields(slot, &LIMITS)?;
    Some(ExecLimitRules {
        wall: fields.get("wall").and_then(|slot| d.positive_duration(slot)),
        cpu: fields.get("cpu").and_then(|slot| d.positive_duration(slot)),
        memory: fields.get("memory").and_then(|slot| d.size(slot)),
        processes: fields.get("processes").and_then(|slot| d.integer(slot, 1..=u64::from(u32::MAX))),
        output: fields.get("output").and_then(|slot| d.size(slot)),
        workspace_bytes: fields.get("workspace_bytes").and_then(|slot| d.size(slot)),
    })
}
