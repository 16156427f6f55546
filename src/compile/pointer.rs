//! Follows a JSON pointer (RFC 6901) into a tree.

use crate::document::{Tree, Value};

/// The value that a pointer leads to.
pub(super) fn find<'t>(tree: &'t Tree, pointer: &str) -> Option<&'t Tree> {
    pointer.split('/').skip(1).try_fold(tree, |tree, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match &tree.value {
            Value::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => tree.get(&step),
        }
    })
}
