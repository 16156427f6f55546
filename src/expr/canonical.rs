//! An expression in one spelling, so that two can be held against each other: without places, with what is negated told
//! once. Two that are spelled the same come to the same, also to no value at all.

use std::fmt::Write as _;

use super::Root;
use super::ir::{Comparison, Kind, Node};

/// Is one condition the negation of the other?
pub(super) fn opposes(one: (&Node, &[Root]), other: (&Node, &[Root])) -> bool {
    let spelled = |(node, roots): (&Node, &[Root]), negated| {
        let mut spelling = Spelling { roots, text: String::new() };
        spelling.condition(node, negated).then_some(spelling.text)
    };
    spelled(one, true).is_some_and(|negated| spelled(other, false) == Some(negated))
}

struct Spelling<'s> {
    roots: &'s [Root],
    text: String,
}

impl Spelling<'_> {
    /// `false` where there is something that has no one spelling.
    fn condition(&mut self, node: &Node, negated: bool) -> bool {
        match &node.kind {
            Kind::Not(inner) => self.condition(inner, !negated),
            Kind::And(a, b) | Kind::Or(a, b) => {
                let both = matches!(node.kind, Kind::And(..)) != negated;
                self.text.push_str(if both { "and(" } else { "or(" });
                let is_told = self.condition(a, negated) && self.condition(b, negated);
                self.text.push(')');
                is_told
            }
            Kind::Compare(left, rest) => match &rest[..] {
                [(comparison, right)] => {
                    let comparison = if negated { opposite(*comparison) } else { *comparison };
                    self.compare(left, comparison, right)
                }
                _ => false,
            },
            _ => {
                self.text.push_str(if negated { "not(" } else { "is(" });
                let is_told = self.value(node);
                self.text.push(')');
                is_told
            }
        }
    }

    fn compare(&mut self, left: &Node, comparison: Comparison, right: &Node) -> bool {
        let _ = write!(self.text, "{comparison:?}(");
        let is_told = self.value(left) && self.value(right);
        self.text.push(')');
        is_told
    }

    fn value(&mut self, node: &Node) -> bool {
        // writing to a string can't fail
        let _ = match &node.kind {
            Kind::Const(value) => write!(self.text, "{value};"),
            Kind::Slot(at) => write!(self.text, "{:?};", self.roots.get(*at)),
            Kind::Field(inner, name) => {
                let is_told = self.value(inner);
                let _ = write!(self.text, ".{name:?}");
                return is_told;
            }
            Kind::Not(_) | Kind::And(..) | Kind::Or(..) | Kind::Compare(..) => {
                return self.condition(node, false);
            }
            Kind::Item(list, at) => return self.all("item", &[list, at]),
            Kind::Negate(inner) => return self.all("-", &[inner]),
            Kind::Concat(a, b) => return self.all("~", &[a, b]),
            Kind::Default(a, b) => return self.all("default", &[a, b]),
            Kind::Defined(inner) => return self.all("defined", &[inner]),
            Kind::Arithmetic(of, a, b) => return self.all(&format!("{of:?}"), &[a, b]),
            Kind::List(items) => return self.all("list", &items.iter().collect::<Vec<_>>()),
            Kind::Filter(filter, of, given) => return self.called("|", filter.name, of, given),
            Kind::Test(test, of, given) => return self.called("is ", test.name, of, given),
            Kind::Local(_)
            | Kind::Loop(..)
            | Kind::Slice(..)
            | Kind::If(_)
            | Kind::Object(_)
            | Kind::Range(_)
            | Kind::FirstOf(_)
            | Kind::Each(..)
            | Kind::Keep(_)
            | Kind::Unread(_) => return false,
        };
        true
    }

    /// A filter and a test may have one name: `how` tells them apart.
    fn called(&mut self, how: &str, name: &str, of: &Node, given: &[Option<Node>]) -> bool {
        self.text.push_str(how);
        self.text.extend(given.iter().map(|one| if one.is_some() { '+' } else { '-' }));
        let all: Vec<&Node> = std::iter::once(of).chain(given.iter().flatten()).collect();
        self.all(name, &all)
    }

    fn all(&mut self, name: &str, nodes: &[&Node]) -> bool {
        let _ = write!(self.text, "{name}(");
        let is_told = nodes.iter().all(|node| self.value(node));
        self.text.push(')');
        is_told
    }
}

fn opposite(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
        Comparison::In => Comparison::NotIn,
        Comparison::NotIn => Comparison::In,
    }
}
