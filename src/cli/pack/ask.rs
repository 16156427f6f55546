//! A question to the person at the terminal. Where there is no terminal there is no answer, and none is made up.

use std::io::{BufRead as _, IsTerminal as _, stderr, stdin};

use crate::cli::output::Output;
use crate::front::discard_typed;

/// Bytes of an answer.
const LONGEST: u64 = 100;

/// Asks; `None` where nobody is there to answer. Anything but a yes is a no.
pub(super) fn confirmed(question: &str, output: Output) -> Option<bool> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return None;
    }
    discard_typed();
    output.note(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = std::io::Read::take(stdin().lock(), LONGEST).read_line(&mut answer);
    Some(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}
