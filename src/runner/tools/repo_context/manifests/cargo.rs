//! `Cargo.toml`

use crate::document::{Syntax, Tree};

use super::document::{Doc, shown};
use super::found::{Command, Dependency, EntryPoint, Fault, Manifest};

/// Tables of dependencies, with their scope.
const TABLES: [(&str, &str); 3] =
    [("dependencies", "normal"), ("dev-dependencies", "dev"), ("build-dependencies", "build")];

pub(super) fn read(text: &str) -> Result<Manifest, Fault> {
    let doc = Doc::table(text, Syntax::Toml)?;
    let mut dependencies = Vec::new();
    take_tables(&doc, &doc.tree, &mut dependencies);
    if let Some(workspace) = doc.at(&["workspace", "dependencies"]) {
        take(&doc, workspace, "workspace", &mut dependencies);
    }
    for target in doc.at(&["target"]).map(Tree::entries).unwrap_or_default() {
        take_tables(&doc, &target.value, &mut dependencies);
    }
    let start = doc.line_of(&["package"]).max(doc.line_of(&["workspace"])).max(1);
    Ok(Manifest {
        name: doc.text(&["package", "name"]),
        version: doc.text(&["package", "version"]),
        description: doc.text(&["package", "description"]),
        licence: doc.text(&["package", "license"]),
        licence_line: doc.line_of(&["package", "license"]),
        line: doc.line_of(&["package", "name"]),
        dependencies,
        members: doc.texts(&["workspace", "members"]),
        entry_points: entry_points(&doc),
        commands: vec![
            Command { purpose: "build", command: "cargo build".to_owned(), line: start },
            Command { purpose: "test", command: "cargo test".to_owned(), line: start },
        ],
        ..Manifest::default()
    })
}

fn take_tables(doc: &Doc, tree: &Tree, found: &mut Vec<Dependency>) {
    for (table, scope) in TABLES {
        if let Some(table) = tree.get(table) {
            take(doc, table, scope, found);
        }
    }
}

fn take(doc: &Doc, table: &Tree, scope: &str, found: &mut Vec<Dependency>) {
    for entry in table.entries() {
        let value = &entry.value;
        let requirement = ["version", "path", "git"].into_iter().find_map(|key| {
            let text = shown(value.get(key)?);
            Some(if key == "version" { text } else { format!("{key} {text}") })
        });
        let requirement = requirement.unwrap_or_else(|| {
            if value.get("workspace").is_some() { "workspace".to_owned() } else { shown(value) }
        });
        found.push(Dependency {
            name: entry.key.value.clone(),
            requirement,
            scope: scope.to_owned(),
            line: doc.line(entry.key.span),
        });
    }
}

/// What is written; what Cargo finds by itself is found among the files.
fn entry_points(doc: &Doc) -> Vec<EntryPoint> {
    let mut found = Vec::new();
    for bin in doc.at(&["bin"]).map(Tree::items).unwrap_or_default() {
        found.push(entry_point(doc, bin, "program"));
    }
    if let Some(lib) = doc.at(&["lib"]) {
        found.push(entry_point(doc, lib, "library"));
    }
    found
}

fn entry_point(doc: &Doc, tree: &Tree, kind: &'static str) -> EntryPoint {
    let text = |key| tree.get(key).map(shown).unwrap_or_default();
    let line = tree.entries().first().map_or(1, |entry| doc.line(entry.key.span));
    EntryPoint { kind, name: text("name"), target: text("path"), line }
}
