//! Output of any length in bounded memory: its head and its tail.

use std::collections::VecDeque;

/// What is kept of a stream.
#[derive(Debug, Clone)]
pub struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_limit: usize,
    tail_limit: usize,
    dropped: u64,
}

impl Kept {
    /// Keeps at most `limit` bytes: the first half and the last half.
    pub fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let head_limit = limit.div_ceil(2);
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            head_limit,
            tail_limit: limit - head_limit,
            dropped: 0,
        }
    }

    /// Takes more of the stream.
    pub fn push(&mut self, mut bytes: &[u8]) {
        let room = self.head_limit - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        bytes = rest;
        if bytes.len() > self.tail_limit {
            self.dropped += (bytes.len() - self.tail_limit) as u64;
            bytes = &bytes[bytes.len() - self.tail_limit..];
        }
        let over = (self.tail.len() + bytes.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..over);
        self.dropped += over as u64;
        self.tail.extend(bytes);
    }

    /// How many bytes in the middle are gone.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The parts that are kept: what came first, and what came last where something between them is gone.
    pub fn parts(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.dropped == 0 {
            ([self.head.as_slice(), &tail].concat(), None)
        } else {
            (self.head.clone(), Some(tail))
        }
    }

    /// As text; bytes that are not UTF-8 become U+FFFD, and a line says what is missing.
    pub fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.dropped == 0 {
            return String::from_utf8_lossy(&[self.head.as_slice(), &tail].concat()).into_owned();
        }
        let (head, tail) = (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(&tail));
        format!("{head}\n[… {} bytes left out …]\n{tail}", self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn keeps_head_and_tail_however_it_arrives(
            parts in proptest::collection::vec(proptest::collection::vec(97..123_u8, 0..40), 0..20),
            limit in 0..60_u64,
        ) {
            let all: Vec<u8> = parts.concat();
            let mut kept = Kept::new(limit);
            for part in &parts {
                kept.push(part);
            }
            let limit = limit as usize;
            if all.len() <= limit {
                proptest::prop_assert_eq!(kept.text(), String::from_utf8(all).unwrap());
            } else {
                let head = std::str::from_utf8(&all[..limit.div_ceil(2)]).unwrap();
                let tail = std::str::from_utf8(&all[all.len() - limit / 2..]).unwrap();
                let left_out = all.len() - limit;
                proptest::prop_assert_eq!(kept.dropped(), left_out as u64);
                proptest::prop_assert_eq!(kept.text(), format!("{head}\n[… {left_out} bytes left out …]\n{tail}"));
            }
        }
    }
}
