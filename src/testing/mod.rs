//! Tests of graphs: a run whose calls are answered by a script and decided by the policy, its result against what was
//! expected, and which nodes and edges all cases together have taken. Nothing here has an effect: there is no runner.

mod bless;
mod brackets;
mod clocks;
mod coverage;
mod difference;
mod judge;
mod junit;
mod outcome;
mod places;
mod rehearse;
mod report;
mod rewrite;
mod script;
mod texts;

pub use bless::{Blessed, bless, no_file_holds};
pub use coverage::{Coverage, Covered};
pub use difference::{Difference, text_difference};
pub use judge::judge;
pub use junit::junit;
pub use rehearse::{MadeCall, Problem, Rehearsal, rehearse};
pub use report::{CaseReport, FileReport, tests_document, tests_text};
