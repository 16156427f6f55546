//! The horizontal lines between two rows: which of them lies above which, so that few lines cross and none lies on
//! another. Knows no rows.

use super::diagram::length;

/// With more lines than this, they are stacked from left to right, without a look at which cross.
const COMPARED: usize = 700;
/// What it costs when a piece of two vertical lines would be one.
const MERGED: i64 = 20;

/// A horizontal line and the vertical ones that end in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Segment {
    /// Of those that come from above.
    pub(super) above: Vec<i32>,
    /// Of those that go down.
    pub(super) below: Vec<i32>,
}

impl Segment {
    fn span(&self) -> (i32, i32) {
        let xs = || self.above.iter().chain(&self.below).copied();
        (xs().min().unwrap_or(0), xs().max().unwrap_or(0))
    }

    /// Does it need a line at all?
    pub(super) fn is_straight(&self) -> bool {
        let (low, high) = self.span();
        low == high && !self.above.is_empty() && !self.below.is_empty()
    }
}

/// The number of each segment's line, the highest is 0; `None` for a straight one. And how many lines there are.
pub(super) fn tracks(segments: &[Segment], apart: i32) -> (Vec<Option<usize>>, usize) {
    let mut turning: Vec<usize> = (0..segments.len()).filter(|&at| !segments[at].is_straight()).collect();
    let spans: Vec<(i32, i32)> = segments.iter().map(Segment::span).collect();
    turning.sort_by_key(|&at| spans[at]);
    let near = |a: usize, b: usize| spans[a].0 < spans[b].1 + apart && spans[b].0 < spans[a].1 + apart;
    let order =
        if turning.len() > COMPARED { turning.clone() } else { ordered(&turning, segments, &spans, &near) };
    let mut found: Vec<Option<usize>> = vec![None; segments.len()];
    let mut ends: Vec<Vec<usize>> = Vec::new();
    for at in order {
        let lowest = ends.iter().rposition(|line| line.iter().any(|&other| near(at, other)));
        let line = lowest.map_or(0, |lowest| lowest + 1);
        if line == ends.len() {
            ends.push(Vec::new());
        }
        ends[line].push(at);
        found[at] = Some(line);
    }
    (found, ends.len())
}

/// From the top: always the one that gains most by being above all that are left.
fn ordered(
    turning: &[usize],
    segments: &[Segment],
    spans: &[(i32, i32)],
    near: &dyn Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let count = turning.len();
    let mut gains = vec![0i64; count * count];
    for one in 0..count {
        for other in one + 1..count {
            let (a, b) = (turning[one], turning[other]);
            if near(a, b) {
                let gain = cost(b, a, segments, spans) - cost(a, b, segments, spans);
                gains[one * count + other] = gain;
                gains[other * count + one] = -gain;
            }
        }
    }
    let mut sums: Vec<i64> =
        (0..count).map(|one| gains[one * count..(one + 1) * count].iter().sum()).collect();
    let mut left: Vec<usize> = (0..count).collect();
    let mut order = Vec::with_capacity(count);
    while !left.is_empty() {
        let first = (0..left.len()).max_by_key(|&at| (sums[left[at]], std::cmp::Reverse(left[at])));
        let one = left.remove(first.unwrap_or(0));
        for &other in &left {
            sums[other] -= gains[other * count + one];
        }
        order.push(turning[one]);
    }
    order
}

/// What it costs that `upper` lies above `lower`.
fn cost(upper: usize, lower: usize, segments: &[Segment], spans: &[(i32, i32)]) -> i64 {
    let within = |xs: &[i32], (low, high): (i32, i32)| {
        i64::from(length(xs.iter().filter(|&&x| low < x && x < high).count()))
    };
    let crossed = within(&segments[upper].below, spans[lower]) + within(&segments[lower].above, spans[upper]);
    let same = |xs: &[i32], other: &[i32]| i64::from(length(xs.iter().filter(|x| other.contains(x)).count()));
    crossed + MERGED * same(&segments[upper].below, &segments[lower].above)
}
