//! Packs through the program: what is locked and how it binds, every way in which a pack is refused, and that a
//! refusal leaves the workspace as it was. Git is the real one, over a bare repository and over its own daemon.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod bench;
mod binding;
mod commands;
mod fetching;
#[path = "../program/mod.rs"]
mod program;
mod refusals;
mod repository;
mod updates;
