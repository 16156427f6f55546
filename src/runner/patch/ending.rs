//! A change that nobody wants any more ends while nothing of it is done.

use crate::effect::ErrorKind;
use crate::runner::Cancel;

use super::PatchError;

/// Has the call of a change that has not begun still time, and does anybody want it?
pub(crate) fn still_wanted(cancel: &Cancel) -> Result<(), PatchError> {
    let ended = |kind, what: &str| {
        Err(PatchError::Ended {
            kind,
            message: format!("{what} before the change was made; nothing was changed"),
        })
    };
    if cancel.is_cancelled() {
        return ended(ErrorKind::Cancelled, "the call was cancelled");
    }
    if cancel.is_over() {
        return ended(ErrorKind::Timeout, "the time of the call was over");
    }
    Ok(())
}
