//! Where two values are not the same. Knows no event.

use std::collections::BTreeSet;

use serde_json::Value;

/// The most places that are told of two values that differ.
pub(super) const MOST: usize = 10;

/// Where two values are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `output.files[0].path`; empty: the values as a whole.
    pub at: String,
    /// What is there in the first run, if anything is.
    pub a: Option<Value>,
    /// What is there in the second.
    pub b: Option<Value>,
}

/// The first places where `a` and `b` differ. Members of lists are told by their `id` or `name` where they have one.
pub(super) fn places(a: Option<&Value>, b: Option<&Value>) -> Vec<Place> {
    let mut found = Vec::new();
    gather("", a, b, &mut found);
    found
}

fn gather(at: &str, a: Option<&Value>, b: Option<&Value>, found: &mut Vec<Place>) {
    if a == b || found.len() >= MOST {
        return;
    }
    match (a, b) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let inner = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                gather(&inner, one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (index, (a, b)) in one.iter().zip(other).enumerate() {
                let id = a.get("id").or_else(|| a.get("name")).and_then(Value::as_str);
                let name = id.map_or_else(|| index.to_string(), str::to_owned);
                gather(&format!("{at}[{name}]"), Some(a), Some(b), found);
            }
        }
        _ => found.push(Place { at: at.to_owned(), a: a.cloned(), b: b.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_innermost_places_are_told_and_no_more_than_a_few() {
        let a = json!({ "x": [{ "id": "n", "v": 1 }], "only": 1, "same": [1] });
        let b = json!({ "x": [{ "id": "n", "v": 2 }], "same": [1] });
        let found = places(Some(&a), Some(&b));
        let at: Vec<&str> = found.iter().map(|place| place.at.as_str()).collect();
        assert_eq!(at, ["only", "x[n].v"]);
        assert_eq!((&found[0].a, &found[0].b), (&Some(json!(1)), &None));
        let many = |from: u32| json!((from..from + 100).collect::<Vec<u32>>());
        assert_eq!(places(Some(&many(0)), Some(&many(1))).len(), MOST);
    }
}
