//! Where files of tests are: in a workspace's `.lg` folder, or where the user says. What one names is opened beneath
//! that folder, or beneath its own.

use std::path::{Path, PathBuf};

use crate::diag::Diagnostics;
use crate::files::{FileError, OwnFolder, RelPath, Root};
use crate::policy::Packs;
use crate::source::Sources;

use super::load::{CheckedFolder, check_beneath, check_own_folder, check_paths};

/// The folder of a workspace's own files.
const OWN: &str = ".lg";

/// Checked files of tests, with the path that their folder is shown by.
#[derive(Debug)]
pub(super) struct TestFolder {
    pub(super) checked: CheckedFolder,
    pub(super) shown: PathBuf,
}

/// Everything in the `.lg` folder of the workspace `root`, shown as beneath `shown`.
pub(super) fn own_tests(
    root: &Path,
    shown: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<TestFolder, FileError> {
    let folder = OwnFolder::beneath(&Root::open(root)?, &RelPath::parse(OWN)?)?;
    let checked = check_own_folder(folder, shown, packs, sources, diagnostics)?;
    Ok(TestFolder { checked, shown: shown.to_owned() })
}

/// A file that the user named. One in the `.lg` folder of the workspace `root` names others beneath that folder, any
/// other one beneath its own.
pub(super) fn given_tests(
    path: &Path,
    root: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<TestFolder, FileError> {
    let own = root.join(OWN);
    let absolute = path.canonicalize().ok();
    let beneath = absolute.as_ref().and_then(|path| path.strip_prefix(&own).ok()).and_then(Path::to_str);
    let Some(beneath) = beneath else {
        let checked = check_paths(&[path.to_path_buf()], packs, sources, diagnostics)?.into_iter().next();
        let not_found = || FileError::NotFound { path: path.display().to_string() };
        let shown = path.parent().unwrap_or(Path::new("")).to_path_buf();
        return Ok(TestFolder { checked: checked.ok_or_else(not_found)?, shown });
    };
    let depth = beneath.split('/').count();
    let shown = path.ancestors().nth(depth).unwrap_or(Path::new("")).to_path_buf();
    let folder = OwnFolder::beneath(&Root::open(root)?, &RelPath::parse(OWN)?)?;
    let checked = check_beneath(folder, &shown, &RelPath::parse(beneath)?, packs, sources, diagnostics)?;
    Ok(TestFolder { checked, shown })
}
