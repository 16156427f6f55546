//! `http`: one request to an origin that the policy lists, and where its answer leads, each step of it judged again.

mod answer;
mod asked;
mod tool;

pub(in crate::runner) use tool::http;
