//! The published schemas: sound themselves, in step with each other, and of one mind with the decoders.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod agreement;
mod derived;
mod documents;
mod fixtures;
mod generator;
mod keywords;
mod meta;
mod packs;
mod printed;
#[path = "../program/mod.rs"]
mod program;
mod verdict;
