//! What can be typed. Knows what arguments are, not what is done with them; each subcommand's own arguments stand in
//! its file.

use clap::{Parser, Subcommand, ValueEnum};

use super::answer::{ApproveArgs, RejectArgs};
use super::completions::CompletionsArgs;
use super::config::ConfigArgs;
use super::dev::DevArgs;
use super::doctor::DoctorArgs;
use super::explain::ExplainArgs;
use super::export::ExportArgs;
use super::init::InitArgs;
use super::man::ManArgs;
use super::mcp::McpArgs;
use super::pack::PackArgs;
use super::plan::PlanArgs;
use super::policy::PolicyCommandArgs;
use super::replay::ReplayArgs;
use super::run::RunArgs;
use super::runner::RunnerArgs;
use super::runs::RunsArgs;
use super::schema::SchemaArgs;
use super::test::TestArgs;
use super::tool::ToolArgs;
use super::trace::TraceArgs;
use super::trust::TrustArgs;
use super::validate::ValidateArgs;
use super::worker::WorkerArgs;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "lgflow",
    version,
    about = "Declarative coding workflows for a repository: validated, run under a policy, traced",
    after_help = "Start here:\n  lgflow init       write .lg/ with a graph and a policy that fit this repository\n  lgflow validate   check them, all errors at once\n  lgflow run        run the graph; `lgflow run \"summarize repo\"` needs no setup at all",
    disable_help_subcommand = true
)]
pub struct Cli {
    /// The form of what is printed on standard output.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, value_name = "FORM")]
    pub format: Format,
    /// Where runs are kept: `local`, or `postgres://USER@HOST/DATABASE`
    #[arg(long, global = true, value_name = "STORE")]
    pub store: Option<String>,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for a person.
    Human,
    /// One JSON document with a schema id.
    Json,
    /// SARIF 2.1.0 (findings only).
    Sarif,
    /// Workflow commands of GitHub Actions (findings only).
    Github,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write `.lg/`: a graph, a policy and a prompt that fit this repository
    Init(InitArgs),
    /// Trust what this workspace's `.lg/` decides
    Trust(TrustArgs),
    /// Make, add, update and verify packs: policies of others, locked by their digest
    Pack(PackArgs),
    /// Check graphs and policies: every finding, with its place and the edit that mends it
    Validate(ValidateArgs),
    /// Draw a graph, or print its compiled plan
    #[command(alias = "export-graph")]
    Export(ExportArgs),
    /// Show what a run would do, and start nothing
    Plan(PlanArgs),
    /// Check graphs and policies at each change of their files
    Dev(DevArgs),
    /// Play the tests of graphs: scripted runs against what they are expected to come to
    Test(TestArgs),
    /// Run a graph
    Run(RunArgs),
    /// Execute the runs of the queue
    Worker(WorkerArgs),
    /// List and show the runs of this workspace, and go on with one
    Runs(RunsArgs),
    /// Decide a recorded run again, with no effect, and name the first difference
    Replay(ReplayArgs),
    /// Approve what a suspended run asks, after it was shown
    Approve(ApproveArgs),
    /// Reject what a suspended run asks
    Reject(RejectArgs),
    /// Check, explain, test and compare policies
    Policy(PolicyCommandArgs),
    /// List, describe and call tools
    Tool(ToolArgs),
    /// Serve the tools to a client that speaks the Model Context Protocol
    Mcp(McpArgs),
    /// Serve the tools of this workspace to others, over HTTP or a Unix socket
    Runner(RunnerArgs),
    /// Show and check the trace of a run
    Trace(TraceArgs),
    /// Show every setting and where it comes from
    Config(ConfigArgs),
    /// Say what this machine offers and which layers of the sandbox are in force
    Doctor(DoctorArgs),
    /// Print a JSON Schema of lgflow's files and documents
    Schema(SchemaArgs),
    /// Explain a diagnostic code
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print or write the manual pages
    Man(ManArgs),
}

impl Command {
    /// Does it print findings, so that every format means something?
    pub(super) fn prints_findings(&self) -> bool {
        match self {
            Self::Validate(_) => true,
            Self::Policy(args) => args.prints_findings(),
            _ => false,
        }
    }
}
