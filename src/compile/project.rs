//! From the texts of some files to their plans: parse, decode, read what they name, check, build. Every finding of
//! every file is collected in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, Severity, codes, suggestion};
use crate::document::{self, Limits, Parsed, Syntax, Text};
use crate::files::RelPath;
use crate::model::graph_test::decode_graph_tests;
use crate::model::policy::{decode_policy, decode_policy_tests};
use crate::model::{self, Field, Graph, PACK_PREFIX, PackRef, PromptSource, Subgraph, SubgraphSource, Uses};
use crate::plan::Plan;
use crate::policy::{BUILTINS, check_policy, check_purpose};
use crate::source::{FileId, Located, Sources, Span};

use super::draft::Origin;
use super::expressions;
use super::foreign::{
    self, GRAPH_ID, GRAPH_TESTS_ID, Named, POLICY_ID, POLICY_TESTS_ID, outside, schema_line,
};
use super::graph::{self, Compiled};
use super::graph_tests::{self, CheckedTests};
use super::literal;
use super::load::{FileKind, FileRef, Load, LoadProblem, Loaded};
use super::parts::Parts;

/// How the name of a policy begins that is no file.
const BUILTIN: &str = "builtin:";
/// Graphs within graphs within graphs, at most.
const NESTING: usize = 16;
/// Nodes with those of all graphs within, each counted as often as some node runs it, at most: a plan, a drawing and what is
/// foreseen have a place for each.
const NODES_WITHIN: u64 = 250_000;

/// A file that the user named.
#[derive(Debug, Clone)]
pub struct Root {
    /// Relative to the folder that all roots of one call share, and beneath which everything that they name is
    /// opened: usually the file's name alone.
    pub path: RelPath,
    /// The name to show it by.
    pub name: String,
    /// The whole of it.
    pub bytes: Vec<u8>,
}

/// What became of some files. Nothing of a graph with errors is here.
#[derive(Debug, Default)]
pub struct Checked {
    /// By root, in the order that they were given in.
    pub roots: Vec<CheckedRoot>,
    /// Every file that was read, roots included, by path.
    pub files: BTreeMap<RelPath, ReadFile>,
}

/// What became of one root.
#[derive(Debug, Clone)]
pub enum CheckedRoot {
    /// A graph.
    Graph(Arc<Plan>),
    /// A policy.
    Policy(FileId),
    /// Tests of a policy.
    PolicyTests(FileId),
    /// Tests of a graph.
    GraphTests(Arc<CheckedTests>),
    /// A file with errors.
    Broken,
}

/// A file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFile {
    /// Its text.
    pub file: FileId,
    /// What it was named as; a root's kind is that of its `schema` line.
    pub kind: FileKind,
}

/// Parses, decodes, checks and compiles some files and all that they name. All findings go into `diagnostics`,
/// sorted by file and place.
pub fn check_files(
    roots: Vec<Root>,
    load: &mut Load<'_>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Checked {
    let mut project = Project {
        sources,
        load,
        diagnostics,
        read: BTreeMap::new(),
        graphs: BTreeMap::new(),
        open: Vec::new(),
        policies: BTreeSet::new(),
        mild: 0,
    };
    let paths: Vec<RelPath> = roots.iter().map(|root| root.path.clone()).collect();
    for root in roots {
        project.take_root(root);
    }
    let roots = paths.iter().map(|path| project.root(path)).collect();
    project.diagnostics.sort();
    let files = project.read.iter().filter_map(|(path, read)| Some((path.clone(), (*read)?))).collect();
    Checked { roots, files }
}

/// One run over some files.
struct Project<'p, 'l> {
    sources: &'p mut Sources,
    load: &'p mut Load<'l>,
    diagnostics: &'p mut Diagnostics,
    /// By path; `None` where the file could not be read.
    read: BTreeMap<RelPath, Option<ReadFile>>,
    /// By path.
    graphs: BTreeMap<RelPath, Progress>,
    /// Paths of the graphs that are being compiled, outermost first.
    open: Vec<RelPath>,
    /// Paths of the policies that were checked.
    policies: BTreeSet<RelPath>,
    /// Errors so far that stand in the way of nothing else.
    mild: usize,
}

/// How far a graph file is.
enum Progress {
    Open,
    Done(Option<Built>),
}

/// A graph of which a plan came.
#[derive(Clone)]
struct Built {
    plan: Arc<Plan>,
    /// Without any error? Otherwise it is there for the graphs that use it, to be checked against.
    sound: bool,
}

impl Built {
    fn root(self) -> CheckedRoot {
        if self.sound { CheckedRoot::Graph(self.plan) } else { CheckedRoot::Broken }
    }
}

/// Errors up to some moment.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Errors {
    all: usize,
    /// Those that would bring others after them.
    grave: usize,
}

/// A decoded graph with what it was decoded from.
struct Source<'s> {
    graph: &'s Graph,
    origin: Origin<'s>,
    /// The path of its file.
    path: &'s RelPath,
    /// Where it is defined.
    place: &'s str,
    /// Places where everything that could be said was said while decoding.
    damaged: &'s [Span],
    /// The errors before its file was looked at.
    errors: Errors,
}

impl Project<'_, '_> {
    fn take_root(&mut self, root: Root) {
        if !model::says_ours(&root.bytes) {
            self.diagnostics.push(foreign::strange(self.sources, &root.name, root.bytes));
            self.read.insert(root.path, None);
            return;
        }
        let file =
            document::decode(self.sources, &root.name, root.bytes, &Limits::default(), self.diagnostics);
        // the kind is corrected when its `schema` line is read
        let read = file.map(|file| ReadFile { file, kind: FileKind::Graph });
        self.read.insert(root.path, read);
    }

    fn root(&mut self, path: &RelPath) -> CheckedRoot {
        let Some(Some(read)) = self.read.get(path).copied() else { return CheckedRoot::Broken };
        if let Some(Progress::Done(plan)) = self.graphs.get(path) {
            return plan.clone().map_or(CheckedRoot::Broken, Built::root);
        }
        let before = self.errors();
        let mut found = Diagnostics::default();
        let parsed = self.parse(path, read.file, &mut found);
        self.diagnostics.append(found);
        let Some(parsed) = parsed else {
            self.graphs.insert(path.clone(), Progress::Done(None));
            return CheckedRoot::Broken;
        };
        let id = schema_line(&parsed).unwrap_or_default();
        if id.starts_with(GRAPH_TESTS_ID) {
            self.read.insert(path.clone(), Some(ReadFile { kind: FileKind::Test, ..read }));
            return self.graph_tests(path, read.file, &parsed, before).unwrap_or(CheckedRoot::Broken);
        }
        let is_policy = id.starts_with(POLICY_ID);
        if !is_policy && !id.starts_with(POLICY_TESTS_ID) {
            return self.graph(path, &parsed, before).map_or(CheckedRoot::Broken, Built::root);
        }
        self.read.insert(path.clone(), Some(ReadFile { kind: FileKind::Policy, ..read }));
        if is_policy {
            self.policy(path, &parsed);
        } else {
            self.policy_tests(path, &parsed);
        }
        let sound = self.errors() == before;
        match (sound, is_policy) {
            (false, _) => CheckedRoot::Broken,
            (true, true) => CheckedRoot::Policy(read.file),
            (true, false) => CheckedRoot::PolicyTests(read.file),
        }
    }

    fn parse(&self, path: &RelPath, file: FileId, found: &mut Diagnostics) -> Option<Parsed> {
        let syntax = Syntax::of_path(path.as_str()).unwrap_or(Syntax::Yaml);
        document::parse(self.sources, file, syntax, &Limits::default(), found)
    }

    fn errors(&self) -> Errors {
        let all = self.diagnostics.count(Severity::Error);
        Errors { all, grave: all - self.mild }
    }

    /// Compiles a parsed graph file; `before` are the errors before its text was looked at.
    fn graph(&mut self, path: &RelPath, parsed: &Parsed, before: Errors) -> Option<Built> {
        self.graphs.insert(path.clone(), Progress::Open);
        self.open.push(path.clone());
        let decoded = model::decode_graph(parsed, self.diagnostics);
        let plan = decoded.and_then(|graph| {
            let origin = Origin { tree: &parsed.tree, damage: &parsed.damage };
            let source = Source {
                graph: &graph,
                origin,
                path,
                place: path.as_str(),
                damaged: &graph.damaged,
                errors: before,
            };
            self.compile(&source)
        });
        self.open.pop();
        let now = self.errors();
        let plan = plan.filter(|_| now.grave == before.grave);
        let built = plan.map(|plan| Built { plan: Arc::new(plan), sound: now == before });
        self.graphs.insert(path.clone(), Progress::Done(built.clone()));
        built
    }

    fn compile(&mut self, source: &Source<'_>) -> Option<Plan> {
        let parts = self.parts(source);
        let mut found = Diagnostics::default();
        let before = self.errors();
        let sound = before.grave == source.errors.grave;
        let compiled = graph::compile(source.graph, source.origin, &parts, self.sources, sound, &mut found);
        let damaged = |span: Span| {
            source
                .damaged
                .iter()
                .any(|bad| bad.file == span.file && bad.start <= span.end && span.start <= bad.end)
        };
        self.diagnostics.extend(found.iter().filter(|finding| !damaged(finding.span())).cloned());
        let Compiled { plan, known } = compiled?;
        if !self.has_room_within(source.graph, &parts, &plan) {
            return None;
        }
        if known {
            self.mild += self.errors().all - before.all;
        }
        let plan = (known || !found.has_errors()).then_some(plan)?;
        Some(Plan { file: source.path.to_string(), place: source.place.into(), ..plan })
    }

    fn parts(&mut self, source: &Source<'_>) -> Parts {
        let mut parts = Parts::default();
        // what can't be read of a prompt is any text
        let before = self.errors();
        for prompt in &source.graph.prompts {
            let text = match &prompt.source {
                PromptSource::Text(text) => Some(text.clone()),
                PromptSource::File(path) => self.prompt_file(source.path, path),
            };
            let template = text.map(|text| expressions::prompt(&text, self.diagnostics));
            parts.prompts.insert(prompt.name.value.to_string(), template);
        }
        self.mild += self.errors().grave - before.grave;
        for path in schema_files(source.graph) {
            let schema = self.schema_file(source.path, &path);
            parts.schemas.insert(path.span, schema);
        }
        for subgraph in &source.graph.graphs {
            let name = subgraph.name.value.as_str();
            let plan = match &subgraph.source {
                SubgraphSource::Inline(graph) => self.inline(source, name, graph),
                SubgraphSource::File(path) => self.graph_file(source.path, path).map(|built| built.plan),
            };
            let plan = plan.filter(|plan| self.has_room_around(plan, subgraph.name.span));
            parts.subgraphs.insert(name.to_owned(), plan);
        }
        // what a policy says is no matter of what flows in the graph
        let before = self.errors();
        for layer in &source.graph.policy {
            self.layer(source.path, layer);
        }
        self.mild += self.errors().grave - before.grave;
        parts
    }

    /// May this graph stand within another one?
    fn has_room_around(&mut self, plan: &Plan, span: Span) -> bool {
        let has = plan.extent.depth < NESTING;
        if !has {
            self.nested_too_deep(span);
        }
        has
    }

    fn nested_too_deep(&mut self, span: Span) {
        let message = format!("graphs are nested more than {NESTING} deep");
        let help = "let fewer graphs stand within each other: move nodes outwards";
        self.diagnostics.push(Diagnostic::new(codes::LIMIT, span, message).help(help));
    }

    /// Is a graph with all graphs within it small enough? The one that most of it comes from is told.
    fn has_room_within(&mut self, graph: &Graph, parts: &Parts, plan: &Plan) -> bool {
        let size = |subgraph: &&Subgraph| {
            let plan = parts.subgraphs.get(subgraph.name.value.as_str()).and_then(Option::as_ref);
            plan.map_or(0, |plan| plan.extent.nodes)
        };
        let largest = graph.graphs.iter().max_by_key(size);
        let Some(largest) = largest.filter(|_| plan.extent.nodes > NODES_WITHIN) else { return true };
        let message = format!(
            "there are more than {NODES_WITHIN} nodes with those of `{}` and of all other graphs within, once for each node that runs them",
            largest.name.value
        );
        let help = "run a graph for many things by one node with `for_each`, and not by a node for each";
        self.diagnostics.push(Diagnostic::new(codes::LIMIT, largest.name.span, message).help(help));
        false
    }

    fn inline(&mut self, outer: &Source<'_>, name: &str, graph: &Graph) -> Option<Arc<Plan>> {
        let tree = outer.origin.tree.get("graphs").and_then(|graphs| graphs.get(name));
        let origin = Origin { tree: tree.unwrap_or(outer.origin.tree), damage: outer.origin.damage };
        // no path has two slashes in a row, and no name has one
        let place = format!("{}//{name}", outer.place);
        let source = Source { graph, origin, place: &place, ..*outer };
        self.compile(&source).map(Arc::new)
    }

    fn graph_file(&mut self, naming: &RelPath, path: &Located<String>) -> Option<Built> {
        let named = Named { path, kind: FileKind::Graph };
        let (path, read) = self.open(naming, named)?;
        match self.graphs.get(&path) {
            Some(Progress::Done(plan)) => return plan.clone(),
            Some(Progress::Open) => {
                self.recursion(&path, named);
                return None;
            }
            None if self.open.len() >= NESTING => {
                self.nested_too_deep(named.path.span);
                return None;
            }
            None => {}
        }
        let before = self.errors();
        let parsed = self.parse_ours(&path, read.file, named, GRAPH_ID)?;
        self.graph(&path, &parsed, before)
    }

    fn recursion(&mut self, path: &RelPath, named: Named<'_>) {
        let from = self.open.iter().position(|open| open == path).unwrap_or_default();
        let mut way: Vec<&str> = self.open[from..].iter().map(RelPath::as_str).collect();
        way.push(path.as_str());
        let message = format!("the graph leads to itself: `{}`", way.join("` -> `"));
        let finding = Diagnostic::new(codes::RECURSIVE_GRAPH, named.path.span, message);
        self.diagnostics.push(finding.help("repeat with a loop edge, or with `for_each`"));
    }

    /// Parses a file that another one names. What does not say that it is ours is not shown: a file that was named
    /// by mistake, or to be read out, has no business in a report.
    fn parse_ours(&mut self, path: &RelPath, file: FileId, named: Named<'_>, id: &str) -> Option<Parsed> {
        let mut found = Diagnostics::default();
        let parsed = self.parse(path, file, &mut found);
        if let Some(parsed) =
            parsed.filter(|parsed| schema_line(parsed).is_some_and(|line| line.starts_with(id)))
        {
            self.diagnostics.append(found);
            return Some(parsed);
        }
        let message =
            format!("`{}` is no {} file: it has no line `schema: {id}1`", named.path.value, named.kind);
        let finding = Diagnostic::new(codes::NOT_OURS, named.path.span, message);
        self.diagnostics.push(finding.help(format!("name a {} file", named.kind)));
        None
    }

    /// A layer: one of the program's own, or a file.
    fn layer(&mut self, naming: &RelPath, layer: &Located<String>) {
        if layer.value.starts_with(PACK_PREFIX) {
            self.pack_policy(layer);
        } else if !layer.value.starts_with(BUILTIN) {
            self.policy_file(naming, layer);
        } else if !BUILTINS.contains(&layer.value.as_str()) {
            let message = format!("unknown policy `{}`", layer.value);
            let help = suggestion(&layer.value, BUILTINS);
            let finding = Diagnostic::new(codes::UNKNOWN_POLICY, layer.span, message);
            self.diagnostics.push(finding.maybe_help(help));
        }
    }

    /// Is there such a pack? What its policy says was checked when it was added, and is bound by its digest.
    fn pack_policy(&mut self, layer: &Located<String>) {
        let Some(PackRef { pack, file }) = PackRef::parse(&layer.value) else {
            let message = format!("`{}` is no name of a pack", layer.value);
            let finding = Diagnostic::new(codes::UNKNOWN_POLICY, layer.span, message);
            self.diagnostics.push(finding.help("write `pack:publisher/name`, or `pack:publisher/name/FILE`"));
            return;
        };
        let path = RelPath::parse(&format!("{pack}/{file}"));
        let found = path.map_err(|error| LoadProblem::new(error.to_string()));
        let found = found.and_then(|path| (self.load)(&FileRef { path, kind: FileKind::PackPolicy }));
        if let Err(problem) = found {
            let finding = Diagnostic::new(codes::MISSING_PACK, layer.span, problem.message);
            self.diagnostics.push(finding.maybe_help(problem.help));
        }
    }

    fn policy_file(&mut self, naming: &RelPath, path: &Located<String>) {
        let named = Named { path, kind: FileKind::Policy };
        let Some((path, read)) = self.open(naming, named) else { return };
        if self.policies.contains(&path) {
            return;
        }
        if let Some(parsed) = self.parse_ours(&path, read.file, named, POLICY_ID) {
            self.policy(&path, &parsed);
        }
    }

    fn policy(&mut self, path: &RelPath, parsed: &Parsed) {
        if !self.policies.insert(path.clone()) {
            return;
        }
        let Some(policy) = decode_policy(&parsed.tree, &parsed.damage, self.diagnostics) else { return };
        check_policy(&policy, self.diagnostics);
        check_purpose(&policy, self.diagnostics);
        for layer in policy.include.iter().chain(&policy.ceilings) {
            self.layer(path, layer);
        }
    }

    fn policy_tests(&mut self, path: &RelPath, parsed: &Parsed) {
        let tests = decode_policy_tests(&parsed.tree, &parsed.damage, self.diagnostics);
        for layer in tests.iter().flat_map(|tests| &tests.policy) {
            self.layer(path, layer);
        }
    }

    /// Tests with the graph that they name; what is wrong with that graph is reported once, in its own file.
    fn graph_tests(
        &mut self,
        path: &RelPath,
        file: FileId,
        parsed: &Parsed,
        before: Errors,
    ) -> Option<CheckedRoot> {
        let mut tests = decode_graph_tests(&parsed.tree, &parsed.damage, self.diagnostics)?;
        let graph = path.reference(&tests.graph.value).ok();
        let Built { plan, sound } = self.graph_file(path, &tests.graph)?;
        graph_tests::check(&mut tests, &plan, self.diagnostics);
        let sound = sound && self.errors() == before;
        let checked = CheckedTests { file, tests, graph: graph?, plan };
        sound.then(|| CheckedRoot::GraphTests(Arc::new(checked)))
    }

    fn prompt_file(&mut self, naming: &RelPath, path: &Located<String>) -> Option<Text> {
        let (_, read) = self.open(naming, Named { path, kind: FileKind::Prompt })?;
        let text = self.sources.get(read.file).text();
        Some(Text::new(&**text, Span::new(read.file, 0, text.len()), vec![(0, 0)]))
    }

    fn schema_file(&mut self, naming: &RelPath, path: &Located<String>) -> Option<Arc<serde_json::Value>> {
        let named = Named { path, kind: FileKind::Schema };
        let (place, read) = self.open(naming, named)?;
        let mut found = Diagnostics::default();
        let parsed = self.parse(&place, read.file, &mut found);
        let shown = parsed.as_ref().is_some_and(|parsed| parsed.tree.get("$schema").is_some());
        let schema = parsed.and_then(|parsed| model::decode_schema(&parsed.tree, &parsed.damage, &mut found));
        if shown {
            self.diagnostics.append(found.clone());
        } else if let Some(first) = found.iter().next() {
            let at = self.sources.get(read.file).position(first.span().start);
            let message =
                format!("`{}` is no JSON Schema: line {}, column {}", path.value, at.line, at.column);
            let help = "mend the file; with a `$schema` line in it, the finding itself is shown";
            self.diagnostics.push(Diagnostic::new(codes::NOT_OURS, path.span, message).help(help));
        }
        schema.filter(|_| !found.has_errors()).map(|schema| Arc::new(schema.tree.to_json()))
    }

    /// Reads a named file once; that it can't be read is reported at each place that names it.
    fn open(&mut self, naming: &RelPath, named: Named<'_>) -> Option<(RelPath, ReadFile)> {
        let path = match naming.reference(&named.path.value) {
            Ok(path) => path,
            Err(problem) => {
                let is_test =
                    matches!(self.read.get(naming), Some(Some(ReadFile { kind: FileKind::Test, .. })));
                self.diagnostics.push(outside(named, &problem, is_test));
                return None;
            }
        };
        if let Some(Some(read)) = self.read.get(&path) {
            return Some((path, *read));
        }
        match (self.load)(&FileRef { path: path.clone(), kind: named.kind }) {
            Ok(Loaded { name, bytes }) => {
                let mut found = Diagnostics::default();
                let file = document::decode(self.sources, &name, bytes, &Limits::default(), &mut found);
                let Some(file) = file else {
                    self.unreadable(named, &found);
                    return None;
                };
                let read = ReadFile { file, kind: named.kind };
                self.read.insert(path.clone(), Some(read));
                Some((path, read))
            }
            Err(problem) => {
                let message = format!("cannot read the {}: {problem}", named.kind);
                let finding = Diagnostic::new(codes::UNREADABLE_FILE, named.path.span, message);
                self.diagnostics.push(finding.maybe_help(problem.help));
                None
            }
        }
    }

    fn unreadable(&mut self, named: Named<'_>, found: &Diagnostics) {
        let why = found.iter().next().map_or("it is no text", |finding| finding.message.as_str());
        let message = format!("cannot read the {} `{}`: {why}", named.kind, named.path.value);
        let help = found.iter().next().and_then(|finding| finding.help.clone());
        let finding = Diagnostic::new(codes::UNREADABLE_FILE, named.path.span, message);
        self.diagnostics.push(finding.maybe_help(help));
    }
}

/// Schemas that stand in files of their own.
fn schema_files(graph: &Graph) -> Vec<Located<String>> {
    let of = |uses: Option<Uses>, with: &[Field]| -> Vec<Located<String>> {
        let name = match uses {
            Some(Uses::Llm) => "output_schema",
            Some(Uses::Approval) => "response",
            _ => return Vec::new(),
        };
        let fields = with.iter().filter(|field| field.name.value == name);
        fields.filter_map(|field| literal::word(field.value.get("file")?)).collect()
    };
    let nodes = graph.nodes.iter().flat_map(|node| of(node.uses.as_ref().map(|uses| uses.value), &node.with));
    let defaults = graph.defaults.iter().flat_map(|default| of(Some(default.uses.value), &default.with));
    nodes.chain(defaults).collect()
}
