//! The files that a file of ours names: what is asked for, and what came of it. Decides where a path leads; opens
//! nothing itself.

use std::fmt;

/// What a file is named as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A graph, under `graphs`.
    Graph,
    /// A policy layer, or an `include` of one.
    Policy,
    /// A prompt's text.
    Prompt,
    /// A JSON Schema.
    Schema,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Graph => "graph",
            FileKind::Policy => "policy",
            FileKind::Prompt => "prompt",
            FileKind::Schema => "schema",
        })
    }
}

/// A file to be opened, beneath the folder of the file that the user named: never through a link, a regular file
/// only, and within a size limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileRef {
    /// `/`-separated, relative to that folder, without `.` and `..`.
    pub path: String,
    /// What it is named as.
    pub kind: FileKind,
}

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The name to show it by.
    pub name: String,
    /// The whole of it.
    pub bytes: Vec<u8>,
}

/// Why a named file has no text. Its author can mend each, so it becomes a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadProblem {
    /// There is none.
    #[error("there is no such file")]
    NotFound,
    /// It is reached through a symbolic link, or leads out of the folder.
    #[error("a symbolic link is never followed to a file of a graph")]
    Link,
    /// A folder, a device, a pipe.
    #[error("it is not a regular file")]
    NotRegular,
    /// Longer than a file of ours may be.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// Its name is one that holds secrets, or a policy denies reading it.
    #[error("reading it is denied by {by}")]
    Denied {
        /// The rule.
        by: String,
    },
    /// Anything else that the system said.
    #[error("{message}")]
    Other {
        /// What it said.
        message: String,
    },
}

/// Opens files for a compilation.
pub type Load<'a> = dyn FnMut(&FileRef) -> Result<Loaded, LoadProblem> + 'a;

/// Why a written path can lead nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]

pub(super) enum PathProblem {
    #[error("is absolute")]
    Absolute,
    #[error("leads out of the folder of the file that the run was started with")]
    Outside,
    #[error("holds a character that no path of ours has")]
    Character,
    #[error("names no file")]
    Empty,
}

/// Where `written` leads, as it stands in the file at `naming`; both relative to the folder of the file that the
/// user named.
pub(super) fn resolve(naming: &str, written: &str) -> Result<String, PathProblem> {
    if written.starts_with('/') || written.starts_with('~') {
        return Err(PathProblem::Absolute);
    }
    if written.contains(|c: char| c.is_control() || c == '\\' || c == ':') {
        return Err(PathProblem::Character);
    }
    let folder = naming.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(PathProblem::Outside)?;
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() || written.ends_with('/') {
        return Err(PathProblem::Empty);
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_beneath_the_folder() {
        let cases = [
            ("graph.yaml", "prompts/plan.md", Ok("prompts/plan.md")),
            ("sub/graph.yaml", "./a.md", Ok("sub/a.md")),
            ("sub/graph.yaml", "../a.md", Ok("a.md")),
            ("graph.yaml", "a/../b.md", Ok("b.md")),
            ("graph.yaml", "../a.md", Err(PathProblem::Outside)),
            ("sub/graph.yaml", "../../.ssh/id_rsa", Err(PathProblem::Outside)),
            ("graph.yaml", "/etc/passwd", Err(PathProblem::Absolute)),
            ("graph.yaml", "~/.netrc", Err(PathProblem::Absolute)),
            ("graph.yaml", "file:///etc/passwd", Err(PathProblem::Character)),
            ("graph.yaml", "a\0b", Err(PathProblem::Character)),
            ("graph.yaml", "prompts/", Err(PathProblem::Empty)),
            ("graph.yaml", ".", Err(PathProblem::Empty)),
        ];
        for (naming, written, wanted) in cases {
            assert_eq!(
                resolve(naming, written).as_deref(),
                wanted.as_ref().copied(),
                "{written} in {naming}"
            );
        }
    }
}
