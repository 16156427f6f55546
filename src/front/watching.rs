//! What a user wants to be told of a run beside its story, and where: how much our processes say of their work, what is
//! counted, and how far the run has come.

use std::path::PathBuf;

use crate::config::Settings;
use crate::logging::{Form, Level};
use crate::witness::AnchorPlace;

/// What is told beside a run's story. Nothing, unless it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watching {
    /// What our processes say of their work.
    pub log: Option<LogTo>,
    /// The file that what is counted is added to.
    pub metrics: Option<PathBuf>,
    /// Where it is anchored how far the run has come.
    pub anchor: Option<AnchorPlace>,
}

/// How much is said, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTo {
    /// How much.
    pub level: Level,
    /// Of a line.
    pub form: Form,
}

impl Watching {
    /// What the settings say.
    pub fn of(settings: &Settings) -> Self {
        let form = if settings.log_format() == "json" { Form::Json } else { Form::Human };
        Self {
            log: Level::parse(settings.log()).map(|level| LogTo { level, form }),
            metrics: settings.metrics().map(PathBuf::from),
            // what is no place was refused with the settings
            anchor: settings.anchor().and_then(|place| place.parse().ok()),
        }
    }
}
