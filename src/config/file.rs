//! One file of settings, read: dotted keys with their places; what may not stand in it is said.

use crate::diag::{Diagnostic, Diagnostics, codes, nearest, suggestion};
use crate::document::{Entry, Limits, Syntax, Tree, Value, parse};
use crate::effect::SecretDeclaration;
use crate::source::{FileId, Sources, Span};

use super::key::NEVER_IN_A_WORKSPACE;
use super::models::{WrittenModel, models, private};
use super::secrets::secrets;
use super::{Class, KEYS, KeyInfo};

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The machine's or the user's.
    User,
    /// The workspace's.
    Workspace,
}

/// A value of a file.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) info: &'static KeyInfo,
    pub(super) value: Tree,
}

/// What a file says: for everybody, and by profile.
#[derive(Debug, Clone, Default)]
pub(super) struct FileSettings {
    pub(super) values: Vec<Written>,
    pub(super) profiles: Vec<(String, Vec<Written>)>,
    pub(super) secrets: Vec<SecretDeclaration>,
    pub(super) models: Vec<WrittenModel>,
    pub(super) private: Vec<String>,
}

/// Reads a file of settings.
pub(super) fn read(sources: &Sources, file: FileId, owner: Owner, found: &mut Diagnostics) -> FileSettings {
    let mut settings = FileSettings::default();
    let Some(parsed) = parse(sources, file, Syntax::Toml, &Limits::default(), found) else { return settings };
    for entry in parsed.tree.entries() {
        match (owner, entry.key.value.as_str()) {
            (Owner::User, "profile") => settings.profiles = profiles(entry, found),
            (Owner::User, "secrets") => settings.secrets = secrets(entry, found),
            (Owner::User, "models") => settings.models = models(entry, found),
            (Owner::User, "network") => settings.private = private(entry, found),
            _ => section("", entry, owner, &mut settings.values, found),
        }
    }
    settings
}

fn profiles(entry: &Entry, found: &mut Diagnostics) -> Vec<(String, Vec<Written>)> {
    let read = |profile: &Entry| {
        let mut values = Vec::new();
        for entry in profile.value.entries() {
            section("", entry, Owner::User, &mut values, found);
        }
        (profile.key.value.clone(), values)
    };
    entry.value.entries().iter().map(read).collect()
}

/// A key, or a section of keys.
fn section(prefix: &str, entry: &Entry, owner: Owner, values: &mut Vec<Written>, found: &mut Diagnostics) {
    let key = format!("{prefix}{}", entry.key.value);
    let top = key.split('.').next().unwrap_or_default();
    if let Some(info) = KeyInfo::find(&key).filter(|info| info.class == Class::OneRun) {
        found.push(for_one_run(info, entry.key.span));
        return;
    }
    if owner == Owner::Workspace && NEVER_IN_A_WORKSPACE.contains(&top) {
        found.push(not_here(&key, entry.key.span));
        return;
    }
    let Some(info) = KeyInfo::find(&key) else {
        let inner = format!("{key}.");
        if matches!(entry.value.value, Value::Map(_)) && KEYS.iter().any(|info| info.key.starts_with(&inner))
        {
            entry.value.entries().iter().for_each(|entry| section(&inner, entry, owner, values, found));
        } else {
            found.push(unknown(prefix, &key, entry.key.span));
        }
        return;
    };
    if info.class == Class::User && owner == Owner::Workspace {
        found.push(not_here(&key, entry.key.span));
    } else {
        values.push(Written { info, value: entry.value.clone() });
    }
}

fn not_here(key: &str, span: Span) -> Diagnostic {
    let message =
        format!("`{key}` may not stand in a workspace's configuration: no repository may choose it");
    let help = format!("move it to `~/.config/lgflow/config.toml`, or remove `{key}`");
    Diagnostic::new(codes::NOT_HERE, span, message).help(help)
}

fn for_one_run(info: &KeyInfo, span: Span) -> Diagnostic {
    let message = format!("`{}` is about one run, and no file sets it", info.key);
    let help = format!("remove it, and set `{}` for the run", info.variable());
    Diagnostic::new(codes::NOT_HERE, span, message).help(help)
}

fn unknown(prefix: &str, key: &str, span: Span) -> Diagnostic {
    let all = || KEYS.iter().filter(|info| info.class != Class::OneRun).map(|info| info.key);
    let near = nearest(key, all()).and_then(|near| near.strip_prefix(prefix));
    let help = match near {
        Some(near) => Some(format!("write `{near}`")),
        None => suggestion(key, all()),
    };
    Diagnostic::new(codes::UNKNOWN_KEY, span, format!("unknown setting `{key}`")).maybe_help(help)
}
