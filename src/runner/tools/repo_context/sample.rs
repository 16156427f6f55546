//! Which files are there to be tested with or to learn from, and say nothing of what the repository is: by the folders
//! that they lie in.

/// Folders whose files are of this kind, all the way down, in lowercase.
const FOLDERS: [&str; 22] = [
    "__fixtures__",
    "__mocks__",
    "__tests__",
    "demo",
    "demos",
    "e2e",
    "example",
    "examples",
    "fixture",
    "fixtures",
    "mocks",
    "sample",
    "samples",
    "spec",
    "specs",
    "test",
    "test-data",
    "test_data",
    "testcases",
    "testdata",
    "tests",
    "testsuite",
];

/// Is the file, named from the root, in such a folder?
pub(super) fn is_sample(path: &str) -> bool {
    let folders = path.rsplit('/').skip(1);
    folders.map(str::to_lowercase).any(|folder| FOLDERS.contains(&folder.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_and_a_file_does_not() {
        for path in ["tests/a/Cargo.toml", "crates/x/Fixtures/go.mod", "examples/package.json"] {
            assert!(is_sample(path), "{path}");
        }
        for path in ["tests", "Cargo.toml", "src/tests.rs", "src/testing/go.mod", "contest/package.json"] {
            assert!(!is_sample(path), "{path}");
        }
    }
}
