//! `lgflow plan`: what a run would do. Starts no process and changes nothing.
#![expect(clippy::disallowed_methods, reason = "the plan is written where the user says")]

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::diag::Diagnostics;
use crate::effect::Declared;
use crate::front::{Beginning, Chosen, Foresight, Place, bound_document, choose, layers, settings};
use crate::policy::PolicySet;
use crate::session::refused_of;
use crate::source::Sources;
use crate::trust::{RunLayers, standing, what_decides};
use crate::view::diagnostics::human;
use crate::view::{PlanFacts, escaped, json_text, plan_document, plan_text};

use super::held::unbound;
use super::inputs::InputArgs;
use super::output::Output;
use super::plan_against::compared;
use super::problem::Problem;
use super::run::{PolicyArgs, limits, profile_flag, revision, trust_now};
use super::terminal::{stdout_file, style_of_stderr};
use super::trust::here;
use super::validate::print_instead;
use super::{Exit, Format};

/// Arguments of `lgflow plan`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow plan                       the graph that `lgflow run` would run here\n  lgflow plan -g flows/fix.yaml     a graph of your own\n  lgflow plan --format json | jq .verdicts\n  lgflow plan --against main        what may happen now that might not before\n  lgflow plan -o plan.json          and then `lgflow run --plan plan.json`: that, and nothing else\n\nExit code 4 where the run would be refused. A call whose parameters are known only in the run is shown with what it depends on. Inputs that are given are bound to the plan; without any it leaves them open.\n\n`--against` takes a file where there is one of that name, else a revision, and judges both plans as if they were trusted. Exit code 0, also where they differ; with `--deny-widening` 4 if a call is newly allowed, newly asked about, or really writes a further folder, or if it depends on values and its policy, its parameters or what its values are made from is another; 3 if either is not valid."
)]
pub struct PlanArgs {
    /// The graph file; without one `.lg/graph.yaml` (or `.toml`), else the shipped `coding` graph
    #[arg(short, long, value_name = "GRAPH")]
    pub(super) graph: Option<PathBuf>,
    /// Take everything of `.lg/` that decides from a git revision, not from the work tree
    #[arg(long, value_name = "REV", conflicts_with_all = ["graph", "policies"])]
    policy_from: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    pub(super) given: InputArgs,
    /// Compare with another plan: of a graph file, of a file that `-o` has written, or of the `.lg/` of a git revision
    #[arg(long, value_name = "FILE|REV", conflicts_with_all = ["file", "policy_from"])]
    pub(super) against: Option<PathBuf>,
    /// With `--against`: exit with 4 where a call may do what it might not in the other plan
    #[arg(long, requires = "against")]
    pub(super) deny_widening: bool,
    /// Write the plan to this file as well, for `lgflow run --plan`
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Count each warning as an error: then there is no plan
    #[arg(long)]
    deny_warnings: bool,
}

/// The graph under the user's limits, and the layers that would bind it.
struct Meant {
    chosen: Chosen,
    layers: RunLayers,
    declared: Declared,
    inputs: Option<Value>,
    trusted: bool,
}

pub(super) fn run(args: &PlanArgs, output: Output) -> Result<Exit, Problem> {
    args.given.is_meant("plan", output)?;
    if let Some(against) = &args.against {
        return compared(args, against, output);
    }
    let here = here()?;
    let held = revision(args.policy_from.as_deref(), &here)?;
    let place = here.decided_by(held.as_ref());
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let meant = meant(args, &place, args.graph.as_deref(), args.policy.trust, &mut sources, &mut found);
    if args.deny_warnings {
        found.deny_warnings();
    }
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    if !found.is_empty() {
        output.drawn(&human(&sources, &found, style_of_stderr()));
    }
    let Some(Meant { chosen, layers, declared, inputs, trusted }) = meant? else { return Ok(Exit::Invalid) };
    let set = match PolicySet::compile(&layers.layers, &mut sources) {
        Ok(set) => set,
        Err(findings) => {
            print_instead(&sources, &findings, output);
            return Ok(Exit::Invalid);
        }
    };
    let beginning = Beginning {
        place: &place,
        plan: &chosen.plan,
        layers: &layers.layers,
        declared: &declared,
        inputs: inputs.as_ref(),
    };
    let foresight = Foresight::of(&beginning, set);
    if !refused_told(args, &chosen, &foresight, &sources, output) {
        return Ok(Exit::Invalid);
    }
    let gate = &foresight.gate;
    super::pack::warn_of_old(&place, output)?;
    let facts = PlanFacts {
        source: &chosen.name,
        plan: &chosen.plan,
        layers: &layers.layers,
        policy_digest: gate.policy().digest(),
        trusted,
        refusal: layers.refusal(),
        calls: &foresight.calls,
        sandbox: &gate.machine().walls,
    };
    let wanted = output.format == Format::Json || args.file.is_some();
    let document = if wanted { Some(bound(args, &foresight, &beginning, &facts)?) } else { None };
    let exit = output.either(|| plan_text(&facts), || document.clone().unwrap_or_default());
    if let (Some(file), Some(document)) = (&args.file, &document) {
        write(file, document, output)?;
    }
    let Some(refusal) = facts.refusal else { return Ok(exit) };
    output.note(&format!("error: {refusal}\n"));
    Ok(Exit::Denied)
}

/// Tells which calls are refused whatever the run brings; and is there a plan all the same?
fn refused_told(
    args: &PlanArgs,
    chosen: &Chosen,
    foresight: &Foresight,
    sources: &Sources,
    output: Output,
) -> bool {
    let mut refused = Diagnostics::default();
    refused.extend(refused_of(Path::new(&chosen.name), &chosen.plan, &foresight.calls, sources));
    if args.deny_warnings {
        refused.deny_warnings();
    }
    if refused.has_errors() {
        print_instead(sources, &refused, output);
        return false;
    }
    if !refused.is_empty() {
        output.drawn(&human(sources, &refused, style_of_stderr()));
    }
    true
}

/// The document, bound to how things stand. The file that it goes to is no change of the workspace.
fn bound(
    args: &PlanArgs,
    foresight: &Foresight,
    beginning: &Beginning<'_>,
    facts: &PlanFacts<'_>,
) -> Result<Value, Problem> {
    let own = args.file.clone().or_else(stdout_file);
    let bindings = foresight.bindings(beginning, own.as_deref()).map_err(|error| unbound(&error))?;
    Ok(bound_document(plan_document(facts), &bindings))
}

fn write(file: &Path, document: &Value, output: Output) -> Result<(), Problem> {
    let shown = escaped(&file.display().to_string());
    std::fs::write(file, json_text(document))
        .map_err(|error| Problem::failed(format!("cannot write `{shown}`"), &error))?;
    output
        .note(&format!("the plan is in `{shown}`; `lgflow run --plan {shown}` runs it, and nothing else\n"));
    Ok(())
}

/// Which of two plans it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The one that the command is about: its warnings are told.
    Own,
    /// The one that it is compared with.
    Other,
}

/// The document of the plan of a graph, the workspace's own where none is named, judged as if it were trusted; and its
/// name. Findings are printed; with errors there is none.
pub(super) fn as_trusted(
    args: &PlanArgs,
    place: &Place,
    graph: Option<&Path>,
    side: Side,
    output: Output,
) -> Result<Option<(String, Value)>, Problem> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let meant = meant(args, place, graph, true, &mut sources, &mut found);
    if args.deny_warnings && side == Side::Own {
        found.deny_warnings();
    }
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(None);
    }
    if !found.is_empty() && side == Side::Own {
        output.drawn(&human(&sources, &found, style_of_stderr()));
    }
    let Some(Meant { chosen, layers, declared, inputs, trusted }) = meant? else { return Ok(None) };
    let set = match PolicySet::compile(&layers.layers, &mut sources) {
        Ok(set) => set,
        Err(findings) => {
            print_instead(&sources, &findings, output);
            return Ok(None);
        }
    };
    let (plan, inputs) = (&chosen.plan, inputs.as_ref());
    let beginning = Beginning { place, plan, layers: &layers.layers, declared: &declared, inputs };
    let Foresight { gate, calls } = Foresight::of(&beginning, set);
    let document = plan_document(&PlanFacts {
        source: &chosen.name,
        plan,
        layers: &layers.layers,
        policy_digest: gate.policy().digest(),
        trusted,
        refusal: None,
        calls: &calls,
        sandbox: &gate.machine().walls,
    });
    Ok(Some((chosen.name, document)))
}

fn meant(
    args: &PlanArgs,
    place: &Place,
    graph: Option<&Path>,
    trust: bool,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Meant>, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot plan", error);
    let flags = profile_flag(args.policy.profile.as_deref());
    let settings = settings(place, flags, sources, found).map_err(|error| failed(&error))?;
    let configured = settings.graph().map(|graph| place.configured(graph));
    let graph = graph.map(Path::to_path_buf).or(configured);
    let chosen = choose(place, graph.as_deref(), sources, found)
        .map_err(|error| Problem::prepare("cannot plan", &error))?;
    let Some(chosen) = chosen else { return Ok(None) };
    let trust = trust_now(trust, &settings)?;
    let demanded = args.policy.demanded(trust, &settings);
    let layers = layers(place, Some(&chosen), demanded, sources, found)
        .map_err(|error| Problem::prepare("cannot plan", &error))?;
    let deciding = what_decides(place.own()).map_err(|error| failed(&error))?;
    let standing = standing(&place.state, &place.root, &deciding, &chosen.layers, trust);
    let trusted = standing.map_err(|error| failed(&error))?.is_trusted();
    let chosen = Chosen { plan: chosen.plan.bounded(&limits(&settings)), ..chosen };
    let inputs = match &args.given {
        given if given.is_empty() => None,
        given => Some(given.bind(&chosen.plan, &chosen.name)?),
    };
    Ok(Some(Meant { chosen, layers, declared: settings.declared().clone(), inputs, trusted }))
}
