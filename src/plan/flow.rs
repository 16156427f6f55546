//! The shape of a sound graph: which loops there are, what their bodies are, and the canonical order. Knows nodes and
//! edges by number alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Loops around one node. Each has a counter of its own, and nothing is ever told of a node without all of them.
pub const LOOPS_AROUND: usize = 32;

/// An arrow between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrow {
    /// The source.
    pub from: u32,
    /// The target.
    pub to: u32,
    /// Does it turn a loop?
    pub turns: bool,
}

/// A loop with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The node that the loop is named by.
    pub target: u32,
    /// In canonical order; the target is the first.
    pub nodes: Vec<u32>,
    /// Its loop arrows, by number, ascending.
    pub arrows: Vec<usize>,
}

/// The structure of a graph all of whose loops are sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Outer loops before inner ones, in canonical order of their targets.
    pub loops: Vec<Body>,
    /// For each node the loops that it is in, outermost first, as numbers into `loops`.
    pub around: Vec<Vec<u32>>,
    /// The nodes in canonical order.
    pub order: Vec<u32>,
}

/// A loop arrow whose target already has [`LOOPS_AROUND`] loops around it. The graph has no sidestep.
pub fn too_many_loops_around(nodes: usize, arrows: &[Arrow]) -> Option<usize> {
    bodies(nodes, arrows).err()
}

impl Flow {
    /// The structure of a graph that has neither [`cycles`](super::cycles) nor [`sidesteps`](super::sidesteps); `None`
    /// where there are [`too_many_loops_around`] a node.
    pub fn of(nodes: usize, arrows: &[Arrow]) -> Option<Self> {
        let mut loops = bodies(nodes, arrows).ok()?;
        // a body that contains another is the greater one, so this puts outer loops before inner ones
        loops.sort_by_key(|body| (Reverse(body.nodes.len()), body.target));
        let around = surroundings(nodes, &loops);
        let order = canonical_order(nodes, arrows, &loops, &around);
        Some(in_canonical_order(loops, order, nodes))
    }

    /// For each node its place in `order`.
    pub fn ranks(&self) -> Vec<u32> {
        ranks(&self.order)
    }

    /// The loops that an arrow from `from` to `to` leaves, innermost first.
    pub fn leaves(&self, from: u32, to: u32) -> Vec<u32> {
        let (inside, outside) = (&self.around[from as usize], &self.around[to as usize]);
        let common = inside.iter().zip(outside).take_while(|(a, b)| a == b).count();
        inside[common..].iter().rev().copied().collect()
    }
}

/// For each node the arrows that lead to it, by number, of those that are wanted.
pub(super) fn incoming(nodes: usize, arrows: &[Arrow], wanted: impl Fn(&Arrow) -> bool) -> Vec<Vec<usize>> {
    let mut incoming = vec![Vec::new(); nodes];
    for (at, arrow) in arrows.iter().enumerate().filter(|(_, arrow)| wanted(arrow)) {
        incoming[arrow.to as usize].push(at);
    }
    incoming
}

/// The natural loops (Aho, Sethi, Ullman, *Compilers*, 10.4), those of one target taken together; or a loop arrow
/// that puts one loop too many around a node.
fn bodies(nodes: usize, arrows: &[Arrow]) -> Result<Vec<Body>, usize> {
    let mut turning: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, arrow) in arrows.iter().enumerate().filter(|(_, arrow)| arrow.turns) {
        turning.entry(arrow.to).or_default().push(at);
    }
    if turning.is_empty() {
        return Ok(Vec::new());
    }
    let incoming = incoming(nodes, arrows, |_| true);
    let mut around = vec![0; nodes];
    let mut bodies = Vec::with_capacity(turning.len());
    for (target, turning) in turning {
        let nodes = body(target, &turning, arrows, &incoming);
        for &node in &nodes {
            around[node as usize] += 1;
            if around[node as usize] > LOOPS_AROUND {
                return Err(turning[0]);
            }
        }
        bodies.push(Body { target, nodes, arrows: turning });
    }
    Ok(bodies)
}

fn body(target: u32, turning: &[usize], arrows: &[Arrow], incoming: &[Vec<usize>]) -> Vec<u32> {
    let mut members = BTreeSet::from([target]);
    let mut stack: Vec<u32> = turning.iter().map(|&at| arrows[at].from).collect();
    while let Some(at) = stack.pop() {
        if members.insert(at) {
            stack.extend(incoming[at as usize].iter().map(|&by| arrows[by].from));
        }
    }
    members.into_iter().collect()
}

fn surroundings(nodes: usize, loops: &[Body]) -> Vec<Vec<u32>> {
    let mut around = vec![Vec::new(); nodes];
    for (at, body) in loops.iter().enumerate() {
        for &node in &body.nodes {
            around[node as usize].push(at as u32);
        }
    }
    around
}

/// A thing to be ordered among its neighbours: a node, or a loop that counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Node(u32),
    Loop(u32),
}

/// What stands directly in the graph, or directly in one loop.
#[derive(Default)]
struct Level {
    items: Vec<Item>,
    arrows: Vec<(Item, Item)>,
}

fn canonical_order(nodes: usize, arrows: &[Arrow], loops: &[Body], around: &[Vec<u32>]) -> Vec<u32> {
    let levels = levels(nodes, arrows, loops, around);
    let mut order = Vec::with_capacity(nodes);
    let mut stack: Vec<Item> = sorted(&levels[0], loops);
    stack.reverse();
    while let Some(item) = stack.pop() {
        match item {
            Item::Node(node) => order.push(node),
            Item::Loop(inner) => stack.extend(sorted(&levels[inner as usize + 1], loops).into_iter().rev()),
        }
    }
    order
}

/// The graph itself is level 0, loop N is level N + 1.
fn levels(nodes: usize, arrows: &[Arrow], loops: &[Body], around: &[Vec<u32>]) -> Vec<Level> {
    let mut levels: Vec<Level> = std::iter::repeat_with(Level::default).take(loops.len() + 1).collect();
    let home = |chain: &[u32]| chain.last().map_or(0, |&innermost| innermost as usize + 1);
    for node in 0..nodes {
        levels[home(&around[node])].items.push(Item::Node(node as u32));
    }
    for (at, body) in loops.iter().enumerate() {
        let chain = &around[body.target as usize];
        let depth = chain.iter().position(|&inner| inner == at as u32).unwrap_or_default();
        levels[home(&chain[..depth])].items.push(Item::Loop(at as u32));
    }
    for arrow in arrows.iter().filter(|arrow| !arrow.turns) {
        let (from, to) = (&around[arrow.from as usize], &around[arrow.to as usize]);
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let item =
            |chain: &[u32], node| chain.get(common).map_or(Item::Node(node), |&inner| Item::Loop(inner));
        let pair = (item(from, arrow.from), item(to, arrow.to));
        levels[home(&from[..common])].arrows.push(pair);
    }
    levels
}

/// Kahn's algorithm with a heap: of what is ready, the first in the file. A loop stands at its target's place.
fn sorted(level: &Level, loops: &[Body]) -> Vec<Item> {
    let place = |item: Item| match item {
        Item::Node(node) => node,
        Item::Loop(at) => loops[at as usize].target,
    };
    // within one level the place of an item is its own: a target stands inside of its loop, one level down
    let mut waiting: BTreeMap<u32, usize> = level.items.iter().map(|&item| (place(item), 0)).collect();
    let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let item_at: BTreeMap<u32, Item> = level.items.iter().map(|&item| (place(item), item)).collect();
    for &(from, to) in &level.arrows {
        next.entry(place(from)).or_default().push(place(to));
        if let Some(count) = waiting.get_mut(&place(to)) {
            *count += 1;
        }
    }
    let mut ready: BinaryHeap<Reverse<u32>> =
        waiting.iter().filter(|&(_, &count)| count == 0).map(|(&at, _)| Reverse(at)).collect();
    let mut order = Vec::with_capacity(level.items.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(item_at[&at]);
        for &to in next.get(&at).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(&to) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(to));
                }
            }
        }
    }
    order
}

fn ranks(order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    for (rank, &node) in order.iter().enumerate() {
        ranks[node as usize] = rank as u32;
    }
    ranks
}

fn in_canonical_order(mut loops: Vec<Body>, order: Vec<u32>, nodes: usize) -> Flow {
    let rank = ranks(&order);
    for body in &mut loops {
        body.nodes.sort_by_key(|&node| rank[node as usize]);
    }
    loops.sort_by_key(|body| rank[body.target as usize]);
    let around = surroundings(nodes, &loops);
    Flow { loops, around, order }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::plan::soundness::for_tests::{arrow, back, graphs};
    use crate::plan::{Cycle, cycles, sidesteps};

    #[test]
    fn ties_go_by_the_place_in_the_file() {
        // 0 and 2 are ready together; 1 waits for 2
        let flow = Flow::of(4, &[arrow(2, 1), arrow(0, 3), arrow(1, 3)]).unwrap();
        assert_eq!(flow.order, [0, 2, 1, 3]);
        assert_eq!(flow.ranks(), [0, 2, 1, 3]);
    }

    #[test]
    fn a_loop_stands_together_and_its_target_is_its_first() {
        // h, z, t: z is no member of the loop h -> t -> h, and stands behind it although it is before t in the file
        let flow = Flow::of(3, &[arrow(0, 1), arrow(0, 2), back(2, 0)]).unwrap();
        assert_eq!(flow.loops, [Body { target: 0, nodes: vec![0, 2], arrows: vec![2] }]);
        assert_eq!(flow.order, [0, 2, 1]);
        assert_eq!(flow.leaves(0, 1), [0]);
    }

    #[test]
    fn loops_with_one_target_are_one_and_inner_loops_come_later() {
        // 0 -> 1 -> 2 -> 3; 2 turns 1, and 3 and 1 turn 0
        let arrows = [arrow(0, 1), arrow(1, 2), arrow(2, 3), back(2, 1), back(3, 0), back(1, 0)];
        let flow = Flow::of(4, &arrows).unwrap();
        let outer = Body { target: 0, nodes: vec![0, 1, 2, 3], arrows: vec![4, 5] };
        let inner = Body { target: 1, nodes: vec![1, 2], arrows: vec![3] };
        assert_eq!(flow.loops, [outer, inner]);
        assert_eq!(flow.around, [vec![0], vec![0, 1], vec![0, 1], vec![0]]);
        assert_eq!(flow.leaves(1, 0), [1]);
        assert_eq!(flow.leaves(1, 2), [] as [u32; 0]);
    }

    #[test]
    fn a_node_may_turn_itself() {
        let flow = Flow::of(2, &[arrow(0, 1), back(0, 0)]).unwrap();
        assert_eq!(flow.loops, [Body { target: 0, nodes: vec![0], arrows: vec![1] }]);
    }

    #[test]
    fn a_long_chain_neither_overflows_nor_takes_square_time() {
        let count = 100_000;
        let mut arrows: Vec<Arrow> = (1..count).map(|at| arrow(at - 1, at)).collect();
        arrows.push(back(count - 1, 0));
        assert_eq!(cycles(count as usize, &arrows), [] as [Cycle; 0]);
        assert_eq!(sidesteps(count as usize, &arrows), []);
        let flow = Flow::of(count as usize, &arrows).unwrap();
        assert_eq!(flow.order.len(), count as usize);
    }

    /// Can a source of the loop be reached from `node` without passing the target? Straight from the definition.
    fn in_body(nodes: usize, arrows: &[Arrow], target: u32, node: u32) -> bool {
        let source = |at| arrows.iter().any(|a| a.turns && a.to == target && a.from == at);
        let mut seen = vec![false; nodes];
        let mut stack = vec![node];
        while let Some(at) = stack.pop() {
            if source(at) {
                return true;
            }
            if !std::mem::replace(&mut seen[at as usize], true) {
                stack.extend(arrows.iter().filter(|a| a.from == at && a.to != target).map(|a| a.to));
            }
        }
        node == target
    }

    proptest! {
        #[test]
        fn bodies_and_order_keep_their_definitions((nodes, arrows) in graphs()) {
            let bad: Vec<usize> = sidesteps(nodes, &arrows).iter().map(|found| found.arrow).collect();
            let sound: Vec<Arrow> = arrows.iter().enumerate()
                .filter(|(at, _)| !bad.contains(at)).map(|(_, &arrow)| arrow).collect();
            let flow = Flow::of(nodes, &sound).unwrap();
            let rank = flow.ranks();
            for body in &flow.loops {
                for node in 0..nodes as u32 {
                    prop_assert_eq!(body.nodes.contains(&node), in_body(nodes, &sound, body.target, node));
                }
                prop_assert_eq!(body.nodes[0], body.target);
                let places: Vec<u32> = body.nodes.iter().map(|&node| rank[node as usize]).collect();
                prop_assert!(places.windows(2).all(|pair| pair[1] == pair[0] + 1), "a body stands together");
            }
            for (at, inner) in flow.loops.iter().enumerate() {
                for outer in &flow.loops[..at] {
                    let shared = inner.nodes.iter().filter(|node| outer.nodes.contains(node)).count();
                    prop_assert!(shared == 0 || shared == inner.nodes.len(), "nested or disjoint");
                }
            }
            for arrow in sound.iter().filter(|arrow| !arrow.turns) {
                prop_assert!(rank[arrow.from as usize] < rank[arrow.to as usize]);
            }
            let mut all = flow.order.clone();
            all.sort_unstable();
            prop_assert_eq!(all, (0..nodes as u32).collect::<Vec<_>>());
        }
    }
}
