//! `lgflow runner`: the tools of this workspace for others, over HTTP, each call decided by the policy.
#![expect(clippy::disallowed_methods, reason = "a token may come in a variable, which no settings hold")]

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::config::Settings;
use crate::diag::Diagnostics;
use crate::effect::{ApprovalRequest, FrozenLayer};
use crate::files::{ApartError, demand_apart, read_given};
use crate::front::{Announcer, Place, Service, Serving};
use crate::policy::PolicySet;
use crate::service::{
    Address, BindError, Binding, Bound, Elsewhere, Limits, Token, TokenBook, TokenError, Tokens, bind,
};
use crate::source::Sources;
use crate::view::escaped;

use super::Exit;
use super::answer::waits;
use super::output::Output;
use super::problem::Problem;
use super::run::{PolicyArgs, limits};
use super::runner_token::TokenCommand;
use super::tool::{Here, layers_here};
use super::validate::print_instead;

/// The variable with a token.
pub(super) const TOKEN: &str = "LGFLOW_RUNNER_TOKEN";
/// Bytes of a file of tokens.
pub(super) const LIMIT: u64 = 1 << 20;

/// Arguments of `lgflow runner`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  lgflow runner --listen unix:$XDG_RUNTIME_DIR/lgflow/runner.sock\n  LGFLOW_RUNNER_TOKEN=… lgflow runner --listen 127.0.0.1:8811\n  lgflow runner token new ci --token-file ~/tokens.json; lgflow runner --listen 127.0.0.1:8811 --token-file ~/tokens.json\n\nIt prints where it listens, as one line of JSON, and serves until it is told to stop (SIGTERM, Ctrl-C). Its policy is that of this workspace, or the one named, as it is now: a later change needs a new start. `lgflow run --runner URL` uses it."
)]
pub struct RunnerArgs {
    #[command(subcommand)]
    command: Option<RunnerCommand>,
    /// Where to listen: `HOST:PORT` (port 0 is a free one), or `unix:PATH` in a folder that is yours alone
    #[arg(long, value_name = "ADDRESS", required = true)]
    listen: Option<String>,
    /// The file of tokens, as `runner token new` writes it, or with a single token; else the variable LGFLOW_RUNNER_TOKEN. Needed for `HOST:PORT`
    #[expect(
        clippy::doc_markdown,
        reason = "it is printed as help, which has none of these marks around a variable"
    )]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Listen where other machines reach it, because a proxy in front of it speaks TLS
    #[arg(long)]
    insecure_behind_proxy: bool,
    /// A name that clients call it by, as behind a proxy; `localhost` and the address are known
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Calls that are made at once; further ones wait for their turn
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=200))]
    max_calls: u16,
    /// Requests that a token may send in a second
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    max_rate: u32,
    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Debug, Subcommand)]
enum RunnerCommand {
    /// Make tokens
    #[command(
        subcommand,
        after_help = "Examples:\n  lgflow runner token new ci --token-file ~/tokens.json > ci.token\n  lgflow runner token bind ci --token-file ~/tokens.json"
    )]
    Token(TokenCommand),
}

pub(super) fn run(args: &RunnerArgs, output: Output) -> Result<Exit, Problem> {
    match &args.command {
        Some(RunnerCommand::Token(command)) => super::runner_token::run(command, output),
        None => listen(args, output),
    }
}

fn listen(args: &RunnerArgs, output: Output) -> Result<Exit, Problem> {
    let address: Address = args
        .listen
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|error| Problem::usage(escaped(&format!("--listen: {error}"))))?;
    let tokens = tokens_for(&address, args.token_file.as_deref())?;
    let Some(ServedHere { place, layers, settings, binding }) = served_here(&args.policy, output)? else {
        return Ok(Exit::Invalid);
    };
    let tokens = tokens.map(|book| Tokens::new(book, binding));
    if let Some(tokens) = &tokens {
        tell_strangers(tokens, output)?;
    }
    let bound = bound(&address, args.insecure_behind_proxy, &args.hosts)?;
    let serving = Serving {
        announcer: announcer(&place, output),
        place,
        layers,
        declared: settings.declared().clone(),
        limits: limits(&settings),
        program: PathBuf::from("/proc/self/exe"),
    };
    let bounds = Limits { calls: usize::from(args.max_calls), rate: args.max_rate, ..Limits::default() };
    let failed = |error| Problem::failed("the runner cannot be served", &error);
    let service = Service::new(serving, bound, tokens, bounds).map_err(failed)?;
    let listening = json!({
        "schema": "lgflow.listening/v1",
        "url": service.url(),
        "key": service.key().to_string(),
    });
    service.run(|| output.line(&listening)).map_err(failed)?;
    Ok(Exit::Done)
}

/// What is served in this workspace.
pub(super) struct ServedHere {
    place: Place,
    layers: Vec<FrozenLayer>,
    settings: Settings,
    /// What a token has to be good for.
    pub(super) binding: Binding,
}

/// What would be served from here, frozen; nothing where the policy is not valid, which is said.
pub(super) fn served_here(policy: &PolicyArgs, output: Output) -> Result<Option<ServedHere>, Problem> {
    let place = super::trust::here()?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let layers = layers_here(policy, &place, &mut sources, &mut found);
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(None);
    }
    let Here { layers, settings } = layers?;
    if let Some(refusal) = layers.refusal() {
        return Err(Problem::with(Exit::Denied, "denied by policy", refusal));
    }
    let policy = match PolicySet::compile(&layers.layers, &mut sources) {
        Ok(set) => set.digest(),
        Err(findings) => {
            print_instead(&sources, &findings, output);
            return Ok(None);
        }
    };
    let store = place.runs().map_err(|error| Problem::failed("cannot begin", &error))?;
    let binding = Binding { workspace: store.id(), policy };
    Ok(Some(ServedHere { place, layers: layers.layers, settings, binding }))
}

/// Names the tokens of the file that are not good here. Where none is, nothing is served.
pub(super) fn tell_strangers(tokens: &Tokens, output: Output) -> Result<(), Problem> {
    let line = |(token, how): (&Arc<Token>, Elsewhere)| {
        let name = &token.name;
        format!("the token `{name}` {how} (`lgflow runner token bind {name}` binds it anew)\n")
    };
    let lines: String = tokens.bound().map(line).collect();
    if tokens.good().next().is_none() {
        return Err(Problem::usage(format!("no token of the file is good here: {}", lines.trim_end())));
    }
    output.note(&lines);
    Ok(())
}

/// Says what waits for a person, as the runner puts it.
fn announcer(place: &Place, output: Output) -> Announcer {
    let root = place.root.display().to_string();
    Announcer::new(move |request: &ApprovalRequest| output.note(&waits(request, &root)))
}

/// Takes the place where a service listens.
pub(super) fn bound(address: &Address, behind_proxy: bool, hosts: &[String]) -> Result<Bound, Problem> {
    bind(address, behind_proxy, hosts).map_err(|error| match error {
        BindError::Open(_) | BindError::Entered(..) | BindError::Folder(..) => {
            Problem::usage(escaped(&error.to_string()))
        }
        BindError::Io(..) | BindError::Taken(_) => Problem::failed("cannot be served", &error),
    })
}

/// The tokens that are named; a port is not listened at without any.
fn tokens_for(address: &Address, file: Option<&Path>) -> Result<Option<TokenBook>, Problem> {
    let tokens = tokens(file)?;
    if tokens.is_none() && matches!(address, Address::Tcp(_)) {
        let detail = format!(
            "whoever reaches a port may use it, so it needs a token: set {TOKEN}, or name a file with `--token-file` \
             (`lgflow runner token new NAME --token-file FILE` makes one); a Unix socket needs none"
        );
        return Err(Problem::usage(detail));
    }
    Ok(tokens)
}

/// A file of tokens lies where no call reaches it: who may call would else make a token that approves.
pub(super) fn demand_apart_from_calls(file: &Path) -> Result<(), Problem> {
    let root = super::trust::here()?.root;
    demand_apart(file, &root).map_err(|error| {
        let shown = file.display();
        let detail = match error {
            ApartError::Beneath(folder) => format!(
                "`{shown}` lies in the workspace (`{folder}`), where calls may read and write it, and make themselves tokens that \
                 approve; keep it outside of it, as `~/tokens.json`"
            ),
            error => format!("`{shown}`: {error}"),
        };
        Problem::usage(escaped(&detail))
    })
}

/// The tokens that are named, if any are.
pub(super) fn tokens(file: Option<&Path>) -> Result<Option<TokenBook>, Problem> {
    let of = |place: String, read: Result<TokenBook, TokenError>| {
        read.map(Some).map_err(|error| Problem::usage(escaped(&format!("{place}: {error}"))))
    };
    if let Some(file) = file {
        demand_apart_from_calls(file)?;
        let text = read_given(file, LIMIT).map_err(|error| super::validate::unreadable(&error))?;
        return of(format!("`{}`", file.display()), TokenBook::read(&text));
    }
    match env::var(TOKEN) {
        Ok(text) => of(TOKEN.to_owned(), TokenBook::alone(&text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(Problem::usage(format!("{TOKEN}: {error}"))),
    }
}
