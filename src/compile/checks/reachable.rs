//! `unreachable-node`, `dead-edge`: edges that can never be taken, whatever the run's values are, and nodes that
//! wait for such edges alone.

use crate::compile::draft::{Class, Draft, Link};
use crate::compile::kinds;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::ErrorKind;
use crate::model::{ExhaustedRule, Uses};
use crate::plan::cycles;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    if !draft.is_whole() || !cycles(draft.nodes.len(), &draft.arrows()).is_empty() {
        return;
    }
    let sources = Sources::of(draft);
    let reasons: Vec<Option<&'static str>> =
        draft.links.iter().map(|link| never_taken(draft, link, &sources)).collect();
    let mut incoming: Vec<Vec<usize>> = vec![Vec::new(); draft.nodes.len()];
    for (at, link) in draft.links.iter().enumerate().filter(|(_, link)| !link.turns()) {
        incoming[link.to as usize].push(at);
    }
    for (at, by) in incoming.iter().enumerate() {
        let dead: Vec<usize> = by.iter().copied().filter(|&link| reasons[link].is_some()).collect();
        if !dead.is_empty() && dead.len() == by.len() {
            diagnostics.push(unreachable(draft, at, &dead, &reasons));
        } else {
            for link in dead {
                diagnostics.extend(reasons[link].map(|why| dead_edge(draft, &draft.links[link], why)));
            }
        }
    }
    for (link, why) in draft.links.iter().zip(&reasons).filter(|(link, _)| link.turns()) {
        diagnostics.extend(why.map(|why| dead_edge(draft, link, why)));
    }
}

fn unreachable(draft: &Draft<'_>, at: usize, dead: &[usize], reasons: &[Option<&'static str>]) -> Diagnostic {
    let node = &draft.nodes[at];
    let message = format!("`{}` can never start: no edge to it can be taken", node.id());
    let mut found = Diagnostic::new(codes::UNREACHABLE_NODE, node.node.id.span, message);
    for &link in dead {
        found = found.label(draft.span_of(draft.links[link].edge), reasons[link].unwrap_or_default());
    }
    found.help(format!("add an edge to `{}` that can be taken, or remove the node", node.id()))
}

fn dead_edge(draft: &Draft<'_>, link: &Link<'_>, why: &str) -> Diagnostic {
    let message = format!("`{}` can never be taken: {why}", draft.name_of(link));
    Diagnostic::new(codes::DEAD_EDGE, draft.span_of(link.edge), message).help("remove the edge")
}

fn never_taken(draft: &Draft<'_>, link: &Link<'_>, sources: &Sources) -> Option<&'static str> {
    let node = &draft.nodes[link.from as usize];
    let uses = node.uses()?;
    // of no items none fails, and one that is skipped does not
    let runs = node.modifiers.for_each.is_none() && node.modifiers.skip_when.is_none();
    let fails = uses == Uses::Fail && runs;
    match link.class {
        Class::Success | Class::Otherwise if fails => {
            Some("a `fail` node never succeeds; use `catch` or `always`")
        }
        Class::Otherwise if sources.plain[link.from as usize] => {
            Some("another edge of the same node has no condition, so it is always taken instead")
        }
        Class::Catch if catches_nothing(draft, link, sources) => {
            Some("no loop edge of its source can run out with kind `exhausted`")
        }
        Class::Catch if uses == Uses::Fail && fails_otherwise(draft, link) => {
            Some("its source fails with another kind")
        }
        _ => None,
    }
}

/// What is known of the edges of each node.
struct Sources {
    /// One has no condition. A loop edge without one that counts as not taken once it has run out leaves room for an
    /// `otherwise`.
    plain: Vec<bool>,
    /// One turns a loop that can run out.
    runs_out: Vec<bool>,
}

impl Sources {
    fn of(draft: &Draft<'_>) -> Self {
        let none = vec![false; draft.nodes.len()];
        let mut sources = Self { plain: none.clone(), runs_out: none };
        for link in &draft.links {
            let from = link.from as usize;
            let fails = |rule: &ExhaustedRule| *rule == ExhaustedRule::Fail;
            let clause = link.edge.repeat.as_ref();
            let runs_out =
                clause.is_some_and(|clause| clause.exhausted.as_ref().is_none_or(|rule| fails(&rule.value)));
            sources.runs_out[from] |= runs_out;
            let stays = runs_out || !link.turns();
            sources.plain[from] |= link.class == Class::Success && link.edge.when.is_none() && stays;
        }
        sources
    }
}

fn catches_nothing(draft: &Draft<'_>, link: &Link<'_>, sources: &Sources) -> bool {
    let only_exhausted = link.edge.catch.iter().all(|kind| kind.value == ErrorKind::Exhausted.as_str());
    // a subgraph's own loop can run out as well
    let graph = draft.nodes[link.from as usize].uses() == Some(Uses::Graph);
    only_exhausted && !graph && !sources.runs_out[link.from as usize]
}

fn fails_otherwise(draft: &Draft<'_>, link: &Link<'_>) -> bool {
    let Some(own) = kinds::own(draft, &draft.nodes[link.from as usize]) else { return false };
    // a kind that nothing can fail with is reported as that
    let is_engines = |word: &str| word == "any" || !matches!(ErrorKind::parse(word), ErrorKind::Custom(_));
    link.edge.catch.iter().all(|kind| {
        !own.contains(&kind.value) && is_engines(&kind.value) && kind.value != ErrorKind::Expression.as_str()
    })
}
