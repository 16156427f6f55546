//! Where anchors stand, as a user writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A place for anchors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorPlace {
    /// A file that lines are added to.
    File(PathBuf),
    /// A git note on the commit that the run's workspace stood on.
    GitNote,
}

/// It is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an anchor stands in `file:PATH` or in a `git-note`")]
pub struct PlaceError;

impl FromStr for AnchorPlace {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        match text.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            None if text == "git-note" => Ok(Self::GitNote),
            _ => Err(PlaceError),
        }
    }
}

impl fmt::Display for AnchorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::GitNote => f.write_str("git-note"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for text in ["file:/var/log/anchors", "file:a b", "git-note"] {
            assert_eq!(text.parse::<AnchorPlace>().unwrap().to_string(), text);
        }
        for text in ["", "file:", "git-notes", "/var/log/anchors"] {
            assert_eq!(text.parse::<AnchorPlace>(), Err(PlaceError));
        }
    }
}
