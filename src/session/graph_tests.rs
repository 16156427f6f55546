//! Files of graph tests from the disk, each with its graph and the layers that the graph names. Only those count: what
//! the machine, the user or trust would add is left out, so that a test says the same everywhere.

use std::path::Path;
use std::sync::Arc;

use crate::compile::{CheckedRoot, CheckedTests};
use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole};
use crate::files::FileError;
use crate::policy::{CONTAINED, Packs, builtin};
use crate::source::Sources;

use super::plan_layers;
use super::test_files::{TestFolder, given_tests, own_tests};

/// A file of graph tests.
#[derive(Debug, Clone)]
pub struct GraphTestFile {
    /// As it is to be shown.
    pub name: String,
    /// The path of its graph, as it is to be shown.
    pub graph: String,
    /// What it says, with the graph's plan.
    pub checked: Arc<CheckedTests>,
    /// The layers that the graph and its subgraphs name, the grant first: `builtin:contained` where it names none.
    pub layers: Vec<FrozenLayer>,
}

/// The graph tests of a workspace: every file of such in its `.lg` folder, shown as beneath `shown`.
///
/// # Errors
/// The folder cannot be opened or read.
pub fn own_graph_tests(
    root: &Path,
    shown: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<GraphTestFile>, FileError> {
    let folder = own_tests(root, shown, packs, sources, diagnostics)?;
    read_all(&folder, packs, sources, diagnostics)
}

/// The graph tests in a file that the user named. One in the workspace's `.lg` folder names its graph beneath that
/// folder, any other one beneath its own.
///
/// # Errors
/// The file, or a policy that its graph names, cannot be opened or read.
pub fn given_graph_tests(
    path: &Path,
    root: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<GraphTestFile>, FileError> {
    let folder = given_tests(path, root, packs, sources, diagnostics)?;
    read_all(&folder, packs, sources, diagnostics)
}

fn read_all(
    folder: &TestFolder,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<GraphTestFile>, FileError> {
    let mut files = Vec::new();
    for (name, root) in &folder.checked.roots {
        let CheckedRoot::GraphTests(checked) = root else { continue };
        let held = (&folder.checked.folder, folder.shown.as_path());
        let named = plan_layers(held, &checked.plan, packs, sources, diagnostics)?;
        let without = checked.plan.policy.is_empty();
        let contained = builtin(CONTAINED, LayerRole::Grant).filter(|_| without);
        files.push(GraphTestFile {
            name: name.display().to_string(),
            graph: folder.shown.join(checked.graph.as_str()).display().to_string(),
            checked: Arc::clone(checked),
            layers: contained.into_iter().chain(named).collect(),
        });
    }
    Ok(files)
}
