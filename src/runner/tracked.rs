//! Does git track something in a folder? Reads git's index and runs nothing.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::git_options;

/// The first file beneath `folder` (relative to the root of the work tree) that the index of the repository at `root` has.
/// None where there is no repository there.
///
/// # Errors
/// An index that cannot be read.
pub fn tracked_beneath(root: &Path, folder: &Path) -> Result<Option<String>, String> {
    if !root.join(".git").exists() {
        return Ok(None);
    }
    let repository = gix::open_opts(root, git_options())
        .map_err(|error| format!("the repository `{}` can't be opened: {error}", root.display()))?;
    let index = repository
        .try_index()
        .map_err(|error| format!("git's index of `{}` can't be read: {error}", root.display()))?;
    let Some(index) = index else { return Ok(None) };
    let folder = folder.as_os_str().as_bytes();
    let is_beneath = |path: &[u8]| {
        let head = path.get(..folder.len());
        // where letters' cases are not told apart, either is the folder
        head.is_some_and(|head| head.eq_ignore_ascii_case(folder))
            && matches!(path.get(folder.len()), None | Some(b'/'))
    };
    let first = index.entries().iter().map(|entry| entry.path(&index)).find(|path| is_beneath(path.as_ref()));
    Ok(first.map(ToString::to_string))
}
