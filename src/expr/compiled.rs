//! Compiled expressions and templates, and their evaluation against values that the caller supplies.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::diag::{Diagnostics, codes};
use crate::document::Text;
use crate::source::{Sources, Span};
use crate::types::Field;

use super::canonical;
use super::decide::Subjects;
use super::evaluate::Evaluation;
use super::fault;
use super::infer::{Finding, Inference, Inferred, Known, are_plain, is_plain};
use super::ir::{At, Frame, Kind, Node, Step};
use super::literal_keys::literal_keys;
use super::longest::{Lengths, counts, longest};
use super::lower::{Lowering, Names};
use super::parse;
use super::stop::Stop;
use super::{Reference, Root};

/// Supplies the value behind a root; `None` where there is none (a node that did not run): strict undefined.
/// Shared, so that a large output is not copied for each expression that looks at a part of it.
pub type Values<'a> = dyn FnMut(&Root) -> Option<Arc<Value>> + 'a;

/// Is shown a reference.
pub type See<'a> = dyn FnMut(&Reference) + 'a;

/// Why an expression or a template has no value. A node that meets it fails with kind `expression`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong, with the part of the source that it is about.
    pub message: String,
}

/// A bare expression: `when`, `skip_when`, `for_each.in`, or the only `{{ … }}` of a string.
#[derive(Debug, Clone)]
pub struct Expression {
    body: Arc<Body<Node>>,
}

/// A text with `{{ … }}` and `{% … %}`: a prompt, or a string that is more than one expression.
#[derive(Debug, Clone)]
pub struct Template {
    body: Arc<Body<Vec<Step>>>,
}

/// How much of a text could be read. What could not is reported, and stands for any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readable {
    /// All of it.
    Wholly,
    /// All but some parts; every name that is used in it is known.
    Partly,
    /// Nothing: it is not even known which names it uses.
    Not,
}

/// What both have.
#[derive(Debug)]
struct Body<Code> {
    text: Text,
    readable: Readable,
    code: Code,
    frame: Frame,
    roots: Vec<Root>,
    references: Vec<Reference>,
}

impl<Code> Body<Code> {
    /// Reports the faults that were met on the way.
    fn new(lowering: Lowering<'_>, code: Code, diagnostics: &mut Diagnostics) -> Arc<Self> {
        let mut references = lowering.references;
        references.sort_by_key(|reference| (reference.span.start, reference.span.end));
        let readable = if lowering.faults.is_empty() { Readable::Wholly } else { Readable::Partly };
        fault::report(lowering.faults, lowering.text, diagnostics);
        Arc::new(Self {
            text: lowering.text.clone(),
            readable,
            code,
            frame: lowering.frame,
            roots: lowering.roots,
            references,
        })
    }

    /// Of a text that no parser takes.
    fn unread(text: &Text, code: Code) -> Arc<Self> {
        Arc::new(Self {
            text: text.clone(),
            readable: Readable::Not,
            code,
            frame: Frame::default(),
            roots: Vec::new(),
            references: Vec::new(),
        })
    }

    /// What the caller has for each root, asked once.
    fn slots(&self, values: &mut Values<'_>) -> Vec<Option<Arc<Value>>> {
        self.roots.iter().map(values).collect()
    }

    fn error(&self, stop: &Stop) -> EvalError {
        EvalError { message: stop.message(self.text.as_str()) }
    }
}

impl Expression {
    /// Parses a bare expression, as `when` has it; nothing comes of one with faults.
    pub fn parse(text: &Text, diagnostics: &mut Diagnostics) -> Option<Self> {
        let read = Self::read(text, diagnostics, &mut |_| {});
        (read.body.readable == Readable::Wholly).then_some(read)
    }

    /// What can be read of a bare expression, so that all that is wrong with a graph is found at once: a part with a fault
    /// stands for any value. `see` is shown every reference. One with faults is only good to be looked at.
    pub fn read(text: &Text, diagnostics: &mut Diagnostics, see: &mut See<'_>) -> Self {
        match parse::expression(text.as_str()) {
            Ok(tree) => {
                let mut lowering = Lowering::new(text, Names::Graph);
                let node = lowering.expression(&tree);
                lowering.references.iter().for_each(see);
                Self::from_parts(lowering, node, diagnostics)
            }
            Err(faults) => {
                fault::report(faults, text, diagnostics);
                Self::unread(text)
            }
        }
    }

    /// Any value at all.
    pub(super) fn unread(text: &Text) -> Self {
        let at = At::new(0, text.as_str().len());
        Self { body: Body::unread(text, Node { at, kind: Kind::Unread(Vec::new()) }) }
    }

    /// Parses a bare expression that stands in no file.
    pub fn from_source(source: &str) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        Self::parse(&text_of(source), &mut diagnostics).ok_or(diagnostics)
    }

    pub(super) fn from_parts(lowering: Lowering<'_>, node: Node, diagnostics: &mut Diagnostics) -> Self {
        Self { body: Body::new(lowering, node, diagnostics) }
    }

    /// The condition of an edge of the node `own` that names both the node's result and its own `output` or `error`: with one
    /// name for what is one thing. It is good to be looked at; `None` where it has one name already.
    pub fn by_one_name(&self, own: &str) -> Option<Self> {
        let is_own = |root: &Root| matches!(root, Root::Node(id) if id == own);
        let roots = &self.body.roots;
        if !roots.iter().any(is_own) || !roots.iter().any(|root| matches!(root, Root::Output | Root::Error)) {
            return None;
        }
        let tree = parse::expression(self.source()).ok()?;
        let mut lowering = Lowering::new(&self.body.text, Names::Graph).of_node(own);
        let node = lowering.expression(&tree);
        Some(Self::from_parts(lowering, node, &mut Diagnostics::default()))
    }

    /// Is this condition the negation of another one, whatever they are about? Asked of the same values, they are never both
    /// true.
    pub fn opposes(&self, other: &Self) -> bool {
        canonical::opposes((&self.body.code, &self.body.roots), (&other.body.code, &other.body.roots))
    }

    /// As written.
    pub fn source(&self) -> &str {
        self.body.text.as_str()
    }

    /// Every reference, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.body.references
    }

    /// What has to be known to evaluate it, each root once.
    pub fn roots(&self) -> &[Root] {
        &self.body.roots
    }

    /// Where it is written.
    pub fn span(&self) -> Span {
        self.body.text.span()
    }

    /// Its type, and what is wrong with it, by what is known of its roots.
    pub fn infer(&self, known: &mut Known<'_>) -> Inferred {
        let inferred = self.inference(known).whole(&self.body.code);
        self.tried(inferred, || self.evaluate(&mut |_| None).err())
    }

    /// Has it a value wherever the values that it names are there and of the kinds that it takes? A division, a number that
    /// a string spells, an item of a list may have none all the same.
    pub fn is_plain(&self) -> bool {
        is_plain(&self.body.code)
    }

    /// The same for a condition.
    pub fn infer_condition(&self, known: &mut Known<'_>) -> Inferred {
        let inferred = self.inference(known).whole_condition(&self.body.code);
        self.tried(inferred, || self.evaluate_bool(&mut |_| None).err())
    }

    /// What looks at nothing can be asked before the run: without a value then, it never has one.
    fn tried(&self, mut inferred: Inferred, flaw: impl FnOnce() -> Option<EvalError>) -> Inferred {
        let is_constant = self.body.roots.is_empty() && self.body.readable == Readable::Wholly;
        if is_constant
            && inferred.findings.is_empty()
            && let Some(error) = flaw()
        {
            inferred.findings.push(Finding {
                code: codes::WRONG_OPERAND,
                span: self.span(),
                message: format!("this never has a value: {error}"),
                help: None,
                about: Vec::new(),
                doubt: None,
                decided: false,
            });
        }
        inferred
    }

    /// What is known of each of its roots, in their order, where it has come to `truth`.
    pub fn assume(&self, truth: bool, known: &mut Known<'_>) -> Vec<Field> {
        self.inference(known).assumed(&self.body.code, truth)
    }

    /// The same where it has come to a list that is not empty.
    pub fn assume_items(&self, known: &mut Known<'_>) -> Vec<Field> {
        self.inference(known).assumed_items(&self.body.code)
    }

    /// Adds the values that it tells apart to `subjects`; `false` where they are not few, or not known. `own` is the node
    /// whose `output` and `error` it looks at.
    pub fn tells_apart(&self, subjects: &mut Subjects, own: Option<&str>, known: &mut Known<'_>) -> bool {
        subjects.add(&self.body.code, &self.body.roots, own, known)
    }

    /// The keys that its text writes out of an object that it may come to: of each branch, and of what stands in for what is
    /// missing.
    pub fn literal_keys(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        literal_keys(&self.body.code, &mut found);
        found
    }

    /// The most items that it can come to, by how long the lists are that it names; `None` where that is not known.
    pub fn longest(&self, known: &mut Lengths<'_>) -> Option<usize> {
        longest(&self.body.code, &self.body.roots, known)
    }

    /// Does it count something? Such a number is never too large to be added.
    pub fn counts(&self) -> bool {
        counts(&self.body.code)
    }

    fn inference(&self, known: &mut Known<'_>) -> Inference<'_> {
        Inference::new(&self.body.text, &self.body.roots, self.body.frame, known)
    }

    /// Its value. Each root is asked for once; nothing else is.
    pub fn evaluate(&self, values: &mut Values<'_>) -> Result<Value, EvalError> {
        let slots = self.body.slots(values);
        let mut evaluation = Evaluation::new(&slots, self.body.frame);
        let value = evaluation.value(&self.body.code);
        let json = value.and_then(|value| value.to_json(&mut evaluation.budget));
        json.map_err(|stop| self.body.error(&stop))
    }

    /// Its value as a condition: true or false, and nothing else counts as one of them.
    pub fn evaluate_bool(&self, values: &mut Values<'_>) -> Result<bool, EvalError> {
        let slots = self.body.slots(values);
        let mut evaluation = Evaluation::new(&slots, self.body.frame);
        evaluation.truth(&self.body.code).map_err(|stop| self.body.error(&stop))
    }
}

impl Template {
    /// Parses a text in a graph, which may use the graph's names; nothing comes of one with faults.
    pub fn parse(text: &Text, diagnostics: &mut Diagnostics) -> Option<Self> {
        Self::read(text, Names::Graph, diagnostics).whole()
    }

    /// Parses a prompt: every name in it is one of its variables ([`Root::Local`]). Nothing comes of one with faults.
    pub fn parse_prompt(text: &Text, diagnostics: &mut Diagnostics) -> Option<Self> {
        Self::read_prompt(text, diagnostics).whole()
    }

    /// What can be read of a prompt: a part with a fault stands for any value. One with faults is only good to be looked at.
    pub fn read_prompt(text: &Text, diagnostics: &mut Diagnostics) -> Self {
        Self::read(text, Names::Prompt, diagnostics)
    }

    fn read(text: &Text, names: Names, diagnostics: &mut Diagnostics) -> Self {
        match parse::template(text.as_str()) {
            Ok(tree) => {
                let mut lowering = Lowering::new(text, names);
                let steps = lowering.template(&tree);
                Self::from_parts(lowering, steps, diagnostics)
            }
            Err(faults) => {
                fault::report(faults, text, diagnostics);
                Self { body: Body::unread(text, Vec::new()) }
            }
        }
    }

    fn whole(self) -> Option<Self> {
        (self.readable() == Readable::Wholly).then_some(self)
    }

    /// How much of it could be read.
    pub fn readable(&self) -> Readable {
        self.body.readable
    }

    /// Parses a text that stands in no file.
    pub fn from_source(source: &str) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        Self::parse(&text_of(source), &mut diagnostics).ok_or(diagnostics)
    }

    pub(super) fn from_parts(
        lowering: Lowering<'_>,
        steps: Vec<Step>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        Self { body: Body::new(lowering, steps, diagnostics) }
    }

    /// As written.
    pub fn source(&self) -> &str {
        self.body.text.as_str()
    }

    /// Every reference, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.body.references
    }

    /// What has to be known to render it, each root once.
    pub fn roots(&self) -> &[Root] {
        &self.body.roots
    }

    /// Where it is written.
    pub fn span(&self) -> Span {
        self.body.text.span()
    }

    /// What is wrong with it, by what is known of its roots.
    pub fn infer(&self, known: &mut Known<'_>) -> Inferred {
        self.inference(known).whole_text(&self.body.code)
    }

    /// Has each expression in it a value wherever the values that it names are there and of the kinds that it takes?
    pub fn is_plain(&self) -> bool {
        are_plain(&self.body.code)
    }

    /// The same, where `declared` says of some roots that their value is written down once, and is there to be changed:
    /// another one to compare them with is no fault.
    pub fn infer_declared(&self, known: &mut Known<'_>, declared: &mut Known<'_>) -> Inferred {
        self.inference(known).declared(declared).whole_text(&self.body.code)
    }

    fn inference(&self, known: &mut Known<'_>) -> Inference<'_> {
        Inference::new(&self.body.text, &self.body.roots, self.body.frame, known)
    }

    /// Its text.
    pub fn render(&self, values: &mut Values<'_>) -> Result<String, EvalError> {
        let slots = self.body.slots(values);
        let mut evaluation = Evaluation::new(&slots, self.body.frame);
        let mut text = String::new();
        let result = evaluation.render(&self.body.code, &mut text);
        result.map(|()| text).map_err(|stop| self.body.error(&stop))
    }
}

/// A text of its own, each byte where it is.
fn text_of(source: &str) -> Text {
    let file = Sources::default().add("expression", source);
    Text::new(source, Span::new(file, 0, source.len()), vec![(0, 0)])
}
