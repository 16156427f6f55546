//! `edge-combination`: keys that may not stand together in one edge. `when` goes with `catch`, `always` and `loop`,
//! and `catch` with `loop`; nothing else goes together.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Edge;
use crate::source::Span;

/// Two keys with the reason why they exclude each other, and the edit.
const EXCLUDING: [(Key, Key, &str, &str); 6] = [
    (
        Key::Otherwise,
        Key::When,
        "`otherwise` is taken when no condition of the others holds, and has none of its own",
        "remove `otherwise`, or `when`",
    ),
    (
        Key::Otherwise,
        Key::Catch,
        "`otherwise` is taken after a success, `catch` after a failure",
        "write two edges",
    ),
    (
        Key::Otherwise,
        Key::Always,
        "an `always` edge is taken in any case, so there is no `otherwise`",
        "remove `otherwise`",
    ),
    (
        Key::Catch,
        Key::Always,
        "`catch` handles the failure, and `always` never does",
        "remove one of the two; `always` with `when: \"error.kind == '…'\"` looks at a failure without handling it",
    ),
    (
        Key::Loop,
        Key::Otherwise,
        "a loop edge turns on a condition of its own",
        "write the condition as `when`, and let the other edge be the `otherwise`",
    ),
    (
        Key::Loop,
        Key::Always,
        "an `always` edge does not handle a failure, so it cannot start another iteration",
        "use `catch` with `loop`",
    ),
];

#[derive(Clone, Copy)]
enum Key {
    When,
    Otherwise,
    Catch,
    Always,
    Loop,
}

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let mut last = None;
    for edge in &draft.graph.edges {
        // the links of one entry share its keys
        if last.replace(edge.span) != Some(edge.span) {
            check_edge(edge, diagnostics);
        }
    }
}

fn check_edge(edge: &Edge, diagnostics: &mut Diagnostics) {
    for (one, other, why, help) in EXCLUDING {
        let (Some(first), Some(second)) = (one.stands_at(edge), other.stands_at(edge)) else { continue };
        let message = format!("{why}: `{}` and `{}` may not stand together", one.word(), other.word());
        let diagnostic = Diagnostic::new(codes::EDGE_COMBINATION, first, message);
        diagnostics.push(diagnostic.label(second, format!("`{}` here", other.word())).help(help));
        // one finding for an edge: the rest follows from it
        return;
    }
}

impl Key {
    fn word(self) -> &'static str {
        match self {
            Key::When => "when",
            Key::Otherwise => "otherwise",
            Key::Catch => "catch",
            Key::Always => "always",
            Key::Loop => "loop",
        }
    }

    fn stands_at(self, edge: &Edge) -> Option<Span> {
        match self {
            Key::When => edge.when.as_ref().map(|text| text.span()),
            Key::Otherwise => edge.otherwise.as_ref().map(|flag| flag.span),
            Key::Catch => edge.catch.first().map(|kind| kind.span),
            Key::Always => edge.always.as_ref().map(|flag| flag.span),
            Key::Loop => edge.repeat.as_ref().map(|clause| clause.span),
        }
    }
}
