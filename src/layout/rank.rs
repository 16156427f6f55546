//! Which row each item of a level stands in, and the rows that its edges pass through. Knows no order within a row.

use super::diagram::{Size, Spacing, TooLarge};
use super::level::{Item, Level, Link, What};

/// A level in rows: every link is a chain of wires from row to row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) items: Vec<Item>,
    /// By item.
    pub(super) row: Vec<usize>,
    /// The items of each row, in order.
    pub(super) rows: Vec<Vec<usize>>,
    pub(super) wires: Vec<Wire>,
    pub(super) links: Vec<Link>,
    /// By link: its wires from top to bottom; none for one that goes back.
    pub(super) chains: Vec<Vec<usize>>,
    /// By item, indices of wires.
    pub(super) above: Vec<Vec<usize>>,
    pub(super) below: Vec<Vec<usize>>,
}

/// A piece of a link between two neighbouring rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    pub(super) link: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    /// From the left side of the item, where it is bound to a place.
    pub(super) from_port: Option<i32>,
    pub(super) to_port: Option<i32>,
}

/// The rows of a level. `room` is how many items there may be, and is lowered by how many there are.
pub(super) fn rows(level: Level, spacing: &Spacing, room: &mut usize, most: usize) -> Result<Rows, TooLarge> {
    let mut row = rank(&level, spacing);
    let last_content = highest(&level, &row);
    let has_exits = level.items.iter().any(|item| item.what == What::Exit);
    for (at, item) in level.items.iter().enumerate() {
        if item.what == What::Exit {
            row[at] = last_content + 1;
        }
    }
    let passed = |link: &Link| if link.back { 0 } else { row[link.to] - row[link.from] - 1 };
    let parts = level.items.len() + level.links.iter().map(passed).sum::<usize>();
    let Some(left) = room.checked_sub(parts) else {
        return Err(TooLarge { parts: most - *room + parts, most });
    };
    *room = left;
    let count = if level.items.is_empty() { 0 } else { last_content + 1 + usize::from(has_exits) };
    Ok(filled(level, row, count))
}

fn highest(level: &Level, row: &[usize]) -> usize {
    let content = level.items.iter().zip(row).filter(|(item, _)| item.what != What::Exit);
    content.map(|(_, &row)| row).max().unwrap_or(0)
}

/// The row of each item: as high as what leads to it allows, and where a row would be too wide, in one of several.
fn rank(level: &Level, spacing: &Spacing) -> Vec<usize> {
    let first = usize::from(level.items.iter().any(|item| item.what == What::Entry));
    let mut into: Vec<Vec<(usize, usize)>> = vec![Vec::new(); level.items.len()];
    let mut out: Vec<Vec<(usize, usize)>> = vec![Vec::new(); level.items.len()];
    for link in level.links.iter().filter(|link| !link.back) {
        let length = 1 + usize::from(link.label.is_some());
        into[link.to].push((link.from, length));
        out[link.from].push((link.to, length));
    }
    let mut reading: Vec<usize> = (0..level.items.len()).filter(|&at| !level.items[at].is_wire()).collect();
    reading.sort_by_key(|&at| level.items[at].reading);
    let mut row = vec![0; level.items.len()];
    for &at in &reading {
        row[at] = into[at].iter().map(|&(from, length)| row[from] + length).max().unwrap_or(0).max(first);
    }
    // what nothing leads to stands near to where it leads
    for &at in reading.iter().rev().filter(|&&at| into[at].is_empty()) {
        let lowest = out[at].iter().filter(|(to, _)| !level.items[*to].is_wire());
        if let Some(lowest) = lowest.map(|&(to, length)| row[to].saturating_sub(length)).min() {
            row[at] = row[at].max(lowest);
        }
    }
    folded(level, spacing, &reading, row)
}

/// The same with each row that is too wide broken into several, dealt out in turn: so what leads to the lower ones runs
/// between the boxes of the upper ones.
fn folded(level: &Level, spacing: &Spacing, reading: &[usize], mut row: Vec<usize>) -> Vec<usize> {
    let count = reading.iter().map(|&at| row[at] + 1).max().unwrap_or(0);
    let mut widths = vec![0i64; count];
    for &at in reading {
        widths[row[at]] += i64::from(level.items[at].size.width + spacing.node);
    }
    let widest = i64::from(spacing.widest.max(1));
    let folds: Vec<usize> =
        widths.iter().map(|width| 1 + usize::try_from(width / widest).unwrap_or(0)).collect();
    let mut tops = vec![0; count];
    for at in 1..count {
        tops[at] = tops[at - 1] + folds[at - 1];
    }
    let mut dealt = vec![0; count];
    for &at in reading {
        let natural = row[at];
        row[at] = tops[natural] + dealt[natural] % folds[natural];
        dealt[natural] += 1;
    }
    row
}

/// Puts a bend into each row that a link passes through.
fn filled(level: Level, mut row: Vec<usize>, count: usize) -> Rows {
    let Level { mut items, links } = level;
    let (mut wires, mut chains) = (Vec::new(), Vec::with_capacity(links.len()));
    for (at, link) in links.iter().enumerate() {
        let mut chain = Vec::new();
        if !link.back {
            let (mut from, mut from_port) = (link.from, link.from_port);
            let reading = items[link.from].reading.max(items[link.to].reading);
            let labelled = usize::midpoint(row[link.from], row[link.to]);
            for passed in row[link.from] + 1..row[link.to] {
                let label = link.label.filter(|_| passed == labelled);
                let what = if label.is_some() { What::Label } else { What::Bend };
                let size = label.unwrap_or(Size { width: 1, height: 0 });
                items.push(Item { what, size, reading });
                row.push(passed);
                chain.push(wires.len());
                wires.push(Wire { link: at, from, to: items.len() - 1, from_port, to_port: None });
                (from, from_port) = (items.len() - 1, None);
            }
            chain.push(wires.len());
            wires.push(Wire { link: at, from, to: link.to, from_port, to_port: link.to_port });
        }
        chains.push(chain);
    }
    let mut rows = vec![Vec::new(); count];
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&at| items[at].reading);
    for at in order {
        rows[row[at]].push(at);
    }
    let (mut above, mut below) = (vec![Vec::new(); items.len()], vec![Vec::new(); items.len()]);
    for (at, wire) in wires.iter().enumerate() {
        below[wire.from].push(at);
        above[wire.to].push(at);
    }
    Rows { items, row, rows, wires, links, chains, above, below }
}
