//! Every valid graph of `tests/ok/` is one to the schema and to the decoder.

use std::fs;
use std::path::{Path, PathBuf};

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, parse};
use lgflow::source::Sources;
use serde_json::Value;

use crate::verdict::{GRAPH, decode};

pub fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ok");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    paths.sort();
    assert!(paths.len() >= 15, "only {} fixtures", paths.len());
    paths
}

pub fn syntax(path: &Path) -> Syntax {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Syntax::Toml,
        Some("json") => Syntax::Json,
        _ => Syntax::Yaml,
    }
}

/// A fixture as JSON.
pub fn value(path: &Path) -> Value {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add("graph", fs::read_to_string(path).unwrap());
    parse(&sources, file, syntax(path), &Limits::default(), &mut found).unwrap().tree.to_json()
}

#[test]
fn valid_graphs_satisfy_schema_and_decoder() {
    let mut wrong = Vec::new();
    for path in fixtures() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (graph, found) = decode(&fs::read_to_string(&path).unwrap(), syntax(&path));
        assert!(graph.is_some(), "{name}: {found:#?}");
        wrong.extend(found.iter().map(|found| format!("{name}: {} ({:?})", found.message, found.help)));
        wrong.extend(GRAPH.errors(&value(&path)).iter().map(|error| format!("{name}: {error}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
