//! The commit that a workspace stands on. Reads git's own files and runs nothing: neither hooks nor configured
//! programs.

use std::path::Path;

use super::git_options;

/// The id of the commit that `HEAD` of the repository at `root` names; none outside of a repository, and before the
/// first commit.
pub(super) fn revision(root: &Path) -> Option<String> {
    let repository = gix::open_opts(root, git_options()).ok()?;
    let id = repository.head_id().ok()?;
    Some(id.to_hex().to_string())
}
