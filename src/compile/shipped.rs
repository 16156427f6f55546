//! The graphs that come with the program, embedded with all that they name. To everything else they are files like
//! others: nothing knows what is in them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::diag::Diagnostics;
use crate::effect::{BundledFile, GraphBundle};
use crate::files::RelPath;
use crate::plan::Plan;
use crate::source::{SourceFile, Sources};

use super::{CheckedRoot, FileRef, LoadProblem, Loaded, Root, check_files};

/// How the files are shown: no folder has this name.
const SHOWN: &str = "builtin:graphs/";

/// Path beneath `graphs/`, and text.
static FILES: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    BTreeMap::from([
        ("coding.yaml", include_str!("../../graphs/coding.yaml")),
        ("prompts/analysis.md", include_str!("../../graphs/prompts/analysis.md")),
        ("prompts/code_change.md", include_str!("../../graphs/prompts/code_change.md")),
        ("prompts/debug.md", include_str!("../../graphs/prompts/debug.md")),
        ("prompts/planner.md", include_str!("../../graphs/prompts/planner.md")),
        ("prompts/question.md", include_str!("../../graphs/prompts/question.md")),
        ("prompts/refactor.md", include_str!("../../graphs/prompts/refactor.md")),
        ("prompts/report.md", include_str!("../../graphs/prompts/report.md")),
        ("prompts/research.md", include_str!("../../graphs/prompts/research.md")),
        ("prompts/router.md", include_str!("../../graphs/prompts/router.md")),
        ("undo.yaml", include_str!("../../graphs/undo.yaml")),
    ])
});

/// The text of a shipped file, by its path beneath `graphs/`: `coding.yaml`, `prompts/report.md`.
pub fn shipped_file(path: &str) -> Option<&'static str> {
    FILES.get(path).copied()
}

/// Is it a file of the program: by its name, which one of an earlier version bears as well where a run has kept it, or by
/// its text, as a copy of it is? What is refused to authors is refused to them by the runner in any case.
pub(super) fn is_shipped(file: &SourceFile) -> bool {
    file.name().starts_with(SHOWN) || FILES.values().any(|shipped| *shipped == &**file.text())
}

/// The paths of all shipped files.
pub fn shipped_files() -> impl Iterator<Item = &'static str> {
    FILES.keys().copied()
}

/// The graphs among them, by name: `coding`.
pub fn shipped_graphs() -> impl Iterator<Item = &'static str> {
    FILES.keys().filter_map(|path| path.strip_suffix(".yaml"))
}

/// The texts of a shipped graph, by its name.
pub fn shipped_bundle(name: &str) -> Option<GraphBundle> {
    let root = format!("{name}.yaml");
    shipped_file(&root)?;
    let file = |(path, text): (&&str, &&str)| BundledFile {
        path: (*path).to_owned(),
        name: format!("{SHOWN}{path}"),
        text: (*text).to_owned(),
    };
    Some(GraphBundle { root, files: FILES.iter().map(file).collect() })
}

/// Compiles a shipped graph by its name. `None` where there is none, or where it has findings: a test holds that no
/// shipped graph has any.
pub fn check_shipped(name: &str, sources: &mut Sources, diagnostics: &mut Diagnostics) -> Option<Arc<Plan>> {
    let path = format!("{name}.yaml");
    let bytes = shipped_file(&path)?.into();
    let root = Root { path: RelPath::parse(&path).ok()?, name: format!("{SHOWN}{path}"), bytes };
    let mut load = |asked: &FileRef| {
        let text = shipped_file(asked.path.as_str());
        let text =
            text.ok_or_else(|| LoadProblem::new(format!("`{}` is no file of the program", asked.path)))?;
        Ok(Loaded { name: format!("{SHOWN}{}", asked.path), bytes: text.into() })
    };
    match check_files(vec![root], &mut load, sources, diagnostics).roots.pop()? {
        CheckedRoot::Graph(plan) => Some(plan),
        CheckedRoot::Policy(_)
        | CheckedRoot::PolicyTests(_)
        | CheckedRoot::GraphTests(_)
        | CheckedRoot::Broken => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::check_bundle;

    #[test]
    fn every_shipped_graph_compiles_without_a_finding() {
        for name in shipped_graphs() {
            let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
            let plan = check_shipped(name, &mut sources, &mut diagnostics);
            assert!(plan.is_some() && diagnostics.iter().count() == 0, "{name}: {diagnostics:?}");
            let bundle = shipped_bundle(name).unwrap();
            let again = check_bundle(&bundle, &mut sources, &mut diagnostics).unwrap();
            assert_eq!(again.document(), plan.unwrap().document());
        }
        assert!(check_shipped("none", &mut Sources::default(), &mut Diagnostics::default()).is_none());
    }

    #[test]
    fn what_a_run_has_kept_of_a_graph_of_an_earlier_version_is_still_one_of_the_program() {
        let mut bundle = shipped_bundle("undo").unwrap();
        let root = bundle.files.iter_mut().find(|file| file.path == "undo.yaml").unwrap();
        root.text = format!("# as it was then\n{}", root.text);
        let mut found = Diagnostics::default();
        assert!(check_bundle(&bundle, &mut Sources::default(), &mut found).is_some(), "{found:?}");
        let root = bundle.files.iter_mut().find(|file| file.path == "undo.yaml").unwrap();
        root.name = "graphs/undo.yaml".to_owned();
        assert!(check_bundle(&bundle, &mut Sources::default(), &mut found).is_none());
        assert_eq!(found.codes(), [crate::diag::codes::BAD_VALUE]);
    }
}
