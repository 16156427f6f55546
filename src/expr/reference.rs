//! What an expression refers to, with a span at each step.

use crate::source::Span;

/// The start of a reference. Dynamic keys on `nodes`, `inputs`, `state` and `loops` are not in the language, so
/// the roots of an expression are known before it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// `inputs.NAME`
    Input(String),
    /// `nodes.ID`: an object `{status, error?, output?}`.
    Node(String),
    /// `state.CHANNEL`
    Channel(String),
    /// `loops.TARGET`: an object `{iteration}`.
    Loop(String),
    /// `run`: an object `{graph_digest, revision}`.
    Run,
    /// `output`, in a node's own `update` and edges.
    Output,
    /// `error`, in a node's own edges.
    Error,
    /// A name from around: a `for_each` binding, a prompt's variable.
    Local(String),
}

/// A step after the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// `.name` or `['name']`
    Field(String, Span),
    /// `[0]`
    Index(i64, Span),
    /// `[expression]`
    Computed(Span),
}

/// One use of a name: `nodes.plan.output.steps[0].title`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where it starts.
    pub root: Root,
    /// The span of the first name (`nodes`, `inputs`, or the local).
    pub root_span: Span,
    /// The span of the name behind it (`plan` in `nodes.plan`); equal to `root_span` for locals.
    pub name_span: Span,
    /// The steps after the root.
    pub path: Vec<Segment>,
    /// All of it.
    pub span: Span,
    /// Does `default(…)`, `is defined` or `first_of(…)` cover it?
    pub guarded: bool,
}
