//! Every key of a graph that is the language's own.

use lgflow::document::{Entry, Syntax, Tree};

use crate::Use;

/// Under these keys each key is a name or data of the author's.
const AUTHORS_OWN: [&str; 20] = [
    "inputs",
    "models",
    "prompts",
    "graphs",
    "state",
    "nodes",
    "outputs",
    "groups",
    "vars",
    "update",
    "env",
    "headers",
    "expect",
    "input",
    "body",
    "properties",
    "patternProperties",
    "$defs",
    "dependentRequired",
    "dependentSchemas",
];
/// Under these keys everything is data, however deep.
const DATA: [&str; 12] = [
    "outputs",
    "vars",
    "update",
    "input",
    "body",
    "default",
    "const",
    "enum",
    "examples",
    "expect",
    "dependentRequired",
    "x-team",
];

/// The keys of a tree that the language gives it.
pub fn uses(text: &str, syntax: Syntax, tree: &Tree) -> Vec<Use> {
    let mut all = Vec::new();
    keys(tree, "", false, &mut all);
    all.retain(|(key, start, end)| {
        // a TOML header or a dotted key is one of several places of its table; a changed one is another table
        let header =
            syntax == Syntax::Toml && text[..*start].lines().last().is_some_and(|line| line.starts_with('['));
        !text[*end..].starts_with('.') && text[*start..*end].contains(key) && !header
    });
    let found = all.into_iter().map(|(word, start, end)| {
        let at = start + text[start..end].find(&word).expect("a key that is written as it is");
        Use { word, at, place: start }
    });
    found.collect()
}

/// The language's own keys of a tree, each with where it stands.
fn keys(tree: &Tree, under: &str, is_values: bool, found: &mut Vec<(String, usize, usize)>) {
    for Entry { key, value } in tree.entries() {
        let name = key.value.as_str();
        let own = AUTHORS_OWN.contains(&under) || (under == "with" && is_values) || name.starts_with("x-");
        if !own {
            found.push((name.to_owned(), key.span.start as usize, key.span.end as usize));
        }
        let data = DATA.contains(&name) && !(AUTHORS_OWN.contains(&under) && under != "with");
        let inputs_of_a_node = name == "inputs" && under == "with";
        let free = data || inputs_of_a_node || (under == "with" && is_values) || name.starts_with("x-");
        if !free {
            let values = value.get("uses").and_then(Tree::as_str) == Some("values");
            // a name of the author's is no key of the language, even where it is spelled like one
            let below = if own { "" } else { name };
            keys(value, below, if under == "nodes" { values } else { is_values }, found);
        }
    }
    for item in tree.items() {
        keys(item, "", is_values, found);
    }
}
