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
    "bad-pattern",
    "bare-root",
    "braces-in-expression",
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
    "unknown-test",
);

/// The page of a code, in Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|&(_, text)| text)
}
