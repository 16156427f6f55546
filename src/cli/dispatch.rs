//! From the command line to a subcommand and to the exit code. Does no work of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use crate::front::{Flag, print_commands, use_flags};

use super::hidden;
use super::output::{Output, all_printed, close};
use super::problem::Problem;
use super::{
    Cli, Command, Exit, Format, answer, completions, config, dev, doctor, explain, export, init, man, mcp,
    pack, plan, policy, replay, run as run_graph, runner, runs, schema, test, tool, trace, trust, validate,
    worker,
};

/// The program.
pub fn main() -> ExitCode {
    if let Some(exit) = hidden::process() {
        return exit;
    }
    // the panic's own message is on standard error by then
    let exit = catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|_| {
        let output = Output { format: asked_format() };
        report(&Problem::bug("lgflow has met a case that it does not know; please report it"), output)
    });
    close();
    all_printed(exit).into()
}

fn start() -> Exit {
    let typed = Cli::command().try_get_matches();
    let typed = typed.and_then(|typed| Cli::from_arg_matches(&typed).map(|cli| (flags(&cli, &typed), cli)));
    let (flags, cli) = match typed {
        Ok(typed) => typed,
        Err(error) => return wrong_usage(&error),
    };
    let output = Output { format: cli.format };
    use_flags(flags);
    if cli.format == Format::Github {
        print_commands();
    }
    let Some(command) = cli.command else {
        output.own(&Cli::command().render_help().to_string());
        return Exit::Done;
    };
    let findings_only = matches!(cli.format, Format::Sarif | Format::Github);
    if findings_only && !command.prints_findings() {
        let problem =
            Problem::usage("this command prints no findings; use `--format human` or `--format json`");
        return report(&problem, output);
    }
    run(command, output).unwrap_or_else(|problem| report(&problem, output))
}

/// The flags of every command that set a key of the configuration.
fn flags(cli: &Cli, typed: &ArgMatches) -> Vec<Flag> {
    let format = match cli.format {
        _ if typed.value_source("format") != Some(ValueSource::CommandLine) => None,
        Format::Human => Some("human"),
        Format::Json => Some("json"),
        // of findings alone: the key knows no such word
        Format::Sarif | Format::Github => None,
    };
    // an empty word has always meant the usual one
    let place = |store: &String| if store.is_empty() { "local".to_owned() } else { store.clone() };
    let store = cli.store.iter().map(|store| ("store", "--store".to_owned(), place(store)));
    let format = format.map(|word| ("format", "--format".to_owned(), word.to_owned()));
    store.chain(format).collect()
}

fn run(command: Command, output: Output) -> Result<Exit, Problem> {
    match command {
        Command::Init(args) => init::run(&args, output),
        Command::Trust(args) => trust::run(&args, output),
        Command::Pack(args) => pack::run(&args, output),
        Command::Worker(args) => worker::run(&args, output),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::Config(args) => config::run(&args, output),
        Command::Validate(args) => validate::run(&args, output),
        Command::Export(args) => export::run(&args, output),
        Command::Plan(args) => plan::run(&args, output),
        Command::Dev(args) => dev::run(&args, output),
        Command::Test(args) => test::run(&args, output),
        Command::Run(args) => run_graph::run(&args, output),
        Command::Runs(args) => runs::run(&args, output),
        Command::Replay(args) => replay::run(&args, output),
        Command::Approve(args) => answer::approve(&args, output),
        Command::Reject(args) => answer::reject(&args, output),
        Command::Policy(args) => policy::run(&args, output),
        Command::Tool(args) => tool::run(&args, output),
        Command::Mcp(args) => Ok(mcp::run(&args)),
        Command::Runner(args) => runner::run(&args, output),
        Command::Trace(args) => trace::run(&args, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::Explain(args) => explain::run(&args, output),
        Command::Completions(args) => Ok(completions::run(&args, output)),
        Command::Man(args) => man::run(&args, output),
    }
}

fn report(problem: &Problem, output: Output) -> Exit {
    if output.format == Format::Json {
        output.document(&problem.json());
    } else {
        output.note(&problem.human());
    }
    problem.exit
}

fn wrong_usage(error: &clap::Error) -> Exit {
    let output = Output { format: asked_format() };
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output.own(&text);
            Exit::Done
        }
        _ if output.format == Format::Json => {
            let detail = text.trim().strip_prefix("error: ").unwrap_or(text.trim()).to_owned();
            report(&Problem::usage(detail), output)
        }
        _ => {
            output.note(&text);
            Exit::Usage
        }
    }
}

/// The format that was asked for, where the rest of the command line can't be read.
fn asked_format() -> Format {
    let args: Vec<String> = std::env::args().collect();
    let split = args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    if split || args.iter().any(|arg| arg == "--format=json") { Format::Json } else { Format::Human }
}
