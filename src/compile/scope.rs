//! What the expressions of one graph may name, and what is known of each name before the run. Knows no expression.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::document::Damage;
use crate::source::Span;

/// Every name of one graph.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Behind `inputs`: the JSON Schema; `None` where it could not be read.
    pub inputs: BTreeMap<String, Known>,
    /// Behind `nodes`.
    pub nodes: BTreeMap<String, NodeFacts>,
    /// Behind `state`: the JSON Schema of the folded value.
    pub channels: BTreeMap<String, Known>,
    /// Behind `loops`: the targets of loop edges.
    pub loops: BTreeMap<String, LoopFacts>,
    /// What of the file could not be read: a name in there may be declared.
    pub damage: Damage,
}

/// A loop, as expressions see it.
#[derive(Debug, Clone)]
pub struct LoopFacts {
    /// Where a loop edge names its target.
    pub span: Span,
    /// The ids of the nodes of its body; `None` where the shape of the graph is not sound.
    pub body: Option<BTreeSet<String>>,
}

/// A declared name.
#[derive(Debug, Clone)]
pub struct Known {
    /// Where it is declared.
    pub span: Span,
    /// The JSON Schema of its value; `None`: any value.
    pub schema: Option<Arc<Value>>,
}

/// A node, as expressions see it.
#[derive(Debug, Clone)]
pub struct NodeFacts {
    /// Where it is declared.
    pub span: Span,
    /// The JSON Schema of `nodes.ID.output`, the list of a `for_each` included; `None`: any value.
    pub output: Option<Arc<Value>>,
}

/// The place that an expression stands at, which decides what else it sees.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The names of its graph.
    pub names: &'a Names,
    /// The node that reads: in whose body it stands decides which loops count for it.
    pub reader: Option<&'a str>,
    /// Names from around: the `as` name of a `for_each` and its index.
    pub locals: &'a [Local],
    /// Is `output` in scope: in a node's `update` and in its edges? Then with the schema of its value.
    pub output: Option<&'a NodeFacts>,
    /// Is `error` in scope: in a node's edges?
    pub error: bool,
    /// How many findings there were before: after very many, nothing is guessed any more.
    pub met: usize,
}

/// A name from around.
#[derive(Debug, Clone)]
pub struct Local {
    /// The name.
    pub name: String,
    /// The JSON Schema of its value; `None`: any value.
    pub schema: Option<Arc<Value>>,
}

impl<'a> Place<'a> {
    /// A place that sees the graph's names alone.
    pub fn new(names: &'a Names) -> Self {
        Self { names, reader: None, locals: &[], output: None, error: false, met: 0 }
    }
}
