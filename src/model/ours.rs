//! Is a text one of ours? Asked of its bytes, before and whether or not it can be parsed.

/// How each of our ids begins, and what its version begins with.
const ID: (&[u8], &[u8]) = (b"lgflow.", b"/v");

/// Does a line of `bytes` hold an id like `lgflow.graph/v1`? A graph or a policy has one in its `schema` line. It is asked
/// of the whole text and not of that line's value: a slip in the line, or a syntax error above it, does not make a file
/// somebody else's. What says no such thing may have been named by mistake, or to be read out, so nothing of it is shown.
pub fn says_ours(bytes: &[u8]) -> bool {
    let find = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).position(|window| window == word);
    let in_line =
        |line: &[u8]| find(line, ID.0).is_some_and(|at| find(&line[at + ID.0.len()..], ID.1).is_some());
    bytes.split(|&byte| byte == b'\n').any(in_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_line_leaves_a_file_ours_and_another_file_is_none() {
        for ours in [
            "schema: lgflow.graph/v1\n",
            "a: [\nschema: lgflow.policy/v1",
            "shema = \"lgflow.grpah/v1\"\r\n",
            "{\"schema\":\"lgflow.policy_test/v1\"}",
        ] {
            assert!(says_ours(ours.as_bytes()), "{ours}");
        }
        for other in [
            "",
            "machine x password y\n",
            "URL=https://lgflow.example/x\nNEXT=/v1\n",
            "schema: other.graph/v1\n",
            "lgflow\n.graph/v1",
        ] {
            assert!(!says_ours(other.as_bytes()), "{other}");
        }
    }
}
