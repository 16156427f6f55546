//! The patch reader: a text → the paths that it names, each of which lies beneath the workspace.

use lgflow::files::RelPath;
use lgflow::patch::paths_of_patch;

/// Text → paths, or why it is no patch.
pub fn patch(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for path in paths_of_patch(&text).into_iter().flatten() {
        let read = RelPath::parse(&path).expect("it lies beneath the workspace");
        assert_eq!(read.to_string(), path);
    }
}
