//! Inputs that are known before a run, put into the templates that need nothing else: those of the run, and of its
//! subgraphs what their nodes give them. Decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::expr::{Root, ValueTemplate};
use crate::plan::Plan;

/// Inputs by name. One that is not here is open.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownInputs(BTreeMap<String, Arc<Value>>);

impl KnownInputs {
    /// Those of a run, defaults put in; without any, all are open.
    pub(super) fn of_run(inputs: Option<&Value>) -> Self {
        let given = inputs.and_then(Value::as_object).into_iter().flatten();
        Self(given.map(|(name, value)| (name.clone(), Arc::new(value.clone()))).collect())
    }

    /// Those of a subgraph, by what its node in a graph with these gives it.
    pub(super) fn inside(&self, plan: &Plan, given: &ValueTemplate) -> Self {
        // by name what is given, and nothing where that is open
        let given: BTreeMap<String, Option<Arc<Value>>> = match self.put_into(given) {
            ValueTemplate::Literal(given) => {
                Self::of_run(Some(&given)).0.into_iter().map(|(name, value)| (name, Some(value))).collect()
            }
            ValueTemplate::Object(fields) => {
                fields.into_iter().map(|(name, value)| (name, literal(value))).collect()
            }
            ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => {
                return Self::default();
            }
        };
        let known = plan.inputs.iter().filter_map(|input| {
            let name = input.name.as_str();
            let value = match given.get(name) {
                Some(value) => value.clone(),
                None => input.default.clone().map(Arc::new),
            };
            Some((name.to_owned(), value?))
        });
        Self(known.collect())
    }

    /// The same template, with a literal in the place of each part that these inputs alone decide. What has no value by
    /// them fails its node in the run, and stays as it is.
    pub(super) fn put_into(&self, template: &ValueTemplate) -> ValueTemplate {
        match template {
            ValueTemplate::Literal(_) => template.clone(),
            ValueTemplate::List(items) => {
                ValueTemplate::list(items.iter().map(|item| self.put_into(item)).collect())
            }
            ValueTemplate::Object(fields) => ValueTemplate::object(
                fields.iter().map(|(name, value)| (name.clone(), self.put_into(value))).collect(),
            ),
            ValueTemplate::Expression(_) | ValueTemplate::Text(_) => {
                let known = template.roots().into_iter().all(|root| self.value(root).is_some());
                let value = known.then(|| template.evaluate(&mut |root| self.value(root)));
                value.and_then(Result::ok).map_or_else(|| template.clone(), ValueTemplate::literal)
            }
        }
    }

    fn value(&self, root: &Root) -> Option<Arc<Value>> {
        match root {
            Root::Input(name) => self.0.get(name).cloned(),
            _ => None,
        }
    }
}

fn literal(template: ValueTemplate) -> Option<Arc<Value>> {
    match template {
        ValueTemplate::Literal(value) => Some(value),
        _ => None,
    }
}
