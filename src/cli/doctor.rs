//! `lgflow doctor`: each layer of the sandbox, in force or not, with how that was found; and the models that are declared.

use std::fmt::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::diag::Diagnostics;
use crate::effect::Confinement;
use crate::files::Root;
use crate::front::{InterpreterProcess, Place, settings};
use crate::sandbox::{Helper, Probed, foreign_owners, probe};
use crate::source::Sources;
use crate::view::escaped;

use super::Exit;
use super::doctor_models::{self, Found, found};
use super::output::Output;
use super::problem::Problem;
use super::trust::here;
use super::validate::unreadable;

/// What is said where settings cannot be taken as they stand.
const BROKEN: &str =
    "\nThe settings have errors, and what is wrong with them counts as not said: `lgflow config` names it.\n";

/// Arguments of `lgflow doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow doctor                 the folders in use, every layer of the sandbox, the declared models\n  lgflow doctor --online        and whether their providers answer and take the keys\n  lgflow doctor --format json   the same for a program\n\nA layer that is not in force protects nothing: policies with `sandbox: {mode: strict}` then run no command."
)]
pub struct DoctorArgs {
    /// Ask the provider of each declared model whether it answers and takes the key; without this, nothing leaves the machine
    #[arg(long)]
    online: bool,
}

pub(super) fn run(args: &DoctorArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    let (mut sources, mut findings) = (Sources::default(), Diagnostics::default());
    let settings =
        settings(&place, Vec::new(), &mut sources, &mut findings).map_err(|error| unreadable(&error))?;
    let models = found(settings.declared(), args.online);
    let layers = probe(&Helper::this_program(), Some(&place.root));
    let system = rustix::system::uname();
    let kernel = format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy());
    let interpreter = interpreter();
    Ok(output.either(
        || {
            let broken = if findings.has_errors() { BROKEN } else { "" };
            human(&place, &kernel, &layers, &interpreter) + &doctor_models::human(&models) + broken
        },
        || document(&place, &kernel, &layers, &interpreter, &models),
    ))
}

/// What an interpreter says that was started to try its walls.
fn interpreter() -> Confinement {
    InterpreterProcess::probe(Path::new("/proc/self/exe"))
        .unwrap_or_else(|error| Confinement { layers: Vec::new(), missing: vec![error.to_string()] })
}

fn human(place: &Place, kernel: &str, layers: &[Probed], interpreter: &Confinement) -> String {
    let mut text = format!("lgflow {}, {}\n", env!("CARGO_PKG_VERSION"), escaped(kernel));
    for (name, path) in [("workspace", &place.root), ("state", &place.state), ("settings", &place.config)] {
        // writing to a string can't fail
        let _ = writeln!(text, "{name:12} {}", escaped(&path.display().to_string()));
    }
    let _ = writeln!(text, "{:12} {}", "interpreter", escaped(&interpreter.sentence()));
    let _ = writeln!(text, "\n{:24}{:10}how it was found", "layer", "in force");
    for layer in layers {
        let force = if layer.in_force { "yes" } else { "NO" };
        let _ = writeln!(text, "{:24}{force:10}{}", layer.layer.name(), escaped(&layer.how));
        if let Some(help) = &layer.help {
            let _ = writeln!(text, "{:34}help: {}", "", escaped(help));
        }
    }
    if let Ok(workspace) = Root::open(&place.root)
        && let Some(sentence) = foreign_owners(workspace.as_fd()).sentence()
    {
        let _ = writeln!(text, "\n{}", escaped(&sentence));
    }
    let missing: Vec<&Probed> = layers.iter().filter(|layer| !layer.in_force).collect();
    if missing.iter().any(|layer| layer.layer.is_strict()) {
        text.push_str(
            "\nPolicies with `sandbox: { mode: strict }`, the default, run no command here: layers that they demand are not\nin force. A policy that says `mode: best_effort` runs it, and these layers do not protect against it.\n",
        );
    } else if !missing.is_empty() {
        text.push_str(
            "\nEverything that `sandbox: { mode: strict }` demands is in force; the others only where a policy requires them.\n",
        );
    }
    text
}

fn document(
    place: &Place,
    kernel: &str,
    layers: &[Probed],
    interpreter: &Confinement,
    models: &[Found<'_>],
) -> Value {
    let rows: Vec<Value> = layers
        .iter()
        .map(|layer| {
            json!({
                "name": layer.layer.name(),
                "in_force": layer.in_force,
                "how": layer.how,
                "help": layer.help,
            })
        })
        .collect();
    json!({
        "schema": "lgflow.doctor/v1",
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": kernel,
        "workspace": place.root.display().to_string(),
        "state": place.state.display().to_string(),
        "layers": rows,
        "interpreter": {
            "confined": interpreter.is_whole(),
            "layers": interpreter.layers,
            "missing": interpreter.missing,
        },
        "models": doctor_models::document(models),
    })
}
