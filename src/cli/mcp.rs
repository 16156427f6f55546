//! `lgflow mcp`: the tools of this workspace, under its policy, for a client that speaks the Model Context Protocol.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use clap::Args;

use crate::diag::Diagnostics;
use crate::effect::{ApprovalRequest, Declared, FrozenLayer, RunLimits};
use crate::front::{BeginError, CallSession, Calling, Place, Questions};
use crate::mcp_server::{Ended, Hosted, Said, serve_stdio};
use crate::model::Uses;
use crate::policy::{Decision, Gate, Machine, PolicySet};
use crate::sandbox::{broken_promises, confine_server};
use crate::source::Sources;
use crate::view::diagnostics::human;

use super::output::Output;
use super::problem::Problem;
use super::run::{PolicyArgs, limits, revision};
use super::terminal::style_of_stderr;
use super::tool::{Here, layers_here};
use super::{Exit, Format};

/// Arguments of `lgflow mcp`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow mcp                                  as a client starts it: the protocol on standard input and output\n  lgflow mcp --policy policies/agent.yaml     under a policy of yours\n  claude mcp add lgflow -- lgflow mcp         tell a client of it\n\nThe root is the workspace of the current folder, and stays it. What the policy asks about is approved with `lgflow approve`, elsewhere; the client cannot. Words beside the protocol go to standard error. It ends, with everything that it started, when the client closes its end or at SIGTERM."
)]
pub struct McpArgs {
    #[command(flatten)]
    policy: PolicyArgs,
    /// Take policies, and all else that `.lg/` decides, from this git revision, as for a change under test
    #[arg(long, value_name = "REV")]
    policy_from: Option<String>,
}

/// Standard output is the protocol's, so whatever goes wrong is said beside it.
pub(super) fn run(args: &McpArgs) -> Exit {
    let output = Output { format: Format::Human };
    serve(args, output).unwrap_or_else(|problem| {
        output.note(&problem.human());
        problem.exit
    })
}

/// What a session is opened with: everything is frozen, and no file is looked at again.
struct Prepared {
    place: Place,
    layers: Vec<FrozenLayer>,
    declared: Declared,
    limits: RunLimits,
    signing_key: Option<PathBuf>,
    offered: Vec<Uses>,
}

fn serve(args: &McpArgs, output: Output) -> Result<Exit, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot serve", error);
    let Some(prepared) = prepare(args, output)? else { return Ok(Exit::Invalid) };
    let (root, offered) = (prepared.place.root.display().to_string(), prepared.offered.clone());
    let (session, calls) = open(prepared).map_err(|error| failed(&error))?;
    let questions = session.questions().map_err(|error| failed(&error))?;
    put_up_walls(calls.as_fd(), output)?;
    let id = session.id().to_string();
    output.note(&format!("session {id} in {root}, under the policy {}\n", session.started().policy_digest));
    let listening = thread::spawn({
        let (id, root) = (id.clone(), root.clone());
        move || tell_questions(questions, (&id, &root), output)
    });
    let said: Said = Arc::new(move |line: &str| output.note(&format!("{line}\n")));
    let ended = serve_stdio(Hosted { session: id, root, tools: offered, said }, calls);
    session.stop();
    // it ends when the runner is gone, with everything that was started
    let _ = listening.join();
    match ended.map_err(|error| failed(&error))? {
        Ended::Closed | Ended::Told => Ok(Exit::Done),
        Ended::Interrupted => Ok(Exit::Interrupted),
    }
}

/// Nothing, where there are findings: they are said.
fn prepare(args: &McpArgs, output: Output) -> Result<Option<Prepared>, Problem> {
    let here = super::trust::here()?;
    let held = revision(args.policy_from.as_deref(), &here)?;
    let place = here.decided_by(held.as_ref());
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let layers = layers_here(&args.policy, &place, &mut sources, &mut found);
    if !found.is_empty() {
        output.drawn(&human(&sources, &found, style_of_stderr()));
    }
    if found.has_errors() {
        return Ok(None);
    }
    let Here { layers, settings } = layers?;
    if let Some(refusal) = layers.refusal() {
        return Err(Problem::with(Exit::Denied, "denied by policy", refusal));
    }
    let offered = match PolicySet::compile(&layers.layers, &mut sources) {
        Ok(set) => offered(set, place.protected()),
        Err(findings) => {
            output.drawn(&human(&sources, &findings, style_of_stderr()));
            return Ok(None);
        }
    };
    Ok(Some(Prepared {
        place,
        layers: layers.layers,
        declared: settings.declared().clone(),
        limits: limits(&settings),
        signing_key: settings.signing_key().map(PathBuf::from),
        offered,
    }))
}

/// The tools that the policy does not deny whatever they are asked.
fn offered(set: PolicySet, protected: Vec<String>) -> Vec<Uses> {
    let gate = Gate::new(set, Machine { protected, ..Machine::default() });
    let may_come = |uses: &Uses| gate.explain_tool(uses.as_str()).decision != Decision::Deny;
    Uses::ALL.into_iter().filter(|uses| uses.is_tool()).filter(may_come).collect()
}

fn open(prepared: Prepared) -> Result<(CallSession, std::os::unix::net::UnixStream), BeginError> {
    let Prepared { place, layers, declared, limits, signing_key, .. } = prepared;
    CallSession::open(Calling {
        place: &place,
        protocol: "mcp",
        layers,
        declared,
        limits,
        signing_key: signing_key.as_deref(),
        program: Path::new("/proc/self/exe"),
    })
}

/// Gives up everything but what is open, before a byte of the client is read and before the first thread; and tries from
/// a thread whether that holds. `inherited` is any socket.
fn put_up_walls(inherited: BorrowedFd<'_>, output: Output) -> Result<(), Problem> {
    let confinement = confine_server(false).map_err(|error| Problem::failed("cannot serve", &error))?;
    let tried = thread::scope(|scope| scope.spawn(|| broken_promises(&confinement, inherited)).join());
    let broken = tried.unwrap_or_else(|_| vec!["they could not be tried".to_owned()]);
    if !broken.is_empty() {
        let broken = broken.join("; ");
        let detail = format!("the walls around the server do not hold, so nothing is served: {broken}");
        return Err(Problem::with(Exit::Failed, "failed", detail));
    }
    if !confinement.is_whole() {
        output.note(&format!("mcp: {}\n", confinement.sentence()));
    }
    Ok(())
}

/// Says what waits for a person, as the runner puts it, until the runner is gone.
fn tell_questions(questions: Questions, (session, root): (&str, &str), output: Output) {
    for question in questions {
        let ApprovalRequest { binding, shown, .. } = question;
        let tool = shown.first().map(|call| call.tool.as_str()).unwrap_or_default();
        output.note(&format!(
            "`{tool}` waits for an approval; in {root}: lgflow approve {session} {}\n",
            binding.nonce
        ));
    }
}
