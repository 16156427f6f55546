//! The comparison as a whole: each part of it, and whether anything differs that counts.

use serde_json::Value;

use crate::trace::Envelope;

use super::calls::{Calls, calls};
use super::channels::{ChannelChange, channels};
use super::divergence::{Divergence, circumstances, divergence};
use super::files::{FileChange, files};
use super::layers::LayerNames;
use super::meaning::Meanings;
use super::path::{Decision, NodeChange, decisions, nodes};
use super::place::{Place, places};
use super::spent::{Spent, spent};

/// Two runs held against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The first thing that is not the same; none where the runs are the same in what they mean.
    pub divergence: Option<Divergence>,
    /// Where the graphs, inputs and policies that they began with differ.
    pub start: Vec<Place>,
    /// Where they began in another way that counts for nothing by itself: revision, work tree, versions, machine.
    pub circumstances: Vec<Place>,
    /// Nodes that ended otherwise, or in one of them alone.
    pub nodes: Vec<NodeChange>,
    /// Edges, loops, budgets and answers that were decided otherwise.
    pub decisions: Vec<Decision>,
    /// Calls.
    pub calls: Calls,
    /// Files that patches left otherwise.
    pub files: Vec<FileChange>,
    /// Channels that were written otherwise.
    pub channels: Vec<ChannelChange>,
    /// Where status, error and outputs differ.
    pub outcome: Vec<Place>,
    /// How they ended: status words; none where one has not.
    pub status: (Option<String>, Option<String>),
    /// What they took, which counts for nothing.
    pub spent: Spent,
}

impl Comparison {
    /// Do the runs mean the same?
    pub fn is_same(&self) -> bool {
        self.divergence.is_none()
    }
}

/// Holds two runs against each other: their events in order, payloads in their places.
pub fn compare(a: &[Envelope], b: &[Envelope]) -> Comparison {
    let (left, right) = (Meanings::of(a, &LayerNames::default()), Meanings::of(b, &LayerNames::of(a, b)));
    Comparison {
        divergence: divergence(&left, &right),
        start: start(&left, &right),
        circumstances: circumstances(&left, &right),
        nodes: nodes(&left, &right),
        decisions: decisions(&left, &right),
        calls: calls(&left, &right),
        files: files(&left, &right),
        channels: channels(&left, &right),
        outcome: outcome(&left, &right),
        status: (status(&left), status(&right)),
        spent: spent(a, b),
    }
}

fn start(a: &Meanings, b: &Meanings) -> Vec<Place> {
    let told = |meanings: &Meanings| {
        let data = meanings.start().map(|start| &start.data);
        let part = |pointer: &str| data.and_then(|data| data.pointer(pointer)).cloned().unwrap_or_default();
        serde_json::json!({
            "graph": part("/facts/plan"),
            "inputs": part("/inputs"),
            "policy": part("/facts/layers"),
        })
    };
    places(Some(&told(a)), Some(&told(b)))
}

fn end(meanings: &Meanings) -> Option<&Value> {
    meanings.of_kind("run.finished").next().map(|end| &end.data)
}

fn outcome(a: &Meanings, b: &Meanings) -> Vec<Place> {
    places(end(a), end(b))
}

fn status(meanings: &Meanings) -> Option<String> {
    end(meanings)?.get("status")?.as_str().map(str::to_owned)
}
