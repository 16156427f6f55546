//! Paths as text: do they lead out of the workspace before anything is resolved? The resolver has the last word.

/// Does this text, taken as a path from the root, lead out of it: absolute, a home folder, a URL of a file, `..`?
pub(super) fn leads_outside(text: &str) -> bool {
    text.starts_with(['/', '\\', '~'])
        || text.to_ascii_lowercase().starts_with("file:")
        || text.split(['/', '\\']).any(|part| part == "..")
        || (text.len() > 1 && text.as_bytes()[1] == b':' && text.as_bytes()[0].is_ascii_alphabetic())
}

/// A path of a call without `.` and doubled slashes, relative to the root; the root itself is `.`. `None` where it
/// leads outside, or holds a NUL.
pub(super) fn plain_path(text: &str) -> Option<String> {
    if leads_outside(text) || text.contains('\0') {
        return None;
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_text() {
        for text in [
            "/etc/passwd",
            "~/x",
            "~root",
            "../x",
            "a/../../x",
            "a/..",
            "file:///x",
            "FILE:x",
            "C:\\x",
            "\\x",
        ] {
            assert!(leads_outside(text), "{text}");
            assert_eq!(plain_path(text), None, "{text}");
        }
        assert_eq!(plain_path("./a//b/./c").as_deref(), Some("a/b/c"));
        assert_eq!(plain_path("").as_deref(), Some("."));
        assert_eq!(plain_path("./...").as_deref(), Some("..."));
        assert!(!leads_outside("a..b/c"));
        assert_eq!(plain_path("a\0b"), None);
    }
}
