//! What a person sees while a run goes on: on a terminal what runs and since when, in a pipe plain lines. All of it
//! goes to stderr. Knows names and sentences, not events.
#![expect(clippy::print_stderr, reason = "this file is where a run speaks to a person")]

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Where progress is shown.
#[derive(Debug)]
pub enum Display {
    /// Nothing is shown.
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
        if std::io::stderr().is_terminal() {
            Self::Live(Live { all: MultiProgress::new(), running: BTreeMap::new(), colour })
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
            Self::Plain => eprintln!("{} {text}", mark.sign()),
            Self::Live(live) => live.line(mark, text),
        }
    }

    /// Takes away what is drawn beneath the lines.
    pub fn close(&mut self) {
        if let Self::Live(live) = self {
            for (_, bar) in std::mem::take(&mut live.running) {
                bar.finish_and_clear();
            }
        }
    }
}

impl Live {
    fn start(&mut self, name: &str) {
        let bar = self.all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(name.to_owned(), bar);
    }

    fn line(&self, mark: Mark, text: &str) {
        let sign = if self.colour { mark.coloured() } else { mark.sign().to_owned() };
        // a terminal that is gone shows nothing; the run goes on
        let _ = self.all.println(format!("{sign} {text}"));
    }
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
