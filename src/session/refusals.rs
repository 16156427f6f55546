//! Calls of a graph that its policies, and those of its subgraphs, can never allow: found before any run, or beside the
//! plan of one. [`refused_calls`] judges as if the workspace were trusted and every wall stood, and without what the user
//! or the machine declares; [`refused_of`] takes the verdicts of a plan.

use std::path::Path;

use crate::compile::CheckedRoot;
use crate::diag::{Diagnostic, Diagnostics, Severity, codes};
use crate::document::{Limits, Syntax, Tree, parse};
use crate::effect::{ErrorKind, LayerRole, RuleRef};
use crate::files::FileError;
use crate::plan::{EdgeOutcome, Plan};
use crate::policy::{CONTAINED, Decision, Foreseen, Gate, Machine, Packs, PolicySet, Reason, builtin};
use crate::source::{FileId, Sources, Span};

use super::{CheckedFolder, plan_layers};

/// Adds a finding for each call of each checked graph that its policies and those of its subgraphs refuse whatever the run brings.
/// Of graphs that name no policy what no policy can allow counts alone: which one will hold is not known.
///
/// # Errors
/// A policy that was readable before, and is not any more.
pub fn refused_calls(
    checked: &[CheckedFolder],
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<(), FileError> {
    for folder in checked {
        for (name, root) in &folder.roots {
            let CheckedRoot::Graph(plan) = root else { continue };
            if let Some(gate) = gate_of(folder, name, plan, packs, sources)? {
                diagnostics.extend(never_approved(name, &gate, sources));
                let refused = gate.foresee(plan, None).into_iter().filter(|call| is_final(plan, call));
                for call in refused {
                    diagnostics.extend(finding(name, plan, &call, sources));
                }
            }
        }
    }
    Ok(())
}

/// The same of calls that were foreseen under the layers of a run, as warnings: whether the run comes to one of them is not
/// asked before it starts. `graph` is the file's name among `sources`; of a graph that comes from no file there are none,
/// and what a workspace is held to until it is trusted is no mistake of its graph.
pub fn refused_of(graph: &Path, plan: &Plan, calls: &[Foreseen], sources: &Sources) -> Vec<Diagnostic> {
    let own = |call: &Foreseen| {
        let mut call = call.clone();
        call.verdict.reasons.retain(|reason| reason.rule.layer != CONTAINED);
        call
    };
    let refused = calls.iter().map(own).filter(|call| is_final(plan, call));
    let found = refused.filter_map(|call| finding(graph, plan, &call, sources));
    found.map(|found| Diagnostic { severity: Severity::Warning, ..found }).collect()
}

/// The gate of a graph's own layers, or of the one that holds where it names none; `None` where one of them is not valid.
fn gate_of(
    folder: &CheckedFolder,
    name: &Path,
    plan: &Plan,
    packs: &Packs,
    sources: &mut Sources,
) -> Result<Option<Gate>, FileError> {
    let own = folder.files.iter().find(|(_, read)| Path::new(sources.get(read.file).name()) == name);
    let Some((own, _)) = own else { return Ok(None) };
    let depth = own.parts().count();
    let shown = name.ancestors().nth(depth).unwrap_or(Path::new("")).to_path_buf();
    let mut found = Diagnostics::default();
    let named = plan_layers((&folder.folder, &shown), plan, packs, sources, &mut found)?;
    let contained = builtin(CONTAINED, LayerRole::Grant).filter(|_| plan.policy.is_empty());
    let layers: Vec<_> = contained.into_iter().chain(named).collect();
    if found.has_errors() {
        return Ok(None);
    }
    Ok(PolicySet::compile(&layers, sources).ok().map(|set| Gate::new(set, Machine::complete())))
}

/// What asks can never be approved where the layers want more keys than they name.
fn never_approved(graph: &Path, gate: &Gate, sources: &Sources) -> Option<Diagnostic> {
    let terms = gate.policy().approval_terms();
    // no key at all is how a policy says that nobody approves
    let why = terms.wanting(None).filter(|_| !terms.approvers.is_empty())?;
    let parsed = parsed(graph, sources)?;
    let message = format!("nothing that the policies of this graph ask about can be approved: {why}");
    Some(Diagnostic::new(codes::BAD_VALUE, parsed.get("policy")?.span, message))
}

/// Is the call refused whatever the run brings, and does nothing wait for that?
fn is_final(plan: &Plan, call: &Foreseen) -> bool {
    call.verdict.decision == Decision::Deny
        && call.depends_on.is_empty()
        && denial(plan, call).is_some()
        && !is_expected(plan, call)
}

/// The reason that no declaration of the user's takes away, nor another grant, where the graph names none.
fn denial<'c>(plan: &Plan, call: &'c Foreseen) -> Option<&'c Reason> {
    let declarable = |reason: &&Reason| {
        reason.rule.rule == "secrets" || (call.tool == "llm" && reason.rule.rule == "network")
    };
    let denials = call.verdict.reasons.iter().filter(|reason| reason.decision == Decision::Deny);
    // what a subgraph's layer says holds under whatever grant
    let counts = |reason: &&Reason| !plan.policy.is_empty() || reason.rule.layer != CONTAINED;
    denials.filter(counts).find(|reason| !declarable(reason))
}

/// An edge that catches denials says that its author knows.
fn is_expected(plan: &Plan, call: &Foreseen) -> bool {
    let outermost = call.node.split('/').next().unwrap_or_default();
    let Some(at) = plan.find(outermost) else { return false };
    plan.node(at).outgoing.iter().any(|&edge| match &plan.edge(edge).outcome {
        EdgeOutcome::Catch(kinds) => kinds.contains(&ErrorKind::Denied),
        _ => false,
    })
}

fn finding(graph: &Path, plan: &Plan, call: &Foreseen, sources: &Sources) -> Option<Diagnostic> {
    let reason = denial(plan, call)?;
    let span = call_span(graph, call, reason, sources)?;
    let always = reason.rule.is_of_the_program();
    let which = if always { "is always denied" } else { "its policy can never allow" };
    let message = format!("`{}` calls `{}`, which {which}: {}", call.node, call.tool, reason.message);
    let found = Diagnostic::new(codes::DENIED_CALL, span, message);
    let what = if always { "the call" } else { "the call or the rule" };
    let help = format!("change {what}; or add an edge with `catch: [denied]`, where the denial is meant");
    let found = found.help(help);
    Some(match rule_span(&reason.rule, sources) {
        Some(rule) => found.label(rule, "the rule"),
        None => found,
    })
}

/// The parameter that is refused, in the graph file: of the node, or where it stands in another file, of the node that
/// runs its graph, and then its id.
fn call_span(graph: &Path, call: &Foreseen, reason: &Reason, sources: &Sources) -> Option<Span> {
    let whole = parsed(graph, sources)?;
    let mut tree = &whole;
    let mut path = call.node.split('/').peekable();
    while let Some(id) = path.next() {
        let entry = tree.get("nodes")?.entries().iter().find(|entry| entry.key.value == id)?;
        let with = entry.value.get("with");
        if path.peek().is_none() {
            let deciding = ["path", "patch", "changes", "argv", "url", "server", "calls"];
            let refused = sink(&reason.rule, &call.tool).into_iter();
            let parameter = refused.chain(deciding).find_map(|name| with?.get(name));
            return Some(parameter.map_or(entry.key.span, |parameter| parameter.span));
        }
        let inline = with.and_then(|with| with.get("graph")).and_then(Tree::as_str);
        match inline.and_then(|name| tree.get("graphs")?.get(name)) {
            Some(inner) => tree = inner,
            None => return Some(entry.key.span),
        }
    }
    None
}

/// The parameter of `tool` into which a rule of `flows` speaks of a flow, where it names one.
fn sink<'r>(rule: &'r RuleRef, tool: &str) -> Option<&'r str> {
    let (_, to) = rule.rule.strip_prefix("flows[")?.strip_suffix(']')?.rsplit_once(" -> ")?;
    to.strip_prefix(tool)?.strip_prefix('.')
}

/// A graph file that was read.
fn parsed(graph: &Path, sources: &Sources) -> Option<Tree> {
    let name = graph.display().to_string();
    let syntax = Syntax::of_path(&name).unwrap_or(Syntax::Yaml);
    let file = file_named(&name, sources)?;
    parse(sources, file, syntax, &Limits::default(), &mut Diagnostics::default()).map(|parsed| parsed.tree)
}

/// The place of a rule, where it is written in a file of the user's.
fn rule_span(rule: &RuleRef, sources: &Sources) -> Option<Span> {
    if rule.line == 0 || rule.file.starts_with("builtin:") {
        return None;
    }
    let file = sources.get(file_named(&rule.file, sources)?);
    let start = file.offset(rule.line, rule.column);
    let rest = file.text().get(start..)?;
    let end = rest.find([',', '}', ']', '\n']).unwrap_or(rest.len());
    Some(Span::new(file.id(), start, start + rest[..end].trim_end().len().max(1)))
}

fn file_named(name: &str, sources: &Sources) -> Option<FileId> {
    sources.iter().find(|file| file.name() == name).map(crate::source::SourceFile::id)
}
