//! A graph between the author's words and the plan: names looked up, defaults merged, edges between numbered nodes.
//! Judges nothing: what could not be looked up is kept for the checks to report.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::diag::{nearest, worth_guessing};
use crate::document::{Damage, Entry, Tree};
use crate::model::{Defaults, Edge, Field, Graph, Modifiers, Node, Section, Uses};
use crate::plan::Arrow;
use crate::source::{Located, SourceFile, Sources, Span};

use super::parts::Parts;

/// A graph with its names looked up.
pub(super) struct Draft<'a> {
    /// As written.
    pub(super) graph: &'a Graph,
    /// The texts, for what lies between two spans.
    pub(super) sources: &'a Sources,
    /// By place in the file.
    pub(super) nodes: Vec<DraftNode<'a>>,
    /// The edges both of whose ends are known or can be guessed.
    pub(super) links: Vec<Link<'a>>,
    /// The ends of edges that name no node.
    pub(super) strangers: Vec<&'a Located<String>>,
    /// What it names and does not hold itself.
    pub(super) parts: &'a Parts,
    index: BTreeMap<&'a str, u32>,
    origin: Origin<'a>,
    /// Every key of every section, by both; looked up for unknown names alone.
    keys: OnceLock<BTreeSet<(&'a str, &'a str)>>,
}

/// What a graph was decoded from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The graph's own tree.
    pub(super) tree: &'a Tree,
    /// What of its file could not be read.
    pub(super) damage: &'a Damage,
}

/// A node with the defaults of its kind.
pub(super) struct DraftNode<'a> {
    /// As written.
    pub(super) node: &'a Node,
    /// Its own parameters, then those of `defaults` that it does not have.
    pub(super) with: Vec<&'a Field>,
    /// Its own modifiers over those of `defaults`.
    pub(super) modifiers: Cow<'a, Modifiers>,
}

/// An edge between two nodes.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    /// As written.
    pub(super) edge: &'a Edge,
    /// The source.
    pub(super) from: u32,
    /// The target.
    pub(super) to: u32,
    /// Are both ends written so? Otherwise one was misspelt, and this is what was most likely meant.
    pub(super) sure: bool,
    /// What decides it.
    pub(super) class: Class,
}

/// What decides an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Success,
    Otherwise,
    Catch,
    Always,
}

impl<'a> Draft<'a> {
    /// Looks everything up.
    pub(super) fn new(graph: &'a Graph, origin: Origin<'a>, sources: &'a Sources, parts: &'a Parts) -> Self {
        let nodes: Vec<_> = graph.nodes.iter().map(|node| DraftNode::new(node, &graph.defaults)).collect();
        let index =
            graph.nodes.iter().enumerate().map(|(at, node)| (node.id.value.as_str(), at as u32)).collect();
        let mut draft = Self {
            graph,
            sources,
            nodes,
            links: Vec::with_capacity(graph.edges.len()),
            strangers: Vec::new(),
            parts,
            index,
            origin,
            keys: OnceLock::new(),
        };
        for edge in &graph.edges {
            draft.link(edge);
        }
        draft
    }

    fn link(&mut self, edge: &'a Edge) {
        let mut sure = true;
        let mut end = |name: &'a Located<String>| {
            let known = self.index.get(name.value.as_str()).copied();
            if known.is_some() {
                return known;
            }
            sure = false;
            self.strangers.push(name);
            if !worth_guessing(self.strangers.len(), self.index.len()) {
                return None;
            }
            let meant = nearest(&name.value, self.index.keys().copied())?;
            self.index.get(meant).copied()
        };
        let (from, to) = (end(&edge.from), end(&edge.to));
        if let (Some(from), Some(to)) = (from, to) {
            self.links.push(Link { edge, from, to, sure, class: Class::of(edge) });
        }
    }

    /// The file that it stands in.
    pub(super) fn file(&self) -> &'a SourceFile {
        self.sources.get(self.origin.tree.span.file)
    }

    /// The node with this id.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// The ids of all nodes.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.nodes.iter().map(DraftNode::id)
    }

    /// The id behind a number.
    pub(super) fn id(&self, at: u32) -> &'a str {
        self.nodes[at as usize].id()
    }

    /// Is every edge of the file here, between the nodes that it names? Only then does the absence of an edge
    /// prove anything.
    pub(super) fn is_whole(&self) -> bool {
        let guessed = self.links.len() == self.graph.edges.len();
        guessed && self.graph.is_whole(Section::Nodes) && self.graph.is_whole(Section::Edges)
    }

    /// Is `name` declared in a part of the section that could not be read, or by an entry that could not?
    pub(super) fn may_be_lost(&self, section: &str, name: &str) -> bool {
        let keys = self.keys.get_or_init(|| {
            let keys = |section: &'a Entry| {
                section
                    .value
                    .entries()
                    .iter()
                    .map(|entry| (section.key.value.as_str(), entry.key.value.as_str()))
            };
            self.origin.tree.entries().iter().flat_map(keys).collect()
        });
        keys.contains(&(section, name)) || self.origin.damage.lost(name)
    }

    /// The keys of a section, those whose entries have faults included.
    pub(super) fn declared(&self, section: &str) -> impl Iterator<Item = (&'a str, Span)> + '_ {
        let entries = self.origin.tree.get(section).map(Tree::entries).unwrap_or_default();
        entries.iter().map(|entry| (entry.key.value.as_str(), entry.key.span))
    }

    /// What of the graph's file could not be read.
    pub(super) fn damage(&self) -> &'a Damage {
        self.origin.damage
    }

    /// The links as arrows between numbers.
    pub(super) fn arrows(&self) -> Vec<Arrow> {
        let arrow = |link: &Link<'_>| Arrow { from: link.from, to: link.to, turns: link.turns() };
        self.links.iter().map(arrow).collect()
    }

    /// `a -> b`, for messages.
    pub(super) fn name_of(&self, link: &Link<'_>) -> String {
        format!("{} -> {}", self.id(link.from), self.id(link.to))
    }

    /// Where to point for a link: in a chain at its own part, otherwise at the whole entry.
    pub(super) fn span_of(&self, edge: &Edge) -> Span {
        let (from, to) = (edge.from.span, edge.to.span);
        let between = Span { file: from.file, start: from.end, end: to.start };
        let chained = from.file == to.file && from.end <= to.start;
        if chained && self.sources.text(between).trim() == "->" { from.to(to) } else { edge.span }
    }
}

impl<'a> DraftNode<'a> {
    fn new(node: &'a Node, defaults: &'a [Defaults]) -> Self {
        let uses = node.uses.as_ref().map(|uses| uses.value);
        let default = defaults.iter().find(|default| Some(default.uses.value) == uses);
        let mut with: Vec<&Field> = node.with.iter().collect();
        let Some(default) = default else {
            return Self { node, with, modifiers: Cow::Borrowed(&node.modifiers) };
        };
        for field in &default.with {
            if node.with.iter().all(|own| own.name.value != field.name.value) {
                with.push(field);
            }
        }
        Self { node, with, modifiers: Cow::Owned(merged(&node.modifiers, &default.modifiers)) }
    }

    /// Its id.
    pub(super) fn id(&self) -> &'a str {
        self.node.id.value.as_str()
    }

    /// What it does, where the word is known.
    pub(super) fn uses(&self) -> Option<Uses> {
        self.node.uses.as_ref().map(|uses| uses.value)
    }

    /// A parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a Field> {
        self.with.iter().copied().find(|field| field.name.value == name)
    }
}

fn merged(own: &Modifiers, default: &Modifiers) -> Modifiers {
    let mut update = own.update.clone();
    for field in &default.update {
        if own.update.iter().all(|mine| mine.name.value != field.name.value) {
            update.push(field.clone());
        }
    }
    Modifiers {
        skip_when: own.skip_when.clone().or_else(|| default.skip_when.clone()),
        for_each: own.for_each.clone().or_else(|| default.for_each.clone()),
        retry: own.retry.clone().or_else(|| default.retry.clone()),
        timeout: own.timeout.clone().or_else(|| default.timeout.clone()),
        join: own.join.clone().or_else(|| default.join.clone()),
        group: own.group.clone().or_else(|| default.group.clone()),
        cache: own.cache.clone().or_else(|| default.cache.clone()),
        verify: own.verify.clone().or_else(|| default.verify.clone()),
        update,
        on_crash: own.on_crash.clone().or_else(|| default.on_crash.clone()),
        description: own.description.clone().or_else(|| default.description.clone()),
    }
}

impl Class {
    fn of(edge: &Edge) -> Self {
        let set = |flag: &Option<Located<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        if set(&edge.always) {
            Class::Always
        } else if !edge.catch.is_empty() {
            Class::Catch
        } else if set(&edge.otherwise) {
            Class::Otherwise
        } else {
            Class::Success
        }
    }
}

impl Link<'_> {
    /// Does it turn a loop?
    pub(super) fn turns(&self) -> bool {
        self.edge.repeat.is_some()
    }
}
