//! Hunks onto the bytes of a file: exactly, or at an offset if there is but one place. No fuzz. Knows no disk.

use crate::patch::{Hunk, split_lines};
use crate::runner::Cancel;

use super::PatchError;
use super::ending::still_wanted;
use super::places::{Places, Taken};

/// The file after its hunks, and the hunks as they really lay.
#[derive(Debug)]
pub(crate) struct Fitted {
    /// The new bytes.
    pub bytes: Vec<u8>,
    /// With true line numbers on both sides.
    pub hunks: Vec<Hunk>,
}

/// Applies `hunks` to the file at `path`; the error says which hunk did not fit, and why.
pub(crate) fn fit((path, old): (&str, &[u8]), hunks: &[Hunk], cancel: &Cancel) -> Result<Fitted, PatchError> {
    let old = split_lines(old);
    let places = Places::of(&old);
    let mut bytes = Vec::new();
    let mut placed: Vec<Hunk> = Vec::new();
    let mut taken = Taken::default();
    let (mut done, mut new_lines, mut written_delta) = (0, 0, 0_isize);
    for (number, hunk) in hunks.iter().enumerate() {
        still_wanted(cancel)?;
        let wanted: Vec<&[u8]> = hunk.old_lines().collect();
        let honest =
            hunk.new_start.cast_signed() - hunk.old_start.cast_signed() == expected(hunk, written_delta);
        let at = place(&places, hunk, &wanted, &taken, honest)
            .and_then(|at| if at < done { Err("it only fits before the hunk above it") } else { Ok(at) })
            .map_err(|why| PatchError::conflict(path, describe(number, hunk, why)))?;
        old[done..at].iter().for_each(|line| bytes.extend_from_slice(line));
        new_lines += at - done;
        placed.push(at_true_place(hunk, at, new_lines, wanted.len()));
        for line in hunk.new_lines() {
            bytes.extend_from_slice(line);
            new_lines += 1;
        }
        done = at + wanted.len();
        taken.add(at, done);
        written_delta += hunk.new_lines().count().cast_signed() - wanted.len().cast_signed();
    }
    if done < old.len() && bytes.last().is_some_and(|&b| b != b'\n') {
        return Err(PatchError::conflict(
            path,
            "a line without a newline would stand in the middle of the file",
        ));
    }
    old[done..].iter().for_each(|line| bytes.extend_from_slice(line));
    Ok(Fitted { bytes, hunks: placed })
}

/// How far the new start should lie from the old one: a side without lines is numbered by the line before it.
fn expected(hunk: &Hunk, delta: isize) -> isize {
    let empty_old = isize::from(hunk.old_lines().next().is_none());
    let empty_new = isize::from(hunk.new_lines().next().is_none());
    delta + empty_old - empty_new
}

fn at_true_place(hunk: &Hunk, old_at: usize, new_at: usize, old_count: usize) -> Hunk {
    let new_count = hunk.new_lines().count();
    Hunk {
        old_start: old_at + usize::from(old_count > 0),
        new_start: new_at + usize::from(new_count > 0),
        lines: hunk.lines.clone(),
        written_at: hunk.written_at,
    }
}

/// Where the hunk lies, as an index into the old lines. As in git, a hunk that begins at line 1 fits only at the
/// beginning, and one without context behind it only at the end.
fn place(
    places: &Places<'_>,
    hunk: &Hunk,
    wanted: &[&[u8]],
    taken: &Taken,
    honest: bool,
) -> Result<usize, &'static str> {
    let old = places.lines();
    let last = old.len().checked_sub(wanted.len()).ok_or("the file has fewer lines than the hunk")?;
    let exact = if wanted.is_empty() { hunk.old_start } else { hunk.old_start.saturating_sub(1) };
    let (only_start, only_end) =
        (hunk.old_start <= 1 && !wanted.is_empty() || hunk.old_start == 0, hunk.lacks_trailing_context());
    if wanted.is_empty() {
        return if exact == old.len() {
            Ok(exact)
        } else {
            Err("it has no context, so it only fits at the end of the file")
        };
    }
    let may = |at: usize| {
        at <= last
            && (!only_start || at == 0)
            && (!only_end || at == last)
            && taken.leaves(at, at + wanted.len())
    };
    let same = |at: usize| old[at..at + wanted.len()] == *wanted;
    let but_for_an_end = |at: usize| would_lose_an_end(&old[at..at + wanted.len()], wanted);
    if honest && may(exact) && same(exact) {
        return Ok(exact);
    }
    let mut found = places.of_lines(wanted).filter(|&at| may(at) && (same(at) || but_for_an_end(at)));
    match (found.next(), found.next()) {
        (Some(only), None) if same(only) => Ok(only),
        (Some(_), Some(_)) => {
            Err("it fits in more than one place, and none is the one that its header names")
        }
        (Some(_), None) => {
            Err("it says that the file ends there without a newline, and the line has an end in the file")
        }
        (None, _) => Err("its lines are not in the file"),
    }
}

/// Whether `lines` are what the hunk wants but for the end of the last one, which the hunk says it has none: git takes
/// that for a match, and the end that somebody gave the line would be gone.
fn would_lose_an_end(lines: &[&[u8]], wanted: &[&[u8]]) -> bool {
    let (Some((last, above)), Some((wanted_last, wanted_above))) = (lines.split_last(), wanted.split_last())
    else {
        return false;
    };
    let end = last.strip_prefix(*wanted_last).filter(|_| !wanted_last.ends_with(b"\n"));
    above == wanted_above && end.is_some_and(|end| !end.is_empty() && end.iter().all(u8::is_ascii_whitespace))
}

fn describe(number: usize, hunk: &Hunk, why: &str) -> String {
    let place = if hunk.written_at == 0 {
        String::new()
    } else {
        format!(" (line {} of the patch)", hunk.written_at)
    };
    format!("hunk {}{place} does not fit: {why}", number + 1)
}
