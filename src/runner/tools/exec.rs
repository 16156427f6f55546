//! `exec`: runs one granted program in the sandbox, over an overlay of the workspace or what else the grant says. Decides
//! nothing: the grant came with the call.

#![expect(clippy::disallowed_methods, reason = "a command is passed variables of ours, and has a deadline")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::effect::{ErrorKind, OkExit, ProgramUsed, ToolCall, ToolError, ToolResult};
use crate::files::RelPath;
use crate::policy::{ExecGrant, Granted, Obligations, WorkspaceMode};
use crate::redact::Redaction;
use crate::runner::{Cancel, ToolWorld};
use crate::sandbox::{
    Beside, CommandSpec, Confined, End, Helper, Job, Layer, Program, ProgramError, Ran, Refused, RunError,
    Standing, confine, find_program, run,
};

use super::caches::CacheCall;
use super::call_folders::CallFolders;
use super::carried::bounds;
use super::input::{Input, invalid};
use super::kept_text::kept_text;
use super::place::{Asked, Back, Place};
use super::prepare::check_program;
use super::really_written::check_after;
use super::signal::signal_name;

/// `{argv, cwd?, stdin?, env?, ok_exit?}` → `{exit_code, signal, stdout, stderr, patch, not_carried}`.
pub(in crate::runner) fn exec(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    exec_with(&world.memory.helper, call.request(), call.obligations(), world, cancel)
}

/// The same, with another program as the helper.
pub(super) fn exec_with(
    helper: &Helper,
    call: &ToolCall,
    obligations: &Obligations,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let input = Input::new("exec", &call.input, &["argv", "cwd", "stdin", "env", "ok_exit"])?;
    let grant = obligations.exec.as_ref().ok_or_else(|| {
        ToolError::new(ErrorKind::Denied, "the call was granted without a rule for its command")
    })?;
    let wanted = ok_exit(&input)?;
    let mut spec = CommandSpec { argv: argv(&input)?, env: variables(&input)?, deadline: None };
    spec.deadline = cancel.deadline().map(|end| end.saturating_duration_since(Instant::now()));
    let (cwd, stdin) = (input.path("cwd")?, input.text("stdin")?);
    let folders = CallFolders::make(world)?;
    let passed = passed(grant);
    let confined = confine(&spec, grant, &passed, &folders.shown("home"), &folders.shown("tmp"))
        .map_err(|error| refused(&error, grant))?;
    let program = find_program(&grant.program, &grant.search, &world.root_path)
        .map_err(|error| program_error(&error, grant))?;
    check_program(&program, obligations, world)?;
    let used = used(&program, world)?;
    let cache = CacheCall { run: &call.run, verify: call.verify, program: &used.digest };
    let asked = Asked { grant, obligations, world, cache };
    let command = Command { helper, program: &program, confined: &confined, cwd: &cwd, stdin, cancel };
    let (ran, place) = match command.run(asked, &folders) {
        Ok(Ok(done)) => done,
        Ok(Err(refusal)) => return Ok(refusal),
        // it may have been ended in the middle of its work
        Err(error) => return Err(check_after(asked).unwrap_or(error)),
    };
    let back = place.take_back(&ran, asked)?;
    let mut result = ToolResult { program: Some(used), ..result_of(&ran, &back, &wanted, &world.redaction) };
    result.sandbox.extend(back.told);
    Ok(result)
}

/// One command that is ready to be run.
struct Command<'a> {
    helper: &'a Helper,
    program: &'a Program,
    confined: &'a Confined,
    cwd: &'a RelPath,
    stdin: Option<&'a str>,
    cancel: &'a Cancel,
}

impl Command<'_> {
    /// Runs it in the place that the grant says; in a copy, where no overlay can be put over the workspace. The inner
    /// error is the refusal for want of walls.
    fn run(
        &self,
        asked: Asked<'_>,
        folders: &CallFolders,
    ) -> Result<Result<(Ran, Place), ToolResult>, ToolError> {
        let place = Place::of(asked, folders)?;
        let done = self.run_in(self.confined, &place, asked)?;
        let done = match done {
            Err(RunError::NoOverlay(_)) => {
                let mut confined = self.confined.clone();
                // a copy keeps the workspace from the command as well
                confined.demanded.retain(|layer| layer != Layer::OverlayWorkspace.name());
                let place = Place::copy(asked, folders)?;
                self.run_in(&confined, &place, asked)?.map(|ran| (ran, place))
            }
            done => done.map(|ran| (ran, place)),
        };
        match done {
            Ok(done) => Ok(Ok(done)),
            Err(RunError::Missing { missing, standing }) => {
                Ok(Err(refuse_missing(asked.grant, &missing, &standing)))
            }
            Err(error) => Err(run_error(&error)),
        }
    }

    fn run_in(
        &self,
        confined: &Confined,
        place: &Place,
        asked: Asked<'_>,
    ) -> Result<Result<Ran, RunError>, ToolError> {
        place.check_folder(self.cwd, asked.world)?;
        let stack = place.stack(asked)?;
        let job = Job {
            program: self.program,
            confined,
            stack: &stack,
            cwd: Path::new(if self.cwd.is_root() { "" } else { self.cwd.as_str() }),
            stdin: self.stdin,
            bounds: bounds(asked.obligations),
        };
        let beside = Beside {
            cancelled: &|| self.cancel.is_cancelled(),
            heard: &|from, part| self.cancel.heard(from, part),
        };
        Ok(run(self.helper, &job, beside))
    }
}

/// What is told of a program: where it was found, and of what it is made.
fn used(program: &Program, world: &ToolWorld) -> Result<ProgramUsed, ToolError> {
    let failed = |error: std::io::Error| {
        ToolError::new(ErrorKind::Internal, format!("`{}` can't be read: {error}", program.path.display()))
    };
    let digest = world.memory.programs.of(program).map_err(failed)?.to_string();
    Ok(ProgramUsed { path: program.path.display().to_string(), digest })
}

fn argv(input: &Input<'_>) -> Result<Vec<String>, ToolError> {
    match input.value("argv") {
        Some(Value::Array(_)) => Ok(input.texts("argv")?.into_iter().map(str::to_owned).collect()),
        _ => Err(invalid("`argv` of `exec` is not a list of strings; nothing goes through a shell")),
    }
}

fn variables(input: &Input<'_>) -> Result<BTreeMap<String, String>, ToolError> {
    let Some(value) = input.value("env") else { return Ok(BTreeMap::new()) };
    let map = value.as_object().ok_or_else(|| invalid("`env` of `exec` is not an object"))?;
    map.iter()
        .map(|(name, value)| match value {
            Value::String(value) => Ok((name.clone(), value.clone())),
            Value::Object(_) => Err(ToolError::new(
                ErrorKind::Denied,
                format!("`env.{name}`: no secret is given to a command"),
            )),
            _ => Err(invalid(format!("`env.{name}` of `exec` is not a string"))),
        })
        .collect()
}

fn passed(grant: &ExecGrant) -> BTreeMap<String, String> {
    grant.env_pass.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect()
}

fn ok_exit(input: &Input<'_>) -> Result<OkExit, ToolError> {
    OkExit::read(input.value("ok_exit"))
        .ok_or_else(|| invalid("`ok_exit` of `exec` is neither `any` nor a list of exit codes"))
}

/// The refusal of a command whose grant demands layers that are not in force.
fn refuse_missing(grant: &ExecGrant, missing: &[String], standing: &Standing) -> ToolResult {
    let (rule, sandbox) = (&grant.rule, standing.layers());
    let is_direct = grant.workspace == WorkspaceMode::Direct
        && missing.iter().any(|name| name == Layer::OverlayWorkspace.name());
    let message = if is_direct {
        format!(
            "`{}` is not run: its rule says `workspace: direct`, and the strict sandbox keeps the workspace itself from \
             every command; write `workspace: overlay`, or `sandbox: {{mode: best_effort}}` in a policy that is trusted \
             (see {})",
            grant.program,
            rule.place()
        )
    } else {
        let why = |name: &String| match Layer::named(name).and_then(|layer| standing.why_not(layer)) {
            Some(why) => format!("{name} ({why})"),
            None => name.clone(),
        };
        let missing: Vec<String> = missing.iter().map(why).collect();
        format!(
            "`{}` is not run: the policy demands layers of the sandbox that are not in force here: {}; `lgflow doctor` \
             says which never are; a policy that is trusted may say `sandbox: {{mode: best_effort}}` (see {})",
            grant.program,
            missing.join(", "),
            rule.place()
        )
    };
    let error = ToolError { rule: Some(rule.clone()), ..ToolError::new(ErrorKind::Denied, message) };
    let mut result = ToolResult::failure("exec", error);
    result.sandbox = sandbox;
    result
}

fn refused(error: &Refused, grant: &ExecGrant) -> ToolError {
    let kind = match error {
        Refused::NoProgram | Refused::Nul(_) => ErrorKind::InvalidInput,
        Refused::OtherProgram { .. } | Refused::Reserved(_) | Refused::NotGranted { .. } => ErrorKind::Denied,
    };
    ToolError { rule: Some(grant.rule.clone()), ..ToolError::new(kind, error.to_string()) }
}

fn program_error(error: &ProgramError, grant: &ExecGrant) -> ToolError {
    let kind = match error {
        ProgramError::NotAName(_) | ProgramError::Folder { .. } | ProgramError::Unsafe { .. } => {
            ErrorKind::Denied
        }
        ProgramError::NotFound { .. } => ErrorKind::NotFound,
        ProgramError::Io { .. } => ErrorKind::Internal,
    };
    ToolError { rule: Some(grant.rule.clone()), ..ToolError::new(kind, error.to_string()) }
}

fn run_error(error: &RunError) -> ToolError {
    ToolError::new(ErrorKind::Internal, error.to_string())
}

fn result_of(ran: &Ran, back: &Back, wanted: &OkExit, redaction: &Redaction) -> ToolResult {
    let carried = &back.carried;
    let (stdout, removed) = kept_text(&ran.stdout, redaction);
    let (stderr, more) = kept_text(&ran.stderr, redaction);
    let dropped = ran.stdout.dropped() + ran.stderr.dropped();
    let output = json!({
        "exit_code": ran.exit_code,
        "signal": ran.signal.map(signal_name),
        "stdout": stdout,
        "stderr": stderr,
        "patch": carried.patch,
        "not_carried": carried.not_carried,
    });
    let mut result = match back.offence.clone().or_else(|| failure(ran, wanted)) {
        None => ToolResult::success("exec", output),
        Some(error) => ToolResult::failure("exec", ToolError { output: Some(output), ..error }),
    };
    result.exit_code = Some(ran.exit_code);
    result.start_us = u64::try_from(ran.start.as_micros()).ok();
    result.redacted = (removed + more) as u64;
    result.stdout = stdout;
    result.stderr = stderr;
    result.truncated = dropped > 0 || carried.truncated;
    result.sandbox.clone_from(&ran.layers);
    result
}

fn failure(ran: &Ran, wanted: &OkExit) -> Option<ToolError> {
    let limit = |limit: &str, message: &str| {
        Some(ToolError { limit: Some(limit.to_owned()), ..ToolError::new(ErrorKind::Limit, message) })
    };
    match ran.end {
        End::Timeout => Some(ToolError::new(
            ErrorKind::Timeout,
            "its time was over; it was ended with all that it started",
        )),
        End::Cancelled => Some(ToolError::new(
            ErrorKind::Cancelled,
            "the call was cancelled; the command was ended with all that it started",
        )),
        End::Processes => {
            limit("processes", "it had more processes than it may; it was ended with all that it started")
        }
        End::Memory => limit("memory", "it took more memory than it may"),
        End::Room => {
            let folders: Vec<String> =
                ran.largest.iter().map(|(folder, bytes)| format!("`{folder}` {bytes}")).collect();
            let message = format!(
                "it wrote more than it may; the largest folders, in bytes: {}; a build folder belongs into `cache:` of \
                 the rule, and `limits.workspace_bytes` there is the room",
                folders.join(", ")
            );
            limit("workspace_bytes", &message)
        }
        End::Itself => match ran.signal.map(signal_name).as_deref() {
            Some("SIGXCPU") => limit("cpu", "it used more processor time than it may"),
            Some("SIGXFSZ") => limit("workspace_bytes", "it wrote a file that is larger than it may"),
            _ if wanted.takes(i64::from(ran.exit_code)) => None,
            Some(signal) => Some(ToolError::new(ErrorKind::Exit, format!("it was ended by {signal}"))),
            None => {
                let hint = ran.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
                let message = format!("it ended with exit code {}{hint}", ran.exit_code);
                Some(ToolError::new(ErrorKind::Exit, message))
            }
        },
    }
}
