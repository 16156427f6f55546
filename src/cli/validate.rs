//! `lgflow validate`: every check on every file, all findings at once.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::compile::CheckedRoot;
use crate::diag::Diagnostics;
use crate::files::{EntryKind, FileError, OwnFolder, RelPath, Root};
use crate::front::{Place, workspace_packs};
use crate::policy::Packs;
use crate::session::{CheckedFolder, check_given, check_own_folder, refused_calls};
use crate::source::Sources;
use crate::view::diagnostics;

use super::output::Output;
use super::problem::Problem;
use super::{Exit, Format, terminal};

/// The folder of a workspace's own files.
const OWN: &str = ".lg";

/// Arguments of `lgflow validate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow validate                          all of .lg/\n  lgflow validate flows/fix.yaml           one graph and all that it names\n  lgflow validate --format sarif > out.sarif\n\nExit code 3 if and only if there is an error."
)]
pub struct ValidateArgs {
    /// Graphs and policies; without one, all of `.lg/`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Count each warning as an error
    #[arg(long)]
    deny_warnings: bool,
}

pub(super) fn run(args: &ValidateArgs, output: Output) -> Result<Exit, Problem> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let checked = check(&args.files, &mut sources, &mut found)?;
    if args.deny_warnings {
        found.deny_warnings();
    }
    found.sort();
    if output.format == Format::Human && found.is_empty() {
        output.note(&sound(&checked));
    }
    print(&sources, &found, output);
    Ok(if found.has_errors() { Exit::Invalid } else { Exit::Done })
}

/// Every check on the files, or without one on all of `.lg/`.
pub(super) fn check(
    files: &[PathBuf],
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Vec<CheckedFolder>, Problem> {
    let packs = packs_here()?;
    let checked = if files.is_empty() {
        vec![own(&packs, sources, found)?]
    } else {
        let root = Place::here().ok().map(|place| place.root);
        check_given(files, root.as_deref(), &packs, sources, found).map_err(|error| unreadable(&error))?
    };
    if !found.has_errors() {
        refused_calls(&checked, &packs, sources, found).map_err(|error| unreadable(&error))?;
    }
    Ok(checked)
}

/// The packs that files here may name. They are read from the user's state, and never fetched.
pub(super) fn packs_here() -> Result<Packs, Problem> {
    match Place::here() {
        Ok(place) => workspace_packs(&place).map_err(|error| Problem::pack(&error)),
        // without a home there is no state, and so nothing that is installed
        Err(_) => Ok(Packs::default()),
    }
}

/// Prints findings in the form that was asked for.
pub(super) fn print(sources: &Sources, found: &Diagnostics, output: Output) {
    match output.format {
        Format::Human => output.data(&diagnostics::human(sources, found, terminal::style())),
        Format::Json => output.document(&diagnostics::json(sources, found)),
        Format::Sarif => output.document(&diagnostics::sarif(sources, found)),
        Format::Github => output.own(&diagnostics::github(sources, found)),
    }
}

/// Findings that stand in the way of something else: a person reads them beside its data, of which there is none; a
/// program gets them in its place.
pub(super) fn print_instead(sources: &Sources, found: &Diagnostics, output: Output) {
    match output.format {
        Format::Human => output.drawn(&diagnostics::human(sources, found, terminal::style_of_stderr())),
        _ => print(sources, found, output),
    }
}

fn own(packs: &Packs, sources: &mut Sources, found: &mut Diagnostics) -> Result<CheckedFolder, Problem> {
    let root = Place::here().map_or_else(|_| PathBuf::from("."), |place| place.shown(&place.root));
    let folder = open_own(&root).map_err(|error| match error {
        FileError::NotFound { .. } => {
            Problem::usage("there is no folder `.lg` here; run `lgflow init`, or name a file")
        }
        error => unreadable(&error),
    })?;
    let checked = check_own_folder(folder, &root.join(OWN), packs, sources, found);
    let checked = checked.map_err(|error| unreadable(&error))?;
    let settings = || checked.folder.root().facts(&RelPath::parse("config.toml")?);
    if checked.roots.is_empty() && found.is_empty() && settings().is_err() {
        // no findings in nothing would be a green that says nothing
        let message = "there is nothing to check in `.lg`: no graph, no policy and no test";
        return Err(Problem::usage(format!("{message}; run `lgflow init`, or name a file")));
    }
    Ok(checked)
}

fn open_own(root: &Path) -> Result<OwnFolder, FileError> {
    // the current folder itself is shown by the empty path
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    OwnFolder::beneath(&Root::open(root)?, &RelPath::parse(OWN)?)
}

/// A file that the user named and that can't be read.
pub(super) fn unreadable(error: &FileError) -> Problem {
    match error {
        FileError::TooLarge { .. } | FileError::NotText { .. } => {
            Problem::with(Exit::Invalid, "invalid file", error.to_string())
        }
        FileError::Kind { kind: EntryKind::Folder, wanted: EntryKind::File, .. } => {
            Problem::usage(format!("{error}; name a file in it"))
        }
        _ => Problem::usage(error.to_string()),
    }
}

fn sound(checked: &[CheckedFolder]) -> String {
    let roots: Vec<&CheckedRoot> =
        checked.iter().flat_map(|folder| &folder.roots).map(|(_, root)| root).collect();
    let graphs = roots.iter().filter(|root| matches!(root, CheckedRoot::Graph(_))).count();
    let number = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let tests = roots.iter().filter(|root| matches!(root, CheckedRoot::GraphTests(_))).count();
    let others = roots.len() - graphs - tests;
    let tests = if tests == 0 { String::new() } else { format!(", {} of tests", number(tests, "file")) };
    // a policy that a graph names is part of it
    let others =
        if others == 0 { String::new() } else { format!(" and {} of policy", number(others, "file")) };
    format!("no findings in {}{tests}{others}\n", number(graphs, "graph"))
}
