//! What a policy asks for beyond `builtin:contained`: what only a person's trust, or the user's own configuration,
//! can give.

use crate::approval::LOCAL;
use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole};
use crate::model::policy::{
    CacheMode, GitAccess, NetworkRule, RuleVerdict, SandboxModeRule, SandboxRule, WorkspaceRule,
};
use crate::model::{PackName, PackRef, Policy};
use crate::source::{Located, Sources, Span};

use super::layer::Part;
use super::load::load;

/// One thing that a policy asks for beyond `builtin:contained`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What, in words: `` the network origin `https://api.example.com:443` ``.
    pub what: String,
    /// The pack, where it is one that is asked for: the user's own configuration may name it as well.
    pub pack: Option<PackName>,
    /// The file, as named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

/// What frozen layers ask for beyond `builtin:contained`, in the order of their files. Ceilings ask for nothing,
/// and neither do the built-in layers that a grant includes: the ceiling narrows them in silence.
///
/// # Errors
/// The findings of layers that are not valid.
pub fn requests_beyond_contained(layers: &[FrozenLayer]) -> Result<Vec<Request>, Diagnostics> {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let mut requests = Vec::new();
    for layer in layers.iter().filter(|layer| layer.role == LayerRole::Grant) {
        let Some(loaded) = load(layer, &mut sources, &mut diagnostics) else { continue };
        for part in loaded.parts.iter().filter(|part| !part.file.starts_with("builtin:")) {
            let mut asked = Asked { part, sources: &sources, found: Vec::new() };
            asked.of(&part.policy);
            requests.extend(asked.found);
        }
    }
    if diagnostics.has_errors() { Err(diagnostics) } else { Ok(requests) }
}

struct Asked<'a> {
    part: &'a Part,
    sources: &'a Sources,
    found: Vec<Request>,
}

impl Asked<'_> {
    fn add(&mut self, span: Span, what: impl Into<String>) {
        let at = self.sources.get(span.file).position(span.start);
        self.found.push(Request {
            what: what.into(),
            pack: None,
            file: self.part.file.clone(),
            line: at.line,
            column: at.column,
        });
    }

    fn of(&mut self, policy: &Policy) {
        for rule in policy.tools.iter().flat_map(|section| &section.rules) {
            if matches!(rule.tool.value.as_str(), "http" | "mcp") && rule.verdict.value != RuleVerdict::Deny {
                self.add(rule.tool.span, format!("the tool `{}`, which uses a network", rule.tool.value));
            }
        }
        for rule in policy.network.iter().flat_map(|section| &section.rules) {
            self.add(rule.origin.span, format!("the network origin `{}`", rule.origin.value));
        }
        for rule in policy.secrets.iter().flat_map(|section| &section.rules) {
            if rule.verdict.value != RuleVerdict::Deny {
                self.add(rule.name.span, format!("the secret `{}`", rule.name.value));
            }
        }
        for server in policy.mcp.iter().flat_map(|mcp| &mcp.servers) {
            self.add(server.span, format!("the server of tools `{}`", server.value));
        }
        let keys = policy.approvals.iter().flat_map(|approvals| approvals.approvers.iter().flatten());
        for key in keys.filter(|key| key.value != LOCAL) {
            self.add(key.span, format!("the approver `{}`", key.value));
        }
        for name in policy.include.iter().filter(|name| name.value.starts_with("pack:")) {
            self.add(name.span, format!("the pack `{}`", name.value));
            let pack = PackRef::parse(&name.value).map(|named| named.pack);
            if let Some(request) = self.found.last_mut() {
                request.pack = pack;
            }
        }
        for rule in policy.commands.iter().flat_map(|section| &section.rules) {
            self.of_sandbox(&rule.sandbox, &format!("the command `{}`", rule.name.value));
        }
        if let Some(rule) = &policy.sandbox {
            self.of_sandbox(rule, "all commands");
        }
        self.found.sort_by_key(|request| (request.line, request.column));
    }

    fn of_sandbox(&mut self, rule: &SandboxRule, whom: &str) {
        self.word(
            rule.mode.as_ref(),
            SandboxModeRule::BestEffort,
            "running without the strict sandbox",
            whom,
        );
        self.word(rule.workspace.as_ref(), WorkspaceRule::Direct, "changing the workspace directly", whom);
        self.word(rule.network.as_ref(), NetworkRule::Allow, "the machine's network", whom);
        self.word(rule.git.as_ref(), GitAccess::Read, "reading the git directory", whom);
        let cache = rule.cache.as_ref().and_then(|cache| cache.mode.as_ref());
        self.word(cache, CacheMode::Shared, "a build cache that is shared between runs", whom);
        for folder in rule.unsafe_write.iter().flatten() {
            self.add(folder.span, format!("writing the folder `{}` directly, for {whom}", folder.value));
        }
        for name in rule.env.iter().flat_map(|env| env.pass.iter().flatten()) {
            self.add(name.span, format!("the variable `{}` of your environment, for {whom}", name.value));
        }
    }

    fn word<T: Copy + PartialEq>(&mut self, written: Option<&Located<T>>, wanted: T, what: &str, whom: &str) {
        if let Some(word) = written.filter(|word| word.value == wanted) {
            self.add(word.span, format!("{what}, for {whom}"));
        }
    }
}
