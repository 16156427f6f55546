//! Files of policy tests from the disk, each with the layers that it names. Only those count: what the machine, the user
//! or trust would add is left out, so that a test says the same everywhere.

use std::path::{Path, PathBuf};

use crate::compile::CheckedRoot;
use crate::diag::Diagnostics;
use crate::document::{Limits, Syntax, parse};
use crate::effect::FrozenLayer;
use crate::files::{FileError, RelPath};
use crate::model::policy::{PolicyCase, decode_policy_tests};
use crate::policy::Packs;
use crate::source::{FileId, Sources};

use super::graph_layers;
use super::load::CheckedFolder;
use super::test_files::{given_tests, own_tests};

/// A file of policy tests.
#[derive(Debug)]
pub struct TestFile {
    /// As it is to be shown.
    pub name: String,
    /// The layers that it names, the grant first.
    pub layers: Vec<FrozenLayer>,
    /// Its cases.
    pub cases: Vec<PolicyCase>,
}

/// The policy tests of a workspace: every file of such in its `.lg` folder, shown as beneath `shown`.
///
/// # Errors
/// The folder cannot be opened or read.
pub fn own_policy_tests(
    root: &Path,
    shown: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<TestFile>, FileError> {
    let folder = own_tests(root, shown, packs, sources, diagnostics)?;
    read_all(&folder.checked, &folder.shown, packs, sources, diagnostics)
}

/// The policy tests in a file that the user named. One in the workspace's `.lg` folder names policies beneath that
/// folder, any other one beneath its own.
///
/// # Errors
/// The file, or a policy that it names, cannot be opened or read.
pub fn given_policy_tests(
    path: &Path,
    root: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<TestFile>, FileError> {
    let folder = given_tests(path, root, packs, sources, diagnostics)?;
    read_all(&folder.checked, &folder.shown, packs, sources, diagnostics)
}

fn read_all(
    checked: &CheckedFolder,
    shown: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<TestFile>, FileError> {
    let mut files = Vec::new();
    for (name, root) in &checked.roots {
        if let CheckedRoot::PolicyTests(file) = root {
            files.extend(read(checked, shown, (name, *file), packs, sources, diagnostics)?);
        }
    }
    Ok(files)
}

fn read(
    checked: &CheckedFolder,
    shown: &Path,
    (name, file): (&PathBuf, FileId),
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Option<TestFile>, FileError> {
    let shown_name = name.display().to_string();
    let syntax = Syntax::of_path(&shown_name).unwrap_or(Syntax::Yaml);
    let mut again = Diagnostics::default();
    let parsed = parse(sources, file, syntax, &Limits::default(), &mut again);
    let tests = parsed.and_then(|parsed| decode_policy_tests(&parsed.tree, &parsed.damage, &mut again));
    let own = name.strip_prefix(shown).ok().and_then(Path::to_str).and_then(|path| RelPath::parse(path).ok());
    let (Some(tests), Some(own)) = (tests, own) else { return Ok(None) };
    let names: Vec<String> = tests.policy.iter().map(|name| name.value.clone()).collect();
    let layers = graph_layers((&checked.folder, shown), &own, &names, packs, sources, diagnostics)?;
    Ok(Some(TestFile { name: shown_name, layers, cases: tests.cases }))
}
