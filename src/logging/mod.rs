//! What our own processes say of their work while they do it: levels, the fields that may be said, lines for people and
//! for programs, and the way of a record from a process without a terminal to the one that has it. Nothing that a run
//! is given or gives is among the fields, and nothing here holds up a run.

mod kept;
mod layer;
mod level;
mod pipe;
mod record;
mod run_spans;

pub use kept::{Kept, begin_here};
pub use level::{Form, Level};
pub use pipe::{Pipe, begin_on_stdout, pipe};
pub use record::{FIELDS, Field, LONGEST, Record};
pub use run_spans::RunSpans;
