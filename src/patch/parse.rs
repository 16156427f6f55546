//! The text of a git-style unified diff → files and hunks, strictly: every line belongs to something, every count
//! is true, and what the headers of a file say agrees. Knows no disk, and does not care whether a hunk fits.

use crate::files::RelPath;

use super::PatchError;
use super::binary::read_binary;
use super::header::{GitHeader, read_git_header};
use super::hunk::read_hunks;
use super::model::{Action, FilePatch};
use super::path::checked;
use super::quoted::unquote;

/// The lines of a patch, and where we are.
pub(super) struct Lines<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { lines: text.split_inclusive('\n').collect(), at: 0 }
    }

    /// The line at hand, with its line end.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    /// The line after it.
    pub(super) fn peek_second(&self) -> Option<&'a str> {
        self.lines.get(self.at + 1).copied()
    }

    /// Goes on, and gives the line that was at hand.
    pub(super) fn take(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        self.at += 1;
        Some(line)
    }

    /// From 1.
    pub(super) fn number(&self) -> usize {
        self.at + 1
    }

    /// An error at the line at hand.
    pub(super) fn wrong(&self, message: impl Into<String>) -> PatchError {
        malformed(self.number(), message)
    }

    /// Does a file without git headers begin here?
    pub(super) fn at_plain_header(&self) -> bool {
        self.peek().is_some_and(|line| line.starts_with("--- "))
            && self.peek_second().is_some_and(|line| line.starts_with("+++ "))
    }
}

pub(super) fn malformed(line: usize, message: impl Into<String>) -> PatchError {
    PatchError::Malformed { line, message: message.into() }
}

/// The line without its line end; headers may end in `\r\n`.
pub(super) fn bare(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Reads a whole patch; at least one file.
pub(crate) fn parse(text: &str) -> Result<Vec<FilePatch>, PatchError> {
    let mut lines = Lines::new(text);
    let mut files = Vec::new();
    while let Some(line) = lines.peek() {
        if bare(line).is_empty() {
            lines.take();
        } else if line.starts_with("diff --git ") {
            files.push(git_file(&mut lines)?);
        } else if lines.at_plain_header() {
            files.push(plain_file(&mut lines)?);
        } else {
            return Err(lines.wrong(outside(line)));
        }
    }
    if files.is_empty() {
        return Err(malformed(
            1,
            "there is no diff in it; a file begins with `diff --git a/… b/…` or `--- a/…`",
        ));
    }
    if !text.ends_with('\n') {
        return Err(malformed(
            lines.number() - 1,
            "the patch ends in the middle of a line; end it with a newline",
        ));
    }
    Ok(files)
}

fn outside(line: &str) -> String {
    match line.chars().next() {
        Some('@') => "a hunk without a file before it".to_owned(),
        Some('+' | '-' | ' ' | '\\') => {
            "this line is in no hunk: the hunk before it has more lines than its header counts".to_owned()
        }
        _ => "this line is no part of a diff; remove text before, between and after the files".to_owned(),
    }
}

fn git_file(lines: &mut Lines<'_>) -> Result<FilePatch, PatchError> {
    let start = lines.number();
    let header = read_git_header(lines)?;
    let binary = read_binary(lines, header.index.as_ref())?;
    let names = if binary.is_some() { None } else { read_names(lines)? };
    let hunks = if names.is_some() { read_hunks(lines)? } else { Vec::new() };
    let action = header.action(start, names.is_some())?;
    if let Some(names) = &names {
        agree(&action, names, start)?;
    }
    let GitHeader { old_mode, new_mode, .. } = header;
    if let Some(binary) = &binary {
        binary.names.agree(&action, start)?;
    }
    let file = FilePatch { action, old_mode, new_mode, hunks, binary };
    check_shape(&file, start)?;
    Ok(file)
}

fn plain_file(lines: &mut Lines<'_>) -> Result<FilePatch, PatchError> {
    let start = lines.number();
    for (line, word) in [(lines.peek(), "---"), (lines.peek_second(), "+++")] {
        if line.is_some_and(says_there_is_none) {
            return Err(lines.wrong(format!(
                "the time behind the name of `{word}` says that there is no file; write `{word} /dev/null` for that"
            )));
        }
    }
    let Some((old, new)) = read_names(lines)? else { return Err(lines.wrong("`---` and `+++` are missing")) };
    let action = match (old, new) {
        (None, None) => return Err(malformed(start, "both names are `/dev/null`")),
        (None, Some(path)) => Action::Add { path },
        (Some(path), None) => Action::Delete { path },
        (Some(old), Some(new)) if old == new => Action::Modify { path: old },
        (Some(_), Some(_)) => {
            return Err(malformed(
                start,
                "the two names differ; a rename needs `rename from` and `rename to`",
            ));
        }
    };
    let file = FilePatch { action, old_mode: None, new_mode: None, hunks: read_hunks(lines)?, binary: None };
    check_shape(&file, start)?;
    Ok(file)
}

/// Without the headers of git, the beginning of time in any zone stands for a file that is not there: `diff -N` writes it.
fn says_there_is_none(line: &str) -> bool {
    line.rsplit_once('\t').is_some_and(|(_, time)| {
        ["1970-01-01", "1969-12-31"].iter().any(|day| time.trim_start().starts_with(day))
    })
}

/// The names behind `---` and `+++`; `/dev/null` is none.
type Names = (Option<RelPath>, Option<RelPath>);

fn read_names(lines: &mut Lines<'_>) -> Result<Option<Names>, PatchError> {
    if !lines.peek().is_some_and(|line| line.starts_with("--- ")) {
        return match lines.peek() {
            Some(line) if line.starts_with("@@ ") => {
                Err(lines.wrong("a hunk without `---` and `+++` before it"))
            }
            _ => Ok(None),
        };
    }
    let old = one_name(lines, "--- ", "a/")?;
    if !lines.peek().is_some_and(|line| line.starts_with("+++ ")) {
        return Err(lines.wrong("`---` must be followed by `+++`"));
    }
    let new = one_name(lines, "+++ ", "b/")?;
    Ok(Some((old, new)))
}

fn one_name(lines: &mut Lines<'_>, word: &str, prefix: &str) -> Result<Option<RelPath>, PatchError> {
    let line = lines.peek().map(bare).unwrap_or_default();
    let text = line.strip_prefix(word).unwrap_or_default();
    let name = if text.starts_with('"') {
        let (name, rest) = unquote(text.as_bytes()).map_err(|error| lines.wrong(error.to_string()))?;
        if !rest.is_empty() && !rest.starts_with(b"\t") {
            return Err(lines.wrong("there is text behind the quoted name"));
        }
        name
    } else {
        let (name, time) = text.split_once('\t').unwrap_or((text, ""));
        if time.contains('\t') {
            // git takes the last for the one before the time, and the others for a part of the name
            return Err(lines.wrong("there are two tabs behind the name; quote a name that holds one"));
        }
        name.to_owned()
    };
    let path = if name == "/dev/null" {
        None
    } else if let Some(path) = name.strip_prefix(prefix) {
        Some(checked(path)?)
    } else if name.starts_with('/') {
        Some(checked(&name)?)
    } else {
        return Err(lines.wrong(format!("the name behind `{}` must begin with `{prefix}`", word.trim_end())));
    };
    lines.take();
    Ok(path)
}

/// `---` and `+++` must say what the git headers say.
fn agree(action: &Action, names: &Names, start: usize) -> Result<(), PatchError> {
    let (old, new) = names;
    if old.as_ref() == action.source() && new.as_ref() == action.target() {
        return Ok(());
    }
    Err(malformed(start, "the names behind `---` and `+++` are not those of the git headers above them"))
}

fn check_shape(file: &FilePatch, start: usize) -> Result<(), PatchError> {
    let message = match &file.action {
        Action::Add { .. } if file.hunks.iter().any(|hunk| hunk.old_lines().next().is_some()) => {
            "a new file can't have old lines"
        }
        Action::Delete { .. } if file.hunks.iter().any(|hunk| hunk.new_lines().next().is_some()) => {
            "a deleted file can't have lines left"
        }
        Action::Add { .. } | Action::Delete { .. } if file.hunks.len() > 1 => {
            "a file that is added or deleted has one hunk at most"
        }
        Action::Modify { .. }
            if file.hunks.is_empty() && file.binary.is_none() && file.new_mode == file.old_mode =>
        {
            "it changes nothing"
        }
        _ => return Ok(()),
    };
    Err(malformed(start, message))
}
