//! The order within each row, so that few wires cross: each row in turn follows the one before it, downwards and
//! upwards, and neighbours change places where that helps. Knows no coordinates.

use super::diagram::length;
use super::level::{LAST, What};
use super::rank::Rows;

/// How often the rows are gone through.
const SWEEPS: usize = 16;
/// After so many without a better order, no more follow.
const PATIENCE: usize = 4;
/// Rows with more items are not tried pair by pair.
const PAIRWISE: usize = 160;
/// The parts of a place in a row.
const WHOLE: i64 = 1 << 20;

/// Where a wire touches the row beside.
type Touch = fn(&Rows, &[usize], usize) -> i64;

/// Orders the rows.
pub(super) fn order(rows: &mut Rows) {
    let mut places = places(rows);
    let mut best = (crossings(rows, &places), rows.rows.clone());
    let mut since = 0;
    for sweep in 0..SWEEPS {
        if best.0 == 0 || since >= PATIENCE {
            break;
        }
        for step in 1..rows.rows.len() {
            let down = sweep % 2 == 0;
            let row = if down { step } else { rows.rows.len() - 1 - step };
            follow(rows, row, down, &mut places);
        }
        for row in 0..rows.rows.len() {
            exchange(rows, row, &mut places);
        }
        let now = crossings(rows, &places);
        since += 1;
        if now < best.0 {
            best = (now, rows.rows.clone());
            since = 0;
        }
    }
    rows.rows = best.1;
    // what goes back above leaves at the right, where its lane is
    if let Some(last) = rows.rows.last_mut() {
        last.sort_by_key(|&item| rows.items[item].what == What::Exit && rows.items[item].reading == LAST);
    }
}

/// By item: its place in its row.
pub(super) fn places(rows: &Rows) -> Vec<usize> {
    let mut places = vec![0; rows.items.len()];
    for row in &rows.rows {
        for (place, &item) in row.iter().enumerate() {
            places[item] = place;
        }
    }
    places
}

/// Where a wire touches an item, in parts of a place.
fn touch(rows: &Rows, places: &[usize], item: usize, port: Option<i32>) -> i64 {
    let width = i64::from(rows.items[item].size.width.max(1));
    i64::from(length(places[item])) * WHOLE + port.map_or(WHOLE / 2, |port| i64::from(port) * WHOLE / width)
}

fn upper(rows: &Rows, places: &[usize], wire: usize) -> i64 {
    let wire = &rows.wires[wire];
    touch(rows, places, wire.from, wire.from_port)
}

fn lower(rows: &Rows, places: &[usize], wire: usize) -> i64 {
    let wire = &rows.wires[wire];
    touch(rows, places, wire.to, wire.to_port)
}

/// Orders one row by the middle of what its items are joined to.
fn follow(rows: &mut Rows, row: usize, down: bool, places: &mut [usize]) {
    let mut keyed: Vec<(i64, usize)> = Vec::with_capacity(rows.rows[row].len());
    for &item in &rows.rows[row] {
        let (wires, other): (_, Touch) =
            if down { (&rows.above[item], upper) } else { (&rows.below[item], lower) };
        let key = match wires.len() {
            // what is joined to nothing keeps its part of the row
            0 => None,
            count => {
                let sum: i64 = wires.iter().map(|&wire| other(rows, places, wire)).sum();
                Some(sum / i64::from(length(count)))
            }
        };
        let last = keyed.last().map_or(0, |&(key, _)| key);
        keyed.push((key.unwrap_or(last), item));
    }
    keyed.sort_by_key(|&(key, _)| key);
    for (place, &(_, item)) in keyed.iter().enumerate() {
        places[item] = place;
    }
    rows.rows[row] = keyed.into_iter().map(|(_, item)| item).collect();
}

/// Lets neighbours change places where fewer wires cross then.
fn exchange(rows: &mut Rows, row: usize, places: &mut [usize]) {
    let count = rows.rows[row].len();
    if count > PAIRWISE {
        return;
    }
    for at in 1..count {
        let (left, right) = (rows.rows[row][at - 1], rows.rows[row][at]);
        let (kept, changed) = between(rows, places, left, right);
        if changed < kept {
            rows.rows[row].swap(at - 1, at);
            places.swap(left, right);
        }
    }
}

/// How many wires of two neighbours cross: as they stand, and the other way round.
fn between(rows: &Rows, places: &[usize], left: usize, right: usize) -> (usize, usize) {
    let sides: [(&[Vec<usize>], Touch); 2] = [(&rows.above, upper), (&rows.below, lower)];
    let (mut kept, mut changed) = (0, 0);
    for (wires, other) in sides {
        let ends = |item: usize| {
            let mut ends: Vec<i64> = wires[item].iter().map(|&wire| other(rows, places, wire)).collect();
            ends.sort_unstable();
            ends
        };
        let (a, b) = (ends(left), ends(right));
        kept += a.iter().map(|end| b.partition_point(|other| other < end)).sum::<usize>();
        changed += b.iter().map(|end| a.partition_point(|other| other < end)).sum::<usize>();
    }
    (kept, changed)
}

/// How many wires cross.
pub(super) fn crossings(rows: &Rows, places: &[usize]) -> usize {
    rows.rows.iter().map(|row| crossings_below(rows, row, places)).sum()
}

fn crossings_below(rows: &Rows, row: &[usize], places: &[usize]) -> usize {
    let wires = row.iter().flat_map(|&item| &rows.below[item]);
    let mut ends: Vec<(i64, i64)> =
        wires.map(|&wire| (upper(rows, places, wire), lower(rows, places, wire))).collect();
    ends.sort_unstable();
    let mut lower: Vec<i64> = ends.iter().map(|&(_, lower)| lower).collect();
    lower.sort_unstable();
    lower.dedup();
    // how many of those before end further right: sums over a tree of prefixes
    let mut tree = vec![0usize; lower.len() + 1];
    let mut found = 0;
    for (seen, &(_, end)) in ends.iter().enumerate() {
        let place = lower.partition_point(|&other| other < end) + 1;
        let mut at = place;
        let mut not_right = 0;
        while at > 0 {
            not_right += tree[at];
            at &= at - 1;
        }
        found += seen - not_right;
        at = place;
        while at < tree.len() {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    found
}
