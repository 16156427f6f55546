//! What was asked, answered and spent, and the runner's receipts, in the user's state and never in a workspace; and this
//! installation's key. A
//! spent approval is recorded durably before anything is done with it. Decides nothing: `approval` says what counts.

mod anchors;
mod cache;
mod error;
mod folder;
mod guests;
mod key;
mod moment;
mod receipts;
mod records;
mod results;
mod spending;
#[cfg(test)]
mod tests;

pub use cache::{Cache, CachedResult, Kept};
pub use error::LedgerError;
pub use folder::Ledger;
pub use guests::{Guest, GuestKind};
pub use key::{installation_key, known_key, runner_key};
pub use moment::moment;
pub use receipts::ReceiptFile;
pub use records::{
    Answered, BaseRevision, ClockThere, ElsewhereRecord, ForkedFrom, Head, ReceiptHead, Reply, RunRecord,
    SessionRecord,
};
pub use results::KeptResult;
