//! `duplicate-edge`: two edges between the same nodes that are decided by the same outcome. What the author meant
//! by the second one is lost in the first: one edge with both conditions says it.

use std::collections::BTreeMap;

use crate::compile::draft::{Class, Draft, Link};
use crate::compile::kinds;
use crate::diag::{Diagnostic, Diagnostics, codes};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<(u32, u32), Vec<&Link<'_>>> = BTreeMap::new();
    for link in draft.links.iter().filter(|link| link.sure) {
        let before = seen.entry((link.from, link.to)).or_default();
        if let Some(first) = before.iter().find(|first| say_the_same(first, link)) {
            diagnostics.push(duplicate(draft, first, link));
        } else {
            before.push(link);
        }
    }
}

fn say_the_same(one: &Link<'_>, other: &Link<'_>) -> bool {
    let on_success = |link: &Link<'_>| matches!(link.class, Class::Success | Class::Otherwise);
    match (one.class, other.class) {
        (Class::Always, Class::Always) => true,
        (Class::Catch, Class::Catch) => {
            let (these, those) = (&one.edge.catch, &other.edge.catch);
            let shared =
                these.iter().any(|kind| those.iter().any(|with| kinds::overlap(&kind.value, &with.value)));
            shared || (one.edge.when.is_none() && other.edge.when.is_none())
        }
        _ => on_success(one) && on_success(other),
    }
}

fn duplicate(draft: &Draft<'_>, first: &Link<'_>, second: &Link<'_>) -> Diagnostic {
    let plain = |link: &Link<'_>| link.class == Class::Success && link.edge.when.is_none();
    let help = if second.class == Class::Catch {
        "write one edge that catches the kinds of both"
    } else if plain(first) && !plain(second) {
        "remove the edge without a condition: it is always taken"
    } else if plain(second) || second.class == Class::Otherwise {
        "remove this edge"
    } else {
        "write one edge, with both conditions joined by `or`"
    };
    let message = format!("a second edge `{}` for the same outcome", draft.name_of(second));
    Diagnostic::new(codes::DUPLICATE_EDGE, draft.span_of(second.edge), message)
        .label(draft.span_of(first.edge), "the first one")
        .help(help)
}
