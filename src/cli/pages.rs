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
    "bad-name",
    "bad-pattern",
    "bad-value",
    "bare-root",
    "braces-in-expression",
    "conflicting-keys",
    "date",
    "duplicate-key",
    "dynamic-key",
    "encoding",
    "example",
    "expression-limit",
    "expression-syntax",
    "filter-argument",
    "if-without-else",
    "key-type",
    "limit",
    "merge-key",
    "method-call",
    "misplaced-key",
    "missing-key",
    "not-here",
    "not-text",
    "number",
    "power-operator",
    "reserved-name",
    "set-scope",
    "several-documents",
    "splat-argument",
    "syntax",
    "tag",
    "template-statement",
    "unknown-filter",
    "unknown-function",
    "unknown-key",
    "unknown-schema",
    "unknown-test",
    "unknown-uses",
    "wrong-type",
);

/// The page of a code, in Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|&(_, text)| text)
}
