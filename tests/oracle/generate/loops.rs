//! The loops of a random graph, one after the other and within each other.

use std::collections::BTreeSet;

use super::{Class, Kind, Link, Maker};

impl Maker<'_> {
    /// Loops within loops, all of them with edges from one node, and edges from it that leave some of them or all.
    pub(super) fn nest(&mut self) {
        let count = self.kinds.len();
        let from = self.random.below(count as u64 - 1) as usize;
        if matches!(self.kinds[from], Kind::Fail { .. }) {
            return;
        }
        for to in from + 1..count {
            let class = match self.random.below(10) {
                0 => Class::Success,
                1 => Class::Always,
                2..=3 => Class::Otherwise,
                4..=6 => Class::Catch,
                _ => continue,
            };
            if !self.is_known(from, to, class) {
                let when = (class == Class::Success).then(|| "state.count % 2 == 0".to_owned());
                self.links.push(Link { from, to, class, when, turns: None });
            }
        }
        let around: Vec<usize> = (0..=from).rev().filter(|to| self.dominates(*to, from)).collect();
        let targets: Vec<usize> = around.into_iter().filter(|_| self.random.chance(70)).take(3).collect();
        for (depth, to) in targets.into_iter().enumerate() {
            // the inner loop ends well, mostly, and the outer one runs out
            let bounded = depth == 0 && self.random.chance(70);
            let class = if !bounded && self.random.chance(25) { Class::Catch } else { Class::Success };
            let (max, leave) = (1 + self.random.below(2) as u32, self.random.chance(40));
            let less = if bounded { max } else { 9 };
            let when = (bounded || !leave || self.random.chance(50))
                .then(|| format!("loops.{}.iteration < {less}", self.id(to)));
            if !self.is_known(from, to, class) {
                self.links.push(Link { from, to, class, when, turns: Some((max, leave)) });
            }
        }
    }

    /// Tries loop edges, and keeps those whose target is on every way to their source.
    pub(super) fn back(&mut self) {
        let count = self.kinds.len();
        for _ in 0..self.random.below(6) {
            let from = self.random.below(count as u64) as usize;
            let to = self.random.below(from as u64 + 1) as usize;
            if self.dominates(to, from) {
                self.turn_back(from, to);
            }
        }
    }

    fn turn_back(&mut self, from: usize, to: usize) {
        let fails = matches!(self.kinds[from], Kind::Fail { .. });
        let class = if fails || self.random.chance(20) { Class::Catch } else { Class::Success };
        if !self.is_known(from, to, class) {
            let of_loop = self.links.iter().find(|link| link.to == to && link.turns.is_some());
            let max =
                of_loop.and_then(|link| link.turns).map_or(1 + self.random.below(3) as u32, |turns| turns.0);
            let target = self.id(to);
            let when = match self.random.below(4) {
                0 => None,
                1 => Some(format!("loops.{target}.iteration < {}", 2 + self.random.below(3))),
                2 if self.kinds[from] == Kind::Exec && class == Class::Success => {
                    Some("(output.exit_code | default(2)) > 2".to_owned())
                }
                _ => Some("state.count % 2 == 1".to_owned()),
            };
            let leave = (when.is_none() && class == Class::Success) || self.random.chance(50);
            self.links.push(Link { from, to, class, when, turns: Some((max, leave)) });
        }
    }

    /// Is `one` on every way from an entry to `of`?
    fn dominates(&self, one: usize, of: usize) -> bool {
        let forward = || self.links.iter().filter(|link| link.turns.is_none());
        let entries = (0..self.kinds.len()).filter(|at| forward().all(|link| link.to != *at));
        let mut open: Vec<usize> = entries.filter(|at| *at != one).collect();
        let mut seen: BTreeSet<usize> = open.iter().copied().collect();
        while let Some(at) = open.pop() {
            let next = forward().filter(|link| link.from == at && link.to != one).map(|link| link.to);
            open.extend(next.filter(|to| seen.insert(*to)));
        }
        one == of || !seen.contains(&of)
    }

    /// An `otherwise` beside an edge without a condition could never be taken; neither could one that stays in a loop, beside
    /// a loop edge without a condition that leaves it.
    pub(super) fn tidy(&mut self) {
        self.run_out();
        let others: Vec<usize> =
            self.links.iter().filter(|link| link.class == Class::Otherwise).map(|link| link.from).collect();
        for at in 0..self.links.len() {
            let link = &self.links[at];
            let bare = link.class == Class::Success && link.when.is_none() && others.contains(&link.from);
            if bare && (link.turns.is_none() || self.is_late(link)) {
                self.links[at].when = Some("state.count % 3 != 1".to_owned());
            }
        }
    }

    /// A loop edge without a condition may fail its source in the last iteration where another way leads out of the loop.
    fn run_out(&mut self) {
        for at in 0..self.links.len() {
            let link = &self.links[at];
            let bare = link.class == Class::Success && link.when.is_none();
            let Some((max, true)) = link.turns.filter(|_| bare) else { continue };
            let body = self.body(link.to);
            let mut beside = self.links.iter().filter(|other| other.from == link.from);
            let out = |other: &Link| {
                other.class == Class::Catch && other.turns.is_none() && !body.contains(&other.to)
            };
            if beside.clone().any(out) && beside.all(|other| other.class != Class::Otherwise) {
                self.links[at].turns = Some((max, false));
            }
        }
    }

    /// Does a loop edge leave a loop in which an `otherwise` of the same node stays?
    fn is_late(&self, turning: &Link) -> bool {
        let targets: BTreeSet<usize> =
            self.links.iter().filter(|link| link.turns.is_some()).map(|link| link.to).collect();
        let bodies: Vec<BTreeSet<usize>> = targets.into_iter().map(|target| self.body(target)).collect();
        let stays = |link: &Link| link.from == turning.from && link.class == Class::Otherwise;
        self.links.iter().filter(|link| stays(link)).any(|link| {
            let mut around = bodies.iter().filter(|body| body.contains(&link.from));
            around.any(|body| body.contains(&link.to) && !body.contains(&turning.to))
        })
    }

    /// The target, and every node from which a source of its loop edges can be reached without passing it.
    fn body(&self, target: usize) -> BTreeSet<usize> {
        let mut body = BTreeSet::from([target]);
        let sources = self.links.iter().filter(|link| link.turns.is_some() && link.to == target);
        let mut open: Vec<usize> = sources.map(|link| link.from).collect();
        while let Some(at) = open.pop() {
            if body.insert(at) {
                open.extend(self.links.iter().filter(|link| link.to == at).map(|link| link.from));
            }
        }
        body
    }
}
