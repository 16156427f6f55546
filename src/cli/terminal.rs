//! What the terminal is: its colours and its width. The only place of the command line that asks the environment
//! about it.
#![expect(clippy::disallowed_methods, reason = "NO_COLOR, TERM and COLUMNS are the terminal's own settings")]

use std::env;
use std::io::{IsTerminal, stdout};

use crate::view::diagnostics::Style;

/// How to draw on standard output.
pub(super) fn style() -> Style {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = env::var("TERM").is_ok_and(|term| term == "dumb");
    let color = stdout().is_terminal() && !is_set("NO_COLOR") && !dumb;
    Style { color, width: width() }
}

fn width() -> usize {
    const USUAL: usize = 100;
    env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(USUAL)
}
