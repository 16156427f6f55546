//! The interpreter's process and its loop: ask `interpret`, record, ask the runner through `client`, record, apply;
//! interrupts and timers; a recorded run decided again, for a replay; and, for the front, the loading of the files that
//! a run begins with. Holds no rule of the graph language and no rule of the policy, and speaks to no terminal.

mod deciding;
mod drive;
mod front_link;
mod graph_tests;
mod interpreter;
mod interrupts;
mod journal;
mod load;
mod policies;
mod policy_tests;
mod questions;
mod recorder;
mod refusals;
mod replay;
mod retelling;
mod stored;
mod strays;
mod test_files;
mod timers;

pub use drive::{Ended, Interrupted, Observer, Session};
#[cfg(feature = "cli")]
pub(crate) use front_link::parts;
pub use front_link::{FrontEar, FrontLink};
pub use graph_tests::{GraphTestFile, given_graph_tests, own_graph_tests};
pub use interpreter::{BeginError, INTERPRETER_ARGUMENT, interpret};
pub use interrupts::{Interrupter, Interrupts};
pub use journal::{Journal, JournalError};
pub use load::{CheckedFolder, check_beneath, check_own_folder, check_paths};
pub use policies::{given_layers, graph_layers, plan_layers, workspace_layers};
pub use policy_tests::{TestFile, given_policy_tests, own_policy_tests};
pub use questions::{OpenQuestion, open_questions};
pub use recorder::{Clock, Recorder, system_clock};
pub use refusals::{refused_calls, refused_of};
pub use replay::{Difference, Differs, Place as DifferingPlace, Replay, replay};
pub use retelling::{Retold, is_marked, is_untold};
pub use stored::{Stored, StoredError, fold, fold_whole, resumable};
pub use test_files::check_given;
