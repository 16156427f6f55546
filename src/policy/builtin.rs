//! The policies that are part of the program. Their texts are the files in `policies/`.

use std::collections::BTreeSet;

use crate::effect::{FrozenLayer, LayerRole};

/// The layer of a workspace that nobody trusts, and the grant where there is no policy at all.
pub const CONTAINED: &str = "builtin:contained";

/// The ceiling that turns what a run may change into questions: the setting `approvals.mutations: ask`.
pub const ASK_MUTATIONS: &str = "builtin:ask-mutations";

/// The names of all built-in layers.
pub const BUILTINS: [&str; 6] =
    [CONTAINED, "builtin:rust", "builtin:python", "builtin:node", "builtin:go", ASK_MUTATIONS];

/// A built-in layer in a role. `builtin:contained` has two texts: as the grant it asks before a patch and knows no
/// command; as a ceiling it narrows what others grant.
pub fn builtin(name: &str, role: LayerRole) -> Option<FrozenLayer> {
    let text = match (name, role) {
        (CONTAINED, LayerRole::Ceiling) => include_str!("../../policies/contained.ceiling.yaml"),
        (CONTAINED, _) => include_str!("../../policies/contained.yaml"),
        ("builtin:rust", _) => include_str!("../../policies/rust.yaml"),
        ("builtin:python", _) => include_str!("../../policies/python.yaml"),
        ("builtin:node", _) => include_str!("../../policies/node.yaml"),
        ("builtin:go", _) => include_str!("../../policies/go.yaml"),
        (ASK_MUTATIONS, _) => include_str!("../../policies/ask-mutations.yaml"),
        _ => return None,
    };
    Some(FrozenLayer {
        name: name.to_owned(),
        role,
        text: text.to_owned(),
        syntax: "yaml".to_owned(),
        includes: Vec::new(),
        within: BTreeSet::new(),
    })
}
