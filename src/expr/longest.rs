//! How long a list that an expression gives can be, by how long the lists are that it is made of.

use serde_json::Value;

use super::Root;
use super::infer::{Subject, subject_of};
use super::ir::{Arithmetic, Kind, Node};

/// Tells how long the list at a value can be; `None` where that is not known.
pub type Lengths<'a> = dyn FnMut(&Subject) -> Option<usize> + 'a;

/// The most items that it can come to. `None`: any number, or it is no list.
pub(super) fn longest(node: &Node, roots: &[Root], known: &mut Lengths<'_>) -> Option<usize> {
    let mut of = |node: &Node| longest(node, roots, known);
    match &node.kind {
        Kind::Const(Value::Array(items)) => Some(items.len()),
        Kind::List(items) => Some(items.len()),
        Kind::Keep(keep) => of(&keep.list),
        Kind::Each(_, list, _) => of(list),
        Kind::Filter(filter, list, args) => match filter.name {
            "map" | "sort" | "unique" | "reverse" | "zip" => of(list),
            "head" | "tail" => {
                let count = args.first().and_then(|count| constant(count.as_ref()?));
                of(list).into_iter().chain(count).min()
            }
            _ => None,
        },
        Kind::Slice(list, from, to) => {
            let begins = from.is_none() || from.as_ref().is_some_and(|from| constant(from).is_some());
            let end = to.as_ref().and_then(|to| constant(to)).filter(|_| begins);
            of(list).into_iter().chain(end).min()
        }
        Kind::If(parts) => Some(of(&parts[1])?.max(of(&parts[2])?)),
        Kind::Default(a, b) => Some(of(a)?.max(of(b)?)),
        Kind::FirstOf(choices) => {
            choices.iter().map(of).try_fold(0, |most, one| one.map(|one| most.max(one)))
        }
        Kind::Arithmetic(Arithmetic::Add, a, b) => of(a)?.checked_add(of(b)?),
        _ => known(&subject_of(node, roots)?),
    }
}

/// A number of items that is written down.
fn constant(node: &Node) -> Option<usize> {
    let Kind::Const(value) = &node.kind else { return None };
    value.as_u64().and_then(|count| usize::try_from(count).ok())
}

/// Does it count something? Such a number is never too large to be added.
pub(super) fn counts(node: &Node) -> bool {
    matches!(&node.kind, Kind::Filter(filter, ..) if filter.name == "length")
}
