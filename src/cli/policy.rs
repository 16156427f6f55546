//! `lgflow policy`: what the layers of a run say, and why. Starts no process and changes nothing.

use clap::{Args, Subcommand};

use super::Exit;
use super::output::Output;
use super::policy_check::CheckArgs;
use super::policy_diff::DiffArgs;
use super::policy_explain::ExplainCallArgs;
use super::policy_test::TestArgs;
use super::problem::Problem;
use super::{policy_check, policy_diff, policy_explain, policy_test};

/// Arguments of `lgflow policy`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow policy check\n  lgflow policy explain exec '{\"argv\": [\"cargo\", \"publish\"]}'\n  lgflow policy test\n  lgflow policy diff --against main"
)]
pub struct PolicyCommandArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Check policies, and show what their layers say together
    Check(CheckArgs),
    /// Say what each layer thinks of a call, why, and what would alter it; makes no call
    Explain(ExplainCallArgs),
    /// Try the calls that are written beside policies
    Test(TestArgs),
    /// Show what one policy allows, asks and denies that another did not
    Diff(DiffArgs),
}

impl PolicyCommandArgs {
    /// Does it print findings, so that every format means something?
    pub(super) fn prints_findings(&self) -> bool {
        matches!(self.command, PolicyCommand::Check(_))
    }
}

pub(super) fn run(args: &PolicyCommandArgs, output: Output) -> Result<Exit, Problem> {
    match &args.command {
        PolicyCommand::Check(args) => policy_check::run(args, output),
        PolicyCommand::Explain(args) => policy_explain::run(args, output),
        PolicyCommand::Test(args) => policy_test::run(args, output),
        PolicyCommand::Diff(args) => policy_diff::run(args, output),
    }
}
