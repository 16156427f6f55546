//! The pages of `docs/codes/`, in the program. A test holds this table, the table of codes and the folder together.

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        const PAGES: &[(&str, &str)] = &[
            $(($code, include_str!(concat!("../../docs/codes/", $code, ".md"))),)*
        ];
    };
}

pages!(
    "alias",
    "bad-default",
    "bad-name",
    "bad-pattern",
    "bad-value",
    "bare-root",
    "braces-in-expression",
    "conflicting-keys",
    "cycle",
    "date",
    "dead-edge",
    "duplicate-edge",
    "duplicate-key",
    "dynamic-key",
    "encoding",
    "example",
    "expression-limit",
    "expression-syntax",
    "file-outside",
    "filter-argument",
    "forgotten-edge",
    "if-without-else",
    "illegal-modifier",
    "key-type",
    "limit",
    "loop-disagrees",
    "loop-target",
    "merge-key",
    "method-call",
    "misplaced-key",
    "misplaced-secret",
    "missing-input",
    "missing-key",
    "not-here",
    "not-ours",
    "not-text",
    "number",
    "out-of-scope",
    "power-operator",
    "recursive-graph",
    "reserved-kind",
    "reserved-name",
    "set-scope",
    "several-documents",
    "shadowed-name",
    "splat-argument",
    "syntax",
    "tag",
    "template-statement",
    "unconnected-node",
    "unknown-channel",
    "unknown-error-kind",
    "unknown-field",
    "unknown-filter",
    "unknown-function",
    "unknown-graph",
    "unknown-group",
    "unknown-input",
    "unknown-key",
    "unknown-loop",
    "unknown-model",
    "unknown-node",
    "unknown-prompt",
    "unknown-schema",
    "unknown-test",
    "unknown-uses",
    "unknown-variable",
    "unreachable-node",
    "unreadable-file",
    "unused-variable",
    "wrong-input",
    "wrong-type",
);

/// The page of a code, in Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|&(_, text)| text)
}
