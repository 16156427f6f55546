//! The extended headers that git writes between `diff --git` and the hunks. Knows no hunk and no disk.

use crate::files::RelPath;

use super::PatchError;
use super::binary::Index;
use super::model::{Action, Mode};
use super::parse::{Lines, bare, malformed};
use super::path::{checked, shown};
use super::quoted::unquote;

/// What the headers of one file say.
#[derive(Debug, Default)]
pub(super) struct GitHeader {
    /// What follows `diff --git `.
    names: String,
    /// Does that line end in `\r\n`?
    is_crlf: bool,
    pub(super) old_mode: Option<Mode>,
    pub(super) new_mode: Option<Mode>,
    added: bool,
    deleted: bool,
    rename: Pair,
    copy: Pair,
    /// The names of both contents.
    pub(super) index: Option<Index>,
}

#[derive(Debug, Default)]
struct Pair {
    from: Option<String>,
    to: Option<String>,
}

/// Reads the line `diff --git` and the headers below it.
pub(super) fn read_git_header(lines: &mut Lines<'_>) -> Result<GitHeader, PatchError> {
    let first = lines.take().unwrap_or_default();
    let mut header = GitHeader {
        names: bare(first).strip_prefix("diff --git ").unwrap_or_default().to_owned(),
        is_crlf: first.ends_with("\r\n"),
        ..GitHeader::default()
    };
    while let Some(line) = lines.peek() {
        if !header.take(bare(line), lines)? {
            break;
        }
        lines.take();
    }
    Ok(header)
}

impl GitHeader {
    /// Takes a line in, if it is a header of ours.
    fn take(&mut self, line: &str, lines: &Lines<'_>) -> Result<bool, PatchError> {
        if ["Binary files ", "Files "].iter().any(|word| line.starts_with(word)) && line.ends_with(" differ")
        {
            return Err(lines.wrong(
                "this says that a binary file differs, and not what it becomes; write the patch with `git diff --binary`",
            ));
        }
        let once = |taken: bool| if taken { Err(lines.wrong("this header stands twice")) } else { Ok(()) };
        if let Some(mode) = line.strip_prefix("old mode ") {
            once(self.old_mode.is_some())?;
            self.old_mode = Some(read_mode(mode, lines)?);
        } else if let Some(mode) = line.strip_prefix("new mode ") {
            once(self.new_mode.is_some())?;
            self.new_mode = Some(read_mode(mode, lines)?);
        } else if let Some(mode) = line.strip_prefix("new file mode ") {
            once(self.added)?;
            self.added = true;
            self.new_mode = Some(read_mode(mode, lines)?);
        } else if let Some(mode) = line.strip_prefix("deleted file mode ") {
            once(self.deleted)?;
            self.deleted = true;
            self.old_mode = Some(read_mode(mode, lines)?);
        } else if let Some(name) = line.strip_prefix("rename from ") {
            set(&mut self.rename.from, name, lines)?;
        } else if let Some(name) = line.strip_prefix("rename to ") {
            set(&mut self.rename.to, name, lines)?;
        } else if let Some(name) = line.strip_prefix("copy from ") {
            set(&mut self.copy.from, name, lines)?;
        } else if let Some(name) = line.strip_prefix("copy to ") {
            set(&mut self.copy.to, name, lines)?;
        } else if let Some(index) = line.strip_prefix("index ") {
            once(self.index.is_some())?;
            self.index = Some(read_index(index, lines)?);
        } else {
            return Ok(is_similarity(line));
        }
        Ok(true)
    }

    /// What happens, once everything agrees; `is_named` where `---` and `+++` say the name as well.
    pub(super) fn action(&self, line: usize, is_named: bool) -> Result<Action, PatchError> {
        let renames = self.rename.from.is_some() || self.rename.to.is_some();
        let copies = self.copy.from.is_some() || self.copy.to.is_some();
        let kinds = [self.added, self.deleted, renames, copies].into_iter().filter(|kind| *kind).count();
        if kinds > 1 {
            return Err(malformed(line, "its headers say two of: new, deleted, renamed, copied"));
        }
        if (self.added && self.old_mode.is_some()) || (self.deleted && self.new_mode.is_some()) {
            return Err(malformed(line, "a file that is new or deleted can't change its mode as well"));
        }
        if self.old_mode.is_some() != self.new_mode.is_some() && !self.added && !self.deleted {
            return Err(malformed(line, "`old mode` and `new mode` come together"));
        }
        if renames || copies {
            return self.moved(line, if renames { &self.rename } else { &self.copy }, renames);
        }
        if !is_named && !self.names_alone() {
            let message = "where no other line says the name, `diff --git` must be followed by two plain names and end in a plain \
                           line break, or the second name must be quoted as well";
            return Err(malformed(line, message));
        }
        let path = self.same_name(line)?;
        Ok(match (self.added, self.deleted) {
            (true, _) => Action::Add { path },
            (_, true) => Action::Delete { path },
            _ => Action::Modify { path },
        })
    }

    fn moved(&self, line: usize, pair: &Pair, renames: bool) -> Result<Action, PatchError> {
        let (Some(from), Some(to)) = (pair.from.clone(), pair.to.clone()) else {
            return Err(malformed(line, "`from` and `to` come together"));
        };
        if !splits(&self.names).contains(&(from.clone(), to.clone())) {
            return Err(malformed(line, "the names behind `diff --git` are not those of `from` and `to`"));
        }
        if from == to {
            return Err(malformed(line, "`from` and `to` are one file"));
        }
        let (from, to) = (checked(&from)?, checked(&to)?);
        Ok(if renames { Action::Rename { from, to } } else { Action::Copy { from, to } })
    }

    /// Can the name be taken from `diff --git` alone, as git takes it? To git a plain name goes to the end of the line, a
    /// carriage return with it, and behind a quoted one a plain one is none.
    fn names_alone(&self) -> bool {
        let is_quoted = [self.names.starts_with('"'), self.names.ends_with('"')];
        is_quoted[1] || !is_quoted[0] && !self.is_crlf
    }

    fn same_name(&self, line: usize) -> Result<RelPath, PatchError> {
        let mut same: Vec<String> =
            splits(&self.names).into_iter().filter(|(old, new)| old == new).map(|(old, _)| old).collect();
        same.dedup();
        match same.as_slice() {
            [name] => checked(name),
            _ => {
                Err(malformed(line, "`diff --git` must be followed by `a/NAME b/NAME`, the same name twice"))
            }
        }
    }
}

fn set(place: &mut Option<String>, text: &str, lines: &Lines<'_>) -> Result<(), PatchError> {
    if place.is_some() {
        return Err(lines.wrong("this header stands twice"));
    }
    let name = if text.starts_with('"') {
        match unquote(text.as_bytes()) {
            Ok((name, b"")) => name,
            Ok(_) => return Err(lines.wrong("there is text behind the quoted name")),
            Err(error) => return Err(lines.wrong(error.to_string())),
        }
    } else {
        text.to_owned()
    };
    checked(&name)?;
    *place = Some(name);
    Ok(())
}

fn read_mode(text: &str, lines: &Lines<'_>) -> Result<Mode, PatchError> {
    let message = match text {
        "100644" => return Ok(Mode::Regular),
        "100755" => return Ok(Mode::Executable),
        "120000" => "symbolic links can't be patched".to_owned(),
        "160000" => "submodules can't be patched".to_owned(),
        _ => format!("the mode `{}` is refused; it is 100644 or 100755", shown(text)),
    };
    Err(PatchError::Forbidden { path: format!("line {} of the patch", lines.number()), message })
}

/// `abc123..def456`, with the mode of a file that keeps it.
fn read_index(text: &str, lines: &Lines<'_>) -> Result<Index, PatchError> {
    let (ids, mode) = text.split_once(' ').map_or((text, None), |(ids, mode)| (ids, Some(mode)));
    if let Some(mode) = mode {
        read_mode(mode, lines)?;
    }
    let hex = |id: &str| (4..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit());
    match ids.split_once("..") {
        Some((old, new)) if hex(old) && hex(new) => {
            // to git the carriage return is a part of the name, which then is none in full
            let end = if lines.peek().is_some_and(|line| line.ends_with("\r\n")) { "\r" } else { "" };
            Ok(Index { old: old.to_owned(), new: format!("{new}{end}") })
        }
        _ => Err(lines.wrong("`index` must be followed by two object names")),
    }
}

fn is_similarity(line: &str) -> bool {
    ["similarity index ", "dissimilarity index "].iter().any(|word| {
        line.strip_prefix(word)
            .and_then(|rest| rest.strip_suffix('%'))
            .is_some_and(|number| number.parse::<u8>().is_ok_and(|percent| percent <= 100))
    })
}

/// Every way to read two names out of the line, the prefixes `a/` and `b/` taken off.
fn splits(text: &str) -> Vec<(String, String)> {
    let pair = |old: &str, new: &str| {
        let old = old.strip_prefix("a/")?;
        Some((old.to_owned(), whole_name(new)?.strip_prefix("b/")?.to_owned()))
    };
    if text.starts_with('"') {
        return unquote(text.as_bytes())
            .ok()
            .and_then(|(old, rest)| pair(&old, std::str::from_utf8(rest.strip_prefix(b" ")?).ok()?))
            .into_iter()
            .collect();
    }
    text.match_indices(' ').filter_map(|(at, _)| pair(&text[..at], &text[at + 1..])).collect()
}

fn whole_name(text: &str) -> Option<String> {
    if !text.starts_with('"') {
        return Some(text.to_owned());
    }
    unquote(text.as_bytes()).ok().filter(|(_, rest)| rest.is_empty()).map(|(name, _)| name)
}
