//! The schemas of each kind's output, parsed once.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::model::Uses;
use crate::schema;

static OUTPUTS: LazyLock<BTreeMap<Uses, Arc<Value>>> = LazyLock::new(|| all(schema::tool_output));

/// The JSON Schema of a kind's output.
pub(super) fn output(uses: Uses) -> Option<Arc<Value>> {
    OUTPUTS.get(&uses).cloned()
}

fn all(text: impl Fn(&str) -> Option<&'static str>) -> BTreeMap<Uses, Arc<Value>> {
    let parsed = |uses: Uses| {
        let schema = serde_json::from_str(text(uses.as_str())?).ok()?;
        Some((uses, Arc::new(schema)))
    };
    Uses::ALL.into_iter().filter_map(parsed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_schema() {
        for uses in Uses::ALL {
            assert!(output(uses).is_some(), "no output schema of `{}`", uses.as_str());
        }
    }
}
