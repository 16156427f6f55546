//! The sections around the nodes: inputs, channels, outputs, budgets, groups.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::compile::draft::Draft;
use crate::compile::expressions;
use crate::compile::scope::Place;
use crate::model::{Budgets, Channel, Name, Reduce};
use crate::plan::{PlanBudgets, PlanChannel, PlanInput, PlanOutput};
use crate::types::Type;

use super::Builder;

/// Time for `always` paths where the graph names none.
const GRACE: Duration = Duration::from_mins(2);

impl Builder<'_, '_> {
    pub(super) fn outputs(&mut self) -> Option<Vec<PlanOutput>> {
        let mut outputs = Vec::new();
        let mut sound = true;
        for field in &self.draft.graph.outputs {
            let value = expressions::value(&field.value, &Place::new(self.names), self.diagnostics);
            match Name::parse(&field.name.value) {
                Some(name) => outputs.push(PlanOutput { name, value, ty: Type::ANY }),
                None => sound = false,
            }
        }
        sound.then_some(outputs)
    }

    pub(super) fn channels(&mut self) -> Option<Vec<PlanChannel>> {
        self.draft.graph.state.iter().map(channel).collect()
    }
}

fn channel(channel: &Channel) -> Option<PlanChannel> {
    let start = match (&channel.default, channel.reduce.value) {
        (Some(written), _) => written.to_json(),
        (None, Reduce::Append | Reduce::Extend) => json!([]),
        (None, Reduce::Merge) => json!({}),
        (None, Reduce::Sum) => json!(0),
        // reported while decoding
        (None, Reduce::Replace) => return None,
    };
    Some(PlanChannel {
        name: channel.name.value.clone(),
        schema: channel.schema.tree.to_json(),
        start,
        reduce: channel.reduce.value,
    })
}

pub(super) fn inputs(draft: &Draft<'_>) -> Vec<PlanInput> {
    let input = |input: &crate::model::Input| {
        let mut schema = input.schema.tree.to_json();
        let default = schema.as_object_mut().and_then(|schema| schema.remove("default"));
        PlanInput { name: input.name.value.clone(), schema, default }
    };
    draft.graph.inputs.iter().map(input).collect()
}

pub(super) fn budgets(draft: &Draft<'_>) -> PlanBudgets {
    let Budgets { wall, tool_calls, llm_tokens, patch_bytes, grace } = &draft.graph.budgets;
    PlanBudgets {
        wall: wall.as_ref().map(|wall| wall.value),
        tool_calls: tool_calls.as_ref().map(|calls| calls.value),
        llm_tokens: llm_tokens.as_ref().map(|tokens| tokens.value),
        patch_bytes: patch_bytes.as_ref().map(|bytes| bytes.value),
        grace: grace.as_ref().map_or(GRACE, |grace| grace.value),
    }
}

pub(super) fn groups(draft: &Draft<'_>) -> BTreeMap<Name, u32> {
    let groups = draft.graph.concurrency.groups.iter();
    groups.map(|group| (group.name.value.clone(), group.max.value)).collect()
}
