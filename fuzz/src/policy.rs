//! The policy decoder and the gate: a policy, and behind a line `%%%` calls to decide about, one JSON document a line. A policy
//! decides, whatever the call is; what it decides and how it is explained agree.

use lgflow::effect::{FrozenLayer, LayerRole, ToolCall};
use lgflow::policy::{
    CONTAINED, Decision, Gate, GateDecision, Machine, PolicySet, builtin, explain, requests_beyond_contained,
    widenings,
};
use lgflow::source::Sources;

use super::document::shown;

/// Text → layers in force, or findings; and their verdicts.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (policy, calls) = text.split_once("\n%%%\n").unwrap_or((text, ""));
    let grant = FrozenLayer {
        name: "policy".into(),
        role: LayerRole::Grant,
        text: policy.into(),
        syntax: syntax_of(policy).into(),
        includes: Vec::new(),
        within: std::collections::BTreeSet::new(),
    };
    let mut sources = Sources::default();
    let set = match PolicySet::compile(std::slice::from_ref(&grant), &mut sources) {
        Ok(set) => set,
        Err(found) => return shown(&sources, &found),
    };
    let contained = builtin(CONTAINED, LayerRole::Grant).expect("it is built in");
    widenings(std::slice::from_ref(&contained), std::slice::from_ref(&grant)).expect("both are valid");
    requests_beyond_contained(std::slice::from_ref(&grant)).expect("it is valid");
    let machine = Machine::complete();
    let gate = Gate::new(set, machine.clone());
    for call in calls.lines().filter_map(|line| serde_json::from_str::<ToolCall>(line).ok()) {
        let decided = match gate.decide(&call) {
            GateDecision::Granted(_) => Decision::Allow,
            GateDecision::Ask(_) => Decision::Ask,
            GateDecision::Denied(_) => Decision::Deny,
        };
        assert_eq!(gate.explain(&call).decision, decided, "as it is explained");
        explain(std::slice::from_ref(&grant), &machine, &call, &mut Sources::default()).expect("it is valid");
    }
}

fn syntax_of(text: &str) -> &'static str {
    match text.trim_start() {
        text if text.starts_with('{') => "json",
        text if text.starts_with("schema =") => "toml",
        _ => "yaml",
    }
}
