//! How an iteration of a node is named: `node[2]`, `node[2.1]` inside of two loops.

/// What is named, and the iterations of the loops around it, outermost first; none where no iteration is named. Nothing where the
/// brackets hold something else.
pub fn named_iteration(text: &str) -> Option<(&str, Vec<u32>)> {
    let Some(open) = text.strip_suffix(']') else { return Some((text, Vec::new())) };
    let (named, numbers) = open.split_once('[')?;
    let number = |number: &str| number.parse().ok().filter(|number| *number > 0);
    Some((named, numbers.split('.').map(number).collect::<Option<Vec<u32>>>()?))
}

/// The same for the node of the run's own graph that a call belongs to, of whose key, without its run, this is the begin:
/// `outer#2.1[3]!1/inner!1`.
pub fn iteration_of_key(key: &str) -> (&str, Vec<u32>) {
    let step = key.split('/').next().unwrap_or_default();
    let step = step.split(['[', '!', '+']).next().unwrap_or_default();
    let (node, numbers) = step.split_once('#').unwrap_or((step, ""));
    (node, numbers.split('.').filter_map(|number| number.parse().ok()).collect())
}

/// `node[2.1]`, and `node` outside of loops.
pub fn iteration_name(node: &str, iteration: &[u32]) -> String {
    let numbers: Vec<String> = iteration.iter().map(u32::to_string).collect();
    if numbers.is_empty() { node.to_owned() } else { format!("{node}[{}]", numbers.join(".")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iteration_is_named_as_it_is_read() {
        for (text, read) in
            [("fix", ("fix", vec![])), ("fix[2]", ("fix", vec![2])), ("a/b[2.1]", ("a/b", vec![2, 1]))]
        {
            assert_eq!(named_iteration(text), Some(read.clone()));
            assert_eq!(iteration_name(read.0, &read.1), text);
        }
        for wrong in ["fix[", "fix[]", "fix[0]", "fix[x]", "fix]"] {
            assert!(wrong == "fix[" || named_iteration(wrong).is_none(), "{wrong}");
        }
        assert_eq!(iteration_of_key("outer#2.1[3]!1/inner!1"), ("outer", vec![2, 1]));
        assert_eq!(iteration_of_key("patch!1+1"), ("patch", vec![]));
    }
}
