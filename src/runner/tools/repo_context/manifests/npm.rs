//! `package.json`

use crate::document::Syntax;

use super::document::{Doc, shown};
use super::found::{EntryPoint, Fault, Manifest};
use super::package::package;

const TABLES: [(&str, &str); 4] = [
    ("dependencies", "normal"),
    ("devDependencies", "dev"),
    ("peerDependencies", "peer"),
    ("optionalDependencies", "optional"),
];

/// `npm` stands for whatever the lock file says.
pub(super) fn read(text: &str) -> Result<Manifest, Fault> {
    let doc = Doc::table(text, Syntax::Json)?;
    let members = doc.texts(&["workspaces"]);
    Ok(Manifest {
        members: if members.is_empty() { doc.texts(&["workspaces", "packages"]) } else { members },
        entry_points: entry_points(&doc),
        ..package(&doc, &TABLES, "npm")
    })
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
