//! Where files of tests are: in a workspace's `.lg` folder, or where the user says. What one names is opened beneath
//! that folder, or beneath its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diag::Diagnostics;
use crate::document::Limits;
use crate::files::{FileError, OwnFolder, RelPath, Root, read_given};
use crate::policy::Packs;
use crate::source::Sources;

use super::load::{CheckedFolder, check_beneath, check_own_folder, check_paths};

/// The folder of a workspace's own files.
const OWN: &str = ".lg";
/// The ids of tests, up to the version.
const TESTS: [&str; 2] = ["lgflow.test/", "lgflow.policy_test/"];

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
    let Some((shown, beneath)) = in_own_folder(path, root) else {
        let checked = check_paths(&[path.to_path_buf()], packs, sources, diagnostics)?.into_iter().next();
        let not_found = || FileError::NotFound { path: path.display().to_string() };
        let shown = path.parent().unwrap_or(Path::new("")).to_path_buf();
        return Ok(TestFolder { checked: checked.ok_or_else(not_found)?, shown });
    };
    let folder = OwnFolder::beneath(&Root::open(root)?, &RelPath::parse(OWN)?)?;
    let checked = check_beneath(folder, &shown, &[RelPath::parse(&beneath)?], packs, sources, diagnostics)?;
    Ok(TestFolder { checked, shown })
}

/// Parses, checks and compiles files that the user named, and all that they name. Each names others beneath its own
/// folder, but for tests in the `.lg` folder of the workspace `root`: those do so beneath that one, as they are played.
///
/// # Errors
/// A named file that cannot be opened or read. What a file names and cannot be read is a finding.
pub fn check_given(
    paths: &[PathBuf],
    root: Option<&Path>,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<CheckedFolder>, FileError> {
    let mut others = Vec::new();
    let mut tests: BTreeMap<PathBuf, Vec<RelPath>> = BTreeMap::new();
    for path in paths {
        match root.filter(|_| holds_tests(path)).and_then(|root| in_own_folder(path, root)) {
            Some((shown, beneath)) => {
                let paths = tests.entry(shown).or_default();
                let beneath = RelPath::parse(&beneath)?;
                if !paths.contains(&beneath) {
                    paths.push(beneath);
                }
            }
            None => others.push(path.clone()),
        }
    }
    let mut checked = check_paths(&others, packs, sources, diagnostics)?;
    for (shown, paths) in tests {
        let Some(root) = root else { continue };
        let folder = OwnFolder::beneath(&Root::open(root)?, &RelPath::parse(OWN)?)?;
        checked.push(check_beneath(folder, &shown, &paths, packs, sources, diagnostics)?);
    }
    Ok(checked)
}

/// How the `.lg` folder of `root` is shown by the path of a file in it, and the rest of that path.
fn in_own_folder(path: &Path, root: &Path) -> Option<(PathBuf, String)> {
    let absolute = path.canonicalize().ok()?;
    let beneath = absolute.strip_prefix(root.join(OWN)).ok()?.to_str()?.to_owned();
    let depth = beneath.split('/').count();
    let shown = path.ancestors().nth(depth).unwrap_or(Path::new("")).to_path_buf();
    Some((shown, beneath))
}

/// Does its `schema` line say so?
fn holds_tests(path: &Path) -> bool {
    let limit = Limits::default().bytes as u64;
    let says = |line: &str| line.contains("schema") && TESTS.iter().any(|id| line.contains(id));
    read_given(path, limit).is_ok_and(|text| text.lines().any(says))
}
