//! YAML 1.2 (core schema, strings for anything doubtful) → tree.

mod build;
mod fault;
mod frame;
mod offsets;
mod opener;
mod read;
mod scalar;

pub(super) use build::duplicate;
pub(super) use read::read;
