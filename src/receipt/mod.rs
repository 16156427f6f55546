//! The runner's receipts: what one says, the chain that they stand on, and how they are held against the events of a
//! trace, both ways. Pure: who keeps the lines, and where, is `ledger`'s; when one is written, `runner`'s.

mod chain;
mod counters;
mod discord;
mod facts;
mod line;
mod matching;
mod told;
mod used;
mod vouched;

#[cfg(test)]
mod tests;

pub use chain::{Checked, ReceiptChain, check, key_name, whole_lines};
pub use counters::Counters;
pub use discord::{Discord, Wrong};
pub use facts::{CallFact, Decided, ResultFact, calls_of, results_of};
pub use line::{Receipt, What};
pub use matching::compare;
pub use told::Told;
pub use used::{Sent, Used, begun, used};
pub use vouched::{ReceiptsReached, Vouched, reached, reaches, vouch};
