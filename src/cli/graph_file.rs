//! The graph that a command is about: the file that the user named, or the workspace's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compile::CheckedRoot;
use crate::diag::Diagnostics;
use crate::front::{Place, usual};
use crate::plan::Plan;
use crate::session::check_paths;
use crate::source::Sources;
use crate::view::diagnostics;

use super::output::Output;
use super::problem::Problem;
use super::terminal;
use super::validate::{packs_here, print_instead, unreadable};

/// The graph of this workspace, if it has one. Without a home there is no place, and the current folder is meant.
fn own() -> Option<PathBuf> {
    match Place::here() {
        Ok(place) => usual(&place),
        Err(_) => Some(PathBuf::from(".lg/graph.yaml")).filter(|path| path.symlink_metadata().is_ok()),
    }
}

/// The plan of a graph file, the workspace's own where none is named. Findings are printed, and where there are no errors
/// beside the plan, on standard error; with errors there is no plan, and `None`.
pub(super) fn plan(named: Option<&Path>, output: Output) -> Result<Option<Arc<Plan>>, Problem> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => own().ok_or_else(|| {
            Problem::usage("there is no `.lg/graph.yaml` here; run `lgflow init`, or name a graph file")
        })?,
    };
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let shown = std::slice::from_ref(&path);
    let checked =
        check_paths(shown, &packs_here()?, &mut sources, &mut found).map_err(|error| unreadable(&error))?;
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(None);
    }
    if !found.is_empty() {
        output.drawn(&diagnostics::human(&sources, &found, terminal::style_of_stderr()));
    }
    let root = checked.into_iter().flat_map(|folder| folder.roots).next();
    match root {
        Some((_, CheckedRoot::Graph(plan))) => Ok(Some(plan)),
        _ => Err(Problem::usage(format!("`{}` is no graph", path.display()))),
    }
}
