//! What a request and an approval are, what a signature covers, and when an approval counts. Pure: whoever asks gives
//! the time, the keys and what is so now; spending is recorded by the ledger.

mod check;
mod moment;
mod refusal;
mod seal;
mod signer;
mod spent;
mod terms;
#[cfg(test)]
mod tests;

pub use check::{Expected, Verified, verify};
pub use moment::Moment;
pub use refusal::Refusal;
pub use seal::{add_signature, call_digest, request_digest, shows_what_it_binds};
pub use signer::Signer;
pub use spent::Spent;
pub use terms::{Approver, LOCAL, Terms};
