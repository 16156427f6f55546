//! All layers of a run: one grant and any number of ceilings. What they say together of limits and paths.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};

use crate::approval::Terms;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::digest::Digest;
use crate::effect::{FrozenLayer, LayerRole, is_beneath};
use crate::source::{Sources, Span};

use super::check::PATTERN_SIZE;
use super::layer::{Layer, LayerOutline, Limits};
use super::load::{Loaded, load};
use super::{GrantLimits, PathRule, PathRules};

/// Bytes of a patch, where the grant names no limit.
const DEFAULT_PATCH_BYTES: u64 = 10 << 20;
/// Files of a patch, where the grant names no limit.
const DEFAULT_PATCH_FILES: u64 = 1000;
/// Bytes that a call may read, where the grant names no limit.
const DEFAULT_READ_BYTES: u64 = 64 << 20;

/// The layers in force, the grant first. Nothing in it can be changed.
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// Those that bind every call.
    pub(super) layers: Vec<Layer>,
    /// Those that bind what a subgraph does.
    inner: Vec<Layer>,
    outlines: Vec<LayerOutline>,
    limits: Limits,
    redact: Vec<(String, Regex)>,
    digest: Digest,
}

impl PolicySet {
    /// Parses, checks and compiles frozen layers; their texts are added to `sources`.
    ///
    /// # Errors
    /// Every finding of every layer. Nothing is in force then.
    pub fn compile(frozen: &[FrozenLayer], sources: &mut Sources) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let loaded: Vec<Option<Loaded>> =
            frozen.iter().map(|layer| load(layer, sources, &mut diagnostics)).collect();
        check_roles(frozen, sources, &mut diagnostics);
        let loaded: Option<Vec<Loaded>> = loaded.into_iter().collect();
        match loaded {
            Some(loaded) if !diagnostics.has_errors() => Ok(Self::of(frozen, &loaded, sources)),
            _ => Err(diagnostics),
        }
    }

    fn of(frozen: &[FrozenLayer], loaded: &[Loaded], sources: &Sources) -> Self {
        let layers: Vec<Layer> = frozen
            .iter()
            .zip(loaded)
            .enumerate()
            .map(|(at, (layer, loaded))| Layer {
                within: layer.within.clone(),
                ..Layer::new(&own_name(frozen, at), layer.role, &loaded.parts, sources)
            })
            .collect();
        let content: Vec<Value> = frozen.iter().zip(loaded).map(content).collect();
        let redact = redact_patterns(&layers);
        let outlines = layers.iter().map(Layer::outline).collect();
        let (layers, inner): (Vec<_>, Vec<_>) = layers.into_iter().partition(|layer| layer.within.is_empty());
        let limits = limits_of(&layers);
        Self { layers, inner, outlines, limits, redact, digest: Digest::of_json(&Value::Array(content)) }
    }

    /// Which of the layers of subgraphs bind the calls of a node; none where every call is bound alike.
    pub(super) fn binding(&self, node: &str) -> Vec<usize> {
        let layers = self.inner.iter().enumerate();
        layers.filter(|(_, layer)| is_beneath(node, &layer.within)).map(|(at, _)| at).collect()
    }

    /// The layers with these of subgraphs among those that bind every call.
    pub(super) fn with_inner(&self, binding: &[usize]) -> Self {
        let chosen = binding.iter().filter_map(|&at| self.inner.get(at)).cloned();
        let layers: Vec<Layer> = self.layers.iter().cloned().chain(chosen).collect();
        Self {
            outlines: layers.iter().map(Layer::outline).collect(),
            limits: limits_of(&layers),
            inner: Vec::new(),
            redact: self.redact.clone(),
            digest: Digest::of_json(&json!({"whole": self.digest, "inner": binding})),
            layers,
        }
    }

    /// The digest of what the layers say, of their roles and of whose calls they bind: neither formatting nor names
    /// change it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The names of the layers, the grant first.
    pub fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.outlines.iter().map(|outline| outline.name.as_str())
    }

    /// What each layer holds, the grant first.
    pub fn outline(&self) -> &[LayerOutline] {
        &self.outlines
    }

    /// What the layers' patterns take out of everything that leaves: all of them, each once.
    pub fn redact_patterns(&self) -> &[(String, Regex)] {
        &self.redact
    }

    /// The most calls of a run by these layers; `None` is unlimited.
    pub fn tool_calls(&self) -> Option<u64> {
        self.limits.tool_calls
    }

    /// Bounds on a call.
    pub fn limits(&self) -> GrantLimits {
        GrantLimits {
            patch_bytes: self.limits.patch_bytes,
            patch_files: self.limits.patch_files,
            read_bytes: self.limits.read_bytes,
        }
    }

    /// What approvals need to count: what the grant says, narrowed by every ceiling that speaks of it.
    pub fn approval_terms(&self) -> Terms {
        self.layers.iter().fold(Terms::default(), |terms, layer| {
            let said = &layer.approvals;
            let open = if layer.role == LayerRole::Grant { &Terms::default() } else { &terms };
            let stated = Terms {
                ttl: said.ttl.unwrap_or(open.ttl),
                quorum: said.quorum.unwrap_or(1),
                separate: said.separate,
                approvers: said.approvers.clone().unwrap_or_else(|| open.approvers.clone()),
            };
            if layer.role == LayerRole::Grant { stated } else { terms.meet(&stated) }
        })
    }

    /// What may be read, before the invariants.
    pub fn read(&self) -> PathRules {
        self.paths("paths.read", |layer| layer.read.as_ref())
    }

    /// What may be written, before the invariants.
    pub fn write(&self) -> PathRules {
        self.paths("paths.write", |layer| layer.write.as_ref())
    }

    /// What of that a patch may change by what is no text.
    pub fn binary(&self) -> PathRules {
        self.paths("paths.binary", |layer| layer.binary.as_ref())
    }

    fn paths(&self, section: &str, rule: impl Fn(&Layer) -> Option<&PathRule>) -> PathRules {
        let layers = self.layers.iter().filter_map(|layer| match rule(layer) {
            Some(rule) => Some(rule.clone()),
            None if layer.complete => Some(PathRule::nothing(layer.silence(section))),
            None => None,
        });
        PathRules::new(layers.collect())
    }
}

/// The name of a layer; where one before it has the same file, what tells the two apart.
fn own_name(frozen: &[FrozenLayer], at: usize) -> String {
    let name = &frozen[at].name;
    match frozen[..at].iter().filter(|before| before.name == *name).count() {
        0 => name.clone(),
        1 => format!("{name} (as a ceiling)"),
        more => format!("{name} (as a ceiling, {more})"),
    }
}

/// The patterns of all layers, each once. They were checked; one that cannot be built here takes out everything.
fn redact_patterns(layers: &[Layer]) -> Vec<(String, Regex)> {
    let all: BTreeSet<(String, String)> =
        layers.iter().flat_map(|layer| layer.redact.iter().cloned()).collect();
    let everything = || Regex::new("(?s).+");
    let build =
        |text: &str| RegexBuilder::new(text).size_limit(PATTERN_SIZE).build().or_else(|_| everything());
    all.into_iter().filter_map(|(name, text)| Some((name, build(&text).ok()?))).collect()
}

/// What a layer says, for the digest; one that binds every call says no more of that.
fn content((layer, loaded): (&FrozenLayer, &Loaded)) -> Value {
    let mut content = json!({"role": layer.role, "parts": loaded.contents});
    if !layer.within.is_empty() {
        content["within"] = json!(layer.within);
    }
    content
}

/// The bounds of these layers together.
fn limits_of(layers: &[Layer]) -> Limits {
    let stated = layers.iter().fold(Limits::default(), |limits, layer| limits.meet(layer.limits));
    default_limits(layers.iter().find(|layer| layer.role == LayerRole::Grant)).meet(stated)
}

/// What the grant leaves open is bounded all the same, so that a ceiling's bound never widens it.
fn default_limits(grant: Option<&Layer>) -> Limits {
    let stated = grant.map(|layer| layer.limits).unwrap_or_default();
    Limits {
        tool_calls: None,
        patch_bytes: stated.patch_bytes.or(Some(DEFAULT_PATCH_BYTES)),
        patch_files: stated.patch_files.or(Some(DEFAULT_PATCH_FILES)),
        read_bytes: stated.read_bytes.or(Some(DEFAULT_READ_BYTES)),
    }
}

/// Exactly one grant, and it is the first.
fn check_roles(frozen: &[FrozenLayer], sources: &mut Sources, diagnostics: &mut Diagnostics) {
    let first = frozen.first().map(|layer| layer.role);
    let grants = frozen.iter().filter(|layer| layer.role == LayerRole::Grant).count();
    let includes = frozen.iter().any(|layer| layer.role == LayerRole::Include);
    if first != Some(LayerRole::Grant) || grants != 1 || includes {
        let file = sources.add("layers", "");
        let message = format!("a run has one grant, which is the first layer, and {grants} were given");
        diagnostics.push(Diagnostic::new(codes::BAD_VALUE, Span::whole(file), message));
    }
}
