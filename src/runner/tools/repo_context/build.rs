//! Commands that are written down outside of manifests: targets of a Makefile, recipes of a justfile, and what
//! continuous integration runs.

use crate::document::{Entry, Syntax, Text, Tree, Value};

use super::manifests::{Command, Doc, Fault, purpose_of};

/// Keys of CI files whose values are commands.
const CI_KEYS: [&str; 4] = ["run", "script", "before_script", "command"];

/// The commands of a file, if it is of a kind that has them.
pub(super) fn commands(path: &str, text: &str) -> Result<Vec<Command>, Fault> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let yaml = [".yml", ".yaml"].iter().any(|ending| path.ends_with(ending));
    Ok(match name {
        "Makefile" | "makefile" | "GNUmakefile" => targets(text, "make"),
        "justfile" | "Justfile" | ".justfile" => targets(text, "just"),
        "CMakeLists.txt" if !path.contains('/') => cmake(),
        "tox.ini" => vec![Command { purpose: "test", command: "tox".to_owned(), line: 1 }],
        _ if yaml && is_ci(path, name) => return ci(text),
        _ => Vec::new(),
    })
}

fn is_ci(path: &str, name: &str) -> bool {
    path.starts_with(".github/workflows/")
        || path == ".circleci/config.yml"
        || (matches!(name, ".gitlab-ci.yml" | "azure-pipelines.yml" | ".travis.yml") && name == path)
}

fn cmake() -> Vec<Command> {
    let command = |purpose, command: &str| Command { purpose, command: command.to_owned(), line: 1 };
    vec![command("build", "cmake -S . -B build && cmake --build build")]
}

/// Names before a `:` at the start of a line.
fn targets(text: &str, program: &str) -> Vec<Command> {
    let found = text.lines().enumerate().filter_map(|(at, line)| {
        let (name, rest) = line.split_once(':')?;
        let name = name.split_whitespace().next().filter(|first| name.starts_with(first))?;
        let good = name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
        let is_target = good && !rest.starts_with('=') && !rest.starts_with(":=");
        is_target.then(|| Command {
            purpose: purpose_of(name),
            command: format!("{program} {name}"),
            line: at as u64 + 1,
        })
    });
    found.collect()
}

fn ci(text: &str) -> Result<Vec<Command>, Fault> {
    let doc = Doc::parse(text, Syntax::Yaml)?;
    let mut found = Vec::new();
    walk(&doc, &doc.tree, &mut found);
    Ok(found)
}

fn walk(doc: &Doc, tree: &Tree, found: &mut Vec<Command>) {
    for Entry { key, value } in tree.entries() {
        if CI_KEYS.contains(&key.value.as_str()) {
            take(doc, value, found);
        } else {
            walk(doc, value, found);
        }
    }
    tree.items().iter().for_each(|item| walk(doc, item, found));
}

fn take(doc: &Doc, tree: &Tree, found: &mut Vec<Command>) {
    match &tree.value {
        Value::String(text) => take_lines(doc, text, found),
        Value::List(items) => items.iter().for_each(|item| take(doc, item, found)),
        Value::Map(_) => walk(doc, tree, found),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

/// Each line of a script that is no comment.
fn take_lines(doc: &Doc, text: &Text, found: &mut Vec<Command>) {
    let mut offset = 0;
    for line in text.as_str().split_inclusive('\n') {
        let command = line.trim();
        let start = offset + line.len() - line.trim_start().len();
        offset += line.len();
        if !command.is_empty() && !command.starts_with('#') {
            let line = doc.line(text.part(start, start + command.len()));
            found.push(Command { purpose: purpose_of(command), command: command.to_owned(), line });
        }
    }
}
