//! Starts and joins the processes; terminal and live display. Decides nothing.

mod display;
mod narrator;
mod place;
mod runner_process;

pub use display::{Display, Live, Mark};
pub use narrator::Narrator;
pub use place::{Place, PlaceError};
pub use runner_process::{RUNNER_ARGUMENT, RunnerProcess, StartError};
