//! Patches on the disk: exactly applied, all or nothing, and taken back. What a patch says is read by the room `patch`.

mod binary;
mod commit;
mod compose;
mod ending;
mod fit;
mod history;
mod journal;
mod kept;
mod lock;
mod places;
mod recover;
mod render;
mod resolve;
mod taken_over;
mod version;

pub(crate) use crate::patch::{
    Action, Change, FilePatch, Mode, ObjectHash, PatchError, checked, is_protected, is_text, parse,
    read_changes,
};
pub(crate) use commit::{Author, Point, Wanted, Workshop, commit};
pub(crate) use compose::{Side, Telling, compose};
pub(crate) use ending::still_wanted;
pub(crate) use history::{History, Past, PastContent};
pub use kept::{bytes_of_changes, forget_changes};
pub(crate) use recover::recover;
pub use recover::{Recovered, Recovery};
pub(crate) use render::{head, render};
pub(crate) use resolve::{Changed, Planned, resolve_changes, resolve_patch};
pub(crate) use taken_over::{TakenOver, take_over};
pub(crate) use version::{Content, Version};

#[cfg(test)]
mod binary_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod git_tests;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod tests;
