//! The title and the first paragraph of a README.

use std::sync::LazyLock;

use regex::Regex;

/// A README's beginning; lines from 1.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readme {
    pub(super) title: String,
    pub(super) title_line: u64,
    pub(super) summary: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The longest summary, in characters.
const MAX_SUMMARY: usize = 1000;

/// Is it the README of its folder?
pub(super) fn is_readme(name: &str) -> bool {
    let name = name.to_lowercase();
    matches!(
        name.as_str(),
        "readme" | "readme.md" | "readme.markdown" | "readme.rst" | "readme.txt" | "readme.adoc"
    )
}

/// The first heading, and the first paragraph of prose behind it, as plain text: no badge, no picture, no tag, no list,
/// no code.
pub(super) fn readme(text: &str) -> Readme {
    let text = text.trim_start_matches('\u{feff}');
    let mut found = Readme::default();
    let mut in_code = false;
    let mut in_comment = false;
    let mut paragraph: Vec<String> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (number, line) = (at as u64 + 1, line.trim());
        if line.starts_with("```") || line.starts_with("~~~") {
            in_code = !in_code;
        }
        let commented = in_comment || line.starts_with("<!--");
        in_comment = commented && !line.ends_with("-->");
        let heading = heading_of(line);
        let shown = if commented { String::new() } else { plain(heading.unwrap_or(line)) };
        let says = !in_code && shown.contains(char::is_alphanumeric);
        if found.title.is_empty() && says && (heading.is_some() || !is_decoration(line)) {
            found.title = shown;
            found.title_line = number;
        } else if says && heading.is_none() && !is_decoration(line) {
            if paragraph.is_empty() {
                found.start = number;
            }
            found.end = number;
            paragraph.push(shown);
        } else if !paragraph.is_empty() {
            break;
        }
    }
    found.summary = paragraph.join(" ").chars().take(MAX_SUMMARY).collect();
    found
}

/// What stands in a heading.
fn heading_of(line: &str) -> Option<&str> {
    let marked = line.strip_prefix(['#', '=']).map(|rest| rest.trim_start_matches(['#', '=']).trim());
    marked.or_else(|| line.starts_with("<h1").then_some(line))
}

/// What a reader sees of a line of Markdown or reStructuredText.
fn plain(line: &str) -> String {
    static MARKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let marks = [
            (r"!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])?", ""),
            (r"\[\s*\](?:\([^)]*\)|\[[^\]]*\])?", ""),
            (r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])", "$1"),
            (r"`([^`<]+?)\s*<[^>`]*>`__?", "$1"),
            (r"<(https?://[^>]*)>", "$1"),
            (
                r"</?(?:a|b|i|em|strong|code|br|p|img|span|sub|sup|kbd|div|center|picture|source|h[1-6])(?:\s[^>]*)?/?>",
                "",
            ),
            (r"&(?:nbsp|emsp|ensp);", " "),
            (r"\*\*|`+", ""),
        ];
        marks.into_iter().filter_map(|(mark, shown)| Some((Regex::new(mark).ok()?, shown))).collect()
    });
    let seen =
        MARKS.iter().fold(line.to_owned(), |text, (mark, shown)| mark.replace_all(&text, *shown).into());
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_decoration(line: &str) -> bool {
    line.is_empty()
        || line.starts_with(['<', '|', '>', '+'])
        || line.starts_with("- ")
        || line.starts_with("* ")
        || (line.starts_with('[') && line.contains("]: "))
        || line.starts_with("[![")
        || line.starts_with("![")
        || line.starts_with("```")
        || line.starts_with("~~~")
        || line.starts_with(".. ")
        || line.chars().all(|c| "-=_*~^".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_title_and_first_prose() {
        let text = "<img>\n\n# Name #1\n\n[![badge](x)](y)\n\n```\ncode\n```\nIt does\nthis.\n\nMore.\n";
        let found = readme(text);
        assert_eq!((found.title.as_str(), found.title_line), ("Name #1", 3));
        assert_eq!((found.summary.as_str(), found.start, found.end), ("It does this.", 10, 11));
        let plain = readme("Name\n====\n\nText\n");
        assert_eq!((plain.title.as_str(), plain.summary.as_str()), ("Name", "Text"));
        assert_eq!(readme(""), Readme::default());
    }
    #[test]
    fn shows_what_a_reader_sees() {
        for (line, shown) in [
            ("Serde &emsp; [![Build]][ci] [![Crate](x)](y)", "Serde"),
            ("a [link](http://x), a [name][ref] and `code`", "a link, a name and code"),
            ("**bold** <br/>of `text <http://x>`_ in Vec<u8>", "bold of text in Vec<u8>"),
            ("see <https://x.org>", "see https://x.org"),
        ] {
            assert_eq!(plain(line), shown);
        }
        let found = readme(
            "<!-- a\nnote -->\n<p align=\"c\"><img></p>\n<h1 align=\"c\">Name</h1>\n<p>Says.</p>\n\nMore.\n",
        );
        assert_eq!((found.title.as_str(), found.title_line), ("Name", 4));
        assert_eq!((found.summary.as_str(), found.start), ("More.", 7));
    }
}
