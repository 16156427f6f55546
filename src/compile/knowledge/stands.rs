//! What a `replace` channel holds at each place of a graph, as far as one doubt goes: a pass over the nodes in canonical
//! order, and another over the body of a loop that carries the doubt into its next iteration.

use crate::expr::Subject;
use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, LoopIx, NodeIx, Plan};

use super::doubt::is_settled_by;
use super::flow::by_source;
use super::places::{Place, Places};
use super::search::{Done, Ways as _, on_every_way};
use super::written::{Moment, START, Write, Written, begun, ended};

/// Good writes on a way that are kept in mind.
const RECENT: usize = 4;
/// Good writes of an iteration that are asked about.
const TRIED: usize = 32;

/// What a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct View {
    /// The last moment at which the doubt may have begun that stands; 0: none.
    bad: Moment,
    /// Where there is none: no doubt that began up to then is left.
    since: Moment,
    /// The last moment at which a doubt may have begun that stood anywhere before.
    ever: Moment,
    /// Good writes on the ways here, the last first.
    recent: [Moment; RECENT],
}

impl View {
    fn doubted(self, at: Moment) -> Self {
        Self { bad: at, ever: self.ever.max(at), ..self }
    }

    fn settled(self, since: Moment) -> Self {
        Self { bad: 0, since: since.max(self.bad), ..self }
    }

    fn written(self, at: Moment) -> Self {
        let mut recent = [at; RECENT];
        recent[1..].copy_from_slice(&self.recent[..RECENT - 1]);
        Self { recent, ..self.settled(at) }
    }

    /// Either of them.
    fn or(self, other: Self) -> Self {
        let since = match (self.bad, other.bad) {
            (0, 0) => self.since.min(other.since),
            _ => 0,
        };
        Self { bad: self.bad.max(other.bad), since, ..self.with(other) }
    }

    /// Both of them: what is settled later than the doubt began is settled.
    fn and(self, other: Self) -> Self {
        let both = self.with(other);
        let since = |view: &Self| if view.bad == 0 { view.since } else { 0 };
        let (bad, since) = (self.bad.max(other.bad), since(&self).max(since(&other)));
        if since >= bad { Self { bad: 0, since, ..both } } else { Self { bad, since: 0, ..both } }
    }

    fn with(self, other: Self) -> Self {
        let mut recent = [self.recent, other.recent].concat();
        recent.sort_unstable_by(|a, b| b.cmp(a));
        recent.dedup();
        recent.resize(RECENT, 0);
        let mut all = Self { ever: self.ever.max(other.ever), ..self };
        all.recent.copy_from_slice(&recent);
        all
    }
}

/// Where a doubt about a channel stands.
pub(super) struct Stands {
    pub(super) written: Written,
    /// By node: what it sees.
    nodes: Vec<View>,
    /// By edge: what is seen behind it.
    edges: Vec<View>,
    /// By loop: an iteration may begin with what an earlier one has written.
    pub(super) carried: Vec<bool>,
}

impl Stands {
    /// `None`: the doubt is about no channel.
    pub(super) fn of(places: &Places<'_, '_>, subject: &Subject, missing: bool) -> Option<Self> {
        let plan = places.plan;
        let stands = Self {
            written: Written::of(places, subject, missing)?,
            nodes: vec![View::default(); plan.nodes.len()],
            edges: vec![View::default(); plan.edges.len()],
            carried: vec![false; plan.loops.len()],
        };
        let mut pass = Pass { places, plan, subject, missing, stands };
        pass.goes();
        Some(pass.stands)
    }

    /// Is there no doubt, or nothing known, at a place of the graph?
    pub(super) fn is_settled(&self, places: &Places<'_, '_>, place: Place) -> bool {
        self.last(places, place) == 0
    }

    /// The last moment at which a doubt may have begun that stands there.
    fn last(&self, places: &Places<'_, '_>, place: Place) -> Moment {
        match place {
            Place::Node(at) | Place::Update(at) => self.nodes[at.0 as usize].bad,
            Place::Edge(at) => self.decided(places, at).bad,
            Place::Outputs => 0,
        }
    }

    /// Is there none behind an edge on the way to such a place, and has none begun between?
    pub(super) fn is_settled_from(&self, places: &Places<'_, '_>, edge: EdgeIx, place: Place) -> bool {
        let passed = ended(places.plan, places.plan.edge(edge).from);
        self.edges[edge.0 as usize].bad == 0 && self.last(places, place) <= passed
    }

    /// What the condition of an edge sees.
    fn decided(&self, places: &Places<'_, '_>, at: EdgeIx) -> View {
        let edge = places.plan.edge(at);
        match edge.outcome {
            EdgeOutcome::Always => self.nodes[edge.from.0 as usize].or(self.left(places.plan, edge.from)),
            _ => self.ended(places, at),
        }
    }

    /// What a node leaves that has succeeded.
    fn left(&self, plan: &Plan, node: NodeIx) -> View {
        let (seen, moment) = (self.nodes[node.0 as usize], ended(plan, node));
        match self.written.by(node) {
            Some(Write::Good) => seen.written(moment),
            Some(Write::Bad) => seen.doubted(moment),
            Some(Write::Perhaps) | None => seen,
        }
    }

    /// What is seen behind an edge, whatever it asks.
    fn ended(&self, places: &Places<'_, '_>, at: EdgeIx) -> View {
        let edge = places.plan.edge(at);
        let seen = self.nodes[edge.from.0 as usize];
        match edge.outcome {
            EdgeOutcome::Success | EdgeOutcome::Otherwise => self.left(places.plan, edge.from),
            // what has failed has written nothing, but where it keeps its output
            EdgeOutcome::Catch(_) => {
                let wrote = self.written.by(edge.from).is_some();
                if wrote && places.keeping(&[edge.from]).contains(&at) {
                    self.left(places.plan, edge.from)
                } else {
                    seen
                }
            }
            // it is followed also where its source never started, for what was before it has failed
            EdgeOutcome::Always => {
                let bad = self.left(places.plan, edge.from).ever;
                View { bad, recent: [0; RECENT], ..seen }
            }
        }
    }
}

struct Pass<'s, 'a, 'd> {
    places: &'s Places<'a, 'd>,
    plan: &'a Plan,
    subject: &'s Subject,
    missing: bool,
    stands: Stands,
}

impl Pass<'_, '_, '_> {
    fn goes(&mut self) {
        let plan = self.plan;
        let rank = |node: NodeIx| plan.rank[node.0 as usize] as usize;
        // the loops that end at a place of the order, the inner ones last
        let mut ends: Vec<Vec<LoopIx>> = vec![Vec::new(); plan.order.len()];
        for (turned, body) in (0..).map(LoopIx).zip(&plan.loops) {
            if let Some(last) = body.body.last() {
                ends[rank(*last)].push(turned);
            }
        }
        let mut place = 0;
        while let Some(&at) = plan.order.get(place) {
            self.node(at);
            let over = ends[place].iter().rev().copied();
            let turned = over.into_iter().find(|turned| self.carries(*turned));
            place = match turned {
                Some(turned) => {
                    self.stands.carried[turned.0 as usize] = true;
                    rank(plan.loops[turned.0 as usize].target)
                }
                None => place + 1,
            };
        }
    }

    fn node(&mut self, at: NodeIx) {
        let seen = self.enters(at);
        self.stands.nodes[at.0 as usize] = seen;
        for &edge in &self.plan.node(at).outgoing {
            let view = self.stands.ended(self.places, edge);
            let asked = is_settled_by(self.places, edge, self.subject, self.missing);
            self.stands.edges[edge.0 as usize] = if view.bad > 0 && asked { view.settled(0) } else { view };
        }
    }

    fn enters(&self, at: NodeIx) -> View {
        let node = self.plan.node(at);
        let any =
            |edges: &[EdgeIx]| edges.iter().map(|edge| self.stands.edges[edge.0 as usize]).reduce(View::or);
        let found = match node.join {
            _ if node.incoming.is_empty() => None,
            Join::Some => any(&node.incoming),
            Join::All => {
                let sources = by_source(self.plan, node);
                sources.iter().filter_map(|edges| any(edges)).reduce(View::and)
            }
        };
        let seen = match found {
            Some(found) if node.incoming.len() > 1 => self.surely_written(at, found),
            Some(found) => found,
            None if self.stands.written.good_at_first => View { since: START, ..View::default() },
            None => View::default().doubted(START),
        };
        // of those around its target, a loop is the innermost
        let carried = node.loops.last().is_some_and(|turned| {
            self.plan.loops[turned.0 as usize].target == at && self.stands.carried[turned.0 as usize]
        });
        if carried { seen.doubted(begun(self.plan, at)) } else { seen }
    }

    /// A node that a way goes past may have run and written all the same.
    fn surely_written(&self, at: NodeIx, seen: View) -> View {
        let later = |moment: &Moment| seen.bad > 0 && *moment > seen.bad;
        let writers: Vec<NodeIx> = seen.recent.into_iter().filter(later).map(|at| self.writer(at)).collect();
        let Some(first) = writers.last() else { return seen };
        let mut done = Done::succeeded(self.plan, self.places.flow, at, &writers);
        match on_every_way(self.plan, at, &mut done) {
            // too far to tell
            Some(true) | None => seen.settled(ended(self.plan, *first)),
            Some(false) => View { recent: [0; RECENT], ..seen },
        }
    }

    fn writer(&self, at: Moment) -> NodeIx {
        self.plan.order[(at as usize - 3) / 2]
    }

    /// May the next iteration begin with the doubt, where it did not before?
    fn carries(&self, turned: LoopIx) -> bool {
        let body = &self.plan.loops[turned.0 as usize];
        // one that began before the loop stands at its target anyhow
        let begins = begun(self.plan, body.target);
        let doubted = |edge: &EdgeIx| self.stands.edges[edge.0 as usize].bad > begins;
        let mut turns = body.edges.iter().copied().filter(doubted);
        !self.stands.carried[turned.0 as usize] && turns.any(|edge| self.turns_with(&body.body, edge))
    }

    /// All of an iteration has ended when the next one begins, also what does not lead to the edge that turns it.
    fn turns_with(&self, body: &[NodeIx], edge: EdgeIx) -> bool {
        let bad = self.stands.edges[edge.0 as usize].bad;
        let written = &self.stands.written;
        let later = |node: &NodeIx| written.by(*node) == Some(Write::Good) && ended(self.plan, *node) > bad;
        let writers: Vec<NodeIx> = body.iter().rev().copied().filter(later).take(TRIED).collect();
        let from = self.plan.edge(edge).from;
        if writers.is_empty() {
            return true;
        }
        let mut done = Done::succeeded(self.plan, self.places.flow, from, &writers);
        // too far to tell: nothing is said
        done.edge(edge).or_else(|| on_every_way(self.plan, from, &mut done)) == Some(false)
    }
}
