//! What an expression gives, before it is evaluated: its type, and each part of it that can't have a value. What is not
//! known is not reported: it is left to the run.

mod assume;
mod call;
mod operator;
mod path;
mod plain;
mod template;
mod trials;
mod value;

use crate::diag::Code;
use crate::document::Text;
use crate::source::Span;
use crate::types::{Chance, Field, Step, Type};

use super::Root;
use super::ir::{At, Frame, Kind, Node};

use trials::Trials;

pub(in crate::expr) use assume::subject_of;
pub(in crate::expr) use call::Call;
pub(in crate::expr) use operator::whole_or_not;
pub(in crate::expr) use path::values_of;
pub(in crate::expr) use plain::{are_plain, is_plain};
pub(in crate::expr) use value::{item_of, part_of};

/// Tells what stands behind a root.
pub type Known<'a> = dyn FnMut(&Root) -> Field + 'a;

/// Something wrong in an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Its code.
    pub code: Code,
    /// Where.
    pub span: Span,
    /// What is wrong, with both sides of it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The roots that it is about.
    pub about: Vec<Root>,
    /// It holds only if this is not excluded by what is around the expression.
    pub doubt: Option<Doubt>,
    /// Nothing fails by it: it says that something is decided here. In a text that is used in several places it is a
    /// fault only where it is one in each.
    pub decided: bool,
}

/// A value that may be missing or null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Where it would be; of several, one is enough.
    pub subjects: Vec<Subject>,
    /// Missing, or null?
    pub missing: bool,
}

/// A value behind a root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The root.
    pub root: Root,
    /// The steps from there.
    pub path: Vec<Step>,
}

impl Subject {
    /// The same by one name: a node's own `output` and `error` are parts of its result.
    #[must_use]
    pub fn of_node(self, own: Option<&str>) -> Self {
        let part = match self.root {
            Root::Output => "output",
            Root::Error => "error",
            _ => return self,
        };
        let Some(id) = own else { return self };
        let path = std::iter::once(Step::Field(part.to_owned())).chain(self.path).collect();
        Self { root: Root::Node(id.to_owned()), path }
    }
}

/// What an expression came to.
#[derive(Debug)]
pub struct Inferred {
    /// Its type.
    pub ty: Type,
    /// The value that it does nothing but name.
    pub subject: Option<Subject>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// What is left to the run.
    pub open: Open,
}

/// What could not be known before the run. Apart from these an expression without findings fails by the values of its
/// numbers and strings alone: a division by zero, a string that spells no number, a limit; one that looks at nothing never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Open {
    /// Something may be missing.
    pub missing: bool,
    /// Something may be of a kind that does not fit.
    pub kind: bool,
}

impl Inferred {
    /// Has it a value in every run, as far as its type says?
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty() && !self.open.missing && !self.open.kind
    }
}

/// What is known of a part of an expression.
#[derive(Debug, Clone)]
pub(in crate::expr) struct Seen {
    pub(in crate::expr) ty: Type,
    /// Can evaluation end here because something is not there?
    pub(in crate::expr) missing: Chance,
    /// The value that it stands for, where it does nothing but name one.
    path: Option<Path>,
}

/// A value in what an evaluation keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Path {
    base: Base,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Slot(usize),
    Local(usize),
}

/// One way through an expression.
pub(in crate::expr) struct Inference<'a> {
    text: &'a Text,
    roots: &'a [Root],
    /// By slot, with what conditions around have made known.
    slots: Vec<Field>,
    /// By slot, as declared.
    declared: Vec<Field>,
    locals: Vec<Field>,
    /// How many `default`, `is defined`, `first_of` are around.
    guards: usize,
    /// Looks again at what was reported already.
    quiet: usize,
    /// How many parts are around that are never come to, by what was reported as decided.
    idle: usize,
    /// How much was found, reported or not.
    faults: usize,
    /// Bases about a part of which something was asked that makes nothing known.
    vague: Vec<Base>,
    findings: Vec<Finding>,
    open: Open,
    /// The name of an attribute that stands for what an item has there.
    attribute: Option<At>,
    trials: Trials,
}

impl Seen {
    fn sure(ty: Type) -> Self {
        Self { ty, missing: Chance::Never, path: None }
    }
}

impl<'a> Inference<'a> {
    pub(in crate::expr) fn new(
        text: &'a Text,
        roots: &'a [Root],
        frame: Frame,
        known: &mut Known<'_>,
    ) -> Self {
        let slots: Vec<Field> = roots.iter().map(known).collect();
        Self {
            text,
            roots,
            declared: slots.clone(),
            slots,
            locals: vec![Field::ANY; frame.locals],
            guards: 0,
            quiet: 0,
            idle: 0,
            faults: 0,
            vague: Vec::new(),
            findings: Vec::new(),
            open: Open::default(),
            attribute: None,
            trials: Trials::new(),
        }
    }

    /// With roots whose values are written down once, and are there to be changed.
    pub(in crate::expr) fn declared(mut self, known: &mut Known<'_>) -> Self {
        self.declared = self.roots.iter().map(known).collect();
        self
    }

    /// The whole of an expression, whose value is needed.
    pub(in crate::expr) fn whole(mut self, node: &Node) -> Inferred {
        let seen = self.needed(node);
        let subject = seen.path.as_ref().and_then(|path| self.subject(path));
        Inferred { ty: seen.ty, subject, findings: self.findings, open: self.open }
    }

    /// The whole of a condition.
    pub(in crate::expr) fn whole_condition(mut self, node: &Node) -> Inferred {
        self.condition(node);
        Inferred { ty: Type::BOOL, subject: None, findings: self.findings, open: self.open }
    }

    /// What is known of the roots where a condition has come to `truth`.
    pub(in crate::expr) fn assumed(mut self, node: &Node, truth: bool) -> Vec<Field> {
        self.quiet += 1;
        self.assume(node, truth);
        self.slots
    }

    /// What is known of the roots where a list has an item: one that is empty where a condition says so has none there.
    pub(in crate::expr) fn assumed_items(mut self, node: &Node) -> Vec<Field> {
        self.quiet += 1;
        if let Kind::If(parts) = &node.kind {
            let [condition, then, otherwise] = &**parts;
            let is_empty = |node: &Node| matches!(&node.kind, Kind::List(items) if items.is_empty());
            match (is_empty(then), is_empty(otherwise)) {
                (true, false) => self.assume(condition, false),
                (false, true) => self.assume(condition, true),
                _ => true,
            };
        }
        self.slots
    }

    /// What does not fit shows when it is there.
    fn leave(&mut self, unless: bool) {
        self.open.kind |= !unless;
    }

    fn report(&mut self, code: Code, at: At, about: &Node, message: String, help: Option<String>) {
        self.push(code, at, message, help, self.roots_of(&[about]), None);
    }

    fn push(
        &mut self,
        code: Code,
        at: At,
        message: String,
        help: Option<String>,
        about: Vec<Root>,
        doubt: Option<Doubt>,
    ) {
        self.faults += 1;
        if self.quiet > 0 {
            return;
        }
        let decided = self.idle > 0;
        let length = self.text.as_str().len();
        let start = (at.start as usize).min(length);
        let end = (at.end as usize).clamp(start, length);
        let span = self.text.part(start, end);
        self.findings.push(Finding { code, span, message, help, about, doubt, decided });
    }

    /// Judges what by itself makes nothing fail.
    fn deciding<T>(&mut self, decides: bool, judge: impl FnOnce(&mut Self) -> T) -> T {
        self.idle += usize::from(decides);
        let judged = judge(self);
        self.idle -= usize::from(decides);
        judged
    }

    /// A part of the source, as it is shown.
    fn shown(&self, at: At) -> String {
        let part = at.excerpt(self.text.as_str()).unwrap_or_else(|| "it".to_owned());
        if self.attribute == Some(at) {
            return format!("`{}` of an item", part.trim_matches(['\'', '"']));
        }
        format!("`{part}`")
    }

    /// What a part of the source is. A constant that spells its type is not said twice.
    fn is(&self, at: At, ty: &Type) -> String {
        let (shown, ty) = (self.shown(at), ty.to_string());
        if shown == ty {
            return format!("{shown} is a boolean");
        }
        let kind = ty.strip_suffix(&shown).and_then(|kind| kind.strip_prefix("the "));
        kind.map_or_else(|| format!("{shown} is {ty}"), |kind| format!("{shown} is a {}", kind.trim_end()))
    }

    fn subject(&self, path: &Path) -> Option<Subject> {
        let Base::Slot(slot) = path.base else { return None };
        Some(Subject { root: self.roots.get(slot)?.clone(), path: path.steps.clone() })
    }
}
