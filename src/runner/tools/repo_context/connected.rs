//! Which files the others name most: the mentions of `imports`, resolved to files of the repository.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::imports::Import;
use super::scan::{FileFact, Scan, digest_of};

/// The most that are given back.
const MAX_GIVEN: usize = 10;
/// What a relative import of a script may leave out.
const SCRIPT_ENDINGS: &[&str] = &[
    "",
    ".ts",
    ".tsx",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".mts",
    ".cts",
    ".json",
    ".vue",
    ".svelte",
    "/index.ts",
    "/index.tsx",
    "/index.js",
    "/index.jsx",
    "/index.mjs",
];

/// What packages of the repository are called by those that import them.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// The library name of a Cargo package → the folder of its manifest.
    pub(super) rust: BTreeMap<String, String>,
    /// A module path of Go → the folder of its `go.mod`.
    pub(super) go: BTreeMap<String, String>,
}

/// The files (for Go, folders) that most files import: `imported_by` counts those files, `imports` what it imports
/// itself.
pub(super) fn connected(scan: &Scan, packages: &Packages) -> Vec<Value> {
    let resolver = Resolver { scan, packages };
    let mut importers: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &scan.files {
        let node = node_of(file);
        for target in file.imports.iter().flat_map(|import| resolver.resolve(file, import)) {
            if target != node {
                importers.entry(target.clone()).or_default().insert(file.path.as_str());
                imports.entry(node.clone()).or_default().insert(target);
            }
        }
    }
    let mut ranked: Vec<(usize, String)> =
        importers.iter().map(|(path, files)| (files.len(), path.clone())).collect();
    ranked.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    ranked.truncate(MAX_GIVEN);
    let give = ranked.into_iter().map(|(imported_by, path)| {
        let digest = scan.find(&path).map_or_else(
            || digest_of(scan.files.iter().filter(|file| folder(file.path.as_str()) == path)),
            |file| file.digest,
        );
        let imports = imports.get(&path).map_or(0, BTreeSet::len);
        json!({ "path": path, "imported_by": imported_by, "imports": imports, "digest": digest })
    });
    give.collect()
}

/// A Go file is imported as its folder.
fn node_of(file: &FileFact) -> String {
    let path = file.path.as_str();
    if file.language.is_some_and(|language| language.name == "Go") {
        folder(path).to_owned()
    } else {
        path.to_owned()
    }
}

struct Resolver<'a> {
    scan: &'a Scan,
    packages: &'a Packages,
}

impl Resolver<'_> {
    fn exists(&self, path: &str) -> bool {
        self.scan.find(path).is_some()
    }

    fn resolve(&self, file: &FileFact, import: &Import) -> Vec<String> {
        let path = file.path.as_str();
        match import {
            Import::RustModule(name) => {
                self.rust_child(&module_folder(path), name).map(|(file, _)| file).into_iter().collect()
            }
            Import::RustCrate(segments) => self
                .rust_root(path)
                .map(|(file, dir)| self.rust_down(file, dir, segments))
                .into_iter()
                .collect(),
            Import::RustSuper(up, segments) => self.rust_super(path, *up, segments).into_iter().collect(),
            Import::RustPackage(name, segments) => {
                let dir = self.packages.rust.get(name).map(|manifest| join(manifest, "src"));
                let root = dir.map(|dir| (join(&dir, "lib.rs"), dir)).filter(|(file, _)| self.exists(file));
                root.map(|(file, dir)| self.rust_down(file, dir, segments)).into_iter().collect()
            }
            Import::Python { dots, module, names } => self.python(path, *dots, module, names),
            Import::Script(target) => self.script(path, target).into_iter().collect(),
            Import::Go(package) => self.go(package).into_iter().collect(),
        }
    }

    /// The file of module `name` whose file lies in `dir`, and the folder of its own modules.
    fn rust_child(&self, dir: &str, name: &str) -> Option<(String, String)> {
        let below = join(dir, name);
        let files = [format!("{below}.rs"), join(&below, "mod.rs")];
        files.into_iter().find(|file| self.exists(file)).map(|file| (file, below))
    }

    fn rust_down(&self, mut file: String, mut dir: String, segments: &[String]) -> String {
        for segment in segments {
            let Some(child) = self.rust_child(&dir, segment) else { break };
            (file, dir) = child;
        }
        file
    }

    /// The nearest folder upwards with a `lib.rs` or `main.rs`.
    fn rust_root(&self, path: &str) -> Option<(String, String)> {
        let mut dir = folder(path).to_owned();
        loop {
            let files = [join(&dir, "lib.rs"), join(&dir, "main.rs")];
            if let Some(file) = files.into_iter().find(|file| self.exists(file)) {
                return Some((file, dir));
            }
            if dir == "." {
                return None;
            }
            let above = folder(&dir).to_owned();
            dir = above;
        }
    }

    fn rust_super(&self, path: &str, up: usize, segments: &[String]) -> Option<String> {
        let (root_file, root_dir) = self.rust_root(path)?;
        let mut dir = module_folder(path);
        for _ in 0..up {
            if dir == root_dir || dir == "." {
                return None;
            }
            let above = folder(&dir).to_owned();
            dir = above;
        }
        let file = if dir == root_dir {
            root_file
        } else {
            [format!("{dir}.rs"), join(&dir, "mod.rs")].into_iter().find(|file| self.exists(file))?
        };
        Some(self.rust_down(file, dir, segments))
    }

    fn python(&self, path: &str, dots: usize, module: &str, names: &[String]) -> Vec<String> {
        let bases = if dots == 0 {
            vec![".".to_owned(), "src".to_owned(), folder(path).to_owned()]
        } else {
            vec![(1..dots).fold(folder(path).to_owned(), |dir, _| folder(&dir).to_owned())]
        };
        let parts: Vec<&str> = module.split('.').filter(|part| !part.is_empty()).collect();
        for base in bases {
            let dir = parts.iter().fold(base.clone(), |dir, part| join(&dir, part));
            let named: Vec<String> =
                names.iter().filter_map(|name| self.python_file(&join(&dir, name))).collect();
            if !named.is_empty() {
                return named;
            }
            // of `import a.b.c`, the longest beginning that is a file
            for length in (1..=parts.len()).rev() {
                let dir = parts[..length].iter().fold(base.clone(), |dir, part| join(&dir, part));
                if let Some(file) = self.python_file(&dir) {
                    return vec![file];
                }
            }
            if parts.is_empty()
                && let Some(file) = self.python_file(&base)
            {
                return vec![file];
            }
        }
        Vec::new()
    }

    fn python_file(&self, module: &str) -> Option<String> {
        let files = [format!("{module}.py"), join(module, "__init__.py")];
        files.into_iter().find(|file| self.exists(file))
    }

    fn script(&self, path: &str, target: &str) -> Option<String> {
        let mut parts: Vec<&str> = folder(path).split('/').filter(|part| *part != ".").collect();
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                name => parts.push(name),
            }
        }
        let base = if parts.is_empty() { ".".to_owned() } else { parts.join("/") };
        let candidates = SCRIPT_ENDINGS.iter().map(|ending| match ending.strip_prefix('/') {
            Some(index) => join(&base, index),
            None => format!("{base}{ending}"),
        });
        // TypeScript writes `./a.js` for `./a.ts`
        let twin = base.strip_suffix(".js").map(|stem| format!("{stem}.ts"));
        candidates.chain(twin).find(|file| self.exists(file))
    }

    fn go(&self, package: &str) -> Option<String> {
        let beneath = |module: &str| {
            package.strip_prefix(module).filter(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let found =
            self.packages.go.iter().filter_map(|(module, dir)| Some((module.len(), beneath(module)?, dir)));
        let (_, rest, dir) = found.max_by_key(|(length, _, _)| *length)?;
        let target =
            rest.split('/').filter(|part| !part.is_empty()).fold(dir.clone(), |dir, part| join(&dir, part));
        let is_there = |file: &FileFact| folder(file.path.as_str()) == target;
        self.scan.files.iter().any(is_there).then_some(target)
    }
}

/// The folder of a path; `.` for the root.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

/// A name in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder == "." { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Where the modules of a Rust file lie: beside `mod.rs`, `lib.rs` and `main.rs`, else in the folder of its name.
fn module_folder(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    if matches!(name, "mod.rs" | "lib.rs" | "main.rs") {
        folder(path).to_owned()
    } else {
        path.strip_suffix(".rs").unwrap_or(path).to_owned()
    }
}
