//! Policies from the disk, frozen: those that a graph and its subgraphs name, and those that the user names. What they include is
//! opened beneath the same folder, and never through a link. Decides nothing about trust.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compile::CheckedRoot;
use crate::diag::Diagnostics;
use crate::document::{Limits, Syntax, Tree, parse};
use crate::effect::{FrozenLayer, LayerRole};
use crate::files::{FileError, OwnFolder, RelPath, Root};
use crate::plan::{Action, Plan};
use crate::policy::{PackLack, Packs, PolicyText, builtin, freeze};
use crate::source::{Sources, Span};

use super::load::check_beneath;

/// The folder of a workspace's own files.
const OWN: &str = ".lg";
/// A workspace's own graph, the first that exists.
const GRAPHS: [&str; 4] = ["graph.yaml", "graph.yml", "graph.toml", "graph.json"];

/// A held folder with policies, the path to show it by, and the packs that they may name.
#[derive(Debug)]
struct Shelf<'f> {
    folder: &'f OwnFolder,
    shown: &'f Path,
    packs: &'f Packs,
}

/// The layers that a graph names, in its order: the first is the grant, the rest are ceilings. `graph` is its path
/// beneath `folder`, and `shown` the folder's path as it is to be shown. Findings go into `diagnostics`.
///
/// # Errors
/// A policy file that cannot be opened or read.
pub fn graph_layers(
    (folder, shown): (&OwnFolder, &Path),
    graph: &RelPath,
    names: &[String],
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<FrozenLayer>, FileError> {
    let shelf = Shelf { folder, shown, packs };
    let mut layers = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let role = if at == 0 { LayerRole::Grant } else { LayerRole::Ceiling };
        if let Some(layer) = builtin(name, role) {
            layers.push(layer);
        } else if Packs::is_named(name) {
            layers.extend(pack_layer(name, role, packs, sources, diagnostics));
        } else {
            let path = graph.reference(name)?;
            layers.extend(shelf.layer(&path, role, sources, diagnostics)?);
        }
    }
    Ok(layers)
}

/// The layers that a graph names, and those that its subgraphs name for their own calls: ceilings, whatever their
/// place in a list.
///
/// # Errors
/// A policy file that cannot be opened or read.
pub fn plan_layers(
    (folder, shown): (&OwnFolder, &Path),
    plan: &Plan,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<FrozenLayer>, FileError> {
    let mut frozen = |file: &str, names: &[String]| {
        graph_layers((folder, shown), &RelPath::parse(file)?, names, packs, sources, diagnostics)
    };
    let mut layers = frozen(&plan.file, &plan.policy)?;
    for ((file, names), within) in subgraph_policies(plan) {
        let bound = |layer| FrozenLayer { role: LayerRole::Ceiling, within: within.clone(), ..layer };
        layers.extend(frozen(file, names)?.into_iter().map(bound));
    }
    Ok(layers)
}

/// What a graph names, from which file.
type Named<'p> = (&'p str, &'p [String]);

/// What the graphs beneath one name, with the paths of the nodes that run them.
fn subgraph_policies(plan: &Plan) -> BTreeMap<Named<'_>, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    look_beneath("", plan, &mut BTreeMap::new(), &mut found);
    found
}

fn look_beneath<'p>(
    above: &str,
    plan: &'p Plan,
    known: &mut BTreeMap<*const Plan, bool>,
    found: &mut BTreeMap<Named<'p>, BTreeSet<String>>,
) {
    for node in &plan.nodes {
        let Action::Graph { plan: inner, .. } = &node.action else { continue };
        let path = format!("{above}{}", node.id);
        if names_beneath(inner, known) {
            look_beneath(&format!("{path}/"), inner, known, found);
        }
        if !inner.policy.is_empty() {
            found.entry((&inner.file, &inner.policy)).or_default().insert(path);
        }
    }
}

/// Does any graph beneath this one name policies? Asked once of each, however often it is run.
fn names_beneath(plan: &Plan, known: &mut BTreeMap<*const Plan, bool>) -> bool {
    if let Some(&names) = known.get(&std::ptr::from_ref(plan)) {
        return names;
    }
    let names = plan.nodes.iter().any(|node| match &node.action {
        Action::Graph { plan, .. } => !plan.policy.is_empty() || names_beneath(plan, known),
        _ => false,
    });
    known.insert(std::ptr::from_ref(plan), names);
    names
}

/// The layers of a policy file that the user named.
///
/// # Errors
/// The file cannot be opened or read.
pub fn given_layers(
    path: &Path,
    role: LayerRole,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<FrozenLayer>, FileError> {
    if let Some(layer) = path.to_str().and_then(|name| builtin(name, role)) {
        return Ok(vec![layer]);
    }
    if let Some(name) = path.to_str().filter(|name| Packs::is_named(name)) {
        return Ok(pack_layer(name, role, packs, sources, diagnostics));
    }
    let (folder, name) = OwnFolder::of_file(path)?;
    let shown = path.parent().unwrap_or(Path::new("")).to_path_buf();
    Shelf { folder: &folder, shown: &shown, packs }.layer(&name, role, sources, diagnostics)
}

/// The layers that a workspace's own graph names (`.lg/graph.yaml` and its like), and its subgraphs; none where there is
/// no such graph, and its own alone where it is not sound. `plan` is the graph's, where it was compiled before. The layers
/// are named from the workspace's root, wherever the command was started, so that they can be compared with what was
/// trusted.
///
/// # Errors
/// A file in `.lg` that cannot be opened or read.
pub fn workspace_layers(
    root: &Path,
    plan: Option<&Plan>,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<FrozenLayer>, FileError> {
    let own = RelPath::parse(OWN)?;
    let folder = match OwnFolder::beneath(&Root::open(root)?, &own) {
        Ok(folder) => folder,
        Err(FileError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    for name in GRAPHS {
        let graph = RelPath::parse(name)?;
        let text = match folder.read(&graph, Limits::default().bytes as u64) {
            Err(FileError::NotFound { .. }) => continue,
            text => text?,
        };
        let held = (&folder, Path::new(OWN));
        if let Some(plan) = plan {
            return plan_layers(held, plan, packs, sources, diagnostics);
        }
        let tree = tree_of(&graph, text, sources);
        if tree.as_ref().is_some_and(|tree| tree.get("graphs").is_some())
            && let Some(plan) = compiled(OwnFolder::beneath(&Root::open(root)?, &own)?, &graph, packs)
        {
            return plan_layers(held, &plan, packs, sources, diagnostics);
        }
        let names = tree.as_ref().map(policies_of).unwrap_or_default();
        return graph_layers(held, &graph, &names, packs, sources, diagnostics);
    }
    Ok(Vec::new())
}

/// The plan of a graph, where it is sound; `validate` says what is wrong with it.
fn compiled(folder: OwnFolder, graph: &RelPath, packs: &Packs) -> Option<Arc<Plan>> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let graphs = std::slice::from_ref(graph);
    let checked = check_beneath(folder, Path::new(OWN), graphs, packs, &mut sources, &mut found).ok()?;
    match checked.roots.into_iter().next() {
        Some((_, CheckedRoot::Graph(plan))) => Some(plan),
        _ => None,
    }
}

/// A graph file, as far as it can be read; `validate` says what is wrong with the rest.
fn tree_of(graph: &RelPath, text: String, sources: &mut Sources) -> Option<Tree> {
    let file = sources.add(format!("{OWN}/{graph}"), text);
    let syntax = Syntax::of_path(graph.as_str()).unwrap_or(Syntax::Yaml);
    parse(sources, file, syntax, &Limits::default(), &mut Diagnostics::default()).map(|parsed| parsed.tree)
}

/// What stands under `policy`.
fn policies_of(graph: &Tree) -> Vec<String> {
    graph
        .get("policy")
        .map(Tree::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Tree::as_str)
        .map(str::to_owned)
        .collect()
}

/// The layers of a pack's policy. That there is none is said in the name's own words: it stands in no file here.
fn pack_layer(
    name: &str,
    role: LayerRole,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Vec<FrozenLayer> {
    match packs.policy("", name) {
        Ok(text) => {
            let mut read = |_: &str, name: &str| Err(format!("`{name}` is beneath no pack"));
            freeze(text, role, packs, sources, &mut read, diagnostics)
        }
        Err(lack) => {
            lacking(&lack, name, sources, diagnostics);
            Vec::new()
        }
    }
}

fn lacking(lack: &PackLack, name: &str, sources: &mut Sources, diagnostics: &mut Diagnostics) {
    let file = sources.add(name, "");
    diagnostics.push(lack.clone().at(Span::whole(file)));
}

impl Shelf<'_> {
    fn layer(
        &self,
        path: &RelPath,
        role: LayerRole,
        sources: &mut Sources,
        diagnostics: &mut Diagnostics,
    ) -> Result<Vec<FrozenLayer>, FileError> {
        let text = self.text(path)?;
        let mut read = |naming: &str, name: &str| {
            let path = self.beneath(naming).reference(name).map_err(|error| error.to_string())?;
            self.text(&path).map_err(|error| format!("cannot be read: {error}"))
        };
        Ok(freeze(text, role, self.packs, sources, &mut read, diagnostics))
    }

    fn text(&self, path: &RelPath) -> Result<PolicyText, FileError> {
        let text = self.folder.read(path, Limits::default().bytes as u64);
        let text = text.map_err(|error| error.beneath(self.shown))?;
        let name = plainly(self.shown.join(path.as_str()).display().to_string());
        Ok(PolicyText { name, text, syntax: Syntax::of_path(path.as_str()).unwrap_or(Syntax::Yaml) })
    }

    /// The path beneath the folder of a file that [`text`](Self::text) gave its name to.
    fn beneath(&self, name: &str) -> RelPath {
        let path = PathBuf::from(name);
        let below = path.strip_prefix(self.shown).ok().and_then(Path::to_str);
        below.and_then(|below| RelPath::parse(below).ok()).unwrap_or_else(RelPath::root)
    }
}

/// A file whose path looks like the name of a builtin or of a pack is shown as the path that it is.
fn plainly(name: String) -> String {
    let foreign = Packs::is_named(&name) || name.starts_with("builtin:");
    if foreign { format!("./{name}") } else { name }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that are read")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_graphs_policies_are_frozen_with_what_they_include() {
        let home = tempfile::tempdir().unwrap();
        let policy = |more: &str| format!("schema: lgflow.policy/v1\nname: x\n{more}");
        fs::create_dir(home.path().join("policies")).unwrap();
        fs::write(home.path().join("policies/grant.yaml"), policy("include: [more.yaml, 'builtin:rust']\n"))
            .unwrap();
        fs::write(home.path().join("policies/more.yaml"), policy("tools: { read_file: allow }\n")).unwrap();
        let (folder, graph) = OwnFolder::of_file(&home.path().join("graph.yaml")).unwrap();
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let names = ["policies/grant.yaml".to_owned(), "builtin:contained".to_owned()];
        let layers = graph_layers(
            (&folder, Path::new(".lg")),
            &graph,
            &names,
            &Packs::default(),
            &mut sources,
            &mut found,
        )
        .unwrap();
        assert!(found.is_empty(), "{found:?}");
        let seen: Vec<_> = layers.iter().map(|layer| (layer.name.as_str(), layer.role)).collect();
        assert_eq!(
            seen,
            [(".lg/policies/grant.yaml", LayerRole::Grant), ("builtin:contained", LayerRole::Ceiling)]
        );
        let inner: Vec<_> = layers[0].includes.iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(inner, [".lg/policies/more.yaml", "builtin:rust"]);
    }

    #[test]
    fn a_policy_outside_of_the_folder_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let (folder, graph) = OwnFolder::of_file(&home.path().join("graph.yaml")).unwrap();
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let names = ["../policy.yaml".to_owned()];
        let shown = Path::new("");
        assert!(
            graph_layers((&folder, shown), &graph, &names, &Packs::default(), &mut sources, &mut found)
                .is_err()
        );
    }
}
