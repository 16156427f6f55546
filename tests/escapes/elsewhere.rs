//! Tests that stand elsewhere because a file of this suite can't express them: they count here, as long as they exist
//! and run with every `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};

/// Where `reference`, `FILE::FUNCTION`, leads to nothing that runs, the error says why.
pub(crate) fn check(reference: &str) -> Result<(), String> {
    let (file, function) = reference.split_once("::").ok_or("it is not `FILE::FUNCTION`")?;
    let text = read(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let opening = format!("fn {function}(");
    let at = lines.iter().position(|line| line.trim_start().starts_with(&opening));
    let at = at.ok_or_else(|| format!("{file} has no function `{function}`"))?;
    let above = lines[..at].iter().rev().take_while(|line| is_above(line));
    let above: Vec<&str> = above.map(|line| line.trim()).collect();
    if !above.contains(&"#[test]") {
        return Err("it is no test".to_owned());
    }
    if let Some(unless) = above.iter().find(|line| line.starts_with("#[ignore") || line.starts_with("#[cfg"))
    {
        return Err(format!("it does not always run: {unless}"));
    }
    is_compiled(Path::new(file))
}

fn is_above(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("#[") || line.starts_with("//")
}

fn read(file: impl AsRef<Path>) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Does cargo reach the file? A file of `tests/` is a program of its own; every other one is named by the file above.
fn is_compiled(file: &Path) -> Result<(), String> {
    let (folder, stem) = (file.parent().unwrap(), file.file_stem().unwrap().to_str().unwrap());
    let is_root = folder == Path::new("tests") || matches!(stem, "main" | "lib");
    if is_root || is_named_by_path(file) {
        return Ok(());
    }
    let (module, above) = if stem == "mod" {
        (folder.file_name().unwrap().to_str().unwrap(), above(folder.parent().unwrap())?)
    } else {
        (stem, above(folder)?)
    };
    let named = format!("mod {module};");
    if !read(&above)?.lines().any(|line| line.trim().trim_start_matches("pub ").ends_with(&named)) {
        return Err(format!("{} has no `{named}`", above.display()));
    }
    is_compiled(&above)
}

/// Does a program of `tests/` take the file by `#[path = "…"]`?
fn is_named_by_path(file: &Path) -> bool {
    let Ok(below) = file.strip_prefix("tests") else { return false };
    let named = format!("#[path = \"{}\"]", below.display());
    let programs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")).unwrap();
    programs
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
        .any(|text| text.lines().any(|line| line.trim() == named))
}

/// The file that names the modules of a folder.
fn above(folder: &Path) -> Result<PathBuf, String> {
    let found = ["main.rs", "lib.rs", "mod.rs"].iter().map(|name| folder.join(name));
    let mut found = found.filter(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists());
    // `src` has both a library and a program; what is tested is in the library
    let first = found.next().ok_or_else(|| format!("{} is no module", folder.display()))?;
    Ok(if folder == Path::new("src") { folder.join("lib.rs") } else { first })
}

#[test]
fn what_is_no_test_that_runs_is_refused() {
    let good = "tests/escapes/elsewhere.rs::what_is_no_test_that_runs_is_refused";
    assert_eq!(check(good), Ok(()));
    assert_eq!(check("src/policy/paths.rs::the_root_itself_is_matched_by_two_stars"), Ok(()));
    assert_eq!(check("tests/walls/taken_away.rs::each_namespace_that_is_taken_away_is_named"), Ok(()));
    for wrong in [
        "tests/escapes/elsewhere.rs",
        "tests/escapes/elsewhere.rs::no_such_function",
        "tests/escapes/elsewhere.rs::check",
        "tests/no_such_file.rs::x",
        "tests/facts/fixtures/rust/crates/core/tests/api.rs::makes_a_tree",
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}
