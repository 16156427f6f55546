//! All that is to be said of one call: what each layer thinks of it, what would bind it, and the smallest change that
//! would alter the verdict, tried before it is advised. Grants nothing.

use serde_json::Value;

use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole, ToolCall};
use crate::source::Sources;

use super::call::literal_paths;
use super::change::{Action, keys};
use super::load::load;
use super::outside::plain_path;
use super::paths::only;
use super::{Change, Decision, Edit, ExecGrant, Gate, GrantLimits, Machine, PolicySet, Reason, Verdict};

/// Rounds of edits that are tried: one often shows the next.
const ROUNDS: usize = 8;

/// All that is to be said of a call.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What all layers say together.
    pub verdict: Verdict,
    /// What each says, the grant first.
    pub layers: Vec<LayerOpinion>,
    /// What no layer can lift, where it speaks against the call.
    pub invariants: Vec<Reason>,
    /// What binds the call, where it is not denied.
    pub obligations: Option<Bound>,
    /// What would alter the verdict.
    pub alteration: Alteration,
}

/// What one layer thinks of a call.
#[derive(Debug, Clone)]
pub struct LayerOpinion {
    /// The layer, as reasons name it.
    pub layer: String,
    /// Grant or ceiling.
    pub role: LayerRole,
    /// Its strictest word; `None` where it says nothing.
    pub decision: Option<Decision>,
    /// Why, strictest first.
    pub reasons: Vec<Reason>,
}

/// What binds a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Calls of a run; `None` is unlimited.
    pub tool_calls: Option<u64>,
    /// Bounds on the call.
    pub limits: GrantLimits,
    /// Of `exec`: how the command is run.
    pub exec: Option<ExecGrant>,
}

/// What would alter a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// These edits together, and what the verdict is then: they were tried.
    Edits(Vec<Edit>, Decision),
    /// Nothing that is written in a policy of the user's, but this, in the imperative.
    Elsewhere(Vec<String>),
    /// Nothing at all, and why.
    Impossible(String),
}

/// Explains a call under `layers` on a machine.
///
/// # Errors
/// The findings of layers that are not valid; their texts are in `sources`.
pub fn explain(
    layers: &[FrozenLayer],
    machine: &Machine,
    call: &ToolCall,
    sources: &mut Sources,
) -> Result<Explanation, Diagnostics> {
    let gate = Gate::new(PolicySet::compile(layers, sources)?, machine.clone());
    let (verdict, exec) = gate.judge(call);
    let opinions = gate.set.layers.iter().map(|layer| {
        let mine = verdict.reasons.iter().filter(|reason| reason.rule.layer == layer.name);
        let reasons: Vec<Reason> = mine.cloned().collect();
        let decision = reasons.first().map(|reason| reason.decision);
        LayerOpinion { layer: layer.name.clone(), role: layer.role, decision, reasons }
    });
    let layers_said: Vec<LayerOpinion> = opinions.collect();
    let is_of_a_layer = |reason: &&Reason| layers_said.iter().any(|one| one.layer == reason.rule.layer);
    let invariants = verdict.reasons.iter().filter(|reason| !is_of_a_layer(reason)).cloned().collect();
    let obligations = (verdict.decision != Decision::Deny).then(|| Bound {
        tool_calls: gate.set.tool_calls(),
        limits: gate.set.limits(),
        exec,
    });
    let alteration = match verdict.decision {
        Decision::Allow => tighten(layers, machine, call),
        Decision::Ask | Decision::Deny => loosen(layers, machine, call, &verdict),
    };
    Ok(Explanation { verdict, layers: layers_said, invariants, obligations, alteration })
}

/// The edit that would make an allowed call ask: of the path, where the call names one, else of the tool.
fn tighten(layers: &[FrozenLayer], machine: &Machine, call: &ToolCall) -> Alteration {
    let (reads, writes) = literal_paths(&call.tool, &call.input);
    let path = |paths: &[String]| paths.first().and_then(|path| plain_path(path));
    let (at, action) = match (path(&reads), path(&writes)) {
        (_, Some(path)) => ("paths.write.ask", Action::Append(only(&path).into())),
        (Some(path), None) => ("paths.read.ask", Action::Append(only(&path).into())),
        (None, None) => ("tools", Action::Set(call.tool.clone(), "ask".into())),
    };
    let file = layers.first().map(|layer| layer.name.clone()).unwrap_or_default();
    match Change::edit(&file, 0, keys(at), action) {
        Change::Edits(edits) => {
            let found = tried(&mut layers.to_vec(), &edits, machine, call);
            let decision = found.map_or(Decision::Allow, |verdict| verdict.decision);
            Alteration::Edits(edits, decision)
        }
        Change::Never | Change::Elsewhere(_) => {
            let text = format!("write `{}: ask` under `tools` in a policy of your own", call.tool);
            Alteration::Elsewhere(vec![text])
        }
    }
}

/// What the gate says of a call once these edits are made; `None` where they cannot be.
fn tried(layers: &mut [FrozenLayer], edits: &[Edit], machine: &Machine, call: &ToolCall) -> Option<Verdict> {
    if !edits.iter().all(|edit| edit.apply(layers, &content)) {
        return None;
    }
    let set = PolicySet::compile(layers, &mut Sources::default()).ok()?;
    Some(Gate::new(set, machine.clone()).explain(call))
}

/// The edits that would make a verdict less strict: those that its strictest reasons name, carried out, and again,
/// until it is.
fn loosen(layers: &[FrozenLayer], machine: &Machine, call: &ToolCall, verdict: &Verdict) -> Alteration {
    let goal = verdict.decision;
    let (mut layers, mut verdict) = (layers.to_vec(), verdict.clone());
    let mut done: Vec<Edit> = Vec::new();
    for _ in 0..ROUNDS {
        let edits = match changes(&verdict) {
            Ok(edits) => edits,
            Err(alteration) => return alteration,
        };
        let new: Vec<Edit> = edits.into_iter().filter(|edit| !done.contains(edit)).collect();
        let found = tried(&mut layers, &new, machine, call).filter(|_| !new.is_empty());
        let Some(found) = found else { break };
        done.extend(new);
        verdict = found;
        if verdict.decision < goal {
            return Alteration::Edits(done, verdict.decision);
        }
    }
    let why = verdict.deciding().map(|reason| format!("{}: {}", reason.place(), reason.message));
    Alteration::Elsewhere(why.into_iter().collect())
}

/// What has to be done about each of the strictest reasons of a verdict.
fn changes(verdict: &Verdict) -> Result<Vec<Edit>, Alteration> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut elsewhere = Vec::new();
    for reason in verdict.reasons.iter().filter(|reason| reason.decision == verdict.decision) {
        match &reason.change {
            Change::Never => return Err(Alteration::Impossible(reason.message.clone())),
            Change::Elsewhere(text) if elsewhere.contains(text) => {}
            Change::Elsewhere(text) => elsewhere.push(text.clone()),
            Change::Edits(more) => {
                for edit in more {
                    if !edits.contains(edit) {
                        edits.push(edit.clone());
                    }
                }
            }
        }
    }
    if elsewhere.is_empty() {
        return Ok(edits);
    }
    elsewhere.extend(edits.iter().map(ToString::to_string));
    Err(Alteration::Elsewhere(elsewhere))
}

/// What a layer's own file says.
fn content(layer: &FrozenLayer) -> Option<Value> {
    let loaded = load(layer, &mut Sources::default(), &mut Diagnostics::default())?;
    loaded.contents.into_iter().next()
}
