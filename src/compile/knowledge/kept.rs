//! `illegal-modifier`: an answer of a model that is kept never becomes a command. What a model was brought to say once would
//! be run again whenever it is asked.

use std::collections::BTreeSet;

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::Source;
use crate::plan::{Action, Plan, PlanNode, PlanSources};

pub(super) fn check(draft: &Draft<'_>, plan: &Plan, diagnostics: &mut Diagnostics) {
    let kept: Vec<BTreeSet<&str>> = plan.nodes.iter().map(kept_models).collect();
    if kept.iter().all(BTreeSet::is_empty) {
        return;
    }
    let commands = PlanSources::of(plan).of_commands();
    let says = |model: &str| {
        commands.iter().any(|source| match source {
            Source::Llm(Some(name)) => name == model,
            Source::Llm(None) | Source::Any => true,
            _ => false,
        })
    };
    for (node, (written, models)) in plan.nodes.iter().zip(draft.nodes.iter().zip(kept)) {
        let Some(model) = models.into_iter().find(|model| says(model)) else { continue };
        let (span, what) = match written.modifiers.cache.as_ref().filter(|cache| cache.value) {
            Some(cache) => (cache.span, format!("`cache` may not stand on `{}`", node.id)),
            None => (written.node.id.span, format!("`cache` may not stand on a model of `{}`", node.id)),
        };
        let message = format!("{what}: what `{model}` says becomes a command");
        let help = "remove `cache`, or make no command of it; where the answer of another node is meant, let the two `use` models of different names";
        diagnostics.push(Diagnostic::new(codes::ILLEGAL_MODIFIER, span, message).help(help));
    }
}

/// The models whose answers a node keeps, itself or within its subgraph.
fn kept_models(node: &PlanNode) -> BTreeSet<&str> {
    match &node.action {
        Action::Llm(conversation) if node.cache => BTreeSet::from([conversation.model.as_str()]),
        Action::Graph { plan, .. } => plan.nodes.iter().flat_map(kept_models).collect(),
        _ => BTreeSet::new(),
    }
}
