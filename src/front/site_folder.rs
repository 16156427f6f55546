//! The folder of traces that a site is made of, and the folder that its pages go to: both named by the user.
#![expect(clippy::disallowed_methods, reason = "the user names a folder, and all its traces are meant")]

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::files::{EntryKind, FileError, Links, RelPath, Root, write_within};

/// The most traces that one site shows.
const MOST: usize = 10_000;
/// The list of the pages that were written, beside them.
const LIST: &str = ".lgflow-site";
/// The most bytes of that list.
const LONGEST: u64 = 1 << 20;
/// Its first line.
const SAID: &str = "# Pages that `lgflow trace site` wrote here: those whose trace is gone are removed.";

/// The page that lists all runs.
pub const INDEX: &str = "index.html";

/// What is called like a trace in a folder, by name.
#[derive(Debug, Default)]
pub struct TracesIn {
    /// Plain files.
    pub traces: Vec<PathBuf>,
    /// What is none: a link leads wherever who made it wants.
    pub others: Vec<PathBuf>,
}

/// The traces in a folder: plain files that are called `run-….jsonl`.
pub fn traces_in(folder: &Path) -> io::Result<TracesIn> {
    let mut found = TracesIn::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("run-") && name.ends_with(".jsonl") {
            let is_plain = entry.file_type()?.is_file();
            let kind = if is_plain { &mut found.traces } else { &mut found.others };
            kind.push(entry.path());
        }
        if found.traces.len() + found.others.len() > MOST {
            return Err(io::Error::other(format!("there are more than {MOST} traces in it")));
        }
    }
    found.traces.sort();
    found.others.sort();
    Ok(found)
}

/// A folder with the pages of a site. It knows which of them it has written, now and before: nothing else is removed.
#[derive(Debug)]
pub struct SiteFolder {
    folder: PathBuf,
    root: Root,
    before: BTreeSet<String>,
    pages: BTreeSet<String>,
}

impl SiteFolder {
    /// Makes the folder, and those around it, if they are not there. One that nobody has named is no link: it might lead
    /// anywhere.
    pub fn open(folder: &Path, named: bool) -> io::Result<Self> {
        if !named && folder.symlink_metadata().is_ok_and(|facts| facts.is_symlink()) {
            return Err(io::Error::other("it is a link; name where the pages go with `-o`"));
        }
        fs::create_dir_all(folder)?;
        let root = Root::open(folder).map_err(io::Error::other)?;
        if !is_site(folder) && folder.join(INDEX).symlink_metadata().is_ok() {
            let text = format!(
                "there is an `{INDEX}` that no site has written; name another folder with `-o`, or remove it"
            );
            return Err(io::Error::other(text));
        }
        let before = listed(&root).map_err(io::Error::other)?;
        let site = Self { folder: folder.to_owned(), root, before, pages: BTreeSet::new() };
        // what is written here from now on is a site's
        site.list("")?;
        Ok(site)
    }

    /// Writes a page. Its name is on the list before it is there.
    pub fn put(&mut self, name: &str, page: &str) -> io::Result<()> {
        if self.pages.insert(name.to_owned()) && !self.before.contains(name) {
            self.list(&format!("{name}\n"))?;
        }
        self.write(name, page)
    }

    /// Adds a line to the list, which is begun where there is none.
    fn list(&self, line: &str) -> io::Result<()> {
        let list = self.folder.join(LIST);
        let begin = if list.symlink_metadata().is_ok() { String::new() } else { format!("{SAID}\n") };
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let mut file = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(list)?;
        file.write_all(format!("{begin}{line}").as_bytes())
    }

    /// Writes what is there whatever the traces are.
    pub fn write(&self, name: &str, page: &str) -> io::Result<()> {
        write_within(&self.root, name, page).map_err(io::Error::other)
    }

    /// Removes the pages that were written before and are none any more: how many were there?
    pub fn finish(self) -> io::Result<usize> {
        let mut removed = 0;
        for name in self.before.difference(&self.pages) {
            let page = RelPath::parse(name).map_err(io::Error::other)?;
            match self.root.facts(&page) {
                Ok(facts) if facts.kind == EntryKind::File => {
                    self.root.remove_file(&page).map_err(io::Error::other)?;
                    removed += 1;
                }
                // what was put in its place is somebody else's
                Ok(_) | Err(_) => {}
            }
        }
        let lines: Vec<&str> = [SAID].into_iter().chain(self.pages.iter().map(String::as_str)).collect();
        self.write(LIST, &(lines.join("\n") + "\n"))?;
        Ok(removed)
    }
}

/// Was a site written there before?
pub fn is_site(folder: &Path) -> bool {
    folder.join(LIST).symlink_metadata().is_ok_and(|facts| facts.is_file())
}

/// The pages that were written before. A list that came from elsewhere may name anything: what is no page's name is none.
fn listed(folder: &Root) -> Result<BTreeSet<String>, FileError> {
    let text = match folder.file(&RelPath::parse(LIST)?, Links::Refuse) {
        Err(FileError::NotFound { .. }) => return Ok(BTreeSet::new()),
        list => list?.read_text(LONGEST)?,
    };
    Ok(text.lines().filter(|name| is_page(name)).map(str::to_owned).collect())
}

/// `run-….html` or `trace-….html`, with nothing in between but letters, digits and `-`.
fn is_page(name: &str) -> bool {
    let stem = name.strip_suffix(".html").unwrap_or_default();
    let own = stem.strip_prefix("run-").or_else(|| stem.strip_prefix("trace-"));
    own.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_are_removed_that_were_written_here() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<String> = fs::read_dir(folder.path())
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        fs::write(folder.path().join("run-mine.html"), "mine").unwrap();
        let mut site = SiteFolder::open(folder.path(), true).unwrap();
        for name in ["run-a.html", "run-b.html", "trace-1.html"] {
            site.put(name, "page").unwrap();
        }
        // whoever is stopped here has all of them on the list
        drop(site);
        let mut site = SiteFolder::open(folder.path(), true).unwrap();
        site.put("run-b.html", "page").unwrap();
        assert_eq!(site.finish().unwrap(), 2);
        assert_eq!(names(), [LIST, "run-b.html", "run-mine.html"]);
        // a link is replaced and leads nowhere; a folder that nobody named is none
        let outside = folder.path().join("outside");
        fs::write(&outside, "theirs").unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join("index.html")).unwrap();
        let site = SiteFolder::open(folder.path(), true).unwrap();
        site.write("index.html", "page").unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "theirs");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("site")).unwrap();
        assert!(SiteFolder::open(&folder.path().join("site"), false).is_err());
        for name in ["outside", "index.html", "site"] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        // a list that somebody else brought
        fs::write(folder.path().join("notes.html"), "mine").unwrap();
        fs::write(
            folder.path().join(LIST),
            "notes.html\n../run-x.html\n/etc/passwd\nrun-.html\nrun-b.html\n",
        )
        .unwrap();
        assert_eq!(SiteFolder::open(folder.path(), true).unwrap().finish().unwrap(), 1);
        assert_eq!(names(), [LIST, "notes.html", "run-mine.html"]);
    }
}
