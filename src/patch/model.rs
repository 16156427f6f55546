//! What a patch is once it is parsed: files, modes, hunks, binary parts. Knows no syntax and no disk.

use crate::files::RelPath;

use super::Binary;

/// One file of a patch. Paths are relative to the root and already checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePatch {
    /// What happens, with the paths that it happens to.
    pub action: Action,
    /// The mode that the patch says the file has.
    pub old_mode: Option<Mode>,
    /// The mode that it gets; as it was, if absent.
    pub new_mode: Option<Mode>,
    /// Changes of its lines, in order.
    pub hunks: Vec<Hunk>,
    /// What it becomes, where that is not said in lines: then there are no hunks.
    pub binary: Option<Binary>,
}

impl FilePatch {
    /// The paths whose content it changes, with what only changes its name.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &RelPath> {
        let source = self.action.source().filter(|_| !matches!(self.action, Action::Copy { .. }));
        let target = self.action.target().filter(|target| source != Some(*target));
        source.into_iter().chain(target)
    }

    /// The bytes that have to be unpacked to apply it.
    pub(crate) fn unpacked(&self) -> u64 {
        self.binary.as_ref().map_or(0, Binary::unpacked)
    }
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the paths before and after")]
pub(crate) enum Action {
    Add { path: RelPath },
    Delete { path: RelPath },
    Modify { path: RelPath },
    Rename { from: RelPath, to: RelPath },
    Copy { from: RelPath, to: RelPath },
}

impl Action {
    /// The path that is read, if there is one.
    pub(crate) fn source(&self) -> Option<&RelPath> {
        match self {
            Action::Add { .. } => None,
            Action::Delete { path } | Action::Modify { path } => Some(path),
            Action::Rename { from, .. } | Action::Copy { from, .. } => Some(from),
        }
    }

    /// The path that is there afterwards, if there is one.
    pub(crate) fn target(&self) -> Option<&RelPath> {
        match self {
            Action::Delete { .. } => None,
            Action::Add { path } | Action::Modify { path } => Some(path),
            Action::Rename { to, .. } | Action::Copy { to, .. } => Some(to),
        }
    }

    /// The word for it in results and journals.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Action::Add { .. } => "add",
            Action::Delete { .. } => "delete",
            Action::Modify { .. } => "update",
            Action::Rename { .. } => "rename",
            Action::Copy { .. } => "copy",
        }
    }
}

/// The two modes that git keeps of a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// 100644
    Regular,
    /// 100755
    Executable,
}

impl Mode {
    /// As git writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Regular => "100644",
            Mode::Executable => "100755",
        }
    }

    /// The mode of permission bits: git looks at the owner's execute bit alone.
    pub(crate) fn of_bits(bits: u32) -> Self {
        if bits & 0o100 == 0 { Mode::Regular } else { Mode::Executable }
    }
}

/// A run of changed lines with what is around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// First line before, from 1; with no old lines, the line that it follows.
    pub old_start: usize,
    /// Likewise after.
    pub new_start: usize,
    /// Its lines, in order.
    pub lines: Vec<Line>,
    /// The line of the patch that it begins on, for messages; 0 where there is no text.
    pub written_at: usize,
}

/// A line with its line end, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Which sides it is on.
    pub kind: LineKind,
    /// Its bytes, `\n` included.
    pub text: Vec<u8>,
}

/// Which sides a line is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the format")]
pub(crate) enum LineKind {
    Context,
    Delete,
    Insert,
}

impl Hunk {
    /// Can a patch hold it? It holds UTF-8, and no NUL.
    pub(crate) fn is_text(&self) -> bool {
        self.lines.iter().all(|line| is_text(&line.text))
    }

    /// The lines that must be there before.
    pub(crate) fn old_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(|line| line.kind != LineKind::Insert).map(|line| line.text.as_slice())
    }

    /// The lines that are there afterwards.
    pub(crate) fn new_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(|line| line.kind != LineKind::Delete).map(|line| line.text.as_slice())
    }

    /// Does it end in a changed line? Then it only fits at the end of the file.
    pub(crate) fn lacks_trailing_context(&self) -> bool {
        self.lines.last().is_none_or(|line| line.kind != LineKind::Context)
    }

    /// The hunk that takes it back.
    pub(crate) fn reversed(&self) -> Hunk {
        let lines = self.lines.iter().map(|line| {
            let kind = match line.kind {
                LineKind::Context => LineKind::Context,
                LineKind::Delete => LineKind::Insert,
                LineKind::Insert => LineKind::Delete,
            };
            Line { kind, text: line.text.clone() }
        });
        let lines = deletions_first(lines.collect());
        Hunk { old_start: self.new_start, new_start: self.old_start, lines, written_at: 0 }
    }
}

/// Puts the deletions of each changed block before its insertions, as every writer of diffs does.
fn deletions_first(lines: Vec<Line>) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::with_capacity(lines.len());
    let mut inserted = Vec::new();
    for line in lines {
        match line.kind {
            LineKind::Insert => inserted.push(line),
            LineKind::Delete => out.push(line),
            LineKind::Context => {
                out.append(&mut inserted);
                out.push(line);
            }
        }
    }
    out.append(&mut inserted);
    out
}

/// Is it what a patch can hold in lines, and JSON as it is: UTF-8, and no NUL?
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

/// The lines of some bytes, each with its `\n`; the last may lack it.
pub(crate) fn split_lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&b| b == b'\n').collect()
}
