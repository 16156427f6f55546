//! All that is to be said of one call: what each layer thinks of it, what would bind it, and the smallest change that
//! would alter the verdict, tried before it is advised. Grants nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole, ToolCall};
use crate::source::Sources;

use super::call::literal_paths;
use super::change::{Action, instead_of_builtin, keys};
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
    let layers: Vec<FrozenLayer> =
        layers.iter().filter(|layer| layer.binds(&call.node)).map(unbound).collect();
    let layers = layers.as_slice();
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

/// A layer that binds a call, as one that binds every call.
fn unbound(layer: &FrozenLayer) -> FrozenLayer {
    FrozenLayer { within: BTreeSet::new(), ..layer.clone() }
}

/// The edit that would make an allowed call ask: of the path, where the call names one, else of the tool.
fn tighten(layers: &[FrozenLayer], machine: &Machine, call: &ToolCall) -> Alteration {
    let named = literal_paths(&call.tool, &call.input);
    let path = |paths: &[String]| paths.first().and_then(|path| plain_path(path));
    let (at, action) = match (path(&named.read), path(&named.changed)) {
        (_, Some(path)) => ("paths.write.ask", Action::Append(only(&path).into())),
        (Some(path), None) => ("paths.read.ask", Action::Append(only(&path).into())),
        (None, None) => ("tools", Action::Set(call.tool.clone(), "ask".into())),
    };
    let mut own = Own::of(layers);
    let file = own.layers.first().map(|layer| layer.name.clone()).unwrap_or_default();
    let edits = vec![Edit { file, line: 0, at: keys(at), action }];
    let decision = tried(&mut own.layers, &edits, machine, call).map(|verdict| verdict.decision);
    match decision.filter(|decision| *decision != Decision::Allow) {
        Some(decision) => Alteration::Edits(edits, decision),
        None => {
            let edits: Vec<String> = edits.iter().map(ToString::to_string).collect();
            Alteration::Elsewhere(edits)
        }
    }
}

/// Layers in which a grant that is part of the program is taken into a policy of one's own: that one can be edited.
struct Own {
    layers: Vec<FrozenLayer>,
    /// The grant's name, where it was taken in.
    taken: Option<String>,
}

impl Own {
    fn of(layers: &[FrozenLayer]) -> Self {
        let mut layers = layers.to_vec();
        let taken =
            layers.first().map(|grant| grant.name.clone()).filter(|name| name.starts_with("builtin:"));
        if let (Some(name), Some(grant)) = (&taken, layers.first_mut()) {
            let included = FrozenLayer { role: LayerRole::Include, ..grant.clone() };
            *grant = FrozenLayer {
                name: format!("a policy of your own that includes `{name}`"),
                role: LayerRole::Grant,
                text: format!("schema: lgflow.policy/v1\nname: own\ninclude: [{name}]\n"),
                syntax: "yaml".to_owned(),
                includes: vec![included],
                within: BTreeSet::new(),
            };
        }
        Self { layers, taken }
    }

    /// An edit of a text that is part of the program, as one of the policy that takes it in; `None` where there is none,
    /// and where what it says would have to be taken away.
    fn lift(&self, edit: Edit) -> Option<Edit> {
        if !edit.is_of_the_program() {
            return Some(edit);
        }
        let added = !matches!(edit.action, Action::Remove(_));
        let name =
            self.taken.as_ref().filter(|name| added && **name == edit.file).and(self.layers.first())?;
        Some(Edit { file: name.name.clone(), line: 0, ..edit })
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
    let (mut own, mut verdict) = (Own::of(layers), verdict.clone());
    let mut done: Vec<Edit> = Vec::new();
    for _ in 0..ROUNDS {
        let edits = match changes(&verdict, &own) {
            Ok(edits) => edits,
            Err(alteration) => return alteration,
        };
        let new: Vec<Edit> = edits.into_iter().filter(|edit| !done.contains(edit)).collect();
        let found = tried(&mut own.layers, &new, machine, call).filter(|_| !new.is_empty());
        let Some(found) = found else { break };
        done.extend(new);
        verdict = found;
        if verdict.decision < goal {
            return Alteration::Edits(done, verdict.decision);
        }
    }
    // what was advised and did not help is not advised
    let why = verdict.deciding().map(|reason| match &reason.change {
        Change::Edits(edits) if edits.iter().any(Edit::is_of_the_program) => {
            edits.iter().find(|edit| edit.is_of_the_program()).map(instead_of_builtin).unwrap_or_default()
        }
        _ => format!("{}: {}", reason.place(), reason.message),
    });
    Alteration::Elsewhere(why.into_iter().collect())
}

/// What has to be done about each of the strictest reasons of a verdict.
fn changes(verdict: &Verdict, own: &Own) -> Result<Vec<Edit>, Alteration> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut elsewhere = Vec::new();
    for reason in verdict.reasons.iter().filter(|reason| reason.decision == verdict.decision) {
        match &reason.change {
            Change::Never => return Err(Alteration::Impossible(reason.message.clone())),
            Change::Elsewhere(text) if elsewhere.contains(text) => {}
            Change::Elsewhere(text) => elsewhere.push(text.clone()),
            Change::Edits(more) => {
                for edit in more {
                    match own.lift(edit.clone()) {
                        Some(edit) if edits.contains(&edit) => {}
                        Some(edit) => edits.push(edit),
                        None => {
                            let text = instead_of_builtin(edit);
                            if !elsewhere.contains(&text) {
                                elsewhere.push(text);
                            }
                        }
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

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use crate::policy::{BUILTINS, CONTAINED, Step, builtin};

    use super::*;

    /// Calls of every kind, allowed and not, with words that rules know and that none does.
    fn calls() -> Vec<ToolCall> {
        let commands = [
            "python3 -c print(1)",
            "python3 -m pytest -p evil",
            "pytest --collect-onyl",
            "cargo test --offlin",
            "cargo publish",
            "npm test",
            "go test ./... -exec=x",
            "ls -la @x",
            "sh -c id",
        ];
        let argv = |line: &str| json!({ "argv": line.split(' ').collect::<Vec<_>>() });
        let put = |path: &str| json!({ "changes": [{ "op": "put", "path": path, "content": "" }] });
        let mut calls: Vec<ToolCall> =
            commands.into_iter().map(|line| ToolCall::new("exec", argv(line))).collect();
        for path in ["src/a.rs", ".env", "../x", "a/b.pem", ".git/config"] {
            calls.push(ToolCall::new("read_file", json!({ "path": path })));
            calls.push(ToolCall::new("apply_patch", put(path)));
        }
        calls.push(ToolCall::new("list_files", json!({ "path": "." })));
        calls.push(ToolCall::new("llm", json!({ "model": "gpt" })));
        calls.push(ToolCall::new("http", json!({ "url": "https://example.com/", "method": "GET" })));
        calls
    }

    fn layer(name: &str, role: LayerRole, text: &str) -> FrozenLayer {
        let includes = BUILTINS.iter().filter(|known| text.contains(&format!("[{known}]")));
        FrozenLayer {
            name: name.into(),
            role,
            text: text.into(),
            syntax: "yaml".into(),
            includes: includes.filter_map(|known| builtin(known, LayerRole::Include)).collect(),
            within: BTreeSet::new(),
        }
    }

    fn sets() -> Vec<Vec<FrozenLayer>> {
        let own = "schema: lgflow.policy/v1\nname: own\ninclude: [builtin:python]\ntools: {exec: allow, read_file: ask}\n\
                   paths: {read: {allow: ['src/**'], deny: ['**/*.pem']}}\n\
                   commands: [{name: c, program: cargo, args: [[test]], flags: {--offline: none}}]\n";
        let ceiling = "schema: lgflow.policy/v1\nname: ceiling\ntools: {exec: deny, read_file: allow}\n";
        let mut sets: Vec<Vec<FrozenLayer>> =
            BUILTINS[..3].iter().filter_map(|name| Some(vec![builtin(name, LayerRole::Grant)?])).collect();
        sets.push(vec![layer("own.yaml", LayerRole::Grant, own)]);
        let both = [layer("own.yaml", LayerRole::Grant, own), layer("c.yaml", LayerRole::Ceiling, ceiling)];
        sets.push(both.to_vec());
        let contained = builtin(CONTAINED, LayerRole::Ceiling);
        sets.push([layer("own.yaml", LayerRole::Grant, own)].into_iter().chain(contained).collect());
        sets
    }

    /// The text of a policy that takes in a built-in one and makes these edits, written without the code that tries them.
    fn written(name: &str, edits: &[Edit]) -> String {
        let mut policy = Map::new();
        policy.insert("schema".into(), "lgflow.policy/v1".into());
        policy.insert("name".into(), "written".into());
        policy.insert("include".into(), json!([name]));
        for edit in edits {
            let mut at = &mut policy;
            let mut steps: Vec<&str> = edit
                .at
                .iter()
                .map(|step| match step {
                    Step::Key(key) => key.as_str(),
                    Step::Named(name) => panic!("there is no rule `{name}` to edit: {edit}"),
                })
                .collect();
            let list = if matches!(edit.action, Action::Append(_)) { steps.pop() } else { None };
            for step in steps {
                let inner = at.entry(step).or_insert_with(|| json!({}));
                at = inner.as_object_mut().unwrap();
            }
            match &edit.action {
                Action::Append(value) => {
                    let items = at.entry(list.unwrap()).or_insert_with(|| json!([]));
                    items.as_array_mut().unwrap().push(value.clone());
                }
                Action::Set(key, value) => {
                    at.insert(key.clone(), value.clone());
                }
                Action::Remove(_) => panic!("nothing can be taken away from an include: {edit}"),
            }
        }
        Value::Object(policy).to_string()
    }

    #[test]
    fn what_is_advised_alters_the_verdict() {
        let machine = Machine::complete();
        let mut advised = 0;
        for layers in sets() {
            for call in calls() {
                let said = explain(&layers, &machine, &call, &mut Sources::default()).unwrap();
                let Alteration::Edits(edits, gives) = &said.alteration else { continue };
                let about = format!("{} {}: {edits:#?}", layers[0].name, call.input);
                assert_ne!(*gives, said.verdict.decision, "{about}");
                let mut changed = layers.clone();
                let of_the_grant = layers[0].name.as_str();
                if of_the_grant.starts_with("builtin:") {
                    assert!(edits.iter().all(|edit| edit.file.contains("a policy of your own")), "{about}");
                    changed[0] = FrozenLayer {
                        text: written(of_the_grant, edits),
                        syntax: "json".into(),
                        includes: builtin(of_the_grant, LayerRole::Include).into_iter().collect(),
                        ..layer("written.json", LayerRole::Grant, "")
                    };
                } else {
                    assert!(edits.iter().all(|edit| edit.apply(&mut changed, &content)), "{about}");
                }
                let set = PolicySet::compile(&changed, &mut Sources::default()).expect(&about);
                let verdict = Gate::new(set, machine.clone()).explain(&call);
                assert_eq!(verdict.decision, *gives, "{about}");
                advised += 1;
            }
        }
        assert!(advised > 50, "only {advised} changes were advised");
    }

    #[test]
    fn nobody_is_told_to_edit_what_is_part_of_the_program() {
        let machine = Machine::complete();
        let layers = [builtin("builtin:python", LayerRole::Grant).unwrap()];
        let call = ToolCall::new("exec", json!({ "argv": ["python3", "-c", "print(1)"] }));
        let said = explain(&layers, &machine, &call, &mut Sources::default()).unwrap();
        let Alteration::Edits(edits, Decision::Allow) = &said.alteration else {
            panic!("{:?}", said.alteration)
        };
        assert_eq!(edits.len(), 2, "the tool, and a rule for exactly this: {edits:#?}");
        for reason in &said.verdict.reasons {
            assert!(!reason.message.contains("list `-c`"), "{}", reason.message);
        }
    }
}
