//! `lgflow mcp`: the tools of this workspace, under its policy, for a client that speaks the Model Context Protocol.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use clap::Args;
use serde_json::json;

use crate::diag::Diagnostics;
use crate::effect::{Declared, FrozenLayer, RunLimits};
use crate::front::{CallSession, Calling, Place, Questions};
use crate::mcp_server::{Ended, Hosted, Own, PATH, Said, ServeError, serve_http, serve_stdio};
use crate::model::Uses;
use crate::policy::{Decision, Gate, Machine, PolicySet};
use crate::sandbox::{broken_promises, confine_server};
use crate::service::{Address, Binding, Bound, Role, Token, TokenBook, Tokens};
use crate::source::Sources;
use crate::view::diagnostics::human;
use crate::view::escaped;

use super::answer::waits;
use super::output::Output;
use super::problem::Problem;
use super::run::{PolicyArgs, limits, revision};
use super::runner::{bound, tell_strangers, tokens};
use super::terminal::style_of_stderr;
use super::tool::{Here, layers_here};
use super::{Exit, Format};

/// Tokens that may call, each with a process of its own.
const SESSIONS: usize = 16;

/// Arguments of `lgflow mcp`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow mcp                                  as a client starts it: the protocol on standard input and output\n  lgflow mcp --policy policies/agent.yaml     under a policy of yours\n  claude mcp add lgflow -- lgflow mcp         tell a client of it\n  lgflow mcp --listen 127.0.0.1:8812 --token-file ~/tokens.json\n\nThe root is the workspace of the current folder, and stays it. What the policy asks about is approved with `lgflow approve`, elsewhere; the client cannot. Words beside the protocol go to standard error. It ends, with everything that it started, when the client closes its end or at SIGTERM."
)]
pub struct McpArgs {
    #[command(flatten)]
    policy: PolicyArgs,
    /// Take policies, and all else that `.lg/` decides, from this git revision, as for a change under test
    #[arg(long, value_name = "REV")]
    policy_from: Option<String>,
    /// Serve over HTTP at `HOST:PORT` (port 0 is a free one), in place of standard input and output
    #[arg(long, value_name = "ADDRESS", requires = "token_file")]
    listen: Option<String>,
    /// The file of tokens that clients present, as `runner token new` writes it, or with a single token
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
    /// Listen where other machines reach it, because a proxy in front of it speaks TLS
    #[arg(long, requires = "listen")]
    insecure_behind_proxy: bool,
    /// A name that clients call it by, as behind a proxy; `localhost` and the address are known
    #[arg(long = "host", value_name = "NAME", requires = "listen")]
    hosts: Vec<String>,
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
    /// What a token has to be good for.
    binding: Binding,
}

/// An open session, of which nobody has heard yet.
struct Opened {
    session: CallSession,
    calls: UnixStream,
    questions: Questions,
    owner: Option<Arc<Token>>,
}

/// One that is served, and what tells its questions.
type Served = (CallSession, JoinHandle<()>);

fn serve(args: &McpArgs, output: Output) -> Result<Exit, Problem> {
    let listening_at = listening_at(args)?;
    let Some(prepared) = prepare(args, output)? else { return Ok(Exit::Invalid) };
    match listening_at {
        None => serve_one(&prepared, output),
        Some((bound, tokens)) => serve_many(&prepared, bound, tokens, output),
    }
}

fn serve_one(prepared: &Prepared, output: Output) -> Result<Exit, Problem> {
    let opened = open(prepared, None)?;
    put_up_walls(opened.calls.as_fd(), false, output)?;
    let (own, served) = begin(opened, prepared, output);
    finish(vec![served], serve_stdio(own.hosted, own.calls))
}

/// A session for each token: what one does, no other one sees, ends or answers for.
fn serve_many(prepared: &Prepared, bound: Bound, book: TokenBook, output: Output) -> Result<Exit, Problem> {
    let tokens = Tokens::new(book, prepared.binding.clone());
    tell_strangers(&tokens, output)?;
    let callers: Vec<&Arc<Token>> = tokens.good().filter(|token| token.role == Role::Call).collect();
    if callers.len() > SESSIONS {
        return Err(Problem::usage(format!(
            "--token-file: each token with the role `call` has a runner of its own; {} are too many, at most {SESSIONS} \
             can be served",
            callers.len()
        )));
    }
    let opened: Vec<Opened> =
        callers.into_iter().map(|token| open(prepared, Some(Arc::clone(token)))).collect::<Result<_, _>>()?;
    let Some(first) = opened.first() else {
        return Err(Problem::usage("--token-file: none of its tokens has the role `call`"));
    };
    put_up_walls(first.calls.as_fd(), true, output)?;
    let begun = opened.into_iter().map(|opened| begin(opened, prepared, output));
    let (own, served): (Vec<Own>, Vec<Served>) = begun.unzip();
    let url = format!("{}{PATH}", bound.url());
    output.line(&json!({ "schema": "lgflow.listening/v1", "url": url }));
    finish(served, serve_http(own, bound, tokens))
}

/// From here on somebody listens to its questions.
fn begin(opened: Opened, prepared: &Prepared, output: Output) -> (Own, Served) {
    let Opened { session, calls, questions, owner } = opened;
    let (id, root) = (session.id().to_string(), prepared.place.root.display().to_string());
    let whose = owner.as_ref().map(|token| format!(" of the token `{}`", token.name)).unwrap_or_default();
    let digest = &session.started().policy_digest;
    output.note(&format!("session {id}{whose} in {root}, under the policy {digest}\n"));
    let listening = thread::spawn({
        let root = root.clone();
        move || tell_questions(questions, &root, output)
    });
    let said: Said = Arc::new(move |line: &str| output.note(&format!("{line}\n")));
    let hosted = Hosted { session: id, root, tools: prepared.offered.clone(), said };
    let token = owner.map(|token| token.name.clone()).unwrap_or_default();
    (Own { token, hosted, calls }, (session, listening))
}

/// Ends every session, and waits until each runner is gone, with everything that was started.
fn finish(served: Vec<Served>, ended: Result<Ended, ServeError>) -> Result<Exit, Problem> {
    let stop = |(session, listening): Served| {
        session.stop();
        listening
    };
    for listening in served.into_iter().map(stop).collect::<Vec<_>>() {
        // it says what it hears, and nothing that could be told twice
        let _ = listening.join();
    }
    match ended.map_err(|error| Problem::failed("cannot serve", &error))? {
        Ended::Closed | Ended::Told => Ok(Exit::Done),
        Ended::Interrupted => Ok(Exit::Interrupted),
    }
}

/// The place and the tokens of a server that others reach; nothing of one for standard input and output.
fn listening_at(args: &McpArgs) -> Result<Option<(Bound, TokenBook)>, Problem> {
    let Some(address) = &args.listen else { return Ok(None) };
    let address: Address =
        address.parse().map_err(|error| Problem::usage(escaped(&format!("--listen: {error}"))))?;
    if matches!(address, Address::Unix(_)) {
        return Err(Problem::usage("--listen: clients of MCP reach a port; write `HOST:PORT`"));
    }
    let none = || Problem::usage("name the tokens with `--token-file`");
    let tokens = tokens(args.token_file.as_deref())?.ok_or_else(none)?;
    Ok(Some((bound(&address, args.insecure_behind_proxy, &args.hosts)?, tokens)))
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
    let (policy, offered) = match PolicySet::compile(&layers.layers, &mut sources) {
        Ok(set) => (set.digest(), offered(set, place.protected())),
        Err(findings) => {
            output.drawn(&human(&sources, &findings, style_of_stderr()));
            return Ok(None);
        }
    };
    let store = place.runs().map_err(|error| Problem::failed("cannot serve", &error))?;
    let binding = Binding { workspace: store.id(), policy };
    Ok(Some(Prepared {
        binding,
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

/// Opens a session, for a token of a server that others reach.
fn open(prepared: &Prepared, owner: Option<Arc<Token>>) -> Result<Opened, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot serve", error);
    let opened = CallSession::open(Calling {
        place: &prepared.place,
        protocol: "mcp",
        layers: prepared.layers.clone(),
        declared: prepared.declared.clone(),
        limits: prepared.limits,
        starter: owner.as_ref().and_then(|token| token.key.clone()),
        signing_key: prepared.signing_key.as_deref(),
        program: Path::new("/proc/self/exe"),
    });
    let (session, calls) = opened.map_err(|error| failed(&error))?;
    let questions = session.questions().map_err(|error| failed(&error))?;
    Ok(Opened { session, calls, questions, owner })
}

/// Gives up everything but what is open, before a byte of the client is read and before the first thread; and tries from
/// a thread whether that holds. `inherited` is any socket.
fn put_up_walls(inherited: BorrowedFd<'_>, listens: bool, output: Output) -> Result<(), Problem> {
    let confinement = confine_server(listens).map_err(|error| Problem::failed("cannot serve", &error))?;
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
fn tell_questions(questions: Questions, root: &str, output: Output) {
    for question in questions {
        output.note(&waits(&question, root));
    }
}
