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
    /// Another runner serves the run.
    #[error("the run is being executed by another process, which holds `{}`", .0.display())]
    Busy(PathBuf),
    /// Writing failed before; what would follow would stand on a broken line.
    #[error("`{}` could not be written before, so nothing more is added to it", .0.display())]
    Broken(PathBuf),
}
