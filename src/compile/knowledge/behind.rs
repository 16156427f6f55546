//! What the edges that lead to a node make known there: each condition that was true on every way to it.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::diag::codes;
use crate::expr::{Inferred, Known, Root};
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan};
use crate::types::{Chance, Step};

use super::conditions::leaves_when_run_out;
use super::flow::by_source;
use super::places::{Facts, Place, Places};
use super::search::leads;

/// Values that are kept in mind behind one edge: more are forgotten.
const KEPT: usize = 16;
/// Writers of one channel that are asked about: behind more of them nothing is known of it.
const WRITERS: usize = 16;

/// By channel: the nodes that write to it.
pub(super) fn writers(plan: &Plan) -> BTreeMap<&str, Vec<NodeIx>> {
    let mut all: BTreeMap<&str, Vec<NodeIx>> = BTreeMap::new();
    for (node, writer) in (0..).map(NodeIx).zip(&plan.nodes) {
        for (channel, _) in &writer.update {
            all.entry(plan.channels[channel.0 as usize].name.as_str()).or_default().push(node);
        }
    }
    all
}

impl Places<'_, '_> {
    /// What the conditions of an edge make known where it is taken, of its own source as well.
    pub(super) fn asked_by(&self, at: EdgeIx) -> Facts {
        let plan = self.plan;
        let edge = plan.edge(at);
        let mut facts = Facts::new();
        let place = Place::Edge(at);
        let own = plan.node(edge.from).id.as_str();
        if let Some(when) = &edge.when {
            let one = when.by_one_name(own);
            let when = one.as_ref().unwrap_or(when);
            self.learn(place, &mut facts, when, &|known| when.assume(true, known));
        }
        if edge.outcome == EdgeOutcome::Otherwise {
            for &beside in &plan.node(edge.from).outgoing {
                let other = plan.edge(beside);
                // a loop that has run out leaves its condition true
                let leaves = leaves_when_run_out(plan, beside);
                if let Some(when) =
                    other.when.as_ref().filter(|_| !leaves && other.outcome == EdgeOutcome::Success)
                {
                    let one = when.by_one_name(own);
                    let when = one.as_ref().unwrap_or(when);
                    self.learn(place, &mut facts, when, &|known| when.assume(false, known));
                }
            }
        }
        facts
    }

    /// Finds out what is known at a node by all the ways to it.
    pub(super) fn look_back(&self, at: NodeIx) {
        let node = self.plan.node(at);
        let facts = match node.join {
            crate::model::Join::Some => self.on_all(node.incoming.iter().copied()),
            // of one source is enough, and all of them hold
            crate::model::Join::All => {
                let sources = by_source(self.plan, node);
                sources.into_iter().find_map(|edges| self.on_all(edges.into_iter()))
            }
        };
        self.behind.borrow_mut()[at.0 as usize] = facts;
    }

    fn on_all(&self, edges: impl Iterator<Item = EdgeIx>) -> Option<Rc<Facts>> {
        let mut all: Option<Rc<Facts>> = None;
        let edges: Vec<EdgeIx> = edges.collect();
        let mut of_source: BTreeMap<NodeIx, usize> = BTreeMap::new();
        for &edge in &edges {
            *of_source.entry(self.plan.edge(edge).from).or_default() += 1;
        }
        for &edge in &edges {
            let has_twin = of_source[&self.plan.edge(edge).from] > 1;
            let facts = self.past(edge, has_twin)?;
            all = Some(match all {
                None => facts,
                Some(known) if Rc::ptr_eq(&known, &facts) => known,
                Some(known) => either(&known, &facts)?,
            });
        }
        all
    }

    /// What is known once an edge is taken. Of one beside another of the same source also how its source has ended: what both
    /// say of that holds whichever is taken.
    fn past(&self, at: EdgeIx, has_twin: bool) -> Option<Rc<Facts>> {
        let edge = self.plan.edge(at);
        // an `always` edge is followed also where its source never started
        let before = match edge.outcome {
            EdgeOutcome::Always => None,
            _ => self.behind.borrow()[edge.from.0 as usize].clone(),
        };
        let mut asked = self.asked_by(at);
        if has_twin {
            let own = Root::Node(self.plan.node(edge.from).id.to_string());
            asked.entry(own).or_insert_with(|| self.result(Place::Edge(at), edge.from));
        }
        if asked.is_empty() {
            return before;
        }
        let mut facts = before.map(|before| (*before).clone()).unwrap_or_default();
        let own = Root::Node(self.plan.node(edge.from).id.to_string());
        for (root, field) in asked {
            let lasting = match &root {
                Root::Input(_) | Root::Node(_) => Some(root),
                Root::Output => {
                    let whole = self.result(Place::Edge(at), edge.from);
                    let whole = facts.get(&own).cloned().unwrap_or(whole);
                    if field.missing == Chance::Never {
                        let narrowed =
                            whole.narrowed(&[Step::Field("output".to_owned())], &|_| field.ty.clone());
                        facts.extend(narrowed.map(|whole| (own.clone(), whole)));
                    }
                    continue;
                }
                // what is known of it already is so of one that does not change any more
                Root::Channel(name) if facts.contains_key(&root) || self.is_written_before(at, name) => {
                    Some(root)
                }
                // what changes, and what is known in one place alone
                Root::Channel(_) | Root::Loop(_) | Root::Run | Root::Error | Root::Local(_) => None,
            };
            // nothing is left of what is never true: that is told where it stands
            let possible = !field.ty.is_never();
            if let Some(root) = lasting.filter(|_| possible && facts.len() < KEPT) {
                facts.insert(root, field);
            }
        }
        (!facts.is_empty()).then(|| Rc::new(facts))
    }

    /// Does an edge see all that is ever written to a channel, so that who comes behind it sees the same?
    fn is_written_before(&self, at: EdgeIx, channel: &str) -> bool {
        let plan = self.plan;
        let edge = plan.edge(at);
        // an `always` edge may be decided while what leads to its source still runs
        if edge.outcome == EdgeOutcome::Always {
            return false;
        }
        let around = &plan.node(edge.from).loops;
        let is_over = |writer: &NodeIx| {
            let may_write_again = plan.node(*writer).loops.iter().any(|l| around.contains(l));
            !may_write_again && (*writer == edge.from || leads(plan, *writer, edge.from) == Some(true))
        };
        let writers = self.writers.get(channel).map(Vec::as_slice).unwrap_or_default();
        writers.len() <= WRITERS && writers.iter().all(is_over)
    }

    /// What the edges that lead to a place make known there.
    pub(super) fn facts_behind(&self, place: Place) -> Option<Rc<Facts>> {
        let at = match place {
            Place::Node(at) | Place::Update(at) => at,
            Place::Edge(edge) => self.plan.edge(edge).from,
            Place::Outputs => return None,
        };
        self.behind.borrow()[at.0 as usize].clone()
    }

    /// What an expression that looks at some `roots` comes to, with what its way makes known. A comparison that decides nothing there is no fault: a
    /// template may be written for several ways.
    pub(super) fn judged(
        &self,
        place: Place,
        facts: &Facts,
        roots: &[Root],
        infer: &dyn Fn(&mut Known<'_>) -> Inferred,
    ) -> Inferred {
        let mut inferred = infer(&mut |root| self.known_behind(place, facts, root));
        // neither is what a part would do that is never come to there
        let idle = |code| [codes::UNKNOWN_VALUE, codes::INCOMPARABLE, codes::MAY_BE_MISSING].contains(&code);
        let told = |behind: &Facts| roots.iter().any(|root| behind.contains_key(root));
        if inferred.findings.iter().any(|found| idle(found.code))
            && self.facts_behind(place).is_some_and(|behind| told(&behind))
        {
            let plain = infer(&mut |root| self.known(place, facts, root));
            inferred.findings.retain(|found| {
                !idle(found.code)
                    || plain.findings.iter().any(|known| known.code == found.code && known.span == found.span)
            });
        }
        inferred
    }
}

/// What holds on two ways, whichever is taken.
fn either(one: &Facts, other: &Facts) -> Option<Rc<Facts>> {
    let shared = one.iter().filter_map(|(root, field)| Some((root.clone(), field.or(other.get(root)?))));
    let shared: Facts = shared.collect();
    (!shared.is_empty()).then(|| Rc::new(shared))
}
