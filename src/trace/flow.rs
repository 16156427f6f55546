//! How a decided edge, a settled node and a finished iteration change what comes next.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, LoopIx, NodeIx};

use super::apply::Legal;
use super::frame::{Frame, LoopState, Ran};
use super::state::{RunState, Task};
use super::work::Stage;
use super::{At, FrameId, GraphError, NodeDecided, NodeError, NodeFinished, NodeResult, Status, WaitFor};

impl RunState {
    pub(crate) fn frame_mut(&mut self, id: FrameId) -> Option<&mut Frame> {
        self.frames.get_mut(id.0 as usize)?.as_deref_mut()
    }

    /// An execution begins: its entries are reached.
    pub(crate) fn open_frame(&mut self, id: FrameId) {
        let Some(frame) = self.frame_mut(id) else { return };
        let plan = Arc::clone(&frame.plan.plan);
        if let Some(wall) = plan.budgets.wall {
            self.agenda.push_back(Task::Wait(WaitFor::Wall(id), wall));
        }
        for &node in plan.order.iter().filter(|node| plan.node(**node).incoming.is_empty()) {
            self.reach(At { frame: id, node });
        }
        if plan.nodes.is_empty() {
            self.agenda.push_back(Task::GraphEnd(id));
        }
    }

    /// A node is reached: it is to be begun, or waits for the rest to end.
    pub(crate) fn reach(&mut self, at: At) {
        let Some(frame) = self.frame_mut(at.frame) else { return };
        if frame.must_park(at.node) {
            frame.node_mut(at.node).stage = Stage::Parked;
            let rank = frame.plan().rank[at.node.0 as usize];
            frame.parked.insert((rank, at.node));
        } else {
            frame.node_mut(at.node).stage = Stage::Ready;
            self.agenda.push_back(Task::Begin(at));
        }
    }

    pub(crate) fn settle_unrun(&mut self, decided: &NodeDecided) {
        if let Some(frame) = self.frame_mut(decided.at.frame) {
            frame.node_mut(decided.at.node).reason = Some(decided.reason.as_str().into());
        }
        self.settle(decided.at, &NodeResult::without_output(decided.status), &decided.taken);
        let Some(frame) = self.frame(decided.at.frame).filter(|_| decided.status == Status::NotReached)
        else {
            return;
        };
        let incoming = frame.plan().node(decided.at.node).incoming.iter().copied();
        let caught: Vec<NodeIx> =
            incoming.filter(|edge| frame.catches(*edge)).map(|edge| frame.plan().edge(edge).from).collect();
        for failed in caught {
            self.note_lost(At { node: failed, ..decided.at });
        }
    }

    /// A node is done: its edges follow, but for those that wait for a loop to be over.
    pub(crate) fn settle(&mut self, at: At, result: &NodeResult, taken: &[EdgeIx]) {
        let Some(frame) = self.frame_mut(at.frame) else { return };
        let plan = Arc::clone(&frame.plan.plan);
        let node = frame.node_mut(at.node);
        node.stage = Stage::Settled;
        node.result = Some(result.clone());
        let in_order = in_order(taken);
        for &edge in &plan.node(at.node).outgoing {
            if plan.edge(edge).leaves.is_empty() {
                self.agenda.push_back(Task::Edge(at.frame, edge, in_order.binary_search(&edge).is_ok()));
            }
        }
        self.note_failure(at, result, taken);
        self.settle_part(at.frame, plan.node(at.node).loops.last().copied());
    }

    /// A failure that no edge caught ends the execution.
    fn note_failure(&mut self, at: At, result: &NodeResult, taken: &[EdgeIx]) {
        let Some(error) = result.error().filter(|_| result.status() == Status::Failed) else { return };
        let Some(frame) = self.frame(at.frame) else { return };
        let catches = |edge: &EdgeIx| matches!(frame.plan().edge(*edge).outcome, EdgeOutcome::Catch(_));
        if !taken.iter().any(catches) {
            let bound = frame.position(at.node);
            self.end_by(at, error, bound);
        }
    }

    fn end_by(&mut self, at: At, error: &Arc<NodeError>, bound: Vec<u32>) {
        let Some(frame) = self.frame(at.frame) else { return };
        let node = match &error.path {
            Some(inside) => format!("{}/{inside}", frame.plan().node(at.node).id),
            None => frame.plan().node(at.node).id.to_string(),
        };
        self.end_frame(at.frame, bound, GraphError { node: Some(node), error: Arc::clone(error) });
    }

    /// A failure that was caught, and whose edges lead to nothing that starts, ends the execution after all: at the place
    /// where that is decided, for what is before it may not depend on who was faster.
    fn note_lost(&mut self, at: At) {
        let Some(frame) = self.frame(at.frame) else { return };
        let result = frame.node(at.node).result.as_ref();
        let Some(error) = result.and_then(NodeResult::error).cloned() else { return };
        if let Some(bound) = frame.lost_at(at.node) {
            self.end_by(at, &error, bound);
        }
    }

    /// A part of a loop's body, or of the whole execution, is settled.
    fn settle_part(&mut self, id: FrameId, around: Option<LoopIx>) {
        let Some(frame) = self.frame_mut(id) else { return };
        let open = match around {
            Some(l) => &mut frame.loops[l.0 as usize].open,
            None => &mut frame.open,
        };
        *open = open.saturating_sub(1);
        if *open == 0 {
            self.agenda.push_back(around.map_or(Task::GraphEnd(id), |l| Task::LoopEnd(id, l)));
        }
    }

    pub(crate) fn exhaust(&mut self, finished: &NodeFinished) -> Legal {
        let at = finished.at;
        let head = self.agenda.front();
        if !matches!(head, Some(Task::LoopEnd(frame, _)) if *frame == at.frame) {
            return Err("no loop of the node is over");
        }
        let frame = self.frame_mut(at.frame).ok_or("there is no such execution")?;
        if frame.node(at.node).stage != Stage::Settled {
            return Err("the node is not done");
        }
        frame.node_mut(at.node).result = Some(finished.result.clone());
        self.note_failure(at, &finished.result, &finished.taken);
        Ok(())
    }

    pub(crate) fn decide_edge(&mut self, id: FrameId, at: EdgeIx, taken: bool) -> Legal {
        self.done(Task::Edge(id, at, taken))?;
        let Some(frame) = self.frame_mut(id) else { return Ok(()) };
        let plan = Arc::clone(&frame.plan.plan);
        let edge = plan.edge(at);
        frame.edges[at.0 as usize] = Some(taken);
        let follows = taken && (edge.outcome == EdgeOutcome::Always || frame.node(edge.from).via_always);
        if let Some(l) = edge.turns {
            let turning = &mut frame.loops[l.0 as usize].turning;
            if taken {
                *turning = Some(turning.unwrap_or(false) || follows);
            }
            return Ok(());
        }
        let target = frame.node_mut(edge.to);
        target.pending = target.pending.saturating_sub(1);
        target.via_always |= follows;
        if target.pending == 0 {
            self.join(At { frame: id, node: edge.to });
        }
        if !taken && matches!(edge.outcome, EdgeOutcome::Catch(_)) {
            self.note_lost(At { frame: id, node: edge.from });
        }
        Ok(())
    }

    /// Every forward edge to a node is decided.
    fn join(&mut self, at: At) {
        let Some(frame) = self.frame_mut(at.frame) else { return };
        if frame.is_reached(at.node) {
            self.reach(at);
        } else {
            frame.node_mut(at.node).stage = Stage::Ready;
            self.agenda.push_back(Task::NotReached(at));
        }
    }

    pub(crate) fn turn(&mut self, id: FrameId, l: LoopIx, iteration: u32) -> Legal {
        let frame = self.frame(id).ok_or("there is no such execution")?;
        let now = &frame.loops[l.0 as usize];
        if iteration != now.iteration + 1 {
            return Err("iterations are counted one by one");
        }
        let via_always = now.turning.ok_or("no loop edge was taken")?;
        self.done(Task::LoopEnd(id, l))?;
        let Some(frame) = self.frame_mut(id) else { return Ok(()) };
        frame.turn_channels(l);
        frame.reset_body(l, iteration);
        let plan = Arc::clone(&frame.plan.plan);
        let turned = &plan.loops[l.0 as usize];
        let at = At { frame: id, node: turned.target };
        let target = frame.node_mut(turned.target);
        target.via_always = via_always;
        if turned.delay.is_zero() {
            self.reach(at);
        } else {
            target.stage = Stage::Delayed;
            frame.running.insert(turned.target);
            self.agenda.push_back(Task::Wait(WaitFor::Delay(id, l), turned.delay));
        }
        Ok(())
    }

    pub(crate) fn end_loop(&mut self, id: FrameId, l: LoopIx, taken: &[EdgeIx]) -> Legal {
        self.done(Task::LoopEnd(id, l))?;
        let Some(frame) = self.frame_mut(id) else { return Ok(()) };
        let (plan, index) = (Arc::clone(&frame.plan.plan), Arc::clone(&frame.plan.index));
        let taken = in_order(taken);
        for &edge in &index.loops[l.0 as usize].held {
            self.agenda.push_back(Task::Edge(id, edge, taken.binary_search(&edge).is_ok()));
        }
        self.settle_part(id, plan.loops[l.0 as usize].outer.last().copied());
        Ok(())
    }

    pub(crate) fn note_ran(&mut self, at: At) {
        let Some(frame) = self.frame_mut(at.frame) else { return };
        let iterations = frame.iterations(at.node);
        frame.ran.push(Ran { node: at.node, iterations, inside: Vec::new() });
        frame.node_mut(at.node).ran += 1;
    }
}

impl Frame {
    /// `some`: one edge; `all`: one from each source node.
    fn is_reached(&self, at: NodeIx) -> bool {
        let node = self.plan().node(at);
        let taken = |edge: &EdgeIx| self.edges[edge.0 as usize] == Some(true);
        match node.join {
            Join::Some => node.incoming.iter().any(taken),
            Join::All => {
                let from = |edge: &EdgeIx| self.plan().edge(*edge).from;
                let mut sources: Vec<_> =
                    node.incoming.iter().map(|edge| (from(edge), taken(edge))).collect();
                sources.sort_unstable();
                sources.chunk_by(|a, b| a.0 == b.0).all(|edges| edges.iter().any(|(_, taken)| *taken))
            }
        }
    }

    /// Was an edge taken that catches what its source has failed with?
    fn catches(&self, at: EdgeIx) -> bool {
        self.is_for_failure(at) && self.edges[at.0 as usize] == Some(true)
    }

    /// Is the edge one for what its source has failed with? What was taken for another failure, before a loop had run out,
    /// handles nothing of that.
    fn is_for_failure(&self, at: EdgeIx) -> bool {
        let edge = self.plan().edge(at);
        let error = self.node(edge.from).result.as_ref().and_then(NodeResult::error);
        error.is_some_and(|error| edge.catches(&error.kind))
    }

    /// Does an edge that was taken lead on: to a node that starts, or round a loop?
    fn leads_on(&self, at: EdgeIx) -> bool {
        let edge = self.plan().edge(at);
        let result = self.node(edge.to).result.as_ref();
        edge.turns.is_some() || result.is_none_or(|result| result.status() != Status::NotReached)
    }

    /// The place where a failure turned out to be handled by nothing, though edges caught it.
    fn lost_at(&self, failed: NodeIx) -> Option<Vec<u32>> {
        let mut last = None;
        for &at in &self.plan().node(failed).outgoing {
            let edge = self.plan().edge(at);
            if !self.is_for_failure(at) || self.edges[at.0 as usize] == Some(false) {
                continue;
            }
            // not decided yet, or handled
            if self.edges[at.0 as usize].is_none() || self.leads_on(at) {
                return None;
            }
            last = last.max(Some(self.position(edge.to)));
        }
        last.map(|place| place.max(self.position(failed)))
    }

    /// The first node of a body, all of which is done, whose failure no edge within it handles.
    pub(crate) fn unhandled_within(&self, l: LoopIx) -> Option<NodeIx> {
        let unhandled = |at: &NodeIx| {
            let node = self.node(*at);
            let failed = node.result.as_ref().is_some_and(|result| result.status() == Status::Failed);
            let outgoing = &self.plan().node(*at).outgoing;
            failed && !outgoing.iter().any(|edge| self.catches(*edge) && self.leads_on(*edge))
        };
        self.plan().loops[l.0 as usize].body.iter().copied().find(unhandled)
    }

    /// As if nothing of a body had ever run.
    fn reset_body(&mut self, l: LoopIx, iteration: u32) {
        let (plan, index) = (Arc::clone(&self.plan.plan), Arc::clone(&self.plan.index));
        let facts = &index.loops[l.0 as usize];
        for &node in &plan.loops[l.0 as usize].body {
            self.node_mut(node).reset(index.incoming[node.0 as usize]);
        }
        for edge in &facts.inner_edges {
            self.edges[edge.0 as usize] = None;
        }
        for inner in &facts.inner_loops {
            self.loops[inner.0 as usize] = LoopState::new(index.loops[inner.0 as usize].parts);
        }
        self.loops[l.0 as usize] = LoopState { iteration, ..LoopState::new(facts.parts) };
    }

    /// Does the present iteration of a loop hold the node at which the execution ends? Then the loop turns no more.
    pub(crate) fn ends_inside(&self, l: LoopIx) -> bool {
        let Some(ending) = &self.ending else { return false };
        let turned = &self.plan().loops[l.0 as usize];
        let mut place = self.position(turned.target);
        place.truncate(2 * turned.outer.len() + 2);
        ending.bound.starts_with(&place)
    }

    /// The place in canonical order at which the next iteration of a loop begins.
    pub(crate) fn next_turn(&self, l: LoopIx) -> Vec<u32> {
        let turned = &self.plan().loops[l.0 as usize];
        let mut iterations = self.iterations(turned.target).into_vec();
        let depth = turned.outer.len();
        iterations.truncate(depth + 1);
        iterations[depth] += 1;
        iterations.resize(self.plan().node(turned.target).loops.len(), 1);
        super::frame::position(self.plan(), turned.target, &iterations)
    }
}

/// The edges by number: a node may have thousands, and each of them is looked up.
fn in_order(edges: &[EdgeIx]) -> Cow<'_, [EdgeIx]> {
    if edges.is_sorted() {
        return Cow::Borrowed(edges);
    }
    let mut sorted = edges.to_vec();
    sorted.sort_unstable();
    Cow::Owned(sorted)
}
