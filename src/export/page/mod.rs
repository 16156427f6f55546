//! Runs as pages that a person opens: one for each run, and one that lists them. They hold everything they show, load nothing,
//! run no script, and are read on a screen of 360 pixels, in the dark, and on paper.

mod artifacts;
mod frame;
mod index;
mod markup;
mod picture;
mod run;
mod style;
mod timeline;

use std::time::Duration;

use super::{Moment, Story};

pub use index::index_page;
pub use run::run_page;

/// What was found when a trace was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Does it hold?
    pub holds: bool,
    /// In a sentence.
    pub said: String,
}

/// A run in the list of runs.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The run.
    pub run: String,
    /// The name of its page.
    pub page: String,
    /// The graph's name.
    pub graph: String,
    /// How it ended or stands.
    pub status: String,
    /// Was what it changed taken back?
    pub taken_back: bool,
    /// When it began.
    pub began: Moment,
    /// How long it took.
    pub took: Duration,
    /// Calls of tools.
    pub calls: u64,
    /// Files that it changed.
    pub files: usize,
    /// Does its trace hold?
    pub checked: Checked,
}

impl Listed {
    /// A run whose page has the name `page`.
    pub fn of(story: &Story, page: &str, checked: &Checked) -> Self {
        Self {
            run: story.run.clone(),
            page: page.to_owned(),
            graph: story.graph.clone(),
            status: story.status.clone(),
            taken_back: story.taken_back.is_some(),
            began: story.began(),
            took: story.ended().since(story.began()),
            calls: story.used.tool_calls,
            files: story.changed().len(),
            checked: checked.clone(),
        }
    }
}

/// The rules of every page: its own, and those of the picture.
fn style() -> String {
    format!("{}{}", style::PAGE, crate::view::graph::CSS)
}

/// The class of a status of a run.
fn mood(status: &str) -> &'static str {
    match status {
        "succeeded" => "good",
        "failed" | "denied" | "out_of_budget" => "bad",
        "cancelled" => "none",
        _ => "warn",
    }
}

/// The sign of a status of a run.
fn sign(status: &str) -> char {
    match status {
        "succeeded" => '✓',
        "failed" | "out_of_budget" => '✗',
        "denied" => '⊘',
        "cancelled" => '■',
        "suspended" => '?',
        _ => '…',
    }
}
