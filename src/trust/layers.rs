//! The layers of a run: one grant, and every ceiling that nobody can take away. Reads no file.

use crate::effect::{FrozenLayer, LayerRole};
use crate::policy::{CONTAINED, Request, builtin, requests_beyond_contained};

use super::{Standing, TrustError};

/// Where a graph's policies come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphOrigin {
    /// A file: the workspace's, or one named with `-g`, which trusts a graph and never a policy.
    File,
    /// Shipped with the program.
    Shipped,
}

/// All that may become a layer.
#[derive(Debug, Clone)]
pub struct LayerSources {
    /// What the graph names, frozen: the first is the grant. What its subgraphs name comes last.
    pub graph: Vec<FrozenLayer>,
    /// Where the graph comes from.
    pub origin: GraphOrigin,
    /// How its workspace stands.
    pub standing: Standing,
    /// `--policy`, frozen: the first is the grant in place of the graph's, the rest are ceilings. Naming them trusts
    /// them, for this run.
    pub flags: Vec<FrozenLayer>,
    /// The machine's and the user's, which are ceilings of every run.
    pub always: Vec<FrozenLayer>,
}

/// The layers of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLayers {
    /// The grant first.
    pub layers: Vec<FrozenLayer>,
    /// What the grant asks for beyond `builtin:contained` and nobody has trusted: not empty, and the run is refused
    /// before it starts.
    pub refused: Vec<Request>,
    /// Why that is not trusted, and what has become wider where it once was.
    pub standing: Standing,
}

/// Puts the layers of a run together.
///
/// # Errors
/// A grant that is not valid.
pub fn layers_for_run(from: LayerSources) -> Result<RunLayers, TrustError> {
    let by_flag = !from.flags.is_empty();
    let mut graph = from.graph.into_iter().peekable();
    // what a subgraph names grants nothing, also where its caller names nothing
    let graphs_grant = graph.next_if(|layer| layer.within.is_empty());
    let mut flags = from.flags.into_iter();
    let named = flags.next().or(graphs_grant);
    let ours = named.is_none();
    let grant = named.or_else(|| builtin(CONTAINED, LayerRole::Grant));
    let vouched = ours || by_flag || from.origin == GraphOrigin::Shipped || from.standing.is_trusted();
    let mut layers: Vec<FrozenLayer> =
        grant.map(|layer| FrozenLayer { role: LayerRole::Grant, ..layer }).into_iter().collect();
    let ceilings = graph.chain(flags).chain(from.always);
    layers.extend(ceilings.map(|layer| FrozenLayer { role: LayerRole::Ceiling, ..layer }));
    let mut refused = Vec::new();
    if !vouched {
        refused = requests_beyond_contained(&layers[..1])
            .map_err(|found| TrustError::Policy(first_message(&found)))?;
        layers.extend(builtin(CONTAINED, LayerRole::Ceiling));
    }
    Ok(RunLayers { layers, refused, standing: from.standing })
}

/// The refusal of a run that asks for what nobody has trusted: each reason with its place, and the command that
/// would trust it.
impl RunLayers {
    /// The text of the refusal; `None` where nothing is refused.
    pub fn refusal(&self) -> Option<String> {
        if self.refused.is_empty() {
            return None;
        }
        let reasons: Vec<String> = self
            .refused
            .iter()
            .map(|request| {
                format!(
                    "  {}:{}:{}: it asks for {}",
                    request.file, request.line, request.column, request.what
                )
            })
            .collect();
        let (why, widened) = match &self.standing {
            Standing::Untrusted { reason, widened } => (reason.as_str(), widened.as_slice()),
            Standing::Trusted => ("nobody has trusted it", &[][..]),
        };
        // where something was trusted before, what is new is what a person has to read
        let what = if widened.is_empty() {
            reasons.join("\n")
        } else {
            widened.iter().map(|new| format!("  new: {new}")).collect::<Vec<_>>().join("\n")
        };
        Some(format!(
            "refused: the policy of this workspace asks for more than `{CONTAINED}`, and {why}\n{what}\n\
             read it, then run `lgflow trust`; or take these lines out, and it runs contained"
        ))
    }
}

fn first_message(found: &crate::diag::Diagnostics) -> String {
    found.iter().next().map(|first| first.message.clone()).unwrap_or_default()
}
