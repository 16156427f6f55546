//! What the terminal is: its colours, its width and its letters. The only place of the command line that asks the environment
//! about it.
#![expect(
    clippy::disallowed_methods,
    reason = "NO_COLOR, TERM, COLUMNS and the locale are the terminal's own settings"
)]

use std::env;
use std::io::{IsTerminal, stderr, stdout};
use std::path::{Path, PathBuf};

use crate::view::diagnostics::Style;
use crate::view::graph::Letters;

/// How to draw on standard output.
pub(super) fn style() -> Style {
    Style { color: stdout().is_terminal() && colours_are_wanted(), width: width() }
}

/// How to draw on standard error.
pub(super) fn style_of_stderr() -> Style {
    Style { color: stderr().is_terminal() && colours_are_wanted(), width: width() }
}

/// Is a person reading the data?
pub(super) fn stdout_is_a_terminal() -> bool {
    stdout().is_terminal()
}

/// The file that the data goes to, where a shell has opened one.
pub(super) fn stdout_file() -> Option<PathBuf> {
    let file = Path::new("/proc/self/fd/1").read_link().ok()?;
    file.metadata().is_ok_and(|facts| facts.is_file()).then_some(file)
}

fn colours_are_wanted() -> bool {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && !env::var("TERM").is_ok_and(|term| term == "dumb")
}

fn width() -> usize {
    const USUAL: usize = 100;
    env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(USUAL)
}

/// The columns of what standard output goes to.
pub(super) fn columns() -> usize {
    let asked = rustix::termios::tcgetwinsize(stdout()).ok().map(|size| usize::from(size.ws_col));
    asked.filter(|&columns| columns > 0 && env::var_os("COLUMNS").is_none()).unwrap_or_else(width).max(20)
}

/// The letters that whoever reads the data can show: what the locale says, the first that is set as in C programs.
pub(super) fn letters() -> Letters {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| {
        let value = env::var(name).ok()?;
        (!value.is_empty()).then_some(value.to_ascii_lowercase())
    });
    let unicode = locale.is_some_and(|locale| locale.contains("utf-8") || locale.contains("utf8"));
    if unicode { Letters::Unicode } else { Letters::Ascii }
}
