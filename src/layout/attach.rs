//! Where the wires touch the items: under one another where that makes them straight, one place for wires that share
//! their beginning or their end, and an own one for each other. Moves no item.

use std::collections::BTreeMap;

use super::diagram::{Spacing, length};
use super::level::{Item, Link, What};
use super::place::left;
use super::rank::Rows;

/// Where the wires begin and end.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// By wire: above, and below.
    pub(super) wires: Vec<(i32, i32)>,
    /// By wire: the bundle that it is drawn in. Wires of one bundle have a place in common.
    pub(super) bundle: Vec<usize>,
    /// By link that goes back: where it begins, and where it ends.
    pub(super) back: BTreeMap<usize, (i32, i32)>,
}

/// What has one place at a side of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    /// Wires of one bundle.
    Bundle(usize),
    /// A wire whose bundle has its place at the other side.
    Wire(usize),
    /// A link that goes back.
    Back(usize),
}

/// A place that is wanted: the item, how its holders stand in order, and where it would be best.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    item: usize,
    order: (bool, i32),
    best: i32,
    holder: Holder,
}

/// Attaches all wires, and the ends of the links that go back.
pub(super) fn attach(rows: &Rows, middle: &[i32], spacing: &Spacing) -> Attached {
    let (bundle, many_begin) = bundles(rows);
    let mut attached = Attached { wires: vec![(0, 0); rows.wires.len()], bundle, back: BTreeMap::new() };
    let begins = beginnings(rows, middle, &attached.bundle);
    let begins = settled(rows, middle, spacing, begins);
    for (at, wire) in rows.wires.iter().enumerate() {
        let held = begins.get(&(wire.from, Holder::Bundle(attached.bundle[at]))).copied();
        attached.wires[at].0 = held.unwrap_or_else(|| bound(rows, middle, wire.from, wire.from_port));
    }
    let ends = endings(rows, &attached, &many_begin);
    let ends = settled(rows, middle, spacing, ends);
    for (at, wire) in rows.wires.iter().enumerate() {
        let held = ends.get(&(wire.to, ending(at, &attached.bundle, &many_begin))).copied();
        attached.wires[at].1 = held.unwrap_or_else(|| bound(rows, middle, wire.to, wire.to_port));
    }
    for (at, link) in rows.links.iter().enumerate().filter(|(_, link)| link.back) {
        let of = |held: &BTreeMap<(usize, Holder), i32>, item, port| {
            held.get(&(item, Holder::Back(at))).copied().unwrap_or_else(|| bound(rows, middle, item, port))
        };
        let ends = (of(&begins, link.from, link.from_port), of(&ends, link.to, link.to_port));
        attached.back.insert(at, ends);
    }
    attached
}

/// Is the place free to be chosen?
fn is_free(item: &Item, port: Option<i32>) -> bool {
    port.is_none() && matches!(item.what, What::Node(_) | What::Region(_))
}

/// The place that is not free.
fn bound(rows: &Rows, middle: &[i32], item: usize, port: Option<i32>) -> i32 {
    middle[item] + port.map_or(0, |port| port + left(0, rows.items[item].size.width))
}

/// The bundle of each wire, and whether it shares its beginning. Where it does, it shares no end: what begins
/// together and what ends together would else seem to be joined all with all.
fn bundles(rows: &Rows) -> (Vec<usize>, Vec<bool>) {
    let mut begin: BTreeMap<(usize, u32), Vec<usize>> = BTreeMap::new();
    for (at, wire) in rows.wires.iter().enumerate() {
        if is_free(&rows.items[wire.from], wire.from_port) {
            begin.entry((wire.from, rows.links[wire.link].kind)).or_default().push(at);
        }
    }
    let mut bundle: Vec<usize> = (0..rows.wires.len()).collect();
    let mut many_begin = vec![false; rows.wires.len()];
    for wires in begin.values().filter(|wires| wires.len() > 1) {
        for &wire in wires {
            (bundle[wire], many_begin[wire]) = (wires[0], true);
        }
    }
    let mut end: BTreeMap<(usize, u32), usize> = BTreeMap::new();
    for (at, wire) in rows.wires.iter().enumerate() {
        if !many_begin[at] && is_free(&rows.items[wire.to], wire.to_port) {
            bundle[at] = *end.entry((wire.to, rows.links[wire.link].kind)).or_insert(at);
        }
    }
    (bundle, many_begin)
}

fn beginnings(rows: &Rows, middle: &[i32], bundle: &[usize]) -> Vec<Wanted> {
    let mut by_holder: BTreeMap<(usize, usize), Vec<i32>> = BTreeMap::new();
    for (at, wire) in rows.wires.iter().enumerate() {
        if is_free(&rows.items[wire.from], wire.from_port) {
            // a bundle of those that end together begins at several items
            let to = bound(rows, middle, wire.to, wire.to_port);
            by_holder.entry((wire.from, bundle[at])).or_default().push(to);
        }
    }
    let wanted = by_holder.into_iter().map(|((item, bundle), to)| {
        let best = median(to);
        Wanted { item, order: (false, best), best, holder: Holder::Bundle(bundle) }
    });
    let back = going_back(rows, |link| (link.from, link.from_port));
    wanted.chain(back).collect()
}

/// What holds the place where a wire ends.
fn ending(wire: usize, bundle: &[usize], many_begin: &[bool]) -> Holder {
    if many_begin[wire] { Holder::Wire(wire) } else { Holder::Bundle(bundle[wire]) }
}

fn endings(rows: &Rows, attached: &Attached, many_begin: &[bool]) -> Vec<Wanted> {
    let mut by_holder: BTreeMap<(usize, Holder), Vec<i32>> = BTreeMap::new();
    for (at, wire) in rows.wires.iter().enumerate() {
        if is_free(&rows.items[wire.to], wire.to_port) {
            let holder = ending(at, &attached.bundle, many_begin);
            by_holder.entry((wire.to, holder)).or_default().push(attached.wires[at].0);
        }
    }
    let wanted = by_holder.into_iter().map(|((item, holder), from)| {
        let best = median(from);
        Wanted { item, order: (false, best), best, holder }
    });
    let back = going_back(rows, |link| (link.to, link.to_port));
    wanted.chain(back).collect()
}

/// What goes back is attached to the right of all else, where its lane is.
fn going_back(rows: &Rows, end: fn(&Link) -> (usize, Option<i32>)) -> impl Iterator<Item = Wanted> {
    let back =
        rows.links.iter().enumerate().filter(|(_, link)| link.back).map(move |(at, link)| (at, end(link)));
    let free = back.filter(|(_, (item, port))| is_free(&rows.items[*item], *port));
    free.map(|(at, (item, _))| Wanted {
        item,
        order: (true, 0),
        best: i32::MAX / 4,
        holder: Holder::Back(at),
    })
}

fn median(mut of: Vec<i32>) -> i32 {
    of.sort_unstable();
    let Some(last) = of.len().checked_sub(1) else { return 0 };
    i32::midpoint(of[last / 2], of[last.div_ceil(2)])
}

/// Every place, as near to where it would be best as its neighbours and the item's corners allow.
fn settled(
    rows: &Rows,
    middle: &[i32],
    spacing: &Spacing,
    mut wanted: Vec<Wanted>,
) -> BTreeMap<(usize, Holder), i32> {
    wanted.sort_by_key(|one| (one.item, one.order));
    let mut places = BTreeMap::new();
    for of_item in wanted.chunk_by(|a, b| a.item == b.item) {
        let item = of_item[0].item;
        let width = rows.items[item].size.width;
        let low = left(middle[item], width);
        let corner = spacing.corner.min(width / 2);
        let (low, high) = (low + corner, low + (width - 1 - corner).max(corner));
        let gaps = length(of_item.len() - 1);
        let gap = if gaps == 0 { 0 } else { spacing.attach.min((high - low) / gaps) };
        let mut xs: Vec<i32> = Vec::with_capacity(of_item.len());
        for (at, one) in of_item.iter().enumerate() {
            let least = xs.last().map_or(low, |&last| last + gap);
            let most = high - gap * (gaps - length(at));
            // where no place makes the line straight, the middle is as good as the corner
            let straight = one.order.0 || (low..=high).contains(&one.best);
            let best = if straight { one.best } else { middle[item] };
            xs.push(best.max(least).min(most));
        }
        places.extend(of_item.iter().zip(xs).map(|(one, x)| ((item, one.holder), x)));
    }
    places
}
