//! Every valid graph of `tests/ok/` decodes without a word.

use std::fs;
use std::path::PathBuf;

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, parse};
use lgflow::model::decode_graph;
use lgflow::source::Sources;

fn fixtures() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/ok");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
}

fn syntax(path: &std::path::Path) -> Syntax {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Syntax::Toml,
        Some("json") => Syntax::Json,
        _ => Syntax::Yaml,
    }
}

#[test]
fn valid_graphs_decode_in_silence() {
    for path in fixtures() {
        let mut sources = Sources::default();
        let mut found = Diagnostics::default();
        let file = sources.add(path.display().to_string(), fs::read_to_string(&path).unwrap());
        let parsed = parse(&sources, file, syntax(&path), &Limits::default(), &mut found);
        let parsed = parsed.unwrap_or_else(|| panic!("{}: {found:?}", path.display()));
        let graph = decode_graph(&parsed.tree, &parsed.damage, &mut found);
        assert!(found.is_empty(), "{}: {:#?}", path.display(), found);
        let graph = graph.unwrap();
        for node in &graph.nodes {
            let uses = node.uses.as_ref().unwrap().value.as_str();
            let parameters = node.with.iter().map(|field| (&field.name, &field.value));
            lgflow::schema::check_parameters(uses, parameters, &mut found);
        }
        assert!(found.is_empty(), "{}: {:#?}", path.display(), found);
    }
}
