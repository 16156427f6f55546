//! `lgflow run`: from the command line to a run, and from what it came to to the output and the exit code.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use crate::config::Settings;
use crate::diag::Diagnostics;
use crate::effect::{ErrorKind, FrozenLayer, GraphBundle, HeldPlan, RunLimits};
use crate::front::{
    Base, Beginning, Demanded, Display, Finished, Mark, Named, Narrator, Place, Stopped, Task, choose,
    enqueue, execute, layers, settings, standing_run, unanswerable, usual,
};
use crate::packs::RevisionFolder;
use crate::plan::Plan;
use crate::policy::widenings;
use crate::source::Sources;
use crate::store::{Durability, RunId};
use crate::trace::{RunStatus, Summary};
use crate::trust::TrustNow;
use crate::view::diagnostics::human;
use crate::view::{RunFacts, escaped, question_line, run_document};

use super::elsewhere::{ElsewhereArgs, elsewhere};
use super::held::held;
use super::inputs::InputArgs;
use super::output::Output;
use super::problem::Problem;
use super::runs::lost_text;
use super::runs_fork::{forked_document, forked_lines};
use super::runs_undo::undone_text;
use super::task::task;
use super::terminal::style_of_stderr;
use super::trust::here;
use super::validate::print_instead;
use super::watch_args::WatchArgs;
use super::watching::{Tests, again_and_again};
use super::{Exit, Format};

/// Arguments of `lgflow run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow run \"summarize repo\" --trace        the shipped graph, nothing configured\n  lgflow run -g flows/fix.yaml -i tries=3     a graph of your own\n  lgflow run --plan plan.json                 what `lgflow plan -o` has shown, and no more\n  lgflow run --format json | jq .outputs      for scripts"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    #[command(flatten)]
    given: InputArgs,
    /// The graph file; without one `.lg/graph.yaml` (or `.toml`), else the shipped `coding` graph
    #[arg(short, long, value_name = "GRAPH")]
    graph: Option<PathBuf>,
    /// Take everything of `.lg/` that decides from a git revision, not from the work tree: for a change under test
    #[arg(long, value_name = "REV", conflicts_with_all = ["graph", "policies"])]
    policy_from: Option<String>,
    /// Demand what the plan in this file was made for, and stop at the first call that it does not show
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Run again at each change of the graph's files; a run that goes on ends on the version that it began with
    #[arg(long, conflicts_with_all = ["plan", "policy_from"])]
    watch: bool,
    /// Put it into the queue and print its id; `lgflow worker` executes it
    #[arg(long, conflicts_with = "watch")]
    queue: bool,
    /// Write the trace to `artifacts/runs/` as well
    #[arg(long)]
    trace: bool,
    /// When a line of the trace is safe: `sync`, `batch` or `none`
    #[arg(long, value_name = "DURABILITY", value_parser = ["sync", "batch", "none"])]
    durability: Option<String>,
    /// Count each warning as an error: then nothing is run
    #[arg(long)]
    deny_warnings: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    elsewhere: ElsewhereArgs,
    #[command(flatten)]
    told: WatchArgs,
}

/// Policies for one command.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// A policy file: the first is the grant, the rest are ceilings. Naming it trusts it, for this run
    #[arg(long = "policy", value_name = "FILE")]
    pub(super) policies: Vec<PathBuf>,
    /// Trust what this workspace holds, for this run
    #[arg(long)]
    pub(super) trust: bool,
    /// A profile: `dev`, `stage`, `prod`, or one of the user's configuration
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
}

impl PolicyArgs {
    /// What they say of the layers, with what the settings say.
    pub(super) fn demanded(&self, trust: TrustNow, settings: &Settings) -> Demanded<'_> {
        Demanded { policies: &self.policies, trust, ask_about_mutations: settings.asks_about_mutations() }
    }
}

/// `--profile` as a flag that sets a key.
pub(super) fn profile_flag(profile: Option<&str>) -> Vec<crate::front::Flag> {
    profile.iter().map(|&name| ("profile", "--profile".to_owned(), name.to_owned())).collect()
}

pub(super) fn run(args: &RunArgs, output: Output) -> Result<Exit, Problem> {
    args.given.is_meant("run", output)?;
    if !args.watch {
        return once(args, output, &mut Kept::default());
    }
    let place = here()?;
    let files: Vec<PathBuf> = args.graph.iter().chain(&args.policy.policies).cloned().collect();
    let mut kept = Kept::default();
    again_and_again(&files, Tests::Aside, &place, output, |_| once(args, output, &mut kept))
}

/// What `--watch` stays with.
#[derive(Default)]
struct Kept {
    /// The layers of the first run: reading them again widens nothing.
    bound: Option<Vec<FrozenLayer>>,
    /// The graph file that was chosen first.
    graph: Option<PathBuf>,
}

impl Kept {
    /// A graph that was taken for want of the one that is watched is another one, and is not run.
    fn stays_at(&mut self, graph: Option<PathBuf>) -> Result<(), Problem> {
        let Some(first) = &self.graph else {
            self.graph = graph;
            return Ok(());
        };
        if graph.as_ref() == Some(first) {
            return Ok(());
        }
        let instead = graph.map_or_else(String::new, |graph| {
            format!(", or start the command again to run `{}`", escaped(&graph.display().to_string()))
        });
        let detail = format!(
            "`{}`, which this watches, is not the graph here any more; the last good one stays. Put it back{instead}",
            escaped(&first.display().to_string())
        );
        Err(Problem::with(Exit::Invalid, "not run again", detail))
    }
}

/// One run.
fn once(args: &RunArgs, output: Output, kept: &mut Kept) -> Result<Exit, Problem> {
    let here = here()?;
    let held = revision(args.policy_from.as_deref(), &here)?;
    let place = here.decided_by(held.as_ref());
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let prepared = prepare(args, &place, kept, &mut sources, &mut found);
    if args.deny_warnings {
        found.deny_warnings();
    }
    if found.has_errors() && output.format == Format::Json {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    if !found.is_empty() {
        output.drawn(&human(&sources, &found, style_of_stderr()));
    }
    if found.has_errors() {
        return Ok(Exit::Invalid);
    }
    let Some(ready) = prepared? else { return Ok(Exit::Invalid) };
    if let Some(refusal) = ready.refusal {
        return Err(Problem::with(Exit::Denied, "denied by policy", refusal));
    }
    if args.watch {
        stays_bound(&mut kept.bound, &ready.layers)?;
    }
    super::pack::warn_of_old(&place, output)?;
    if let Some(Base { revision: base, .. }) = &place.base {
        let (name, commit) = (escaped(&base.revision), &base.commit);
        output.note(&format!("graph and policy are those of `{name}` ({commit})\n"));
    }
    // the run has its texts and its layers
    drop(held);
    let task = Task {
        held: ready.held,
        inputs: ready.inputs,
        trace: args.trace,
        named: Named {
            graph: ready.graph,
            policies: absolute(&args.policy.policies)?,
            trusted: args.policy.trust,
            profile: ready.settings.profile().map(str::to_owned),
        },
        elsewhere: elsewhere(&ready.settings)?,
        ..task(&place, &ready.settings, (ready.plan, ready.bundle), ready.layers)
    };
    if args.queue { queue(&task, output) } else { carry_out(&task, output) }
}

/// Leaves it to a worker.
fn queue(task: &Task<'_>, output: Output) -> Result<Exit, Problem> {
    if task.durability == Durability::None {
        return Err(Problem::usage(
            "a run of the queue is taken up again when its worker dies, and one with durability `none` cannot be gone on with; \
             write `--durability batch` or `sync`",
        ));
    }
    let run = enqueue(task).map_err(|error| Problem::failed("the run was not queued", &error))?;
    let document =
        || serde_json::json!({ "schema": "lgflow.queued/v1", "run": run.as_str(), "queued": true });
    Ok(output.either(|| format!("{run}\n"), document))
}

/// What was trusted by being named stays what it was: a version of it that allows more binds no further run.
fn stays_bound(bound: &mut Option<Vec<FrozenLayer>>, layers: &[FrozenLayer]) -> Result<(), Problem> {
    let Some(first) = bound else {
        *bound = Some(layers.to_vec());
        return Ok(());
    };
    let wider = widenings(first, layers).unwrap_or_default();
    if wider.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "the policy allows more than when this command was started: {}; start it again to run under that",
        escaped(&wider.join("; "))
    );
    Err(Problem::with(Exit::Denied, "denied by policy", detail))
}

/// The revision that decides, where one was named.
pub(super) fn revision(named: Option<&str>, place: &Place) -> Result<Option<RevisionFolder>, Problem> {
    let Some(named) = named else { return Ok(None) };
    let held = RevisionFolder::read(&place.state, &place.root, named);
    held.map(Some).map_err(|error| Problem::revision(&error, "leave `--policy-from` out"))
}

/// Runs it, and says what it came to.
pub(super) fn carry_out(task: &Task<'_>, output: Output) -> Result<Exit, Problem> {
    let mut narrator = Narrator::new(Display::for_stderr(task.color));
    let title = if task.resume.is_some() { "the run did not go on" } else { "the run did not begin" };
    let finished = execute(task, &mut narrator).map_err(|error| Problem::failed(title, &error));
    narrator.close();
    Ok(report(&finished?, task, &mut narrator, output))
}

/// Paths that mean the same from everywhere.
fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    // a pack is no path
    let one = |path: &PathBuf| {
        if path.to_string_lossy().starts_with("pack:") { Ok(path.clone()) } else { std::path::absolute(path) }
    };
    let all = paths.iter().map(one).collect::<std::io::Result<Vec<PathBuf>>>();
    all.map_err(|error| Problem::failed("cannot begin", &error))
}

/// Everything that a run needs.
struct Ready {
    plan: Arc<Plan>,
    bundle: GraphBundle,
    layers: Vec<FrozenLayer>,
    settings: Settings,
    held: Option<HeldPlan>,
    inputs: Value,
    refusal: Option<String>,
    graph: Option<PathBuf>,
}

fn prepare(
    args: &RunArgs,
    place: &Place,
    kept: &mut Kept,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Ready>, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot begin", error);
    let settings = settings(place, flags(args), sources, found).map_err(|error| failed(&error))?;
    let configured = settings.graph().map(|graph| place.configured(graph));
    let graph = args.graph.clone().or(configured);
    if args.watch {
        kept.stays_at(graph.clone().or_else(|| usual(place)))?;
    }
    let Some(chosen) = choose(place, graph.as_deref(), sources, found)
        .map_err(|error| Problem::prepare("cannot begin", &error))?
    else {
        return Ok(None);
    };
    let trust = trust_now(args.policy.trust, &settings)?;
    let demanded = args.policy.demanded(trust, &settings);
    let layers = layers(place, Some(&chosen), demanded, sources, found)
        .map_err(|error| Problem::prepare("cannot begin", &error))?;
    let inputs = args.given.bind(&chosen.plan, &chosen.name)?;
    let plan = chosen.plan.bounded(&limits(&settings));
    let (refusal, layers) = (layers.refusal(), layers.layers);
    let declared = settings.declared();
    let beginning = Beginning { place, plan: &plan, layers: &layers, declared, inputs: Some(&inputs) };
    let held = match &args.plan {
        // what nobody has trusted is said first
        Some(file) if refusal.is_none() => Some(held(file, &beginning)?),
        _ => None,
    };
    Ok(Some(Ready {
        plan,
        bundle: chosen.bundle,
        layers,
        held,
        inputs,
        refusal,
        graph: match (&place.base, graph) {
            // a name beneath the revision's `.lg`, and no path of this machine
            (Some(_), graph) => graph,
            (None, graph) => {
                let paths = graph.as_ref().map(|path| absolute(std::slice::from_ref(path))).transpose()?;
                paths.and_then(|mut paths| paths.pop())
            }
        },
        settings,
    }))
}

fn flags(args: &RunArgs) -> Vec<crate::front::Flag> {
    let durability =
        args.durability.iter().map(|word| ("durability", "--durability".to_owned(), word.clone()));
    durability
        .chain(profile_flag(args.policy.profile.as_deref()))
        .chain(args.elsewhere.flags())
        .chain(args.told.flags())
        .collect()
}

/// `--trust`, else `LGFLOW_TRUST`, else the record.
pub(super) fn trust_now(flag: bool, settings: &Settings) -> Result<TrustNow, Problem> {
    match settings.trust() {
        _ if flag => Ok(TrustNow::Yes),
        None => Ok(TrustNow::AsRecorded),
        Some(digest) => digest
            .parse()
            .map(TrustNow::IfDigest)
            .map_err(|error| Problem::usage(format!("LGFLOW_TRUST is `{}`: {error}", escaped(digest)))),
    }
}

/// What the user's own configuration makes of a plan: limits, which can only lower it, and the model that is meant by `default`.
pub(super) fn limits(settings: &Settings) -> RunLimits {
    RunLimits {
        concurrency: settings.concurrency(),
        wall_ms: settings.wall().map(|wall| wall.as_millis() as u64),
        tool_calls: settings.tool_calls(),
        patch_bytes: settings.patch_bytes(),
        default_model: settings.declared().model("default").is_some(),
    }
}

/// Outputs on standard output, everything else beside them.
fn report(finished: &Finished, task: &Task<'_>, narrator: &mut Narrator, output: Output) -> Exit {
    let exit = exit_of(finished);
    let status = status_of(finished);
    let facts = RunFacts {
        run: finished.run.as_str(),
        status,
        exit_code: exit.code(),
        graph: &task.plan.name,
        graph_digest: task.plan.digest.to_string(),
        trace: Some(finished.trace.display().to_string()),
    };
    // a trace that cannot be read has been told of before
    let forked =
        task.fork.as_ref().map(|fork| (fork, fork.taken_over(task.place, &finished.run).unwrap_or_default()));
    if output.format == Format::Json {
        let mut document = run_document(&finished.summary, &facts);
        if let Some((fork, nodes)) = &forked {
            document["forked"] = forked_document(fork, nodes);
        }
        output.document(&document);
    } else if let Some(outputs) = &finished.summary.outputs {
        let text = if task.undoes.is_some() { undone_text(outputs) } else { outputs_text(outputs) };
        output.foreign(&text);
    }
    for line in forked.iter().flat_map(|(fork, nodes)| forked_lines(fork, nodes)) {
        narrator.line(Mark::Note, &line);
    }
    conclude(finished, task, status, narrator);
    exit
}

/// One text output verbatim, ended with a line break; several as a document.
fn outputs_text(outputs: &Value) -> String {
    let members = outputs.as_object().into_iter().flatten();
    match members.map(|(_, value)| value).collect::<Vec<_>>()[..] {
        [] => String::new(),
        [Value::String(text)] if text.ends_with('\n') => text.clone(),
        [Value::String(text)] => format!("{text}\n"),
        _ => crate::view::json_text(outputs),
    }
}

/// What can be done about a run that was interrupted.
fn next_step(place: &Place, run: &RunId) -> String {
    let seen = format!("`lgflow trace show {run}` lists what was done");
    let stands = standing_run(place, run).map_err(|error| error.to_string());
    match stands.and_then(|again| again.resumable().map_err(|error| error.to_string())) {
        Ok(()) => format!("{seen}; `lgflow runs resume {run}` goes on"),
        Err(why) => format!("{seen}; it cannot be gone on with: {}", escaped(&why)),
    }
}

fn conclude(finished: &Finished, task: &Task<'_>, status: &str, narrator: &mut Narrator) {
    let (place, durability) = (task.place, task.durability);
    let Summary { error, waiting, .. } = &finished.summary;
    if let Some(stopped) = &finished.interrupted {
        let why = escaped(&stopped.to_string());
        narrator.line(Mark::Failed, &format!("interrupted: {why}; nothing that was recorded is lost"));
        let next = if stopped.is_taken_over() {
            format!("`lgflow runs show {}` says how far the other one has come", finished.run)
        } else {
            next_step(place, &finished.run)
        };
        narrator.line(Mark::Note, &next);
    } else if let Some(error) = error {
        let rule = error.error.rule.as_ref().map(|rule| format!(" ({})", escaped(&rule.place())));
        let told = error.node.as_ref().is_some_and(|node| narrator.has_told(node, &error.error.message));
        // its node has said it; who refused it is more
        if !told || rule.is_some() {
            let node = error.node.as_ref().map(|node| format!("{}: ", escaped(node))).unwrap_or_default();
            let (kind, message) = (&error.error.kind, escaped(&error.error.message));
            narrator.line(Mark::Failed, &format!("{node}{kind}: {message}{}", rule.unwrap_or_default()));
        }
    }
    // a ledger that cannot be read has been told of before
    let lost = unanswerable(place, &finished.run, waiting).unwrap_or_default();
    for open in waiting {
        narrator.line(Mark::Note, &question_line(open));
    }
    for id in &lost {
        narrator.line(Mark::Note, &format!("question {}: {}", id.0, lost_text(finished.run.as_str(), *id)));
    }
    let run = &finished.run;
    if status == RunStatus::Suspended.as_str() && durability == Durability::None {
        let never = "it was run with durability `none`, so it cannot be answered or gone on with: start it again with \
                     `--durability batch`";
        narrator.line(Mark::Note, never);
    } else if status == RunStatus::Suspended.as_str() && waiting.len() > lost.len() {
        let next = format!(
            "answer with `lgflow approve {run}` or `lgflow reject {run}`, then `lgflow runs resume {run}`"
        );
        narrator.line(Mark::Note, &next);
    }
    let mark = match finished.summary.status {
        Some(RunStatus::Succeeded) if finished.interrupted.is_none() => Mark::Done,
        Some(RunStatus::Suspended) if finished.interrupted.is_none() => Mark::Note,
        _ => Mark::Failed,
    };
    narrator.line(
        mark,
        &format!("{status}: run {}, trace {}", finished.run, escaped(&finished.trace.display().to_string())),
    );
}

/// The word of the run document; `interrupted` where one of our processes died.
pub(super) fn status_of(finished: &Finished) -> &'static str {
    match finished.summary.status {
        Some(status) if finished.interrupted.is_none() => status.as_str(),
        _ => "interrupted",
    }
}

fn exit_of(finished: &Finished) -> Exit {
    match finished.interrupted {
        Some(Stopped::Discord(_)) => return Exit::Unverified,
        Some(_) => return Exit::Failed,
        None => {}
    }
    exit_of_status(finished.summary.status, &finished.summary)
}

/// The exit code of a run that stands like this.
pub(super) fn exit_of_status(status: Option<RunStatus>, summary: &Summary) -> Exit {
    match status {
        Some(RunStatus::Succeeded) => Exit::Done,
        Some(RunStatus::Denied) => Exit::Denied,
        Some(RunStatus::Suspended) => Exit::Suspended,
        Some(RunStatus::Cancelled) => Exit::Interrupted,
        Some(RunStatus::OutOfBudget) => Exit::Budget,
        Some(RunStatus::Failed) => {
            let kind = summary.error.as_ref().map(|failed| &failed.error.kind);
            if kind == Some(&ErrorKind::Internal) { Exit::Bug } else { Exit::Failed }
        }
        None => Exit::Failed,
    }
}
