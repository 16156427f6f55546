//! JSON (RFC 8259) → tree.

mod read;
mod string;

pub(super) use read::read;
