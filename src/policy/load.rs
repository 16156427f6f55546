//! A frozen layer → its parsed and checked policies. Opens no file: what a layer includes comes with it.

use serde_json::Value;

use crate::diag::Diagnostics;
use crate::document::{Limits, Syntax, parse};
use crate::effect::FrozenLayer;
use crate::model::policy::decode_policy;
use crate::source::Sources;

use super::check::check_policy;
use super::freeze::MAX_DEPTH;
use super::layer::Part;

/// A layer's own policy and those it includes, the layer's own first.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) parts: Vec<Part>,
    /// What each part says, for the digest.
    pub(super) contents: Vec<Value>,
}

/// Reads a layer and what it includes. `None` where there was an error.
pub(super) fn load(
    layer: &FrozenLayer,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Loaded> {
    load_at(layer, 0, sources, diagnostics)
}

fn load_at(
    layer: &FrozenLayer,
    depth: usize,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Loaded> {
    let file = sources.add(layer.name.as_str(), layer.text.as_str());
    let parsed = parse(sources, file, syntax_of(&layer.syntax), &Limits::default(), diagnostics)?;
    let policy = decode_policy(&parsed.tree, &parsed.damage, diagnostics)?;
    check_policy(&policy, diagnostics);
    let names: Vec<&str> = policy.include.iter().map(|name| name.value.as_str()).collect();
    if names.len() != layer.includes.len() || depth > MAX_DEPTH {
        super::check::include_missing(&policy, &layer.name, diagnostics);
        return None;
    }
    let contents = vec![parsed.tree.to_json()];
    let mut loaded = Loaded { parts: vec![Part { file: layer.name.clone(), policy }], contents };
    for include in &layer.includes {
        let inner = load_at(include, depth + 1, sources, diagnostics)?;
        loaded.parts.extend(inner.parts);
        loaded.contents.extend(inner.contents);
    }
    Some(loaded)
}

/// The syntax that a frozen layer names; YAML where it names none that is known, which then fails to parse.
fn syntax_of(name: &str) -> Syntax {
    match name {
        "toml" => Syntax::Toml,
        "json" => Syntax::Json,
        _ => Syntax::Yaml,
    }
}
