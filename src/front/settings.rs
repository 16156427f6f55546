//! The settings in force: reads the files and variables that `config` judges.
#![expect(clippy::disallowed_methods, reason = "settings come from files and variables of the user")]

use std::env;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::OnceLock;

use crate::config::{ConfigInput, Settings, resolve};
use crate::diag::Diagnostics;
use crate::files::{FileError, OwnFolder, read_given};
use crate::source::{FileId, Sources};
use crate::store::passwords_in;

use super::Place;

/// The machine's settings.
const MACHINE: &str = "/etc/lgflow/config.toml";
/// Bytes of a file of settings.
const LIMIT: u64 = 1 << 20;

/// A flag that sets a key: the key, the flag's name, the value.
pub type Flag = (&'static str, String, String);

/// The flags that count for every command.
static TYPED: OnceLock<Vec<Flag>> = OnceLock::new();

/// Whatever files and variables say, these hold.
pub fn use_flags(flags: Vec<Flag>) {
    // the command line is read once
    let _ = TYPED.set(flags);
}

/// What the command line says of a key for every command.
pub(super) fn typed(key: &str) -> Option<&'static str> {
    TYPED.get()?.iter().find(|(known, ..)| *known == key).map(|(_, _, value)| value.as_str())
}

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
        flags: TYPED.get().into_iter().flatten().cloned().chain(flags).collect(),
    };
    let settings = resolve(&input, sources, found);
    // what is printed of a finding is printed with the lines around it
    for file in [input.machine, input.user, input.workspace].into_iter().flatten() {
        let passwords = passwords_in(sources.get(file).text());
        sources.cover(file, &passwords);
    }
    Ok(settings)
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
