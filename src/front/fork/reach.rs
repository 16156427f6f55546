//! Which nodes of a graph come from a node on, and which iterations of them. Knows no run.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::plan::{NodeIx, Plan};

/// From where on a graph is executed again.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    plan: &'a Plan,
    from: NodeIx,
    iteration: Vec<u32>,
    /// What edges lead to that turn no loop.
    forward: BTreeSet<NodeIx>,
    /// What any edges lead to.
    any: BTreeSet<NodeIx>,
}

impl<'a> Reach<'a> {
    /// From `from` on, in this iteration of the loops around it; without one, from its first.
    pub(super) fn of(plan: &'a Plan, from: NodeIx, iteration: &[u32]) -> Self {
        let mut iteration = iteration.to_vec();
        iteration.resize(plan.node(from).loops.len(), 1);
        let led_to = |turning: bool| {
            let mut found = BTreeSet::new();
            let mut open = vec![from];
            while let Some(at) = open.pop() {
                let edges =
                    plan.edges.iter().filter(|edge| edge.from == at && (turning || edge.turns.is_none()));
                open.extend(edges.map(|edge| edge.to).filter(|to| found.insert(*to)));
            }
            found
        };
        Self { plan, from, iteration, forward: led_to(false), any: led_to(true) }
    }

    /// Does it come on in no iteration at all?
    pub(super) fn leaves_alone(&self, node: NodeIx) -> bool {
        node != self.from && !self.any.contains(&node)
    }

    /// Is this iteration of a node behind where it begins again? Then its result stays.
    pub(super) fn leaves(&self, node: NodeIx, iteration: &[u32]) -> bool {
        if self.leaves_alone(node) {
            return true;
        }
        let (own, other) = (&self.plan.node(self.from).loops, &self.plan.node(node).loops);
        let common = own.iter().zip(other).take_while(|(a, b)| a == b).count();
        let before = |numbers: &[u32]| numbers[..common.min(numbers.len())].to_vec();
        match before(iteration).cmp(&before(&self.iteration)) {
            Ordering::Less => true,
            Ordering::Equal => node != self.from && !self.forward.contains(&node),
            Ordering::Greater => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::compile::check_bundle;
    use crate::diag::Diagnostics;
    use crate::effect::{BundledFile, GraphBundle};
    use crate::source::Sources;

    use super::*;

    const GRAPH: &str = "schema: lgflow.graph/v1\nname: g\nnodes:\n  first: { uses: values }\n  head: { uses: values }\n  \
        body: { uses: values }\n  last: { uses: values }\n  aside: { uses: values }\nedges:\n  - first -> head -> body\n  \
        - { from: body, to: head, when: \"loops.head.iteration < 3\", loop: { max: 3 } }\n  - body -> last\n  - first -> aside\n";

    #[test]
    fn what_comes_before_stays_iteration_by_iteration() {
        let file = BundledFile { path: "g.yaml".into(), name: "g.yaml".into(), text: GRAPH.into() };
        let bundle = GraphBundle { root: "g.yaml".into(), files: vec![file] };
        let mut found = Diagnostics::default();
        let plan =
            check_bundle(&bundle, &mut Sources::default(), &mut found).unwrap_or_else(|| panic!("{found:?}"));
        let ix = |id: &str| NodeIx(plan.nodes.iter().position(|node| node.id.as_str() == id).unwrap() as u32);
        let second = Reach::of(&plan, ix("body"), &[2]);
        let table = [
            ("first", &[][..], true),
            ("aside", &[], true),
            ("head", &[1], true),
            ("body", &[1], true),
            ("head", &[2], true),
            ("body", &[2], false),
            ("head", &[3], false),
            ("last", &[], false),
        ];
        for (node, iteration, stays) in table {
            assert_eq!(second.leaves(ix(node), iteration), stays, "{node}{iteration:?}");
        }
        let whole = Reach::of(&plan, ix("head"), &[]);
        assert!(
            !whole.leaves(ix("head"), &[1])
                && !whole.leaves(ix("body"), &[1])
                && whole.leaves(ix("aside"), &[])
        );
    }
}
