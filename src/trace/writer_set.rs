//! A set of writers of channels, by their place in canonical order. In most graphs the writers before a node are all
//! that come first in that order, so a beginning without gaps is kept as a number: one set for each node of a long
//! graph would else take square memory.

/// Bits of a word.
const BITS: usize = u64::BITS as usize;

/// Writers by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WriterSet {
    /// So many words at the beginning have every bit.
    full: usize,
    /// The words behind them.
    words: Vec<u64>,
}

impl WriterSet {
    /// Is the writer in it?
    pub(super) fn has(&self, writer: usize) -> bool {
        let word = writer / BITS;
        word < self.full
            || self.words.get(word - self.full).is_some_and(|word| word >> (writer % BITS) & 1 == 1)
    }

    /// Takes a writer on.
    pub(super) fn insert(&mut self, writer: usize) {
        let Some(at) = (writer / BITS).checked_sub(self.full) else { return };
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        self.words[at] |= 1 << (writer % BITS);
    }

    /// Takes all on that another one has.
    pub(super) fn extend(&mut self, other: &Self) {
        if let Some(more) = other.full.checked_sub(self.full) {
            self.words.drain(..more.min(self.words.len()));
            self.full = other.full;
        }
        let behind = other.words.get(self.full - other.full..).unwrap_or_default();
        if behind.len() > self.words.len() {
            self.words.resize(behind.len(), 0);
        }
        self.words.iter_mut().zip(behind).for_each(|(word, more)| *word |= more);
    }

    /// Keeps no more than it needs to.
    pub(super) fn settle(&mut self) {
        let whole = self.words.iter().take_while(|word| **word == u64::MAX).count();
        self.words.drain(..whole);
        self.words.shrink_to_fit();
        self.full += whole;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_holds_what_a_plain_set_holds() {
        let mut seed = 1_u64;
        let mut draw = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % most
        };
        let mut sets: Vec<(WriterSet, BTreeSet<usize>)> = vec![Default::default(); 6];
        for _ in 0..2_000 {
            let (one, other) = (draw(6), draw(6));
            match draw(8) {
                0..3 => {
                    let from = draw(400);
                    for writer in from..from + draw(200) {
                        sets[one].0.insert(writer);
                        sets[one].1.insert(writer);
                    }
                }
                3 => {
                    for writer in 0..draw(300) {
                        sets[one].0.insert(writer);
                        sets[one].1.insert(writer);
                    }
                }
                4..6 => {
                    let (more, plain) = sets[other].clone();
                    sets[one].0.extend(&more);
                    sets[one].1.extend(&plain);
                }
                6 => sets[one] = Default::default(),
                _ => sets[one].0.settle(),
            }
            let (set, plain) = &sets[one];
            let held: BTreeSet<usize> = (0..700).filter(|writer| set.has(*writer)).collect();
            assert_eq!(held, *plain);
        }
    }

    #[test]
    fn a_beginning_without_gaps_takes_no_memory() {
        let mut set = WriterSet::default();
        for writer in 0..100_000 {
            set.insert(writer);
            set.settle();
        }
        assert!(set.words.len() <= 1 && set.has(99_999) && !set.has(100_000));
    }
}
