//! Where the middle of each item of a row stands, from left to right: what is joined is stacked into straight columns
//! where it can be, four times, from each corner, and the middle of the four is taken (Brandes and Köpf, “Fast and
//! simple horizontal coordinate assignment”, with columns that also run through ports). Keeps the order of the rows.

use super::diagram::{Spacing, length};
use super::level::Item;
use super::order::places;
use super::rank::Rows;

/// The middle of each item.
pub(super) fn place(rows: &Rows, spacing: &Spacing) -> Vec<i32> {
    let places = places(rows);
    let bent = bent(rows, &places);
    let mut all: Vec<Vec<i32>> = Vec::with_capacity(4);
    for upwards in [false, true] {
        for mirrored in [false, true] {
            let view = View { rows, places: &places, bent: &bent, spacing, upwards, mirrored };
            all.push(view.columns().packed(&view));
        }
    }
    let mut xs = middle(rows, all);
    lean(rows, spacing, &mut xs);
    xs
}

/// Moves what is joined to one side alone under, or above, the middle of that, as far as its neighbours allow.
fn lean(rows: &Rows, spacing: &Spacing, xs: &mut [i32]) {
    let view = View { rows, places: &[], bent: &[], spacing, upwards: false, mirrored: false };
    for row in &rows.rows {
        for (at, &item) in row.iter().enumerate() {
            let wires = match (&rows.above[item][..], &rows.below[item][..]) {
                (above @ [_, _, ..], []) => above,
                ([], below @ [_, _, ..]) => below,
                _ => continue,
            };
            let mut others: Vec<i32> = wires
                .iter()
                .map(|&wire| {
                    let wire = &rows.wires[wire];
                    let (other, port) =
                        if wire.to == item { (wire.from, wire.from_port) } else { (wire.to, wire.to_port) };
                    xs[other] + view.offset(other, port)
                })
                .collect();
            others.sort_unstable();
            let last = others.len() - 1;
            let best = i32::midpoint(others[last / 2], others[last.div_ceil(2)]);
            let least = at.checked_sub(1).map(|before| xs[row[before]] + view.apart(row[before], item));
            let most = row.get(at + 1).map(|&next| xs[next] - view.apart(item, next));
            xs[item] = best.max(least.unwrap_or(best)).min(most.unwrap_or(i32::MAX));
        }
    }
}

/// The four under one another, by the narrowest, and their middle.
fn middle(rows: &Rows, mut all: Vec<Vec<i32>>) -> Vec<i32> {
    let bounds = |xs: &Vec<i32>| {
        let sides = xs
            .iter()
            .zip(&rows.items)
            .map(|(&x, item)| (left(x, item.size.width), x - left(0, item.size.width)));
        sides.fold((i32::MAX, i32::MIN), |(low, high), (left, right)| (low.min(left), high.max(right)))
    };
    let sides: Vec<(i32, i32)> = all.iter().map(bounds).collect();
    let Some(&(low, high)) = sides.iter().min_by_key(|(low, high)| high.saturating_sub(*low)) else {
        return Vec::new();
    };
    for (at, xs) in all.iter_mut().enumerate() {
        // views that begin at the right stay there
        let by = if at % 2 == 0 { low - sides[at].0 } else { high - sides[at].1 };
        for x in xs.iter_mut() {
            *x += by;
        }
    }
    (0..rows.items.len())
        .map(|item| {
            let mut four = [all[0][item], all[1][item], all[2][item], all[3][item]];
            four.sort_unstable();
            (four[1] + four[2]).div_euclid(2)
        })
        .collect()
}

/// The left side of what is so wide and has its middle at `x`.
pub(super) fn left(x: i32, width: i32) -> i32 {
    x - width / 2
}

/// By wire: does it cross a line that should stay straight?
fn bent(rows: &Rows, places: &[usize]) -> Vec<bool> {
    let straight = |wire: usize| {
        let wire = &rows.wires[wire];
        rows.items[wire.from].is_passed() && rows.items[wire.to].is_passed()
    };
    let mut bent = vec![false; rows.wires.len()];
    for row in rows.rows.iter().skip(1) {
        let (mut from, mut begin) = (0, 0);
        for (at, &item) in row.iter().enumerate() {
            let line = rows.above[item].iter().find(|&&wire| straight(wire));
            let to = line.map(|&wire| places[rows.wires[wire].from]);
            if to.is_none() && at + 1 < row.len() {
                continue;
            }
            let to = to.unwrap_or(usize::MAX);
            for &passed in &row[begin..=at] {
                for &wire in &rows.above[passed] {
                    let place = places[rows.wires[wire].from];
                    bent[wire] |= !straight(wire) && (place < from || place > to);
                }
            }
            (from, begin) = (to, at + 1);
        }
    }
    bent
}

/// The rows as they are seen from one of the four corners.
struct View<'r> {
    rows: &'r Rows,
    places: &'r [usize],
    bent: &'r [bool],
    spacing: &'r Spacing,
    upwards: bool,
    mirrored: bool,
}

/// What stands in one column has one root, and a distance from it.
struct Columns {
    root: Vec<usize>,
    shift: Vec<i32>,
}

impl View<'_> {
    fn row(&self, row: &[usize]) -> Vec<usize> {
        let mut seen = row.to_vec();
        if self.mirrored {
            seen.reverse();
        }
        seen
    }

    fn place(&self, item: usize) -> i64 {
        let place = i64::from(length(self.places[item]));
        if self.mirrored { -place } else { place }
    }

    /// From an item's middle to where a wire touches it.
    fn offset(&self, item: usize, port: Option<i32>) -> i32 {
        let offset = port.map_or(0, |port| port + left(0, self.rows.items[item].size.width));
        if self.mirrored { -offset } else { offset }
    }

    /// The item before, by each wire, and how far to the right of it the item would stand on a straight line.
    fn before(&self, item: usize) -> Vec<(usize, i32, usize)> {
        let wires = if self.upwards { &self.rows.below[item] } else { &self.rows.above[item] };
        let mut before: Vec<(usize, i32, usize)> = wires
            .iter()
            .map(|&at| {
                let wire = &self.rows.wires[at];
                let (upper, lower) =
                    (self.offset(wire.from, wire.from_port), self.offset(wire.to, wire.to_port));
                if self.upwards { (wire.to, lower - upper, at) } else { (wire.from, upper - lower, at) }
            })
            .collect();
        before.sort_by_key(|&(other, shift, _)| (self.place(other), shift));
        before
    }

    fn columns(&self) -> Columns {
        let count = self.rows.items.len();
        let mut columns = Columns { root: (0..count).collect(), shift: vec![0; count] };
        let mut order: Vec<&Vec<usize>> = self.rows.rows.iter().collect();
        if self.upwards {
            order.reverse();
        }
        for row in order.into_iter().skip(1) {
            let mut last = i64::MIN;
            for item in self.row(row) {
                let before = self.before(item);
                let Some(end) = before.len().checked_sub(1) else { continue };
                for at in [end / 2, end.div_ceil(2)] {
                    let (other, shift, wire) = before[at];
                    let free = columns.root[item] == item && self.place(other) > last;
                    if free && !self.bent[wire] {
                        columns.root[item] = columns.root[other];
                        columns.shift[item] = columns.shift[other] + shift;
                        last = self.place(other);
                    }
                }
            }
        }
        columns
    }

    /// The least distance of the middles of two neighbours.
    fn apart(&self, one: usize, next: usize) -> i32 {
        let (a, b) = (&self.rows.items[one], &self.rows.items[next]);
        let gap = match (a.is_wire(), b.is_wire()) {
            (false, false) => self.spacing.node,
            _ => self.spacing.wire,
        };
        let width = |item: &Item| (item.size.width / 2, item.size.width - item.size.width / 2);
        let (a, b) = (width(a), width(b));
        if self.mirrored { a.0 + gap + b.1 } else { a.1 + gap + b.0 }
    }
}

impl Columns {
    /// The columns as close to one another as their items allow, first as far before as they can be, then each as near
    /// to the one after it.
    fn packed(&self, view: &View<'_>) -> Vec<i32> {
        let count = self.root.len();
        let mut after: Vec<Vec<(usize, i32)>> = vec![Vec::new(); count];
        let mut waits = vec![0u32; count];
        for row in &view.rows.rows {
            for pair in view.row(row).windows(2) {
                let (one, next) = (self.root[pair[0]], self.root[pair[1]]);
                let apart = view.apart(pair[0], pair[1]) + self.shift[pair[0]] - self.shift[pair[1]];
                after[one].push((next, apart));
                waits[next] += 1;
            }
        }
        let mut ready: Vec<usize> =
            (0..count).filter(|&item| self.root[item] == item && waits[item] == 0).collect();
        let (mut x, mut order) = (vec![0; count], Vec::with_capacity(count));
        while let Some(column) = ready.pop() {
            order.push(column);
            for &(next, apart) in &after[column] {
                x[next] = x[next].max(x[column] + apart);
                waits[next] -= 1;
                if waits[next] == 0 {
                    ready.push(next);
                }
            }
        }
        for &column in order.iter().rev() {
            let nearest = after[column].iter().map(|&(next, apart)| x[next] - apart).min();
            x[column] = nearest.map_or(x[column], |nearest| x[column].max(nearest));
        }
        let sign = if view.mirrored { -1 } else { 1 };
        (0..count).map(|item| sign * (x[self.root[item]] + self.shift[item])).collect()
    }
}
