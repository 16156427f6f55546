//! `llm`: one answer of a model: of the built-in one, which needs no network, or of one that the user declares.

mod asked;
mod built_in;
mod chat;
mod choice;
mod excerpt;
mod material;
mod tool;
mod value;

pub(in crate::runner) use tool::llm;
