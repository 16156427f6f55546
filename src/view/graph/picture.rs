//! What a drawing shows: nodes with their lines, regions with their titles, edges with what decides them, and what became
//! of each in a run. Knows neither places nor a drawing language; a plan is not needed to make one.

use crate::layout::End;

/// What is drawn. The order of the nodes is the order in which they are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// The name of the graph.
    pub title: String,
    /// What else is said of it, in a sentence; empty where nothing is.
    pub about: String,
    /// The nodes.
    pub nodes: Vec<PictureNode>,
    /// The regions, outer ones before inner ones.
    pub regions: Vec<PictureRegion>,
    /// The edges.
    pub edges: Vec<PictureEdge>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PictureNode {
    /// Its id; within a subgraph behind the node that runs it: `review/read`.
    pub path: String,
    /// The innermost region that it is in, by index.
    pub region: Option<usize>,
    /// What is written on it: its id, then what it does.
    pub lines: Vec<String>,
    /// What became of it in a run.
    pub standing: Option<Standing>,
    /// A word more to that: how often, how long, which error.
    pub note: Option<String>,
    /// What is shown where a pointer rests on it.
    pub tooltip: Option<String>,
    /// The part of the page that it leads to, without `#`.
    pub link: Option<String>,
    /// All that is known of it.
    pub facts: Vec<Fact>,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureRegion {
    /// The target of the loop, or the node that runs the subgraph, as nodes are named.
    pub path: String,
    /// Why these nodes stand together.
    pub kind: RegionKind,
    /// The region around it, by index: a smaller one than its own.
    pub outer: Option<usize>,
    /// The lines of its title.
    pub title: Vec<String>,
    /// What became of the node that runs the subgraph.
    pub standing: Option<Standing>,
    /// A word more to that.
    pub note: Option<String>,
    /// What is shown where a pointer rests on its title.
    pub tooltip: Option<String>,
    /// The part of the page that its title leads to, without `#`.
    pub link: Option<String>,
    /// All that is known of the node that runs the subgraph, or of the loop.
    pub facts: Vec<Fact>,
}

/// Why nodes stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegionKind {
    /// They are the body of a loop.
    Loop,
    /// They are a subgraph.
    Subgraph,
}

/// One thing that is known: of what, and what. The latter may have several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Of what.
    pub term: String,
    /// What.
    pub text: String,
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureEdge {
    /// Where it begins.
    pub from: End,
    /// Where it ends.
    pub to: End,
    /// What it is decided by.
    pub kind: EdgeKind,
    /// What is written on it; empty where nothing is.
    pub label: String,
    /// The same in full.
    pub told: String,
    /// What became of it in a run.
    pub passage: Option<Passage>,
}

/// What an edge is decided by. Each is drawn in a way of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// Success.
    Success,
    /// Success, and no other edge is taken.
    Otherwise,
    /// A failure of some kind.
    Catch,
    /// Nothing.
    Always,
    /// It turns a loop.
    Again,
}

impl EdgeKind {
    /// All of them.
    pub const ALL: [EdgeKind; 5] =
        [EdgeKind::Success, EdgeKind::Otherwise, EdgeKind::Catch, EdgeKind::Always, EdgeKind::Again];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            EdgeKind::Success => "success",
            EdgeKind::Otherwise => "otherwise",
            EdgeKind::Catch => "catch",
            EdgeKind::Always => "always",
            EdgeKind::Again => "loop",
        }
    }
}

/// What became of a node in a run. Each has a word and a sign, so that no colour is needed to tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the word of the trace, spelled the Rust way")]
pub enum Standing {
    Succeeded,
    Failed,
    Denied,
    Skipped,
    NotReached,
    Cancelled,
    Running,
    Waiting,
}

impl Standing {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Succeeded => "succeeded",
            Standing::Failed => "failed",
            Standing::Denied => "denied",
            Standing::Skipped => "skipped",
            Standing::NotReached => "not reached",
            Standing::Cancelled => "cancelled",
            Standing::Running => "running",
            Standing::Waiting => "waiting",
        }
    }

    /// The sign for it.
    pub fn sign(self) -> char {
        match self {
            Standing::Succeeded => '✓',
            Standing::Failed => '✗',
            Standing::Denied => '⊘',
            Standing::Skipped => '»',
            Standing::NotReached => '·',
            Standing::Cancelled => '■',
            Standing::Running => '▸',
            Standing::Waiting => '?',
        }
    }

    /// The line that says it.
    pub(super) fn line(self, note: Option<&str>) -> String {
        let note = note.map(|note| format!(", {note}")).unwrap_or_default();
        format!("{} {}{note}", self.sign(), self.as_str())
    }
}

/// What became of an edge in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It was taken.
    Taken,
    /// It was not.
    NotTaken,
}

impl Picture {
    /// Says what became of the node with this path, or of the one that runs this subgraph. Is there one?
    pub fn mark(&mut self, path: &str, standing: Standing, note: Option<String>) -> bool {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.path == path) {
            (node.standing, node.note) = (Some(standing), note);
            return true;
        }
        let of_node =
            |region: &&mut PictureRegion| region.kind == RegionKind::Subgraph && region.path == path;
        if let Some(region) = self.regions.iter_mut().find(of_node) {
            (region.standing, region.note) = (Some(standing), note);
            return true;
        }
        false
    }

    /// The path of an end.
    pub(super) fn path(&self, end: End) -> &str {
        match end {
            End::Node(at) => &self.nodes[at].path,
            End::Region(at) => &self.regions[at].path,
        }
    }
}
