//! `lgflow trace site`: a folder of traces as pages that a person opens, with nothing but a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::export::{Listed, Undone, index_page, run_page};
use crate::front::{INDEX, SiteFolder, is_site, traces_in};
use crate::store::RunId;
use crate::view::{counted, escaped};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::trace::open_file;
use super::trace_export::{TakenBackIn, recorded, told};
use super::verification::checked;

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
    let out = args.output.clone().unwrap_or_else(|| args.folder.join("site"));
    if traces.traces.is_empty() && traces.others.is_empty() && !is_site(&out) {
        let detail = format!(
            "there is no trace in `{}`: traces are called `run-ID.jsonl`, and `lgflow run --trace` writes them into `artifacts/runs`",
            args.folder.display()
        );
        return Err(Problem::usage(detail));
    }
    let failed = |error| Problem::failed(format!("cannot write the pages in `{}`", out.display()), &error);
    let mut folder = SiteFolder::open(&out, args.output.is_some()).map_err(failed)?;
    let (mut site, mut unreadable) = (Site::default(), Vec::new());
    let mut no_page = |trace: &Path, detail: &str| {
        let name = trace.display().to_string();
        output.note(&format!("warning: no page of `{name}`: {detail}\n"));
        unreadable.push(json!({ "trace": name, "detail": detail }));
    };
    // who takes another run back is newer than it
    for trace in traces.traces.iter().rev() {
        match site.page_of(trace) {
            Ok((name, page)) => folder.put(&name, &page).map_err(failed)?,
            Err(problem) => no_page(trace, problem.detail()),
        }
    }
    for other in traces.others.iter().rev() {
        no_page(other, "it is no plain file, and a trace is read from one alone");
    }
    unreadable.reverse();
    folder.write(INDEX, &index_page(&site.listed)).map_err(failed)?;
    let removed = folder.finish().map_err(failed)?;
    let (index, runs) = (out.join(INDEX).display().to_string(), site.listed.len());
    let text = || {
        let gone =
            if removed == 0 { String::new() } else { format!(", {} removed", counted(removed, "page")) };
        format!("{}: {}{gone}\n", counted(runs, "run"), escaped(&index))
    };
    output.either(
        text,
        || json!({ "schema": "lgflow.trace_site/v1", "index": index, "runs": runs, "removed": removed, "unreadable": unreadable }),
    );
    Ok(if unreadable.is_empty() { Exit::Done } else { Exit::Unverified })
}

/// The pages so far.
#[derive(Default)]
struct Site {
    listed: Vec<Listed>,
    names: BTreeSet<String>,
    /// By the state of this user.
    taken_back: TakenBackIn,
    /// By the traces of this folder that hold: a run, and the one that took it back.
    told: BTreeMap<String, Undone>,
}

impl Site {
    /// The page of one trace, under a name that no other has.
    fn page_of(&mut self, trace: &Path) -> Result<(String, String), Problem> {
        let found = open_file(trace)?;
        let recorded = recorded(&found)?;
        let mut story = told(&found, &recorded, &mut self.taken_back);
        let checked = checked(&found)?;
        if story.taken_back.is_none() {
            story.taken_back = self.told.get(&story.run).cloned();
        }
        let stands = checked.holds && story.taken_back.is_none();
        if let Some((of, undone)) = story.takes_back().filter(|_| stands) {
            self.told.entry(of.to_owned()).or_insert(undone);
        }
        // the name is ours: of an id that is one, else of a number
        let id = story.run.parse::<RunId>().map(|id| format!("run-{id}"));
        let mut name = id.unwrap_or_else(|_| format!("trace-{}", self.names.len() + 1));
        while !self.names.insert(name.clone()) {
            name.push_str("-again");
        }
        let page = format!("{name}.html");
        self.listed.push(Listed::of(&story, &page, &checked));
        let html = run_page(&story, &recorded, &checked, Some(INDEX));
        Ok((page, html))
    }
}
