//! The processes that our own program becomes: the runner, and the helper of the sandbox. They are started over
//! inherited sockets and pipes, speak to no terminal, and are decided before any argument is parsed.

use std::env;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use crate::front::RUNNER_ARGUMENT;
use crate::runner;

use super::output::Output;
use super::{Exit, Format};

/// The exit code of the process that the first argument asks for; none, if it asks for a command.
pub(super) fn process() -> Option<ExitCode> {
    let first = env::args_os().nth(1)?;
    if first == RUNNER_ARGUMENT { Some(serve().into()) } else { None }
}

fn serve() -> Exit {
    let control = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let served = control
        .map_err(|error| error.to_string())
        .and_then(|control| runner::serve(control).map_err(|error| error.to_string()));
    match served {
        Ok(()) => Exit::Done,
        Err(message) => {
            let output = Output { format: Format::Human };
            output.note(&format!("error: the runner cannot work: {message}\n"));
            Exit::Usage
        }
    }
}
