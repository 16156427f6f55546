//! `lgflow runner`: the tools of this workspace for others, over HTTP, each call decided by the policy; and the tokens that
//! they present.
#![expect(clippy::disallowed_methods, reason = "a token may come in a variable, which no settings hold")]

use std::env;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::diag::Diagnostics;
use crate::files::private::replace;
use crate::files::read_given;
use crate::front::{Service, Serving};
use crate::service::{Address, BindError, Bound, Limits, NewToken, Role, TokenBook, TokenError, bind};
use crate::source::Sources;
use crate::view::escaped;

use super::output::Output;
use super::problem::Problem;
use super::run::{PolicyArgs, limits};
use super::tool::{Here, layers_here};
use super::validate::print_instead;
use super::{Exit, Format};

/// The variable with a token.
pub(super) const TOKEN: &str = "LGFLOW_RUNNER_TOKEN";
/// Bytes of a file of tokens.
const LIMIT: u64 = 1 << 20;

/// Arguments of `lgflow runner`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  lgflow runner --listen unix:$XDG_RUNTIME_DIR/lgflow/runner.sock\n  LGFLOW_RUNNER_TOKEN=… lgflow runner --listen 127.0.0.1:8811\n  lgflow runner token new ci --token-file tokens.json; lgflow runner --listen 127.0.0.1:8811 --token-file tokens.json\n\nIt prints where it listens, as one line of JSON, and serves until it is told to stop (SIGTERM, Ctrl-C). Its policy is that of this workspace, or the one named, as it is now: a later change needs a new start. `lgflow run --runner URL` uses it."
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
        after_help = "Example:\n  lgflow runner token new ci --token-file tokens.json > ci.token"
    )]
    Token(TokenCommand),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token, add what it is checked against to a file, and print it: it is shown this once
    #[command(
        after_help = "Examples:\n  lgflow runner token new ci --token-file tokens.json\n  lgflow runner token new dashboard --role read --token-file tokens.json\n\nA token is taken back by removing it from the file and starting the runner again."
    )]
    New(NewArgs),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Its name: what calls and runs are kept apart by
    name: String,
    /// What it may be used for
    #[arg(long, value_enum, default_value_t = RoleArg::Call)]
    role: RoleArg,
    /// The public key of whoever holds it: where the policy says `separate`, approvals by it do not count for runs that it starts
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The file of tokens; it is made where there is none
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Calls of tools, and runs
    Call,
    /// Look alone
    Read,
}

pub(super) fn run(args: &RunnerArgs, output: Output) -> Result<Exit, Problem> {
    match &args.command {
        Some(RunnerCommand::Token(TokenCommand::New(args))) => new_token(args, output),
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
    let tokens = tokens(args.token_file.as_deref())?;
    if tokens.is_none() && matches!(address, Address::Tcp(_)) {
        let detail = format!(
            "whoever reaches a port may use it, so it needs a token: set {TOKEN}, or name a file with `--token-file` \
             (`lgflow runner token new NAME --token-file FILE` makes one); a Unix socket needs none"
        );
        return Err(Problem::usage(detail));
    }
    let place = super::trust::here()?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let layers = layers_here(&args.policy, &place, &mut sources, &mut found);
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    let Here { layers, settings } = layers?;
    if let Some(refusal) = layers.refusal() {
        return Err(Problem::with(Exit::Denied, "denied by policy", refusal));
    }
    let bound = bound(&address, args.insecure_behind_proxy, &args.hosts)?;
    let serving = Serving {
        place,
        layers: layers.layers,
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

/// Takes the place where a service listens.
pub(super) fn bound(address: &Address, behind_proxy: bool, hosts: &[String]) -> Result<Bound, Problem> {
    bind(address, behind_proxy, hosts).map_err(|error| match error {
        BindError::Open(_) | BindError::Entered(..) | BindError::Folder(..) => {
            Problem::usage(escaped(&error.to_string()))
        }
        BindError::Io(..) | BindError::Taken(_) => Problem::failed("cannot be served", &error),
    })
}

/// The tokens that are named, if any are.
pub(super) fn tokens(file: Option<&Path>) -> Result<Option<TokenBook>, Problem> {
    let of = |place: String, read: Result<TokenBook, TokenError>| {
        read.map(Some).map_err(|error| Problem::usage(escaped(&format!("{place}: {error}"))))
    };
    if let Some(file) = file {
        let text = read_given(file, LIMIT).map_err(|error| super::validate::unreadable(&error))?;
        return of(format!("`{}`", file.display()), TokenBook::read(&text));
    }
    match env::var(TOKEN) {
        Ok(text) => of(TOKEN.to_owned(), TokenBook::alone(&text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(Problem::usage(format!("{TOKEN}: {error}"))),
    }
}

fn new_token(args: &NewArgs, output: Output) -> Result<Exit, Problem> {
    let file = &std::path::absolute(&args.token_file)
        .map_err(|error| Problem::failed("the token was not made", &error))?;
    let wrong = |error: TokenError| Problem::usage(escaped(&format!("`{}`: {error}", file.display())));
    let book = match file.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => TokenBook::none(),
        _ => {
            let text = read_given(file, LIMIT).map_err(|error| super::validate::unreadable(&error))?;
            if !text.trim_start().starts_with('{') {
                return Err(wrong(TokenError::Malformed(
                    "it holds a single token; name another file".to_owned(),
                )));
            }
            TokenBook::read(&text).map_err(wrong)?
        }
    };
    let role = match args.role {
        RoleArg::Call => Role::Call,
        RoleArg::Read => Role::Read,
    };
    let NewToken { text, token } = NewToken::draw(&args.name, role, args.key.clone()).map_err(wrong)?;
    let (name, word) = (token.name.clone(), token.role.as_str());
    let book = book.with(token).map_err(wrong)?;
    replace(file, &book.text()).map_err(|error| Problem::failed("the token was not made", &error))?;
    let document = json!({ "schema": "lgflow.token/v1", "name": name, "role": word, "token": text });
    if output.format == Format::Human {
        output.note(&format!("the token `{name}` may {word}; it is shown this once\n"));
    }
    Ok(output.either(|| format!("{text}\n"), || document))
}
