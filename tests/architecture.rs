//! Holds the floors and the walls of `docs/architecture.md`: rooms import only lower floors, each foreign crate
//! stays in its home rooms, and only named rooms may touch the world or switch code by system.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every room with its floor.
const ROOMS: &[(&str, u32)] = &[
    ("layout", 0),
    ("source", 0),
    ("digest", 0),
    ("diag", 1),
    ("document", 2),
    ("files", 2),
    ("types", 2),
    ("schema", 3),
    ("model", 3),
    ("expr", 3),
    ("approval", 4),
    ("config", 4),
    ("effect", 3),
    ("redact", 3),
    ("patch", 4),
    ("plan", 4),
    ("policy", 5),
    ("trace", 5),
    ("comparison", 6),
    ("compile", 6),
    ("interpret", 6),
    ("metrics", 6),
    ("receipt", 6),
    ("trust", 6),
    ("ledger", 6),
    ("sandbox", 7),
    ("store", 7),
    ("view", 7),
    ("logging", 7),
    ("wire", 7),
    ("export", 8),
    ("runner", 8),
    ("client", 8),
    ("witness", 7),
    ("session", 9),
    ("service", 9),
    ("otlp", 9),
    ("packs", 9),
    ("notes", 9),
    ("front", 10),
    ("mcp_server", 10),
    ("testing", 10),
    ("watch", 10),
    ("cli", 11),
];

/// Foreign crates with the rooms that are their home. Crates that are not listed here are refused.
const HOMES: &[(&str, &[&str])] = &[
    ("sha2", &["digest"]),
    ("hmac", &["digest"]),
    ("ed25519_dalek", &["digest"]),
    ("serde_jcs", &["digest"]),
    ("strsim", &["diag"]),
    ("serde_yaml", &["document"]),
    ("toml", &["document"]),
    ("ignore", &["files"]),
    ("jsonschema", &["schema"]),
    ("semver", &["model"]),
    ("minijinja", &["expr"]),
    ("litemap", &["types", "compile"]),
    // of the program alone, in main.rs
    ("mimalloc", &[]),
    ("petgraph", &["plan"]),
    ("globset", &["policy", "runner"]),
    ("landlock", &["sandbox"]),
    ("seccompiler", &["sandbox"]),
    ("libc", &["sandbox"]),
    ("miette", &["view"]),
    ("unicode_width", &["view"]),
    ("prost", &["export"]),
    ("similar", &["runner", "testing"]),
    ("quick_junit", &["testing"]),
    ("notify", &["watch"]),
    ("gix", &["runner", "packs", "notes"]),
    ("roxmltree", &["runner"]),
    ("hyper", &["runner", "client", "service"]),
    ("hyper_util", &["runner", "client", "service"]),
    ("http_body_util", &["runner", "client", "service"]),
    ("rustls", &["runner", "client"]),
    ("rustls_native_certs", &["runner", "client"]),
    ("tokio_rustls", &["runner", "client"]),
    ("grep_matcher", &["runner"]),
    ("grep_regex", &["runner"]),
    ("grep_searcher", &["runner"]),
    ("axum", &["service", "mcp_server"]),
    ("futures_util", &["service"]),
    ("tokio_io_timeout", &["service"]),
    ("tokio_stream", &["service"]),
    ("tower", &["service"]),
    ("tower_http", &["service"]),
    ("tokio", &["store", "client", "runner", "session", "service", "front", "mcp_server"]),
    ("rmcp", &["mcp_server"]),
    ("indicatif", &["front"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("rusqlite", &["store"]),
    ("zlib_rs", &["patch", "store"]),
    ("tokio_postgres", &["store"]),
    (
        "rustix",
        &["files", "sandbox", "store", "wire", "logging", "runner", "packs", "service", "front", "cli"],
    ),
    ("tracing", &["logging", "runner", "session", "front"]),
    ("tracing_subscriber", &["logging"]),
    // vocabulary that every room may speak
    ("serde", &["*"]),
    ("serde_json", &["*"]),
    ("thiserror", &["*"]),
    ("regex", &["*"]),
    ("time", &["*"]),
    ("getrandom", &["*"]),
];

/// Rooms that may carry an `expect` of `clippy::disallowed_methods`.
const TOUCH_THE_WORLD: &[&str] = &[
    "files", "trust", "ledger", "sandbox", "store", "logging", "runner", "client", "session", "packs",
    "service", "otlp", "front", "watch", "cli",
];

/// The files that may switch code by operating system.
const SYSTEM_SWITCHES: &[&str] = &["src/files/system.rs"];

struct Line {
    file: PathBuf,
    room: Option<String>,
    number: usize,
    text: String,
}

fn manifest() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

fn room_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix(manifest().join("src")).unwrap();
    let mut parts = below.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().map(|_| first)
}

/// The lines of code, without comments; a file's own `#[cfg(test)]` modules count as well.
fn code() -> Vec<Line> {
    let mut files = Vec::new();
    rust_files(&manifest().join("src"), &mut files);
    let mut lines = Vec::new();
    for file in files {
        let room = room_of(&file);
        for (at, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let text = line.split("//").next().unwrap_or_default().trim().to_owned();
            if !text.is_empty() {
                lines.push(Line { file: file.clone(), room: room.clone(), number: at + 1, text });
            }
        }
    }
    lines
}

fn place(line: &Line) -> String {
    format!("{}:{}", line.file.strip_prefix(manifest()).unwrap().display(), line.number)
}

/// The identifiers behind each `crate::` of a line, grouped imports taken apart.
fn rooms_named(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            let mut taking = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        rooms.push(std::mem::take(&mut name));
                        taking = true;
                    }
                    c if depth == 0 && taking && (c.is_alphanumeric() || c == '_') => name.push(c),
                    ':' => taking = false,
                    _ => {}
                }
            }
            rooms.push(name);
        } else {
            rooms.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

#[test]
fn rooms_import_only_lower_floors() {
    let floors: BTreeMap<&str, u32> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for line in code() {
        let Some(room) = line.room.as_deref() else { continue };
        for other in rooms_named(&line.text) {
            let Some(&there) = floors.get(other.as_str()) else { continue };
            let here = floors[room];
            if other != room && there >= here {
                wrong.push(format!(
                    "{}: `{room}` (floor {here}) imports `{other}` (floor {there})",
                    place(&line)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that go up or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_a_listed_room() {
    let listed: BTreeSet<&str> = ROOMS.iter().map(|&(room, _)| room).collect();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(manifest().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            assert!(listed.contains(name.as_str()), "src/{name} is not in the table of rooms");
            found.insert(name);
        } else {
            assert!(name == "lib.rs" || name == "main.rs", "src/{name} belongs into a room");
        }
    }
    for room in listed {
        assert!(found.contains(room), "the table lists `{room}`, and src/{room} does not exist");
    }
}

#[test]
fn foreign_crates_stay_at_home() {
    let homes: BTreeMap<&str, &[&str]> = HOMES.iter().copied().collect();
    let manifest_text = fs::read_to_string(manifest().join("Cargo.toml")).unwrap();
    let dependencies: Vec<String> = manifest_text
        .split("[dependencies]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim().replace('-', "_")))
        .collect();
    assert!(dependencies.len() > 20, "the dependencies were not found in Cargo.toml");
    let mut wrong = Vec::new();
    for name in &dependencies {
        if !homes.contains_key(name.as_str()) {
            wrong.push(format!("Cargo.toml: `{name}` has no home room"));
        }
    }
    for line in code() {
        for name in &dependencies {
            let used = line.text.match_indices(&format!("{name}::")).any(|(at, _)| {
                !line.text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
            });
            let Some(home) = homes.get(name.as_str()) else { continue };
            let Some(room) = line.room.as_deref() else { continue };
            if used && !home.contains(&"*") && !home.contains(&room) {
                wrong.push(format!("{}: `{name}` is at home in {home:?}, not in `{room}`", place(&line)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_named_rooms_touch_the_world() {
    let mut wrong = Vec::new();
    for line in code() {
        let room = line.room.clone().unwrap_or_default();
        let lifts = line.text.contains("clippy::disallowed_methods");
        if lifts && !TOUCH_THE_WORLD.contains(&room.as_str()) {
            wrong.push(format!("{}: `{room}` lifts the ban on the outside world", place(&line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn systems_are_told_apart_in_few_named_files() {
    let mut wrong = Vec::new();
    for line in code() {
        let name = line.file.strip_prefix(manifest()).unwrap().to_str().unwrap().to_owned();
        let switch = ["target_os", "cfg(unix)", "cfg(windows)", "cfg(not(unix))", "cfg(target_family"]
            .iter()
            .any(|word| line.text.contains(word));
        if switch && !SYSTEM_SWITCHES.contains(&name.as_str()) {
            wrong.push(format!("{}: {}", place(&line), line.text));
        }
    }
    assert!(wrong.is_empty(), "files that switch by system and are not listed:\n{}", wrong.join("\n"));
}

#[test]
fn no_prelude_no_glob_no_super_super_and_a_short_main() {
    let mut wrong = Vec::new();
    for line in code() {
        let glob =
            line.text.starts_with("use ") && line.text.ends_with("::*;") && line.text != "use super::*;";
        if glob || line.text.contains("super::super::") || line.text.contains("prelude::") {
            wrong.push(format!("{}: {}", place(&line), line.text));
        }
    }
    let main = fs::read_to_string(manifest().join("src/main.rs")).unwrap();
    assert!(main.lines().count() < 30, "src/main.rs has {} lines", main.lines().count());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_its_purpose() {
    let mut files = Vec::new();
    rust_files(&manifest().join("src"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not open with `//!`", file.display());
    }
}

/// A row of the table in `docs/architecture.md`: the room, its floor, and the crates at home there.
type Row = (String, u32, BTreeSet<String>);

fn rows_of_the_page() -> Vec<Row> {
    let page = fs::read_to_string(manifest().join("docs/architecture.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let &[floor, room, _, crates] = &cells[..] else { return None };
        let room = room.trim_matches('`').strip_suffix('/')?;
        // `serde_yaml (serde-saphyr)`: the name in the code, then the name in the registry
        let crates = crates.split(',').filter_map(|name| name.split_whitespace().next());
        Some((room.to_owned(), floor.parse().unwrap(), crates.map(|name| name.replace('-', "_")).collect()))
    });
    rows.collect()
}

#[test]
fn the_page_has_the_table_that_is_held_here() {
    let crates_of = |room: &str| -> BTreeSet<String> {
        let at_home = HOMES.iter().filter(|(_, home)| home.contains(&room));
        at_home.map(|(name, _)| (*name).to_owned()).collect()
    };
    let mut held: Vec<Row> =
        ROOMS.iter().map(|&(room, floor)| (room.to_owned(), floor, crates_of(room))).collect();
    let mut shown = rows_of_the_page();
    held.sort();
    shown.sort();
    for (held, shown) in held.iter().zip(&shown) {
        assert_eq!(held, shown, "tests/architecture.rs (left) and docs/architecture.md (right) differ");
    }
    assert_eq!(held.len(), shown.len(), "rows in docs/architecture.md");
}
