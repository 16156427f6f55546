//! `llm`: one model call. The built-in model `deterministic` picks and copies from what it is sent, by rules that are
//! written down; it holds no text of its own, needs no network and no key, and the same call gives the same answer.

mod choice;
mod excerpt;
mod material;
mod tool;
mod value;

pub(in crate::runner) use tool::llm;
