//! One layer, compiled: a policy with what it includes, each rule with its place. Knows no other layer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::approval::Approver;
use crate::effect::{LayerRole, RuleRef, WebAddress};
use crate::model::Policy;
use crate::model::policy::{
    CommandRule, FlowRule, PathLists, PathRuleSet, RuleVerdict, SandboxRule, Section,
};
use crate::source::{Sources, Span};

use super::flows::Flow;
use super::grammar::Grammar;
use super::{Change, Decision, PathRule, Reason};

/// A policy file of a layer: the layer's own, or one that it includes.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// As named: what `RuleRef::file` says.
    pub(super) file: String,
    pub(super) policy: Policy,
}

/// A layer. Sections are merged over its parts: lists are joined, and what two parts say of one thing meets.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// What reasons call it: its file, and its role where another layer of the run has the same file.
    pub(super) name: String,
    /// Its own file, as named.
    pub(super) file: String,
    pub(super) role: LayerRole,
    /// The nodes whose graph names it, where it binds their calls alone.
    pub(super) within: BTreeSet<String>,
    /// Does what is not written deny? Of the grant always.
    pub(super) complete: bool,
    pub(super) tools: Option<BTreeMap<String, Vec<(Decision, RuleRef)>>>,
    pub(super) read: Option<PathRule>,
    pub(super) write: Option<PathRule>,
    pub(super) binary: Option<PathRule>,
    pub(super) toolchains: Option<Vec<String>>,
    pub(super) commands: Option<Vec<Command>>,
    pub(super) network: Option<Vec<Origin>>,
    pub(super) mcp: Option<BTreeMap<String, Vec<String>>>,
    pub(super) secrets: Option<BTreeMap<String, Decision>>,
    pub(super) flows: Vec<Flow>,
    /// Names and regular expressions.
    pub(super) redact: Vec<(String, String)>,
    pub(super) sandbox: Vec<(SandboxRule, RuleRef)>,
    pub(super) limits: Limits,
    pub(super) approvals: Approvals,
}

/// What a layer says of approvals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Approvals {
    pub(super) ttl: Option<Duration>,
    pub(super) quorum: Option<u32>,
    pub(super) separate: bool,
    /// A key that cannot be read is nobody's.
    pub(super) approvers: Option<BTreeSet<Approver>>,
}

/// What a layer holds, without its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerOutline {
    /// As reasons name it.
    pub name: String,
    /// Grant or ceiling.
    pub role: LayerRole,
    /// The nodes whose graph names it, where it binds their calls alone.
    pub within: BTreeSet<String>,
    /// Does what is not written deny?
    pub complete: bool,
    /// The sections that it has, its includes counted.
    pub sections: Vec<&'static str>,
    /// Its command rules: name and program.
    pub commands: Vec<(String, String)>,
}

/// A command rule, compiled.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) rule: RuleRef,
    pub(super) program: String,
    pub(super) grammar: Grammar,
    /// As its author wrote it.
    pub(super) source: CommandRule,
    pub(super) runs_workspace_code: bool,
    pub(super) sandbox: SandboxRule,
}

/// A network rule, compiled.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "the field is the word of the policy language")]
pub(super) struct Origin {
    pub(super) rule: RuleRef,
    /// In its one form, or with a `*`.
    pub(super) origin: String,
    pub(super) methods: Vec<String>,
    pub(super) paths: Option<globset::GlobSet>,
    /// Names of headers, in small letters.
    pub(super) headers: Vec<String>,
    pub(super) max_out: Option<u64>,
    pub(super) max_requests: Option<u64>,
}

/// Bounds that a layer states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) tool_calls: Option<u64>,
    pub(super) patch_bytes: Option<u64>,
    pub(super) patch_files: Option<u64>,
    pub(super) read_bytes: Option<u64>,
}

impl Layer {
    /// Compiles the parts of a layer, the layer's own policy first. The parts have been checked: a pattern that is
    /// none here is left out of what allows, and turns what denies into a denial of everything.
    pub(super) fn new(name: &str, role: LayerRole, parts: &[Part], sources: &Sources) -> Self {
        let build = Builder { layer: name, parts, sources };
        let own = parts.first();
        let file = own.map(|part| part.file.clone()).unwrap_or_default();
        let complete = role == LayerRole::Grant
            || own.is_some_and(|part| part.policy.complete.as_ref().is_some_and(|c| c.value));
        Self {
            name: name.to_owned(),
            file,
            role,
            within: BTreeSet::new(),
            complete,
            tools: build.tools(),
            read: build.paths(Access::Read, complete),
            write: build.paths(Access::Write, complete),
            binary: build.paths(Access::Binary, complete),
            toolchains: build.toolchains(),
            commands: build.commands(),
            network: build.network(),
            mcp: build.mcp(),
            secrets: build.secrets(),
            flows: build.flows(),
            redact: build.redact(),
            sandbox: build.sandbox(),
            limits: build.limits(),
            approvals: build.approvals(),
        }
    }

    /// What it holds.
    pub(super) fn outline(&self) -> LayerOutline {
        let sections = [
            ("tools", self.tools.is_some()),
            ("paths.read", self.read.is_some()),
            ("paths.write", self.write.is_some()),
            ("paths.binary", self.binary.is_some()),
            ("toolchains", self.toolchains.is_some()),
            ("commands", self.commands.is_some()),
            ("network", self.network.is_some()),
            ("mcp", self.mcp.is_some()),
            ("secrets", self.secrets.is_some()),
            ("flows", !self.flows.is_empty()),
            ("redact", !self.redact.is_empty()),
            ("sandbox", !self.sandbox.is_empty()),
            ("limits", self.limits != Limits::default()),
        ];
        let commands = self.commands.iter().flatten();
        LayerOutline {
            name: self.name.clone(),
            role: self.role,
            within: self.within.clone(),
            complete: self.complete,
            sections: sections.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect(),
            commands: commands
                .map(|command| (command.source.name.value.clone(), command.program.clone()))
                .collect(),
        }
    }

    /// The rule that is the absence of one.
    pub(super) fn silence(&self, section: &str) -> RuleRef {
        let (layer, rule, file) = (self.name.clone(), section.to_owned(), self.file.clone());
        RuleRef { layer, rule, file, line: 0, column: 0 }
    }

    /// What the layer says where it has no such section: a denial if it is complete, else nothing. `change` is what
    /// would make it allow.
    pub(super) fn absence(&self, section: &str, what: &str, change: Change) -> Option<Reason> {
        self.complete.then(|| {
            let message = format!(
                "`{}` has no `{section}`, and what is not listed is denied; to allow {what}, add it to `{section}`",
                self.name
            );
            Reason::new(Decision::Deny, self.silence(section), message).altered_by(change)
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Binary,
}

impl Access {
    fn section(self) -> &'static str {
        match self {
            Access::Read => "paths.read",
            Access::Write => "paths.write",
            Access::Binary => "paths.binary",
        }
    }
}

struct Builder<'a> {
    layer: &'a str,
    parts: &'a [Part],
    sources: &'a Sources,
}

impl Builder<'_> {
    fn rule(&self, part: &Part, rule: String, span: Span) -> RuleRef {
        let at = self.sources.get(span.file).position(span.start);
        let (layer, file) = (self.layer.to_owned(), part.file.clone());
        RuleRef { layer, rule, file, line: at.line, column: at.column }
    }

    /// What the parts that have a section make of it, joined; `None` where no part has it.
    fn join<T, S>(
        &self,
        section: impl Fn(&Policy) -> Option<&S>,
        make: impl Fn(&Part, &S) -> Vec<T>,
    ) -> Option<Vec<T>> {
        let found: Vec<Vec<T>> = self
            .parts
            .iter()
            .filter_map(|part| section(&part.policy).map(|rules| make(part, rules)))
            .collect();
        (!found.is_empty()).then(|| found.into_iter().flatten().collect())
    }

    fn tools(&self) -> Option<BTreeMap<String, Vec<(Decision, RuleRef)>>> {
        let rules = self.join(
            |policy| policy.tools.as_ref(),
            |part, section| {
                let rules = section.rules.iter().map(|rule| {
                    let place = self.rule(part, format!("tools.{}", rule.tool.value), rule.tool.span);
                    (rule.tool.value.clone(), (decision(rule.verdict.value), place))
                });
                rules.collect()
            },
        )?;
        let mut tools: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (tool, rule) in rules {
            tools.entry(tool).or_default().push(rule);
        }
        Some(tools)
    }

    fn paths(&self, access: Access, complete: bool) -> Option<PathRule> {
        let key = access.section();
        let lists: Vec<(&Part, &PathLists)> =
            self.parts.iter().filter_map(|part| Some((part, lists_of(part, access)?))).collect();
        if lists.is_empty() {
            return None;
        }
        let (first, own) = lists[0];
        let silence = self.rule(first, key.to_owned(), own.span);
        let mut allow = Vec::new();
        let mut ask = Vec::new();
        let mut deny = Vec::new();
        for (part, lists) in &lists {
            let place = |list: &str, glob: &crate::source::Located<String>| {
                (glob.value.clone(), self.rule(part, format!("{key}.{list}"), glob.span))
            };
            allow.extend(lists.allow.iter().flatten().map(|glob| place("allow", glob)));
            ask.extend(lists.ask.iter().map(|glob| place("ask", glob)));
            deny.extend(lists.deny.iter().map(|glob| place("deny", glob)));
        }
        if !complete && lists.iter().all(|(_, lists)| lists.allow.is_none()) {
            allow.push(("**".to_owned(), silence.clone()));
        }
        let everything = [("**".to_owned(), silence.clone())];
        let rule = PathRule::new([&allow, &ask, &deny], silence.clone());
        let rule = rule.or_else(|_| PathRule::new([&[], &[], &everything], silence)).ok()?;
        Some(match self.parts.first() {
            Some(own) => rule.added_to(&own.file),
            None => rule,
        })
    }

    fn toolchains(&self) -> Option<Vec<String>> {
        self.join(
            |policy| policy.toolchains.as_ref(),
            |_, section| section.rules.iter().map(|name| name.value.clone()).collect(),
        )
    }

    fn commands(&self) -> Option<Vec<Command>> {
        self.join(
            |policy| policy.commands.as_ref(),
            |part, section| section.rules.iter().filter_map(|rule| self.command(part, rule)).collect(),
        )
    }

    fn command(&self, part: &Part, rule: &CommandRule) -> Option<Command> {
        Some(Command {
            rule: self.rule(part, format!("commands[{}]", rule.name.value), rule.name.span),
            program: rule.program.value.clone(),
            grammar: Grammar::new(rule).ok()?,
            source: rule.clone(),
            runs_workspace_code: rule.runs_workspace_code.as_ref().is_none_or(|runs| runs.value),
            sandbox: rule.sandbox.clone(),
        })
    }

    fn network(&self) -> Option<Vec<Origin>> {
        self.join(
            |policy| policy.network.as_ref(),
            |part, section| {
                let rules = section.rules.iter().filter_map(|rule| {
                    let texts: Vec<&str> = rule.paths.iter().map(|glob| glob.value.as_str()).collect();
                    let written = &rule.origin.value;
                    Some(Origin {
                        rule: self.rule(part, format!("network[{written}]"), rule.span),
                        origin: WebAddress::parse(written)
                            .map_or_else(|| written.clone(), |web| web.origin()),
                        methods: rule.methods.iter().map(|method| method.value.clone()).collect(),
                        paths: if texts.is_empty() { None } else { Some(glob_set(&texts)?) },
                        headers: rule
                            .headers
                            .iter()
                            .map(|header| header.value.to_ascii_lowercase())
                            .collect(),
                        max_out: rule.max_out.as_ref().map(|most| most.value),
                        max_requests: rule.max_requests.as_ref().map(|most| most.value),
                    })
                });
                rules.collect()
            },
        )
    }

    fn mcp(&self) -> Option<BTreeMap<String, Vec<String>>> {
        let servers = self.join(
            |policy| policy.mcp.as_ref(),
            |_, mcp| {
                let tools = mcp.tools.iter().map(|listed| {
                    let tools = listed.tools.iter().map(|tool| tool.value.clone()).collect();
                    (listed.server.value.clone(), tools)
                });
                tools.collect::<Vec<(String, Vec<String>)>>()
            },
        )?;
        Some(servers.into_iter().collect())
    }

    fn secrets(&self) -> Option<BTreeMap<String, Decision>> {
        let rules = self.join(
            |policy| policy.secrets.as_ref(),
            |_, section| {
                section
                    .rules
                    .iter()
                    .map(|rule| (rule.name.value.clone(), decision(rule.verdict.value)))
                    .collect()
            },
        )?;
        let mut secrets: BTreeMap<String, Decision> = BTreeMap::new();
        for (name, decision) in rules {
            let entry = secrets.entry(name).or_insert(decision);
            *entry = decision.max(*entry);
        }
        Some(secrets)
    }

    fn flows(&self) -> Vec<Flow> {
        let rules = |part: &Part, section: &Section<FlowRule>| {
            let place = |rule: &FlowRule| {
                let name = format!("flows[{} -> {}]", rule.from.value, rule.to.value);
                Flow::new(rule, self.rule(part, name, rule.from.span))
            };
            section.rules.iter().map(place).collect()
        };
        self.join(|policy| policy.flows.as_ref(), rules).unwrap_or_default()
    }

    fn redact(&self) -> Vec<(String, String)> {
        let rules = self.parts.iter().filter_map(|part| part.policy.redact.as_ref());
        let rules = rules.flat_map(|section| &section.rules);
        rules.map(|rule| (rule.name.value.clone(), rule.pattern.value.clone())).collect()
    }

    fn sandbox(&self) -> Vec<(SandboxRule, RuleRef)> {
        let rules = self.parts.iter().filter_map(|part| {
            let rule = part.policy.sandbox.clone()?;
            let place = self.rule(part, "sandbox".to_owned(), rule.span.unwrap_or(part.policy.span));
            Some((rule, place))
        });
        rules.collect()
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for rules in self.parts.iter().filter_map(|part| part.policy.limits.as_ref()) {
            let value = |limit: &Option<crate::source::Located<u64>>| limit.as_ref().map(|limit| limit.value);
            limits = limits.meet(Limits {
                tool_calls: value(&rules.tool_calls),
                patch_bytes: value(&rules.patch_bytes),
                patch_files: value(&rules.patch_files),
                read_bytes: value(&rules.read_bytes),
            });
        }
        limits
    }

    fn approvals(&self) -> Approvals {
        let mut said = Approvals::default();
        for rules in self.parts.iter().filter_map(|part| part.policy.approvals.as_ref()) {
            said.ttl = least(said.ttl, rules.ttl.as_ref().map(|ttl| ttl.value));
            said.quorum = said.quorum.max(rules.quorum.as_ref().map(|quorum| quorum.value));
            said.separate |= rules.separate.as_ref().is_some_and(|separate| separate.value);
            if let Some(keys) = &rules.approvers {
                let keys = keys.iter().filter_map(|key| Approver::parse(&key.value));
                said.approvers.get_or_insert_default().extend(keys);
            }
        }
        said
    }
}

impl Limits {
    /// The smaller of each.
    pub(super) fn meet(self, other: Self) -> Self {
        Self {
            tool_calls: least(self.tool_calls, other.tool_calls),
            patch_bytes: least(self.patch_bytes, other.patch_bytes),
            patch_files: least(self.patch_files, other.patch_files),
            read_bytes: least(self.read_bytes, other.read_bytes),
        }
    }
}

/// The smaller of two bounds; what is not stated does not bound.
pub(super) fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

pub(super) fn decision(verdict: RuleVerdict) -> Decision {
    match verdict {
        RuleVerdict::Allow => Decision::Allow,
        RuleVerdict::Ask => Decision::Ask,
        RuleVerdict::Deny => Decision::Deny,
    }
}

fn lists_of(part: &Part, access: Access) -> Option<&PathLists> {
    let PathRuleSet { read, write, binary, .. } = part.policy.paths.as_ref()?;
    match access {
        Access::Read => read.as_ref(),
        Access::Write => write.as_ref(),
        Access::Binary => binary.as_ref(),
    }
}

fn glob_set(globs: &[&str]) -> Option<globset::GlobSet> {
    let mut set = globset::GlobSetBuilder::new();
    for glob in globs {
        set.add(super::paths::path_glob(glob).ok()?);
    }
    set.build().ok()
}
