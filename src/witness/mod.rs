//! What others know of a trace: signatures over its digest, and anchors, which say how far it had come and stand where who
//! holds the trace cannot take them back. Pure: texts go in and come out; where they are kept is another's matter.

mod anchor;
mod place;
mod removal;
mod signature;

pub use anchor::{Anchor, Anchored, ReceiptsThen, anchored};
pub use place::{AnchorPlace, PlaceError};
pub use removal::{AnchoredRun, Removal, anchored_runs};
pub use signature::{Signed, TraceSignature, signed};
