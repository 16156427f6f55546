//! What can't be read in an expression, names that are not there, and parameters that do not fit. One is a fault of its
//! own place: the rest of the graph is looked at as if it stood for something of which nothing is known, so that all
//! faults are told at once, and each of them once.

use crate::diag::{Code, Diagnostic, Diagnostics, Severity, codes};
use crate::expr::Expression;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan};
use crate::source::Span;

use super::places::Place;

/// Faults that leave a graph as it is: what they are about is any value.
const NAMES: [Code; 10] = [
    codes::UNKNOWN_FIELD,
    codes::UNKNOWN_INPUT,
    codes::UNKNOWN_CHANNEL,
    codes::UNKNOWN_NODE,
    codes::UNKNOWN_LOOP,
    codes::UNKNOWN_VARIABLE,
    codes::UNUSED_VARIABLE,
    codes::OUT_OF_SCOPE,
    codes::MISSING_INPUT,
    codes::WRONG_INPUT,
];
/// Faults within an expression: that part of it is any value, or all of it.
const EXPRESSIONS: [Code; 17] = [
    codes::BARE_ROOT,
    codes::BRACES_IN_EXPRESSION,
    codes::DYNAMIC_KEY,
    codes::EXPRESSION_LIMIT,
    codes::EXPRESSION_SYNTAX,
    codes::FILTER_ARGUMENT,
    codes::IF_WITHOUT_ELSE,
    codes::METHOD_CALL,
    codes::NOT_TEXT,
    codes::POWER_OPERATOR,
    codes::RESERVED_NAME,
    codes::SET_SCOPE,
    codes::SPLAT_ARGUMENT,
    codes::TEMPLATE_STATEMENT,
    codes::UNKNOWN_FILTER,
    codes::UNKNOWN_FUNCTION,
    codes::UNKNOWN_TEST,
];
/// Faults of what a node is given: what it gives is any value.
const PARAMETERS: [Code; 4] = [codes::WRONG_TYPE, codes::BAD_VALUE, codes::UNKNOWN_KEY, codes::MISSING_KEY];

/// Can the rest be looked at, with what was found so far?
pub(in crate::compile) fn is_possible(diagnostics: &Diagnostics) -> bool {
    let borne = |code| NAMES.contains(&code) || EXPRESSIONS.contains(&code) || PARAMETERS.contains(&code);
    let borne = diagnostics.iter().filter(|found| found.severity == Severity::Error && borne(found.code));
    borne.count() == diagnostics.count(Severity::Error)
}

/// Where the faults of one graph are.
pub(super) struct Misread {
    /// By place.
    spans: Vec<Span>,
    /// Those of parameters, by place.
    parameters: Vec<Span>,
    /// Is it unknown what some condition asks, or what it asks about?
    conditions: bool,
}

impl Misread {
    /// What was found so far in a graph of which a plan came.
    pub(super) fn of(plan: &Plan, diagnostics: &Diagnostics) -> Self {
        let faults = || diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let mut spans: Vec<Span> = faults().map(Diagnostic::span).collect();
        spans.sort_unstable();
        let parameters = faults().filter(|found| PARAMETERS.contains(&found.code));
        let mut parameters: Vec<Span> = parameters.map(Diagnostic::span).collect();
        parameters.sort_unstable();
        let mut misread = Self { spans, conditions: !parameters.is_empty(), parameters };
        misread.conditions |= !misread.is_empty()
            && ((0..).map(EdgeIx).zip(&plan.edges).any(|(at, _)| misread.asks(plan, at))
                || (0..).map(NodeIx).zip(&plan.nodes).any(|(at, _)| misread.guards(plan, at)));
        misread
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Is it unknown what some condition asks, or what it asks about?
    pub(super) fn has_conditions(&self) -> bool {
        self.conditions
    }

    /// Does one stand in this part of a file?
    pub(super) fn within(&self, part: Span) -> bool {
        first_within(&self.spans, part)
    }

    /// Does a node, as it is written, have parameters that do not fit?
    pub(super) fn is_given_wrong(&self, node: Span) -> bool {
        first_within(&self.parameters, node)
    }

    /// Is it unknown what is asked before an edge is taken?
    pub(super) fn asks(&self, plan: &Plan, at: EdgeIx) -> bool {
        if self.is_empty() {
            return false;
        }
        let own = |at: EdgeIx| plan.edge(at).when.as_ref().is_some_and(|when| self.within(when.span()));
        let edge = plan.edge(at);
        let beside = || plan.node(edge.from).outgoing.iter().any(|beside| own(*beside));
        own(at) || (edge.outcome == EdgeOutcome::Otherwise && beside())
    }

    /// Is it unknown what is asked around a place?
    pub(super) fn is_around(&self, plan: &Plan, place: Place) -> bool {
        match place {
            Place::Node(at) | Place::Update(at) => self.guards(plan, at),
            Place::Edge(_) => false,
            Place::Outputs => self.conditions,
        }
    }

    /// Is it unknown when a node does something, or for which items?
    fn guards(&self, plan: &Plan, at: NodeIx) -> bool {
        if self.is_empty() {
            return false;
        }
        let node = plan.node(at);
        let items = node.for_each.as_ref().map(|rule| rule.items.span());
        let skips = node.skip_when.as_ref().map(Expression::span);
        items.into_iter().chain(skips).any(|part| self.within(part))
    }

    /// Adds what was found later: what is said at the place of such a name follows from it.
    pub(super) fn report(&self, found: Diagnostics, diagnostics: &mut Diagnostics) {
        if self.is_empty() {
            return diagnostics.append(found);
        }
        diagnostics.extend(found.iter().filter(|found| !self.meets(found.span())).cloned());
    }

    /// Does one share a place with this part of a file?
    fn meets(&self, part: Span) -> bool {
        let later = self.spans.partition_point(|span| (span.file, span.start) <= (part.file, part.start));
        let before = later.checked_sub(1).and_then(|at| self.spans.get(at));
        before.is_some_and(|span| span.file == part.file && part.start < span.end) || self.within(part)
    }
}

fn first_within(spans: &[Span], part: Span) -> bool {
    let first = spans.partition_point(|span| (span.file, span.start) < (part.file, part.start));
    spans.get(first).is_some_and(|span| span.file == part.file && span.start < part.end)
}
