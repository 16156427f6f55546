//! Which track a piece stands on: that of the piece that it is within, as long as nothing else of it goes on there, else
//! the first free one beside. On a track slices nest or follow each other.

use crate::export::{Moment, Piece};

/// Tracks, and what happens on them: a track's steps are in order.
pub(super) struct Tracks {
    pub(super) count: usize,
    pub(super) steps: Vec<Step>,
}

/// A slice begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) piece: usize,
    pub(super) track: usize,
    pub(super) begins: bool,
}

pub(super) fn lay_out(pieces: &[Piece]) -> Tracks {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); pieces.len()];
    for (at, piece) in pieces.iter().enumerate() {
        if let Some(parent) = piece.parent {
            children[parent].push(at);
        }
    }
    let (mut track, mut count) = (vec![0; pieces.len()], 1);
    let mut roots: Vec<Vec<usize>> = vec![vec![0]];
    // a piece stands behind the one that it is within, so that one's track is known
    for parent in 0..pieces.len() {
        children[parent].sort_by_key(|&at| pieces[at].from);
        let mut lanes: Vec<(usize, Moment)> = vec![(track[parent], pieces[parent].from)];
        for &child in &children[parent] {
            let piece = &pieces[child];
            let free = lanes.iter().position(|(_, busy)| *busy <= piece.from);
            let lane = free.unwrap_or_else(|| {
                lanes.push((count, piece.from));
                roots.push(Vec::new());
                count += 1;
                lanes.len() - 1
            });
            lanes[lane].1 = piece.to;
            track[child] = lanes[lane].0;
            if track[child] != track[parent] {
                roots[track[child]].push(child);
            }
        }
    }
    let mut steps = Vec::with_capacity(2 * pieces.len());
    for root in roots.into_iter().flatten().filter(|root| *root < pieces.len()) {
        let mut open = vec![(root, true)];
        while let Some((piece, begins)) = open.pop() {
            steps.push(Step { piece, track: track[piece], begins });
            if begins {
                open.push((piece, false));
                let same = children[piece].iter().rev().filter(|&&child| track[child] == track[piece]);
                open.extend(same.map(|&child| (child, true)));
            }
        }
    }
    Tracks { count, steps }
}
