//! What a repository says of itself in files that are read as a whole: manifests, README, licences, build files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::runner::tools::access::Reading;

use super::build;
use super::connected::{Packages, folder, join};
use super::licence::{is_licence, licence_of};
use super::manifests::{self, Command, Fault, Manifest};
use super::readme::{is_readme, readme};
use super::sample::is_sample;
use super::scan::{Content, FileFact, Scan};

/// The most manifests that are read: those of samples come last, and the highest folders first.
const MAX_MANIFESTS: usize = 200;
/// The most commands and entry points that are given back.
const MAX_ROWS: usize = 60;
/// A longer file of these kinds is not read.
const MAX_BYTES: u64 = 1 << 20;

/// A manifest with its place.
#[derive(Debug)]
struct Placed {
    path: String,
    digest: Digest,
    lines: u64,
    manifest: Manifest,
}

/// A command with its place.
#[derive(Debug)]
struct PlacedCommand {
    path: String,
    digest: Digest,
    command: Command,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Project {
    manifests: Vec<Placed>,
    commands: Vec<PlacedCommand>,
    licence_files: Vec<Value>,
    pub(super) readme: Vec<Value>,
    /// What is not in the lists because its file can't be read, in words.
    pub(super) notes: Vec<String>,
}

impl Project {
    pub(super) fn of(scan: &Scan, reading: &Reading<'_>) -> Self {
        let mut project = Self::default();
        let mut files: Vec<&FileFact> = scan
            .files
            .iter()
            .filter(|file| file.content == Content::Text && file.bytes <= MAX_BYTES)
            .collect();
        files.sort_by_key(|file| (is_sample(file.path.as_str()), file.path.parts().count(), &file.path));
        for file in files {
            project.take(file, reading);
        }
        project
    }

    fn take(&mut self, file: &FileFact, reading: &Reading<'_>) {
        let Some((parent, name)) = file.path.split() else { return };
        let at_top = parent.is_root();
        let path = file.path.as_str();
        let is_wanted = at_top && (is_readme(name) || is_licence(name));
        let might_be = matches!(
            file.path.extension().unwrap_or(name),
            "toml"
                | "json"
                | "txt"
                | "py"
                | "cfg"
                | "mod"
                | "xml"
                | "gradle"
                | "kts"
                | "yml"
                | "yaml"
                | "ini"
        ) || ["file", "Gemfile"].iter().any(|word| name.ends_with(word));
        if !is_wanted && !might_be {
            return;
        }
        let text = || {
            let bytes = reading.open_found(&file.path).ok()?.read(MAX_BYTES).ok()?;
            // a file that was changed since the scan is not what its digest says
            (Digest::of(&bytes) == file.digest).then(|| String::from_utf8_lossy(&bytes).into_owned())
        };
        let Some(text) = text() else { return };
        if at_top && is_readme(name) && self.readme.is_empty() {
            self.take_readme(file, &text);
        }
        if at_top && is_licence(name) {
            self.licence_files.push(json!({
                "name": licence_of(&text), "path": path, "line": 1, "source": "file", "digest": file.digest,
            }));
        }
        if self.manifests.len() < MAX_MANIFESTS
            && let Some(manifest) = manifests::read(name, &text)
        {
            let (path, digest) = (path.to_owned(), file.digest);
            self.manifests.push(Placed { path, digest, lines: file.lines, manifest });
        }
        match build::commands(path, &text) {
            Ok(commands) => self.commands.extend(commands.into_iter().map(|command| PlacedCommand {
                path: path.to_owned(),
                digest: file.digest,
                command,
            })),
            Err(Fault { line, message }) => {
                self.notes.push(format!("commands of {path}, which can't be read: line {line}: {message}"));
            }
        }
    }

    fn take_readme(&mut self, file: &FileFact, text: &str) {
        let found = readme(text);
        self.readme.push(json!({
            "path": file.path.as_str(), "title": found.title, "line": found.title_line,
            "summary": found.summary, "start": found.start, "end": found.end, "digest": file.digest,
        }));
    }

    pub(super) fn manifests(&self) -> Vec<Value> {
        let give = self.manifests.iter().map(|Placed { path, digest, lines, manifest }| {
            let dependencies: Vec<Value> = manifest
                .dependencies
                .iter()
                .map(|one| {
                    json!({
                        "name": one.name, "requirement": one.requirement, "scope": one.scope, "line": one.line,
                    })
                })
                .collect();
            json!({
                "path": path, "kind": manifest.kind, "name": manifest.name, "version": manifest.version,
                "description": manifest.description, "line": manifest.line, "lines": lines,
                "members": manifest.members, "dependencies": dependencies, "digest": digest,
                "error": manifest.fault.as_ref().map(|fault| &fault.message), "sample": is_sample(path),
            })
        });
        give.collect()
    }

    /// Licences that manifests at the top name, and licence files.
    pub(super) fn licences(&self) -> Vec<Value> {
        let named = self
            .manifests
            .iter()
            .filter(|placed| !placed.path.contains('/') && !placed.manifest.licence.is_empty());
        let named = named.map(|placed| {
            json!({
                "name": placed.manifest.licence, "path": placed.path, "line": placed.manifest.licence_line,
                "source": "manifest", "digest": placed.digest,
            })
        });
        named.chain(self.licence_files.iter().cloned()).collect()
    }

    /// How it is built, tested, checked and run: what manifests declare or imply, then what build files and continuous
    /// integration have. A manifest beneath another of its kind implies nothing of its own.
    pub(super) fn commands(&self, scan: &Scan) -> Vec<Value> {
        let mut rows: Vec<Value> = Vec::new();
        for placed in self.manifests.iter().filter(|placed| !self.is_beneath_its_kind(placed)) {
            for command in &placed.manifest.commands {
                let text = with_package_manager(scan, &placed.path, &command.command);
                rows.push(row(&placed.path, placed.digest, command, &text));
            }
        }
        rows.extend(
            self.commands
                .iter()
                .map(|placed| row(&placed.path, placed.digest, &placed.command, &placed.command.command)),
        );
        let place = |row: &Value| {
            let purposes = ["build", "test", "check", "run", "other"];
            (row["sample"].as_bool(), purposes.iter().position(|purpose| row["purpose"] == **purpose))
        };
        rows.sort_by_key(place);
        let mut seen = BTreeSet::new();
        rows.retain(|row| seen.insert((row["path"].to_string(), row["command"].to_string())));
        rows.truncate(MAX_ROWS);
        rows
    }

    fn is_beneath_its_kind(&self, placed: &Placed) -> bool {
        let beneath = |other: &Placed| {
            let above = folder(&other.path);
            above == "." || placed.path.starts_with(&format!("{above}/"))
        };
        self.manifests.iter().any(|other| {
            other.manifest.kind == placed.manifest.kind
                && folder(&other.path) != folder(&placed.path)
                && beneath(other)
        })
    }

    /// Where programs start and what libraries offer: what manifests declare, then what ecosystems find by themselves.
    pub(super) fn entry_points(&self, scan: &Scan) -> Vec<Value> {
        let mut rows: Vec<Value> = Vec::new();
        let mut taken = BTreeSet::new();
        for placed in &self.manifests {
            for point in &placed.manifest.entry_points {
                let target = join(folder(&placed.path), point.target.trim_start_matches("./"));
                let target = if scan.find(&target).is_some() { target } else { point.target.clone() };
                let name = if point.name.is_empty() { &placed.manifest.name } else { &point.name };
                rows.push(json!({
                    "kind": point.kind, "name": name, "target": target, "path": placed.path,
                    "line": point.line, "digest": placed.digest, "sample": is_sample(&placed.path),
                }));
                taken.insert(target);
            }
        }
        let cargo = self.cargo_folders();
        for file in &scan.files {
            let path = file.path.as_str();
            let found = conventional(file, &cargo).filter(|_| !taken.contains(path));
            if let Some((kind, name, line)) = found {
                rows.push(json!({
                    "kind": kind, "name": name, "target": path, "path": path, "line": line,
                    "digest": file.digest, "sample": is_sample(path),
                }));
            }
        }
        rows.sort_by_key(|row| row["sample"].as_bool());
        rows.truncate(MAX_ROWS);
        rows
    }

    /// Folder of each Cargo package → its name.
    fn cargo_folders(&self) -> BTreeMap<String, String> {
        let packages = self
            .manifests
            .iter()
            .filter(|placed| placed.manifest.kind == "cargo" && !placed.manifest.name.is_empty());
        packages.map(|placed| (folder(&placed.path).to_owned(), placed.manifest.name.clone())).collect()
    }

    /// What the packages of the repository are imported as.
    pub(super) fn packages(&self) -> Packages {
        let rust = self.cargo_folders().into_iter().map(|(folder, name)| (name.replace('-', "_"), folder));
        let go = self.manifests.iter().filter(|placed| placed.manifest.kind == "go");
        Packages {
            rust: rust.collect(),
            go: go.map(|one| (one.manifest.name.clone(), folder(&one.path).to_owned())).collect(),
        }
    }
}

fn row(path: &str, digest: Digest, command: &Command, text: &str) -> Value {
    json!({
        "purpose": command.purpose, "command": text, "folder": folder(path), "path": path,
        "line": command.line, "digest": digest, "sample": is_sample(path),
    })
}

/// Kind, name and line of a file that is an entry point by its name or by what it defines.
fn conventional(file: &FileFact, cargo: &BTreeMap<String, String>) -> Option<(&'static str, String, u64)> {
    let path = file.path.as_str();
    let main =
        file.definitions.iter().find(|definition| definition.name == "main" && is_function(definition.kind));
    let main_line = main.map_or(1, |definition| definition.line);
    let name = path.rsplit('/').next().unwrap_or(path);
    match file.language?.name {
        "Rust" => {
            let (package, below) = cargo.iter().rev().find_map(|(folder, package)| {
                let below =
                    if folder == "." { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
                Some((package, below))
            })?;
            match below.split('/').collect::<Vec<_>>().as_slice() {
                ["src", "main.rs"] => Some(("program", package.clone(), main_line)),
                ["src", "lib.rs"] => Some(("library", package.clone(), 1)),
                ["src", "bin", file] => Some(("program", file.trim_end_matches(".rs").to_owned(), main_line)),
                ["src", "bin", bin, "main.rs"] => Some(("program", (*bin).to_owned(), main_line)),
                _ => None,
            }
        }
        "Go" => main.map(|main| ("program", last_name(folder(path)).to_owned(), main.line)),
        "Python" if name == "__main__.py" => Some(("module", last_name(folder(path)).to_owned(), 1)),
        "Python" => {
            let guard = file.definitions.iter().find(|definition| definition.kind == "__name__")?;
            Some(("script", name.to_owned(), guard.line))
        }
        _ => None,
    }
}

fn is_function(kind: &str) -> bool {
    matches!(kind, "fn" | "func")
}

/// The last name of a path.
fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `npm run x` as the lock file beside the manifest, or at the top, says.
fn with_package_manager(scan: &Scan, path: &str, command: &str) -> String {
    let Some(rest) = command.strip_prefix("npm ") else { return command.to_owned() };
    let locks =
        [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    let has = |name: &str| scan.find(&join(folder(path), name)).is_some() || scan.find(name).is_some();
    let program = locks.iter().find(|(lock, _)| has(lock)).map_or("npm", |(_, program)| program);
    format!("{program} {rest}")
}
