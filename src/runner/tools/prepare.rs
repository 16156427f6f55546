//! What a call would touch, found out before a person is asked: paths, what stands there, the program. Looks, and
//! changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::digest::Digest;
use crate::effect::{BoundTarget, ErrorKind, PlannedProgram, Preview, ToolCall, ToolError};
use crate::files::RelPath;
use crate::model::Uses;
use crate::policy::{Granted, Obligations};
use crate::runner::ToolWorld;
use crate::runner::patch::{FilePatch, Planned, Side, Telling, compose, head, render};
use crate::sandbox::{Program, find_program};

use super::access::Reading;
use super::apply_patch::{self, preimages};
use super::input::Input;
use super::rollback;

/// What `call` would do as things stand. `touched` are the paths that the calls before it in its list change: what stands there
/// is not known before they have run.
///
/// # Errors
/// The call could not do its work as things stand, so nobody has to be asked.
pub(in crate::runner) fn prepare(
    call: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
    touched: &BTreeSet<String>,
) -> Result<Preview, ToolError> {
    match Uses::parse(&call.tool) {
        Some(Uses::ApplyPatch) => patch(call, obligations, world, touched),
        Some(Uses::Rollback) => back(call, obligations, world, touched),
        Some(Uses::ReadFile) => read(call, obligations, world, touched),
        Some(Uses::Exec) => command(call, obligations, world),
        _ => Ok(Preview::default()),
    }
}

/// What a granted call's paths would ask before anything is done. `None` where nothing asks.
pub(in crate::runner) fn question(call: &Granted<ToolCall>, world: &ToolWorld) -> Option<ToolError> {
    let (call, obligations) = (call.request(), call.obligations());
    if Uses::parse(&call.tool) != Some(Uses::ApplyPatch) {
        return None;
    }
    apply_patch::paths_of(call, obligations, world).err()
}

fn patch(
    call: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
    touched: &BTreeSet<String>,
) -> Result<Preview, ToolError> {
    let paths: Vec<String> =
        apply_patch::paths_of(call, obligations, world)?.iter().map(ToString::to_string).collect();
    if paths.iter().any(|path| touched.contains(path)) {
        return Ok(Preview { paths, ..Preview::default() });
    }
    let planned = apply_patch::foresee(call, obligations, world)?;
    // what is no text can't be seen in the patch itself
    let seen = call.input.get("patch").is_some() && planned.binary.is_empty();
    let diff = if seen { None } else { diff(&planned) };
    Ok(Preview { preimages: preimages(&planned), paths, target: None, diff })
}

/// Under the rules that its path is under, whatever will stand there.
fn read(
    call: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
    touched: &BTreeSet<String>,
) -> Result<Preview, ToolError> {
    let path = Input::new("read_file", &call.input, &["path", "range", "encoding"])?.path("path")?;
    let reading = Reading::under(obligations, world);
    let path = if touched.contains(path.as_str()) {
        reading.demand(&path)?;
        path
    } else {
        reading.open(&path)?.path().clone()
    };
    Ok(Preview { paths: vec![path.to_string()], ..Preview::default() })
}

/// What the calls before it in its list will have changed is taken back as well, and is not bound to what stands there now.
fn back(
    call: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
    touched: &BTreeSet<String>,
) -> Result<Preview, ToolError> {
    let planned = match rollback::foresee(call, obligations, world) {
        Ok((_, planned)) => planned,
        // what it is to take back may be only then there
        Err(error) if error.kind == ErrorKind::InvalidInput && !touched.is_empty() => {
            return Ok(Preview::default());
        }
        Err(error) => return Err(error),
    };
    let mut preimages = preimages(&planned);
    let paths = preimages.keys().cloned().collect();
    preimages.retain(|path, _| !touched.contains(path));
    let diff = if touched.is_empty() { diff(&planned) } else { None };
    Ok(Preview { paths, preimages, target: None, diff })
}

/// What was planned, as a diff; of what is no text, how much it is and its digest.
fn diff(planned: &Planned) -> Option<String> {
    let sides = planned.wanted.iter().map(|wanted| {
        let before = wanted.before.as_ref().map(|version| version.content.clone());
        (wanted.path.clone(), Side { before, after: wanted.after.clone() })
    });
    let sides: BTreeMap<RelPath, Side> = sides.collect();
    compose(&sides, &Telling::LINES)
        .iter()
        .map(|file| render(std::slice::from_ref(file)).or_else(|| outlined(file, &sides)))
        .collect()
}

/// A change of what is no text, for a person.
fn outlined(file: &FilePatch, sides: &BTreeMap<RelPath, Side>) -> Option<String> {
    let mut text = head(file)?;
    let side = sides.get(file.action.target().or(file.action.source())?)?;
    for (sign, content) in [('-', &side.before), ('+', &side.after)] {
        if let Some(content) = content {
            let kind = if content.is_text() { "text" } else { "no text" };
            // writing to a String cannot fail
            let _ = writeln!(text, "{sign} {kind}, {} bytes, {}", content.bytes.len(), content.digest());
        }
    }
    Some(text)
}

fn command(call: &ToolCall, obligations: &Obligations, world: &ToolWorld) -> Result<Preview, ToolError> {
    let Some(grant) = &obligations.exec else { return Ok(Preview::default()) };
    let program = find_program(&grant.program, &grant.search, &world.root_path)
        .map_err(|error| ToolError::new(ErrorKind::NotFound, error.to_string()))?;
    let cwd = call.input.get("cwd").and_then(serde_json::Value::as_str).map(str::to_owned);
    let target = BoundTarget::Program {
        path: program.path.display().to_string(),
        digest: program_digest(&program, world)?,
    };
    Ok(Preview { paths: cwd.into_iter().collect(), target: Some(target), ..Preview::default() })
}

/// Where a person approved a command, its program must be the one that it was then; and where the session is held to a
/// plan, one that the plan saw.
pub(super) fn check_program(
    program: &Program,
    obligations: &Obligations,
    world: &ToolWorld,
) -> Result<(), ToolError> {
    if let Some(planned) = world.memory.planned() {
        let (path, digest) = (program.path.display().to_string(), program_digest(program, world)?);
        let same = |seen: &PlannedProgram| {
            seen.path.as_deref() == Some(path.as_str()) && seen.digest == Some(digest)
        };
        if !planned.iter().any(same) {
            let message = format!(
                "`{path}` is not what the plan saw: it is {digest} now; nothing was run; make a new plan with `lgflow \
                 plan`, read it, and run that"
            );
            return Err(ToolError::new(ErrorKind::Unplanned, message));
        }
    }
    let wanted = obligations.approved.as_ref().and_then(|approved| approved.program);
    if wanted.is_none_or(|wanted| program_digest(program, world).is_ok_and(|found| found == wanted)) {
        return Ok(());
    }
    let message =
        format!("`{}` has changed since the command was approved; nothing was run", program.path.display());
    Err(ToolError::new(ErrorKind::Conflict, message))
}

/// Of the bytes behind the descriptor that is executed.
fn program_digest(program: &Program, world: &ToolWorld) -> Result<Digest, ToolError> {
    world.memory.programs.of(program).map_err(|error| {
        ToolError::new(ErrorKind::Internal, format!("`{}` can't be read: {error}", program.path.display()))
    })
}
