//! Information flow: may what comes from there go there? Asked with the sources that are told with a call; what is not
//! told comes from everywhere. Knows no graph.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use globset::GlobMatcher;
use serde_json::{Value, json};

use crate::effect::{LayerRole, RuleRef, Source, ToolCall, ToolResult};
use crate::model::Uses;
use crate::model::policy::{FlowRule, RuleVerdict};

use super::change::{Action, Change, keys};
use super::layer::{Layer, decision};
use super::paths::path_glob;
use super::{Asked, Decision, ExecGrant, Gate, Granted, Reason, SandboxMode, WorkspaceMode};

/// The sink that is a command which runs code of a workspace that others have written to.
const CODE: &str = "code";
/// The sink that is every tool with a network.
const NETWORK: &str = "network";

/// A rule, compiled.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    rule: RuleRef,
    written: Value,
    from: Source,
    glob: Option<GlobMatcher>,
    to: String,
    decision: Decision,
}

/// What was written into the workspace in this session by whom outside: shared by all that decide for the session.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(Arc<Mutex<BTreeSet<Source>>>);

impl Marks {
    pub(super) fn now(&self) -> BTreeSet<Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, sources: BTreeSet<Source>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(sources);
    }
}

impl Flow {
    /// The rule at `rule`. A glob that is none matches every path.
    pub(super) fn new(written: &FlowRule, rule: RuleRef) -> Self {
        let from = Source::read(&written.from.value);
        let glob = match &from {
            Source::Workspace(Some(glob)) => path_glob(glob).ok().map(|glob| glob.compile_matcher()),
            _ => None,
        };
        let verdict = match written.verdict.value {
            RuleVerdict::Allow => "allow",
            RuleVerdict::Ask => "ask",
            RuleVerdict::Deny => "deny",
        };
        Self {
            rule,
            written: json!({ "from": written.from.value, "to": written.to.value, "verdict": verdict }),
            from,
            glob,
            to: written.to.value.clone(),
            decision: decision(written.verdict.value),
        }
    }

    /// Does it speak of this source? One that is not known exactly may be the one that is meant.
    fn speaks_of(&self, source: &Source) -> bool {
        let same = |mine: &Option<String>, theirs: &Option<String>| match (mine, theirs) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        };
        match (&self.from, source) {
            (Source::Any, _)
            | (_, Source::Any)
            | (Source::User, Source::User)
            | (Source::Exec, Source::Exec) => true,
            (Source::Workspace(_), Source::Workspace(path)) => match (&self.glob, path) {
                (Some(glob), Some(path)) => glob.is_match(path),
                _ => true,
            },
            (Source::Llm(mine), Source::Llm(theirs))
            | (Source::Http(mine), Source::Http(theirs))
            | (Source::Mcp(mine), Source::Mcp(theirs)) => same(mine, theirs),
            _ => false,
        }
    }
}

/// Something that flows: a sink under all of its names, and the sources.
struct Stream {
    sinks: Vec<String>,
    sources: BTreeSet<Source>,
}

impl Gate {
    /// What the layers say of the flows into a call, where `marks` were written into the workspace.
    pub(super) fn flow_reasons(
        &self,
        call: &ToolCall,
        exec: Option<&ExecGrant>,
        marks: &BTreeSet<Source>,
    ) -> Vec<Reason> {
        let mut streams = streams(call, self.has_network(call));
        let runs_code = exec.filter(|exec| exec.runs_workspace_code);
        let foreign: BTreeSet<Source> = marks.iter().filter(|source| source.is_foreign()).cloned().collect();
        if runs_code.is_some() {
            streams.push(Stream { sinks: vec![CODE.to_owned()], sources: foreign.clone() });
        }
        let layers = self.set.layers.iter();
        let mut reasons: Vec<Reason> = layers.flat_map(|layer| said(layer, &streams)).collect();
        let loose = runs_code.is_some_and(|exec| exec.mode != SandboxMode::Strict);
        reasons.extend(foreign.iter().filter(|_| loose).filter_map(|source| self.code_of_others(source)));
        reasons
    }

    /// Does what it is given leave the machine?
    fn has_network(&self, call: &ToolCall) -> bool {
        match Uses::parse(&call.tool) {
            Some(Uses::Http | Uses::Mcp) => true,
            Some(Uses::Llm) => {
                let model = call.input.get("model").and_then(Value::as_str).unwrap_or_default();
                !self.machine.declared.is_built_in(model)
            }
            _ => false,
        }
    }

    /// Code that others wrote runs in the strict sandbox alone, unless the grant says otherwise of its source.
    fn code_of_others(&self, source: &Source) -> Option<Reason> {
        let grant = self.set.layers.iter().find(|layer| layer.role == LayerRole::Grant)?;
        if grant.flows.iter().any(|flow| flow.to == CODE && flow.speaks_of(source)) {
            return None;
        }
        let message = format!(
            "the workspace holds what `{source}` wrote, and a command that runs its code is not in the strict sandbox; \
             to allow it, add a rule from there to `{CODE}` to `flows`"
        );
        let rule = json!({ "from": source.to_string(), "to": CODE, "verdict": "allow" });
        let change = Change::edit(&grant.file, 0, keys("flows"), Action::Append(rule));
        Some(Reason::new(Decision::Deny, grant.silence("flows"), message).altered_by(change))
    }

    /// Remembers what a call that was done has written into the workspace.
    pub fn note(&self, done: &Granted<ToolCall>, result: &ToolResult) {
        let direct =
            |exec: &ExecGrant| exec.workspace == WorkspaceMode::Direct || !exec.unsafe_write.is_empty();
        let command = done.obligations().exec.as_ref().is_some_and(direct);
        self.note_of(done.request(), result.ok, command);
    }

    /// The same of a call that asks and was not done, because it is known what an earlier one came to: what that one wrote stands
    /// in the workspace.
    pub fn note_recalled(&self, asked: &Asked<ToolCall>, result: &ToolResult) {
        let direct =
            |exec: &ExecGrant| exec.workspace == WorkspaceMode::Direct || !exec.unsafe_write.is_empty();
        let command = asked.obligations().exec.as_ref().is_some_and(direct);
        self.note_of(asked.request(), result.ok, command);
    }

    /// The same of a call of which a rehearsal says that it was approved and done.
    pub fn note_rehearsed(&self, call: &ToolCall, ok: bool) {
        self.note_of(call, ok, false);
    }

    fn note_of(&self, call: &ToolCall, ok: bool, command_writes: bool) {
        let wrote = match Uses::parse(&call.tool) {
            Some(Uses::ApplyPatch) => ok,
            Some(Uses::Exec) => command_writes,
            Some(Uses::Mcp) => true,
            _ => false,
        };
        if wrote {
            let sources = streams(call, false).into_iter().flat_map(|stream| stream.sources);
            self.marks.add(sources.filter(Source::is_foreign).collect());
        }
    }
}

/// The flows into a call, by parameter.
fn streams(call: &ToolCall, networked: bool) -> Vec<Stream> {
    let everything = BTreeSet::from([Source::Any]);
    let of = |parameter: &str| {
        let told = call.provenance.as_ref().and_then(|provenance| provenance.of(parameter));
        told.unwrap_or(&everything).clone()
    };
    let parameters = call.input.as_object().into_iter().flatten().map(|(name, _)| name);
    let stream = |name: &String| {
        let mut sinks = vec![call.tool.clone(), format!("{}.{name}", call.tool)];
        sinks.extend(networked.then(|| NETWORK.to_owned()));
        Stream { sinks, sources: of(name) }
    };
    parameters.map(stream).collect()
}

/// What a layer says of flows: each rule that speaks of one, once.
fn said(layer: &Layer, streams: &[Stream]) -> Vec<Reason> {
    let spoken = |flow: &Flow| {
        let into = streams.iter().filter(|stream| stream.sinks.contains(&flow.to));
        into.flat_map(|stream| stream.sources.iter()).find(|source| flow.speaks_of(source)).cloned()
    };
    let reason = |flow: &Flow| {
        let source = spoken(flow)?;
        let from = if source == Source::Any {
            "something of unknown origin".to_owned()
        } else {
            format!("`{source}`")
        };
        let message = match flow.decision {
            Decision::Allow => format!("{from} may reach `{}`", flow.to),
            Decision::Ask => {
                format!("{from} reaches `{}`, which asks first; to alter that, change the rule", flow.to)
            }
            Decision::Deny => {
                format!("{from} reaches `{}`, which is denied; to alter that, change the rule", flow.to)
            }
        };
        let change = Change::of_rule(&flow.rule, keys("flows"), Action::Remove(flow.written.clone()));
        Some(Reason::new(flow.decision, flow.rule.clone(), message).altered_by(change))
    };
    layer.flows.iter().filter_map(reason).collect()
}
