//! Every word of a graph that names something declared elsewhere, where it is used: in the structure, and in
//! expressions and templates.

use lgflow::document::{Entry, Tree};

use crate::Use;

/// Paths whose text is one name or one word of the language; `*` is any key, `#` any item.
const WORDS: &[&str] = &[
    "schema",
    "inputs/*/type",
    "state/*/type",
    "state/*/reduce",
    "defaults/*/group",
    "defaults/*/join",
    "defaults/*/on_crash",
    "defaults/*/retry/kinds/#",
    "nodes/*/uses",
    "nodes/*/join",
    "nodes/*/group",
    "nodes/*/on_crash",
    "nodes/*/for_each/on_error",
    "nodes/*/retry/kinds/#",
    "nodes/*/with/model",
    "nodes/*/with/system",
    "nodes/*/with/prompt",
    "nodes/*/with/messages/#/role",
    "nodes/*/with/messages/#/prompt",
    "nodes/*/with/tools/#",
    "nodes/*/with/graph",
    "nodes/*/with/to",
    "nodes/*/with/method",
    "nodes/*/with/encoding",
    "nodes/*/with/format",
    "nodes/*/with/what/#",
    "nodes/*/with/changes/#/op",
    "nodes/*/with/calls/#/tool",
    "nodes/*/with/ok_exit",
    "nodes/*/with/ok_status",
    "nodes/*/with/output_schema/type",
    "edges/#/from",
    "edges/#/from/#",
    "edges/#/to",
    "edges/#/to/#",
    "edges/#/catch/#",
    "edges/#/loop/exhausted",
];
/// Paths whose keys name something declared elsewhere.
const KEYS: &[&str] = &["nodes/*/update", "nodes/*/with/vars", "nodes/*/with/inputs", "defaults"];
/// Paths whose text is a bare expression.
const EXPRESSIONS: &[&str] = &["edges/#/when", "nodes/*/skip_when", "nodes/*/for_each/in"];
/// Paths below which a text is a template.
const TEMPLATES: &[&str] = &["nodes/*/with", "nodes/*/update", "outputs", "prompts/*/text"];
/// Words of expressions that are no names.
const OPERATORS: &[&str] = &["and", "or", "not", "in", "is", "if", "else", "true", "false", "none"];

/// The uses in a graph and in the graphs written within it.
pub fn uses(text: &str, graph: &Tree) -> Vec<Use> {
    let mut found = Vec::new();
    Walk { text, found: &mut found }.tree(graph, &mut Vec::new());
    for Entry { value, .. } in graph.get("graphs").map(Tree::entries).unwrap_or_default() {
        found.extend(uses(text, value));
    }
    found
}

struct Walk<'a> {
    text: &'a str,
    found: &'a mut Vec<Use>,
}

impl Walk<'_> {
    fn tree(&mut self, tree: &Tree, path: &mut Vec<String>) {
        // what a `values` node is given is data, and so is what stands under these
        let data = is_any(&["x-*", "graphs", "inputs/*/default", "state/*/default"], path);
        if data || path.iter().any(|step| step.starts_with("x-")) {
            return;
        }
        if let Some(word) = tree.as_str() {
            self.scalar(word, (tree.span.start as usize, tree.span.end as usize), path);
        }
        for Entry { key, value } in tree.entries() {
            if is_any(KEYS, path) {
                self.word(&key.value, (key.span.start as usize, key.span.end as usize));
            }
            // the parameters of a `values` node are named by the author
            let own = path.len() == 2 && path[0] == "nodes" && key.value == "with";
            let own = own && tree.get("uses").and_then(Tree::as_str) == Some("values");
            path.push(key.value.clone());
            if own {
                path.push("*".to_owned());
            }
            self.tree(value, path);
            path.truncate(path.len() - 1 - usize::from(own));
        }
        for item in tree.items() {
            path.push("#".to_owned());
            self.tree(item, path);
            path.pop();
        }
    }

    fn scalar(&mut self, word: &str, (start, end): (usize, usize), path: &[String]) {
        let raw = &self.text[start..end];
        if is_any(WORDS, path) && !word.contains("{{") {
            self.word(word, (start, end));
        } else if path.len() == 1 && path[0] == "edges" || path == ["edges", "#"] {
            for (at, name) in idents(raw) {
                self.found.push(Use { word: name.to_owned(), at: start + at, place: start + at });
            }
        } else if is_any(EXPRESSIONS, path) {
            let quotes = usize::from(raw.starts_with(['"', '\'']));
            self.expression(start + quotes, end - quotes);
        } else if (1..=path.len()).any(|length| is_any(TEMPLATES, &path[..length])) {
            self.templates(start, end);
        }
    }

    /// A whole text, quoted or not.
    fn word(&mut self, word: &str, (start, end): (usize, usize)) {
        let raw = &self.text[start..end];
        let at = raw.find(word).unwrap_or_else(|| panic!("`{word}` is not written in `{raw}`"));
        self.found.push(Use { word: word.to_owned(), at: start + at, place: start });
    }

    fn templates(&mut self, start: usize, end: usize) {
        let mut at = start;
        while let Some(open) = self.text[at..end].find("{{") {
            let open = at + open + 2;
            let close = open + self.text[open..end].find("}}").expect("a template that is closed");
            self.expression(open, close);
            at = close;
        }
    }

    fn expression(&mut self, start: usize, end: usize) {
        let raw = &self.text[start..end];
        let unquoted = without_strings(raw);
        for (at, name) in idents(&unquoted) {
            if !OPERATORS.contains(&name) {
                self.found.push(Use { word: name.to_owned(), at: start + at, place: start + at });
            }
        }
    }
}

/// The identifiers of a text, with where they start.
fn idents(text: &str) -> Vec<(usize, &str)> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_part) {
        let start = at + start;
        let rest = &text[start..];
        let word = &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())];
        if !word.starts_with(|letter: char| letter.is_ascii_digit()) {
            found.push((start, word));
        }
        at = start + word.len();
    }
    found
}

/// The text with blanks where strings stand, of the same length.
fn without_strings(text: &str) -> String {
    let mut quote = None;
    let mut blanked = String::new();
    for letter in text.chars() {
        let inside = quote.is_some() || matches!(letter, '"' | '\'');
        if quote == Some(letter) {
            quote = None;
        } else if quote.is_none() && matches!(letter, '"' | '\'') {
            quote = Some(letter);
        }
        blanked.push_str(&if inside { " ".repeat(letter.len_utf8()) } else { letter.to_string() });
    }
    blanked
}

fn is_any(patterns: &[&str], path: &[String]) -> bool {
    patterns.iter().any(|pattern| {
        let mut steps = pattern.split('/');
        let same = path.iter().all(|step| steps.next().is_some_and(|wanted| wanted == "*" || wanted == step));
        same && steps.next().is_none()
    })
}
