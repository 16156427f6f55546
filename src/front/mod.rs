//! Starts and joins the processes; terminal and live display. Decides nothing.

mod runner_process;

pub use runner_process::{RUNNER_ARGUMENT, RunnerProcess, StartError};
