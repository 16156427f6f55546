//! `--watch`: the same command again at each change of what it is about.

use std::path::PathBuf;

use crate::diag::{Diagnostics, Severity};
use crate::digest::Digest;
use crate::front::{Place, unless_interrupted};
use crate::session::CheckedFolder;
use crate::source::Sources;
use crate::watch::{Changes, Places, around_file, own_folder};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::validate::check;

/// The files that a command is about, watched.
pub(super) struct Watched {
    changes: Changes,
    files: Vec<PathBuf>,
    root: PathBuf,
}

impl Watched {
    /// Watches the files, or without one all of the `.lg` folder of `place`.
    pub(super) fn new(files: &[PathBuf], place: &Place) -> Result<Self, Problem> {
        let changes = Changes::new().map_err(|error| Problem::failed("cannot watch", &error))?;
        let mut watched = Self { changes, files: files.to_vec(), root: place.root.clone() };
        watched.renew()?;
        Ok(watched)
    }

    fn renew(&mut self) -> Result<(), Problem> {
        let mut places = if self.files.is_empty() { own_folder(&self.root) } else { Places::default() };
        for file in &self.files {
            places.join(around_file(file));
        }
        self.changes.watch(places).map_err(|error| Problem::failed("cannot watch", &error))
    }

    /// Waits for the next change and watches what is there then; nothing where the user has had enough.
    pub(super) fn next(self) -> Result<Option<Self>, Problem> {
        let waited = unless_interrupted(move || {
            self.changes.wait(None);
            self
        });
        let waited = waited.map_err(|error| Problem::failed("cannot wait", &error))?;
        waited
            .map(|mut watched| {
                // before anything is read: what changes from here on is told
                watched.renew()?;
                Ok(watched)
            })
            .transpose()
    }
}

/// Does `work` now, and again at each change after which the files are others than before, and sound. `work` is given
/// whether it is the first time.
pub(super) fn again_and_again(
    files: &[PathBuf],
    place: &Place,
    output: Output,
    mut work: impl FnMut(bool) -> Result<Exit, Problem>,
) -> Result<Exit, Problem> {
    let mut watched = Watched::new(files, place)?;
    let mut seen = None;
    loop {
        let (digest, errors) = state(files);
        if seen.as_ref() != Some(&digest) {
            let first = seen.replace(digest).is_none();
            if errors > 0 && !first {
                let plural = if errors == 1 { "" } else { "s" };
                output
                    .note(&format!("not done again: {errors} error{plural}; `lgflow validate` shows them\n"));
            } else {
                let exit = work(first).unwrap_or_else(|problem| {
                    output.note(&problem.human());
                    problem.exit
                });
                if exit == Exit::Interrupted {
                    return Ok(exit);
                }
            }
            output.note("waiting for a change; Ctrl-C ends it\n");
        }
        match watched.next()? {
            Some(next) => watched = next,
            None => return Ok(Exit::Interrupted),
        }
    }
}

/// What the files say by now, as a digest, and how many errors are in them.
fn state(files: &[PathBuf]) -> (Digest, usize) {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let checked = check(files, &mut sources, &mut found);
    let problem = checked.as_ref().err().map(Problem::human);
    let read = files_of(checked.as_deref().unwrap_or_default(), &sources);
    let errors = found.count(Severity::Error) + usize::from(problem.is_some());
    (Digest::of_json(&serde_json::json!([read, problem])), errors)
}

/// Everything that was read, each with its digest.
pub(super) fn files_of(folders: &[CheckedFolder], sources: &Sources) -> Vec<serde_json::Value> {
    let read = folders.iter().flat_map(|folder| folder.files.values());
    read.map(|read| {
        let file = sources.get(read.file);
        serde_json::json!([file.name(), Digest::of(file.text().as_bytes())])
    })
    .collect()
}
