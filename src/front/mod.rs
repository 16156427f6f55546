//! Starts and joins the processes; terminal and live display. Decides nothing.

mod again;
mod anchoring;
mod answering;
mod artifacts;
mod asking;
mod ci_log;
mod counting;
mod display;
mod execute;
mod follower;
mod foresight;
mod interpreter_process;
mod keep_out;
mod keys;
mod known_run;
mod last_words;
mod logs;
mod moment;
mod narrator;
mod place;
mod plan_file;
mod prepare;
mod runner_process;
mod screen;
mod settings;
mod single;
mod site_folder;
mod stopping;
mod supervise;
mod terminal;
mod undo;
mod vouching;
mod waiting;
mod watchers;
mod watching;

pub use again::{
    Again, AgainError, PastRun, decided_by, differences, layers_of_both, past_runs, queued_run, stored_run,
    unanswerable,
};
pub use anchoring::{AnchoringError, add_anchor, is_ours, read_anchors};
pub use answering::{AnswerError, Answering, Asked, Outcome, Word};
pub use artifacts::make_artifacts_folder;
pub use ci_log::{Stream, guarded, guarded_json, guarded_where_needed, last_mark, print_commands};
pub use display::{Display, Live, Mark};
pub use execute::{BeginError, Finished, Named, Resume, Task, enqueue, execute};
pub use foresight::{Beginning, Foresight, ForesightError};
pub use interpreter_process::{InterpreterProcess, Past};
pub use keys::{SigningKeyError, read_signing_key, signer};
pub use known_run::{KnownRun, Retraced, Seal};
pub use moment::{Moment, MomentError, moment};
pub use narrator::Narrator;
pub use place::{Base, Place, PlaceError, use_store};
pub use plan_file::{PlanFile, PlanFileError, bound_document, plan_document_of};
pub use prepare::{Chosen, Demanded, PrepareError, choose, layers, usual, workspace_packs};
pub use runner_process::{RUNNER_ARGUMENT, RunnerProcess, SpawnedRunner, StartError};
pub use settings::{Flag, settings};
pub use single::call_tool;
pub use site_folder::{make_output_folder, traces_in};
pub use stopping::Stopping;
pub use supervise::Stopped;
pub use terminal::{discard_typed, is_attended, read_answer};
pub use undo::{Touched, bound_by_both, touched};
pub use waiting::unless_interrupted;
pub use watching::{LogTo, Watching};
