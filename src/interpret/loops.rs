//! The end of an iteration: the loop turns, or is over.

use crate::plan::{EdgeIx, LoopIx, NodeIx};
use crate::trace::{At, EventBody, Frame, FrameId, NodeFinished, NodeResult, RunState, Status};

use super::edges::{Decided, Source};

/// Every node of the body is decided and finished.
pub(super) fn end(state: &RunState, id: FrameId, l: LoopIx) -> Vec<EventBody> {
    let Some(frame) = state.frame(id) else { return Vec::new() };
    let iteration = frame.loops[l.0 as usize].iteration;
    if let Some(node) = lost(frame, l) {
        let result = frame.node(node).result.clone();
        let lost =
            result.map(|result| NodeFinished { at: At { frame: id, node }, result, taken: Vec::new() });
        return lost.map(|lost| EventBody::NodeExhausted(Box::new(lost))).into_iter().collect();
    }
    if may_turn(frame, l) {
        return vec![EventBody::LoopTurned { frame: id, at: l, iteration: iteration + 1 }];
    }
    let mut taken = Vec::new();
    for (node, held) in held(frame, l) {
        let Some(result) = &frame.node(node).result else { continue };
        let writes = frame.own_writes(node);
        let source = Source { state, frame, node, writes: &writes, over: Some(l) };
        let Decided { result: after, taken: mut holding } = source.decide(result.clone());
        holding.retain(|edge| held.contains(edge) || waits(frame, *edge, l));
        if ran_out(&after, result) || is_uncaught(frame, (node, result), &held, &holding) {
            let at = At { frame: id, node };
            let failed = NodeFinished { at, result: after, taken: holding };
            return vec![EventBody::NodeExhausted(Box::new(failed))];
        }
        taken.extend(holding.into_iter().filter(|edge| held.contains(edge)));
    }
    vec![EventBody::LoopFinished { frame: id, at: l, iterations: iteration, taken }]
}

/// A node whose failure would be forgotten if the loop turned: what catches it leaves the loop, and is followed only when
/// that is over. After a failure that ends the execution, one on an `always` path is recorded, and nothing more.
fn lost(frame: &Frame, l: LoopIx) -> Option<NodeIx> {
    let counts = frame.ending.as_ref().is_none_or(|ending| frame.next_turn(l) < ending.bound);
    if counts && may_turn(frame, l) { frame.unhandled_within(l) } else { None }
}

/// Does the edge wait for a loop further out to be over? The others were decided when the node was done, or a loop
/// further in was over: what a node comes to only now is nothing that one of them handles.
fn waits(frame: &Frame, edge: EdgeIx, l: LoopIx) -> bool {
    let outermost = frame.plan().edge(edge).leaves.last();
    outermost.is_some_and(|left| frame.plan().loops[l.0 as usize].outer.contains(left))
}

/// A failure that was caught by a loop edge alone, which has run out: nothing handles it any more. What ends the execution
/// already is not told again.
fn is_uncaught(
    frame: &Frame,
    (node, result): (NodeIx, &NodeResult),
    held: &[EdgeIx],
    holding: &[EdgeIx],
) -> bool {
    let Some(error) = result.error().filter(|_| result.status() == Status::Failed) else { return false };
    let caught = |edge: &EdgeIx| {
        let decided = !held.contains(edge) && frame.edges[edge.0 as usize] == Some(true);
        (decided || holding.contains(edge)) && frame.plan().edge(*edge).catches(&error.kind)
    };
    let ends = frame.ending.as_ref().is_some_and(|ending| ending.bound <= frame.position(node));
    !ends && !frame.plan().node(node).outgoing.iter().any(caught)
}

/// The decision has turned a node that was done into one that failed.
fn ran_out(after: &NodeResult, before: &NodeResult) -> bool {
    let kind = |result: &NodeResult| result.error().map(|error| error.kind.clone());
    kind(after) != kind(before)
}

/// The edges that wait for the end of a loop, by source.
fn held(frame: &Frame, l: LoopIx) -> Vec<(NodeIx, Vec<EdgeIx>)> {
    let mut by_source: Vec<(NodeIx, Vec<EdgeIx>)> = Vec::new();
    for &edge in &frame.plan.index.loops[l.0 as usize].held {
        let from = frame.plan().edge(edge).from;
        match by_source.last_mut() {
            Some((source, edges)) if *source == from => edges.push(edge),
            _ => by_source.push((from, vec![edge])),
        }
    }
    by_source
}

/// Was a loop edge taken, and may another iteration begin? In an execution that ends, only before the failure, or on
/// an `always` path.
fn may_turn(frame: &Frame, l: LoopIx) -> bool {
    let Some(via_always) = frame.loops[l.0 as usize].turning else { return false };
    let Some(ending) = &frame.ending else { return true };
    !frame.ends_inside(l) && (frame.next_turn(l) < ending.bound || (via_always && ending.always))
}
