//! `lgflow runner token`: tokens for a served runner, each bound to the workspace and the policy that it was made under.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::files::private::replace;
use crate::files::read_given;
use crate::service::{Binding, NewToken, Role, TokenBook, TokenError};
use crate::view::escaped;

use super::output::Output;
use super::problem::Problem;
use super::run::PolicyArgs;
use super::runner::{LIMIT, demand_apart_from_calls, served_here};
use super::{Exit, Format};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, add what it is checked against to a file, and print it: it is shown this once
    #[command(
        after_help = "Examples:\n  lgflow runner token new ci --token-file ~/tokens.json\n  lgflow runner token new agent --no-runs --token-file ~/tokens.json\n  lgflow runner token new dashboard --role read --token-file ~/tokens.json\n  lgflow runner token new ann --role approve --token-file ~/tokens.json\n\nIt is good for the workspace of the current folder, under its policy as it is now (or the one named with `--policy`), and nowhere else. A token is taken back by removing it from the file and starting the runner again."
    )]
    New(NewArgs),
    /// Bind a token to this workspace and its policy as it is now; its holder keeps it
    #[command(
        after_help = "Example:\n  lgflow runner token bind ci --token-file ~/tokens.json\n\nAfter a change of the policy, for each token that is to be good under the new one; then the runner is started again."
    )]
    Bind(BindArgs),
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Its name: what calls and runs are kept apart by
    name: String,
    /// What it may be used for
    #[arg(long, value_enum, default_value_t = RoleArg::Call)]
    role: RoleArg,
    /// With `call`: single calls alone, and no runs. What a run says of where the parameters of its calls come from is believed
    #[arg(long)]
    no_runs: bool,
    /// The public key of whoever holds it: where the policy says `separate`, approvals by it do not count for what it asks
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    place: BookArgs,
}

#[derive(Debug, Args)]
pub(super) struct BindArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    place: BookArgs,
}

#[derive(Debug, Args)]
struct BookArgs {
    /// The file of tokens; `new` makes it where there is none
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Calls of tools, and runs
    Call,
    /// Answers to what calls ask; no calls
    Approve,
    /// Look alone
    Read,
}

pub(super) fn run(command: &TokenCommand, output: Output) -> Result<Exit, Problem> {
    match command {
        TokenCommand::New(args) => new(args, output),
        TokenCommand::Bind(args) => bind(args, output),
    }
}

fn new(args: &NewArgs, output: Output) -> Result<Exit, Problem> {
    let file = Book::at(&args.place.token_file)?;
    let book = file.read()?.unwrap_or_else(TokenBook::none);
    let Some(bound) = binding(&args.place, output)? else { return Ok(Exit::Invalid) };
    let role = match args.role {
        RoleArg::Call => Role::Call,
        RoleArg::Approve => Role::Approve,
        RoleArg::Read => Role::Read,
    };
    if args.no_runs && role != Role::Call {
        return Err(Problem::usage("`--no-runs` is for tokens of the role `call`; the others open none"));
    }
    let drawn = NewToken::draw(&args.name, role, args.key.clone(), bound.clone());
    let drawn = drawn.map_err(|error| file.wrong(&error))?;
    let NewToken { text, token } = if args.no_runs { drawn.without_runs() } else { drawn };
    let (name, word, runs) = (token.name.clone(), token.role.as_str(), token.runs && role == Role::Call);
    file.write(book.with(token))?;
    let document = json!({
        "schema": "lgflow.token/v1", "name": name, "role": word, "runs": runs, "token": text,
        "workspace": bound.workspace, "policy": bound.policy,
    });
    if output.format == Format::Human {
        output.note(&format!(
            "the token `{name}` may {word}{}, in this workspace under the policy {}; it is shown this once\n",
            if args.no_runs { ", and open no run" } else { "" },
            bound.policy
        ));
    }
    Ok(output.either(|| format!("{text}\n"), || document))
}

fn bind(args: &BindArgs, output: Output) -> Result<Exit, Problem> {
    let file = Book::at(&args.place.token_file)?;
    let book = file.read()?.ok_or_else(|| file.wrong(&TokenError::NoSuch(args.name.clone())))?;
    let Some(bound) = binding(&args.place, output)? else { return Ok(Exit::Invalid) };
    file.write(book.bind(&args.name, bound.clone()))?;
    let name = &args.name;
    let document = json!({
        "schema": "lgflow.token_bound/v1", "name": name, "workspace": bound.workspace, "policy": bound.policy,
    });
    let said = format!("the token `{name}` is good in this workspace under the policy {}\n", bound.policy);
    Ok(output.either(|| said, || document))
}

/// What a token that is made here is good for; nothing, where the policy is not valid, which is said.
fn binding(args: &BookArgs, output: Output) -> Result<Option<Binding>, Problem> {
    Ok(served_here(&args.policy, output)?.map(|here| here.binding))
}

/// A file of tokens.
struct Book(PathBuf);

impl Book {
    fn at(path: &Path) -> Result<Self, Problem> {
        let path =
            std::path::absolute(path).map_err(|error| Problem::failed("the token was not made", &error))?;
        demand_apart_from_calls(&path)?;
        Ok(Self(path))
    }

    /// What it holds; nothing where there is none.
    fn read(&self) -> Result<Option<TokenBook>, Problem> {
        if matches!(self.0.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        let text = read_given(&self.0, LIMIT).map_err(|error| super::validate::unreadable(&error))?;
        if !text.trim_start().starts_with('{') {
            let single = "it holds a single token; name another file".to_owned();
            return Err(self.wrong(&TokenError::Malformed(single)));
        }
        TokenBook::read(&text).map(Some).map_err(|error| self.wrong(&error))
    }

    fn write(&self, book: Result<TokenBook, TokenError>) -> Result<(), Problem> {
        let book = book.map_err(|error| self.wrong(&error))?;
        replace(&self.0, &book.text()).map_err(|error| Problem::failed("the token was not made", &error))
    }

    fn wrong(&self, error: &TokenError) -> Problem {
        Problem::usage(escaped(&format!("`{}`: {error}", self.0.display())))
    }
}
