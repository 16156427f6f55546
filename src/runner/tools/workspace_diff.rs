//! `workspace_diff`: what this run changed, or what differs from a revision. Reads only; what may not be read is not
//! in it, on either side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::effect::{ToolCall, ToolError, ToolResult};
use crate::files::{EntryKind, IgnoreFiles, RelPath, Root, Walk, walk_until};
use crate::policy::{Granted, Obligations};
use crate::runner::patch::{
    Content, FilePatch, History, PatchError, Side, Telling, Version, compose, render,
};
use crate::runner::{Cancel, ToolWorld};

use super::access::{Reading, in_time, tool_error};
use super::git_tree::{GitTree, object_hash};
use super::input::Input;
use super::list_files::MAX_ENTRIES;
use super::writing::{Writing, patch_error};

/// The most bytes of a patch where no policy says less.
const PATCH_BYTES: u64 = 16 << 20;

/// `{since?: start | REVISION}` → `{patch, files: [{path, from, op, binary}]}`.
pub(in crate::runner) fn workspace_diff(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let request = call.request();
    let input = Input::new("workspace_diff", &request.input, &["since"])?;
    let obligations = call.obligations();
    let (sides, notes) = match input.text("since")?.unwrap_or("start") {
        "start" => (since_start(world, &request.run, obligations)?, String::new()),
        revision => since_revision(world, revision, obligations, cancel)?,
    };
    let writing = Writing::of(obligations, world);
    let telling =
        Telling { binary: &|path, side| writing.tells_binary(path, side), hash: &|| object_hash(world) };
    Ok(ToolResult { stderr: notes, ..result_of(&compose(&sides, &telling), obligations) })
}

type Sides = BTreeMap<RelPath, Side>;

fn since_start(world: &ToolWorld, run: &str, obligations: &Obligations) -> Result<Sides, ToolError> {
    let failed = |error: PatchError| patch_error(&error);
    let writing = Writing::of(obligations, world);
    let reading = Reading::under(obligations, world);
    let history = History::of(&world.state, run).map_err(failed)?;
    let mut sides = Sides::new();
    for (path, states) in History::states(&history.standing().map_err(failed)?) {
        let Ok(path) = RelPath::parse(&path) else { continue };
        if writing.allows_read(&path) {
            let first = states.first().copied().flatten();
            let before = first.map(|first| history.content(first)).transpose().map_err(failed)?;
            let after = present(world, &reading, &path);
            sides.insert(path, Side { before, after });
        }
    }
    Ok(sides)
}

/// With what is not compared, in words.
fn since_revision(
    world: &ToolWorld,
    revision: &str,
    obligations: &Obligations,
    cancel: &Cancel,
) -> Result<(Sides, String), ToolError> {
    let writing = Writing::of(obligations, world);
    let reading = Reading::under(obligations, world);
    let tree = GitTree::of(world, revision)?;
    let options = Walk {
        start: RelPath::root(),
        recursive: true,
        ignore_files: IgnoreFiles::Honour,
        max_entries: MAX_ENTRIES,
    };
    let mut others = tree.submodules().clone();
    let mut keep = |path: &RelPath, kind: EntryKind| match kind {
        EntryKind::Folder if others.contains(path) => false,
        EntryKind::Folder if is_repository(&world.root, path) => {
            others.insert(path.clone());
            false
        }
        EntryKind::Folder => true,
        _ => writing.allows_read(path),
    };
    let walked = walk_until(&world.root, &options, &mut keep, &|| cancel.is_over());
    in_time(cancel)?;
    let walked = walked.map_err(|error| tool_error(&error))?;
    let mut sides = Sides::new();
    let paths: BTreeSet<&RelPath> = tree.paths().chain(&walked.files).collect();
    for path in paths.into_iter().filter(|path| writing.allows_read(path)) {
        in_time(cancel)?;
        let after = present(world, &reading, path);
        // what is equal needs no room
        if !after.as_ref().is_some_and(|content| tree.has(path, content)) {
            sides.insert(path.clone(), Side { before: tree.content(path)?, after });
        }
    }
    Ok((sides, not_compared(&others)))
}

/// Is the folder a repository of its own? What is in one is no part of this one, as git sees it.
fn is_repository(root: &Root, folder: &RelPath) -> bool {
    folder.join(".git").is_ok_and(|git| root.facts(&git).is_ok())
}

fn not_compared(others: &BTreeSet<RelPath>) -> String {
    let mut notes = String::new();
    for folder in others {
        // writing to a String cannot fail
        let _ = writeln!(notes, "`{folder}` is a repository of its own, and was not compared");
    }
    notes
}

/// The file as it is; a link or a special file that stands in its place is none.
fn present(world: &ToolWorld, reading: &Reading<'_>, path: &RelPath) -> Option<Content> {
    let version = Version::read(&world.root, path).ok().flatten()?;
    // of a denied file under a second name nothing is told, as if nothing stood there
    reading.refuse_twin(path, &version.facts).ok()?;
    Some(version.content)
}

fn result_of(files: &[FilePatch], obligations: &Obligations) -> ToolResult {
    let most = obligations.limits.patch_bytes.unwrap_or(PATCH_BYTES);
    let (mut patch, mut listed, mut truncated): (String, Vec<Value>, bool) =
        (String::new(), Vec::new(), false);
    let mut unpacked = 0;
    for file in files {
        let text = render(std::slice::from_ref(file));
        let binary = file.binary.is_some() || text.is_none();
        match text {
            Some(text) if (patch.len() + text.len()) as u64 <= most && unpacked + file.unpacked() <= most => {
                unpacked += file.unpacked();
                patch.push_str(&text);
            }
            Some(_) => truncated = true,
            None => {}
        }
        let (source, target) = (file.action.source(), file.action.target());
        let path = target.or(source);
        listed.push(json!({
            "path": path.map(RelPath::as_str),
            "from": target.and(source).filter(|from| Some(*from) != path).map(RelPath::as_str),
            "op": file.action.word(),
            "binary": binary,
        }));
    }
    listed.sort_by(|a, b| a["path"].as_str().cmp(&b["path"].as_str()));
    let mut result = ToolResult::success("workspace_diff", json!({ "patch": patch, "files": listed }));
    result.stdout.clone_from(&patch);
    result.truncated = truncated;
    result
}
