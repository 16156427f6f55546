//! Runs outside of every workspace: append, read back, hold by one process. In a database of the user's state folder,
//! or in PostgreSQL; a repository must not be able to ship a run, an approval or a cached result. Knows no event, only
//! lines and payloads.

mod address;
mod blobs;
mod durability;
mod error;
mod holder;
mod lease;
mod pack;
mod password;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod recorded;
mod retention;
mod run_id;
mod run_log;
mod schema;
mod sql;
mod sqlite;
#[expect(clippy::module_inception, reason = "the room is named for the one thing that it gives")]
mod store;
mod watch;

#[cfg(test)]
mod tests;

pub use address::{AddressError, StoreAddress};
pub use blobs::Blobs;
pub use durability::Durability;
pub use error::StoreError;
pub use holder::{may_live, own_holder};
pub use password::{passwords_in, without_password};
pub use queue::Claim;
pub use recorded::Recorded;
pub use retention::{Bound, Doomed, Removable, Retention};
pub use run_id::RunId;
pub use run_log::RunLog;
pub use store::{RunFacts, Store};
#[cfg(test)]
pub(crate) use tests::move_out_of_sight;
