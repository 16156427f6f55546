//! What is in a tree: every graph, policy and policy test of it is read as it would be in use, and its tests are run.
//! The files are in memory; nothing is opened.

use std::collections::BTreeSet;
use std::path::Path;

use crate::compile::{CheckedRoot, FileKind, FileRef, LoadProblem, Loaded, Root, check_files};
use crate::diag::{Diagnostics, Severity};
use crate::digest::Digest;
use crate::document::{Limits, Syntax, parse};
use crate::effect::{FrozenLayer, LayerRole};
use crate::files::RelPath;
use crate::model::policy::{PolicyTests, decode_policy_tests};
use crate::model::{PACK_PREFIX, Pack};
use crate::policy::{
    Gate, LockedPack, Machine, PackTexts, Packs, PolicySet, PolicyText, builtin, freeze, is_secret_name,
    try_case,
};
use crate::source::{FileId, Sources};

use super::manifest::told;
use super::{MANIFEST, PackError, Tree, read_folder, read_manifest};

/// How the `schema` lines of files of ours begin.
const OURS: [&str; 3] = ["lgflow.graph/", "lgflow.policy/", "lgflow.policy_test/"];

/// What was found in a tree.
#[derive(Debug)]
pub struct CheckedPack {
    /// The texts that the findings are about.
    pub sources: Sources,
    /// The findings.
    pub found: Diagnostics,
    /// Graphs without errors.
    pub graphs: usize,
    /// Policies without errors.
    pub policies: usize,
    /// Cases of policy tests that were tried.
    pub cases: usize,
    /// Cases that came out otherwise, each in words.
    pub failures: Vec<String>,
}

impl CheckedPack {
    /// Refuses a pack with errors in it.
    pub(super) fn demand_sound(self, of: &str) -> Result<Self, PackError> {
        if !self.found.has_errors() {
            return Ok(self);
        }
        Err(PackError::Findings { of: format!("`{of}`"), findings: told(&self.sources, &self.found) })
    }
}

/// The texts of a pack, for the policies that name it.
pub(super) fn texts(pack: &Pack, tree: &Tree) -> PackTexts {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let files = tree.files().filter_map(|(path, file)| Some((path.clone(), text(&file.bytes)?)));
    PackTexts {
        requires: pack.requires.iter().map(|needed| needed.pack.value.clone()).collect(),
        files: files.collect(),
    }
}

/// Reads everything in a tree and runs its policy tests. Its files are shown beneath `shown`; `packs` are those that
/// its policies may name, itself among them.
///
/// # Errors
/// Nothing of its own: what is wrong is in the result.
pub fn check_pack(tree: &Tree, shown: &str, packs: &Packs) -> Result<CheckedPack, PackError> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let roots: Vec<Root> = tree
        .files()
        .filter(|(path, file)| path.as_str() != MANIFEST && is_ours(path, &file.bytes))
        .map(|(path, file)| Root {
            path: path.clone(),
            name: format!("{shown}/{path}"),
            bytes: file.bytes.clone(),
        })
        .collect();
    let paths: Vec<RelPath> = roots.iter().map(|root| root.path.clone()).collect();
    let mut load = |asked: &FileRef| load(tree, shown, packs, asked);
    let checked = check_files(roots, &mut load, &mut sources, &mut found);
    let mut result = CheckedPack { sources, found, graphs: 0, policies: 0, cases: 0, failures: Vec::new() };
    for (path, root) in paths.iter().zip(&checked.roots) {
        match root {
            CheckedRoot::Graph(_) => result.graphs += 1,
            CheckedRoot::Policy(_) => {
                result.policies += 1;
                Trial { tree, shown, packs }.freeze(path, &mut result);
            }
            CheckedRoot::PolicyTests(file) if !result.found.has_errors() => {
                Trial { tree, shown, packs }.run(path, *file, &mut result);
            }
            CheckedRoot::PolicyTests(_) | CheckedRoot::GraphTests(_) | CheckedRoot::Broken => {}
        }
    }
    result.found.sort();
    Ok(result)
}

/// Reads a pack's own folder, as its author has it, and everything in it; `others` are the packs that it may name.
pub fn check_own_pack(folder: &Path, others: Packs) -> Result<(Pack, Digest, CheckedPack), PackError> {
    let shown = folder.display().to_string();
    let tree = read_folder(folder)?;
    let pack = read_manifest(&tree, &format!("`{shown}`"))?;
    let packs = others.with(pack.name.value.clone(), LockedPack::Verified(texts(&pack, &tree)));
    let checked = check_pack(&tree, &shown, &packs)?;
    Ok((pack, tree.digest(), checked))
}

/// The paths of the policies of a tree.
pub(super) fn policies(tree: &Tree) -> BTreeSet<RelPath> {
    let is_policy =
        |path: &RelPath, bytes: &[u8]| schema_line(path, bytes).is_some_and(|id| id.starts_with(OURS[1]));
    let found = tree.files().filter(|(path, file)| is_policy(path, &file.bytes));
    found.map(|(path, _)| path.clone()).collect()
}

fn is_ours(path: &RelPath, bytes: &[u8]) -> bool {
    let main = matches!(path.as_str(), "policy.yaml" | "policy.toml" | "policy.json");
    main || schema_line(path, bytes).is_some_and(|id| OURS.iter().any(|ours| id.starts_with(ours)))
}

/// The value of the `schema` line, as far as the file can be read.
fn schema_line(path: &RelPath, bytes: &[u8]) -> Option<String> {
    let syntax = Syntax::of_path(path.as_str())?;
    let text = std::str::from_utf8(bytes).ok()?;
    let mut sources = Sources::default();
    let file = sources.add(path.as_str(), text);
    let parsed = parse(&sources, file, syntax, &Limits::default(), &mut Diagnostics::default())?;
    parsed.tree.get("schema")?.as_str().map(str::to_owned)
}

fn load(tree: &Tree, shown: &str, packs: &Packs, asked: &FileRef) -> Result<Loaded, LoadProblem> {
    if asked.kind == FileKind::PackPolicy {
        let layer = format!("{PACK_PREFIX}{}", asked.path);
        let text = packs.policy(shown, &layer);
        let text = text.map_err(|lack| LoadProblem::new(lack.message()).help(lack.help()))?;
        return Ok(Loaded { name: text.name, bytes: text.text.into_bytes() });
    }
    if is_secret_name(asked.path.as_str()) {
        return Err(LoadProblem::new(format!("`{}` has the name of a file that holds secrets", asked.path)));
    }
    let bytes = tree.file(asked.path.as_str());
    let bytes = bytes.ok_or_else(|| LoadProblem::new(format!("the pack has no file `{}`", asked.path)))?;
    Ok(Loaded { name: format!("{shown}/{}", asked.path), bytes: bytes.to_vec() })
}

/// The policy tests of a tree.
struct Trial<'a> {
    tree: &'a Tree,
    shown: &'a str,
    packs: &'a Packs,
}

impl Trial<'_> {
    /// Puts a policy together with all that it names, as a run would: what leads back to itself is found here.
    fn freeze(&self, path: &RelPath, result: &mut CheckedPack) {
        if result.found.has_errors() {
            return;
        }
        let mut read = |naming: &str, name: &str| self.read(naming, name);
        if let Ok(text) =
            self.read(path.as_str(), &format!("./{}", path.split().map_or("", |(_, name)| name)))
        {
            let (sources, found) = (&mut result.sources, &mut result.found);
            freeze(text, LayerRole::Ceiling, self.packs, sources, &mut read, found);
        }
    }

    fn run(&self, path: &RelPath, file: FileId, result: &mut CheckedPack) {
        let mut found = Diagnostics::default();
        let syntax = Syntax::of_path(path.as_str()).unwrap_or(Syntax::Yaml);
        let parsed = parse(&result.sources, file, syntax, &Limits::default(), &mut found);
        let tests = parsed.and_then(|parsed| decode_policy_tests(&parsed.tree, &parsed.damage, &mut found));
        let Some(tests) = tests.filter(|_| !found.has_errors()) else { return result.found.append(found) };
        let layers = self.layers(path, &tests, &mut result.sources, &mut found);
        let set = PolicySet::compile(&layers, &mut result.sources);
        match set {
            Ok(set) if !found.has_errors() => cases(&Gate::new(set, Machine::default()), &tests, result),
            Ok(_) => {}
            Err(findings) => found.append(findings),
        }
        result.found.append(found);
    }

    fn layers(
        &self,
        path: &RelPath,
        tests: &PolicyTests,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> Vec<FrozenLayer> {
        let mut layers = Vec::new();
        for (at, name) in tests.policy.iter().enumerate() {
            let role = if at == 0 { LayerRole::Grant } else { LayerRole::Ceiling };
            if let Some(layer) = builtin(&name.value, role) {
                layers.push(layer);
                continue;
            }
            let mut read = |naming: &str, name: &str| self.read(naming, name);
            let text = if Packs::is_named(&name.value) {
                self.packs.policy(self.shown, &name.value).map_err(|lack| lack.message().to_owned())
            } else {
                self.read(&format!("{}/{path}", self.shown), &name.value)
            };
            match text {
                Ok(text) => layers.extend(freeze(text, role, self.packs, sources, &mut read, found)),
                Err(why) => found.push(
                    crate::diag::Diagnostic::new(
                        crate::diag::codes::UNREADABLE_FILE,
                        name.span,
                        format!("`{}`: {why}", name.value),
                    )
                    .help("name a policy of this pack, relative to this file"),
                ),
            }
        }
        layers
    }

    fn read(&self, naming: &str, name: &str) -> Result<PolicyText, String> {
        let below = naming.strip_prefix(self.shown).and_then(|rest| rest.strip_prefix('/')).unwrap_or(naming);
        let from = RelPath::parse(below).map_err(|error| error.to_string())?;
        let path = from.reference(name).map_err(|error| error.to_string())?;
        let bytes = self.tree.file(path.as_str()).ok_or("is no file of this pack")?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| "is not UTF-8")?;
        let syntax = Syntax::of_path(path.as_str()).unwrap_or(Syntax::Yaml);
        Ok(PolicyText { name: format!("{}/{path}", self.shown), text, syntax })
    }
}

/// Asks the gate about every case.
fn cases(gate: &Gate, tests: &PolicyTests, result: &mut CheckedPack) {
    for case in &tests.cases {
        result.cases += 1;
        let Err(failure) = try_case(gate, case) else { continue };
        let file = result.sources.get(case.span.file);
        let at = file.position(case.span.start);
        let expected = failure.rule.as_ref().map(|rule| format!(" by `{rule}`")).unwrap_or_default();
        let reason = failure.verdict.deciding().map(|reason| format!(": {}", reason.message));
        result.failures.push(format!(
            "{}:{}:{}: `{}` is {:?}, expected {:?}{expected}{}",
            file.name(),
            at.line,
            at.column,
            case.tool.value,
            failure.verdict.decision,
            failure.expected,
            reason.unwrap_or_default()
        ));
    }
}

impl CheckedPack {
    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.found.count(Severity::Error)
    }
}
