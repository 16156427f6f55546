//! What a run begins with: the graph that is meant, compiled, and the layers that will bind it. Starts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compile::{CheckedRoot, FileKind, ReadFile, bundle, check_shipped, shipped_bundle};
use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, GraphBundle, LayerRole};
use crate::files::{FileError, OwnFolder, RelPath, Root};
use crate::model::PackName;
use crate::packs::{LockPlace, PackError, installed_packs};
use crate::plan::Plan;
use crate::policy::{ASK_MUTATIONS, Packs, PolicySet, builtin};
use crate::session::{
    CheckedFolder, check_beneath, check_paths, given_layers, plan_layers, workspace_layers,
};
use crate::source::Sources;
use crate::trust::{
    GraphOrigin, LayerSources, RunLayers, TrustError, TrustNow, layers_for_run, machine_layers, standing,
    user_layer, what_decides,
};

use super::{Base, Place};

/// The machine's policies.
const MACHINE_POLICIES: &str = "/etc/lgflow/policy.d";
/// The folder of a workspace's own files.
const OWN: &str = ".lg";
/// What a workspace's own graph is called there, the first that exists.
const USUAL: [&str; 4] = ["graph.yaml", "graph.yml", "graph.toml", "graph.json"];

/// The shipped graph that runs where nothing else is named.
const SHIPPED: &str = "coding";

/// A graph that can run.
#[derive(Debug)]
pub struct Chosen {
    /// Its plan.
    pub plan: Arc<Plan>,
    /// The texts that it was compiled from.
    pub bundle: GraphBundle,
    /// Where it comes from.
    pub origin: GraphOrigin,
    /// The layers that it names: the first is the grant.
    pub layers: Vec<FrozenLayer>,
    /// The file, or the name of the shipped graph, to show.
    pub name: String,
    /// Files beside it whose texts may end in what a model is told: prompts and JSON Schemas.
    pub texts: Vec<PathBuf>,
}

/// What a run begins with could not be put together. Findings in files are told elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A file that was named cannot be opened or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The layers cannot be put together.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The packs of a lock cannot be used.
    #[error(transparent)]
    Packs(#[from] PackError),
    /// A layer lets nothing be read where the graph takes a text from.
    #[error("the graph takes a text from `{path}`, which may not be read: {why} ({place})")]
    Hidden {
        /// Relative to the workspace.
        path: String,
        /// The pattern's word.
        why: String,
        /// Where it stands.
        place: String,
    },
    /// It is something else.
    #[error("`{0}` is no graph; its `schema` line must be `lgflow.graph/v1`")]
    NoGraph(String),
    /// A revision that was asked for has no graph.
    #[error(
        "`{folder}` of the revision `{revision}` has no graph ({names}), so nothing in it decides; commit one there \
         first, or name another revision", names = USUAL.join(", "), folder = OWN
    )]
    NoGraphThere {
        /// As it was named.
        revision: String,
    },
}

/// The packs that the workspace's lock names, verified.
pub fn workspace_packs(place: &Place) -> Result<Packs, PackError> {
    installed_packs(&LockPlace::workspace(place.own())?, &place.state)
}

/// The packs that the user's own lock names, verified.
fn user_packs(place: &Place) -> Result<Packs, PackError> {
    installed_packs(&LockPlace::user(&place.config), &place.state)
}

/// The graph that is meant: the named one, else the workspace's own, else the shipped one. Where a revision decides, a
/// name is one beneath its `.lg`, and its own graph must be there. With findings that are errors there is none.
pub fn choose(
    place: &Place,
    named: Option<&Path>,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Chosen>, PrepareError> {
    let packs = workspace_packs(place)?;
    if let Some(base) = &place.base {
        return from_base(base, named, &packs, sources, found);
    }
    if let Some(path) = named {
        return from_file(path, &packs, sources, found);
    }
    let Some(path) = usual(place) else { return Ok(from_shipped(sources, found)) };
    // first, because it says where a policy is named that is not there
    let Some(chosen) = from_file(&path, &packs, sources, found)? else { return Ok(None) };
    // named from the root, as they were when they were trusted
    let layers = workspace_layers(&place.root, Some(&chosen.plan), &packs, sources, found)?;
    Ok((!found.has_errors()).then_some(Chosen { layers, ..chosen }))
}

/// The workspace's own graph, if it has one.
pub fn usual(place: &Place) -> Option<PathBuf> {
    let own = place.root.join(OWN);
    let path = USUAL.iter().map(|usual| own.join(usual)).find(|path| path.symlink_metadata().is_ok())?;
    Some(place.shown(&path))
}

/// The graph of a revision: what the work tree has is not looked at. It is shown as git would name it, and its layers
/// are named as the workspace's own are, so that they can be compared with what was trusted.
fn from_base(
    base: &Base,
    named: Option<&Path>,
    packs: &Packs,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Chosen>, PrepareError> {
    let own = base.folder.join(OWN);
    let usual = || USUAL.iter().map(Path::new).find(|usual| own.join(usual).symlink_metadata().is_ok());
    let Some(graph) = named.or_else(usual) else {
        return Err(PrepareError::NoGraphThere { revision: base.revision.revision.clone() });
    };
    let graph = RelPath::parse(&graph.to_string_lossy()).map_err(FileError::from)?;
    let folder =
        OwnFolder::beneath(&Root::open(&base.folder)?, &RelPath::parse(OWN).map_err(FileError::from)?)?;
    let shown = PathBuf::from(format!("{}:{OWN}", base.revision.revision));
    let name = shown.join(graph.as_str()).display().to_string();
    let checked = check_beneath(folder, &shown, std::slice::from_ref(&graph), packs, sources, found)?;
    let chosen = from_checked(checked, (Path::new(OWN), &graph), name, packs, sources, found)?;
    // what lies beneath a revision's `.lg` is no file of the workspace
    Ok(chosen.map(|chosen| Chosen { texts: Vec::new(), ..chosen }))
}

fn from_file(
    path: &Path,
    packs: &Packs,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Chosen>, PrepareError> {
    let shown = path.display().to_string();
    let mut checked = check_paths(&[path.to_path_buf()], packs, sources, found)?;
    let Some(checked) = checked.pop() else { return Ok(None) };
    let parent = path.parent().unwrap_or(Path::new(""));
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let own = RelPath::parse(file).map_err(FileError::from)?;
    from_checked(checked, (parent, &own), shown, packs, sources, found)
}

/// The graph out of a folder that was checked for it; `own` is its path there, and `parent` the folder's path as its
/// layers show it.
fn from_checked(
    checked: CheckedFolder,
    (parent, own): (&Path, &RelPath),
    name: String,
    packs: &Packs,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Chosen>, PrepareError> {
    let CheckedFolder { folder, roots, files } = checked;
    match roots.into_iter().next() {
        Some((_, CheckedRoot::Graph(plan))) if !found.has_errors() => {
            let layers = plan_layers((&folder, parent), &plan, packs, sources, found)?;
            Ok((!found.has_errors()).then(|| Chosen {
                plan,
                texts: texts(parent, &files),
                bundle: bundle(own, &files, sources),
                origin: GraphOrigin::File,
                layers,
                name,
            }))
        }
        Some((_, CheckedRoot::Policy(_))) => Err(PrepareError::NoGraph(name)),
        _ => Ok(None),
    }
}

fn texts(parent: &Path, files: &BTreeMap<RelPath, ReadFile>) -> Vec<PathBuf> {
    let texts = files.iter().filter(|(_, read)| matches!(read.kind, FileKind::Prompt | FileKind::Schema));
    texts.map(|(path, _)| parent.join(path.as_str())).collect()
}

fn from_shipped(sources: &mut Sources, found: &mut Diagnostics) -> Option<Chosen> {
    let plan = check_shipped(SHIPPED, sources, found)?;
    let (origin, bundle) = (GraphOrigin::Shipped, shipped_bundle(SHIPPED)?);
    Some(Chosen { plan, bundle, origin, layers: Vec::new(), name: SHIPPED.to_owned(), texts: Vec::new() })
}

/// What a command and the settings say of the layers that bind it.
#[derive(Debug, Clone, Copy)]
pub struct Demanded<'a> {
    /// `--policy`: the first is the grant, the rest are ceilings.
    pub policies: &'a [PathBuf],
    /// How far the workspace is trusted.
    pub trust: TrustNow,
    /// Is everything that would be changed asked about?
    pub ask_about_mutations: bool,
}

/// The layers of a run of `chosen`: what it names, `--policy`, and what the machine and the user always demand.
pub fn layers(
    place: &Place,
    chosen: Option<&Chosen>,
    demanded: Demanded<'_>,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<RunLayers, PrepareError> {
    let packs = workspace_packs(place)?;
    let mut flags = Vec::new();
    for (at, path) in demanded.policies.iter().enumerate() {
        let role = if at == 0 { LayerRole::Grant } else { LayerRole::Ceiling };
        flags.extend(given_layers(path, role, &packs, sources, found)?);
    }
    let mut always = machine_layers(Path::new(MACHINE_POLICIES))?;
    always.extend(user_layer(&place.config.join("policy.yaml"), &user_packs(place)?)?);
    if demanded.ask_about_mutations {
        always.extend(builtin(ASK_MUTATIONS, LayerRole::Ceiling));
    }
    let graph = chosen.map(|chosen| chosen.layers.clone()).unwrap_or_default();
    let origin = chosen.map_or(GraphOrigin::Shipped, |chosen| chosen.origin);
    let deciding = what_decides(place.own())?;
    let standing = standing(&place.state, &place.root, &deciding, &graph, demanded.trust)?;
    let mut run = layers_for_run(LayerSources { graph, origin, standing, flags, always })?;
    let known = packs_of_the_user(place)?;
    run.refused.retain(|request| request.pack.as_ref().is_none_or(|pack| !known.contains(pack)));
    if let Some(chosen) = chosen {
        check_texts(place, chosen, &run.layers, sources)?;
    }
    Ok(run)
}

/// A graph is compiled before any layer holds, so what it takes texts from is held to `read.deny` here, before
/// anything of them goes anywhere. Beneath `.lg` everything is the graph's own.
fn check_texts(
    place: &Place,
    chosen: &Chosen,
    layers: &[FrozenLayer],
    sources: &mut Sources,
) -> Result<(), PrepareError> {
    let beneath = |text: &PathBuf| {
        let real = text.canonicalize().ok()?;
        let path = real.strip_prefix(&place.root).ok()?.to_str()?.to_owned();
        (!Path::new(&path).starts_with(OWN)).then_some(path)
    };
    let paths: Vec<String> = chosen.texts.iter().filter_map(beneath).collect();
    if paths.is_empty() {
        return Ok(());
    }
    // layers that are not valid are told elsewhere, and nothing begins under them
    let Ok(set) = PolicySet::compile(layers, sources) else { return Ok(()) };
    let rules = set.read();
    let against = paths.into_iter().find_map(|path| Some((rules.named_against(&path)?, path)));
    against.map_or(Ok(()), |(reason, path)| {
        Err(PrepareError::Hidden { path, place: reason.place(), why: reason.message })
    })
}

/// The packs that the user's own lock has as the workspace's has them: a workspace may name them without being
/// trusted. What they ask for is asked for all the same.
fn packs_of_the_user(place: &Place) -> Result<BTreeSet<PackName>, PackError> {
    let workspace = LockPlace::workspace(place.own())?.read()?;
    Ok(workspace.shared_with(&LockPlace::user(&place.config).read()?))
}
