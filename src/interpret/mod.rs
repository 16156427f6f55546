//! `next(state)` → requests, from the plan in the state and the state alone. Pure: no clock, no disk, no threads, no
//! randomness. Knows neither the runner nor how a trace is stored.

mod begin;
mod calls;
mod edges;
mod finish;
mod graph_end;
mod inputs;
mod items;
mod judge;
mod loops;
mod next;
mod pure;
mod reports;
mod request;
mod scope;
mod step;
mod tools;

pub use inputs::{InputProblem, bind_inputs};
pub use next::next;
pub use request::{Effect, Request};
