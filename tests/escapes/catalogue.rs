//! The rules and the examples of `docs/threats.md`: what must have a case, or a sentence that says why it has none.

use std::fs;
use std::path::Path;

/// What opens the sentence that stands in for a case.
const NONE: &str = "*No case: ";

/// A rule or an example.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `7`, or `paths/parent`.
    pub(crate) id: String,
    /// In a few words.
    pub(crate) title: String,
    /// Why it has no case.
    pub(crate) none: Option<String>,
}

/// Everything that the page names.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) rules: Vec<Entry>,
    pub(crate) examples: Vec<Entry>,
}

impl Catalogue {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/threats.md");
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (mut rules, mut examples, mut class) = (Vec::new(), Vec::new(), String::new());
        for line in page.lines() {
            if let Some(name) = line.strip_prefix("### ") {
                name.clone_into(&mut class);
            } else if let Some((number, text)) = line.split_once(". **") {
                let (title, more) = text.split_once(".**").expect("a rule has a title in bold");
                rules.push(Entry { id: number.to_owned(), title: title.to_owned(), none: none(more) });
            } else if let Some((name, text)) =
                line.strip_prefix("- `").and_then(|line| line.split_once("`: "))
            {
                let title = text.split(NONE).next().unwrap_or_default().trim().trim_end_matches('.');
                let id = format!("{class}/{name}");
                examples.push(Entry { id, title: title.to_owned(), none: none(text) });
            }
        }
        let numbers: Vec<String> = (1..=rules.len()).map(|number| number.to_string()).collect();
        assert_eq!(rules.iter().map(|rule| &rule.id).collect::<Vec<_>>(), numbers.iter().collect::<Vec<_>>());
        assert_eq!(rules.len(), 30, "a rule is changed or added, and none is dropped");
        Self { rules, examples }
    }
}

fn none(text: &str) -> Option<String> {
    text.split_once(NONE).map(|(_, why)| why.trim().trim_end_matches('*').to_owned())
}
