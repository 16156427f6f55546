//! What a command that runs a graph is asked to tell beside the run's story.

use clap::Args;

use crate::front::Flag;

/// What is told beside a run's story.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Say on standard error how the work goes: `error`, `warn`, `info`, `debug` or `trace`; `off` says nothing
    #[arg(long = "log", value_name = "LEVEL", value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    level: Option<String>,
    /// The form of that: lines for a person, or one JSON object a line
    #[arg(long = "log-format", value_name = "FORM", value_parser = ["human", "json"])]
    form: Option<String>,
    /// Add what is counted of the run to this file, as Prometheus reads it
    #[arg(long, value_name = "FILE")]
    metrics: Option<String>,
}

impl WatchArgs {
    /// The settings that they set.
    pub(super) fn flags(&self) -> Vec<Flag> {
        let flag = |key: &'static str, flag: &str, value: &Option<String>| {
            value.as_ref().map(|value| (key, flag.to_owned(), value.clone()))
        };
        let all = [
            flag("log", "--log", &self.level),
            flag("log_format", "--log-format", &self.form),
            flag("metrics", "--metrics", &self.metrics),
        ];
        all.into_iter().flatten().collect()
    }
}
