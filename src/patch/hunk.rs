//! Hunks: reading them with every count checked. Knows no file headers and no disk.

use super::PatchError;
use super::model::{Hunk, Line, LineKind};
use super::parse::{Lines, bare};

/// Reads the hunks of a file, at least one.
pub(super) fn read_hunks(lines: &mut Lines<'_>) -> Result<Vec<Hunk>, PatchError> {
    let mut hunks: Vec<Hunk> = Vec::new();
    while lines.peek().is_some_and(|line| line.starts_with("@@ ")) {
        let hunk = read_hunk(lines)?;
        if hunks.last().is_some_and(|before| before.old_start > hunk.old_start) {
            return Err(PatchError::Malformed {
                line: hunk.written_at,
                message: "the hunks of a file must be in order".to_owned(),
            });
        }
        hunks.push(hunk);
    }
    if hunks.is_empty() {
        return Err(lines.wrong("there is no hunk behind `+++`"));
    }
    Ok(hunks)
}

/// What the header of a hunk announces.
struct Announced {
    old_start: usize,
    old_count: usize,
    new_start: usize,
    new_count: usize,
}

fn read_hunk(lines: &mut Lines<'_>) -> Result<Hunk, PatchError> {
    let written_at = lines.number();
    let announced = lines
        .peek()
        .map(bare)
        .and_then(read_range)
        .ok_or_else(|| lines.wrong("a hunk begins with `@@ -START,COUNT +START,COUNT @@`"))?;
    if announced.old_start == 0 && announced.old_count > 0
        || announced.new_start == 0 && announced.new_count > 0
    {
        return Err(lines.wrong("lines are counted from 1"));
    }
    lines.take();
    let body = read_body(lines, &announced)?;
    if body.iter().all(|line| line.kind == LineKind::Context) {
        return Err(PatchError::Malformed {
            line: written_at,
            message: "the hunk changes nothing".to_owned(),
        });
    }
    Ok(Hunk { old_start: announced.old_start, new_start: announced.new_start, lines: body, written_at })
}

fn read_body(lines: &mut Lines<'_>, announced: &Announced) -> Result<Vec<Line>, PatchError> {
    let (mut old, mut new) = (announced.old_count, announced.new_count);
    let mut body: Vec<Line> = Vec::new();
    // the kinds of lines without newline, of which there are two at most
    let mut ended: Vec<LineKind> = Vec::new();
    loop {
        let Some(text) = lines.peek() else {
            return if old == 0 && new == 0 { Ok(body) } else { Err(ends_early(lines, announced)) };
        };
        if text.starts_with("\\ ") {
            ended.push(end_without_newline(&mut body, lines)?);
            lines.take();
            continue;
        }
        if old == 0 && new == 0 {
            return Ok(body);
        }
        let (kind, content) = match text.as_bytes()[0] {
            b' ' => (LineKind::Context, &text[1..]),
            b'-' => (LineKind::Delete, &text[1..]),
            b'+' => (LineKind::Insert, &text[1..]),
            b'\n' => (LineKind::Context, text),
            _ => return Err(ends_early(lines, announced)),
        };
        for (count, side) in [(&mut old, LineKind::Insert), (&mut new, LineKind::Delete)] {
            if kind != side {
                *count = count.checked_sub(1).ok_or_else(|| ends_early(lines, announced))?;
            }
        }
        if content.contains('\0') {
            return Err(lines
                .wrong("a line holds a NUL: the file is binary; write the patch with `git diff --binary`"));
        }
        check_not_after_the_end(&ended, kind, lines)?;
        body.push(Line { kind, text: content.as_bytes().to_vec() });
        lines.take();
    }
}

/// A line without newline is the last of its side.
fn check_not_after_the_end(ended: &[LineKind], kind: LineKind, lines: &Lines<'_>) -> Result<(), PatchError> {
    let clash = |before: LineKind| kind == LineKind::Context || before == LineKind::Context || before == kind;
    if ended.iter().any(|before| clash(*before)) {
        return Err(lines.wrong("a line follows one that ends the file"));
    }
    Ok(())
}

fn end_without_newline(body: &mut [Line], lines: &Lines<'_>) -> Result<LineKind, PatchError> {
    let known = lines.peek().is_some_and(|line| bare(line) == "\\ No newline at end of file");
    if !known {
        return Err(lines.wrong("a line that begins with `\\` must read `\\ No newline at end of file`"));
    }
    let ended = body.last_mut().filter(|line| line.text.ends_with(b"\n"));
    let Some(last) = ended else { return Err(lines.wrong("there is no line that this could be about")) };
    last.text.pop();
    if last.text.is_empty() {
        return Err(lines.wrong("a line without text and without newline is none; remove it and this line"));
    }
    Ok(last.kind)
}

fn ends_early(lines: &Lines<'_>, announced: &Announced) -> PatchError {
    lines.wrong(format!(
        "the hunk's header counts {} old and {} new lines, and its lines are not that many",
        announced.old_count, announced.new_count
    ))
}

/// `@@ -1,2 +3,4 @@ heading`; a count that is missing is 1.
fn read_range(line: &str) -> Option<Announced> {
    let (ranges, heading) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    if !heading.is_empty() && !heading.starts_with(' ') {
        return None;
    }
    let (old, new) = ranges.split_once(" +")?;
    let ((old_start, old_count), (new_start, new_count)) = (read_pair(old)?, read_pair(new)?);
    Some(Announced { old_start, old_count, new_start, new_count })
}

fn read_pair(text: &str) -> Option<(usize, usize)> {
    let (start, count) = text.split_once(',').map_or((text, "1"), |pair| pair);
    Some((read_number(start)?, read_number(count)?))
}

/// Digits alone, at most nine.
fn read_number(text: &str) -> Option<usize> {
    let digits = (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}
