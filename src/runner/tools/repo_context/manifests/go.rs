//! `go.mod`

use super::found::{Command, Dependency, Fault, Manifest};

const DIRECTIVES: [&str; 10] =
    ["module", "go", "toolchain", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"];

pub(super) fn read(text: &str) -> Result<Manifest, Fault> {
    let mut manifest = Manifest::default();
    // the directive whose block is open, and the line of its `(`
    let mut block: Option<(&str, u64)> = None;
    for (at, line) in text.lines().enumerate() {
        let number = at as u64 + 1;
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let words: Vec<&str> = code.split_whitespace().collect();
        let (directive, rest) = match (block, words.as_slice()) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (Some((directive, _)), rest) => (directive, rest),
            (None, [directive, "("]) if DIRECTIVES.contains(directive) => {
                block = Some((directive, number));
                continue;
            }
            (None, [directive, rest @ ..]) => (*directive, rest),
        };
        match (directive, rest) {
            ("module", [name]) => {
                name.trim_matches(['"', '`']).clone_into(&mut manifest.name);
                manifest.line = number;
            }
            ("require", [name, version]) => {
                manifest.dependencies.push(dependency(name, version, comment, number));
            }
            ("module" | "require", _) => {
                return Err(Fault::at(number, format!("`{directive}` does not stand like this")));
            }
            (directive, _) if DIRECTIVES.contains(&directive) => {}
            (word, _) => return Err(Fault::at(number, format!("`{word}` is no directive"))),
        }
    }
    if let Some((directive, line)) = block {
        return Err(Fault::at(line, format!("the block of `{directive}` has no end")));
    }
    if manifest.name.is_empty() {
        return Err(Fault::at(1, "it names no module"));
    }
    let line = manifest.line;
    manifest.commands = vec![
        Command { purpose: "build", command: "go build ./...".to_owned(), line },
        Command { purpose: "test", command: "go test ./...".to_owned(), line },
    ];
    Ok(manifest)
}

fn dependency(name: &str, version: &str, comment: &str, line: u64) -> Dependency {
    let scope = if comment.trim() == "indirect" { "indirect" } else { "normal" };
    Dependency { name: name.to_owned(), requirement: version.to_owned(), scope: scope.to_owned(), line }
}
