//! TOML 1.1 → tree.

mod convert;
mod fault;
mod headers;
mod lines;
mod offsets;
mod read;

pub(super) use read::read;
