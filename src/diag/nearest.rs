//! The nearest known name to a misspelt one.

/// Comparisons that may be spent on guessing in one place: enough for every misspelt name of a graph that a person
/// wrote, and few enough that a file of nothing but unknown names is judged at once.
const COMPARISONS: usize = 10_000_000;

/// Is there still time to guess what was meant, when this many wrong names were met before, and so many are known?
pub fn worth_guessing(met: usize, known: usize) -> bool {
    met.saturating_mul(known) <= COMPARISONS
}

/// The known name that `written` is most likely a misspelling of: the smallest Damerau-Levenshtein distance, at
/// most a third of the longer name's length (and at least 1), ties to the first.
///
/// One letter for another is near where there is nothing else to be meant, and a guess where there is.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let outline = Outline::of(written);
    let mut all = 0;
    let found = known
        .into_iter()
        .filter_map(|name| {
            all += 1;
            let prefix = written.len() >= 3 && (name.starts_with(written) || written.starts_with(name));
            let own = Outline::of(name);
            let most = (outline.length.max(own.length) / 3).max(1);
            if !prefix && outline.least_distance(own) > most {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&lower, &name.to_lowercase());
            (distance <= most || prefix).then_some((distance, name))
        })
        .min_by_key(|&(distance, _)| distance);
    let (distance, name) = found?;
    let is_guess = distance == 1 && outline.length == 1 && Outline::of(name).length == 1 && all > 1;
    (!is_guess).then_some(name)
}

/// How long a name is and which letters it has: tells most strangers apart without comparing them.
#[derive(Clone, Copy)]
struct Outline {
    length: usize,
    /// A bit for each letter, whatever its case; `None` where not all are ASCII, whose case may change the length.
    letters: Option<u64>,
}

impl Outline {
    fn of(name: &str) -> Self {
        if !name.is_ascii() {
            return Self { length: name.chars().count(), letters: None };
        }
        let bit = |byte: u8| 1u64 << (byte.to_ascii_lowercase() & 63);
        Self { length: name.len(), letters: Some(name.bytes().fold(0, |letters, byte| letters | bit(byte))) }
    }

    /// No fewer edits than these lead from one to the other: an edit changes the length by one at most, and takes
    /// away one letter and brings one in at most.
    fn least_distance(self, other: Self) -> usize {
        let (Some(ours), Some(theirs)) = (self.letters, other.letters) else { return 0 };
        let letters = (ours ^ theirs).count_ones() as usize;
        self.length.abs_diff(other.length).max(letters.div_ceil(2))
    }
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
        assert_eq!(nearest("b", ["a", "c"]), None, "either may be meant");
        assert_eq!(nearest("B", ["a", "b"]), Some("b"));
    }

    #[test]
    fn the_outline_hides_no_name_that_is_near() {
        let names = [
            "", "a", "ab", "Ab", "fetch", "fecth", "fetched", "FETCH", "n1", "n10", "größe", "GRÖSSE", "x_y",
        ];
        for written in names {
            for name in names {
                let distance = strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase());
                let least = Outline::of(written).least_distance(Outline::of(name));
                assert!(least <= distance, "{written} {name}");
            }
        }
    }

    #[test]
    fn guesses_are_made_for_many_names_but_not_without_end() {
        assert!(worth_guessing(1_000, 10_000));
        assert!(!worth_guessing(20_000, 20_000));
    }
}
