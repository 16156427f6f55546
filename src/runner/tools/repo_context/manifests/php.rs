//! `composer.json`

use crate::document::{Syntax, Tree};

use super::document::Doc;
use super::found::{Command, Manifest, purpose_of};
use super::npm::table_of;

pub(super) fn read(text: &str) -> Manifest {
    let Some(doc) = Doc::parse(text, Syntax::Json) else {
        return Manifest { kind: "composer", ..Manifest::default() };
    };
    let tables = [("require", "normal"), ("require-dev", "dev")];
    let scripts = doc.at(&["scripts"]).map(Tree::entries).unwrap_or_default();
    let commands = scripts.iter().map(|entry| Command {
        purpose: purpose_of(&entry.key.value),
        command: format!("composer run {}", entry.key.value),
        line: doc.line(entry.key.span),
    });
    Manifest {
        kind: "composer",
        name: doc.text(&["name"]),
        version: doc.text(&["version"]),
        description: doc.text(&["description"]),
        licence: doc.text(&["license"]),
        licence_line: doc.line_of(&["license"]),
        line: doc.line_of(&["name"]),
        dependencies: tables.iter().flat_map(|(table, scope)| table_of(&doc, table, scope)).collect(),
        commands: commands.collect(),
        ..Manifest::default()
    }
}
