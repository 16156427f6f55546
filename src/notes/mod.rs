//! Git notes of the user's repository, under one ref of ours: read, and added to when the user says so by name. It is the only
//! place where lgflow itself writes into a workspace's git folder. Git is not run: objects and the ref are written as it
//! writes them, and `git notes --ref=lgflow show COMMIT` reads them.

mod guard;
mod tree;

use std::path::Path;

use gix::ObjectId;
use gix::actor::SignatureRef;

use crate::runner::git_options;

/// The ref that the notes are under.
pub const NOTES: &str = "refs/notes/lgflow";
/// Who writes them.
const NAME: &str = "lgflow";
/// Nobody reads mail there.
const MAIL: &str = "lgflow@localhost";
/// The most that a note may hold, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// A note cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// There is no repository.
    #[error("`{0}` is in no git repository, so it has no notes; name a file instead: `file:PATH`")]
    NoRepository(String),
    /// There is one that cannot be read.
    #[error("the git repository of `{0}` cannot be read: {1}; name a file instead: `file:PATH`")]
    Unreadable(String, String),
    /// The commit is not there.
    #[error("the commit `{0}` is not in this repository")]
    NoCommit(String),
    /// Something of the git folder leads elsewhere.
    #[error("`{0}` is a link: nothing is written through it")]
    Link(String),
    /// The ref stands for another one.
    #[error("`{NOTES}` is a symbolic ref: nothing is written through it")]
    Symbolic,
    /// The note is too large.
    #[error("the note of `{0}` is larger than {LARGEST} bytes")]
    TooLarge(String),
    /// Git's own files.
    #[error("git's files: {0}")]
    Git(String),
}

/// The text of the note on a commit; none where there is none.
pub fn read(root: &Path, commit: &str) -> Result<Option<String>, NoteError> {
    let repository = open(root)?;
    let commit = commit_of(&repository, commit)?;
    let Some(head) = head(&repository)? else { return Ok(None) };
    let top = repository.find_commit(head).map_err(git)?.tree_id().map_err(git)?.detach();
    note(&repository, top, commit).map(|note| note.map(|(_, text)| text))
}

/// The texts of all notes, one after the other.
pub fn read_all(root: &Path) -> Result<String, NoteError> {
    let repository = open(root)?;
    let Some(head) = head(&repository)? else { return Ok(String::new()) };
    let top = repository.find_commit(head).map_err(git)?.tree_id().map_err(git)?.detach();
    let mut texts = String::new();
    for blob in tree::blobs(&repository, top)? {
        texts.push_str(&text(&repository, blob, "a commit")?);
    }
    Ok(texts)
}

/// Adds a line to the note on a commit. Where another process was faster, nothing is lost: this fails, and can be tried again.
pub fn add(root: &Path, commit: &str, line: &str, seconds: u64) -> Result<(), NoteError> {
    let repository = open(root)?;
    guard::no_links(repository.common_dir())?;
    let commit = commit_of(&repository, commit)?;
    let head = head(&repository)?;
    let top = match head {
        Some(head) => repository.find_commit(head).map_err(git)?.tree_id().map_err(git)?.detach(),
        None => repository.write_object(gix::objs::Tree::empty()).map_err(git)?.detach(),
    };
    let (path, before) = match note(&repository, top, commit)? {
        Some((path, text)) => (path, text),
        None => (vec![commit.to_string()], String::new()),
    };
    let blob = repository.write_blob(format!("{before}{line}\n")).map_err(git)?.detach();
    let tree = tree::with_blob(&repository, top, &path, blob)?;
    let time = format!("{seconds} +0000");
    let who = SignatureRef { name: NAME.into(), email: MAIL.into(), time: &time };
    repository.commit_as(who, who, NOTES, "Notes added by lgflow", tree, head).map_err(git)?;
    Ok(())
}

fn open(root: &Path) -> Result<gix::Repository, NoteError> {
    let shown = || root.display().to_string();
    gix::open_opts(root, git_options()).map_err(|error| {
        let is_there = root.join(".git").exists();
        if is_there {
            NoteError::Unreadable(shown(), error.to_string())
        } else {
            NoteError::NoRepository(shown())
        }
    })
}

fn commit_of(repository: &gix::Repository, commit: &str) -> Result<ObjectId, NoteError> {
    let unknown = || NoteError::NoCommit(commit.to_owned());
    let id = ObjectId::from_hex(commit.as_bytes()).map_err(|_| unknown())?;
    repository.find_commit(id).map_err(|_| unknown())?;
    Ok(id)
}

/// The commit that the notes stand at.
fn head(repository: &gix::Repository) -> Result<Option<ObjectId>, NoteError> {
    let Some(found) = repository.try_find_reference(NOTES).map_err(git)? else { return Ok(None) };
    found.target().try_id().map(|id| Some(id.to_owned())).ok_or(NoteError::Symbolic)
}

/// Where the note on a commit stands, and its text. Git puts notes into folders by their first digits as they become many.
fn note(
    repository: &gix::Repository,
    top: ObjectId,
    commit: ObjectId,
) -> Result<Option<(Vec<String>, String)>, NoteError> {
    let hex = commit.to_string();
    let deepest = hex.len() / 2 - 1;
    for depth in 0..deepest {
        let mut path: Vec<String> = (0..depth).map(|at| hex[2 * at..2 * at + 2].to_owned()).collect();
        path.push(hex[2 * depth..].to_owned());
        if let Some(blob) = tree::find(repository, top, &path)? {
            return text(repository, blob, &hex).map(|text| Some((path, text)));
        }
        if depth > 0 && tree::find(repository, top, &path[..depth])?.is_none() {
            break;
        }
    }
    Ok(None)
}

/// What a note says, with a line end behind its last line.
fn text(repository: &gix::Repository, blob: ObjectId, of: &str) -> Result<String, NoteError> {
    let header = repository.find_header(blob).map_err(git)?;
    if header.size() > LARGEST as u64 {
        return Err(NoteError::TooLarge(of.to_owned()));
    }
    let blob = repository.find_blob(blob).map_err(git)?;
    let mut text = String::from_utf8_lossy(&blob.data).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn git(error: impl std::fmt::Display) -> NoteError {
    NoteError::Git(error.to_string())
}
