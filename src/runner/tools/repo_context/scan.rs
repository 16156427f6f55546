//! One reading of each file that may be read: its size, lines and digest, and what later steps ask of its text.
//! Everything here is a function of the files: no clock, no order but that of the paths.

use crate::digest::Digest;
use crate::effect::ToolError;
use crate::files::{IgnoreFiles, RelPath, Walk};
use crate::runner::Cancel;
use crate::runner::tools::access::{Reading, in_time};
use crate::runner::tools::list_files::MAX_ENTRIES;

use super::imports::{Import, imports};
use super::language::{Language, language_of};
use super::symbols::{Definition, definitions};
use super::tests_found::count_tests;

/// The most files that are read; those behind them (bytewise) are left out, and a note says so.
const MAX_FILES: usize = 200_000;
/// A larger file is not read: it has no lines.
const MAX_FILE: u64 = 8 << 20;
/// The most bytes that are read in all.
const MAX_BYTES: u64 = 2 << 30;
/// A file with a NUL byte within so many bytes is binary, as git sees it.
const BINARY_HEAD: usize = 8000;

/// What a file is, as far as it could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Text, in whatever encoding.
    Text,
    /// Holds NUL bytes.
    Binary,
    /// Too large.
    Unread,
}

/// A file.
#[derive(Debug)]
pub(super) struct FileFact {
    pub(super) path: RelPath,
    pub(super) content: Content,
    pub(super) bytes: u64,
    /// Line breaks, and one more if the last line has none.
    pub(super) lines: u64,
    /// Of its bytes; of its size where it was not read.
    pub(super) digest: Digest,
    pub(super) language: Option<&'static Language>,
    /// Lines that declare a test.
    pub(super) tests: u64,
    pub(super) imports: Vec<Import>,
    pub(super) definitions: Vec<Definition>,
}

/// All files that may be read.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Bytewise by path.
    pub(super) files: Vec<FileFact>,
    /// What is not in `files`, in words.
    pub(super) notes: Vec<String>,
    pub(super) truncated: bool,
}

impl Scan {
    /// The file with this path.
    pub(super) fn find(&self, path: &str) -> Option<&FileFact> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|at| &self.files[at])
    }

    /// Reads the workspace.
    pub(super) fn of(reading: &Reading<'_>, cancel: &Cancel) -> Result<Self, ToolError> {
        let options = Walk {
            start: RelPath::root(),
            recursive: true,
            ignore_files: IgnoreFiles::Honour,
            max_entries: MAX_ENTRIES,
        };
        let walked = reading.walk(&options, cancel)?;
        let mut scan = Self { truncated: walked.truncated, ..Self::default() };
        scan.note(walked.unnamed, "names are not UTF-8 or have control characters in them");
        scan.note(walked.closed.len() as u64, "folders could not be read");
        let beyond = walked.files.len().saturating_sub(MAX_FILES);
        scan.truncated |= beyond > 0;
        scan.note(beyond as u64, "files are beyond the limit of files");
        let mut left = MAX_BYTES;
        for path in walked.files.into_iter().take(MAX_FILES) {
            in_time(cancel)?;
            // a file that is gone, or that the system does not let us read, is not there
            if let Some(fact) = read(reading, &path, left) {
                left = left.saturating_sub(if fact.content == Content::Unread { 0 } else { fact.bytes });
                scan.files.push(fact);
            }
        }
        let unread = scan.files.iter().filter(|file| file.content == Content::Unread).count() as u64;
        scan.note(unread, "files were not read: they are too large");
        Ok(scan)
    }

    fn note(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.notes.push(format!("{count} {what}"));
        }
    }
}

fn read(reading: &Reading<'_>, path: &RelPath, left: u64) -> Option<FileFact> {
    let mut file = reading.open_found(path).ok()?;
    let size = file.facts().size;
    let language = language_of(path);
    let unread = |digest| FileFact {
        path: path.clone(),
        content: Content::Unread,
        bytes: size,
        lines: 0,
        digest,
        language,
        tests: 0,
        imports: Vec::new(),
        definitions: Vec::new(),
    };
    let Ok(bytes) = file.read(MAX_FILE.min(left)) else {
        return Some(unread(Digest::of(format!("{size} bytes, not read"))));
    };
    let mut fact = FileFact { bytes: bytes.len() as u64, ..unread(Digest::of(&bytes)) };
    if bytes[..bytes.len().min(BINARY_HEAD)].contains(&0) {
        fact.content = Content::Binary;
        return Some(fact);
    }
    fact.content = Content::Text;
    fact.lines = count_lines(&bytes);
    let text = String::from_utf8_lossy(&bytes);
    if let Some(language) = language {
        fact.tests = count_tests(language.name, &text);
        fact.imports = imports(language.name, &text);
        fact.definitions = definitions(language.name, &text);
    }
    Some(fact)
}

/// Line breaks, and one more if the last line has none.
#[expect(clippy::naive_bytecount, reason = "files are small, and a dependency for it is not")]
pub(super) fn count_lines(bytes: &[u8]) -> u64 {
    let breaks = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    breaks + u64::from(bytes.last().is_some_and(|&byte| byte != b'\n'))
}

/// The digest of several files: of the lines `<hex digest>  <path>`, in the order of the paths, as `sha256sum` prints
/// them.
pub(super) fn digest_of<'a>(files: impl Iterator<Item = &'a FileFact>) -> Digest {
    let lines =
        files.fold(String::new(), |text, file| text + &format!("{}  {}\n", file.digest.hex(), file.path));
    Digest::of(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_breaks_and_an_unfinished_one() {
        for (text, lines) in [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2), ("a\r\nb\r\n", 2)] {
            assert_eq!(count_lines(text.as_bytes()), lines, "{text:?}");
        }
    }
}
