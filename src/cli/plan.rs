//! `lgflow plan`: what a run would do. Starts no process and changes nothing.

use std::path::PathBuf;

use clap::Args;

use crate::diag::Diagnostics;
use crate::effect::SecretDeclaration;
use crate::front::{Chosen, Place, choose, layers, settings};
use crate::policy::{Gate, Machine, PolicySet};
use crate::runner::machine;
use crate::source::Sources;
use crate::trust::{RunLayers, standing, what_decides};
use crate::view::{PlanFacts, plan_document, plan_text};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::run::{PolicyArgs, limits, revision, trust_now};
use super::trust::here;
use super::validate::print;

/// Arguments of `lgflow plan`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow plan                       the graph that `lgflow run` would run here\n  lgflow plan -g flows/fix.yaml     a graph of your own\n  lgflow plan --format json | jq .verdicts\n\nExit code 4 where the run would be refused. A call whose parameters are known only in the run is shown with what it depends on."
)]
pub struct PlanArgs {
    /// The graph file; without one `.lg/graph.yaml` (or `.toml`), else the shipped `coding` graph
    #[arg(short, long, value_name = "GRAPH")]
    graph: Option<PathBuf>,
    /// Take everything of `.lg/` that decides from a git revision, not from the work tree
    #[arg(long, value_name = "REV", conflicts_with_all = ["graph", "policies"])]
    policy_from: Option<String>,
    /// A profile of the user's configuration
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// The graph under the user's limits, and the layers that would bind it.
struct Meant {
    chosen: Chosen,
    layers: RunLayers,
    secrets: Vec<SecretDeclaration>,
    trusted: bool,
}

pub(super) fn run(args: &PlanArgs, output: Output) -> Result<Exit, Problem> {
    let here = here()?;
    let held = revision(args.policy_from.as_deref(), &here)?;
    let place = here.decided_by(held.as_ref());
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let meant = meant(args, &place, &mut sources, &mut found);
    if found.has_errors() {
        print(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    let Some(Meant { chosen, layers, secrets, trusted }) = meant? else { return Ok(Exit::Invalid) };
    let set = match PolicySet::compile(&layers.layers, &mut sources) {
        Ok(set) => set,
        Err(findings) => {
            print(&sources, &findings, output);
            return Ok(Exit::Invalid);
        }
    };
    let gate = Gate::new(set, Machine { secrets, ..machine(place.protected()) });
    super::pack::warn_of_old(&place, output)?;
    let facts = PlanFacts {
        source: &chosen.name,
        plan: &chosen.plan,
        layers: &layers.layers,
        policy_digest: gate.policy().digest(),
        trusted,
        refusal: layers.refusal(),
        calls: &gate.foresee(&chosen.plan),
        sandbox: &gate.machine().walls,
    };
    let exit = output.either(|| plan_text(&facts), || plan_document(&facts));
    let Some(refusal) = facts.refusal else { return Ok(exit) };
    output.note(&format!("error: {refusal}\n"));
    Ok(Exit::Denied)
}

fn meant(
    args: &PlanArgs,
    place: &Place,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Meant>, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot plan", error);
    let flags = args.profile.iter().map(|name| ("profile", "--profile".to_owned(), name.clone())).collect();
    let settings = settings(place, flags, sources, found).map_err(|error| failed(&error))?;
    let configured = settings.graph().map(|graph| place.configured(graph));
    let graph = args.graph.clone().or(configured);
    let chosen = choose(place, graph.as_deref(), sources, found)
        .map_err(|error| Problem::prepare("cannot plan", &error))?;
    let Some(chosen) = chosen else { return Ok(None) };
    let trust = trust_now(args.policy.trust, &settings)?;
    let layers = layers(place, Some(&chosen), &args.policy.policies, trust, sources, found)
        .map_err(|error| Problem::prepare("cannot plan", &error))?;
    let deciding = what_decides(place.own()).map_err(|error| failed(&error))?;
    let standing = standing(&place.state, &place.root, &deciding, &chosen.layers, trust);
    let trusted = standing.map_err(|error| failed(&error))?.is_trusted();
    let chosen = Chosen { plan: chosen.plan.bounded(&limits(&settings)), ..chosen };
    Ok(Some(Meant { chosen, layers, secrets: settings.secrets().to_vec(), trusted }))
}
