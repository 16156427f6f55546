//! What a person sees while a run goes on: on a terminal what runs and since when, in a pipe plain lines. All of it
//! goes to stderr. Knows names and sentences, not events.
#![expect(clippy::disallowed_methods, reason = "TERM says whether a terminal can redraw lines")]

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ci_log::{Stream, guarded};
use super::screen::{QuietKeys, Screen, columns, print_line};

/// Where progress is shown.
#[derive(Debug)]
pub enum Display {
    /// Nothing of the run's story is shown; what was asked for beside it is.
    Quiet,
    /// One line for each thing that happened.
    Plain,
    /// The same lines, and beneath them what runs right now.
    Live(Live),
}

/// The lines beneath.
#[derive(Debug)]
pub struct Live {
    all: MultiProgress,
    running: BTreeMap<String, ProgressBar>,
    colour: bool,
    /// Until the last line is drawn.
    keys: Option<QuietKeys>,
}

/// How a line is marked. The mark has a meaning without its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It did not run.
    Skipped,
    /// Something to know.
    Note,
}

impl Display {
    /// Live on a terminal, plain lines in a pipe. `colour` is what `NO_COLOR` and the settings leave of it.
    pub fn for_stderr(colour: bool) -> Self {
        let redraws = !std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if redraws && std::io::stderr().is_terminal() {
            let all =
                MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::<Screen>::default()));
            Self::Live(Live { all, running: BTreeMap::new(), colour, keys: Some(QuietKeys::now()) })
        } else {
            Self::Plain
        }
    }

    /// `name` runs from now on.
    pub fn start(&mut self, name: &str) {
        if let Self::Live(live) = self {
            live.start(name);
        }
    }

    /// `name` no longer runs.
    pub fn end(&mut self, name: &str) {
        if let Self::Live(live) = self
            && let Some(bar) = live.running.remove(name)
        {
            bar.finish_and_clear();
            live.all.remove(&bar);
        }
    }

    /// One line. The text must be escaped already.
    pub fn line(&mut self, mark: Mark, text: &str) {
        match self {
            Self::Quiet => {}
            Self::Plain => print(&format!("{} {text}\n", mark.sign())),
            Self::Live(live) => live.line(mark, text),
        }
    }

    /// What is said at `name` right now: shown to who watches, and to nobody else. It must be escaped already.
    pub fn hear(&mut self, name: &str, line: &str) {
        if let Self::Live(live) = self {
            live.all.suspend(|| print_line(&format!("  {name} │ {line}")));
        }
    }

    /// What is no part of the run's story, and concerns who has asked for something beside it. It must be escaped already.
    pub fn remark(&mut self, text: &str) {
        match self {
            Self::Quiet => print(&format!("{} {text}\n", Mark::Note.sign())),
            Self::Plain | Self::Live(_) => self.line(Mark::Note, text),
        }
    }

    /// Lines that have a form of their own, whole, as they were asked for. They must be escaped already.
    pub fn say(&mut self, lines: &str) {
        match self {
            Self::Quiet | Self::Plain => print(lines),
            Self::Live(live) => live.all.suspend(|| lines.lines().for_each(print_line)),
        }
    }

    /// Words to a person who is asked something, with the cursor behind them. They must be escaped already.
    pub fn ask(&mut self, text: &str) {
        self.close();
        if !matches!(self, Self::Quiet) {
            print(text);
        }
    }

    /// Takes away what is drawn beneath the lines.
    pub fn close(&mut self) {
        if let Self::Live(live) = self {
            for (_, bar) in std::mem::take(&mut live.running) {
                bar.finish_and_clear();
            }
            live.keys = None;
        }
    }
}

impl Live {
    fn start(&mut self, name: &str) {
        let bar = self.all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(shortened(name, usize::from(columns())));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(name.to_owned(), bar);
    }

    fn line(&self, mark: Mark, text: &str) {
        let sign = if self.colour { mark.coloured() } else { mark.sign().to_owned() };
        // not through the library, which would draw it to the edge of the window
        self.all.suspend(|| print_line(&format!("{sign} {text}")));
    }
}

/// To whoever listens. What a run comes to depends on no listener: one that has gone, or a disk that is full, is told of
/// nothing, and the run goes on.
fn print(text: &str) {
    let _ = std::io::stderr().lock().write_all(guarded(Stream::Err, text).as_bytes());
}

/// A name that leaves room for the sign before it and the time behind it: a line that runs over can't be redrawn.
fn shortened(name: &str, columns: usize) -> String {
    const BESIDE: usize = 12;
    let room = columns.saturating_sub(BESIDE);
    if name.chars().count() <= room {
        return name.to_owned();
    }
    name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Mark::Done => "✓",
            Mark::Failed => "✗",
            Mark::Skipped => "-",
            Mark::Note => "·",
        }
    }

    fn coloured(self) -> String {
        let colour = match self {
            Mark::Done => 32,
            Mark::Failed => 31,
            Mark::Skipped => 33,
            Mark::Note => 36,
        };
        format!("\u{1b}[{colour}m{}\u{1b}[0m", self.sign())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_to_its_line() {
        assert_eq!(shortened("build", 40), "build");
        let short = shortened(&"n".repeat(60), 40);
        assert!(short.chars().count() == 28 && short.ends_with('…'), "{short}");
    }
}
