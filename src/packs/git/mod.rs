//! Packs out of git repositories. Git fetches objects into an empty bare repository, with an environment that is
//! ours alone, and does nothing else: no checkout, so no filter and no hook; the tree is read from the objects.

mod command;
mod fetch;
mod objects;

pub(super) use fetch::{Asked, Fetched, fetch, is_commit, is_plain_name};
pub(super) use objects::Commit;
