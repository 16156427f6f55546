//! The fixtures of the diagnostics: `tests/diagnostics/<code>/<case>` yields that code and no other, exactly as the
//! `.out` beside it says; `tests/ok` stays silent; each code has a page and a fixture, and nothing is left over. The files
//! that a page shows are checked as well: the wrong ones yield its code as the page says, the right ones nothing.
//!
//! A case is a file, or a folder whose `graph.*` or `policy.*` is checked. `LGFLOW_BLESS=1` writes the `.out` files.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads and blesses its own fixtures"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lgflow::diag::{ALL_CODES, Diagnostics};
use lgflow::files::{OwnFolder, RelPath, Root};
use lgflow::policy::Packs;
use lgflow::session::{CheckedFolder, check_own_folder, check_paths, refused_calls};
use lgflow::source::Sources;
use lgflow::view::diagnostics::compact;

fn below(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> = read.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The file of a case that is checked: its graph, else its policy, else its settings.
fn root(case: &Path) -> PathBuf {
    if !case.is_dir() {
        return case.to_path_buf();
    }
    let is_root = |stem: &str, path: &PathBuf| path.file_stem().is_some_and(|found| found == stem);
    let entries = entries(case);
    let graph = entries.iter().find(|path| is_root("graph", path));
    let policy = || entries.iter().find(|path| is_root("policy", path));
    let config = || entries.iter().find(|path| is_root("config", path));
    graph.or_else(policy).or_else(config).cloned().unwrap_or_else(|| {
        panic!("{} has neither a graph nor a policy nor settings", case.display());
    })
}

/// What a case yields, with names relative to the folder of its code, and the codes.
fn check(case: &Path) -> (String, BTreeSet<String>) {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let checked = checked(case, &mut sources, &mut found);
    if !found.has_errors() {
        refused_calls(&checked, &Packs::default(), &mut sources, &mut found).unwrap();
    }
    let codes = found.codes().iter().map(ToString::to_string).collect();
    let folder = format!("{}/", case.parent().unwrap().display());
    (compact(&sources, &found).replace(&folder, ""), codes)
}

/// A case with a folder `.lg` is checked as a workspace's own folder is.
fn checked(case: &Path, sources: &mut Sources, found: &mut Diagnostics) -> Vec<CheckedFolder> {
    let own = case.join(".lg");
    let checked = if own.is_dir() {
        let root = Root::open(case).unwrap();
        let held = OwnFolder::beneath(&root, &RelPath::parse(".lg").unwrap()).unwrap();
        check_own_folder(held, &own, &Packs::default(), sources, found).map(|folder| vec![folder])
    } else {
        check_paths(&[root(case)], &Packs::default(), sources, found)
    };
    checked.unwrap_or_else(|error| panic!("{}: {error}", case.display()))
}

#[test]
fn every_fixture_yields_what_its_out_file_says() {
    let bless = std::env::var_os("LGFLOW_BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in entries(&below("tests/diagnostics")) {
        let code = name(&folder);
        let (outs, cases): (Vec<_>, Vec<_>) =
            entries(&folder).into_iter().partition(|path| path.extension().is_some_and(|ext| ext == "out"));
        let mut unused: BTreeSet<PathBuf> = outs.into_iter().collect();
        for case in cases {
            let out = case.with_extension("out");
            let (text, codes) = check(&case);
            if codes.iter().ne([&code]) {
                wrong.push(format!("{}: yields {codes:?}\n{text}", case.display()));
            }
            unused.remove(&out);
            let expected = fs::read_to_string(&out).unwrap_or_default();
            if expected != text && bless {
                fs::write(&out, &text).unwrap();
            } else if expected != text {
                wrong.push(format!("{}:\n--- expected\n{expected}--- found\n{text}", out.display()));
            }
        }
        for out in unused {
            wrong.push(format!("{} belongs to no case", out.display()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong (LGFLOW_BLESS=1 rewrites):\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn table_pages_and_fixtures_name_the_same_codes() {
    let rows: BTreeMap<&str, _> = ALL_CODES.iter().map(|info| (info.code.as_str(), info)).collect();
    assert_eq!(rows.len(), ALL_CODES.len(), "a code stands in the table twice");
    let mut wrong = Vec::new();
    let fixtures: BTreeSet<String> =
        entries(&below("tests/diagnostics")).iter().map(|path| name(path)).collect();
    let pages: BTreeSet<String> = entries(&below("docs/codes"))
        .iter()
        .map(|path| name(path).trim_end_matches(".md").to_owned())
        .collect();
    for (code, row) in &rows {
        if !fixtures.contains(*code) {
            wrong.push(format!("`{code}` has no folder tests/diagnostics/{code}"));
        }
        if !row.page.starts_with(&format!("# {code}: {}\n", row.title)) {
            wrong.push(format!("docs/codes/{code}.md does not open with `# {code}: {}`", row.title));
        }
    }
    for extra in fixtures.union(&pages).filter(|code| !rows.contains_key(code.as_str())) {
        wrong.push(format!("`{extra}` has a page or a fixture, and is no code"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the page of a code shows: files that are wrong, what lgflow says of them, and files that are right.
///
/// A block is a file: the one that its first line names (`# file: NAME`), else `graph.*` or `policy.*`. In an `escaped`
/// block `\xNN` is a byte, for what no page can hold.
struct Page {
    wrong: Vec<(String, Vec<u8>)>,
    /// Where the text block with what is said begins, and what it says.
    said: Option<(usize, String)>,
    right: Vec<(String, Vec<u8>)>,
}

impl Page {
    fn of(text: &str) -> Self {
        let mut page = Self { wrong: Vec::new(), said: None, right: Vec::new() };
        let right = text.find("\n## Right\n").unwrap_or(text.len());
        let mut at = 0;
        while let Some(opens) = text[at..].find("\n```").map(|found| at + found + 1) {
            let begins = opens + text[opens..].find('\n').unwrap() + 1;
            let ends = begins + text[begins - 1..].find("\n```").unwrap();
            let (language, block) = (&text[opens + 3..begins - 1], &text[begins..ends]);
            match language {
                "text" => page.said = Some((begins, block.to_owned())),
                "sh" => {}
                _ if opens < right => page.wrong.push(file(language, block)),
                _ => page.right.push(file(language, block)),
            }
            at = ends + 3;
        }
        page
    }
}

/// The file that a block of a page is.
fn file(language: &str, block: &str) -> (String, Vec<u8>) {
    let named = block.lines().next().and_then(|line| line.strip_prefix("# file: "));
    let kind = if block.contains("lgflow.policy/v1") { "policy" } else { "graph" };
    let ending = if language == "escaped" { "yaml" } else { language };
    let name = named.map_or_else(|| format!("{kind}.{ending}"), str::to_owned);
    let bytes = if language == "escaped" { unescaped(block) } else { block.as_bytes().to_vec() };
    (name, bytes)
}

fn unescaped(block: &str) -> Vec<u8> {
    let mut parts = block.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// What files yield in a folder of their own, and the codes.
fn check_files(files: &[(String, Vec<u8>)]) -> (String, BTreeSet<String>) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("example");
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let (text, codes) = check(&folder);
    (text.replace("example/", ""), codes)
}

#[test]
fn the_examples_of_a_page_yield_what_it_says_and_nothing() {
    let bless = std::env::var_os("LGFLOW_BLESS").is_some();
    let mut wrong = Vec::new();
    for info in ALL_CODES {
        let code = info.code.as_str();
        let path = below(&format!("docs/codes/{code}.md"));
        let text = fs::read_to_string(&path).unwrap();
        let page = Page::of(&text);
        let Some((at, expected)) = page.said else {
            wrong.push(format!("docs/codes/{code}.md does not show what is said of the wrong example"));
            continue;
        };
        let (said, codes) = check_files(&page.wrong);
        if codes.iter().ne([code]) {
            wrong.push(format!("{code}: the wrong example yields {codes:?}\n{said}"));
        } else if said != expected && bless {
            fs::write(&path, [&text[..at], &said, &text[at + expected.len()..]].concat()).unwrap();
        } else if said != expected {
            wrong.push(format!("docs/codes/{code}.md:\n--- expected\n{expected}--- found\n{said}"));
        }
        let (said, codes) = check_files(&page.right);
        if !codes.is_empty() {
            wrong.push(format!("{code}: the right example is not right\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong (LGFLOW_BLESS=1 rewrites):\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn sound_files_stay_silent() {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let (folder, _) = OwnFolder::of_file(&below("tests/ok/any")).unwrap();
    let checked =
        check_own_folder(folder, Path::new("tests/ok"), &Packs::default(), &mut sources, &mut found).unwrap();
    let graphs = |ending: &str| {
        checked.roots.iter().filter(|(name, _)| name.extension().is_some_and(|found| found == ending)).count()
    };
    let (yaml, toml) = (graphs("yaml"), graphs("toml"));
    assert!(yaml + toml >= 40 && toml >= 5, "{yaml} graphs in YAML, {toml} in TOML");
    refused_calls(&[checked], &Packs::default(), &mut sources, &mut found).unwrap();
    assert!(found.codes().is_empty(), "{}", compact(&sources, &found));
}

/// Places where something else than what belongs there is written (`HERE`), with what people write.
const PLACES: &[(&str, &[&str])] = &[
    (
        "schema: lgflow.policy/v1\nname: p\ncommands: [HERE]\n",
        &["cargo", "cargo test", "\"rm -rf $HOME\"", "5"],
    ),
    (
        "schema: lgflow.policy/v1\nname: p\nnetwork: [HERE]\n",
        &[
            "https://example.com",
            "example.com",
            "\"https://Example.com/v1/**\"",
            "\"http://a.example:8080\"",
            "\"*\"",
        ],
    ),
    ("schema: lgflow.policy/v1\nname: p\npaths: HERE\n", &["src", "[src]"]),
    ("schema: lgflow.policy/v1\nname: p\npaths: { write: HERE }\n", &["\"src/**\"", "true"]),
    ("schema: lgflow.policy/v1\nname: p\ntools: HERE\n", &["exec", "true"]),
    (
        "schema: lgflow.graph/v1\nname: g\ninputs: { items: { type: array, default: [] } }\nnodes: { a: { uses: exec, with: { argv: [c] }, for_each: HERE } }\n",
        &["\"{{ inputs.items }}\"", "inputs.items", "\"{{- inputs.items -}}\"", "true"],
    ),
    (
        "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: exec, with: { argv: [c] }, retry: HERE } }\n",
        &["3", "true"],
    ),
    (
        "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: exec, with: { argv: [c] }, retry: { HERE } } }\n",
        &["max_retries: 3", "retries: 2", "max_attempts: 4"],
    ),
    ("schema: lgflow.graph/v1\nname: g\nconcurrency: HERE\nnodes: { a: { uses: values } }\n", &["2", "true"]),
    ("schema: lgflow.graph/v1\nname: g\nbudgets: HERE\nnodes: { a: { uses: values } }\n", &["true", "10m"]),
    ("schema: lgflow.graph/v1\nname: g\nnodes: HERE\n", &["true", "[a]"]),
    ("schema: lgflow.graph/v1\nname: g\nnodes: { a: HERE }\n", &["exec", "true"]),
    (
        "schema: lgflow.graph/v1\nname: g\ndefaults: HERE\nnodes: { a: { uses: exec, with: { argv: [c] } } }\n",
        &["10m"],
    ),
    (
        "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: values } }\nedges: [{ from: a, to: a, when: \"true\", loop: HERE }]\n",
        &["3"],
    ),
];

/// Conditions that are none, in a graph that has what they name.
const CONDITIONS: &[&str] = &[
    "inputs.s ~ 'x'",
    "inputs.s + 'x'",
    "inputs.n + 1",
    "-inputs.n",
    "inputs.s | upper",
    "'a' if inputs.b else 'b'",
    "inputs.n if inputs.b else 3",
    "[1] + inputs.l",
    "inputs.l + inputs.l",
    "inputs.l | length",
    "inputs.s",
    "inputs.o",
];

fn file_of(text: &str) -> String {
    if text.contains("lgflow.policy") { "policy.yaml".to_owned() } else { "graph.yaml".to_owned() }
}

/// The edit of the first finding, put where it is told to be put.
fn followed(text: &str, here: std::ops::Range<usize>) -> String {
    let (said, codes) = check_files(&[(file_of(text), text.into())]);
    assert_eq!(codes.len(), 1, "{text}\n{said}");
    let help = said.split_once("help: write ").unwrap_or_else(|| panic!("{text}\n{said}")).1;
    let edit = help.split('`').nth(1).unwrap();
    [&text[..here.start], edit, &text[here.end..]].concat()
}

#[test]
fn what_is_suggested_is_right_where_it_is_written() {
    let mut wrong = Vec::new();
    let mut follow = |text: &str, here: std::ops::Range<usize>| {
        let mended = followed(text, here);
        let (said, _) = check_files(&[(file_of(text), mended.clone().into())]);
        if said.contains("error[") {
            wrong.push(format!("{text}--- followed\n{mended}--- found\n{said}"));
        }
    };
    for (place, written) in PLACES {
        let at = place.find("HERE").unwrap();
        for value in *written {
            let text = place.replace("HERE", value);
            // of an entry, the key is what is wrong, and the edit has the value too where that changes
            let value_stays = *value == "max_attempts: 4";
            let length = if value_stays { "max_attempts".len() } else { value.len() };
            follow(&text, at..at + length);
        }
    }
    for condition in CONDITIONS {
        let text = format!(
            "schema: lgflow.graph/v1\nname: g\ninputs:\n  s: {{ type: string }}\n  n: {{ type: integer }}\n  b: {{ type: boolean }}\n  l: {{ type: array, items: {{ type: integer }} }}\n  o: {{ type: object }}\nnodes: {{ a: {{ uses: values }}, c: {{ uses: values }} }}\nedges:\n  - from: a\n    to: c\n    when: >-\n      {condition}\n"
        );
        let at = text.rfind(condition).unwrap();
        follow(&text, at..at + condition.len());
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
