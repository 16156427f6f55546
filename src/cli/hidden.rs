//! The processes that our own program becomes: the interpreter, the runner, and what fetches. The first two are started over
//! inherited sockets and pipes, speak to no terminal, and are decided before any argument is parsed.

use std::env;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use crate::front::RUNNER_ARGUMENT;
use crate::logging::{Level, begin_on_stdout};
use crate::runner;
use crate::sandbox::{FETCHER_ARGUMENT, become_fetcher};
use crate::session::{INTERPRETER_ARGUMENT, interpret};

use super::output::Output;
use super::{Exit, Format};

/// The exit code of the process that the first argument asks for; none, if it asks for a command.
pub(super) fn process() -> Option<ExitCode> {
    let first = env::args_os().nth(1)?;
    let exit = if first == RUNNER_ARGUMENT {
        process_of("runner", |socket| runner::serve(socket).map_err(|error| error.to_string()))
    } else if first == INTERPRETER_ARGUMENT {
        process_of("interpreter", |socket| interpret(&socket).map_err(|error| error.to_string()))
    } else if first == FETCHER_ARGUMENT {
        fetcher()
    } else {
        return None;
    };
    Some(exit.into())
}

/// Comes back only where there is nothing that fetches: what it becomes has an end of its own.
fn fetcher() -> Exit {
    let order = env::args_os().nth(2).and_then(|order| order.into_string().ok()).unwrap_or_default();
    let error = become_fetcher(&order);
    let output = Output { format: Format::Human };
    output.note(&format!("error: nothing can be fetched: {error}\n"));
    Exit::Failed
}

fn process_of(name: &str, life: impl FnOnce(UnixStream) -> Result<(), String>) -> Exit {
    if let Some(level) = env::args().nth(2).and_then(|word| Level::parse(&word))
        && let Err(error) = begin_on_stdout(level)
    {
        return refused(name, &error.to_string());
    }
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    match socket.map_err(|error| error.to_string()).and_then(life) {
        Ok(()) => Exit::Done,
        Err(message) => refused(name, &message),
    }
}

fn refused(name: &str, why: &str) -> Exit {
    let output = Output { format: Format::Human };
    output.note(&format!("error: the {name} cannot work: {why}\n"));
    Exit::Usage
}
