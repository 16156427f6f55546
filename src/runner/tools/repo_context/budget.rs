//! Keeping a document within a number of bytes: the longest list gives, from its end, until it fits. The same document
//! is always cut in the same way.

use serde_json::{Map, Value};

/// Cuts lists until the document has at most `budget` bytes as compact JSON; the notes say how much of which. Was
/// anything cut?
pub(super) fn fit(document: &mut Map<String, Value>, budget: usize) -> bool {
    let mut cut: Vec<Cut> = Vec::new();
    while size(document) > budget {
        let lists = document.iter().filter_map(|(name, value)| Some((name, value.as_array()?)));
        let longest = lists
            .filter(|(name, list)| !list.is_empty() && *name != "notes")
            .map(|(name, list)| (list.iter().map(size_of).sum::<usize>(), name.clone()))
            .max_by(|one, other| one.0.cmp(&other.0).then_with(|| other.1.cmp(&one.1)));
        let Some((_, name)) = longest else { break };
        let Some(Value::Array(list)) = document.get_mut(&name) else { break };
        let before = list.len();
        list.truncate(before / 2);
        let gone = before - list.len();
        match cut.iter_mut().find(|one| one.name == name) {
            Some(one) => one.gone += gone,
            None => {
                let note = note_of(document, &name, before, before);
                cut.extend(note.map(|note| Cut { name, note, of: before, gone }));
            }
        }
    }
    for Cut { name, note, of, gone } in &cut {
        if let Some(Value::Array(notes)) = document.get_mut("notes") {
            notes[*note] = text_of(name, *gone, *of).into();
        }
    }
    !cut.is_empty()
}

/// A list that gave, with the place of its note.
struct Cut {
    name: String,
    note: usize,
    of: usize,
    gone: usize,
}

/// Adds a note, as long as it can become.
fn note_of(document: &mut Map<String, Value>, name: &str, gone: usize, of: usize) -> Option<usize> {
    let notes = document.get_mut("notes")?.as_array_mut()?;
    notes.push(text_of(name, gone, of).into());
    Some(notes.len() - 1)
}

fn text_of(name: &str, gone: usize, of: usize) -> String {
    format!("the last {gone} of {of} {}, to stay within the budget", name.replace('_', " "))
}

fn size(document: &Map<String, Value>) -> usize {
    document.iter().map(|(name, value)| name.len() + 4 + size_of(value)).sum()
}

fn size_of(value: &Value) -> usize {
    value.to_string().len() + 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_longest_list_gives_from_its_end() {
        let mut document = json!({
            "totals": { "files": 1 },
            "long": (0..100).collect::<Vec<_>>(),
            "short": [1, 2, 3],
            "notes": [],
        });
        let map = document.as_object_mut().unwrap();
        assert!(fit(map, 150));
        assert!(document.to_string().len() <= 150);
        assert_eq!(document["short"], json!([1, 2, 3]));
        assert_eq!(document["long"][0], 0);
        assert_eq!(document["notes"], json!(["the last 88 of 100 long, to stay within the budget"]));
        assert!(!fit(document.as_object_mut().unwrap(), 150));
    }
}
