//! What `package.json` and `composer.json` have alike: a JSON object that names a package, with tables of requirements
//! and of scripts.

use crate::document::{Entry, Tree};

use super::document::{Doc, shown};
use super::found::{Command, Dependency, Manifest, purpose_of};

/// The package, with the dependencies of `tables` (key, scope); `runner` runs a script by its name.
pub(super) fn package(doc: &Doc, tables: &[(&str, &str)], runner: &str) -> Manifest {
    Manifest {
        name: doc.text(&["name"]),
        version: doc.text(&["version"]),
        description: doc.text(&["description"]),
        licence: doc.text(&["license"]),
        licence_line: doc.line_of(&["license"]),
        line: doc.line_of(&["name"]),
        dependencies: tables.iter().flat_map(|(table, scope)| requirements(doc, table, scope)).collect(),
        commands: scripts(doc, runner),
        ..Manifest::default()
    }
}

fn entries<'a>(doc: &'a Doc, table: &str) -> &'a [Entry] {
    doc.at(&[table]).map(Tree::entries).unwrap_or_default()
}

fn requirements(doc: &Doc, table: &str, scope: &str) -> Vec<Dependency> {
    let dependency = |entry: &Entry| Dependency {
        name: entry.key.value.clone(),
        requirement: shown(&entry.value),
        scope: scope.to_owned(),
        line: doc.line(entry.key.span),
    };
    entries(doc, table).iter().map(dependency).collect()
}

fn scripts(doc: &Doc, runner: &str) -> Vec<Command> {
    let command = |entry: &Entry| Command {
        purpose: purpose_of(&entry.key.value),
        command: format!("{runner} run {}", entry.key.value),
        line: doc.line(entry.key.span),
    };
    entries(doc, "scripts").iter().map(command).collect()
}
