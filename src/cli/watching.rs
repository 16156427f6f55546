//! `--watch`: the same command again at each change of what it is about.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::compile::FileKind;
use crate::diag::{Diagnostics, Severity};
use crate::digest::Digest;
use crate::front::{Place, unless_interrupted};
use crate::session::CheckedFolder;
use crate::source::Sources;
use crate::view::diagnostics::human;
use crate::watch::{Changes, Places, around_file, own_folder};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::terminal::style_of_stderr;
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
        let own = self.root.join(".lg");
        for file in &self.files {
            places.join(around_file(file));
            // tests in there name a graph of another folder of it
            if file.canonicalize().is_ok_and(|file| file.starts_with(&own)) {
                places.join(own_folder(&self.root));
            }
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

/// Do the tests beside graphs decide what a command comes to?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tests {
    /// What they say counts, and a broken one holds the command up.
    Count,
    /// They are not looked at.
    Aside,
}

/// Does `work` now, and again at each change after which the files are others than before, and sound. `work` is given
/// whether it is the first time.
pub(super) fn again_and_again(
    files: &[PathBuf],
    tests: Tests,
    place: &Place,
    output: Output,
    mut work: impl FnMut(bool) -> Result<Exit, Problem>,
) -> Result<Exit, Problem> {
    let mut watched = Watched::new(files, place)?;
    let mut seen = None;
    loop {
        let state = State::of(files, tests);
        if seen.as_ref() != Some(&state.digest) {
            let first = seen.replace(state.digest).is_none();
            if state.is_broken() && !first {
                state.tell(output);
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

/// What the files say by now.
struct State {
    sources: Sources,
    found: Diagnostics,
    /// What was not even looked at.
    problem: Option<String>,
    /// Of all that was read.
    digest: Digest,
}

impl State {
    fn of(files: &[PathBuf], tests: Tests) -> Self {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let mut checked = check(files, &mut sources, &mut found);
        if let (Tests::Aside, Ok(folders)) = (tests, &mut checked) {
            found = without_tests(folders, &found);
        }
        found.sort();
        let problem = checked.as_ref().err().map(Problem::human);
        let read = files_of(checked.as_deref().unwrap_or_default(), &sources);
        let digest = Digest::of_json(&serde_json::json!([read, problem]));
        Self { sources, found, problem, digest }
    }

    fn is_broken(&self) -> bool {
        self.found.has_errors() || self.problem.is_some()
    }

    /// Why it is not done again. What is printed for a program is not mixed with it.
    fn tell(&self, output: Output) {
        let errors = self.found.count(Severity::Error) + usize::from(self.problem.is_some());
        output.note(&format!("not done again: {errors} error{}\n", if errors == 1 { "" } else { "s" }));
        self.problem.iter().for_each(|problem| output.note(problem));
        output.drawn(&human(&self.sources, &self.found, style_of_stderr()));
    }
}

/// Takes the tests out of what was read, and gives what was found elsewhere.
fn without_tests(folders: &mut [CheckedFolder], found: &Diagnostics) -> Diagnostics {
    let mut tests = BTreeSet::new();
    for folder in folders {
        folder.files.retain(|_, read| {
            let is_test = read.kind == FileKind::Test;
            if is_test {
                tests.insert(read.file);
            }
            !is_test
        });
    }
    let mut others = Diagnostics::default();
    found.iter().filter(|one| !tests.contains(&one.span().file)).for_each(|one| others.push(one.clone()));
    others
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
