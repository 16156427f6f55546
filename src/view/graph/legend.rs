//! Which kinds of edges a picture has, for whoever explains them.

use super::picture::{EdgeKind, Picture, RegionKind};

/// The kinds that occur, in their order.
pub(super) fn kinds(picture: &Picture) -> Vec<EdgeKind> {
    EdgeKind::ALL.into_iter().filter(|kind| picture.edges.iter().any(|edge| edge.kind == *kind)).collect()
}

/// How much a picture shows: `3 nodes, 1 edge, 1 loop`.
pub(super) fn counts(picture: &Picture) -> String {
    let loops = picture.regions.iter().filter(|region| region.kind == RegionKind::Loop).count();
    let all = [
        (picture.nodes.len(), "node"),
        (picture.edges.len(), "edge"),
        (loops, "loop"),
        (picture.regions.len() - loops, "subgraph"),
    ];
    let told = all.iter().filter(|(count, _)| *count > 0);
    let told = told.map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }));
    let told: Vec<String> = told.collect();
    if told.is_empty() { "no nodes".to_owned() } else { told.join(", ") }
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
