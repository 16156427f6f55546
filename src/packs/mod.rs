//! Packs: policies and graphs of other people, in a tree that is read whole, checked, digested, locked and installed
//! by its digest. Fetching is asked for by a person, and by nobody else: a run, a plan and a validation read what is
//! installed, after they have verified it. Likewise a revision's own `.lg`, out of the objects of the repository at hand.

mod check;
mod commit;
mod error;
mod folder;
mod git;
mod installed;
mod lock;
mod manifest;
mod memory;
mod opened;
mod own_folder;
mod requirements;
mod resolve;
mod shelf;
mod source;
mod tree;
mod verdicts;

pub use check::{CheckedPack, check_own_pack, check_pack};
pub use commit::{commit, reinstall};
pub use error::{Class, PackError};
pub use folder::read_folder;
pub use installed::{Verification, installed_packs, verify_packs};
pub use lock::{LOCK_FILE, LOCK_SCHEMA, Lock, LockPlace, Locked, Revision};
pub use manifest::{MANIFEST, read_manifest};
pub use memory::{Memory, Seen};
pub use opened::{Candidate, Opened, Wanted, open};
pub use own_folder::{RevisionError, RevisionFolder};
pub use resolve::{Resolution, ResolveRules, resolve};
pub use shelf::Shelf;
pub use source::Source;
pub use tree::{Tree, TreeFile, TreeProblem};
pub use verdicts::{VerdictChange, verdict_change};
