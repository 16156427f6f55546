//! Git's deltas: a content as pieces of another one and bytes between them. Read within bounds, for whoever wrote one may
//! have meant it to grow; written as what is equal at both ends and what is not.

use super::Flaw;

/// The most bytes that one instruction takes over.
const COPY: usize = 0xff_ffff;
/// The most bytes that one instruction brings along.
const INSERT: usize = 0x7f;
/// What an instruction without a size takes over.
const UNSAID: usize = 0x1_0000;

/// What `delta` makes of `base`, if that has no more than `most` bytes.
pub(super) fn apply(base: &[u8], delta: &[u8], most: usize) -> Result<Vec<u8>, Flaw> {
    if delta.len() < 4 {
        return Err(Flaw::Damaged("the delta is shorter than any that does something"));
    }
    let mut rest = delta;
    if read_size(&mut rest)? != base.len() as u64 {
        return Err(Flaw::Damaged("the delta is made for a content of another size"));
    }
    let size = read_size(&mut rest)?;
    let size = usize::try_from(size).ok().filter(|size| *size <= most).ok_or(Flaw::TooLarge(size))?;
    let mut made = Vec::with_capacity(size);
    while let Some((&instruction, behind)) = rest.split_first() {
        rest = behind;
        let piece = match instruction {
            0 => return Err(Flaw::Damaged("the delta holds an instruction that does not exist")),
            1..=0x7f => take(&mut rest, usize::from(instruction))?,
            _ => copied(base, instruction, &mut rest)?,
        };
        if made.len() + piece.len() > size {
            return Err(Flaw::Damaged("the delta makes more than it says"));
        }
        made.extend_from_slice(piece);
    }
    if made.len() == size { Ok(made) } else { Err(Flaw::Damaged("the delta makes less than it says")) }
}

/// The piece of `base` that an instruction names: seven bits say which bytes of its place and its size follow.
fn copied<'b>(base: &'b [u8], instruction: u8, rest: &mut &[u8]) -> Result<&'b [u8], Flaw> {
    let (mut at, mut size) = (0, 0);
    for bit in 0..7 {
        if instruction & 1 << bit != 0 {
            let byte = usize::from(take(rest, 1)?[0]);
            if bit < 4 {
                at |= byte << (8 * bit);
            } else {
                size |= byte << (8 * (bit - 4));
            }
        }
    }
    let size = if size == 0 { UNSAID } else { size };
    base.get(at..at + size).ok_or(Flaw::Damaged("the delta takes over what lies behind the end"))
}

fn take<'d>(rest: &mut &'d [u8], count: usize) -> Result<&'d [u8], Flaw> {
    let (taken, behind) = rest.split_at_checked(count).ok_or(Flaw::Damaged("the delta ends too early"))?;
    *rest = behind;
    Ok(taken)
}

/// Seven bits a byte, the least first; the eighth says that more follow.
fn read_size(rest: &mut &[u8]) -> Result<u64, Flaw> {
    let mut size = 0;
    for shift in (0..56).step_by(7) {
        let byte = take(rest, 1)?[0];
        size |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(size);
        }
    }
    Err(Flaw::Damaged("the delta says a size that nothing has"))
}

/// The delta that makes `new` of `base`: what is equal at the beginning and at the end, and what is new between them.
pub(super) fn make(base: &[u8], new: &[u8]) -> Vec<u8> {
    let head = base.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (base_rest, new_rest) = (&base[head..], &new[head..]);
    let tail = base_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut delta = Vec::new();
    write_size(base.len(), &mut delta);
    write_size(new.len(), &mut delta);
    copy(0, head, &mut delta);
    for piece in new_rest[..new_rest.len() - tail].chunks(INSERT) {
        delta.push(piece.len() as u8);
        delta.extend_from_slice(piece);
    }
    copy(base.len() - tail, tail, &mut delta);
    delta
}

fn write_size(size: usize, delta: &mut Vec<u8>) {
    let mut size = size;
    while size > 0x7f {
        delta.push(0x80 | (size & 0x7f) as u8);
        size >>= 7;
    }
    delta.push(size as u8);
}

fn copy(at: usize, count: usize, delta: &mut Vec<u8>) {
    let (mut at, mut left) = (at, count);
    while left > 0 {
        let size = left.min(COPY);
        let mut instruction = 0x80;
        let mut bytes = Vec::with_capacity(7);
        for bit in 0..7 {
            let byte = if bit < 4 { at >> (8 * bit) } else { size >> (8 * (bit - 4)) } as u8;
            if byte != 0 {
                instruction |= 1 << bit;
                bytes.push(byte);
            }
        }
        delta.push(instruction);
        delta.append(&mut bytes);
        (at, left) = (at + size, left - size);
    }
}

#[cfg(test)]
mod tests {
    use proptest::arbitrary::any;
    use proptest::collection::vec;

    use super::*;

    proptest::proptest! {
        #[test]
        fn a_delta_makes_what_it_was_made_for(head in vec(any::<u8>(), 0..400), old in vec(any::<u8>(), 0..200), new in vec(any::<u8>(), 0..200), tail in vec(any::<u8>(), 0..400)) {
            let (base, wanted) = ([&head[..], &old, &tail].concat(), [&head[..], &new, &tail].concat());
            let delta = make(&base, &wanted);
            proptest::prop_assert!(delta.len() <= new.len() + new.len() / 127 + 30);
            if delta.len() >= 4 {
                proptest::prop_assert_eq!(apply(&base, &delta, wanted.len()), Ok(wanted.clone()));
                if !wanted.is_empty() {
                    proptest::prop_assert_eq!(apply(&base, &delta, wanted.len() - 1), Err(Flaw::TooLarge(wanted.len() as u64)));
                }
            }
        }

        #[test]
        fn whatever_a_delta_says_it_makes_no_more_than_it_may(base in vec(any::<u8>(), 0..50), delta in vec(any::<u8>(), 0..50)) {
            if let Ok(made) = apply(&base, &delta, 100) {
                proptest::prop_assert!(made.len() <= 100);
            }
        }
    }

    #[test]
    fn pieces_of_any_size_are_taken_over() {
        let base: Vec<u8> = (0..COPY + 0x1_0000 + 5).map(|at| (at % 251) as u8).collect();
        for length in [0x1_0000, COPY, COPY + 1, base.len()] {
            let delta = make(&base, &base[..length]);
            assert_eq!(apply(&base, &delta, length), Ok(base[..length].to_vec()), "{length}");
        }
        // an instruction that says no size
        assert_eq!(
            apply(&base[..0x1_0000], &[0x80, 0x80, 4, 0x80, 0x80, 4, 0x80], 0x1_0000),
            Ok(base[..0x1_0000].to_vec())
        );
    }

    #[test]
    fn what_is_damaged_is_refused_with_what_is_wrong() {
        for (delta, why) in [
            (&[2, 1, 1][..], "shorter"),
            (&[3, 1, 1, b'x'], "another size"),
            (&[2, 2, 1, b'x'], "less than it says"),
            (&[2, 1, 2, b'x', b'y'], "more than it says"),
            (&[2, 1, 0, 0], "does not exist"),
            (&[2, 9, 9, b'x'], "too early"),
            (&[2, 9, 0x91, 1], "too early"),
            (&[2, 9, 0x91, 1, 2], "behind the end"),
            (&[0xff; 9], "nothing has"),
        ] {
            let Err(Flaw::Damaged(said)) = apply(b"ab", delta, 10) else { panic!("{delta:?}") };
            assert!(said.contains(why), "{delta:?}: {said}");
        }
    }
}
