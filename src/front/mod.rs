//! Starts and joins the processes; terminal and live display. Decides nothing.

mod artifacts;
mod display;
mod execute;
mod follower;
mod interpreter_process;
mod keep_out;
mod last_words;
mod narrator;
mod place;
mod prepare;
mod runner_process;
mod screen;
mod settings;
mod single;
mod supervise;

pub use display::{Display, Live, Mark};
pub use execute::{BeginError, Finished, Task, execute};
pub use interpreter_process::InterpreterProcess;
pub use narrator::Narrator;
pub use place::{Place, PlaceError};
pub use prepare::{Chosen, PrepareError, choose, layers, usual, workspace_packs};
pub use runner_process::{RUNNER_ARGUMENT, RunnerProcess, SpawnedRunner, StartError};
pub use settings::{Flag, settings};
pub use single::call_tool;
pub use supervise::Stopped;
