//! The policies of the machine and of the user: ceilings of every run, which no flag, variable or file of a workspace
//! removes.

use std::path::Path;

use crate::diag::Diagnostics;
use crate::document::Syntax;
use crate::effect::{FrozenLayer, LayerRole};
use crate::files::{OwnFolder, RelPath, read_given};
use crate::policy::{Packs, PolicyText, freeze};
use crate::source::Sources;

use super::TrustError;
use crate::files::private::{check_mine, check_roots, names_in};

/// Bytes of a policy file.
const LIMIT: u64 = 1 << 20;

/// The layers in `/etc/lgflow/policy.d` (the folder is given): each `*.yaml` and `*.toml`, by name. The folder and
/// each file must be root's, and nobody else's to write.
pub fn machine_layers(folder: &Path) -> Result<Vec<FrozenLayer>, TrustError> {
    let names = names_in(folder)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    check_roots(folder)?;
    let mut layers = Vec::new();
    for name in names.iter().filter(|name| syntax(name).is_some()) {
        let path = folder.join(name);
        check_roots(&path)?;
        layers.extend(layer(&path, &Packs::default())?);
    }
    Ok(layers)
}

/// The layer in `~/.config/lgflow/policy.yaml` (the path is given), if there is one; `packs` are those of the user's
/// own lock.
pub fn user_layer(path: &Path, packs: &Packs) -> Result<Vec<FrozenLayer>, TrustError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    check_mine(path)?;
    layer(path, packs)
}

/// A policy file that the machine or the user vouches for, with what it names beside it.
fn layer(path: &Path, packs: &Packs) -> Result<Vec<FrozenLayer>, TrustError> {
    let text = read_given(path, LIMIT).map_err(TrustError::file(path))?;
    let (folder, own) = OwnFolder::of_file(path).map_err(TrustError::file(path))?;
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let mut read = |_: &str, written: &str| read_beside(&folder, &own, written);
    let file = PolicyText {
        name: path.display().to_string(),
        text,
        syntax: syntax(&own.to_string()).unwrap_or(Syntax::Yaml),
    };
    let layers = freeze(file, LayerRole::Ceiling, packs, &mut sources, &mut read, &mut diagnostics);
    match diagnostics.iter().next() {
        None => Ok(layers),
        Some(first) => {
            let file = sources.get(first.span().file);
            let at = file.position(first.span().start);
            let help = first.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            let place = format!("{}:{}:{}", file.name(), at.line, at.column);
            Err(TrustError::Policy(format!("{place}: {}{help}", first.message)))
        }
    }
}

fn read_beside(folder: &OwnFolder, own: &RelPath, written: &str) -> Result<PolicyText, String> {
    let syntax = syntax(written).ok_or("is neither YAML, TOML nor JSON")?;
    let path = folder.resolve(own, written).map_err(|error| format!("cannot be opened: {error}"))?;
    let text = folder.read(&path, LIMIT).map_err(|error| format!("cannot be opened: {error}"))?;
    Ok(PolicyText { name: written.to_owned(), text, syntax })
}

fn syntax(name: &str) -> Option<Syntax> {
    Syntax::of_path(name)
}
