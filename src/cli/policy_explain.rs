//! `lgflow policy explain`: every layer's word on one call, and what would alter the verdict. Makes no call.

use clap::Args;
use serde_json::Value;

use crate::diag::{Diagnostics, suggestion};
use crate::effect::ToolCall;
use crate::patch::paths_of_patch;
use crate::policy::{Decision, Machine, explain};
use crate::runner::machine;
use crate::source::Sources;
use crate::view::{escaped, explanation_document, explanation_text};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::run::PolicyArgs;
use super::tool::{Here, layers_here, parameters, tools, typed};
use super::trust::here;
use super::validate::print_instead;

/// Arguments of `lgflow policy explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow policy explain read_file '{\"path\": \".env\"}'\n  lgflow policy explain exec '{\"argv\": [\"cargo\", \"test\"]}' --policy .lg/policy.yaml\n  lgflow policy explain apply_patch - < call.json\n\nExit code 0 if the call is allowed, 5 if it wants an approval, 4 if it is denied, 3 if the policy is not valid. A change that is advised was tried on what the layers say: the verdict that it gives is shown with it."
)]
pub(super) struct ExplainCallArgs {
    /// The tool
    name: String,
    /// Its parameters as JSON; without them, or with `-`, they are read from standard input
    #[arg(value_name = "JSON")]
    input: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
}

pub(super) fn run(args: &ExplainCallArgs, output: Output) -> Result<Exit, Problem> {
    if !tools().any(|(name, _)| name == args.name) {
        let names: Vec<&str> = tools().map(|(name, _)| name).collect();
        let hint = suggestion(&args.name, names).map(|help| format!("; {help}")).unwrap_or_default();
        return Err(Problem::usage(format!("there is no tool `{}`{hint}", args.name)));
    }
    let input = parameters(args.input.as_deref()).map_err(|error| Problem::usage(error.to_string()))?;
    fits(&args.name, &input)?;
    let place = here()?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let layers = layers_here(&args.policy, &place, &mut sources, &mut found);
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    let Here { layers, settings } = layers?;
    let call = typed(ToolCall::new(args.name.as_str(), input));
    readable(&call)?;
    let machine = Machine { declared: settings.declared().clone(), ..machine(place.protected()) };
    let explained = match explain(&layers.layers, &machine, &call, &mut sources) {
        Ok(explained) => explained,
        Err(findings) => {
            print_instead(&sources, &findings, output);
            return Ok(Exit::Invalid);
        }
    };
    output.either(
        || explanation_text(&call, &explained),
        || {
            let mut document = explanation_document(&call, &explained);
            document["refusal"] = layers.refusal().map_or(Value::Null, Value::from);
            document
        },
    );
    if let Some(refusal) = layers.refusal() {
        output.note(&format!("error: {refusal}\n"));
        return Ok(Exit::Denied);
    }
    Ok(match explained.verdict.decision {
        Decision::Allow => Exit::Done,
        Decision::Ask => Exit::Suspended,
        Decision::Deny => Exit::Denied,
    })
}

/// A call that its tool would not take is none, whatever a policy says of it.
fn fits(tool: &str, input: &Value) -> Result<(), Problem> {
    let schema = crate::schema::tool_input(tool).unwrap_or("{}");
    let schema = serde_json::from_str::<Value>(schema).map_err(|error| Problem::bug(error.to_string()))?;
    let wrong: Vec<String> = crate::schema::validate_value(&schema, input)
        .iter()
        .map(|fault| escaped(&fault.to_string()))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Problem::usage(format!(
        "these are no parameters of `{tool}`, so it makes no such call whatever a policy says: {}; `lgflow tool schema \
         {tool}` shows them",
        wrong.join("; ")
    )))
}

/// A patch that is none has no verdict: the tool refuses it.
fn readable(call: &ToolCall) -> Result<(), Problem> {
    let patch = call.input.get("patch").and_then(Value::as_str).filter(|_| call.tool == "apply_patch");
    let Some(patch) = patch else { return Ok(()) };
    paths_of_patch(patch).map(drop).map_err(|why| Problem::usage(format!("the patch cannot be read: {why}")))
}
