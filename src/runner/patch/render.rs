//! Patches to text that git reads as we do; line diffs by `similar`. Knows no disk.

use std::fmt::Write as _;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use crate::files::RelPath;

use crate::patch::{Action, FilePatch, Hunk, Line, LineKind, Mode, quote, split_lines};

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// With more lines than this on both sides, after what is equal at the ends, the middle is replaced whole.
const MOST_LINES: usize = 100_000;

/// The hunks that make `new` of `old`.
pub(crate) fn diff(old: &[u8], new: &[u8]) -> Vec<Hunk> {
    let (old, new) = (split_lines(old), split_lines(new));
    group_diff_ops(line_ops(&old, &new), CONTEXT)
        .iter()
        .filter(|group| group.iter().any(|op| op.tag() != DiffTag::Equal))
        .map(|group| hunk_of(group, &old, &new))
        .collect()
}

fn line_ops(old: &[&[u8]], new: &[&[u8]]) -> Vec<DiffOp> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_len, new_len) = (old.len() - head - tail, new.len() - head - tail);
    if old_len + new_len <= MOST_LINES {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    vec![
        DiffOp::Equal { old_index: 0, new_index: 0, len: head },
        DiffOp::Replace { old_index: head, old_len, new_index: head, new_len },
        DiffOp::Equal { old_index: head + old_len, new_index: head + new_len, len: tail },
    ]
}

fn hunk_of(group: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) -> Hunk {
    let mut lines = Vec::new();
    let mut push = |kind: LineKind, side: &[&[u8]]| {
        lines.extend(side.iter().map(|text| Line { kind, text: text.to_vec() }));
    };
    for op in group {
        if op.tag() == DiffTag::Equal {
            push(LineKind::Context, &old[op.old_range()]);
        } else {
            push(LineKind::Delete, &old[op.old_range()]);
            push(LineKind::Insert, &new[op.new_range()]);
        }
    }
    let start = |index: Option<usize>, any: bool| index.unwrap_or_default() + usize::from(any);
    let any = |kind: LineKind| lines.iter().any(|line| line.kind != kind);
    Hunk {
        old_start: start(group.first().map(|op| op.old_range().start), any(LineKind::Insert)),
        new_start: start(group.first().map(|op| op.new_range().start), any(LineKind::Delete)),
        lines,
        written_at: 0,
    }
}

/// The text of a patch; `None` if its lines hold bytes that are not UTF-8, which no text can carry, or a NUL, which no
/// reader of patches takes.
pub(crate) fn render(files: &[FilePatch]) -> Option<String> {
    let mut out = String::new();
    for file in files {
        render_file(file, &mut out)?;
    }
    Some(out)
}

/// What stands above the lines of a file: its names, its modes, where it comes from.
pub(crate) fn head(file: &FilePatch) -> Option<String> {
    let mut out = String::new();
    render_head(file, &mut out)?;
    Some(out)
}

fn render_file(file: &FilePatch, out: &mut String) -> Option<()> {
    render_head(file, out)?;
    if let Some(binary) = &file.binary {
        binary.write(out);
    }
    if file.hunks.is_empty() {
        return Some(());
    }
    let _ =
        writeln!(out, "--- {}\n+++ {}", side("a/", file.action.source()), side("b/", file.action.target()));
    file.hunks.iter().try_for_each(|hunk| render_hunk(hunk, out))
}

fn render_head(file: &FilePatch, out: &mut String) -> Option<()> {
    let (source, target) = (file.action.source(), file.action.target());
    let (old, new) = (source.or(target)?, target.or(source)?);
    // writing to a String cannot fail, here and below
    let _ = writeln!(out, "diff --git {} {}", quote("a/", old.as_str()), quote("b/", new.as_str()));
    render_modes(file, out);
    match &file.action {
        Action::Rename { from, to } => {
            let _ = writeln!(
                out,
                "rename from {}\nrename to {}",
                quote("", from.as_str()),
                quote("", to.as_str())
            );
        }
        Action::Copy { from, to } => {
            let _ =
                writeln!(out, "copy from {}\ncopy to {}", quote("", from.as_str()), quote("", to.as_str()));
        }
        Action::Add { .. } | Action::Delete { .. } | Action::Modify { .. } => {}
    }
    Some(())
}

fn render_modes(file: &FilePatch, out: &mut String) {
    let mode = |mode: Option<Mode>| mode.map_or("100644", Mode::as_str);
    let _ = match &file.action {
        Action::Add { .. } => writeln!(out, "new file mode {}", mode(file.new_mode)),
        Action::Delete { .. } => writeln!(out, "deleted file mode {}", mode(file.old_mode)),
        _ if file.new_mode.is_some() && file.new_mode != file.old_mode => {
            writeln!(out, "old mode {}\nnew mode {}", mode(file.old_mode), mode(file.new_mode))
        }
        _ => Ok(()),
    };
}

/// As git does, a name with a space is followed by a tab, so that readers don't take a date for it.
fn side(prefix: &str, name: Option<&RelPath>) -> String {
    match name.map(|name| quote(prefix, name.as_str())) {
        None => "/dev/null".to_owned(),
        Some(name) if name.contains(' ') && !name.starts_with('"') => format!("{name}\t"),
        Some(name) => name,
    }
}

fn render_hunk(hunk: &Hunk, out: &mut String) -> Option<()> {
    let (old, new) = (hunk.old_lines().count(), hunk.new_lines().count());
    let _ = writeln!(out, "@@ -{} +{} @@", range(hunk.old_start, old), range(hunk.new_start, new));
    for line in &hunk.lines {
        out.push(match line.kind {
            LineKind::Context => ' ',
            LineKind::Delete => '-',
            LineKind::Insert => '+',
        });
        let text = std::str::from_utf8(&line.text).ok().filter(|text| !text.contains('\0'))?;
        out.push_str(text);
        if !line.text.ends_with(b"\n") {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
    Some(())
}

fn range(start: usize, count: usize) -> String {
    if count == 1 { start.to_string() } else { format!("{start},{count}") }
}
