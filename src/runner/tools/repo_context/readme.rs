//! The title and the first paragraph of a README.

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

/// The first heading, and the first paragraph of prose behind it: no badge, no picture, no HTML, no list, no code.
pub(super) fn readme(text: &str) -> Readme {
    let text = text.trim_start_matches('\u{feff}');
    let mut found = Readme::default();
    let mut in_code = false;
    let mut paragraph: Vec<&str> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (number, line) = (at as u64 + 1, line.trim());
        if line.starts_with("```") || line.starts_with("~~~") {
            in_code = !in_code;
        }
        let heading = line.strip_prefix(['#', '=']).map(|rest| rest.trim_start_matches(['#', '=']).trim());
        if found.title.is_empty() && !in_code && !is_decoration(line) {
            heading.unwrap_or(line).clone_into(&mut found.title);
            found.title_line = number;
            continue;
        }
        let prose = !in_code && !is_decoration(line) && heading.is_none() && !line.starts_with("```");
        if prose {
            if paragraph.is_empty() {
                found.start = number;
            }
            found.end = number;
            paragraph.push(line);
        } else if !paragraph.is_empty() {
            break;
        }
    }
    found.summary = paragraph.join(" ").chars().take(MAX_SUMMARY).collect();
    found
}

fn is_decoration(line: &str) -> bool {
    line.is_empty()
        || line.starts_with(['<', '|', '>', '*', '+'])
        || line.starts_with("- ")
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
}
