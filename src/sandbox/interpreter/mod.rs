//! The walls around the interpreter: it decides what a run does and touches nothing itself. Put up before its first
//! thread, tested from a thread.

mod calls;
mod self_test;
mod walls;

pub use self_test::broken_promises;
pub use walls::{InterpreterError, begin_interpreter, confine_interpreter, confine_server};
