//! The settings in force: reads the files and variables that `config` judges.
#![expect(clippy::disallowed_methods, reason = "settings come from files and variables of the user")]

use std::env;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::{ConfigInput, Settings, resolve};
use crate::diag::Diagnostics;
use crate::files::{FileError, OwnFolder, read_given};
use crate::source::{FileId, Sources};

use super::Place;

/// The machine's settings.
const MACHINE: &str = "/etc/lgflow/config.toml";
/// Bytes of a file of settings.
const LIMIT: u64 = 1 << 20;

/// A flag that sets a key: the key, the flag's name, the value.
pub type Flag = (&'static str, String, String);

/// The settings of `place`, with `flags` on top. Findings go into `found`.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn settings(
    place: &Place,
    flags: Vec<Flag>,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Settings, FileError> {
    let input = ConfigInput {
        machine: given(Path::new(MACHINE), sources)?,
        user: given(&place.config.join("config.toml"), sources)?,
        workspace: workspace(&place.own().join(".lg/config.toml"), sources)?,
        variables: variables(),
        flags,
    };
    Ok(resolve(&input, sources, found))
}

fn given(path: &Path, sources: &mut Sources) -> Result<Option<FileId>, FileError> {
    if matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let text = read_given(path, LIMIT)?;
    Ok(Some(sources.add(path.display().to_string(), text)))
}

/// Never through a link: a repository may hold anything there.
fn workspace(path: &Path, sources: &mut Sources) -> Result<Option<FileId>, FileError> {
    if matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let (folder, name) = OwnFolder::of_file(path)?;
    let text = folder.read(&name, LIMIT)?;
    Ok(Some(sources.add(".lg/config.toml", text)))
}

fn variables() -> Vec<(String, String)> {
    let all = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    all.filter(|(name, _)| name.starts_with("LGFLOW_")).collect()
}
