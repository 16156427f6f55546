//! `rollback`: takes back what this run changed, to its start or to how it was when a node began. Refused where the workspace
//! has moved on since, with the files named; nothing that somebody else wrote is ever thrown away.

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{
    ErrorKind, MAX_ANSWER, ReusableResult, ToolCall, ToolError, ToolResult, iteration_of_key, named_iteration,
};
use crate::files::RelPath;
use crate::policy::{Granted, Obligations};
use crate::runner::answer_size::shortened;
use crate::runner::patch::{
    Author, Changed, Content, FilePatch, History, Past, PastContent, PatchError, Planned, Side, Telling,
    Version, Wanted, compose, parse, render,
};
use crate::runner::{Cancel, ToolWorld};

use super::apply_patch::{answer, carry_out, check_approved, result_of};
use super::git_tree::object_hash;
use super::input::{Input, invalid};
use super::writing::{Touch, Writing, patch_error};

/// `{to: start | NODE}` → what `apply_patch` gives: the files, and the patch that would bring the changes again. `to`
/// a node takes back that node's first change that still stands, and all that came after it. The node is one of the
/// execution that the call is part of: what a node of the same name changed in another graph, or in another execution of
/// the same one, is not meant. What is done inside of a graph node is that node's.
pub(in crate::runner) fn rollback(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let request = call.request();
    let (undone, planned) = foresee(request, call.obligations(), world)?;
    check_approved(call.obligations(), &planned)?;
    // what the history can take back is taken back, also where the patch of it is too large to be told
    let result = shortened(result_of("rollback", &planned), MAX_ANSWER);
    let author = Author {
        run: request.run.clone(),
        node: request.node.clone(),
        key: request.idempotency_key.clone(),
        undoes: undone.iter().map(|past| past.number).collect(),
        inverse: planned.inverse.clone(),
        result: answer(call, &result),
        clears: planned.clears.clone(),
    };
    carry_out(world, &planned, author, cancel)?;
    Ok(result)
}

/// What would be taken back, and what that does to the workspace as it is.
pub(super) fn foresee(
    request: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
) -> Result<(Vec<Past>, Planned), ToolError> {
    let input = Input::new("rollback", &request.input, &["to"])?;
    let to = input.required_text("to")?;
    let changes = Changes::of(&request.run, &Around::of(request), to, world)?;
    changes.demand(obligations, world)?;
    let planned = changes.plan(obligations, world)?;
    Ok((changes.undone, planned))
}

/// Changes of a run that are to be taken back.
pub(super) struct Changes {
    run: String,
    undone: Vec<Past>,
    paths: States,
    binary: BTreeSet<RelPath>,
}

impl Changes {
    /// Those of `run` that still stand, from its start or from a node's first one on.
    pub(super) fn of(run: &str, around: &Around<'_>, to: &str, world: &ToolWorld) -> Result<Self, ToolError> {
        let failed = |error: PatchError| patch_error(&error);
        let history = History::of(&world.state, run).map_err(failed)?;
        let held = if around.keys.is_some() { history.standing() } else { history.own() };
        let undone = around.since(to, held.map_err(failed)?)?;
        let (paths, binary) = (touched(&undone)?, binary_of(&undone));
        Ok(Self { run: run.to_owned(), undone, paths, binary })
    }

    /// The files that they touched.
    pub(super) fn paths(&self) -> impl Iterator<Item = &RelPath> {
        self.paths.keys()
    }

    /// Those of them whose patches are binary: what was needed to do it is needed to take it back.
    pub(super) fn binary(&self) -> &BTreeSet<RelPath> {
        &self.binary
    }

    /// May all of them be read and written?
    fn demand(&self, obligations: &Obligations, world: &ToolWorld) -> Result<(), ToolError> {
        let binary = self.binary.iter().map(|path| (path, Touch::Binary));
        let touched = self.paths().map(|path| (path, Touch::ReadAndWrite)).chain(binary);
        Writing::of(obligations, world).demand(touched)
    }

    /// What taking them back does to the workspace as it is.
    pub(super) fn plan(&self, obligations: &Obligations, world: &ToolWorld) -> Result<Planned, ToolError> {
        let history = History::of(&world.state, &self.run).map_err(|error| patch_error(&error))?;
        let planned = plan(&Writing::of(obligations, world), world, &history, &self.paths)?;
        Ok(Planned { clears: Some(made_by(&self.undone)), ..planned })
    }
}

/// The execution that a call is part of, by the graph nodes around it.
pub(super) struct Around<'c> {
    /// What the paths of its nodes begin with: `outer/`, or nothing.
    path: &'c str,
    /// What the keys of its calls begin with, which tell iterations, items and attempts as well: `run/outer#2[3]!1/`. `None`
    /// where the call has no such key.
    keys: Option<&'c str>,
}

impl<'c> Around<'c> {
    /// Of a whole run: its nodes go by their paths.
    pub(super) const RUN: Self = Self { path: "", keys: None };

    fn of(call: &'c ToolCall) -> Self {
        let path = call.node.rfind('/').map_or("", |end| &call.node[..=end]);
        let key = &call.idempotency_key;
        let run = key.strip_prefix(&call.run).and_then(|rest| rest.strip_prefix('/'));
        let keys = run.and_then(|steps| {
            let mut ends = steps.match_indices('/').map(|(at, _)| at + 1);
            let inner = match path.matches('/').count() {
                0 => 0,
                depth => ends.nth(depth - 1)?,
            };
            Some(&key[..key.len() - steps.len() + inner])
        });
        Self { path, keys }
    }

    /// The path of the node that made a change, within this execution.
    fn node_of<'p>(&self, past: &'p Past) -> Option<&'p str> {
        let here = self.keys.is_none_or(|keys| past.key.starts_with(keys));
        past.node.strip_prefix(self.path).filter(|_| here)
    }

    /// The changes that are to be taken back, oldest first.
    fn since(&self, to: &str, standing: Vec<Past>) -> Result<Vec<Past>, ToolError> {
        if to == "start" {
            return Ok(standing);
        }
        // in a graph a node is named by its id; of a whole run an iteration of it may be
        let iteration = named_iteration(to).filter(|_| self.keys.is_none());
        let (named, iteration) = iteration.unwrap_or((to, Vec::new()));
        let is_its = |past: &Past| {
            let rest = self.node_of(past).and_then(|node| node.strip_prefix(named));
            let key = ReusableResult::key_of(&past.run, &past.key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && iteration_of_key(&key).1.starts_with(&iteration)
        };
        let Some(first) = standing.iter().position(is_its) else {
            // a graph names its own nodes alone
            let name = |node: &'_ str| match self.keys {
                Some(_) => node.split('/').next().unwrap_or(node).to_owned(),
                None => node.to_owned(),
            };
            let mut nodes: Vec<String> =
                standing.iter().filter_map(|past| self.node_of(past)).map(name).collect();
            nodes.dedup();
            let known = if nodes.is_empty() {
                "no node has".to_owned()
            } else {
                format!("these have: {}", nodes.join(", "))
            };
            let place = match self.path.strip_suffix('/') {
                Some(graph) => format!("in this execution of `{graph}`"),
                None => "in this run".to_owned(),
            };
            let message = format!("`{to}` has changed nothing {place} that still stands; {known}");
            return Err(invalid(message));
        };
        Ok(standing.into_iter().skip(first).collect())
    }
}

/// For each path how it stood, from before the first change on.
type States = BTreeMap<RelPath, Vec<Option<PastContent>>>;

fn touched(undone: &[Past]) -> Result<States, ToolError> {
    History::states(undone)
        .into_iter()
        .map(|(path, states)| {
            let path = RelPath::parse(&path).map_err(|error| invalid(error.to_string()))?;
            Ok((path, states))
        })
        .collect()
}

/// The folders that were not there before the first of `undone` that has to do with what is in them: that one made them.
fn made_by(undone: &[Past]) -> BTreeSet<String> {
    let (mut met, mut made) = (BTreeSet::new(), BTreeSet::new());
    for past in undone {
        let paths = past.files.iter().filter_map(|file| RelPath::parse(&file.path).ok());
        let above = |path: &RelPath| path.split().map(|(folder, _)| folder);
        let folders = paths.flat_map(|path| std::iter::successors(above(&path), above));
        let folders: BTreeSet<String> = folders.map(|folder| folder.to_string()).collect();
        made.extend(past.made.iter().filter(|folder| !met.contains(*folder)).cloned());
        met.extend(folders);
    }
    made
}

/// The paths of which the patches that take changes back tell what is no text.
fn binary_of(undone: &[Past]) -> BTreeSet<RelPath> {
    let files = undone.iter().flat_map(|past| parse(&past.inverse).unwrap_or_default());
    files
        .filter(|file| file.binary.is_some())
        .flat_map(|file| file.changed().cloned().collect::<Vec<_>>())
        .collect()
}

fn plan(
    writing: &Writing<'_>,
    world: &ToolWorld,
    history: &History<'_>,
    paths: &States,
) -> Result<Planned, ToolError> {
    let failed = |error: PatchError| patch_error(&error);
    let (mut moved_on, mut wanted, mut back) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (path, states) in paths {
        let Ok(now) = Version::read(&world.root, path) else {
            moved_on.push(format!("`{path}`"));
            continue;
        };
        let stands = now.as_ref().map(|version| PastContent::of(&version.content));
        let first = states.first().copied().flatten();
        if stands == first {
            // nothing is left to take back
            continue;
        }
        // an earlier undo of a part leaves it as it once stood in the run; what that was is known, so nothing is lost
        if !states.contains(&stands) {
            moved_on.push(format!("`{path}`"));
            continue;
        }
        let after = first.map(|first| history.content(first)).transpose().map_err(failed)?;
        let before = now.as_ref().map(|version| version.content.clone());
        back.insert(path.clone(), Side { before: before.clone(), after: after.clone() });
        if before != after {
            wanted.push(Wanted { path: path.clone(), before: now, after });
        }
    }
    if !moved_on.is_empty() {
        let message = format!(
            "the workspace has moved on: {} changed since the run wrote it; nothing was taken back",
            moved_on.join(", ")
        );
        return Err(ToolError::new(ErrorKind::Conflict, message));
    }
    let patch = compose(&back, &Telling::LINES);
    let changed = patch.iter().map(|file| changed(file, &back)).collect();
    let inverse = inverse(&back, writing, world);
    Ok(Planned { wanted, changed, inverse, binary: BTreeSet::new(), is_kept_back: false, clears: None })
}

fn changed(file: &FilePatch, sides: &BTreeMap<RelPath, Side>) -> Changed {
    let side = |path: Option<&RelPath>| path.and_then(|path| sides.get(path));
    let before = side(file.action.source()).and_then(|side| side.before.as_ref());
    let after = side(file.action.target()).and_then(|side| side.after.as_ref());
    Changed {
        action: file.action.clone(),
        before: before.map(Content::digest),
        after: after.map(Content::digest),
        mode: after.map(Content::mode),
    }
}

/// The patch that would bring it all again; empty where what is no text stands in the way of one, and may not be told.
fn inverse(back: &BTreeMap<RelPath, Side>, writing: &Writing<'_>, world: &ToolWorld) -> String {
    let forth = back
        .iter()
        .map(|(path, side)| (path.clone(), Side { before: side.after.clone(), after: side.before.clone() }));
    let telling =
        Telling { binary: &|path, side| writing.tells_binary(path, side), hash: &|| object_hash(world) };
    render(&compose(&forth.collect(), &telling)).unwrap_or_default()
}
