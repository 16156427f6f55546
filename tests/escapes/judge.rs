//! Does one step of a case and holds what came of it against what the case wants.

use lgflow::policy::STRICT_WALLS;
use serde_json::{Value, json};

use super::case::{Action, Step};
use super::world::World;

/// Does `step`; the message says in what it failed.
pub(crate) fn step(world: &World, step: &Step, is_attack: bool) -> Result<(), String> {
    match &step.action {
        Action::Outside(script) => {
            let done = world.outside(script);
            let text = said(&done.stdout, &done.stderr);
            if !done.status.success() {
                return Err(text);
            }
            printed(world, step, &text)
        }
        Action::Run(arguments) => {
            let done = world.lgflow(arguments);
            let text = said(&done.stdout, &done.stderr);
            if step.exit.is_some_and(|wanted| done.status.code() != Some(wanted)) {
                return Err(format!(
                    "it ended with {:?} and not {:?}:\n{text}",
                    done.status.code(),
                    step.exit
                ));
            }
            printed(world, step, &text)
        }
        Action::Tool { tool, input } => call(world, step, tool, input).map(drop),
        Action::Probe { script, program } => probe(world, step, script, program, is_attack),
    }
}

fn said(stdout: &[u8], stderr: &[u8]) -> String {
    format!("{}\n{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr))
}

fn printed(world: &World, step: &Step, text: &str) -> Result<(), String> {
    world.holds_no_secret("what was printed", text.as_bytes())?;
    if let Some(missing) = step.says.iter().find(|wanted| !text.contains(&world.filled(wanted))) {
        return Err(format!("`{missing}` was not said:\n{text}"));
    }
    if let Some(found) = step.never.iter().find(|unwanted| text.contains(&world.filled(unwanted))) {
        return Err(format!("`{found}` was said:\n{text}"));
    }
    Ok(())
}

/// One call under the policy of the world; gives its result.
fn call(world: &World, step: &Step, tool: &str, input: &Value) -> Result<Value, String> {
    let input = world.filled(&input.to_string());
    let policy = world.base().join("policy.yaml").display().to_string();
    let arguments = ["tool", "call", tool, &input, "--policy", &policy, "--format", "json"];
    let done = world.lgflow(&arguments.map(str::to_owned));
    let text = said(&done.stdout, &done.stderr);
    let result: Value = serde_json::from_slice(&done.stdout).map_err(|error| format!("{error}:\n{text}"))?;
    if !result["error"]["diagnostics"].is_null() {
        return Err(format!("the policy of the case is not valid:\n{text}"));
    }
    let kind = result["error"]["kind"].as_str();
    let wanted = step.error.as_deref();
    let as_wanted = match (kind, wanted) {
        (None, None) => result["ok"] == true,
        (Some(kind), Some(wanted)) => wanted.iter().any(|wanted| wanted == kind),
        _ => false,
    };
    if !as_wanted {
        return Err(format!("{wanted:?} was wanted:\n{text}"));
    }
    if step.limit.is_some() && result["error"]["limit"].as_str() != step.limit.as_deref() {
        return Err(format!("the limit {:?} was wanted:\n{text}", step.limit));
    }
    printed(world, step, &text)?;
    Ok(result)
}

/// A script inside of the sandbox: it says itself whether it was held, and every layer must have been there.
fn probe(
    world: &World,
    step: &Step,
    script: &str,
    program: &[String],
    is_attack: bool,
) -> Result<(), String> {
    let script = format!("{}\n{}", world.filled(include_str!("prelude.py")), world.filled(script));
    let argv: Vec<String> = program.iter().cloned().chain([world.mark.clone()]).collect();
    world.put_probe(&script);
    let result = call(world, step, "exec", &json!({ "argv": argv }));
    world.take_probe();
    let result = result?;
    if step.error.is_none() {
        let wanted = if is_attack { "held\n" } else { "works\n" };
        if result["stdout"] != wanted {
            return Err(format!("the probe did not say `{}`: {result:#}", wanted.trim_end()));
        }
    }
    let layers = result["sandbox"].as_array().cloned().unwrap_or_default();
    let in_force =
        |name: &&str| layers.iter().any(|layer| layer["name"] == **name && layer["in_force"] == true);
    // what strict promises must have been in force when a probe ran
    match STRICT_WALLS.iter().find(|name| !in_force(name)) {
        Some(missing) => Err(format!("`{missing}` was not in force: {result:#}")),
        None => Ok(()),
    }
}
