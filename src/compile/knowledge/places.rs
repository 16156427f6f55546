//! The places of a graph where expressions stand, and what is known at each of what they look at.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use litemap::LiteMap;

use crate::compile::draft::Draft;
use crate::diag::Diagnostics;
use crate::expr::{Expression, Root, Template, ValueTemplate};
use crate::plan::{Action, ChannelIx, EdgeIx, NodeIx, Plan};
use crate::types::{Chance, Field, Kind, ObjectOf, Step, Type, surely_fits};

use super::conditions::Decisions;
use super::courses::Courses;
use super::endings::Endings;
use super::flow::Flow;
use super::given::{Given, Receiver};
use super::later::Doubts;
use super::misread::Misread;
use super::outcome::Outcomes;
use super::prompts::{self, Prompts};
use super::remainder::{Shaky, of_collected};
use super::writes::Sum;
use super::{behind, lengths, merged, outputs, report, writes};

/// Where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In what a node is given.
    Node(NodeIx),
    /// In what it writes when it has succeeded.
    Update(NodeIx),
    /// In the condition of an edge.
    Edge(EdgeIx),
    /// In the graph's outputs.
    Outputs,
}

/// What conditions around a place make known of some roots.
pub(super) type Facts = LiteMap<Root, Field>;

/// The types of one graph.
pub(super) struct Places<'a, 'd> {
    pub(super) draft: &'a Draft<'d>,
    pub(super) plan: &'a Plan,
    pub(super) flow: &'a Flow,
    pub(super) misread: &'a Misread,
    inputs: BTreeMap<&'a str, Type>,
    channels: BTreeMap<&'a str, Type>,
    /// By channel: who writes to it.
    pub(super) writers: BTreeMap<&'a str, Vec<NodeIx>>,
    /// By channel: what can be written to it.
    writable: Vec<Type>,
    pub(super) index: BTreeMap<&'a str, NodeIx>,
    /// By node: what it gives, of one item and as a whole.
    ones: Vec<Type>,
    pub(super) wholes: Vec<Type>,
    /// By node: the items of its `for_each`.
    items: Vec<Type>,
    /// By node and channel: what it writes, as far as its expressions have been looked at.
    pub(super) written: BTreeMap<(NodeIx, ChannelIx), Type>,
    /// By output.
    results: Vec<Type>,
    /// By reader and node: what was found out, `None` where it is never seen.
    pub(super) seen: RefCell<BTreeMap<(NodeIx, NodeIx), Option<Outcomes>>>,
    /// By node: what its result is by how it may have ended, where nothing more is known of its error.
    pub(super) ended: RefCell<Vec<Vec<(Outcomes, Field)>>>,
    /// What prompts were judged for.
    pub(super) prompts: RefCell<Prompts>,
    /// The courses of runs that succeed, once it is known how conditions decide.
    pub(super) courses: Option<Courses<'a>>,
    /// How conditions decide.
    pub(super) decisions: Option<Rc<Decisions>>,
    /// By node: does it surely give its output in a run that succeeds?
    pub(super) surely: BTreeMap<NodeIx, bool>,
    /// By node: what of it may have no value.
    shaky: RefCell<Vec<Shaky>>,
    /// By `sum` channel: does it come to too much, perhaps?
    pub(super) sums: RefCell<BTreeMap<ChannelIx, Sum>>,
    /// Of channels.
    pub(super) doubts: Doubts,
    /// By node: what the edges that lead to it make known.
    pub(super) behind: RefCell<Vec<Option<Rc<Facts>>>>,
}

impl<'a, 'd> Places<'a, 'd> {
    pub(super) fn new(draft: &'a Draft<'d>, plan: &'a Plan, flow: &'a Flow, misread: &'a Misread) -> Self {
        let nodes = (0..).map(NodeIx).zip(&plan.nodes);
        let channels = (0..).map(ChannelIx).zip(&plan.channels);
        let channels = channels
            .map(|(at, channel)| (channel.name.as_str(), merged::of(plan, at, outputs::of_channel(channel))));
        Self {
            draft,
            plan,
            flow,
            misread,
            inputs: plan
                .inputs
                .iter()
                .map(|input| (input.name.as_str(), Type::of_schema(&input.schema)))
                .collect(),
            channels: channels.collect(),
            writers: behind::writers(plan),
            writable: plan.channels.iter().map(outputs::writable).collect(),
            index: nodes.map(|(at, node)| (node.id.as_str(), at)).collect(),
            ones: vec![Type::ANY; plan.nodes.len()],
            wholes: vec![Type::ANY; plan.nodes.len()],
            items: vec![Type::ANY; plan.nodes.len()],
            written: BTreeMap::new(),
            results: vec![Type::ANY; plan.outputs.len()],
            seen: RefCell::new(BTreeMap::new()),
            ended: RefCell::new(vec![Vec::new(); plan.nodes.len()]),
            prompts: RefCell::new(Prompts::default()),
            courses: None,
            decisions: None,
            surely: BTreeMap::new(),
            shaky: RefCell::new(vec![Shaky::default(); plan.nodes.len()]),
            sums: RefCell::default(),
            doubts: Doubts::default(),
            behind: RefCell::new(vec![None; plan.nodes.len()]),
        }
    }

    /// The nodes and their edges, in an order in which each reads what is known already.
    pub(super) fn check(&mut self, diagnostics: &mut Diagnostics) {
        for &at in &self.plan.order {
            self.look_back(at);
            self.node(at, diagnostics);
            // what its own edges ask is not known before all of them have been looked at
            self.shaken(at).edges = true;
            let mut asked = true;
            for &edge in &self.plan.node(at).outgoing {
                if let Some(when) = &self.plan.edge(edge).when {
                    let one = when.by_one_name(self.plan.node(at).id.as_str());
                    let when = one.as_ref().unwrap_or(when);
                    asked &= self.condition(Place::Edge(edge), &Facts::new(), when, diagnostics);
                }
            }
            self.shaken(at).edges = !asked;
        }
    }

    /// What had to wait until it was known how conditions decide.
    pub(super) fn check_later(&mut self, decisions: &Rc<Decisions>, diagnostics: &mut Diagnostics) {
        self.decisions = Some(Rc::clone(decisions));
        self.decide_doubts(diagnostics);
        self.prompts.borrow_mut().report(diagnostics);
    }

    fn node(&mut self, at: NodeIx, diagnostics: &mut Diagnostics) {
        let node = self.plan.node(at);
        let place = Place::Node(at);
        let mut facts = Facts::new();
        if let Some(rule) = &node.for_each {
            let given = self.expression(place, &facts, &rule.items, diagnostics);
            let receiver = Receiver::items(node.id.as_str());
            self.fits(place, &facts, &rule.items, &given, &Type::LIST, &receiver, diagnostics);
            // what of it may have no value fails the node, and none of its items
            let mut shaken = self.shaken(at);
            shaken.list = std::mem::take(&mut shaken.parts) || !surely_fits(&given.ty, &Type::LIST);
            drop(shaken);
            let longest = lengths::longest(self, place, &facts, &rule.items);
            self.shaken(at).long = longest.is_none_or(|longest| longest > rule.max as usize);
            let length = given.ty.lists.length().filter(|_| given.ty.kinds().eq([Kind::List]));
            if let Some(length) = length.filter(|length| *length > rule.max as usize) {
                diagnostics.push(report::too_many_items(self, at, &rule.items, length));
            }
            self.items[at.0 as usize] = given.ty.and(&Type::LIST).item();
            self.learn(place, &mut facts, &rule.items, &|known| rule.items.assume_items(known));
        }
        if let Some(when) = &node.skip_when {
            self.condition(place, &facts, when, diagnostics);
            self.learn(place, &mut facts, when, &|known| when.assume(false, known));
        }
        let values = self.action(at, &facts, diagnostics);
        let wrong = self.misread.is_given_wrong(self.draft.nodes[at.0 as usize].node.span);
        let one = if wrong { Type::ANY } else { outputs::of_one(node, &values) };
        self.wholes[at.0 as usize] = outputs::whole(node, &one, of_collected(node, self.shaky(at)));
        self.ones[at.0 as usize] = one;
        self.ended.borrow_mut()[at.0 as usize].clear();
        for (channel, value) in &node.update {
            let wanted = &self.writable[channel.0 as usize];
            let receiver = Receiver::channel(self.draft, &self.plan.channels[channel.0 as usize]);
            let mut found = Diagnostics::default();
            let written = self.value(Place::Update(at), &facts, value, wanted, &receiver, &mut found);
            if found.is_empty() {
                writes::check(self, at, *channel, value, &mut found);
            }
            diagnostics.append(found);
            self.notice(Place::Update(at), writes::surely_fits(self, *channel, value, &written));
            self.written.insert((at, *channel), written);
        }
    }

    /// Narrows what is known by a condition that has come to something.
    pub(super) fn learn(
        &self,
        place: Place,
        facts: &mut Facts,
        expression: &Expression,
        assume: &dyn Fn(&mut crate::expr::Known<'_>) -> Vec<Field>,
    ) {
        let fields = assume(&mut |root| self.known_behind(place, facts, root));
        facts.extend(expression.roots().iter().cloned().zip(fields));
    }

    /// What a node is given, and what its values come to.
    fn action(&self, at: NodeIx, facts: &Facts, diagnostics: &mut Diagnostics) -> Type {
        let node = self.plan.node(at);
        let place = Place::Node(at);
        let parameters = outputs::parameters(node.uses);
        let wanted = |name: &str| parameters.field(name).map_or(Type::ANY, |field| field.ty);
        let mut take = |value, wanted: &Type, name: Option<&str>| {
            let receiver = Receiver::parameter(node.uses, name);
            self.value(place, facts, value, wanted, &receiver, diagnostics)
        };
        match &node.action {
            Action::Call { with } | Action::ParseReport(with) => take(with, &parameters, None),
            Action::Values(values) => take(values, &Type::ANY, None),
            Action::Batch { calls, .. } => take(calls, &wanted("calls"), Some("calls")),
            Action::Approval { show, .. } => take(show, &Type::ANY, Some("show")),
            Action::Fail { message, .. } => take(message, &Type::ANY, Some("message")),
            Action::Graph { plan, inputs } => {
                let receiver = Receiver::graph(plan);
                self.value(place, facts, inputs, &inputs_of(plan), &receiver, diagnostics)
            }
            Action::Render(rendered) => {
                let vars = self.vars(place, facts, &rendered.vars, [&*rendered.prompt], diagnostics);
                prompts::check(self, at, &rendered.prompt, &vars, &rendered.vars, diagnostics);
                Type::ANY
            }
            Action::Llm(conversation) => {
                let prompts = conversation.messages.iter().map(|(_, prompt)| &**prompt);
                let vars = self.vars(place, facts, &conversation.vars, prompts, diagnostics);
                for (_, prompt) in &conversation.messages {
                    prompts::check(self, at, prompt, &vars, &conversation.vars, diagnostics);
                }
                Type::ANY
            }
        }
    }

    /// What prompts are given. Vars that are written one by one are held against them by name before; those that one
    /// expression computes are held against them here.
    fn vars<'t>(
        &self,
        place: Place,
        facts: &Facts,
        vars: &ValueTemplate,
        prompts: impl IntoIterator<Item = &'t Template>,
        diagnostics: &mut Diagnostics,
    ) -> Type {
        let wanted = match vars {
            ValueTemplate::Expression(_) => {
                let names = prompts.into_iter().flat_map(|prompt| prompt.references().iter());
                let names = names.filter_map(|used| match &used.root {
                    Root::Local(name) => Some((name.clone(), Field::sure(Type::ANY))),
                    _ => None,
                });
                Type::object(ObjectOf { fields: names.collect(), rest: Type::ANY })
            }
            _ => Type::ANY,
        };
        self.value(place, facts, vars, &wanted, &Receiver::prompts(), diagnostics)
    }

    /// The graph's outputs: an output that is null fails the run.
    pub(super) fn check_outputs(&mut self, decisions: &Decisions, diagnostics: &mut Diagnostics) {
        let plan = self.plan;
        let courses = Courses::of(plan, decisions, &Endings::of(self), &self.shaky.borrow());
        let courses = self.courses.insert(courses);
        for root in plan.outputs.iter().flat_map(|output| output.value.roots()) {
            let Root::Node(id) = root else { continue };
            if let Some(&node) = self.index.get(id.as_str()) {
                self.surely.entry(node).or_insert_with(|| courses.surely_gives(node));
            }
        }
        for (at, output) in plan.outputs.iter().enumerate() {
            let receiver = Receiver::output(output.name.as_str());
            let wanted = Type { loose: true, null: Chance::Never, ..Type::ANY };
            self.results[at] =
                self.value(Place::Outputs, &Facts::new(), &output.value, &wanted, &receiver, diagnostics);
        }
    }

    /// By output.
    pub(super) fn output_types(&self) -> Vec<Type> {
        self.results.iter().map(Type::widened).collect()
    }

    /// A condition. Has it a value in every run?
    fn condition(
        &self,
        place: Place,
        facts: &Facts,
        when: &Expression,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        report::not_before(self, place, when.references(), diagnostics);
        let inferred = self.judged(place, facts, when.roots(), &|known| when.infer_condition(known));
        let steady = when.is_plain() && inferred.is_whole() && !writes::may_overflow(self, when.roots());
        self.notice(place, steady);
        report::findings(self, place, facts, when.span(), inferred.findings, diagnostics);
        steady
    }

    /// An expression that gives a value.
    pub(super) fn expression(
        &self,
        place: Place,
        facts: &Facts,
        expression: &Expression,
        diagnostics: &mut Diagnostics,
    ) -> Given {
        report::not_before(self, place, expression.references(), diagnostics);
        let inferred = self.judged(place, facts, expression.roots(), &|known| expression.infer(known));
        let whole = expression.is_plain() && inferred.is_whole();
        self.notice(place, whole && !writes::may_overflow(self, expression.roots()));
        report::findings(self, place, facts, expression.span(), inferred.findings, diagnostics);
        Given { ty: inferred.ty, subject: inferred.subject }
    }

    /// Whether what a node is given, or writes, has its value in every run.
    pub(super) fn notice(&self, place: Place, steady: bool) {
        if let (Place::Node(at) | Place::Update(at), false) = (place, steady) {
            self.shaken(at).parts = true;
        }
    }

    /// What of a node may have no value, as far as it has been looked at.
    pub(super) fn shaky(&self, at: NodeIx) -> Shaky {
        self.shaky.borrow()[at.0 as usize]
    }

    fn shaken(&self, at: NodeIx) -> RefMut<'_, Shaky> {
        RefMut::map(self.shaky.borrow_mut(), |all| &mut all[at.0 as usize])
    }

    /// What is known of a root.
    pub(super) fn known(&self, place: Place, facts: &Facts, root: &Root) -> Field {
        facts.get(root).cloned().unwrap_or_else(|| self.declared(place, root))
    }

    /// The same, with what the edges that lead here make known.
    pub(super) fn known_behind(&self, place: Place, facts: &Facts, root: &Root) -> Field {
        let behind = || self.facts_behind(place).and_then(|behind| behind.get(root).cloned());
        facts.get(root).cloned().or_else(behind).unwrap_or_else(|| self.declared(place, root))
    }

    fn declared(&self, place: Place, root: &Root) -> Field {
        match root {
            Root::Input(name) => self.inputs.get(name.as_str()).cloned().map_or(Field::ANY, Field::sure),
            Root::Channel(name) => self.channels.get(name.as_str()).cloned().map_or(Field::ANY, Field::sure),
            Root::Loop(_) => Field::sure(Type::record([("iteration", Type { loose: true, ..Type::WHOLE })])),
            Root::Run => {
                // a workspace without commits has no revision
                let revision = Type { null: Chance::Known, ..Type::TEXT };
                Field::sure(Type::record([("graph_digest", Type::TEXT), ("revision", revision)]))
            }
            Root::Node(id) => {
                self.index.get(id.as_str()).map_or(Field::ANY, |node| self.result(place, *node))
            }
            Root::Output => self.own(place, "output"),
            Root::Error => self.own(place, "error"),
            Root::Local(name) => self.local(place, name),
        }
    }

    /// A name of a `for_each`.
    fn local(&self, place: Place, name: &str) -> Field {
        let (Place::Node(at) | Place::Update(at)) = place else { return Field::ANY };
        let Some(rule) = &self.plan.node(at).for_each else { return Field::ANY };
        match name.strip_prefix(rule.binding.as_str()) {
            Some("") => Field::sure(self.items[at.0 as usize].clone()),
            Some("_index") => Field::sure(Type::WHOLE),
            _ => Field::ANY,
        }
    }

    /// A node's own `output` or `error`.
    fn own(&self, place: Place, name: &str) -> Field {
        let result = match place {
            Place::Update(at) => {
                return if name == "output" {
                    Field::sure(self.ones[at.0 as usize].clone())
                } else {
                    Field::ANY
                };
            }
            Place::Edge(edge) => self.result(place, self.plan.edge(edge).from),
            Place::Node(_) | Place::Outputs => return Field::ANY,
        };
        result.at(&[Step::Field(name.to_owned())]).unwrap_or(Field::ANY)
    }
}

/// What a graph takes.
fn inputs_of(plan: &Plan) -> Type {
    Type::record(plan.inputs.iter().map(|input| (input.name.as_str(), Type::of_schema(&input.schema))))
}
