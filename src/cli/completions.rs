//! `lgflow completions`: a completion script.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::output::Output;
use super::{Cli, Exit};

/// Arguments of `lgflow completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lgflow completions bash > ~/.local/share/bash-completion/completions/lgflow"
)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, output: Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lgflow", &mut script);
    output.own(&String::from_utf8_lossy(&script));
    Exit::Done
}
