//! `lgflow policy check`: policies checked as `validate` checks them, and the layers that they make.

use std::path::PathBuf;

use clap::Args;

use crate::diag::Diagnostics;
use crate::policy::{Gate, Packs, PolicySet};
use crate::runner::machine;
use crate::session::check_paths;
use crate::source::Sources;
use crate::view::{LayersFacts, layers_document, layers_text};

use super::output::Output;
use super::problem::Problem;
use super::run::PolicyArgs;
use super::tool::{layers_here, tools};
use super::trust::here;
use super::validate::{packs_here, print, unreadable};
use super::{Exit, Format};

/// Arguments of `lgflow policy check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow policy check                               the layers that bind a run here\n  lgflow policy check .lg/policy.yaml               this file as the grant\n  lgflow policy check grant.yaml ceiling.yaml       the first is the grant, the rest are ceilings\n\nThe policies of the machine and of the user are ceilings of every run, and are shown as such. Exit code 3 if there is an error in a file, 4 if a run under these layers would be refused before it starts."
)]
pub(super) struct CheckArgs {
    /// Policies: the first is the grant, the rest are ceilings; without one, those of this workspace's graph
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Count each warning as an error
    #[arg(long)]
    deny_warnings: bool,
    /// Trust what this workspace holds, for this once
    #[arg(long)]
    trust: bool,
    /// A profile: `dev`, `stage`, `prod`, or one of the user's configuration
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

pub(super) fn run(args: &CheckArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let is_file = |name: &str| !name.starts_with("builtin:") && !Packs::is_named(name);
    let named: Vec<PathBuf> =
        args.files.iter().filter(|file| is_file(&file.to_string_lossy())).cloned().collect();
    check_paths(&named, &packs_here()?, &mut sources, &mut found).map_err(|error| unreadable(&error))?;
    let policy =
        PolicyArgs { policies: args.files.clone(), trust: args.trust, profile: args.profile.clone() };
    if found.is_empty() {
        // its findings are those of the check, or of what the check cannot see: the machine's and the user's files
        let layers = layers_here(&policy, &place, &mut sources, &mut found);
        if found.is_empty() {
            let layers = layers?.layers;
            let refusal = layers.refusal();
            return match PolicySet::compile(&layers.layers, &mut sources) {
                Ok(set) => {
                    let gate = Gate::new(set, machine(place.protected()));
                    let tools: Vec<&str> = tools().map(|(name, _)| name).collect();
                    let facts = LayersFacts {
                        frozen: &layers.layers,
                        gate: &gate,
                        tools: &tools,
                        refusal: refusal.as_deref(),
                    };
                    Ok(show(&facts, output))
                }
                Err(findings) => Ok(report(&sources, findings, args.deny_warnings, output)),
            };
        }
    }
    Ok(report(&sources, found, args.deny_warnings, output))
}

fn show(facts: &LayersFacts<'_>, output: Output) -> Exit {
    match output.format {
        Format::Sarif | Format::Github => print(&Sources::default(), &Diagnostics::default(), output),
        Format::Human => output.data(&layers_text(facts)),
        Format::Json => output.document(&layers_document(facts)),
    }
    let Some(refusal) = facts.refusal else { return Exit::Done };
    output.note(&format!("error: {refusal}\n"));
    Exit::Denied
}

fn report(sources: &Sources, mut found: Diagnostics, deny_warnings: bool, output: Output) -> Exit {
    if deny_warnings {
        found.deny_warnings();
    }
    found.sort();
    print(sources, &found, output);
    if found.has_errors() { Exit::Invalid } else { Exit::Done }
}
