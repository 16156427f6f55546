//! What a diagnostic is: a finding that an author can mend. Knows no domain and no output format.

mod code;
mod diagnostic;
mod nearest;
mod sink;
mod type_edit;

pub use code::{ALL_CODES, Code, CodeInfo, codes};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use nearest::{is_one_slip, nearest, suggestion, worth_guessing};
pub use sink::Diagnostics;
pub use type_edit::type_edit;
