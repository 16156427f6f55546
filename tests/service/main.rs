//! The runner as a service, with a real process on loopback and on a Unix socket: who is let in, what is answered, what ends.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod answers;
mod approved_runs;
mod calls;
mod clients;
mod fuzzed;
mod guards;
mod openapi;
mod people;
mod pinned;
#[path = "../program/mod.rs"]
mod program;
mod quickstart;
mod raw;
mod roles;
mod room;
mod runs;
mod served;
mod streams;
mod tls;
mod tokens;
mod unheard;
mod whose;
