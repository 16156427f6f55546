//! `apply_patch`: changes the workspace by a git-style diff or a list of changes, or takes back what an earlier run changed; all
//! or nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::effect::{Artifact, ErrorKind, MAX_ANSWER, ToolCall, ToolError, ToolResult};
use crate::files::RelPath;
use crate::policy::{GrantLimits, Granted, Obligations};
use crate::runner::answer_size::{demand_sendable, shortened};
use crate::runner::patch::{
    Action, Author, Change, Changed, FilePatch, History, Past, Planned, Point, Side, Workshop, commit, parse,
    read_changes, resolve_changes, resolve_patch, still_wanted,
};
use crate::runner::{Cancel, ToolWorld};

use super::access::Reading;
use super::git_folders::git_folder_above;
use super::input::{Input, invalid};
use super::rollback::{Around, Changes as Undone};
use super::writing::{Touch, Writing, git_folder, patch_error};

/// The most bytes of a patch where no policy says less.
const PATCH_BYTES: u64 = 16 << 20;
/// The most files of a patch where no policy says less.
const PATCH_FILES: u64 = 10_000;

/// `{patch | changes | undo, dry_run?, expect?}` → `{files: [{path, from, op, before, after, mode}], inverse}`. `expect` maps
/// paths to the digest that their content must have now, or null if nothing may be there.
pub(in crate::runner) fn apply_patch(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let request = call.request();
    let input = input_of(request)?;
    let planned = plan(&input, call.obligations(), (world, cancel))?;
    let mut result = result_of("apply_patch", &planned);
    if input.value("undo").is_some() {
        result = shortened(result, MAX_ANSWER);
    } else {
        demand_sendable(&result)?;
    }
    if !input.flag("dry_run", false)? {
        let author = Author {
            run: request.run.clone(),
            node: request.node.clone(),
            key: request.idempotency_key.clone(),
            undoes: Vec::new(),
            inverse: planned.inverse.clone(),
            result: answer(call, &result),
            clears: planned.clears.clone(),
        };
        carry_out(world, &planned, author, cancel)?;
    }
    Ok(result)
}

/// Writes what was planned; a plan without changes writes nothing.
pub(super) fn carry_out(
    world: &ToolWorld,
    planned: &Planned,
    author: Author,
    cancel: &Cancel,
) -> Result<(), ToolError> {
    if planned.wanted.is_empty() {
        return Ok(());
    }
    let shop = Workshop { root: &world.root, state: &world.state };
    // what has begun is brought to its end
    let mut at = |point| if point <= Point::Staged { still_wanted(cancel) } else { Ok(()) };
    commit(shop, &planned.wanted, author, &mut at).map_err(|error| patch_error(&error))
}

/// What a call answers once its change is carried out, as the history keeps it.
pub(super) fn answer(call: &Granted<ToolCall>, result: &ToolResult) -> Option<Value> {
    let rules = call.obligations().rules.clone();
    serde_json::to_value(ToolResult { rules, ..result.clone() }).ok()
}

/// What an earlier runner's call answers, if it was carried out: by its run and its key.
pub(in crate::runner) fn answered_before(call: &ToolCall, world: &ToolWorld) -> Option<ToolResult> {
    let history = History::of(&world.state, &call.run).and_then(|history| history.all()).ok()?;
    let own = |past: &Past| past.taken_from.is_none() && past.key == call.idempotency_key;
    let past = history.into_iter().find(own)?;
    serde_json::from_value(past.result?).ok()
}

/// The result of a change that was carried out, or would be.
pub(super) fn result_of(tool: &str, planned: &Planned) -> ToolResult {
    let mut files: Vec<Value> = planned.changed.iter().map(file).collect();
    files.sort_by(|a, b| a["path"].as_str().cmp(&b["path"].as_str()));
    let lines: Vec<String> = planned.changed.iter().map(line).collect();
    let inverse = if planned.is_kept_back { "" } else { planned.inverse.as_str() };
    let mut result = ToolResult::success(tool, json!({ "files": files, "inverse": inverse }));
    result.stdout = lines.concat();
    result.artifacts = planned.changed.iter().filter_map(artifact).collect();
    result
}

enum Asked {
    Patch(Vec<FilePatch>),
    Changes(Vec<Change>),
    Undo(Undone),
}

/// What the policy says of the paths of a patch, before anything is read.
pub(super) fn paths_of(
    call: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
) -> Result<Vec<RelPath>, ToolError> {
    demanded(&input_of(call)?, obligations, world).map(|asked| asked.paths())
}

/// The bound that a patch is beyond by its own size, whatever the workspace holds.
pub(in crate::runner) fn too_large(call: &ToolCall, limits: &GrantLimits) -> Option<ToolError> {
    let read = input_of(call).and_then(|input| read(&input, limits));
    let checked = read.and_then(|asked| check_count(asked.count(), limits));
    checked.err().filter(|error| error.kind == ErrorKind::Limit)
}

/// What a patch would do to the workspace as it is.
pub(super) fn foresee(
    call: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
) -> Result<Planned, ToolError> {
    plan(&input_of(call)?, obligations, (world, &Cancel::default()))
}

fn input_of(call: &ToolCall) -> Result<Input<'_>, ToolError> {
    Input::new("apply_patch", &call.input, &["patch", "changes", "undo", "dry_run", "expect"])
}

fn demanded(input: &Input<'_>, obligations: &Obligations, world: &ToolWorld) -> Result<Asked, ToolError> {
    let asked = match input.value("undo") {
        Some(undo) if input.value("patch").is_none() && input.value("changes").is_none() => {
            Asked::Undo(undone(undo, world)?)
        }
        _ => read(input, &obligations.limits)?,
    };
    check_count(asked.count(), &obligations.limits)?;
    let binary = asked.binary();
    let binary = binary.iter().map(|path| (path, Touch::Binary));
    Writing::of(obligations, world).demand(asked.touched().into_iter().chain(binary))?;
    Ok(asked)
}

fn plan(
    input: &Input<'_>,
    obligations: &Obligations,
    (world, cancel): (&ToolWorld, &Cancel),
) -> Result<Planned, ToolError> {
    let asked = demanded(input, obligations, world)?;
    check_places(&asked, obligations, world)?;
    let mut planned = match &asked {
        Asked::Patch(files) => {
            let room = most_bytes(&obligations.limits);
            resolve_patch(&world.root, files, room, cancel).map_err(|error| patch_error(&error))?
        }
        Asked::Changes(changes) => {
            resolve_changes(&world.root, changes, cancel).map_err(|error| patch_error(&error))?
        }
        Asked::Undo(changes) => changes.plan(obligations, world)?,
    };
    demand_binary(&mut planned, obligations, world)?;
    check_expected(input, &planned)?;
    check_approved(obligations, &planned)?;
    Ok(planned)
}

/// What is no text may be told of each path of which lines tell too little. What may not leave is kept back: the history has
/// the bytes that take it back.
fn demand_binary(
    planned: &mut Planned,
    obligations: &Obligations,
    world: &ToolWorld,
) -> Result<(), ToolError> {
    let writing = Writing::of(obligations, world);
    writing.demand(planned.binary.iter().map(|path| (path, Touch::Binary)))?;
    planned.is_kept_back =
        planned.wanted.iter().filter(|wanted| planned.binary.contains(&wanted.path)).any(|wanted| {
            let before = wanted.before.as_ref().map(|version| version.content.clone());
            !writing.tells_binary(&wanted.path, &Side { before, after: wanted.after.clone() })
        });
    Ok(())
}

/// What no name tells: a folder that is a git directory, and a file that is another one under a second name.
fn check_places(asked: &Asked, obligations: &Obligations, world: &ToolWorld) -> Result<(), ToolError> {
    let touched = asked.touched();
    let written: Vec<&RelPath> =
        touched.iter().filter(|(_, touch)| *touch != Touch::Read).map(|(path, _)| *path).collect();
    if let Some(folder) = git_folder_above(&world.root, &written) {
        return Err(git_folder(&folder));
    }
    let reading = Reading::under(obligations, world);
    let read = touched.into_iter().filter(|(_, touch)| *touch != Touch::Write);
    for (path, facts) in read.filter_map(|(path, _)| Some((path, world.root.facts(path).ok()?))) {
        reading.refuse_twin(path, &facts)?;
    }
    Ok(())
}

impl Asked {
    fn count(&self) -> usize {
        match self {
            Asked::Patch(files) => files.len(),
            Asked::Changes(changes) => changes.len(),
            // what several patches did is taken back at once, and each of them was counted
            Asked::Undo(_) => 0,
        }
    }

    fn touched(&self) -> Vec<(&RelPath, Touch)> {
        match self {
            Asked::Patch(files) => files.iter().flat_map(|file| touched(&file.action)).collect(),
            Asked::Changes(changes) => changes.iter().flat_map(touched_by_change).collect(),
            Asked::Undo(changes) => changes.paths().map(|path| (path, Touch::ReadAndWrite)).collect(),
        }
    }

    /// The paths that it says to change by what is no text.
    fn binary(&self) -> BTreeSet<RelPath> {
        match self {
            Asked::Patch(files) => {
                let binary = files.iter().filter(|file| file.binary.is_some());
                binary.flat_map(FilePatch::changed).cloned().collect()
            }
            Asked::Changes(_) => BTreeSet::new(),
            Asked::Undo(changes) => changes.binary().clone(),
        }
    }

    fn paths(&self) -> Vec<RelPath> {
        let mut paths: Vec<RelPath> = self.touched().into_iter().map(|(path, _)| path.clone()).collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

fn read(input: &Input<'_>, limits: &GrantLimits) -> Result<Asked, ToolError> {
    let most = most_bytes(limits);
    let check = |bytes: usize| within(bytes as u64, most, "has");
    match (input.text("patch")?, input.value("changes")) {
        (Some(text), None) => {
            check(text.len())?;
            if text.is_empty() {
                // what a command hands over that had nothing to change
                return Ok(Asked::Patch(Vec::new()));
            }
            let files = parse(text).map_err(|error| patch_error(&error))?;
            // before anything is unpacked
            within(files.iter().map(FilePatch::unpacked).sum(), most, "unpacks to")?;
            Ok(Asked::Patch(files))
        }
        (None, Some(list)) => {
            check(content_bytes(list))?;
            read_changes(list).map(Asked::Changes).map_err(|error| patch_error(&error))
        }
        _ => Err(invalid("`apply_patch` needs one of `patch`, `changes` and `undo`")),
    }
}

fn most_bytes(limits: &GrantLimits) -> u64 {
    limits.patch_bytes.unwrap_or(PATCH_BYTES)
}

fn within(bytes: u64, most: u64, how: &str) -> Result<(), ToolError> {
    if bytes <= most {
        return Ok(());
    }
    let message = format!("the patch {how} {bytes} bytes; the limit is {most}");
    Err(ToolError { limit: Some("patch_bytes".to_owned()), ..ToolError::new(ErrorKind::Limit, message) })
}

/// `{run, to?}`: what an earlier run changed. Which run that may be, the user says and no graph.
fn undone(undo: &Value, world: &ToolWorld) -> Result<Undone, ToolError> {
    let text = |name: &str| undo.get(name).and_then(Value::as_str);
    let run = text("run").ok_or_else(|| invalid("`undo` of `apply_patch` names no `run`"))?;
    if world.memory.undoes() != Some(run) {
        let message = format!(
            "`undo` of `apply_patch`: the changes of another run (`{run}`) are taken back by `lgflow runs undo`, and by no \
             graph; within a run, `rollback` takes back its own"
        );
        return Err(ToolError::new(ErrorKind::Denied, message));
    }
    Undone::of(run, &Around::RUN, text("to").unwrap_or("start"), world)
}

fn content_bytes(list: &Value) -> usize {
    let of = |entry: &Value| entry.get("content").and_then(Value::as_str).map_or(0, str::len);
    list.as_array().map_or(0, |list| list.iter().map(of).sum())
}

fn check_count(files: usize, limits: &GrantLimits) -> Result<(), ToolError> {
    let most = limits.patch_files.unwrap_or(PATCH_FILES);
    if files as u64 <= most {
        return Ok(());
    }
    let message = format!("the patch has {files} files; the limit is {most}");
    Err(ToolError { limit: Some("patch_files".to_owned()), ..ToolError::new(ErrorKind::Limit, message) })
}

fn touched(action: &Action) -> Vec<(&RelPath, Touch)> {
    match action {
        Action::Add { path } => vec![(path, Touch::Write)],
        Action::Delete { path } | Action::Modify { path } => vec![(path, Touch::ReadAndWrite)],
        Action::Rename { from, to } => vec![(from, Touch::ReadAndWrite), (to, Touch::Write)],
        Action::Copy { from, to } => vec![(from, Touch::Read), (to, Touch::Write)],
    }
}

fn touched_by_change(change: &Change) -> Vec<(&RelPath, Touch)> {
    match change {
        Change::Add { path, .. } => vec![(path, Touch::Write)],
        Change::Update { path, .. } | Change::Put { path, .. } | Change::Delete { path } => {
            vec![(path, Touch::ReadAndWrite)]
        }
        Change::Rename { path, to, .. } => vec![(path, Touch::ReadAndWrite), (to, Touch::Write)],
    }
}

/// Each file that `expect` names must be what it says.
fn check_expected(input: &Input<'_>, planned: &Planned) -> Result<(), ToolError> {
    let Some(expected) = input.value("expect") else { return Ok(()) };
    let map: &Map<String, Value> =
        expected.as_object().ok_or_else(|| invalid("`expect` of `apply_patch` is not an object"))?;
    for (path, wanted) in map {
        let wanted: Option<Digest> = match wanted {
            Value::Null => None,
            Value::String(text) => {
                Some(text.parse().map_err(|error| invalid(format!("`expect` of `{path}`: {error}")))?)
            }
            _ => return Err(invalid(format!("`expect` of `{path}` is not a digest and not null"))),
        };
        let found = preimage(planned, path)
            .ok_or_else(|| invalid(format!("`expect` names `{path}`, which the patch does not touch")))?;
        if found != wanted {
            let now = found.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
            let wanted = wanted.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
            let message = format!("`{path}` has changed: expected {wanted}, found {now}");
            return Err(ToolError::new(ErrorKind::Conflict, message));
        }
    }
    Ok(())
}

/// Where a person approved the patch, each file must be what it was then.
pub(super) fn check_approved(obligations: &Obligations, planned: &Planned) -> Result<(), ToolError> {
    let Some(approved) = &obligations.approved else { return Ok(()) };
    let now = preimages(planned);
    match approved.preimages.iter().find(|(path, digest)| now.get(*path) != Some(*digest)) {
        None => Ok(()),
        Some((path, _)) => {
            let message = format!("`{path}` has changed since the patch was approved; nothing was written");
            Err(ToolError::new(ErrorKind::Conflict, message))
        }
    }
}

/// What stands at each path that is read or changed; `None` where nothing does.
pub(super) fn preimages(planned: &Planned) -> BTreeMap<String, Option<Digest>> {
    let sources = planned
        .changed
        .iter()
        .filter_map(|changed| changed.action.source().map(|path| (path.to_string(), changed.before)));
    let wanted = planned.wanted.iter().map(|wanted| {
        (wanted.path.to_string(), wanted.before.as_ref().map(|version| version.content.digest()))
    });
    sources.chain(wanted).collect()
}

/// What was at `path`, if the patch touches it.
fn preimage(planned: &Planned, path: &str) -> Option<Option<Digest>> {
    let source = |changed: &&Changed| changed.action.source().is_some_and(|source| source.as_str() == path);
    let target = |changed: &&Changed| changed.action.target().is_some_and(|target| target.as_str() == path);
    match planned.changed.iter().find(source) {
        Some(changed) => Some(changed.before),
        // what a file that is added or moved comes to was checked to be free
        None => planned.changed.iter().find(target).map(|_| None),
    }
}

fn file(changed: &Changed) -> Value {
    let path = changed.action.target().or(changed.action.source());
    let from = changed.action.target().and(changed.action.source()).filter(|from| Some(*from) != path);
    json!({
        "path": path.map(RelPath::as_str),
        "from": from.map(RelPath::as_str),
        "op": changed.action.word(),
        "before": changed.before,
        "after": changed.after,
        "mode": changed.mode.map(crate::runner::patch::Mode::as_str),
    })
}

fn line(changed: &Changed) -> String {
    let (source, target) = (changed.action.source(), changed.action.target());
    match (source, target) {
        (Some(from), Some(to)) if from != to => format!("{} {from} -> {to}\n", changed.action.word()),
        _ => format!("{} {}\n", changed.action.word(), target.or(source).map_or("", RelPath::as_str)),
    }
}

fn artifact(changed: &Changed) -> Option<Artifact> {
    let path = changed.action.target()?.to_string();
    Some(Artifact { path, digest: changed.after?.to_string() })
}
