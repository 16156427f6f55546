//! The nearest known name to a misspelt one.

/// The known name that `written` is most likely a misspelling of: the smallest Damerau-Levenshtein distance, at
/// most a third of the longer name's length (and at least 1), ties to the first.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter_map(|name| {
            let distance = strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase());
            let longest = written.chars().count().max(name.chars().count());
            let prefix = written.len() >= 3 && (name.starts_with(written) || written.starts_with(name));
            (distance <= (longest / 3).max(1) || prefix).then_some((distance, name))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// The help for a wrong name: the nearest one, else the list of all (where it is short).
pub fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const SHORT: usize = 24;
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(written, known.iter().copied()) {
        return Some(format!("write `{name}`"));
    }
    if known.is_empty() || known.len() > SHORT {
        return None;
    }
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("use one of {}", list.join(", ")))
}

/// Would one slip of a finger make one of these names out of the other?
pub fn is_one_slip(a: &str, b: &str) -> bool {
    strsim::damerau_levenshtein(a, b) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_transposition_and_refuses_a_stranger() {
        assert_eq!(nearest("tets", ["report", "test"]), Some("test"));
        assert_eq!(nearest("zebra", ["report", "test"]), None);
        assert_eq!(suggestion("zebra", ["a_b"]).as_deref(), Some("use one of `a_b`"));
        assert_eq!(nearest("b", ["a"]), Some("a"));
    }
}
