//! `lgflow tool`: one tool call through the same runner and policy as in a run, for trying a policy and for scripts.

use std::io::Read as _;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::config::Settings;
use crate::diag::{Diagnostics, suggestion};
use crate::effect::{ErrorKind, Provenance, Source, ToolCall, ToolError, ToolResult};
use crate::front::{Place, call_tool, choose, layers, settings};
use crate::model::Uses;
use crate::schema;
use crate::source::Sources;
use crate::trust::RunLayers;
use crate::view::diagnostics;

use super::output::Output;
use super::problem::Problem;
use super::run::{PolicyArgs, profile_flag, trust_now};
use super::schema::unknown;
use super::{Exit, Format};

/// Bytes of the parameters of a call.
const LIMIT: u64 = 64 << 20;

/// Arguments of `lgflow tool`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow tool list\n  lgflow tool call read_file '{\"path\": \"README.md\"}'"
)]
pub struct ToolArgs {
    #[command(subcommand)]
    command: ToolCommand,
}

#[derive(Debug, Subcommand)]
enum ToolCommand {
    /// List the tools
    #[command(after_help = "Example:\n  lgflow tool list")]
    List,
    /// Print the schemas of a tool's parameters and output
    #[command(after_help = "Example:\n  lgflow tool schema read_file")]
    Schema {
        /// The tool
        name: String,
    },
    /// Call a tool under this workspace's policy; always prints one result
    #[command(
        after_help = "Examples:\n  lgflow tool call read_file '{\"path\": \"README.md\"}'\n  echo '{\"path\": \".\"}' | lgflow tool call list_files\n\nExit code 0 if the call did its work, 4 if the policy refused it, 5 if it wants an approval, 3 if the policy is not valid, else 1."
    )]
    Call(CallArgs),
}

#[derive(Debug, Args)]
struct CallArgs {
    /// The tool
    name: String,
    /// Its parameters as JSON; without them, or with `-`, they are read from standard input
    #[arg(value_name = "JSON")]
    input: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
}

pub(super) fn run(args: &ToolArgs, output: Output) -> Result<Exit, Problem> {
    match &args.command {
        ToolCommand::List => Ok(list(output)),
        ToolCommand::Schema { name } => print_schemas(name, output),
        ToolCommand::Call(args) => call(args, output),
    }
}

pub(super) fn tools() -> impl Iterator<Item = (&'static str, Value)> {
    let called = schema::tool_names().filter(|name| Uses::parse(name).is_some_and(Uses::is_tool));
    called.filter_map(|name| Some((name, serde_json::from_str(schema::call_input(name)?).ok()?)))
}

fn list(output: Output) -> Exit {
    let about = |schema: &Value| schema["description"].as_str().unwrap_or_default().to_owned();
    output.either(
        || {
            tools()
                .fold(String::new(), |all, (name, schema)| all + &format!("{name:<16} {}\n", about(&schema)))
        },
        || {
            let rows: Vec<Value> = tools()
                .map(|(name, schema)| json!({ "name": name, "description": about(&schema) }))
                .collect();
            json!({ "schema": "lgflow.tools/v1", "tools": rows })
        },
    )
}

fn print_schemas(name: &str, output: Output) -> Result<Exit, Problem> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (Some(input), Some(result)) = (read(schema::call_input(name)), read(schema::tool_output(name)))
    else {
        return Err(unknown("tool", name, schema::tool_names()));
    };
    output.document(
        &json!({ "schema": "lgflow.tool_schema/v1", "tool": name, "input": input, "output": result }),
    );
    Ok(Exit::Done)
}

fn call(args: &CallArgs, output: Output) -> Result<Exit, Problem> {
    let input = match parameters(args.input.as_deref()) {
        Ok(input) => input,
        Err(error) => {
            return Ok(show(&failed(&args.name, ErrorKind::InvalidInput, error.to_string()), output));
        }
    };
    if !tools().any(|(name, _)| name == args.name) {
        let names: Vec<&str> = tools().map(|(name, _)| name).collect();
        let hint = suggestion(&args.name, names).map(|help| format!("; {help}")).unwrap_or_default();
        let message = format!("there is no tool `{}`{hint}", args.name);
        return Ok(show(&failed(&args.name, ErrorKind::NotFound, message), output));
    }
    let place = super::trust::here()?;
    let result = under_policy(args, &place, input)?;
    Ok(show(&result, output))
}

/// The parameters of a call: the text itself, or what standard input holds.
pub(super) fn parameters(input: Option<&str>) -> Result<Value, ParametersError> {
    let text = match input {
        Some(text) if text != "-" => text.to_owned(),
        _ => {
            let mut text = String::new();
            std::io::stdin().take(LIMIT).read_to_string(&mut text)?;
            text
        }
    };
    let text = if text.trim().is_empty() { "{}" } else { &text };
    Ok(serde_json::from_str(text)?)
}

/// Parameters that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParametersError {
    /// Standard input failed.
    #[error("cannot read the parameters: {0}")]
    Read(#[from] std::io::Error),
    /// They are something else.
    #[error("the parameters are no JSON: {0}; quote them for your shell, as in `'{{\"path\": \"a.txt\"}}'`")]
    NoJson(#[from] serde_json::Error),
}

/// A policy that is not valid refuses every call, with what is wrong with it.
fn under_policy(args: &CallArgs, place: &Place, input: Value) -> Result<ToolResult, Problem> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let layers = layers_here(&args.policy, place, &mut sources, &mut found);
    if found.has_errors() {
        let mut result =
            failed(&args.name, ErrorKind::Denied, "the policy is not valid, so nothing is allowed");
        if let Some(error) = &mut result.error {
            error.diagnostics = Some(diagnostics::json(&sources, &found)["diagnostics"].clone());
        }
        return Ok(result);
    }
    let Here { layers, settings } = layers?;
    if let Some(refusal) = layers.refusal() {
        return Ok(failed(&args.name, ErrorKind::Denied, refusal));
    }
    let call = typed(ToolCall::new(&args.name, input));
    call_tool(place, layers.layers, settings.declared().clone(), call, None, Path::new("/proc/self/exe"))
        .map_err(|error| Problem::failed("cannot begin", &error))
}

/// What binds a call here.
pub(super) struct Here {
    pub(super) layers: RunLayers,
    /// What the user and the machine say.
    pub(super) settings: Settings,
}

/// The layers of a call or a run here: those that are named, else those of the workspace's own graph, and what the
/// machine and the user always demand.
pub(super) fn layers_here(
    named: &PolicyArgs,
    place: &Place,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Here, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot begin", error);
    let flags = profile_flag(named.profile.as_deref());
    let settings = settings(place, flags, sources, found).map_err(|error| failed(&error))?;
    let trust = trust_now(named.trust, &settings)?;
    let chosen = if named.policies.is_empty() {
        choose(place, None, sources, found).map_err(|error| Problem::prepare("cannot begin", &error))?
    } else {
        None
    };
    let demanded = named.demanded(trust, &settings);
    let layers = layers(place, chosen.as_ref(), demanded, sources, found)
        .map_err(|error| Problem::prepare("cannot begin", &error))?;
    Ok(Here { layers, settings })
}

/// A call whose every parameter the user typed.
pub(super) fn typed(call: ToolCall) -> ToolCall {
    let user = std::collections::BTreeSet::from([Source::User]);
    ToolCall { provenance: Some(Box::new(Provenance::of_all(user))), ..call }
}

fn failed(tool: &str, kind: ErrorKind, message: impl Into<String>) -> ToolResult {
    ToolResult::failure(tool, ToolError::new(kind, message))
}

fn show(result: &ToolResult, output: Output) -> Exit {
    output.document(&serde_json::to_value(result).unwrap_or_default());
    if output.format == Format::Human
        && let Some(error) = &result.error
    {
        output.note(&format!("error: {}: {}\n", error.kind, crate::view::escaped(&error.message)));
    }
    match &result.error {
        None => Exit::Done,
        Some(error) if error.diagnostics.is_some() => Exit::Invalid,
        Some(error) => match error.kind {
            ErrorKind::Denied => Exit::Denied,
            ErrorKind::ApprovalRequired => Exit::Suspended,
            _ => Exit::Failed,
        },
    }
}
