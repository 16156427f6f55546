//! What is known on the way through one expression or template.

use crate::diag::Code;
use crate::document::Text;
use crate::expr::fault::Fault;
use crate::expr::ir::{At, Frame, Kind, Node};
use crate::expr::{Reference, Root};

/// Which names a text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expr) enum Names {
    /// `inputs`, `nodes`, `state`, `loops`, `run`, `output`, `error`, and the names around.
    Graph,
    /// A prompt's: its variables and nothing else.
    Prompt,
}

/// The names that a `{% for %}`, or the template itself, has made.
#[derive(Default)]
pub(super) struct Scope<'s> {
    pub(super) names: Vec<(&'s str, usize)>,
    /// `{% if %}`s open in it.
    pub(super) conditions: usize,
    /// The loop that it is the body of.
    pub(super) turn: Option<usize>,
}

/// Lowers one text.
pub(in crate::expr) struct Lowering<'s> {
    pub(super) source: &'s str,
    pub(in crate::expr) text: &'s Text,
    pub(super) names: Names,
    /// The node whose `output` and `error` are read as parts of its result.
    pub(super) own: Option<&'s str>,
    pub(super) scopes: Vec<Scope<'s>>,
    /// How many `default`, `is defined`, `first_of` are around.
    pub(super) guards: usize,
    pub(in crate::expr) frame: Frame,
    pub(in crate::expr) roots: Vec<Root>,
    pub(in crate::expr) references: Vec<Reference>,
    pub(in crate::expr) faults: Vec<Fault>,
}

impl<'s> Lowering<'s> {
    pub(in crate::expr) fn new(text: &'s Text, names: Names) -> Self {
        Self {
            source: text.as_str(),
            text,
            names,
            own: None,
            scopes: vec![Scope::default()],
            guards: 0,
            frame: Frame::default(),
            roots: Vec::new(),
            references: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Reads `output` as `nodes.OWN.output`, and `error` likewise.
    pub(in crate::expr) fn of_node(self, own: &'s str) -> Self {
        Self { own: Some(own), ..self }
    }

    /// Where a name of the parser's tree stands: names are parts of the source itself, and so more exact than
    /// the parser's spans.
    pub(super) fn at_name(&self, name: &str) -> At {
        let start = (name.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize);
        if self.source.get(start..start.wrapping_add(name.len())) == Some(name) {
            At::new(start, start + name.len())
        } else {
            At::new(0, self.source.len())
        }
    }

    /// Both, and the brackets that belong to them.
    pub(super) fn around(&self, first: At, last: At) -> At {
        let mut at = first.to(last);
        let part = &self.source[at.start as usize..at.end as usize];
        let missing = part.matches(')').count().saturating_sub(part.matches('(').count());
        for _ in 0..missing {
            let before = &self.source[..at.start as usize];
            at.start = before.rfind('(').unwrap_or(at.start as usize) as u32;
        }
        at
    }

    pub(super) fn fault(&mut self, code: Code, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Fault::new(code, at, message).help(help));
    }

    /// Stands for what was refused: any value.
    pub(super) fn nothing(at: At) -> Node {
        Node { at, kind: Kind::Unread(Vec::new()) }
    }

    /// A variable's place, from the innermost scope outward.
    pub(super) fn find_local(&self, name: &str) -> Option<usize> {
        self.scopes.iter().rev().find_map(|scope| {
            scope.names.iter().rev().find(|(known, _)| *known == name).map(|&(_, place)| place)
        })
    }

    pub(super) fn new_local(&mut self, name: &'s str) -> usize {
        let place = self.frame.locals;
        self.frame.locals += 1;
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.push((name, place));
        }
        place
    }

    pub(super) fn slot(&mut self, root: &Root) -> usize {
        self.roots.iter().position(|known| known == root).unwrap_or_else(|| {
            self.roots.push(root.clone());
            self.roots.len() - 1
        })
    }
}
