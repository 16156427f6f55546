//! Our own form of an expression and of a template: closed, checked, and without a name that is still to be
//! looked up. What the language does not have can't be written in it.

use serde_json::Value;

use super::filters::{Filter, Test};

/// A part of the source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl At {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end.max(start) as u32 }
    }

    pub(super) fn to(self, other: At) -> At {
        At { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// That part of the source on one line, cut where it is long.
    pub(super) fn excerpt(self, source: &str) -> Option<String> {
        const LONGEST: usize = 80;
        let part = self.balanced(source)?;
        let words = part.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() {
            return None;
        }
        let cut: String = words.chars().take(LONGEST).collect();
        Some(if cut.len() < words.len() { format!("{cut}…") } else { cut })
    }
}

impl At {
    /// That part of the source, with the brackets around it of which it holds only one.
    fn balanced(self, source: &str) -> Option<&str> {
        let (mut start, mut end) = (self.start as usize, self.end as usize);
        let (closing, opening) = unmatched(source.get(start..end)?);
        for _ in 0..closing {
            let before = source[..start].trim_end();
            if before.ends_with(['(', '[', '{']) {
                start = before.len() - 1;
            }
        }
        for _ in 0..opening {
            let after = source[end..].trim_start();
            if after.starts_with([')', ']', '}']) {
                end = source.len() - after.len() + 1;
            }
        }
        source.get(start..end)
    }
}

/// How many brackets are closed in `part` that it does not open, and opened that it does not close.
fn unmatched(part: &str) -> (usize, usize) {
    let (mut closing, mut opening) = (0, 0);
    let mut quote = None;
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => opening += 1,
            (None, ')' | ']' | '}') if opening > 0 => opening -= 1,
            (None, ')' | ']' | '}') => closing += 1,
            _ => {}
        }
    }
    (closing, opening)
}

/// An expression.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) kind: Kind,
}

/// The kinds of expressions.
#[derive(Debug)]
pub(super) enum Kind {
    Const(Value),
    /// A value that the caller gives, by its place among the expression's roots.
    Slot(usize),
    /// A variable of the template, by its place.
    Local(usize),
    /// What `loop.…` says about the loop at that place.
    Loop(usize, LoopField),
    Field(Box<Node>, Box<str>),
    /// `x[expression]`: a list's item or an object's value.
    Item(Box<Node>, Box<Node>),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// A chain: `a < b < c`.
    Compare(Box<Node>, Vec<(Comparison, Node)>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    /// `a ~ b`
    Concat(Box<Node>, Box<Node>),
    /// Condition, then, else.
    If(Box<[Node; 3]>),
    List(Vec<Node>),
    /// Keys and values.
    Object(Vec<(Node, Node)>),
    Range(Vec<Node>),
    FirstOf(Vec<Node>),
    Default(Box<Node>, Box<Node>),
    Defined(Box<Node>),
    Filter(&'static Filter, Box<Node>, Vec<Option<Node>>),
    Test(&'static Test, Box<Node>, Vec<Option<Node>>),
    /// `map('filter', …)`
    Each(&'static Filter, Box<Node>, Vec<Option<Node>>),
    /// `select`, `reject`, `selectattr`, `rejectattr`
    Keep(Box<Keep>),
    /// A part with a fault, which has been reported: any value. What is in it and can be read is kept, to be looked at.
    Unread(Vec<Node>),
}

/// Which items of a list stay.
#[derive(Debug)]
pub(super) struct Keep {
    pub(super) list: Node,
    /// What of an item is looked at; all of it without one.
    pub(super) attribute: Option<Node>,
    pub(super) condition: Condition,
    /// Do those that satisfy the condition stay, or the others?
    pub(super) satisfied: bool,
}

/// What is asked of an item.
#[derive(Debug)]
pub(super) enum Condition {
    /// It is `true`.
    True,
    /// It is there.
    Defined,
    Test(&'static Test, Vec<Option<Node>>),
}

/// A field of `loop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopField {
    Index,
    Index0,
    RevIndex,
    RevIndex0,
    First,
    Last,
    Length,
}

impl LoopField {
    pub(super) const ALL: [(&'static str, LoopField); 7] = [
        ("index", LoopField::Index),
        ("index0", LoopField::Index0),
        ("revindex", LoopField::RevIndex),
        ("revindex0", LoopField::RevIndex0),
        ("first", LoopField::First),
        ("last", LoopField::Last),
        ("length", LoopField::Length),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
}

/// A part of a template.
#[derive(Debug)]
pub(super) enum Step {
    Text(Box<str>),
    Emit(Node),
    /// Conditions in order, then the rest.
    If(Vec<(Node, Vec<Step>)>, Vec<Step>),
    For(Box<For>),
    Set(usize, Node),
}

/// `{% for %}`
#[derive(Debug)]
pub(super) struct For {
    pub(super) list: Node,
    /// One variable takes the item, several take the items of the item.
    pub(super) targets: Vec<usize>,
    pub(super) condition: Option<Node>,
    pub(super) frame: usize,
    pub(super) body: Vec<Step>,
    pub(super) otherwise: Vec<Step>,
}

/// The sizes of what an evaluation keeps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    pub(super) locals: usize,
    pub(super) loops: usize,
}
