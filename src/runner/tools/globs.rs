//! Glob patterns of a call: `*` and `?` stay within a name, `**` crosses folders; a pattern without `/` is matched
//! against the name alone, as ignore files do.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::effect::ToolError;
use crate::files::RelPath;

use super::input::invalid;

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;
/// The most patterns of a call.
const MAX_PATTERNS: usize = 64;

/// Patterns of which one must match; without any, everything does.
pub(super) struct Globs {
    set: Option<GlobSet>,
}

impl Globs {
    pub(super) fn new(patterns: &[&str]) -> Result<Self, ToolError> {
        if patterns.is_empty() {
            return Ok(Self { set: None });
        }
        if patterns.len() > MAX_PATTERNS {
            return Err(invalid(format!(
                "`glob` has {} patterns; the limit is {MAX_PATTERNS}",
                patterns.len()
            )));
        }
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(glob(pattern)?);
        }
        let set = set.build().map_err(|error| invalid(format!("`glob`: {error}")))?;
        Ok(Self { set: Some(set) })
    }

    pub(super) fn match_path(&self, path: &RelPath) -> bool {
        self.set.as_ref().is_none_or(|set| set.is_match(path.as_str()))
    }
}

fn glob(pattern: &str) -> Result<globset::Glob, ToolError> {
    if pattern.len() > MAX_PATTERN {
        return Err(invalid(format!("a pattern of `glob` has more than {MAX_PATTERN} bytes")));
    }
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let anywhere = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    let built = GlobBuilder::new(&anywhere).literal_separator(true).backslash_escape(true).build();
    built.map_err(|error| invalid(format!("`{pattern}` of `glob` is no pattern: {}", error.kind())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_as_in_ignore_files() {
        let matches =
            |glob: &str, path: &str| Globs::new(&[glob]).unwrap().match_path(&RelPath::parse(path).unwrap());
        assert!(matches("*.rs", "src/a/b.rs"));
        assert!(matches("src/*.rs", "src/b.rs"));
        assert!(!matches("src/*.rs", "src/a/b.rs"));
        assert!(matches("src/**/*.rs", "src/b.rs"));
        assert!(matches("**", "x/y"));
        assert!(Globs::new(&["a["]).is_err());
    }
}
