//! What each fuzz target does with its bytes, one function a target. `tests/corpus.rs` hands the kept inputs to the same
//! functions. A function returns or panics; what it holds beyond that, its file says.

mod compiler;
mod document;
mod draws;
mod expression;
mod files;
mod frames;
#[path = "../../tests/oracle/generate.rs"]
mod generate;
mod interpreter;
mod lines;
mod patch;
mod policy;
mod run;
mod trace;

pub use compiler::compiler;
pub use document::document;
pub use expression::expression;
pub use frames::frames;
pub use interpreter::interpreter;
pub use patch::patch;
pub use policy::policy;
pub use trace::trace;

/// A target: its name, which is that of the folder of its kept inputs, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("document", document),
    ("expression", expression),
    ("compiler", compiler),
    ("interpreter", interpreter),
    ("trace", trace),
    ("policy", policy),
    ("patch", patch),
    ("frames", frames),
];
