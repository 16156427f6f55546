//! The families: a name, what it counts, and how. Labels have few values each: no run, node or file is one.

/// How a family counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// It only grows, over all runs.
    Counter,
    /// What it was last.
    Gauge,
    /// How many were at most so large, with their sum: it only grows.
    Histogram(&'static [f64]),
}

/// One family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// How.
    pub kind: Kind,
}

/// From a millisecond to ten minutes.
const CALLS: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0];
/// From a millisecond to five seconds.
const STARTS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 5.0];
/// From ten microseconds to a second.
const COMMITS: &[f64] = &[0.000_01, 0.000_05, 0.000_2, 0.001, 0.005, 0.02, 0.1, 1.0];
/// From a second to an hour.
const RUNS: &[f64] = &[0.1, 1.0, 10.0, 60.0, 600.0, 3600.0];

/// All of them, in the order in which they are written.
pub const FAMILIES: [Family; 20] = [
    counter("lgflow_runs_total", "Runs that came to an end or wait for an answer, by how they stand."),
    histogram("lgflow_run_seconds", "How long a process worked on a run.", RUNS),
    counter("lgflow_resumes_total", "Runs that were gone on with."),
    counter("lgflow_nodes_total", "Nodes that ended, by how."),
    counter("lgflow_retries_total", "Attempts after the first."),
    counter("lgflow_calls_total", "Calls of tools that ended, by tool, by the policy's verdict and by how."),
    histogram("lgflow_call_seconds", "How long a call took in the runner, by tool.", CALLS),
    counter("lgflow_recalled_calls_total", "Calls whose result was known from an earlier one, by tool."),
    counter("lgflow_questions_total", "Questions to a person."),
    counter("lgflow_patch_bytes_total", "Bytes of patches that were applied."),
    counter("lgflow_llm_tokens_total", "Tokens of models that were used up."),
    counter("lgflow_redactions_total", "What the runner took out of results, because it must not leave."),
    counter("lgflow_processes_started_total", "Processes that were started, by what they are."),
    histogram(
        "lgflow_sandbox_start_seconds",
        "How long it took from the order to a command that runs behind its walls.",
        STARTS,
    ),
    counter("lgflow_events_total", "Events that were appended to traces."),
    histogram(
        "lgflow_store_commit_seconds",
        "How long the store took to make events as safe as asked for.",
        COMMITS,
    ),
    gauge("lgflow_store_bytes", "Bytes that the store of the workspace takes on the disk."),
    counter("lgflow_receipt_mismatches_total", "Runs whose trace was not what the runner did."),
    counter("lgflow_interruptions_total", "Runs that stopped before their end."),
    counter("lgflow_requests_total", "Requests that a service answered, by path and by status."),
];

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, help, kind: Kind::Counter }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, help, kind: Kind::Gauge }
}

const fn histogram(name: &'static str, help: &'static str, bounds: &'static [f64]) -> Family {
    Family { name, help, kind: Kind::Histogram(bounds) }
}

impl Family {
    /// The place of a family in the table.
    pub(super) fn place(name: &str) -> Option<usize> {
        FAMILIES.iter().position(|family| family.name == name)
    }
}
