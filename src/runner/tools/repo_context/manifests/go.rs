//! `go.mod`

use super::found::{Command, Dependency, Manifest};

pub(super) fn read(text: &str) -> Manifest {
    let mut manifest = Manifest { kind: "go", ..Manifest::default() };
    let mut in_require = false;
    for (at, line) in text.lines().enumerate() {
        let number = at as u64 + 1;
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let words: Vec<&str> = code.split_whitespace().collect();
        match words.as_slice() {
            ["module", name] => {
                (*name).clone_into(&mut manifest.name);
                manifest.line = number;
            }
            ["require", "("] => in_require = true,
            [")"] => in_require = false,
            ["require", name, version] => {
                manifest.dependencies.push(dependency(name, version, comment, number));
            }
            [name, version] if in_require => {
                manifest.dependencies.push(dependency(name, version, comment, number));
            }
            _ => {}
        }
    }
    let line = manifest.line.max(1);
    manifest.commands = vec![
        Command { purpose: "build", command: "go build ./...".to_owned(), line },
        Command { purpose: "test", command: "go test ./...".to_owned(), line },
    ];
    manifest
}

fn dependency(name: &str, version: &str, comment: &str, line: u64) -> Dependency {
    let scope = if comment.trim() == "indirect" { "indirect" } else { "normal" };
    Dependency { name: name.to_owned(), requirement: version.to_owned(), scope: scope.to_owned(), line }
}
