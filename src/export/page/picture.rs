//! The graph of a run as a picture with what became of each node and edge. It is made from what the trace has of the plan;
//! subgraphs are opened while the whole stays readable.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::export::{Fate, Fates, Planned, Story};
use crate::layout::End;
use crate::view::graph::{
    EdgeKind, Passage, Picture, PictureEdge, PictureNode, PictureRegion, RegionKind, Standing,
};

use super::markup::time;

/// With more nodes than this, further subgraphs stay closed.
const OPENED: usize = 300;
/// Subgraphs within subgraphs.
const DEEPEST: usize = 8;
/// Characters of a condition on an edge.
const LONGEST: usize = 60;

/// The picture, and under which name each node of it is told of in `links`.
pub(super) fn picture(story: &Story, links: &BTreeMap<String, String>) -> Option<Picture> {
    let plan = story.facts.get("plan")?;
    let fates = Fates::merged(story);
    let mut picture = Picture {
        title: format!("{}: {}", story.graph, story.status),
        about: "Each node says what became of it in this run; edges that were taken are drawn thick"
            .to_owned(),
        ..Picture::default()
    };
    Drawn { picture: &mut picture, fates: &fates, links, left: OPENED }.add(plan, "", None, DEEPEST);
    Some(picture)
}

struct Drawn<'a> {
    picture: &'a mut Picture,
    fates: &'a Fates,
    links: &'a BTreeMap<String, String>,
    left: usize,
}

impl Drawn<'_> {
    /// Adds a graph; `above` stands before the ids of its nodes, and `outer` is the region that it is in.
    fn add(&mut self, plan: &Value, above: &str, outer: Option<usize>, depth: usize) {
        let planned = Planned::of(plan);
        self.left = self.left.saturating_sub(planned.nodes.len());
        let regions = self.loops(&planned, above, outer);
        let mut ends = Vec::with_capacity(planned.nodes.len());
        for node in &planned.nodes {
            let region = node.loops.last().and_then(|target| regions.get(target)).copied().or(outer);
            let inner = plan.get("nodes").and_then(|nodes| nodes.get(&node.id)?.get("with")?.get("graph"));
            ends.push(self.node(&node.id, &node.uses, inner, above, region, depth));
        }
        for edge in &planned.edges {
            let taken = self.fates.taken(above, edge.place);
            let (label, told) = said(edge, taken);
            self.picture.edges.push(PictureEdge {
                from: ends[edge.from],
                to: ends[edge.to],
                kind: kind(edge),
                label,
                told,
                passage: Some(if taken > 0 { Passage::Taken } else { Passage::NotTaken }),
            });
        }
    }

    /// The regions of loops, outer ones before inner ones, by their targets.
    fn loops(&mut self, planned: &Planned, above: &str, outer: Option<usize>) -> BTreeMap<String, usize> {
        let mut sorted: Vec<_> = planned.loops.iter().collect();
        sorted.sort_by_key(|one| one.outer.len());
        let mut regions = BTreeMap::new();
        for one in sorted {
            let turns = self.fates.turns(&format!("{above}{}", one.target));
            self.picture.regions.push(PictureRegion {
                path: format!("{above}{}", one.target),
                kind: RegionKind::Loop,
                outer: one.outer.last().and_then(|target| regions.get(target)).copied().or(outer),
                title: vec![
                    format!("loop {}", one.target),
                    format!("{turns} of at most {} iterations", one.max),
                ],
                standing: None,
                note: None,
                tooltip: None,
                link: None,
                facts: Vec::new(),
            });
            regions.insert(one.target.clone(), self.picture.regions.len() - 1);
        }
        regions
    }

    fn node(
        &mut self,
        id: &str,
        uses: &str,
        inner: Option<&Value>,
        above: &str,
        region: Option<usize>,
        depth: usize,
    ) -> End {
        let path = format!("{above}{id}");
        let fate = self.fates.node(&path);
        let (standing, note) = (standing(&fate), note(&fate));
        let tooltip = (!fate.why.is_empty()).then(|| fate.why.clone());
        let link = self.links.get(&path).cloned();
        let inner = inner.filter(|inner| depth > 0 && self.left > 0 && has_nodes(inner));
        if let Some(inner) = inner {
            let name = inner.get("graph").and_then(Value::as_str).unwrap_or_default();
            self.picture.regions.push(PictureRegion {
                path: path.clone(),
                kind: RegionKind::Subgraph,
                outer: region,
                title: vec![id.to_owned(), format!("graph {name}")],
                standing,
                note,
                tooltip,
                link,
                facts: Vec::new(),
            });
            let own = self.picture.regions.len() - 1;
            self.add(inner, &format!("{path}/"), Some(own), depth - 1);
            return End::Region(own);
        }
        let lines = vec![id.to_owned(), uses.to_owned()];
        let node =
            PictureNode { path, region, lines, standing, note, tooltip, link, ..PictureNode::default() };
        self.picture.nodes.push(node);
        End::Node(self.picture.nodes.len() - 1)
    }
}

fn has_nodes(plan: &Value) -> bool {
    plan.get("nodes").and_then(Value::as_object).is_some_and(|nodes| !nodes.is_empty())
}

fn standing(fate: &Fate) -> Option<Standing> {
    Some(match fate.status.as_str() {
        "succeeded" => Standing::Succeeded,
        "failed" if fate.why.starts_with("denied:") => Standing::Denied,
        "failed" => Standing::Failed,
        "cancelled" => Standing::Cancelled,
        "skipped" => Standing::Skipped,
        "not_reached" => Standing::NotReached,
        "waiting" => Standing::Waiting,
        "open" => Standing::Running,
        _ => return None,
    })
}

fn note(fate: &Fate) -> Option<String> {
    match fate.ran {
        0 => None,
        1 => Some(time(fate.took)),
        times => Some(format!("{times} times, {}", time(fate.took))),
    }
}

fn kind(edge: &crate::export::PlannedEdge) -> EdgeKind {
    match edge.on.as_str() {
        _ if edge.turns => EdgeKind::Again,
        "otherwise" => EdgeKind::Otherwise,
        "catch" => EdgeKind::Catch,
        "always" => EdgeKind::Always,
        _ => EdgeKind::Success,
    }
}

/// What stands on an edge, and the same in full.
fn said(edge: &crate::export::PlannedEdge, taken: usize) -> (String, String) {
    let mut parts: Vec<String> = Vec::new();
    parts.extend((edge.on != "success" && !edge.on.is_empty()).then(|| edge.on.clone()));
    let when = edge.when.as_deref().map(|when| when.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut told = parts.clone();
    told.extend(when.as_ref().map(|when| format!("when {when}")));
    parts.extend(when.map(|when| match when.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("when {}…", &when[..end]),
        None => format!("when {when}"),
    }));
    if taken > 1 {
        parts.push(format!("{taken} times"));
    }
    told.push(match taken {
        0 => "not taken".to_owned(),
        1 => "taken".to_owned(),
        times => format!("taken {times} times"),
    });
    (parts.join("; "), told.join("; "))
}
