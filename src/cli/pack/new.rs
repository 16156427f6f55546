//! `lgflow pack new`: the folder of a pack that passes its own test.
#![expect(clippy::disallowed_methods, reason = "the author's own folder is written as the author says")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::cli::problem::Problem;
use crate::model::PackName;
use crate::view::escaped;

use super::add::pack_name;

/// Arguments of `lgflow pack new`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow pack new acme/base             writes base/\n  lgflow pack new acme/base --in packs  writes packs/base/\n\nThen `lgflow pack test base`, a commit, and a tag `v0.1.0`: others add it by its repository."
)]
pub(super) struct NewArgs {
    /// `publisher/name`
    #[arg(value_name = "PACK")]
    pack: String,
    /// The folder to write it in
    #[arg(long = "in", value_name = "FOLDER", default_value = ".")]
    parent: PathBuf,
}

pub(super) fn run(args: &NewArgs, output: Output) -> Result<Exit, Problem> {
    let name = pack_name(&args.pack)?;
    let here = args.parent == Path::new(".");
    let folder = if here { PathBuf::from(name.short()) } else { args.parent.join(name.short()) };
    let shown = escaped(&folder.display().to_string());
    if folder.symlink_metadata().is_ok() {
        return Err(Problem::with(
            Exit::Failed,
            "failed",
            format!("`{shown}` exists already, and nothing is overwritten; name another folder with `--in`"),
        ));
    }
    let files = files(&name);
    for (path, text) in &files {
        write(&folder.join(path), text)
            .map_err(|error| Problem::failed(format!("cannot write `{shown}/{path}`"), &error))?;
    }
    let paths: Vec<String> = files.iter().map(|(path, _)| format!("{}/{path}", folder.display())).collect();
    Ok(output.either(
        || {
            let lines: String =
                paths.iter().fold(String::new(), |all, path| all + "wrote " + &escaped(path) + "\n");
            format!("{lines}next: lgflow pack test {shown}\n")
        },
        || json!({ "schema": "lgflow.pack_new/v1", "name": name.as_str(), "files": paths }),
    ))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn files(name: &PackName) -> [(&'static str, String); 3] {
    let manifest = format!(
        "schema: lgflow.pack/v1\nname: {name}\nversion: 0.1.0\ndescription: What {} asks of every automated change.\n",
        name.publisher()
    );
    let policy = format!(
        "schema: lgflow.policy/v1\nname: {}\ndescription: A ceiling. It denies, and allows nothing by itself.\npaths:\n  write: {{ deny: [\".github/**\", \"**/*.pem\"] }}\nlimits: {{ patch_files: 50 }}\n",
        name.short()
    );
    let tests = "schema: lgflow.policy_test/v1\npolicy: [\"builtin:contained\", \"../policy.yaml\"]\ncases:\n  - { tool: read_file, input: { path: src/lib.rs }, expect: allow }\n  - { tool: read_file, input: { path: .env }, expect: deny }\n";
    [("pack.yaml", manifest), ("policy.yaml", policy), ("tests/policy.yaml", tests.to_owned())]
}
