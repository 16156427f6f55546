//! Commands that behave, and commands that don't.

#![expect(clippy::disallowed_methods, reason = "tests build files, and look whether processes are gone")]

mod bench;
mod commands;
mod patches;
mod trees;
