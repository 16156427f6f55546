//! `http`: one request to an origin that the policy lists, and where its answer leads, each step of it judged again.

mod answer;
mod asked;
mod tool;

pub(in crate::runner) use answer::failure as status_failure;
pub(in crate::runner) use asked::takes_status;
pub(in crate::runner) use tool::http;
