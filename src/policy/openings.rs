//! What layers open and what they close, field by field, so that two policies can be compared: does the second widen
//! the first? Where it cannot tell, it says that it does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole, is_beneath};
use crate::source::Sources;

use super::Decision;
use super::load::load;

/// The sections that a ceiling may lack, and then leaves open.
const SECTIONS: [&str; 8] =
    ["tools", "toolchains", "commands", "network", "secrets", "mcp", "approvals", "sandbox"];
/// The accesses of `paths`, each of which a ceiling leaves open by listing nothing that it allows.
const ACCESSES: [&str; 3] = ["read", "write", "binary"];

/// One way in which layers are wider than others. Ordered by what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Widening {
    /// They open this as well: `tools.exec: allow`.
    Opens(String),
    /// They do not close this: `paths.read[**/*.pem]: deny`.
    NotClosed(String),
    /// Their bound is higher, or they have none.
    Bound {
        /// `limits.patch_bytes`
        name: String,
        /// The bound of the narrower side.
        narrow: u64,
        /// The bound of the wider side.
        wide: Option<u64>,
    },
    /// A ceiling of theirs lacks a section, and so leaves it open.
    Unwritten(String),
    /// They lack a ceiling.
    NoCeiling(String),
}

impl Widening {
    /// It as what became wider.
    pub fn widened(&self) -> String {
        match self {
            Self::Opens(fact) => fact.clone(),
            Self::NotClosed(fact) => format!("without {fact}"),
            Self::Bound { name, narrow, wide: Some(wide) } => format!("{name}: {wide} instead of {narrow}"),
            Self::Bound { name, wide: None, .. } => format!("{name} without a bound"),
            Self::Unwritten(section) => format!("without `{section}`"),
            Self::NoCeiling(name) => format!("without the ceiling `{name}`"),
        }
    }

    /// It, seen from the other side, as what became narrower.
    pub fn narrowed(&self) -> String {
        match self {
            Self::Opens(fact) => format!("without {fact}"),
            Self::NotClosed(fact) => fact.clone(),
            Self::Bound { name, narrow, wide: Some(wide) } => format!("{name}: {narrow} instead of {wide}"),
            Self::Bound { name, narrow, wide: None } => format!("{name}: {narrow}"),
            Self::Unwritten(section) => format!("with `{section}`, and what it does not list is denied"),
            Self::NoCeiling(name) => format!("with the ceiling `{name}`"),
        }
    }

    /// What the wider side says of it where the narrower one is stricter.
    pub fn allows(&self) -> Decision {
        match self {
            Self::Opens(fact) if fact.ends_with(": ask") => Decision::Ask,
            _ => Decision::Allow,
        }
    }

    /// What the narrower side says of it where the wider one is less strict.
    pub fn denies(&self) -> Decision {
        match self {
            Self::NotClosed(fact) if fact.ends_with(": ask") => Decision::Ask,
            _ => Decision::Deny,
        }
    }
}

/// What the second layers allow that the first did not, each in words; empty where they widen nothing. Comments,
/// names, descriptions, examples and the order of lines are no difference.
///
/// # Errors
/// The findings of layers that are not valid.
pub fn widenings(old: &[FrozenLayer], new: &[FrozenLayer]) -> Result<Vec<String>, Diagnostics> {
    let found = wider(old, new)?;
    // what is allowed need not be asked about: told once
    let is_echo = |fact: &Widening| match fact {
        Widening::Opens(text) => text
            .strip_suffix(": ask")
            .is_some_and(|stem| found.contains(&Widening::Opens(format!("{stem}: allow")))),
        _ => false,
    };
    let said: BTreeSet<String> = found.iter().filter(|fact| !is_echo(fact)).map(Widening::widened).collect();
    Ok(said.into_iter().collect())
}

/// In what the second layers are wider than the first.
///
/// # Errors
/// The findings of layers that are not valid.
pub fn wider(old: &[FrozenLayer], new: &[FrozenLayer]) -> Result<Vec<Widening>, Diagnostics> {
    let (old, new) = (sides(old)?, sides(new)?);
    let mut found = BTreeSet::new();
    if let Some((_, new_grant)) = &new.grant {
        let nothing = Openings::default();
        new_grant.beyond(old.grant.as_ref().map_or(&nothing, |(_, grant)| grant), &mut found);
    }
    for old in &old.ceilings {
        match new.ceilings.iter().find(|new| new.name == old.name && new.covers(old)) {
            Some(new) => new.openings.beyond(&old.openings, &mut found),
            None => {
                found.insert(Widening::NoCeiling(old.shown()));
            }
        }
    }
    Ok(found.into_iter().collect())
}

struct Sides {
    grant: Option<(String, Openings)>,
    ceilings: Vec<Ceiling>,
}

struct Ceiling {
    name: String,
    within: BTreeSet<String>,
    openings: Openings,
}

impl Ceiling {
    /// Does it bind every call that the other one binds?
    fn covers(&self, other: &Self) -> bool {
        let binds = |node: &String| self.within.contains(node) || is_beneath(node, &self.within);
        self.within.is_empty() || (!other.within.is_empty() && other.within.iter().all(binds))
    }

    fn shown(&self) -> String {
        if self.within.is_empty() {
            return self.name.clone();
        }
        let nodes: Vec<&str> = self.within.iter().map(String::as_str).collect();
        format!("{}` within `{}", self.name, nodes.join("`, `"))
    }
}

fn sides(layers: &[FrozenLayer]) -> Result<Sides, Diagnostics> {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let mut sides = Sides { grant: None, ceilings: Vec::new() };
    for layer in layers {
        let Some(loaded) = load(layer, &mut sources, &mut diagnostics) else { continue };
        let mut openings = Openings::default();
        for content in &loaded.contents {
            openings.read(content);
        }
        if layer.role == LayerRole::Grant {
            sides.grant = Some((layer.name.clone(), openings));
        } else {
            openings.leave_open(&loaded.contents);
            let (name, within) = (layer.name.clone(), layer.within.clone());
            sides.ceilings.push(Ceiling { name, within, openings });
        }
    }
    if diagnostics.has_errors() { Err(diagnostics) } else { Ok(sides) }
}

/// Facts about a layer, as text. More of `opens` and less of `closes` is wider, and so is a higher bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Openings {
    opens: BTreeSet<String>,
    closes: BTreeSet<String>,
    bounds: BTreeMap<String, u64>,
    /// Sections of a ceiling that are not written, and so leave everything open.
    unwritten: BTreeSet<String>,
}

impl Openings {
    /// What this opens beyond `old`.
    fn beyond(&self, old: &Openings, found: &mut BTreeSet<Widening>) {
        let section = |fact: &str| {
            let is_path = fact.starts_with("paths.");
            let name = fact.split(|c| c == '[' || (c == '.' && !is_path)).next();
            name.unwrap_or_default().to_owned()
        };
        let new = self.opens.difference(&old.opens);
        let new = new.filter(|fact| !old.unwritten.contains(&section(fact))).cloned();
        found.extend(new.map(Widening::Opens));
        found.extend(old.closes.difference(&self.closes).cloned().map(Widening::NotClosed));
        for (name, &narrow) in &old.bounds {
            let wide = self.bounds.get(name).copied();
            if wide.is_none_or(|wide| wide > narrow) {
                found.insert(Widening::Bound { name: name.clone(), narrow, wide });
            }
        }
        found.extend(self.unwritten.difference(&old.unwritten).cloned().map(Widening::Unwritten));
    }

    fn leave_open(&mut self, contents: &[Value]) {
        let complete = contents.first().and_then(|own| own.get("complete")) == Some(&Value::Bool(true));
        let written = |section: &str| contents.iter().any(|content| content.get(section).is_some());
        let unwritten = SECTIONS.into_iter().filter(|section| !complete && !written(section));
        let lists = |access: &str| {
            let allow = |content: &Value| content.pointer(&format!("/paths/{access}/allow")).is_some();
            contents.iter().any(allow)
        };
        let open = ACCESSES.into_iter().filter(|access| !complete && !lists(access));
        self.unwritten =
            unwritten.map(str::to_owned).chain(open.map(|access| format!("paths.{access}"))).collect();
    }

    fn open(&mut self, fact: impl Into<String>) {
        self.opens.insert(fact.into());
    }

    fn close(&mut self, fact: impl Into<String>) {
        self.closes.insert(fact.into());
    }

    /// A bound that is the stricter the lower.
    fn bound(&mut self, name: &str, value: Option<&Value>) {
        let Some(value) = value.and_then(amount) else { return };
        let bound = self.bounds.entry(name.to_owned()).or_insert(value);
        *bound = value.min(*bound);
    }

    /// `allow` opens more than `ask`, and `deny` closes more.
    fn verdict(&mut self, fact: &str, verdict: &str) {
        match verdict {
            "allow" => self.opens.extend([format!("{fact}: ask"), format!("{fact}: allow")]),
            "ask" => {
                self.open(format!("{fact}: ask"));
                self.close(format!("{fact}: ask"));
            }
            _ => self.closes.extend([format!("{fact}: ask"), format!("{fact}: deny")]),
        }
    }

    fn read(&mut self, policy: &Value) {
        for (tool, verdict) in entries(policy.get("tools")) {
            self.verdict(&format!("tools.{tool}"), text(verdict));
        }
        for (name, verdict) in entries(policy.get("secrets")) {
            self.verdict(&format!("secrets.{name}"), text(verdict));
        }
        for (access, lists) in entries(policy.get("paths")) {
            for (verdict, globs) in entries(Some(lists)) {
                for glob in items(Some(globs)) {
                    self.verdict(&format!("paths.{access}[{}]", text(glob)), verdict);
                }
            }
        }
        for flow in items(policy.get("flows")) {
            let fact = format!("flows[{} -> {}]", word(flow, "from"), word(flow, "to"));
            self.verdict(&fact, word(flow, "verdict"));
        }
        self.lists(policy);
        for rule in items(policy.get("network")) {
            self.network(rule);
        }
        for command in items(policy.get("commands")) {
            self.command(command);
        }
        if let Some(sandbox) = policy.get("sandbox") {
            self.sandbox("sandbox", sandbox);
            for (key, _) in entries(Some(sandbox)).filter(|(key, _)| *key != "mode") {
                self.close(format!("sandbox.{key} for all commands"));
            }
        }
        for (name, value) in entries(policy.get("limits")) {
            self.bound(&format!("limits.{name}"), Some(value));
        }
        self.approvals(policy.get("approvals"));
    }

    fn lists(&mut self, policy: &Value) {
        for name in items(policy.get("toolchains")) {
            self.open(format!("toolchains.{}", text(name)));
        }
        for (server, tools) in entries(policy.get("mcp").and_then(|mcp| mcp.get("tools"))) {
            for tool in items(Some(tools)) {
                self.open(format!("mcp.{server}.{}", text(tool)));
            }
        }
        for rule in items(policy.get("redact")) {
            self.close(format!("redact[{}]", word(rule, "pattern")));
        }
    }

    fn network(&mut self, rule: &Value) {
        let origin = format!("network[{}]", word(rule, "origin"));
        let or_all = |key: &str| {
            let listed: Vec<&str> = items(rule.get(key)).iter().map(text).collect();
            if listed.is_empty() { vec!["*"] } else { listed }
        };
        for method in or_all("methods") {
            for path in or_all("paths") {
                self.open(format!("{origin} {method} {path}"));
            }
        }
        for header in items(rule.get("headers")) {
            self.open(format!("{origin} header {}", text(header)));
        }
        self.bound(&format!("{origin}.max_out"), rule.get("max_out"));
        self.bound(&format!("{origin}.max_requests"), rule.get("max_requests"));
    }

    /// A command is as wide as the product of its patterns and its flags.
    fn command(&mut self, command: &Value) {
        let program = word(command, "program");
        for pattern in items(command.get("args")) {
            let words: Vec<&str> = items(Some(pattern)).iter().map(text).collect();
            let line = format!("commands[{program} {}]", words.join(" "));
            self.open(line.clone());
            for key in ["flags", "passthrough"] {
                for (flag, kind) in entries(command.get(key)) {
                    self.open(format!("{line}.{key} {flag} {kind}"));
                }
            }
            if command.get("runs_workspace_code") != Some(&Value::Bool(false)) {
                self.open(format!("{line} runs code of the workspace"));
            }
            if let Some(sandbox) = command.get("sandbox") {
                self.sandbox(&line, sandbox);
            }
        }
    }

    fn sandbox(&mut self, whose: &str, sandbox: &Value) {
        self.steps(whose, &["strict", "best_effort"], word(sandbox, "mode"));
        self.steps(whose, &["overlay", "copy", "direct"], word(sandbox, "workspace"));
        self.steps(
            whose,
            &["network: deny", "network: allow"],
            &format!("network: {}", word(sandbox, "network")),
        );
        self.steps(whose, &["git: hidden", "git: read"], &format!("git: {}", word(sandbox, "git")));
        for wall in items(sandbox.get("require")) {
            self.close(format!("{whose} require {}", text(wall)));
        }
        if let Some(cache) = sandbox.get("cache") {
            let mode = cache.get("mode").map_or("seed", text);
            self.steps(whose, &["none", "seed", "run", "shared"], mode);
            for folder in items(cache.get("folders")) {
                self.open(format!("{whose} cache {}", text(folder)));
            }
        }
        for folder in items(sandbox.get("unsafe_write")) {
            self.open(format!("{whose} unsafe_write {}", text(folder)));
        }
        let env = sandbox.get("env");
        for name in items(env.and_then(|env| env.get("pass"))) {
            self.open(format!("{whose} env.pass {}", text(name)));
        }
        for (name, value) in entries(env.and_then(|env| env.get("set"))) {
            self.open(format!("{whose} env.set {name}={}", text(value)));
        }
        for (name, value) in entries(sandbox.get("limits")) {
            self.bound(&format!("{whose} limits.{name}"), Some(value));
        }
    }

    /// A word of an ordered list opens itself and all stricter ones before it, the strictest excepted.
    fn steps(&mut self, whose: &str, order: &[&str], word: &str) {
        let reached = order.iter().position(|step| *step == word).unwrap_or(0);
        self.opens.extend(order.iter().skip(1).take(reached).map(|step| format!("{whose} {step}")));
    }

    fn approvals(&mut self, approvals: Option<&Value>) {
        let Some(approvals) = approvals else { return };
        for key in items(approvals.get("approvers")) {
            self.open(format!("approvals.approvers {}", text(key)));
        }
        self.bound("approvals.ttl", approvals.get("ttl"));
        for count in 2..=approvals.get("quorum").and_then(Value::as_u64).unwrap_or(1).min(64) {
            self.close(format!("approvals.quorum {count}"));
        }
        if approvals.get("separate") == Some(&Value::Bool(true)) {
            self.close("approvals.separate");
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).map(text).unwrap_or_default()
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// A number, a size or a duration, in its smallest unit.
fn amount(value: &Value) -> Option<u64> {
    let text = match value {
        Value::String(text) => text,
        other => return other.as_u64(),
    };
    let size = crate::model::parse_size(text);
    size.or_else(|| crate::model::parse_duration(text).map(|time| time.as_millis() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(paths: &str) -> Vec<FrozenLayer> {
        let layer = |name: &str, role, rest: &str| FrozenLayer {
            name: name.to_owned(),
            role,
            text: format!("schema: lgflow.policy/v1\nname: x\n{rest}\n"),
            syntax: "yaml".to_owned(),
            includes: Vec::new(),
            within: BTreeSet::new(),
        };
        vec![layer("grant", LayerRole::Grant, ""), layer("ceiling", LayerRole::Ceiling, paths)]
    }

    #[test]
    fn a_ceiling_that_lists_nothing_for_an_access_leaves_it_open() {
        for (old, new, found) in [
            ("paths: { write: { allow: [a] } }", "paths: { write: {} }", "without `paths.write`"),
            ("paths: { binary: { allow: [] } }", "paths: {}", "without `paths.binary`"),
            ("paths: { read: { allow: [a] } }", "", "without `paths.read`"),
            ("complete: true\npaths: {}", "paths: {}", "without `paths.read`"),
            (
                "paths: { write: { allow: [a] } }",
                "paths: { write: { allow: [a, b] } }",
                "paths.write[b]: allow",
            ),
        ] {
            let said = widenings(&layers(old), &layers(new)).unwrap();
            assert!(said.iter().any(|one| one == found), "{old} -> {new}: {said:?}");
            let back = widenings(&layers(new), &layers(old)).unwrap();
            assert!(!back.iter().any(|one| one.contains("paths.")), "{new} -> {old}: {back:?}");
        }
    }
}
