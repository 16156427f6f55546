//! A graph with everything that it names, as texts that can be compiled again elsewhere: in a process that may open
//! nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::Diagnostics;
use crate::effect::{BundledFile, GraphBundle};
use crate::files::RelPath;
use crate::plan::Plan;
use crate::source::Sources;

use super::{CheckedRoot, FileKind, FileRef, LoadProblem, Loaded, ReadFile, Root, check_files};

/// The bundle of a graph that was checked: `root` is its path among `files`.
pub fn bundle(root: &RelPath, files: &BTreeMap<RelPath, ReadFile>, sources: &Sources) -> GraphBundle {
    let bundled = |(path, read): (&RelPath, &ReadFile)| {
        let file = sources.get(read.file);
        BundledFile {
            path: path.to_string(),
            name: file.name().to_owned(),
            text: file.text().as_ref().to_owned(),
        }
    };
    GraphBundle { root: root.to_string(), files: files.iter().map(bundled).collect() }
}

/// Compiles a bundle. `None` where it is no graph, or has errors: they are in `diagnostics`.
pub fn check_bundle(
    bundle: &GraphBundle,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Plan>> {
    let files: BTreeMap<&str, &BundledFile> =
        bundle.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let file = files.get(bundle.root.as_str())?;
    let root = Root {
        path: RelPath::parse(&file.path).ok()?,
        name: file.name.clone(),
        bytes: file.text.clone().into_bytes(),
    };
    let mut load = |asked: &FileRef| {
        if asked.kind == FileKind::PackPolicy {
            // that there is such a pack was seen where the bundle was made, and what it says binds the runner
            return Ok(Loaded { name: asked.path.to_string(), bytes: Vec::new() });
        }
        let file = files.get(asked.path.as_str());
        let file = file.ok_or_else(|| LoadProblem::new(format!("`{}` is not in the bundle", asked.path)))?;
        Ok(Loaded { name: file.name.clone(), bytes: file.text.clone().into_bytes() })
    };
    match check_files(vec![root], &mut load, sources, diagnostics).roots.pop()? {
        CheckedRoot::Graph(plan) => Some(plan),
        CheckedRoot::Policy(_)
        | CheckedRoot::PolicyTests(_)
        | CheckedRoot::GraphTests(_)
        | CheckedRoot::Broken => None,
    }
}
