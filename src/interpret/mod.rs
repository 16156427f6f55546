//! `next(plan, state)` → requests. Pure: no clock, no disk, no threads.

mod request;

pub use request::{Effect, Request};
