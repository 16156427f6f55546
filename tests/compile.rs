//! Whole files through the one path that every command takes: what is found, and what the plan is.

use std::collections::BTreeMap;
use std::sync::Arc;

use lgflow::compile::{Checked, CheckedRoot, FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::source::Sources;

/// A project in memory: files by path.
struct Project {
    files: BTreeMap<String, String>,
}

struct Outcome {
    checked: Checked,
    sources: Sources,
    diagnostics: Diagnostics,
}

impl Project {
    fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    fn check(&self, roots: &[&str]) -> Outcome {
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let roots = roots
            .iter()
            .map(|path| Root {
                path: RelPath::parse(path).unwrap(),
                name: (*path).to_owned(),
                bytes: self.files[*path].clone().into_bytes(),
            })
            .collect();
        let mut load = |file: &FileRef| {
            let text = self
                .files
                .get(file.path.as_str())
                .ok_or_else(|| LoadProblem::new(format!("`{}` does not exist", file.path)))?;
            Ok(Loaded { name: file.path.to_string(), bytes: text.clone().into_bytes() })
        };
        let checked = check_files(roots, &mut load, &mut sources, &mut diagnostics);
        Outcome { checked, sources, diagnostics }
    }
}

impl Outcome {
    /// `line:column code: message` of each finding.
    fn report(&self) -> Vec<String> {
        let line = |found: &lgflow::diag::Diagnostic| {
            let file = self.sources.get(found.span().file);
            let at = file.position(found.span().start);
            format!("{}:{}:{} {}: {}", file.name(), at.line, at.column, found.code, found.message)
        };
        self.diagnostics.iter().map(line).collect()
    }

    fn plan(&self) -> Arc<Plan> {
        match &self.checked.roots[0] {
            CheckedRoot::Graph(plan) => plan.clone(),
            other => panic!("no plan but {other:?}: {:#?}", self.report()),
        }
    }
}

fn graph(body: &str) -> Outcome {
    let text = format!("schema: lgflow.graph/v1\nname: g\n{body}");
    Project::of(&[("g.yaml", &text)]).check(&["g.yaml"])
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.order.iter().map(|&at| plan.node(at).id.as_str()).collect()
}

#[test]
fn the_whole_example_compiles() {
    let read = |path: &str| std::fs::read_to_string(format!("tests/ok/{path}")).unwrap();
    let names = ["fix_tests.yaml", "policies/grant.yaml", "prompts/planner.md", "schemas/plan.json"];
    let texts: Vec<(&str, String)> = names.iter().map(|name| (*name, read(name))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let outcome = Project::of(&files).check(&["fix_tests.yaml"]);
    assert_eq!(outcome.report(), [] as [String; 0]);
    let plan = outcome.plan();
    assert_eq!(ids(&plan), ["files", "plan", "apply", "test", "report", "undo", "give_up"]);
    assert_eq!(plan.loops.len(), 1);
    let body: Vec<&str> = plan.loops[0].body.iter().map(|&at| plan.node(at).id.as_str()).collect();
    assert_eq!(body, ["plan", "apply", "test"]);
}
