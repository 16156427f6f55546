//! `lgflow export`: a graph as a drawing, or its compiled plan.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::view::graph::{dot, mermaid};

use super::output::Output;
use super::problem::Problem;
use super::{Exit, Format, graph_file};

/// Arguments of `lgflow export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow export                          Mermaid, for a Markdown file\n  lgflow export --to dot | dot -Tsvg     with Graphviz\n  lgflow export flows/fix.yaml --to json the compiled plan"
)]
pub struct ExportArgs {
    /// The graph file; without one, `.lg/graph.yaml`
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The form; `--format json` means `json`
    #[arg(long, value_enum, value_name = "FORM")]
    to: Option<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
    /// The plan, `lgflow.plan/v1`.
    Json,
}

pub(super) fn run(args: &ExportArgs, output: Output) -> Result<Exit, Problem> {
    let Some(plan) = graph_file::plan(args.file.as_deref(), output)? else { return Ok(Exit::Invalid) };
    let usual = if output.format == Format::Json { Target::Json } else { Target::Mermaid };
    match args.to.unwrap_or(usual) {
        Target::Mermaid => output.code(&mermaid(&plan)),
        Target::Dot => output.code(&dot(&plan)),
        Target::Json => output.document(&plan.document()),
    }
    Ok(Exit::Done)
}
