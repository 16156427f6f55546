//! Which nodes may run at once: the earliest step that each can run in, if every edge is taken. Knows no limits of
//! concurrency and no conditions.

use super::{NodeIx, Plan};

impl Plan {
    /// For each node, by [`NodeIx`], its step from 1: after all that an edge leads from, and after the whole body of
    /// a loop that such an edge leaves. Nodes of one step wait for none of each other. The steps of a loop's body are
    /// those of its first iteration.
    pub fn steps(&self) -> Vec<u32> {
        let mut steps = vec![0; self.nodes.len()];
        // what an edge comes from, and the body of a loop that it leaves, come first in the canonical order
        for &at in &self.order {
            let before = self.node(at).incoming.iter().map(|&edge| {
                let edge = self.edge(edge);
                match edge.leaves.last() {
                    Some(outermost) => latest(&steps, &self.loops[outermost.0 as usize].body),
                    None => latest(&steps, &[edge.from]),
                }
            });
            steps[at.0 as usize] = before.max().unwrap_or(0) + 1;
        }
        steps
    }
}

fn latest(steps: &[u32], nodes: &[NodeIx]) -> u32 {
    nodes.iter().map(|at| steps[at.0 as usize]).max().unwrap_or(0)
}
