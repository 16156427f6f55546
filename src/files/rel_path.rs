//! A path beneath a root, as text. Refuses everything that could mean a place outside, before anything is opened.
//! Knows no disk.

use std::fmt;

/// The longest path, in bytes: `PATH_MAX` of Linux, which no open can exceed anyway.
const MAX_BYTES: usize = 4096;
/// The longest name, in bytes: `NAME_MAX` of every file system that we know.
const MAX_NAME: usize = 255;

/// A normalised path relative to a root: `/`-separated, no `.`, no `..`, no empty part, never absolute. The root
/// itself is `.`. It says nothing about links on the way: only opening it does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelPath(String);

/// Why a text is not a path beneath the root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing at all.
    #[error("the path is empty; the root itself is `.`")]
    Empty,
    /// `/etc/passwd`
    #[error("`{0}` is absolute; write it relative to the root")]
    Absolute(String),
    /// `a/../../b`
    #[error("`{0}` has `..` in it; write the path from the root down")]
    Parent(String),
    /// `../../x` in a file of ours.
    #[error("`{0}` leads out of the folder that it may name files of")]
    Outside(String),
    /// `~/x`, `~user/x`
    #[error("`{0}` begins with `~`, which is no folder here; a file of that name is `./{0}`")]
    Home(String),
    /// `file:///x`
    #[error("`{0}` is a URL; write a path relative to the root")]
    Url(String),
    /// NUL, line breaks, escapes.
    #[error("the path has a control character (U+{code:04X}) at byte {at}")]
    Control {
        /// The character.
        code: u32,
        /// Where.
        at: usize,
    },
    /// More than the system opens.
    #[error("the path has {bytes} bytes; the limit is {limit}")]
    TooLong {
        /// Of the path or of one name.
        bytes: usize,
        /// 4096, or 255 for one name.
        limit: usize,
    },
}

impl RelPath {
    /// The root itself: `.`.
    pub fn root() -> Self {
        Self(".".to_owned())
    }

    /// A path as a person or a model writes it. `./` and doubled slashes are taken out; all else that is not
    /// already normal is refused.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        refuse_foreign_forms(text)?;
        if text.split('/').any(|part| part == "..") {
            return Err(PathError::Parent(text.to_owned()));
        }
        Self::from_parts(text.split('/').filter(|part| !part.is_empty() && *part != "."))
    }

    /// The path that `reference` means when the file `self` names it: relative to the folder of `self`, where `..`
    /// may climb, but not out of the root. Only right where no link is followed.
    pub fn reference(&self, reference: &str) -> Result<Self, PathError> {
        refuse_foreign_forms(reference)?;
        let mut parts: Vec<&str> = self.parts().collect();
        parts.pop();
        for part in reference.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(|| PathError::Outside(reference.to_owned()))?;
                }
                name => parts.push(name),
            }
        }
        Self::from_parts(parts.into_iter())
    }

    /// The path of `name` in this folder.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Self::from_parts(self.parts().chain(std::iter::once(name)))
    }

    /// `/`-separated; the root is `.`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it the root itself?
    pub fn is_root(&self) -> bool {
        self.0 == "."
    }

    /// Its names, from the root down; none for the root.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|part| *part != ".")
    }

    /// The folder that it is in and its name there; none for the root.
    pub fn split(&self) -> Option<(RelPath, &str)> {
        if self.is_root() {
            return None;
        }
        match self.0.rsplit_once('/') {
            Some((folder, name)) => Some((Self(folder.to_owned()), name)),
            None => Some((Self::root(), &self.0)),
        }
    }

    /// The part after the last `.` of its name, if it has one before and after.
    pub fn extension(&self) -> Option<&str> {
        let (stem, extension) = self.0.rsplit('/').next()?.rsplit_once('.')?;
        (!stem.is_empty() && !extension.is_empty()).then_some(extension)
    }

    /// Is it `folder` or beneath it?
    pub fn is_within(&self, folder: &RelPath) -> bool {
        folder.is_root()
            || self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn from_parts<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Self, PathError> {
        let mut text = String::new();
        for part in parts {
            refuse_name(part)?;
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(part);
        }
        refuse_long(text.len(), MAX_BYTES)?;
        Ok(if text.is_empty() { Self::root() } else { Self(text) })
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refuse_foreign_forms(text: &str) -> Result<(), PathError> {
    refuse_control(text)?;
    refuse_long(text.len(), MAX_BYTES)?;
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    match text {
        "" => Err(PathError::Empty),
        _ if text.starts_with('/') => Err(PathError::Absolute(text.to_owned())),
        _ if text.starts_with('~') => Err(PathError::Home(text.to_owned())),
        _ if scheme.eq_ignore_ascii_case("file") || text.contains("://") => {
            Err(PathError::Url(text.to_owned()))
        }
        _ => Ok(()),
    }
}

fn refuse_name(name: &str) -> Result<(), PathError> {
    refuse_control(name)?;
    refuse_long(name.len(), MAX_NAME)?;
    match name {
        "" => Err(PathError::Empty),
        "." | ".." => Err(PathError::Parent(name.to_owned())),
        _ if name.contains('/') => Err(PathError::Absolute(name.to_owned())),
        _ => Ok(()),
    }
}

fn refuse_control(text: &str) -> Result<(), PathError> {
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, c)) => Err(PathError::Control { code: c.into(), at }),
        None => Ok(()),
    }
}

fn refuse_long(bytes: usize, limit: usize) -> Result<(), PathError> {
    if bytes > limit { Err(PathError::TooLong { bytes, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_what_is_harmless() {
        for (text, normal) in [
            ("a", "a"),
            (".", "."),
            ("./", "."),
            ("./a//b/.", "a/b"),
            ("./~x", "~x"),
            ("a~", "a~"),
            ("a/", "a"),
        ] {
            assert_eq!(RelPath::parse(text).unwrap().as_str(), normal, "{text}");
        }
    }

    #[test]
    fn refuses_every_way_out() {
        let long = "a/".repeat(3000);
        let name = "a".repeat(256);
        for text in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "../x",
            "a/..",
            "~",
            "~/x",
            "~root/x",
            "file:///x",
            "FILE:x",
            "https://x/y",
            "a\0b",
            "a\nb",
            "a\u{1b}[m",
            "a\u{85}",
            &long,
            &name,
        ] {
            assert!(RelPath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn references_climb_but_not_out() {
        let graph = RelPath::parse("graphs/deep/a.yaml").unwrap();
        assert_eq!(graph.reference("../../prompts/p.md").unwrap().as_str(), "prompts/p.md");
        assert_eq!(graph.reference("p.md").unwrap().as_str(), "graphs/deep/p.md");
        assert!(matches!(graph.reference("../../../x"), Err(PathError::Outside(_))));
        assert!(matches!(graph.reference("/x"), Err(PathError::Absolute(_))));
    }

    #[test]
    fn takes_paths_apart() {
        let path = RelPath::parse("a/b.c.rs").unwrap();
        assert_eq!(path.extension(), Some("rs"));
        assert_eq!(RelPath::parse(".gitignore").unwrap().extension(), None);
        assert_eq!(path.split().unwrap(), (RelPath::parse("a").unwrap(), "b.c.rs"));
        assert!(path.is_within(&RelPath::parse("a").unwrap()));
        assert!(!RelPath::parse("ab").unwrap().is_within(&RelPath::parse("a").unwrap()));
        assert!(path.is_within(&RelPath::root()));
    }
}
