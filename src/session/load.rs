//! Reads graphs and policies from the disk for `compile`: which files there are, and what they name. Every file is
//! opened beneath the folder of the file that the user named, or of the workspace's `.lg`, and never through a link.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::compile::{
    Checked, CheckedRoot, FileKind, FileRef, LoadProblem, Loaded, ReadFile, Root, check_files,
};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Limits;
use crate::files::{EntryKind, FileError, IgnoreFiles, OwnFolder, RelPath, Walk, walk};
use crate::model::PACK_PREFIX;
use crate::policy::{Packs, is_secret_name};
use crate::source::{Sources, Span};

use super::strays;

/// The most files that are looked at in a `.lg` folder.
const MOST_FILES: usize = 10_000;
/// The settings of a workspace, in its `.lg` folder.
const CONFIG: &str = "config.toml";
/// The ids of what is checked, among all that are ours.
const CHECKED: [&[u8]; 4] = [b"lgflow.graph/", b"lgflow.policy/", b"lgflow.policy_test/", b"lgflow.test/"];

/// What became of the files of one folder.
#[derive(Debug)]
pub struct CheckedFolder {
    /// The folder, held: what is named in it was opened beneath it.
    pub folder: OwnFolder,
    /// The files that were asked for, by the name to show them by.
    pub roots: Vec<(PathBuf, CheckedRoot)>,
    /// Every file that was read.
    pub files: BTreeMap<RelPath, ReadFile>,
}

/// Parses, checks and compiles files that the user named, and all that they name; `packs` are those that they may
/// name. The result has one entry for each folder, in the order of naming; findings go into `diagnostics`.
///
/// # Errors
/// A named file that cannot be opened or read. What a file names and cannot be read is a finding.
pub fn check_paths(
    paths: &[PathBuf],
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<CheckedFolder>, FileError> {
    let mut folders: Vec<(PathBuf, OwnFolder, Vec<Root>)> = Vec::new();
    for path in paths {
        let (folder, name) = OwnFolder::of_file(path)?;
        let parent = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let bytes = named_file(&folder, &name, path)?;
        let root = Root { path: name, name: path.display().to_string(), bytes };
        match folders.iter_mut().find(|(known, ..)| *known == parent) {
            Some((.., roots)) if roots.iter().any(|known| known.path == root.path) => {}
            Some((.., roots)) => roots.push(root),
            None => folders.push((parent, folder, vec![root])),
        }
    }
    let mut checked = Vec::new();
    for (parent, folder, roots) in folders {
        checked.push(check_folder((&parent, folder), roots, packs, sources, diagnostics));
    }
    Ok(checked)
}

/// Parses, checks and compiles every graph and policy of a workspace's `.lg` folder. `shown` is the folder's path as
/// it is to be shown.
///
/// # Errors
/// The folder cannot be opened or read.
pub fn check_own_folder(
    folder: OwnFolder,
    shown: &Path,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<CheckedFolder, FileError> {
    let all = Walk {
        start: RelPath::root(),
        recursive: true,
        ignore_files: IgnoreFiles::Disregard,
        max_entries: MOST_FILES,
    };
    let found =
        walk(folder.root(), &all, &mut |_, kind| matches!(kind, EntryKind::File | EntryKind::Folder))?;
    refuse_links(&folder, &found.files)?;
    refuse_others(&folder, shown, sources, diagnostics);
    let (mut roots, mut unread) = (Vec::new(), Vec::new());
    for path in found.files.into_iter().filter(may_be_ours) {
        let bytes = read(&folder, &path)?;
        if is_main(&path) || is_to_check(&bytes) {
            let name = shown.join(path.as_str()).display().to_string();
            roots.push(Root { path, name, bytes });
        } else {
            unread.push((path, bytes));
        }
    }
    let checked = check_folder((shown, folder), roots, packs, sources, diagnostics);
    strays::check(unread, &checked.files, shown, sources, diagnostics);
    Ok(checked)
}

/// What a run would look for and refuse is no silence here: a main file that is a link, a pipe or a folder.
fn refuse_links(folder: &OwnFolder, found: &[RelPath]) -> Result<(), FileError> {
    let endings = ["yaml", "yml", "toml", "json"];
    let mains = ["graph", "policy"].iter().flat_map(|main| endings.map(|ending| format!("{main}.{ending}")));
    for name in mains.chain([CONFIG.to_owned()]) {
        let path = RelPath::parse(&name)?;
        if !found.contains(&path) && folder.root().facts(&path).is_ok() {
            read(folder, &path)?;
        }
    }
    Ok(())
}

/// Anything but files and folders refuses every run, and so does a name that cannot be told: it is found here, before.
fn refuse_others(folder: &OwnFolder, shown: &Path, sources: &mut Sources, diagnostics: &mut Diagnostics) {
    let mut refuse = |path: &RelPath, message: &str, help: &str| {
        let file = sources.add(shown.join(path.as_str()).display().to_string(), "");
        diagnostics.push(Diagnostic::new(codes::UNREADABLE_FILE, Span::whole(file), message).help(help));
    };
    let mut ahead = vec![RelPath::root()];
    let mut seen = 0;
    while let Some(at) = ahead.pop().filter(|_| seen <= MOST_FILES) {
        let Ok((entries, unnamed)) = folder.root().entries(&at) else {
            refuse(
                &at,
                "this folder cannot be read, and every run is refused for it",
                "see its owner and mode",
            );
            continue;
        };
        if unnamed > 0 {
            let message =
                "a name in this folder is not UTF-8 or holds control characters: every run is refused for it";
            refuse(&at, message, "give the file another name, or move it out of the folder");
        }
        seen += entries.len();
        for entry in entries {
            match entry.kind {
                EntryKind::File => {}
                EntryKind::Folder => ahead.push(entry.path),
                kind => {
                    let message = format!("this is {kind}, and every run is refused for it");
                    refuse(&entry.path, &message, "put a copy of the file here, or remove it");
                }
            }
        }
    }
}

/// Parses, checks and compiles files of one folder, and all that they name beneath that folder.
///
/// # Errors
/// A file cannot be opened or read.
pub fn check_beneath(
    folder: OwnFolder,
    shown: &Path,
    paths: &[RelPath],
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Result<CheckedFolder, FileError> {
    let mut roots = Vec::new();
    for path in paths {
        let bytes = read(&folder, path)?;
        let name = shown.join(path.as_str()).display().to_string();
        roots.push(Root { path: path.clone(), name, bytes });
    }
    Ok(check_folder((shown, folder), roots, packs, sources, diagnostics))
}

/// Links to a file that the user named are the user's own word; a second link is not asked about either.
fn named_file(folder: &OwnFolder, name: &RelPath, path: &Path) -> Result<Vec<u8>, FileError> {
    match read(folder, name) {
        Err(FileError::Link { .. } | FileError::HardLinks { .. } | FileError::Escapes { .. }) => {
            crate::files::read_given(path, limit()).map(String::into_bytes)
        }
        read => read,
    }
}

fn check_folder(
    (shown, folder): (&Path, OwnFolder),
    roots: Vec<Root>,
    packs: &Packs,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> CheckedFolder {
    let (settings, roots): (Vec<Root>, Vec<Root>) =
        roots.into_iter().partition(|root| root.path.as_str() == CONFIG);
    for file in settings {
        let file = sources.add(file.name, String::from_utf8_lossy(&file.bytes));
        crate::config::check_workspace(sources, file, diagnostics);
    }
    let names: Vec<PathBuf> = roots.iter().map(|root| PathBuf::from(&root.name)).collect();
    let mut load = |file: &FileRef| match file.kind {
        FileKind::PackPolicy => load_from_pack(packs, file),
        _ => load(&folder, shown, file),
    };
    let Checked { roots, files } = check_files(roots, &mut load, sources, diagnostics);
    CheckedFolder { folder, roots: names.into_iter().zip(roots).collect(), files }
}

fn load_from_pack(packs: &Packs, file: &FileRef) -> Result<Loaded, LoadProblem> {
    let layer = format!("{PACK_PREFIX}{}", file.path);
    let text = packs.policy("", &layer).map_err(|lack| LoadProblem::new(lack.message()).help(lack.help()))?;
    Ok(Loaded { name: text.name, bytes: text.text.into_bytes() })
}

/// What a graph names may end in a prompt, so a name that holds secrets is refused before it is opened.
fn load(folder: &OwnFolder, shown: &Path, file: &FileRef) -> Result<Loaded, LoadProblem> {
    if is_secret_name(file.path.as_str()) {
        let message = format!("`{}` has the name of a file that holds secrets", file.path);
        return Err(LoadProblem::new(message).help("name another file"));
    }
    let bytes = read(folder, &file.path).map_err(|error| problem(folder, shown, &file.path, error))?;
    Ok(Loaded { name: shown.join(file.path.as_str()).display().to_string(), bytes })
}

fn problem(folder: &OwnFolder, shown: &Path, path: &RelPath, error: FileError) -> LoadProblem {
    let is_missing = matches!(error, FileError::NotFound { .. });
    let problem = LoadProblem::new(error.beneath(shown).to_string());
    if !is_missing {
        return problem;
    }
    // whoever names a file from the workspace's root names the folder itself once too often
    let (_, rest) = path.as_str().split_once('/').unwrap_or_default();
    let first = path.parts().next();
    let is_own = shown.file_name().is_some_and(|name| name.to_str() == first);
    let is_there = RelPath::parse(rest).is_ok_and(|rest| folder.root().facts(&rest).is_ok());
    problem.help(if is_own && is_there {
        format!("a path is read from the folder of the file that names it: write `{rest}`")
    } else {
        "correct the path, or create the file".to_owned()
    })
}

fn read(folder: &OwnFolder, path: &RelPath) -> Result<Vec<u8>, FileError> {
    folder.read_bytes(path, limit())
}

fn limit() -> u64 {
    Limits::default().bytes as u64
}

fn may_be_ours(path: &RelPath) -> bool {
    crate::document::Syntax::of_path(path.as_str()).is_some()
}

/// The files that are ours whatever they say.
fn is_main(path: &RelPath) -> bool {
    let stem = path.as_str().rsplit_once('.').map_or("", |(stem, _)| stem);
    matches!(stem, "graph" | "policy") || path.as_str() == CONFIG
}

/// A schema of ours, put there for editors, names our ids as well.
fn is_to_check(bytes: &[u8]) -> bool {
    const HEAD: usize = 300;
    let holds = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    let head = &bytes[..bytes.len().min(HEAD)];
    if holds(head, b"\"$schema\"") && holds(head, b"json-schema.org") {
        return false;
    }
    CHECKED.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark))
}
