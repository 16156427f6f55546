//! `package.json`

use crate::document::{Syntax, Tree};

use super::document::{Doc, shown};
use super::found::{Command, Dependency, EntryPoint, Manifest, purpose_of};

const TABLES: [(&str, &str); 4] = [
    ("dependencies", "normal"),
    ("devDependencies", "dev"),
    ("peerDependencies", "peer"),
    ("optionalDependencies", "optional"),
];

pub(super) fn read(text: &str) -> Manifest {
    let Some(doc) = Doc::parse(text, Syntax::Json) else {
        return Manifest { kind: "npm", ..Manifest::default() };
    };
    let members = doc.texts(&["workspaces"]);
    Manifest {
        kind: "npm",
        name: doc.text(&["name"]),
        version: doc.text(&["version"]),
        description: doc.text(&["description"]),
        licence: doc.text(&["license"]),
        licence_line: doc.line_of(&["license"]),
        line: doc.line_of(&["name"]),
        dependencies: TABLES.iter().flat_map(|(table, scope)| table_of(&doc, table, scope)).collect(),
        members: if members.is_empty() { doc.texts(&["workspaces", "packages"]) } else { members },
        entry_points: entry_points(&doc),
        commands: commands(&doc),
    }
}

/// A table of names and requirements; PHP's composer has the same.
pub(super) fn table_of(doc: &Doc, table: &str, scope: &str) -> Vec<Dependency> {
    let entries = doc.at(&[table]).map(Tree::entries).unwrap_or_default();
    let dependency = |entry: &crate::document::Entry| Dependency {
        name: entry.key.value.clone(),
        requirement: shown(&entry.value),
        scope: scope.to_owned(),
        line: doc.line(entry.key.span),
    };
    entries.iter().map(dependency).collect()
}

fn entry_points(doc: &Doc) -> Vec<EntryPoint> {
    let mut found = Vec::new();
    let mut add = |kind, name: String, target: String, line| {
        found.push(EntryPoint { kind, name, target, line });
    };
    match doc.at(&["bin"]) {
        Some(bin) if bin.as_str().is_some() => {
            add("program", doc.text(&["name"]), shown(bin), doc.line_of(&["bin"]));
        }
        Some(bin) => {
            for entry in bin.entries() {
                add("program", entry.key.value.clone(), shown(&entry.value), doc.line(entry.key.span));
            }
        }
        None => {}
    }
    for key in ["main", "module", "browser"] {
        let target = doc.text(&[key]);
        if !target.is_empty() {
            add("module", key.to_owned(), target, doc.line_of(&[key]));
        }
    }
    found
}

/// `npm` stands for whatever the lock file says.
fn commands(doc: &Doc) -> Vec<Command> {
    let scripts = doc.at(&["scripts"]).map(Tree::entries).unwrap_or_default();
    let command = |entry: &crate::document::Entry| Command {
        purpose: purpose_of(&entry.key.value),
        command: format!("npm run {}", entry.key.value),
        line: doc.line(entry.key.span),
    };
    scripts.iter().map(command).collect()
}
