//! `lgflow export`: a graph as a drawing, or its compiled plan.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::layout::TooLarge;
use crate::view::graph::{Embedding, Picture, dot, html, mermaid, svg, text};

use super::output::Output;
use super::problem::Problem;
use super::terminal::{columns, letters};
use super::{Exit, Format, graph_file};

/// Arguments of `lgflow export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow export                          Mermaid, for a Markdown file\n  lgflow export --to svg > graph.svg       a picture\n  lgflow export --to html > graph.html     a page with search and details, for a browser\n  lgflow export --to text                here, in the terminal\n  lgflow export --to dot | dot -Tpng     with Graphviz\n  lgflow export flows/fix.yaml --to json the compiled plan"
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
    /// A picture in a file of its own.
    Svg,
    /// A page of its own: the picture, a search, and all that is known of each node.
    Html,
    /// A drawing for the terminal.
    Text,
    /// The plan, `lgflow.plan/v1`.
    Json,
}

pub(super) fn run(args: &ExportArgs, output: Output) -> Result<Exit, Problem> {
    let Some(plan) = graph_file::plan(args.file.as_deref(), output)? else { return Ok(Exit::Invalid) };
    let usual = if output.format == Format::Json { Target::Json } else { Target::Mermaid };
    match args.to.unwrap_or(usual) {
        Target::Mermaid => output.code(&mermaid(&plan)),
        Target::Dot => output.code(&dot(&plan)),
        Target::Html => output.code(&html(&Picture::of(&plan))),
        Target::Text => output.data(&text(&Picture::of(&plan), columns(), letters())),
        Target::Svg => match svg(&Picture::of(&plan), Embedding::Alone) {
            Ok(text) => output.code(&text),
            Err(error) => return Err(too_large(&error)),
        },
        Target::Json => output.document(&plan.document()),
    }
    Ok(Exit::Done)
}

/// What is said where a graph is too large to be drawn.
fn too_large(error: &TooLarge) -> Problem {
    Problem::failed(
        "this graph is too large for a drawing; `--to text`, `dot` and `json` have all of it",
        error,
    )
}
