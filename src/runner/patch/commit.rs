//! Carrying out a planned change, all or nothing: staged beside, synced, renamed, journalled. Whatever happens in
//! between, also the death of the process, the workspace ends as it was or as it was to be.

#![expect(clippy::disallowed_methods, reason = "a written file gets a time later than the one before")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::files::{EntryKind, NewFiles, RelPath, Root};

use super::history::{History, Past, PastContent, PastFile};
use super::journal::{Journal, Phase, Step};
use super::recover::{finish, settle, undo};
use super::version::refused;
use super::{Content, PatchError, Version};

/// One path that changes.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Relative to the root.
    pub path: RelPath,
    /// As it was when the change was planned.
    pub before: Option<Version>,
    /// As it shall be.
    pub after: Option<Content>,
}

/// Where changes are carried out, and where they are journalled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workshop<'a> {
    /// The workspace.
    pub root: &'a Root,
    /// The runner's state folder, outside the workspace.
    pub state: &'a Root,
}

/// The points between which a change can be interrupted; tests stop there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// While another change is waited for.
    Lock,
    /// Before the journal is written.
    Journal,
    /// Before the file with this index is staged.
    Stage(usize),
    /// Before the journal says that all is staged.
    Staged,
    /// Before the step with this index.
    Step(usize),
    /// Before the journal says that all is done: until here a crash goes back, from here on it goes on.
    Commit,
    /// Before the staging folder is removed.
    Clean,
    /// Before the journal is removed.
    Forget,
}

/// Who changes the workspace, and what takes it back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Author {
    /// The run.
    pub run: String,
    /// The node.
    pub node: String,
    /// The idempotency key of the call.
    pub key: String,
    /// The changes of this run that this one takes back.
    pub undoes: Vec<u64>,
    /// The patch that takes it back.
    pub inverse: String,
    /// What the call will answer.
    pub result: Option<serde_json::Value>,
    /// The folders that may go with their last file, where not each does.
    pub clears: Option<BTreeSet<String>>,
}

/// Carries out `wanted`. `at` is asked at each point; its error there counts as a failure of the step.
pub(crate) fn commit(
    shop: Workshop<'_>,
    wanted: &[Wanted],
    author: Author,
    at: &mut dyn FnMut(Point) -> Result<(), PatchError>,
) -> Result<(), PatchError> {
    let _locks = shop.lock(&mut || at(Point::Lock))?;
    // nothing is built on what an earlier change has left unfinished
    settle(shop)?;
    let mut journal = shop.plan(wanted, author)?;
    at(Point::Journal)?;
    let done = journal.save(shop.state).and_then(|()| shop.carry_out(&mut journal, wanted, at));
    match done {
        Err(error) if journal.phase != Phase::Done => Err(shop.take_back(&journal, error)),
        done => done
            .and_then(|()| shop.clean_up(&journal, at))
            .map_err(|error| PatchError::Unfinished { source: Box::new(error) }),
    }
}

impl Workshop<'_> {
    /// Device and inode of the workspace.
    pub(super) fn identity(&self) -> Result<(u64, u64), PatchError> {
        let facts = self.root.facts(&RelPath::root()).map_err(|error| refused(&RelPath::root(), error))?;
        Ok((facts.device, facts.inode))
    }

    fn plan(&self, wanted: &[Wanted], author: Author) -> Result<Journal, PatchError> {
        let history = History::of(self.state, &author.run)?;
        let there = wanted.iter().filter_map(|wanted| Some(&wanted.before.as_ref()?.content));
        history.keep(there)?;
        let files = wanted.iter().map(|wanted| PastFile {
            path: wanted.path.to_string(),
            before: wanted.before.as_ref().map(|version| PastContent::of(&version.content)),
            after: wanted.after.as_ref().map(PastContent::of),
        });
        let steps = steps(self.root, wanted);
        let made = steps.iter().filter_map(|step| match step {
            Step::MakeFolder { path } => Some(path.clone()),
            _ => None,
        });
        let (files, made) = (files.collect(), made.collect());
        let Author { run, node, key, undoes, inverse, result, clears } = author;
        let number = history.next_number()?;
        let past = Past { run, node, key, number, undoes, inverse, files, made, result, taken_from: None };
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| {
            PatchError::io("naming", "the journal", std::io::Error::other(error.to_string()))
        })?;
        let id = format!("{:016x}", u64::from_be_bytes(random));
        Ok(Journal { clears, ..Journal::new(id, self.identity()?, steps, past) })
    }

    /// Undoes what was done; the error is that of the change, and what stood in the way of taking it back.
    fn take_back(&self, journal: &Journal, first: PatchError) -> PatchError {
        let back = undo(*self, journal).and_then(|_| journal.remove(self.state));
        match back.and_then(|()| Journal::sweep(self.state)) {
            Ok(()) => first,
            Err(error) => PatchError::Halfway { first: first.in_full(), source: Box::new(error) },
        }
    }

    fn clean_up(
        &self,
        journal: &Journal,
        at: &mut dyn FnMut(Point) -> Result<(), PatchError>,
    ) -> Result<(), PatchError> {
        at(Point::Clean)?;
        finish(*self, journal)?;
        at(Point::Forget)?;
        journal.remove(self.state)
    }

    fn carry_out(
        &self,
        journal: &mut Journal,
        wanted: &[Wanted],
        at: &mut dyn FnMut(Point) -> Result<(), PatchError>,
    ) -> Result<(), PatchError> {
        self.stage(journal, wanted, at)?;
        History::of(self.state, &journal.past.run)?.prepare(&journal.past)?;
        at(Point::Staged)?;
        journal.phase = Phase::Staged;
        journal.save(self.state)?;
        for (index, step) in journal.steps.iter().enumerate() {
            at(Point::Step(index))?;
            self.step(journal, step)?;
        }
        self.sync_folders(journal)?;
        at(Point::Commit)?;
        let done = Journal { phase: Phase::Done, ..journal.clone() };
        done.put(self.state)?;
        // whatever fails from here on, a crash would be met by going on
        *journal = done;
        Journal::sync(self.state)
    }

    fn stage(
        &self,
        journal: &mut Journal,
        wanted: &[Wanted],
        at: &mut dyn FnMut(Point) -> Result<(), PatchError>,
    ) -> Result<(), PatchError> {
        let staging = staged(journal, None)?;
        self.root.make_folders(&staging).map_err(|error| refused(&staging, error))?;
        let contents: BTreeMap<&str, (&Wanted, &Content)> = wanted
            .iter()
            .filter_map(|wanted| Some((wanted.path.as_str(), (wanted, wanted.after.as_ref()?))))
            .collect();
        let mut files = NewFiles::of(self.root);
        let mut index = 0;
        for step in 0..journal.steps.len() {
            let (Step::Replace { path, temp, .. } | Step::Create { path, temp, .. }) = &journal.steps[step]
            else {
                continue;
            };
            at(Point::Stage(index))?;
            index += 1;
            let temp = staged(journal, Some(temp))?;
            let Some((wanted, content)) = contents.get(path.as_str()) else { continue };
            let inode = self.stage_one(&mut files, &temp, wanted, content)?;
            if let Step::Replace { inode: known, .. } | Step::Create { inode: known, .. } =
                &mut journal.steps[step]
            {
                *known = inode;
            }
        }
        files.sync().and_then(|()| self.root.sync_folder(&staging)).map_err(|error| refused(&staging, error))
    }

    fn stage_one(
        &self,
        files: &mut NewFiles<'_>,
        temp: &RelPath,
        wanted: &Wanted,
        content: &Content,
    ) -> Result<u64, PatchError> {
        let failed = |error| refused(&wanted.path, error);
        files.write(temp, &content.bytes, content.bits).map_err(failed)?;
        let before = wanted.before.as_ref().map(|version| version.facts.modified);
        let mut time = later_than(before);
        self.root.set_modified(temp, time).map_err(failed)?;
        let mut facts = self.root.facts(temp).map_err(failed)?;
        if before.is_some_and(|before| facts.modified <= before) {
            // a file system that keeps whole or even seconds
            time.0 += 2;
            self.root.set_modified(temp, time).map_err(failed)?;
            facts = self.root.facts(temp).map_err(failed)?;
        }
        Ok(facts.inode)
    }

    fn step(&self, journal: &Journal, step: &Step) -> Result<(), PatchError> {
        let at =
            |path: &str| RelPath::parse(path).map_err(|error| PatchError::forbidden(path, error.to_string()));
        match step {
            Step::Remove { path, temp, before } => {
                let (path, temp) = (at(path)?, staged(journal, Some(temp))?);
                self.root.rename_new(&path, &temp).map_err(|error| refused(&path, error))?;
                self.demand(&temp, &path, before)
            }
            Step::Replace { path, temp, before, .. } => {
                let (path, temp) = (at(path)?, staged(journal, Some(temp))?);
                self.root.exchange(&temp, &path).map_err(|error| refused(&path, error))?;
                self.demand(&temp, &path, before)
            }
            Step::Create { path, temp, .. } => {
                let path = at(path)?;
                self.root
                    .rename_new(&staged(journal, Some(temp))?, &path)
                    .map_err(|error| refused(&path, error))
            }
            Step::RemoveFolder { path, temp } => {
                let (path, temp) = (at(path)?, staged(journal, Some(temp))?);
                self.root.rename_new(&path, &temp).map_err(|error| refused(&path, error))?;
                match self.root.entries(&temp) {
                    Ok((entries, 0)) if entries.is_empty() => Ok(()),
                    Ok(_) => Err(PatchError::conflict(path.as_str(), "somebody else put something into it")),
                    Err(error) => Err(refused(&path, error)),
                }
            }
            Step::MakeFolder { path } => {
                let path = at(path)?;
                self.root.make_folders(&path).map(drop).map_err(|error| refused(&path, error))
            }
        }
    }

    /// What was displaced must be what the change was planned on.
    fn demand(
        &self,
        temp: &RelPath,
        path: &RelPath,
        before: &crate::digest::Digest,
    ) -> Result<(), PatchError> {
        match Version::read(self.root, temp)? {
            Some(version) if version.content.digest() == *before => Ok(()),
            _ => Err(PatchError::conflict(path.as_str(), "somebody else changed it meanwhile")),
        }
    }

    fn sync_folders(&self, journal: &Journal) -> Result<(), PatchError> {
        let mut folders = BTreeSet::from([RelPath::root()]);
        for step in &journal.steps {
            if let Step::Remove { path, .. } | Step::Replace { path, .. } | Step::Create { path, .. } = step
                && let Ok(path) = RelPath::parse(path)
            {
                folders.extend(path.split().map(|(folder, _)| folder));
            }
        }
        for folder in folders {
            if self.root.facts(&folder).is_ok_and(|facts| facts.kind == EntryKind::Folder) {
                self.root.sync_folder(&folder).map_err(|error| refused(&folder, error))?;
            }
        }
        Ok(())
    }
}

/// A path in the staging folder, or the folder itself.
pub(super) fn staged(journal: &Journal, temp: Option<&str>) -> Result<RelPath, PatchError> {
    let folder = RelPath::root().join(&journal.staging);
    temp.map_or(folder.clone(), |name| folder.and_then(|folder| folder.join(name)))
        .map_err(|error| PatchError::forbidden(&journal.staging, error.to_string()))
}

/// Removals first, then folders, then what is written.
fn steps(root: &Root, wanted: &[Wanted]) -> Vec<Step> {
    let temp = |index: usize| index.to_string();
    let path = |wanted: &Wanted| wanted.path.to_string();
    let indexed = || wanted.iter().enumerate();
    let mut steps = Vec::new();
    for (index, wanted) in indexed() {
        if let (Some(before), None) = (&wanted.before, &wanted.after) {
            steps.push(Step::Remove {
                path: path(wanted),
                temp: temp(index),
                before: before.content.digest(),
            });
        }
    }
    let mut removed = 0;
    for (_, wanted) in indexed().filter(|(_, wanted)| wanted.after.is_some()) {
        let mut folders = Vec::new();
        folders_below(root, &wanted.path, &mut folders);
        steps.extend(folders.into_iter().map(|path| {
            removed += 1;
            Step::RemoveFolder { path: path.to_string(), temp: format!("folder-{removed}") }
        }));
    }
    let mut made = BTreeSet::new();
    for (_, wanted) in indexed().filter(|(_, wanted)| wanted.after.is_some()) {
        let mut above = wanted.path.split().map(|(folder, _)| folder);
        while let Some(folder) = above.filter(|folder| !folder.is_root()) {
            if root.facts(&folder).is_ok_and(|facts| facts.kind == EntryKind::Folder) {
                break;
            }
            made.insert(folder.clone());
            above = folder.split().map(|(folder, _)| folder);
        }
    }
    steps.extend(made.into_iter().map(|path| Step::MakeFolder { path: path.to_string() }));
    for (index, wanted) in indexed() {
        let (temp, path) = (temp(index), path(wanted));
        match (&wanted.before, &wanted.after) {
            (Some(before), Some(after)) => {
                let (before, after) = (before.content.digest(), after.digest());
                steps.push(Step::Replace { path, temp, before, after, inode: 0 });
            }
            (None, Some(after)) => steps.push(Step::Create { path, temp, after: after.digest(), inode: 0 }),
            (_, None) => {}
        }
    }
    steps
}

/// The folder that stands at `path` and those in it, the deepest first: they are empty by then.
fn folders_below(root: &Root, path: &RelPath, found: &mut Vec<RelPath>) {
    if root.facts(path).is_ok_and(|facts| facts.kind == EntryKind::Folder)
        && let Ok((entries, _)) = root.entries(path)
    {
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Folder) {
            folders_below(root, &entry.path, found);
        }
        found.push(path.clone());
    }
}

/// Now, or just after `before` where the clock is behind it.
fn later_than(before: Option<(i64, i64)>) -> (i64, i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = (now.as_secs().cast_signed(), i64::from(now.subsec_nanos()));
    match before {
        Some((seconds, nanoseconds)) if now <= (seconds, nanoseconds) => {
            if nanoseconds < 999_000_000 {
                (seconds, nanoseconds + 1_000_000)
            } else {
                (seconds + 1, 0)
            }
        }
        _ => now,
    }
}
