//! What leaves the machine: requests of `http` and of models over a network, with servers on loopback that answer, refuse,
//! lead elsewhere, stop in the middle, and never end.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own servers, files and processes, and stops where it is wrong"
)]

#[path = "../program/mod.rs"]
mod program;

mod agents;
mod cut_off;
mod http;
mod kept;
mod llmock;
mod models;
mod places;
mod rebinding;
mod server;
mod spans;
mod terminal;
mod times;
