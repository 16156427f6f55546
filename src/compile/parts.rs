//! What a graph names and does not hold itself: prompts, schemas, subgraphs, read before anything is checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::expr::Template;
use crate::model::SchemaSource;
use crate::plan::Plan;
use crate::source::Span;

/// The parts of one graph. `None` where a part could not be read, which is reported.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Prompts, by name.
    pub(super) prompts: BTreeMap<String, Option<Arc<Template>>>,
    /// Schemas that stand in files, by where they are named.
    pub(super) schemas: BTreeMap<Span, Option<Arc<Value>>>,
    /// Plans of subgraphs, by name.
    pub(super) subgraphs: BTreeMap<String, Option<Arc<Plan>>>,
}

impl Parts {
    /// The JSON Schema behind `source`.
    pub(super) fn schema(&self, source: &SchemaSource) -> Option<Arc<Value>> {
        match source {
            SchemaSource::Inline(schema) => Some(Arc::new(schema.tree.to_json())),
            SchemaSource::File(path) => self.schemas.get(&path.span).cloned().flatten(),
        }
    }
}
