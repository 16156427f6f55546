//! `search_files`: lines that match a regular expression, on ripgrep's own libraries. A file that may not be read is
//! neither searched nor counted, so that neither a match nor a number tells of it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Read;

use grep_matcher::Matcher as _;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkFinish, SinkMatch};
use serde_json::{Value, json};

use crate::effect::{ToolCall, ToolError, ToolResult};
use crate::files::{RelPath, Walk};
use crate::policy::Granted;
use crate::runner::Cancel;

use super::access::{Reading, in_time};
use super::globs::Globs;
use super::input::{Input, invalid};
use super::list_files::{MAX_ENTRIES, ignore_files, left_out};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 4096;
/// Bytes that a compiled pattern may take.
const REGEX_SIZE: usize = 4 << 20;
/// A larger file is not searched.
const MAX_FILE: u64 = 64 << 20;
/// The byte order mark of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();
/// A longer line is cut.
const MAX_LINE: usize = 4096;

/// `{pattern, path?, glob?, ignore?, max?, context?}` → `{matches: [{path, line, column, text}]}`: one for each line
/// that matches, with the column (from 1, in characters) of its first match. With `context: N`, each also has
/// `before` and `after`: up to N lines around it, which near matches share. Files with NUL bytes are taken as binary and
/// skipped; a byte order mark is no part of the first line.
pub(in crate::runner) fn search_files(
    call: &Granted<ToolCall>,
    reading: &Reading<'_>,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let known = ["pattern", "path", "glob", "ignore", "max", "context"];
    let input = Input::new("search_files", &call.request().input, &known)?;
    let matcher = matcher(input.required_text("pattern")?)?;
    let globs = Globs::new(&input.texts("glob")?)?;
    let max = input.number("max", 1000, 1..=100_000)? as usize;
    let context = input.number("context", 0, 0..=20)? as usize;
    let options = Walk {
        start: input.path("path")?,
        recursive: true,
        ignore_files: ignore_files(&input)?,
        max_entries: MAX_ENTRIES,
    };
    let walked = reading.walk(&options, cancel)?;
    let mut found = Found::new(&matcher, max, reading.limit, cancel);
    let mut searcher = searcher(context);
    for path in walked.files.iter().filter(|path| globs.match_path(path)) {
        if found.is_over()? {
            break;
        }
        found.search(&mut searcher, reading, path);
    }
    // what was broken off in the last file is not all that there is
    found.is_over()?;
    Ok(found.into_result(walked.truncated, left_out(&walked)))
}

fn matcher(pattern: &str) -> Result<RegexMatcher, ToolError> {
    if pattern.is_empty() {
        return Err(invalid("`pattern` is empty; `^` matches every line".to_owned()));
    }
    if pattern.len() > MAX_PATTERN {
        return Err(invalid(format!("`pattern` has more than {MAX_PATTERN} bytes")));
    }
    let mut builder = RegexMatcherBuilder::new();
    builder.line_terminator(Some(b'\n')).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE);
    builder.build(pattern).map_err(|error| invalid(format!("`pattern` is no regular expression: {error}")))
}

fn searcher(context: usize) -> Searcher {
    SearcherBuilder::new()
        .line_number(true)
        .binary_detection(BinaryDetection::quit(0))
        .before_context(context)
        .after_context(context)
        .bom_sniffing(false)
        .heap_limit(Some(MAX_FILE as usize))
        .build()
}

/// What was found so far, and what ends the search.
struct Found<'a> {
    matcher: &'a RegexMatcher,
    cancel: &'a Cancel,
    max: usize,
    bytes_left: u64,
    matches: Vec<Match>,
    truncated: bool,
    too_large: u64,
}

struct Match {
    path: String,
    line: u64,
    column: usize,
    text: String,
    before: Vec<String>,
    after: Vec<String>,
    with_context: bool,
}

impl<'a> Found<'a> {
    fn new(matcher: &'a RegexMatcher, max: usize, bytes: Option<u64>, cancel: &'a Cancel) -> Self {
        let bytes_left = bytes.unwrap_or(10 << 20);
        Self { matcher, cancel, max, bytes_left, matches: Vec::new(), truncated: false, too_large: 0 }
    }

    fn is_over(&self) -> Result<bool, ToolError> {
        in_time(self.cancel)?;
        Ok(self.truncated)
    }

    /// A file that is gone, or has become a link or something else since the walk, is skipped.
    fn search(&mut self, searcher: &mut Searcher, reading: &Reading<'_>, path: &RelPath) {
        let Ok(file) = reading.open_found(path) else { return };
        if file.facts().size > MAX_FILE {
            self.too_large += 1;
            return;
        }
        let before = (self.matches.len(), self.bytes_left, self.truncated);
        let matcher = self.matcher;
        let first = self.matches.len();
        let mut sink = FileSink { found: self, path, first, recent: VecDeque::new(), is_binary: false };
        let mut reader = file.into_reader();
        let text = Unmarked { reader: &mut reader, begun: false };
        let searched = searcher.search_reader(matcher, text, &mut sink);
        let is_binary = sink.is_binary;
        reader.finish();
        if searched.is_err() || is_binary {
            // what was found before its first NUL is no text either
            self.matches.truncate(before.0);
            (self.bytes_left, self.truncated) = (before.1, before.2);
        }
    }

    fn into_result(self, walk_truncated: bool, mut notes: String) -> ToolResult {
        if self.too_large > 0 {
            let count = self.too_large;
            let _ = writeln!(notes, "{count} files of more than {MAX_FILE} bytes were not searched");
        }
        let stdout = self.matches.iter().fold(String::new(), |all, found| {
            all + &format!("{}:{}:{}:{}\n", found.path, found.line, found.column, found.text)
        });
        let matches: Vec<Value> = self.matches.into_iter().map(Match::into_json).collect();
        ToolResult {
            stdout,
            stderr: notes,
            truncated: self.truncated || walk_truncated,
            ..ToolResult::success("search_files", json!({ "matches": matches }))
        }
    }
}

impl Match {
    fn into_json(self) -> Value {
        let mut value =
            json!({ "path": self.path, "line": self.line, "column": self.column, "text": self.text });
        if self.with_context {
            value["before"] = json!(self.before);
            value["after"] = json!(self.after);
        }
        value
    }
}

/// A file without the byte order mark of UTF-8 at its beginning.
struct Unmarked<R> {
    reader: R,
    begun: bool,
}

impl<R: Read> Read for Unmarked<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        if self.begun || bytes.len() < MARK.len() {
            return self.reader.read(bytes);
        }
        self.begun = true;
        let mut count = 0;
        while count < MARK.len() {
            match self.reader.read(&mut bytes[count..])? {
                0 => return Ok(count),
                more => count += more,
            }
        }
        if !bytes.starts_with(MARK) {
            return Ok(count);
        }
        bytes.copy_within(MARK.len()..count, 0);
        // nothing would be taken for the end of the file
        if count == MARK.len() { self.reader.read(bytes) } else { Ok(count - MARK.len()) }
    }
}

struct FileSink<'a, 'b> {
    found: &'a mut Found<'b>,
    path: &'a RelPath,
    /// The index of the first match of this file.
    first: usize,
    /// As many lines as go before a match: the last ones, with their numbers.
    recent: VecDeque<(u64, String)>,
    is_binary: bool,
}

impl FileSink<'_, '_> {
    /// Takes a line as one that stands after earlier matches and before later ones. Does any of them want more of them?
    fn surround(&mut self, number: u64, line: &str, context: u64) -> bool {
        if context == 0 {
            return false;
        }
        let Found { matches, bytes_left, truncated, .. } = &mut *self.found;
        let mut wanted = false;
        for found in matches[self.first..].iter_mut().rev().take_while(|found| found.line + context >= number)
        {
            match bytes_left.checked_sub(line.len() as u64) {
                Some(left) => *bytes_left = left,
                None => {
                    *truncated = true;
                    return false;
                }
            }
            found.after.push(line.to_owned());
            wanted |= found.line + context > number;
        }
        self.recent.push_back((number, line.to_owned()));
        if self.recent.len() as u64 > context {
            self.recent.pop_front();
        }
        wanted
    }
}

impl Sink for FileSink<'_, '_> {
    type Error = std::io::Error;

    fn matched(&mut self, searcher: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        let Some(line) = found.lines().next() else { return Ok(true) };
        let (text, number) = (cut(line), found.line_number().unwrap_or(0));
        let context = searcher.before_context() as u64;
        let near = self.recent.iter().filter(|(at, _)| at + context >= number);
        let before: Vec<String> = near.map(|(_, line)| line.clone()).collect();
        let wanted = self.surround(number, &text, context);
        if self.found.truncated || self.found.matches.len() == self.found.max {
            // those that were found get all of their lines
            self.found.truncated = true;
            return Ok(wanted);
        }
        let size = text.len() + before.iter().map(String::len).sum::<usize>();
        let Some(left) = self.found.bytes_left.checked_sub(size as u64) else {
            self.found.truncated = true;
            return Ok(false);
        };
        self.found.bytes_left = left;
        let at = self.found.matcher.find(line).ok().flatten().map_or(0, |found| found.start());
        let column = String::from_utf8_lossy(&line[..at.min(line.len())]).chars().count() + 1;
        self.found.matches.push(Match {
            path: self.path.to_string(),
            line: number,
            column,
            text,
            before,
            after: Vec::new(),
            with_context: context > 0,
        });
        Ok(!self.found.cancel.is_over())
    }

    fn finish(&mut self, _: &Searcher, end: &SinkFinish) -> Result<(), Self::Error> {
        self.is_binary = end.binary_byte_offset().is_some();
        Ok(())
    }

    fn context(&mut self, searcher: &Searcher, found: &SinkContext<'_>) -> Result<bool, Self::Error> {
        let number = found.line_number().unwrap_or(0);
        let wanted = self.surround(number, &cut(found.bytes()), searcher.before_context() as u64);
        Ok(wanted || !self.found.truncated)
    }
}

/// A line without its break, cut at a character, as text.
fn cut(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut text = String::from_utf8_lossy(line).into_owned();
    if text.len() > MAX_LINE {
        let end = (0..=MAX_LINE).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
