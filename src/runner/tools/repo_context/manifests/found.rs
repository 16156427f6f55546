//! What a manifest comes to, in the words that all ecosystems share, and which file is a manifest of which.

use super::{cargo, go, java, npm, php, python, ruby};

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
}

/// Reads a manifest, if `name` is the name of one. A text that can't be parsed gives one with nothing in it.
pub(in crate::runner::tools::repo_context) fn read(name: &str, text: &str) -> Option<Manifest> {
    let mut manifest = match name {
        "Cargo.toml" => cargo::read(text),
        "package.json" => npm::read(text),
        "pyproject.toml" => python::pyproject(text),
        "setup.py" | "setup.cfg" => python::setup(name),
        "go.mod" => go::read(text),
        "pom.xml" => java::maven(text),
        "build.gradle" | "build.gradle.kts" => java::gradle(text),
        "Gemfile" => ruby::read(text),
        "composer.json" => php::read(text),
        _ if name.starts_with("requirements")
            && std::path::Path::new(name).extension().is_some_and(|ending| ending == "txt") =>
        {
            python::requirements(text)
        }
        _ => return None,
    };
    manifest.line = manifest.line.max(1);
    Some(manifest)
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
