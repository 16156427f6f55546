//! The schemas of each kind's parameters and output, parsed once.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::model::Uses;
use crate::schema;

static INPUTS: LazyLock<BTreeMap<Uses, Arc<Value>>> = LazyLock::new(|| all(schema::tool_input));
static OUTPUTS: LazyLock<BTreeMap<Uses, Arc<Value>>> = LazyLock::new(|| all(schema::tool_output));

/// The JSON Schema of a kind's parameters.
pub(super) fn input(uses: Uses) -> Option<&'static Value> {
    INPUTS.get(&uses).map(AsRef::as_ref)
}

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
    fn every_kind_has_both_schemas() {
        for uses in Uses::ALL {
            assert!(input(uses).is_some(), "no input schema of `{}`", uses.as_str());
            assert!(output(uses).is_some(), "no output schema of `{}`", uses.as_str());
        }
    }
}
