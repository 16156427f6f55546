//! Which kinds of edges a picture has, for whoever explains them.

use super::picture::{EdgeKind, Picture};

/// The kinds that occur, in their order.
pub(super) fn kinds(picture: &Picture) -> Vec<EdgeKind> {
    EdgeKind::ALL.into_iter().filter(|kind| picture.edges.iter().any(|edge| edge.kind == *kind)).collect()
}

/// What the line of a kind looks like, in words.
pub(super) fn look(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Success => "solid",
        EdgeKind::Otherwise => "long dashes",
        EdgeKind::Catch => "short dashes",
        EdgeKind::Always => "dots",
        EdgeKind::Again => "thick, upwards at the right",
    }
}
