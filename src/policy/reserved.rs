//! Variables that no call sets, whatever a rule lists: the gate refuses them, and the sandbox once more.

use crate::model::policy::is_reserved_variable;

/// Does the name decide what is executed, or do we set it ourselves? No call sets it then.
pub fn is_kept_from_calls(name: &str) -> bool {
    const OURS: [&str; 3] = ["TMPDIR", "TMP", "TEMP"];
    const RUN_CODE: [&str; 7] = ["SHELLOPTS", "PS4", "CDPATH", "EDITOR", "VISUAL", "PAGER", "BROWSER"];
    let upper = name.to_ascii_uppercase();
    name.is_empty()
        || name.contains(['=', '\0'])
        || is_reserved_variable(name)
        || OURS.contains(&upper.as_str())
        || RUN_CODE.contains(&upper.as_str())
        || upper.starts_with("SSH_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_or_runs_code_is_no_calls() {
        for name in
            ["PATH", "path", "LD_PRELOAD", "GIT_DIR", "TMPDIR", "PAGER", "SSH_AUTH_SOCK", "", "A=B", "A\0"]
        {
            assert!(is_kept_from_calls(name), "{name}");
        }
        assert!(["RUST_LOG", "FOO", "LC_ALL", "SSHD"].into_iter().all(|name| !is_kept_from_calls(name)));
    }
}
