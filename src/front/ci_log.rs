//! What is printed where GitHub Actions reads it. A line there can be a command to the machine that runs the job, so text
//! stands between marks that stop commands, under a word that nobody can guess; and no line of it would be one without
//! them, because the two streams of a process arrive in no certain order.
#![expect(clippy::disallowed_methods, reason = "GITHUB_ACTIONS says whether a log reads commands")]

use std::borrow::Cow;
use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A stream of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Data.
    Out,
    /// All else.
    Err,
}

/// A stream whose commands are stopped.
#[derive(Debug)]
struct Stopped {
    token: String,
    /// Did what was printed last end its line?
    ended: bool,
}

static STOPPED: Mutex<[Option<Stopped>; 2]> = Mutex::new([None, None]);
static WITHOUT_MARKS: AtomicBool = AtomicBool::new(false);

/// This process prints commands of its own: what else it prints must not stop them.
pub fn print_commands() {
    WITHOUT_MARKS.store(true, Ordering::Relaxed);
}

/// `text` as it is printed on `stream`: as it is, where no log reads commands, and in a file.
pub fn guarded(stream: Stream, text: &str) -> Cow<'_, str> {
    if text.is_empty() || !is_read_for_commands(stream) {
        return Cow::Borrowed(text);
    }
    let mut printed = String::new();
    if !WITHOUT_MARKS.load(Ordering::Relaxed) {
        open(stream, text, &mut printed);
    }
    printed.push_str(&inert(text));
    Cow::Owned(printed)
}

/// The same, of text that a program may read: marks only where some line would be a command.
pub fn guarded_where_needed(stream: Stream, text: &str) -> Cow<'_, str> {
    if inert(text) == text { Cow::Borrowed(text) } else { guarded(stream, text) }
}

/// The text of a JSON document: the same document, of which no line is a command. A line of one can't begin with `::`.
pub fn guarded_json(text: &str) -> Cow<'_, str> {
    if text.contains("##[") && is_read_for_commands(Stream::Out) {
        Cow::Owned(text.replace("##[", "\\u0023#["))
    } else {
        Cow::Borrowed(text)
    }
}

/// What ends the marks of a stream: printed last.
pub fn last_mark(stream: Stream) -> String {
    stopped()[stream as usize].take().map_or_else(String::new, |stopped| {
        let line = if stopped.ended { "" } else { "\n" };
        format!("{line}::{}::\n", stopped.token)
    })
}

/// Stops commands before the first text of a stream. Without chance there is no word, and then the text alone is inert.
fn open(stream: Stream, text: &str, printed: &mut String) {
    let mut all = stopped();
    let stopped = &mut all[stream as usize];
    if stopped.is_none() {
        let mut random = [0; 16];
        if getrandom::fill(&mut random).is_err() {
            return;
        }
        let token = format!("{:032x}", u128::from_be_bytes(random));
        // writing to a string can't fail
        let _ = writeln!(printed, "::stop-commands::{token}");
        *stopped = Some(Stopped { token, ended: true });
    }
    if let Some(stopped) = stopped {
        stopped.ended = text.ends_with('\n');
    }
}

/// No line of it is a command: neither `::name::`, which may stand behind white space, nor `##[name]`, which may stand
/// anywhere. A carriage return ends a line as well.
fn inert(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\r']) {
        let rest = line.trim_start();
        match rest.strip_prefix("::") {
            Some(after) => {
                whole.push_str(&line[..line.len() - rest.len()]);
                whole.push_str("\\u{3a}:");
                whole.push_str(&unmarked(after));
            }
            None => whole.push_str(&unmarked(line)),
        }
    }
    whole
}

fn unmarked(text: &str) -> Cow<'_, str> {
    if text.contains("##[") { Cow::Owned(text.replace("##[", "#\\u{23}[")) } else { Cow::Borrowed(text) }
}

/// Is it GitHub Actions that reads it, and no file?
fn is_read_for_commands(stream: Stream) -> bool {
    let in_actions = env::var("GITHUB_ACTIONS").is_ok_and(|value| !value.is_empty() && value != "false");
    let descriptor = match stream {
        Stream::Out => "/proc/self/fd/1",
        Stream::Err => "/proc/self/fd/2",
    };
    in_actions && !Path::new(descriptor).metadata().is_ok_and(|facts| facts.is_file())
}

fn stopped() -> MutexGuard<'static, [Option<Stopped>; 2]> {
    STOPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command() {
        let table = [
            ("plain :: text\n", "plain :: text\n"),
            ("::add-mask::x\n", "\\u{3a}:add-mask::x\n"),
            ("a\n \t::set-output name=x::y", "a\n \t\\u{3a}:set-output name=x::y"),
            ("a\r::error::x\n", "a\r\\u{3a}:error::x\n"),
            ("\u{a0}::error::x", "\u{a0}\\u{3a}:error::x"),
            ("see ##[group]x\n", "see #\\u{23}[group]x\n"),
            (":::add-mask::", "\\u{3a}::add-mask::"),
            ("::##[x]", "\\u{3a}:#\\u{23}[x]"),
            ("", ""),
        ];
        for (text, printed) in table {
            assert_eq!(inert(text), printed, "{text:?}");
        }
    }
}
