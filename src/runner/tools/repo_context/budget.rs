//! Keeping a document within a number of bytes: the longest list gives, from its end, until it fits. The same document
//! is always cut in the same way.

use serde_json::{Map, Value};

/// Cuts lists until the document has at most `budget` bytes as compact JSON. Was anything cut?
pub(super) fn fit(document: &mut Map<String, Value>, budget: usize) -> bool {
    let mut cut: Vec<String> = Vec::new();
    while size(document) > budget {
        let lists = document.iter().filter_map(|(name, value)| Some((name, value.as_array()?)));
        let longest = lists
            .filter(|(name, list)| !list.is_empty() && *name != "notes")
            .map(|(name, list)| (list.iter().map(size_of).sum::<usize>(), name.clone()))
            .max_by(|one, other| one.0.cmp(&other.0).then_with(|| other.1.cmp(&one.1)));
        let Some((_, name)) = longest else { break };
        if let Some(Value::Array(list)) = document.get_mut(&name) {
            list.truncate(list.len() / 2);
        }
        if !cut.contains(&name) {
            if let Some(Value::Array(notes)) = document.get_mut("notes") {
                notes.push(format!("`{name}` was cut to the budget").into());
            }
            cut.push(name);
        }
    }
    !cut.is_empty()
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
        assert_eq!(document["notes"], json!(["`long` was cut to the budget"]));
        assert!(!fit(document.as_object_mut().unwrap(), 150));
    }
}
