//! `lgflow man`: the manual pages, one a command.
#![expect(clippy::disallowed_methods, reason = "the pages are written where the user says")]

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use super::output::Output;
use super::problem::Problem;
use super::schema::unknown;
use super::{Cli, Exit};

/// Arguments of `lgflow man`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow man | man -l -                  the main page\n  lgflow man validate                    the page of a command\n  lgflow man --dir ~/.local/share/man/man1   write all of them"
)]
pub struct ManArgs {
    /// The command whose page is printed; without one, the main page
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write all pages into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, output: Output) -> Result<Exit, Problem> {
    let pages = pages()?;
    if let Some(dir) = &args.dir {
        return write(&pages, dir, output);
    }
    let wanted = args.command.as_ref().map_or("lgflow".to_owned(), |command| format!("lgflow-{command}"));
    let Some((_, page)) = pages.iter().find(|(name, _)| *name == wanted) else {
        let known = pages.iter().filter_map(|(name, _)| name.strip_prefix("lgflow-"));
        return Err(unknown("command", args.command.as_deref().unwrap_or_default(), known));
    };
    output.own(&String::from_utf8_lossy(page));
    Ok(Exit::Done)
}

/// Name and text of each page.
fn pages() -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let mut root = Cli::command();
    root.build();
    let mut pages = vec![page(root.clone(), "lgflow".to_owned())?];
    for sub in root.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("lgflow-{}", sub.get_name());
        pages.push(page(sub.clone().display_name(&name), name)?);
    }
    Ok(pages)
}

fn page(command: clap::Command, name: String) -> Result<(String, Vec<u8>), Problem> {
    let mut text = Vec::new();
    Man::new(command)
        .render(&mut text)
        .map_err(|error| Problem::failed("cannot draw a manual page", &error))?;
    Ok((name, text))
}

fn write(pages: &[(String, Vec<u8>)], dir: &Path, output: Output) -> Result<Exit, Problem> {
    let failed = |error| Problem::failed(format!("cannot write to `{}`", dir.display()), &error);
    std::fs::create_dir_all(dir).map_err(failed)?;
    for (name, text) in pages {
        std::fs::write(dir.join(format!("{name}.1")), text).map_err(failed)?;
    }
    output.note(&format!("{} pages written to {}\n", pages.len(), dir.display()));
    Ok(Exit::Done)
}
