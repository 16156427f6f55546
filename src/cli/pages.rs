//! The pages of `docs/codes/`, in the program. A test holds this table, the table of codes and the folder together.

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        const PAGES: &[(&str, &str)] = &[
            $(($code, include_str!(concat!("../../docs/codes/", $code, ".md"))),)*
        ];
    };
}

pages!(
    "syntax",
    "duplicate-key",
    "limit",
    "encoding",
    "number",
    "date",
    "key-type",
    "merge-key",
    "tag",
    "alias",
    "several-documents",
);

/// The page of a code, in Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|&(_, text)| text)
}
