//! Why the ledger could not be read or written. Each is a reason to do nothing.

use std::path::PathBuf;

use crate::files::private::PrivateError;

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The system refused, or somebody else could have written it.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Not written by this installation, or altered.
    #[error("`{}` was not written by this installation, or was altered; it is not believed", .0.display())]
    Altered(PathBuf),
}
