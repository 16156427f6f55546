//! What a manifest comes to, in the words that all ecosystems share, and which file is a manifest of which.

use super::{cargo, go, gradle, maven, npm, php, python, ruby};

/// A dependency as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runner::tools::repo_context) struct Dependency {
    pub(in crate::runner::tools::repo_context) name: String,
    /// As written; empty where nothing is demanded.
    pub(in crate::runner::tools::repo_context) requirement: String,
    /// `normal`, `dev`, `build`, `optional`, …
    pub(in crate::runner::tools::repo_context) scope: String,
    pub(in crate::runner::tools::repo_context) line: u64,
}

/// Where a program starts, or what a library offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runner::tools::repo_context) struct EntryPoint {
    /// `program`, `library`, `script`, `module`
    pub(in crate::runner::tools::repo_context) kind: &'static str,
    pub(in crate::runner::tools::repo_context) name: String,
    /// The file or object that it names, from the manifest's folder; empty where it names none.
    pub(in crate::runner::tools::repo_context) target: String,
    pub(in crate::runner::tools::repo_context) line: u64,
}

/// A command that a file declares or implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runner::tools::repo_context) struct Command {
    /// `build`, `test`, `check`, `run`, `other`
    pub(in crate::runner::tools::repo_context) purpose: &'static str,
    pub(in crate::runner::tools::repo_context) command: String,
    pub(in crate::runner::tools::repo_context) line: u64,
}

/// Why a file can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runner::tools::repo_context) struct Fault {
    pub(in crate::runner::tools::repo_context) line: u64,
    pub(in crate::runner::tools::repo_context) message: String,
}

impl Fault {
    pub(super) fn at(line: u64, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// A manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::runner::tools::repo_context) struct Manifest {
    pub(in crate::runner::tools::repo_context) kind: &'static str,
    pub(in crate::runner::tools::repo_context) name: String,
    pub(in crate::runner::tools::repo_context) version: String,
    pub(in crate::runner::tools::repo_context) description: String,
    pub(in crate::runner::tools::repo_context) licence: String,
    /// Where the licence stands.
    pub(in crate::runner::tools::repo_context) licence_line: u64,
    /// Where the name stands.
    pub(in crate::runner::tools::repo_context) line: u64,
    pub(in crate::runner::tools::repo_context) dependencies: Vec<Dependency>,
    /// Other folders that it takes in, as written.
    pub(in crate::runner::tools::repo_context) members: Vec<String>,
    pub(in crate::runner::tools::repo_context) entry_points: Vec<EntryPoint>,
    pub(in crate::runner::tools::repo_context) commands: Vec<Command>,
    /// Why it can't be read; nothing else is known then.
    pub(in crate::runner::tools::repo_context) fault: Option<Fault>,
}

/// Reads a manifest, if `name` is the name of one. One that can't be read has a fault and nothing else.
pub(in crate::runner::tools::repo_context) fn read(name: &str, text: &str) -> Option<Manifest> {
    let (kind, found) = match name {
        "Cargo.toml" => ("cargo", cargo::read(text)),
        "package.json" => ("npm", npm::read(text)),
        "pyproject.toml" => ("python", python::pyproject(text)),
        "setup.py" | "setup.cfg" => ("setuptools", Ok(python::setup(name))),
        "go.mod" => ("go", go::read(text)),
        "pom.xml" => ("maven", maven::read(text)),
        "build.gradle" | "build.gradle.kts" => ("gradle", Ok(gradle::read(text))),
        "Gemfile" => ("bundler", Ok(ruby::read(text))),
        "composer.json" => ("composer", php::read(text)),
        _ if is_requirements(name) => ("requirements", python::requirements(text)),
        _ => return None,
    };
    let mut manifest = found.unwrap_or_else(|fault| Manifest {
        line: fault.line,
        fault: Some(fault),
        ..Manifest::default()
    });
    manifest.kind = kind;
    manifest.line = manifest.line.max(1);
    Some(manifest)
}

fn is_requirements(name: &str) -> bool {
    name.starts_with("requirements")
        && std::path::Path::new(name).extension().is_some_and(|ending| ending == "txt")
}

/// What a target or script of this name is for.
pub(in crate::runner::tools::repo_context) fn purpose_of(name: &str) -> &'static str {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["test", "spec"]) {
        "test"
    } else if has(&["lint", "check", "fmt", "format", "clippy", "verify"]) {
        "check"
    } else if has(&["build", "compile", "dist", "bundle", "package"]) || name == "all" {
        "build"
    } else if has(&["start", "run", "serve"]) || name == "dev" {
        "run"
    } else {
        "other"
    }
}
