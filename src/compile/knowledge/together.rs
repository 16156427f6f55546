//! Which nodes of a plan may run at the same time, told so that it can be read: by sides, each node of one at once with each of
//! another.

use std::collections::BTreeMap;

use crate::plan::{NodeIx, Plan};

use super::apart::{Ways, unordered};
use super::flow::Flow;

/// Nodes of a graph of which it is worked out, at most.
pub const MOST_AT_ONCE: usize = 500;

/// Two sides or more: each node of one may run at the same time as each of another. Of those of one side nothing is said.
/// All stand in canonical order.
pub type Sides = Vec<Vec<NodeIx>>;

/// The pairs of nodes that may run at the same time, each in exactly one of the groups of sides; nothing for a graph of more
/// than [`MOST_AT_ONCE`] nodes. What limits of concurrency, and how long nodes take, make of it is not known.
pub fn at_once(plan: &Plan) -> Option<Vec<Sides>> {
    if plan.nodes.len() > MOST_AT_ONCE {
        return None;
    }
    let flow = Flow::of(plan);
    let apart = &plan.apart;
    let exclude = |a, b| apart.edges.contains(&if a < b { (a, b) } else { (b, a) });
    let skip = |a, b| apart.nodes.contains(&if a < b { (a, b) } else { (b, a) });
    let ways = Ways { plan, flow: &flow, exclude: &exclude, skip: &skip };
    let mut pairs = Pairs::of(plan.nodes.len());
    unordered(plan, &plan.order, &mut |a, b| {
        if !ways.are_apart(a, b) {
            pairs.add(plan.rank[a.0 as usize] as usize, plan.rank[b.0 as usize] as usize);
        }
        true
    });
    let mut groups = pairs.groups();
    groups.sort();
    let node = |place: usize| plan.order[place];
    let sides =
        |sides: Vec<Vec<usize>>| sides.into_iter().map(|side| side.into_iter().map(node).collect()).collect();
    Some(groups.into_iter().map(sides).collect())
}

/// Pairs of some things, each known by its place.
struct Pairs {
    count: usize,
    known: Vec<bool>,
}

impl Pairs {
    fn of(count: usize) -> Self {
        Self { count, known: vec![false; count * count] }
    }

    fn add(&mut self, a: usize, b: usize) {
        self.known[a * self.count + b] = true;
        self.known[b * self.count + a] = true;
    }

    fn has(&self, a: usize, b: usize) -> bool {
        self.known[a * self.count + b]
    }

    /// All pairs, each in one group. What nothing connects with the rest stands for itself; what everything of the rest is
    /// paired with is a side; where neither is left, each is told with those that follow it.
    fn groups(&self) -> Vec<Vec<Vec<usize>>> {
        let mut groups = Vec::new();
        let mut open: Vec<Vec<usize>> = vec![(0..self.count).collect()];
        while let Some(part) = open.pop() {
            if part.len() < 2 {
                continue;
            }
            let together = self.connected(&part, true);
            if together.len() > 1 {
                open.extend(together);
                continue;
            }
            let sides = self.connected(&part, false);
            if sides.len() > 1 {
                open.extend(sides.iter().cloned());
                groups.push(sides);
            } else {
                groups.extend(self.one_by_one(&part));
            }
        }
        groups
    }

    /// The parts that are connected by pairs, or by what is no pair.
    fn connected(&self, part: &[usize], by_pairs: bool) -> Vec<Vec<usize>> {
        let mut left: Vec<usize> = part.to_vec();
        let mut found = Vec::new();
        while let Some(first) = left.first().copied() {
            left.remove(0);
            let (mut own, mut next) = (vec![first], vec![first]);
            while let Some(at) = next.pop() {
                let (near, far): (Vec<usize>, Vec<usize>) =
                    left.iter().partition(|other| self.has(at, **other) == by_pairs);
                left = far;
                own.extend(&near);
                next.extend(near);
            }
            own.sort_unstable();
            found.push(own);
        }
        found
    }

    /// Those that are paired with the same ones are one side, beside all that come later.
    fn one_by_one(&self, part: &[usize]) -> Vec<Vec<Vec<usize>>> {
        let mut alike: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for &at in part {
            let paired = part.iter().copied().filter(|other| self.has(at, *other)).collect();
            alike.entry(paired).or_default().push(at);
        }
        let first: BTreeMap<usize, usize> =
            alike.values().flat_map(|own| own.iter().map(|at| (*at, own[0]))).collect();
        let sides = alike.into_iter().map(|(paired, own)| {
            let later = paired.into_iter().filter(|other| first[other] > own[0]).collect();
            vec![own, later]
        });
        sides.filter(|sides: &Vec<Vec<usize>>| !sides[1].is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of some things, as the groups tell it.
    fn told(groups: &[Vec<Vec<usize>>]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for sides in groups {
            for (at, one) in sides.iter().enumerate() {
                for other in &sides[at + 1..] {
                    pairs.extend(one.iter().flat_map(|a| other.iter().map(|b| (*a.min(b), *a.max(b)))));
                }
            }
        }
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn the_groups_tell_each_pair_once_and_no_other() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut roll = |most: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % most
        };
        for round in 0..400 {
            let count = 2 + round % 9;
            let density = 1 + roll(9);
            let mut pairs = Pairs::of(count);
            let mut meant = Vec::new();
            for a in 0..count {
                for b in a + 1..count {
                    if roll(10) < density {
                        pairs.add(a, b);
                        meant.push((a, b));
                    }
                }
            }
            assert_eq!(told(&pairs.groups()), meant, "round {round}");
        }
    }

    #[test]
    fn what_is_regular_is_told_in_few_words() {
        // a fan of a hundred, two rows of a hundred, and the four of which no side can be made
        let mut fan = Pairs::of(100);
        (0..100).for_each(|a| (a + 1..100).for_each(|b| fan.add(a, b)));
        assert_eq!(fan.groups(), [(0..100).map(|at| vec![at]).collect::<Vec<_>>()]);
        let mut rows = Pairs::of(200);
        (0..100).for_each(|a| (100..200).for_each(|b| rows.add(a, b)));
        assert_eq!(rows.groups(), [vec![(0..100).collect::<Vec<_>>(), (100..200).collect()]]);
        let mut bent = Pairs::of(4);
        for (a, b) in [(0, 1), (0, 3), (2, 3)] {
            bent.add(a, b);
        }
        assert_eq!(bent.groups(), [vec![vec![0], vec![1, 3]], vec![vec![2], vec![3]]]);
    }
}
