//! A graph file as its author wrote it. Names are not resolved yet, expressions not parsed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::document::{Text, Tree};
use crate::source::{Located, Span};

use super::{Name, NodeId};

/// A graph: a file's, or one written inline under `graphs`.
#[derive(Debug, Clone)]
pub struct Graph {
    /// All of it.
    pub span: Span,
    /// Its name; an inline graph has the key it stands under.
    pub name: Located<String>,
    /// What it is for.
    pub description: Option<Located<String>>,
    /// What a run is given.
    pub inputs: Vec<Input>,
    /// The layers: the first is the grant, the rest are ceilings.
    pub policy: Vec<Located<String>>,
    /// Uses of the user's models.
    pub models: Vec<Model>,
    /// Prompts by name.
    pub prompts: Vec<Prompt>,
    /// Other graphs by name.
    pub graphs: Vec<Subgraph>,
    /// The channels.
    pub state: Vec<Channel>,
    /// What a run may use up.
    pub budgets: Budgets,
    /// How much runs at once.
    pub concurrency: Concurrency,
    /// Modifiers and parameters by `uses`.
    pub defaults: Vec<Defaults>,
    /// The nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// The edges, chains taken apart.
    pub edges: Vec<Edge>,
    /// Templates of the outputs.
    pub outputs: Vec<Field>,
    /// Places that did not decode, reported already: a finding whose primary label touches one is noise.
    pub damaged: Vec<Span>,
    /// Sections with an entry that could not be read at all: that a name is missing there proves nothing.
    pub lost: BTreeSet<Section>,
}

/// A section of a graph that gives names to things, or edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the key of the graph language, spelled the Rust way")]
pub enum Section {
    Inputs,
    Policy,
    Models,
    Prompts,
    Graphs,
    State,
    Groups,
    Nodes,
    Edges,
    Outputs,
}

impl Graph {
    /// Is all of a section here, so that what is not in it does not exist?
    pub fn is_whole(&self, section: Section) -> bool {
        !self.lost.contains(&section)
    }

    /// Does a finding here follow from what was reported while the text was read?
    pub fn is_damaged(&self, span: Span) -> bool {
        self.damaged.iter().any(|bad| bad.file == span.file && bad.start <= span.end && span.start <= bad.end)
    }
}

/// A JSON Schema that stands in a file of ours.
#[derive(Debug, Clone)]
pub struct JsonSchema {
    /// With its spans.
    pub tree: Tree,
}

/// A schema, or the file that holds it.
#[derive(Debug, Clone)]
pub enum SchemaSource {
    /// Written here.
    Inline(JsonSchema),
    /// `{file: PATH}`, relative to the graph's file.
    File(Located<String>),
}

/// An input. Without a default it is required.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: Located<Name>,
    /// Its schema, `default` included.
    pub schema: JsonSchema,
}

/// A use of one of the user's models.
#[derive(Debug, Clone)]
pub struct Model {
    /// The name in this graph.
    pub name: Located<Name>,
    /// The name in the user's configuration.
    pub uses: Located<String>,
    /// Parameters of the call: `temperature`, `max_tokens`, …
    pub params: Vec<Field>,
}

/// A prompt.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// Its name.
    pub name: Located<Name>,
    /// Where its text is.
    pub source: PromptSource,
}

/// Where a prompt's text is.
#[derive(Debug, Clone)]
pub enum PromptSource {
    /// `{text: …}`
    Text(Text),
    /// `{file: PATH}`, relative to the graph's file.
    File(Located<String>),
}

/// A graph that nodes may use.
#[derive(Debug, Clone)]
pub struct Subgraph {
    /// Its name.
    pub name: Located<Name>,
    /// Where it is.
    pub source: SubgraphSource,
}

/// Where a subgraph is.
#[derive(Debug, Clone)]
pub enum SubgraphSource {
    /// Written here.
    Inline(Box<Graph>),
    /// `{file: PATH}`, relative to the graph's file.
    File(Located<String>),
}

/// A channel: state that survives loop iterations.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name.
    pub name: Located<Name>,
    /// Its schema, without `reduce` and `default`.
    pub schema: JsonSchema,
    /// The start value, where one is written.
    pub default: Option<Tree>,
    /// How writes are folded.
    pub reduce: Located<Reduce>,
}

/// How a channel folds its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// The last write, in canonical order.
    Replace,
    /// Each write is an element.
    Append,
    /// Each write is a list of elements.
    Extend,
    /// Each write is an object; its keys replace earlier ones.
    Merge,
    /// Each write is a number that is added.
    Sum,
}

/// What a run may use up. What is not named is not limited.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    /// Time on the clock, suspended time not counted.
    pub wall: Option<Located<Duration>>,
    /// Calls of tools.
    pub tool_calls: Option<Located<u64>>,
    /// Tokens of models.
    pub llm_tokens: Option<Located<u64>>,
    /// Bytes of patches.
    pub patch_bytes: Option<Located<u64>>,
    /// Time for `always` paths after a failure (2 minutes unless named).
    pub grace: Option<Located<Duration>>,
}

/// How many leaf calls run at once.
#[derive(Debug, Clone, Default)]
pub struct Concurrency {
    /// In all.
    pub max: Option<Located<u32>>,
    /// By group.
    pub groups: Vec<Group>,
}

/// A named concurrency limit.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: Located<Name>,
    /// Calls at once.
    pub max: Located<u32>,
}

/// `defaults: {USES: …}`
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The kind of node.
    pub uses: Located<Uses>,
    /// Parameters.
    pub with: Vec<Field>,
    /// Modifiers.
    pub modifiers: Modifiers,
}

/// A name and a value that may hold templates.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name.
    pub name: Located<String>,
    /// The value.
    pub value: Tree,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the word of the graph language, spelled the Rust way")]
pub enum Uses {
    ReadFile,
    ListFiles,
    SearchFiles,
    RepoContext,
    WorkspaceDiff,
    ApplyPatch,
    Rollback,
    Exec,
    Http,
    Llm,
    Mcp,
    Batch,
    Graph,
    Approval,
    Render,
    Values,
    ParseReport,
    Fail,
}

impl Uses {
    /// All of them.
    pub const ALL: [Uses; 18] = [
        Uses::ReadFile,
        Uses::ListFiles,
        Uses::SearchFiles,
        Uses::RepoContext,
        Uses::WorkspaceDiff,
        Uses::ApplyPatch,
        Uses::Rollback,
        Uses::Exec,
        Uses::Http,
        Uses::Llm,
        Uses::Mcp,
        Uses::Batch,
        Uses::Graph,
        Uses::Approval,
        Uses::Render,
        Uses::Values,
        Uses::ParseReport,
        Uses::Fail,
    ];

    /// The word of the graph language.
    pub fn as_str(self) -> &'static str {
        match self {
            Uses::ReadFile => "read_file",
            Uses::ListFiles => "list_files",
            Uses::SearchFiles => "search_files",
            Uses::RepoContext => "repo_context",
            Uses::WorkspaceDiff => "workspace_diff",
            Uses::ApplyPatch => "apply_patch",
            Uses::Rollback => "rollback",
            Uses::Exec => "exec",
            Uses::Http => "http",
            Uses::Llm => "llm",
            Uses::Mcp => "mcp",
            Uses::Batch => "batch",
            Uses::Graph => "graph",
            Uses::Approval => "approval",
            Uses::Render => "render",
            Uses::Values => "values",
            Uses::ParseReport => "parse_report",
            Uses::Fail => "fail",
        }
    }

    /// The kind that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|uses| uses.as_str() == word)
    }

    /// Does it compute alone, at once and without a call?
    pub fn computes(self) -> bool {
        matches!(self, Uses::Values | Uses::Render | Uses::ParseReport | Uses::Fail)
    }

    /// Is it a call of a tool, which only the runner makes?
    pub fn is_tool(self) -> bool {
        !matches!(
            self,
            Uses::Graph
                | Uses::Approval
                | Uses::Render
                | Uses::Values
                | Uses::ParseReport
                | Uses::Fail
                | Uses::Batch
        )
    }
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its id.
    pub id: Located<NodeId>,
    /// All of it.
    pub span: Span,
    /// What it does; `None` where the word is unknown (which is reported): nothing is known of its parameters and
    /// its output then.
    pub uses: Option<Located<Uses>>,
    /// Its parameters, templates unparsed; a misspelt one stands under the name that it was meant to have.
    pub with: Vec<Field>,
    /// How it is run.
    pub modifiers: Modifiers,
}

/// How a node is run.
#[derive(Debug, Clone, Default)]
pub struct Modifiers {
    /// A bare expression.
    pub skip_when: Option<Text>,
    /// Once for each item.
    pub for_each: Option<ForEach>,
    /// How often it is tried.
    pub retry: Option<Retry>,
    /// Of one attempt.
    pub timeout: Option<Located<Duration>>,
    /// How many taken edges it wants.
    pub join: Option<Located<Join>>,
    /// A concurrency group.
    pub group: Option<Located<Name>>,
    /// Reuse a result?
    pub cache: Option<Located<bool>>,
    /// Does this result decide success?
    pub verify: Option<Located<bool>>,
    /// Channel writes on success.
    pub update: Vec<Field>,
    /// What becomes of a call that a crash interrupted.
    pub on_crash: Option<Located<OnCrash>>,
    /// What it is for.
    pub description: Option<Located<String>>,
}

/// `for_each`
#[derive(Debug, Clone)]
pub struct ForEach {
    /// A bare expression: the list.
    pub items: Text,
    /// The name of an item.
    pub binding: Located<Name>,
    /// The most items (1000 unless named).
    pub max: Option<Located<u32>>,
    /// How many at once (1 unless named).
    pub parallel: Option<Located<u32>>,
    /// What a failed item means (`stop` unless named).
    pub on_error: Option<Located<OnItemError>>,
}

/// What a failed item means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnItemError {
    /// Later items are cancelled, the node fails.
    Stop,
    /// The node succeeds with `{status, output, error}` for each.
    Collect,
}

/// `retry`
#[derive(Debug, Clone)]
pub struct Retry {
    /// All attempts, the first included.
    pub attempts: Located<u32>,
    /// The first wait.
    pub backoff: Option<Backoff>,
    /// The error kinds that are tried again.
    pub kinds: Option<Vec<Located<String>>>,
}

/// The first wait between attempts; it doubles up to 60 s.
pub type Backoff = Located<Duration>;

/// How many taken edges a node wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Join {
    /// One.
    #[default]
    Some,
    /// One from each source node.
    All,
}

/// What becomes of a call that a crash interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnCrash {
    /// It is made again.
    Retry,
    /// It counts as failed.
    Fail,
    /// A person decides.
    Ask,
}

/// An edge; one for each pair where `from` or `to` is a list.
#[derive(Debug, Clone)]
pub struct Edge {
    /// All of the entry that it was written in.
    pub span: Span,
    /// The source.
    pub from: Located<String>,
    /// The target.
    pub to: Located<String>,
    /// A bare expression.
    pub when: Option<Text>,
    /// Taken if no other success edge is.
    pub otherwise: Option<Located<bool>>,
    /// Error kinds that it catches.
    pub catch: Vec<Located<String>>,
    /// Taken whatever happened.
    pub always: Option<Located<bool>>,
    /// Makes it a loop edge.
    pub repeat: Option<LoopClause>,
}

/// `loop`
#[derive(Debug, Clone)]
pub struct LoopClause {
    /// All of it.
    pub span: Span,
    /// Iterations, the first included.
    pub max: Located<u32>,
    /// What running out means (`fail` unless named).
    pub exhausted: Option<Located<ExhaustedRule>>,
    /// The wait between iterations.
    pub delay: Option<Located<Duration>>,
}

/// What running out of iterations means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExhaustedRule {
    /// The source fails with kind `exhausted`.
    Fail,
    /// The edge counts as not taken.
    Leave,
}
