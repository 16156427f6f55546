//! `pyproject.toml` (PEP 621 and Poetry), `requirements*.txt`, and that there is a `setup.py`.

use crate::document::{Syntax, Tree};

use super::document::{Doc, shown};
use super::found::{Command, Dependency, EntryPoint, Fault, Manifest};

pub(super) fn pyproject(text: &str) -> Result<Manifest, Fault> {
    let doc = Doc::table(text, Syntax::Toml)?;
    let table: &[&str] = if doc.at(&["project"]).is_some() { &["project"] } else { &["tool", "poetry"] };
    let under = |key| [table, &[key]].concat();
    let licence = doc.text(&under("license"));
    Ok(Manifest {
        name: doc.text(&under("name")),
        version: doc.text(&under("version")),
        description: doc.text(&under("description")),
        licence: if licence.is_empty() {
            doc.text(&[&under("license")[..], &["text"]].concat())
        } else {
            licence
        },
        licence_line: doc.line_of(&under("license")),
        line: doc.line_of(&under("name")),
        dependencies: dependencies(&doc),
        entry_points: entry_points(&doc),
        commands: commands(&doc),
        ..Manifest::default()
    })
}

fn dependencies(doc: &Doc) -> Vec<Dependency> {
    let mut found = Vec::new();
    let listed = doc.at(&["project", "dependencies"]).map(Tree::items).unwrap_or_default();
    found.extend(listed.iter().filter_map(|item| requirement(doc, item, "normal")));
    for table in [["project", "optional-dependencies"].as_slice(), &["dependency-groups"]] {
        for group in doc.at(table).map(Tree::entries).unwrap_or_default() {
            let items = group.value.items().iter();
            found.extend(items.filter_map(|item| requirement(doc, item, &group.key.value)));
        }
    }
    let poetry = doc.at(&["tool", "poetry", "dependencies"]).map(Tree::entries).unwrap_or_default();
    found.extend(poetry.iter().map(|entry| Dependency {
        name: entry.key.value.clone(),
        requirement: entry.value.get("version").map_or_else(|| shown(&entry.value), shown),
        scope: "normal".to_owned(),
        line: doc.line(entry.key.span),
    }));
    found
}

fn requirement(doc: &Doc, item: &Tree, scope: &str) -> Option<Dependency> {
    let (name, requirement) = split(item.as_str()?)?;
    Some(Dependency { name, requirement, scope: scope.to_owned(), line: doc.line(item.span) })
}

/// A PEP 508 requirement: its name, and the rest.
fn split(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), text[end..].trim().to_owned()))
}

fn entry_points(doc: &Doc) -> Vec<EntryPoint> {
    let tables: [&[&str]; 3] =
        [&["project", "scripts"], &["project", "gui-scripts"], &["tool", "poetry", "scripts"]];
    let entries = tables.iter().filter_map(|table| doc.at(table)).flat_map(Tree::entries);
    let point = |entry: &crate::document::Entry| EntryPoint {
        kind: "script",
        name: entry.key.value.clone(),
        target: shown(&entry.value),
        line: doc.line(entry.key.span),
    };
    entries.map(point).collect()
}

fn commands(doc: &Doc) -> Vec<Command> {
    let mut found = Vec::new();
    if doc.at(&["build-system", "build-backend"]).is_some() {
        let line = doc.line_of(&["build-system", "build-backend"]);
        found.push(Command { purpose: "build", command: "python -m build".to_owned(), line });
    }
    if doc.at(&["tool", "pytest"]).is_some() {
        let line = doc.line_of(&["tool", "pytest"]);
        found.push(Command { purpose: "test", command: "python -m pytest".to_owned(), line });
    }
    found
}

/// Options (`-r`, `--hash`) are no dependencies; what begins like no requirement at all is a fault.
pub(super) fn requirements(text: &str) -> Result<Manifest, Fault> {
    let mut dependencies = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (number, line) = (at as u64 + 1, line.split(" #").next().unwrap_or_default());
        let line = line.trim().trim_end_matches('\\').trim_end();
        if line.is_empty() || line.starts_with(['#', '-']) {
            continue;
        }
        let Some((name, requirement)) = located(line).or_else(|| split(line)) else {
            return Err(Fault::at(number, "this is no requirement"));
        };
        let scope = "normal".to_owned();
        dependencies.push(Dependency { name, requirement, scope, line: number });
    }
    Ok(Manifest { dependencies, ..Manifest::default() })
}

/// A requirement that is a place and not a name: a URL, which may name its package, or a path.
fn located(line: &str) -> Option<(String, String)> {
    let url = line.find("://").is_some_and(|at| !line[..at].contains(char::is_whitespace));
    if !url && !line.starts_with(['.', '/']) {
        return None;
    }
    let egg = line.split_once("#egg=").map(|(_, name)| name.split('&').next().unwrap_or_default());
    Some(match egg {
        Some(name) if !name.is_empty() => (name.to_owned(), line.to_owned()),
        _ => (line.to_owned(), String::new()),
    })
}

/// A program: it is not run to ask it.
pub(super) fn setup(name: &str) -> Manifest {
    let command = Command { purpose: "build", command: "python -m build".to_owned(), line: 1 };
    let commands = if name == "setup.py" { vec![command] } else { Vec::new() };
    Manifest { commands, ..Manifest::default() }
}
