//! `list_files`: the regular files of a folder that may be read, bytewise. Links are not listed: they have no content
//! of their own, and are followed when they are read by name.

use std::fmt::Write as _;

use serde_json::json;

use crate::effect::{ToolCall, ToolError, ToolResult};
use crate::files::{IgnoreFiles, RelPath, Walk, Walked};
use crate::policy::Granted;
use crate::runner::Cancel;

use super::access::Reading;
use super::globs::Globs;
use super::input::Input;

/// The most entries that a walk looks at.
pub(super) const MAX_ENTRIES: usize = 2_000_000;

/// `{path?, recursive?, glob?, ignore?, max?}` → `{files: [path]}`. `glob` (one or several) is matched against the path
/// from the root; `ignore: false` lists what ignore files name as well.
pub(in crate::runner) fn list_files(
    call: &Granted<ToolCall>,
    reading: &Reading<'_>,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let input =
        Input::new("list_files", &call.request().input, &["path", "recursive", "glob", "ignore", "max"])?;
    let options = Walk {
        start: input.path("path")?,
        recursive: input.flag("recursive", false)?,
        ignore_files: ignore_files(&input)?,
        max_entries: MAX_ENTRIES,
    };
    let globs = Globs::new(&input.texts("glob")?)?;
    let max = input.number("max", 100_000, 1..=1_000_000)? as usize;
    let mut found = reading.walk(&options, cancel)?;
    found.files.retain(|path| globs.match_path(path));
    let truncated = found.truncated || found.files.len() > max;
    found.files.truncate(max);
    let names: Vec<&str> = found.files.iter().map(RelPath::as_str).collect();
    let stdout = names.iter().fold(String::new(), |text, name| text + name + "\n");
    Ok(ToolResult {
        stdout,
        stderr: left_out(&found),
        truncated,
        ..ToolResult::success("list_files", json!({ "files": names }))
    })
}

/// The parameter `ignore`.
pub(super) fn ignore_files(input: &Input<'_>) -> Result<IgnoreFiles, ToolError> {
    Ok(if input.flag("ignore", true)? { IgnoreFiles::Honour } else { IgnoreFiles::Disregard })
}

/// What a walk could not give, in words.
pub(super) fn left_out(found: &Walked) -> String {
    let mut notes = String::new();
    if found.unnamed > 0 {
        let count = found.unnamed;
        let _ = writeln!(
            notes,
            "{count} names are not UTF-8 or have control characters in them, and are left out"
        );
    }
    for folder in &found.closed {
        let _ = writeln!(notes, "`{folder}` could not be read");
    }
    notes
}
