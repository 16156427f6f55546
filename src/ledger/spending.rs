//! Spending: a file that was not there before, on the disk before anything is done. Its being there is all that
//! counts, so a machine that stops in between leaves an approval that is good, or one that is spent.
#![expect(
    clippy::disallowed_methods,
    reason = "the ledger lies outside of every workspace, in the user's own folder"
)]

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::approval::Refusal;

use crate::files::private::sync_folder;

/// What is done, in order. Anything may stop before each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The file is made; from here on it is spent.
    Create,
    /// It says what for.
    Write,
    /// It is on the disk.
    SyncFile,
    /// So is its name.
    SyncFolder,
}

/// Makes `path`, where it is not there. `before` is asked before each step.
pub(super) fn spend(
    path: &Path,
    note: &str,
    before: &mut dyn FnMut(Step) -> io::Result<()>,
) -> Result<(), Refusal> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Refusal::Spent,
        _ => Refusal::Unrecorded(error.to_string()),
    };
    before(Step::Create).map_err(failed)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    before(Step::Write).and_then(|()| file.write_all(note.as_bytes())).map_err(unrecorded)?;
    before(Step::SyncFile).and_then(|()| file.sync_all()).map_err(unrecorded)?;
    before(Step::SyncFolder).map_err(unrecorded)?;
    let folder = path.parent().unwrap_or(path);
    sync_folder(folder).map_err(|error| Refusal::Unrecorded(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn unrecorded(error: io::Error) -> Refusal {
    Refusal::Unrecorded(error.to_string())
}
