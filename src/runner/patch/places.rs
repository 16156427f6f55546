//! Where lines could stand in a file, found without walking through all of it for each hunk.

use std::cell::OnceCell;
use std::collections::BTreeMap;

/// The lines of a file, and where each of them stands.
#[derive(Debug)]
pub(super) struct Places<'a> {
    lines: &'a [&'a [u8]],
    /// Made where it is first needed: most hunks lie where they say.
    standing: OnceCell<BTreeMap<&'a [u8], Vec<usize>>>,
}

/// The lines that hunks have taken, in their order: each hunk lies behind the one above it.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<(usize, usize)>);

impl<'a> Places<'a> {
    pub(super) fn of(lines: &'a [&'a [u8]]) -> Self {
        Self { lines, standing: OnceCell::new() }
    }

    pub(super) fn lines(&self) -> &'a [&'a [u8]] {
        self.lines
    }

    /// Where `wanted` may begin, in order: no other place has its rarest line where it belongs. A last line without an end
    /// also stands where it has one.
    pub(super) fn of_lines(&self, wanted: &[&[u8]]) -> impl Iterator<Item = usize> {
        let ended = wanted.iter().enumerate().filter(|(_, line)| line.ends_with(b"\n"));
        let (offset, standing) = match ended
            .map(|(offset, line)| (offset, self.standing().get(line).map_or(&[][..], Vec::as_slice)))
            .min_by_key(|(_, standing)| standing.len())
        {
            Some((offset, standing)) => (offset, standing.to_vec()),
            None => (0, wanted.first().map_or_else(Vec::new, |line| self.beginning_with(line))),
        };
        let most = self.lines.len().saturating_sub(wanted.len());
        standing.into_iter().filter_map(move |at| at.checked_sub(offset)).filter(move |&at| at <= most)
    }

    fn beginning_with(&self, text: &[u8]) -> Vec<usize> {
        let lines = self.standing().range(text..).take_while(|(line, _)| line.starts_with(text));
        let mut places: Vec<usize> = lines.flat_map(|(_, places)| places.iter().copied()).collect();
        places.sort_unstable();
        places
    }

    fn standing(&self) -> &BTreeMap<&'a [u8], Vec<usize>> {
        self.standing.get_or_init(|| {
            let mut standing: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
            for (at, line) in self.lines.iter().enumerate() {
                standing.entry(line).or_default().push(at);
            }
            standing
        })
    }
}

impl Taken {
    /// Lines behind all that were taken before.
    pub(super) fn add(&mut self, from: usize, to: usize) {
        self.0.push((from, to));
    }

    /// Are the lines `from..to` nobody's yet?
    pub(super) fn leaves(&self, from: usize, to: usize) -> bool {
        let behind = self.0.partition_point(|&(_, end)| end <= from);
        self.0.get(behind).is_none_or(|&(begin, _)| to <= begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place at which `wanted` stands, the last line with or without an end.
    fn walked(lines: &[&[u8]], wanted: &[&[u8]]) -> Vec<usize> {
        let fits = |at: &usize| {
            wanted.iter().enumerate().all(|(index, text)| {
                let line = lines[at + index];
                line == *text || !text.ends_with(b"\n") && line.starts_with(text)
            })
        };
        (0..=lines.len() - wanted.len()).filter(fits).collect()
    }

    #[test]
    fn no_place_is_missed_that_a_walk_through_the_file_finds() {
        let lines: Vec<&[u8]> = vec![b"a\n", b"b\n", b"a\n", b"b\r\n", b"a\n", b"a\n", b"ab\n", b"b"];
        let places = Places::of(&lines);
        let texts: [&[u8]; 6] = [b"a\n", b"b\n", b"b\r\n", b"b", b"a", b"none\n"];
        for first in texts {
            for second in texts.into_iter().map(Some).chain([None]) {
                let wanted: Vec<&[u8]> = [first].into_iter().chain(second).collect();
                let found: Vec<usize> = places.of_lines(&wanted).collect();
                // a line without an end is the last one
                for at in
                    walked(&lines, &wanted).into_iter().filter(|_| first.ends_with(b"\n") || second.is_none())
                {
                    assert!(found.contains(&at), "{wanted:?} at {at}: {found:?}");
                }
                assert!(found.is_sorted() && found.iter().all(|at| at + wanted.len() <= lines.len()));
            }
        }
    }

    #[test]
    fn what_is_taken_is_left_to_its_hunk() {
        let mut taken = Taken::default();
        for (from, to) in [(2, 4), (4, 4), (6, 9)] {
            taken.add(from, to);
        }
        let free: Vec<usize> = (0..12).filter(|&at| taken.leaves(at, at + 2)).collect();
        assert_eq!(free, [0, 4, 9, 10, 11]);
    }
}
