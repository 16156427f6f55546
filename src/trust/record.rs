//! The record: for each workspace, by its real path, what a person trusted. It lies in `<state>/trust`.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::effect::FrozenLayer;

use super::{Deciding, TrustError};
use crate::files::private::{check_mine, make_folder, read, remove, replace};

/// The schema id of a record.
const SCHEMA: &str = "lgflow.trust/v1";

/// What a person trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    schema: String,
    /// The real path of the workspace.
    workspace: PathBuf,
    /// Each file that decided, when it was trusted.
    pub(super) files: BTreeMap<String, Digest>,
    /// The layers that its graph named, with their texts: what later ones are compared with.
    pub(super) layers: Vec<FrozenLayer>,
}

/// Records that the user trusts what a workspace (a real path) holds now. `layers` are those that its graph names.
pub fn record(
    state: &Path,
    workspace: &Path,
    deciding: &Deciding,
    layers: &[FrozenLayer],
) -> Result<(), TrustError> {
    make_folder(state)?;
    make_folder(&folder(state))?;
    let record = Record {
        schema: SCHEMA.to_owned(),
        workspace: workspace.to_owned(),
        files: deciding.files.clone(),
        layers: layers.to_vec(),
    };
    let path = place(state, workspace);
    let text = serde_json::to_string_pretty(&record)
        .map_err(|error| TrustError::Record { path: path.clone(), problem: error.to_string() })?;
    Ok(replace(&path, &text)?)
}

/// Takes trust back; was there any?
pub fn forget(state: &Path, workspace: &Path) -> Result<bool, TrustError> {
    Ok(remove(&place(state, workspace))?)
}

/// What the user trusted of a workspace, if anything.
pub(super) fn recorded(state: &Path, workspace: &Path) -> Result<Option<Record>, TrustError> {
    let path = place(state, workspace);
    if !folder(state).exists() {
        return Ok(None);
    }
    check_mine(&folder(state))?;
    let Some(text) = read(&path)? else { return Ok(None) };
    let problem = |problem: String| TrustError::Record { path: path.clone(), problem };
    let record: Record = serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?;
    if record.schema != SCHEMA || record.workspace != workspace {
        return Err(problem("it is about something else".to_owned()));
    }
    Ok(Some(record))
}

fn folder(state: &Path) -> PathBuf {
    state.join("trust")
}

fn place(state: &Path, workspace: &Path) -> PathBuf {
    folder(state).join(format!("{}.json", Digest::of(workspace.as_os_str().as_bytes()).hex()))
}
