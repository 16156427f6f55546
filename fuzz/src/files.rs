//! Several files in one input, so that a graph can name others: the main one first, then each behind a line
//! `%%% its/path`. Which syntax the main one has follows from its text.

use std::collections::BTreeMap;
use std::sync::Arc;

use lgflow::compile::{Checked, CheckedRoot, FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::source::Sources;

/// How the line before a file begins, behind the end of the line before.
const MARK: &str = "\n%%% ";

/// The files of an input.
pub struct Files<'t> {
    main: String,
    others: BTreeMap<&'t str, &'t str>,
}

impl<'t> Files<'t> {
    /// Takes an input apart.
    pub fn of(text: &'t str) -> Self {
        let mut parts = text.split(MARK);
        let main = parts.next().unwrap_or_default().to_owned();
        let others = parts.filter_map(|part| part.split_once('\n')).collect();
        Self { main, others }
    }

    /// Checks the main file and all that it names; a plan where it is a sound graph.
    pub fn check(&self) -> (Checked, Sources, Diagnostics) {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let path = self.main_path();
        let root = Root { name: path.to_string(), path, bytes: self.main.clone().into_bytes() };
        let mut load = |file: &FileRef| match self.others.get(file.path.as_str()) {
            Some(text) => Ok(Loaded { name: file.path.to_string(), bytes: text.as_bytes().to_vec() }),
            None => Err(LoadProblem::new(format!("`{}` does not exist", file.path))),
        };
        let checked = check_files(vec![root], &mut load, &mut sources, &mut found);
        (checked, sources, found)
    }

    fn main_path(&self) -> RelPath {
        let name = match self.main.trim_start() {
            text if text.starts_with('{') => "main.json",
            text if text.starts_with("schema =") => "main.toml",
            _ => "main.yaml",
        };
        RelPath::parse(name).expect("it is a path")
    }
}

/// The plan of a checked main file.
pub fn plan_of(checked: &Checked) -> Option<Arc<Plan>> {
    match checked.roots.first() {
        Some(CheckedRoot::Graph(plan)) => Some(Arc::clone(plan)),
        _ => None,
    }
}
