//! The runner elsewhere that a run's calls are made by: from flags, settings and one variable, or from the record of a run
//! that is gone on with.
#![expect(clippy::disallowed_methods, reason = "a token may come in a variable, which no settings hold")]

use std::env;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::client::RunnerUrl;
use crate::config::Settings;
use crate::digest::PublicKey;
use crate::files::read_given;
use crate::front::{Elsewhere, Flag, Secret};
use crate::ledger::ElsewhereRecord;
use crate::view::escaped;

use super::problem::Problem;
use super::runner::TOKEN;

/// Bytes of a file with a token.
const LIMIT: u64 = 4096;

/// A runner that is not one of our own.
#[derive(Debug, Args)]
pub(super) struct ElsewhereArgs {
    /// Have the calls made by a runner elsewhere, as `lgflow runner` serves one: `https://HOST`, `http://127.0.0.1:PORT` or `unix:PATH`
    #[arg(long, value_name = "URL", conflicts_with_all = ["plan", "queue"])]
    runner: Option<String>,
    /// The file with the token for it; else the variable LGFLOW_RUNNER_TOKEN
    #[expect(
        clippy::doc_markdown,
        reason = "it is printed as help, which has none of these marks around a variable"
    )]
    #[arg(long, value_name = "FILE")]
    runner_token_file: Option<String>,
    /// The key that it must have: `ed25519:…`, as it prints it when it starts
    #[arg(long, value_name = "KEY")]
    runner_key: Option<String>,
}

impl ElsewhereArgs {
    /// The settings that they set.
    pub(super) fn flags(&self) -> impl Iterator<Item = Flag> {
        let flag = |key, flag: &str, value: &Option<String>| {
            value.as_ref().map(|value| (key, flag.to_owned(), value.clone()))
        };
        let all = [
            flag("runner", "--runner", &self.runner),
            flag("runner_token_file", "--runner-token-file", &self.runner_token_file),
            flag("runner_key", "--runner-key", &self.runner_key),
        ];
        all.into_iter().flatten()
    }
}

/// The runner elsewhere that the settings name, if they name one.
pub(super) fn elsewhere(settings: &Settings) -> Result<Option<Elsewhere>, Problem> {
    let Some(url) = settings.runner() else { return Ok(None) };
    of(url, settings.runner_token_file().map(Path::new), settings.runner_key()).map(Some)
}

/// The one at an address that a flag names.
pub(super) fn runner_at(
    url: &str,
    token_file: Option<&Path>,
    key: Option<&str>,
) -> Result<Elsewhere, Problem> {
    of(url, token_file, key)
}

/// The one that a run was started with.
pub(super) fn elsewhere_again(record: Option<&ElsewhereRecord>) -> Result<Option<Elsewhere>, Problem> {
    let Some(record) = record else { return Ok(None) };
    of(&record.url, record.token_file.as_deref(), record.key.as_deref()).map(Some)
}

fn of(url: &str, token_file: Option<&Path>, key: Option<&str>) -> Result<Elsewhere, Problem> {
    let wrong =
        |what: &str, error: &dyn std::fmt::Display| Problem::usage(escaped(&format!("{what}: {error}")));
    let url: RunnerUrl =
        url.parse().map_err(|error| wrong("the runner (`--runner`, LGFLOW_RUNNER or `runner`)", &error))?;
    let key = key.map(PublicKey::parse).transpose();
    let key = key.map_err(|error| {
        wrong("the runner's key (`--runner-key`, LGFLOW_RUNNER_KEY or `runner_key`)", &error)
    })?;
    let token_file = token_file.map(std::path::absolute).transpose();
    let token_file: Option<PathBuf> = token_file.map_err(|error| Problem::failed("cannot begin", &error))?;
    let token = match &token_file {
        Some(file) => Some(read_given(file, LIMIT).map_err(|error| super::validate::unreadable(&error))?),
        None => env::var(TOKEN).ok(),
    };
    let token = token.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if token.as_ref().is_some_and(|text| !text.chars().all(|c| c.is_ascii_graphic())) {
        return Err(Problem::usage("the token of the runner is not one word of printable characters"));
    }
    Ok(Elsewhere { url, token: token.map(Secret), token_file, key })
}
