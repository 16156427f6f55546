//! `lgflow trace site`: a folder of traces as pages that a person opens, with nothing but a browser.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::export::{Listed, Story, index_page, run_page};
use crate::files::write_given;
use crate::front::{make_output_folder, traces_in};
use crate::store::RunId;
use crate::view::{counted, escaped};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::trace::open_file;
use super::trace_export::recorded;
use super::verification::checked;

/// The page that lists all runs.
const INDEX: &str = "index.html";

/// Arguments of `lgflow trace site`.
#[derive(Debug, Args)]
pub(super) struct SiteArgs {
    /// The folder with the traces: `run-ID.jsonl`, as `lgflow run --trace` writes them
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where the pages go [default: `site` in that folder]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &SiteArgs, output: Output) -> Result<Exit, Problem> {
    let traces = traces_in(&args.folder)
        .map_err(|error| Problem::failed(format!("cannot read `{}`", args.folder.display()), &error))?;
    if traces.is_empty() {
        let detail = format!(
            "there is no trace in `{}`: traces are called `run-ID.jsonl`, and `lgflow run --trace` writes them into `artifacts/runs`",
            args.folder.display()
        );
        return Err(Problem::usage(detail));
    }
    let out = args.output.clone().unwrap_or_else(|| args.folder.join("site"));
    make_output_folder(&out)
        .map_err(|error| Problem::failed(format!("cannot make `{}`", out.display()), &error))?;
    let (mut listed, mut unreadable) = (Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    for trace in &traces {
        match page_of(trace, &mut names) {
            Ok((run, page)) => {
                write(&out, &run.page, &page)?;
                listed.push(run);
            }
            Err(problem) => {
                let name = trace.display().to_string();
                output.note(&format!("warning: no page of `{name}`: {}\n", problem.detail()));
                unreadable.push(json!({ "trace": name, "detail": problem.detail() }));
            }
        }
    }
    write(&out, INDEX, &index_page(&listed))?;
    let index = out.join(INDEX).display().to_string();
    output.either(
        || format!("{}: {}\n", counted(listed.len(), "run"), escaped(&index)),
        || json!({ "schema": "lgflow.trace_site/v1", "index": index, "runs": listed.len(), "unreadable": unreadable }),
    );
    Ok(if unreadable.is_empty() { Exit::Done } else { Exit::Unverified })
}

/// The page of one trace, under a name that no other has.
fn page_of(trace: &Path, names: &mut BTreeSet<String>) -> Result<(Listed, String), Problem> {
    let found = open_file(trace)?;
    let recorded = recorded(&found)?;
    let story = Story::of(&recorded);
    let checked = checked(&found)?;
    // the name is ours: of an id that is one, else of a number
    let id = story.run.parse::<RunId>().map(|id| format!("run-{id}"));
    let mut name = id.unwrap_or_else(|_| format!("trace-{}", names.len() + 1));
    while !names.insert(name.clone()) {
        name.push_str("-again");
    }
    let page = format!("{name}.html");
    Ok((Listed::of(&story, &page, &checked), run_page(&story, &recorded, &checked, Some(INDEX))))
}

fn write(folder: &Path, name: &str, page: &str) -> Result<(), Problem> {
    let path = folder.join(name);
    write_given(&path, page)
        .map_err(|error| Problem::failed(format!("cannot write `{}`", path.display()), &error))
}
