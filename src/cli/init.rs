//! `lgflow init`: a graph, a policy and a prompt that fit the repository. Overwrites nothing.
#![expect(
    clippy::disallowed_methods,
    reason = "init writes the files that it shows, into the user's own folder"
)]

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::template::{Language, NewFile, Template};

/// Arguments of `lgflow init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow init                     write .lg/ for the languages found here\n  lgflow init --diff              show what would be written\n  lgflow init --template report   without running any command\n\nWhat is written is trusted; what you change afterwards asks for `lgflow trust`."
)]
pub struct InitArgs {
    /// The template; without one, `verify` where a language is found, else `report`
    #[arg(long, value_enum, value_name = "NAME")]
    template: Option<Template>,
    /// Print what would be written, write nothing
    #[arg(long)]
    diff: bool,
}

pub(super) fn run(args: &InitArgs, output: Output) -> Result<Exit, Problem> {
    let languages = languages();
    let usual = if languages.is_empty() { Template::Report } else { Template::Verify };
    let files = args.template.unwrap_or(usual).files(&name()?, &languages);
    if args.diff {
        return Ok(output.either(|| diff(&files), || document(&files, false)));
    }
    refuse_existing(&files)?;
    super::trust::here()?;
    let mut made = Vec::new();
    let done = write_all(&files, &mut made).and_then(|()| super::trust::trust_written());
    done.inspect_err(|_| take_back(&made))?;
    Ok(output.either(|| written(&files), || document(&files, true)))
}

/// The languages whose sign stands in this folder, each once.
fn languages() -> Vec<Language> {
    let mut found = Vec::new();
    for (sign, language) in Language::SIGNS {
        if Path::new(sign).is_file() && !found.contains(&language) {
            found.push(language);
        }
    }
    found
}

fn name() -> Result<String, Problem> {
    let here =
        std::env::current_dir().map_err(|error| Problem::failed("cannot tell the current folder", &error))?;
    Ok(here.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
}

/// Nothing is written where one of the files is there already, or `.lg` is no folder of its own.
fn refuse_existing(files: &[NewFile]) -> Result<(), Problem> {
    if fs::symlink_metadata(".lg").is_ok_and(|found| !found.is_dir()) {
        return Err(Problem::with(
            Exit::Failed,
            "failed",
            "`.lg` is there and is no folder; move it away first",
        ));
    }
    let there: Vec<String> = files
        .iter()
        .map(|file| format!(".lg/{}", file.path))
        .filter(|path| fs::symlink_metadata(path).is_ok())
        .map(|path| format!("`{path}`"))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "{} exists already, and init overwrites nothing; `lgflow init --diff` shows what it would write",
        there.join(", ")
    );
    Err(Problem::with(Exit::Failed, "failed", detail))
}

fn write_all(files: &[NewFile], made: &mut Vec<PathBuf>) -> Result<(), Problem> {
    for file in files {
        write(file, made)
            .map_err(|error| Problem::failed(format!("cannot write `.lg/{}`", file.path), &error))?;
    }
    Ok(())
}

fn write(file: &NewFile, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let path = Path::new(".lg").join(file.path);
    let folders: Vec<&Path> = path.ancestors().skip(1).filter(|folder| *folder != Path::new("")).collect();
    for folder in folders.into_iter().rev() {
        match fs::create_dir(folder) {
            Ok(()) => made.push(folder.to_owned()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let mut opened = OpenOptions::new().write(true).create_new(true).open(&path)?;
    made.push(path);
    opened.write_all(file.text.as_bytes())
}

/// What was made, taken away again: half of it is no use to anybody, and would be in the way of the next try.
fn take_back(made: &[PathBuf]) {
    for path in made.iter().rev() {
        // what can't be removed stays, and the reason why nothing worked is told by the caller
        drop(fs::remove_file(path).or_else(|_| fs::remove_dir(path)));
    }
}

fn diff(files: &[NewFile]) -> String {
    let mut text = String::new();
    for file in files {
        let old = fs::read_to_string(Path::new(".lg").join(file.path));
        let from = match &old {
            Err(error) if error.kind() == ErrorKind::NotFound => "/dev/null".to_owned(),
            _ => format!("a/.lg/{}", file.path),
        };
        let old = old.unwrap_or_default();
        if old == file.text {
            continue;
        }
        let lines = |text: &str| text.lines().count();
        // writing to a string can't fail
        let _ = writeln!(text, "--- {from}\n+++ b/.lg/{}", file.path);
        let range = |count: usize| if count == 0 { "0,0".to_owned() } else { format!("1,{count}") };
        let _ = writeln!(text, "@@ -{} +{} @@", range(lines(&old)), range(lines(&file.text)));
        for (mark, side) in [('-', &old), ('+', &file.text)] {
            for line in side.lines() {
                let _ = writeln!(text, "{mark}{line}");
            }
        }
    }
    text
}

fn written(files: &[NewFile]) -> String {
    let mut text = String::new();
    for file in files {
        // writing to a string can't fail
        let _ = writeln!(text, "wrote .lg/{}", file.path);
    }
    text.push_str("next: lgflow validate, then lgflow run\n");
    text
}

fn document(files: &[NewFile], written: bool) -> serde_json::Value {
    let files: Vec<_> =
        files.iter().map(|file| json!({ "path": format!(".lg/{}", file.path), "text": file.text })).collect();
    json!({ "schema": "lgflow.init/v1", "written": written, "files": files })
}
