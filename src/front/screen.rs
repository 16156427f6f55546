//! The terminal behind standard error, as the library that redraws lines wants it: it is one also where colours are
//! unwanted. Keys do not write on it meanwhile.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};

use indicatif::TermLike;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr};

/// Standard error. The library fills each line with blanks up to the edge of the window and has the next one begin by
/// running over it, so that a terminal takes them all for one long line, and breaks that anew when the window is made
/// narrow. Here each line ends where its text does.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// `START`, `TEXT` or `END`.
    cursor: AtomicU8,
}

/// The cursor stands where a line begins.
const START: u8 = 0;
/// It stands behind the text of a line, and the blanks of that line come next.
const TEXT: u8 = 1;
/// It stands behind a line that is whole.
const END: u8 = 2;

/// The columns of the terminal; a usual number where it does not tell.
pub(super) fn columns() -> u16 {
    const USUAL: u16 = 80;
    tcgetwinsize(io::stderr()).map_or(USUAL, |size| size.ws_col.max(20))
}

fn write(text: &str) -> io::Result<()> {
    io::stderr().write_all(text.as_bytes())
}

/// A line for good, where nothing is drawn.
pub(super) fn print_line(line: &str) {
    // a terminal that is gone shows nothing; the run goes on
    let _ = write(&format!("{line}\n"));
}

/// Moves by `n` in the direction of a control sequence's last letter.
fn moved(n: usize, letter: char) -> io::Result<()> {
    if n == 0 { Ok(()) } else { write(&format!("\u{1b}[{n}{letter}")) }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        columns()
    }

    fn height(&self) -> u16 {
        const USUAL: u16 = 24;
        tcgetwinsize(io::stderr()).map_or(USUAL, |size| size.ws_row.max(1))
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        moved(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.cursor.store(START, Ordering::Relaxed);
        write(&format!("{line}\n"))
    }

    /// The text of a line, then its blanks: one call each.
    fn write_str(&self, text: &str) -> io::Result<()> {
        let (is_at, written) = match self.cursor.load(Ordering::Relaxed) {
            _ if text == "\r" => (START, text.to_owned()),
            // at the very edge there is nothing to wipe but the last letter
            TEXT => (END, if text.is_empty() { String::new() } else { "\u{1b}[K".to_owned() }),
            END => (TEXT, format!("\r\n{text}")),
            _ => (TEXT, text.to_owned()),
        };
        self.cursor.store(is_at, Ordering::Relaxed);
        write(&written)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.cursor.store(START, Ordering::Relaxed);
        write("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// While it is there, a control key leaves no `^C` where lines are redrawn: it would push them away from where the
/// next drawing looks for them.
#[derive(Debug)]
pub(super) struct QuietKeys(Option<Termios>);

impl QuietKeys {
    /// From now on, if the terminal is ours to set: a program in the background would be stopped for it.
    pub(super) fn now() -> Self {
        let keys = io::stdin();
        let ours = tcgetpgrp(&keys).is_ok_and(|group| group == rustix::process::getpgrp());
        let before = tcgetattr(&keys).ok().filter(|_| ours);
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHOCTL);
            // where it does not work, a line may be left behind: nothing worse
            let _ = tcsetattr(&keys, OptionalActions::Now, &quiet);
        }
        Self(before)
    }
}

impl Drop for QuietKeys {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // a terminal that is gone needs nothing back
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
